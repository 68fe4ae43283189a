#!/usr/bin/env python3
"""Erlang nodes through an agent: `flametop agent TARGET` watches a real one, and terminals are attached to the agent.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone."""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import suite  # noqa: E402
from agent import Agent  # noqa: E402
from erlang import Node, have_erlang  # noqa: E402
from suite import FLAMETOP, check, check_sentence, free_port, run, until, write  # noqa: E402
from terminal import Tmux  # noqa: E402

BUSY = "spawn(fun() -> register(hot, self()), (fun L(N) -> L(N + 1) end)(0) end)"


def watching(node, *options, cookie=None, **more):
    """An agent of a node, with the node's cookie."""
    path = write("cookie", cookie or node.cookie)
    agent = Agent(node.url, "--cookie-file", path, *options, **more)
    agent.cookie = path
    return agent


def table_of(agent, name):
    """Rows of a table, as dictionaries; empty while there is none."""
    answer = agent.ask(f"/api/v1/tables/{name}?limit=500")
    if answer.status != 200:
        return []
    columns = answer.json()["columns"]
    return [dict(zip([c["name"] for c in columns], row)) for row in zip(*[c["values"] for c in columns])]


def test_agent__watches_a_node():
    with Node("seen") as node:
        node.eval(BUSY)
        with watching(node) as agent:
            check(until(lambda: table_of(agent, "beam.processes")), agent.log())
            check(until(lambda: any(row["beam.process.name"] == "hot" for row in table_of(agent, "beam.processes"))))
            check(agent.ask("/api/v1/hello").json()["host"].startswith("seen@"))
            # what came before somebody looks is there for who comes
            done = run("snapshot", "--for", "1s", "--format", "json", f"http://127.0.0.1:{agent.port}")
            check(done.returncode == 0, done.stderr.decode())
            picture = json.loads(done.stdout)
            check(picture["host"]["name"].startswith("seen@"), picture["host"])
            values = {m["name"]: m["value"] for m in picture["metrics"]}
            check(values["beam.scheduler.utilization"] > 0.2, values["beam.scheduler.utilization"])
            check(node.cookie not in done.stdout.decode(), "the cookie is in the snapshot")
        check(node.wait_for("[P || P <- processes(), {registered_name, N} <- [process_info(P, registered_name)], "
                            "lists:prefix(\"flametop\", atom_to_list(N))]", "[]") == "[]")


def test_agent__shows_its_node_on_a_terminal():
    with Node("shown") as node:
        node.eval(BUSY)
        with watching(node) as agent, Tmux(f"{FLAMETOP} unix:{agent.unix} --view beam", width=120, height=40) as t:
            check(t.until(r"hot .*runnable", "shown@", "Schedulers"), t.screen())


def test_agent__says_how_its_node_is():
    with Node("told") as node, watching(node) as agent:
        def target():
            return agent.ask("/api/v1/hello").json()["target"]
        check(until(lambda: target()["state"] == "live"), target(), agent.log())
        check(target() == {"name": node.url, "kind": "beam", "state": "live", "why": None}, target())
        with Tmux(f"{FLAMETOP} unix:{agent.unix} --view beam", width=120, height=40) as t:
            check(t.until("Schedulers", "● live"), t.screen())
            node.signal(signal.SIGSTOP)
            check(t.until(r"lost \d+ s ago: from the agent to beam://told@\S+: the node does not answer", seconds=20),
                  t.screen())
            check("Schedulers" in t.screen(), "what was seen last is gone", t.screen())
            check(target()["state"] == "lost" and "does not answer" in target()["why"], target())
            node.signal(signal.SIGCONT)
            check(t.until("● live"), t.screen())
            check("lost" not in t.screen(), t.screen())
        done = run("snapshot", f"unix:{agent.unix}", "--for", "300ms")
        check(done.returncode == 0, done.stderr.decode())


def test_agent__of_a_node_that_refuses_says_so_and_tries_again_when_asked():
    with Node("strict") as node, watching(node, cookie="wrong") as agent:
        with Tmux(f"{FLAMETOP} unix:{agent.unix}", width=120, height=40) as t:
            check(t.until(r"refused: from the agent to beam://strict@\S+: .*cookie"), t.screen())
            check_sentence(run("snapshot", f"unix:{agent.unix}"), 1, "from the agent to", "cookie")
            with open(agent.cookie, "w", encoding="ascii") as file:
                file.write(node.cookie)
            t.keys("r")
            check(t.until("● live", "strict@"), t.screen())


def test_agent__finds_its_node_again():
    port = free_port()
    with Node("again", port) as node:
        agent = watching(node)
        with agent, Tmux(f"{FLAMETOP} unix:{agent.unix} --view beam", width=120, height=40) as t:
            check(t.until("● live", "Schedulers"), t.screen())
            node.close()
            check(t.until("lost"), t.screen())
            with Node("again", port):
                check(t.until("● live", seconds=20), t.screen())
    with Agent() as agent:
        check(agent.ask("/api/v1/retry", "POST", body="").status == 409)
        check("target" not in agent.ask("/api/v1/hello").json())


def test_agent__takes_one_target_that_is_none():
    one = "an agent watches one target"
    check_sentence(run("agent", "http://127.0.0.1:{1..3}"), 2, one)
    check_sentence(run("agent", write("x.json", "{}")), 2, "is a file")
    check_sentence(run("agent", "ssh://nowhere"), 2, "attach to it with flametop ssh://nowhere")
    with Agent() as agent:
        url = f"http://127.0.0.1:{agent.port}"
        done = run("agent", url, "--listen", "none", "--unix", write("socket", "") + ".sock")
        check(done.returncode == 1 and f"{url} is an agent already" in done.stderr.decode(), done)


def main(functions):
    if not have_erlang():
        print("skipped: there is no erl (package erlang-base)\n0 passed, 0 failed, 1 skipped")
        return 0
    if b"built without libei" in run("snapshot", "beam://a@localhost:1").stderr:
        print("skipped: built without libei (package erlang-dev)\n0 passed, 0 failed, 1 skipped")
        return 0
    return suite.main(functions)


if __name__ == "__main__":
    sys.exit(main(globals()))
