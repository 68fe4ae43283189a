#!/usr/bin/env python3
"""Erlang nodes through an agent: `flametop agent TARGET` watches a real one, and terminals are attached to the agent.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone."""

import json
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_node  # noqa: E402
from agent import CHANGE, Agent  # noqa: E402
from erlang import Node  # noqa: E402
from suite import FLAMETOP, check, check_sentence, free_port, run, until, write  # noqa: E402
from terminal import HOME, Tmux  # noqa: E402

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
            check(t.until(r"hot .*runn(able|ing)", "shown@", "Schedulers"), t.screen())


def test_agent__says_how_its_node_is():
    with Node("told") as node, watching(node) as agent:
        def target():
            return agent.ask("/api/v1/hello").json()["target"]
        check(until(lambda: target()["state"] == "live"), target(), agent.log())
        check(target() == {"name": node.url, "kind": "beam", "state": "live", "why": None}, target())
        with Tmux(f"{FLAMETOP} unix:{agent.unix} --view beam", width=120, height=40) as t:
            check(t.until("Schedulers", "● live"), t.screen())
            node.signal(signal.SIGSTOP)
            check(t.until(r"lost \d+ s ago: the node does not answer: it is stopped, or too busy \(from the agent", seconds=20),
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
            check(t.until(r"refused: .*cookie", r"from the agent"), t.screen())
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


def test_agent__takes_no_agent_that_watches_something():
    with Node("behind") as node, watching(node) as agent:
        check(until(lambda: agent.ask("/api/v1/hello").json()["target"]["state"] == "live"), agent.log())
        url = f"http://127.0.0.1:{agent.port}"
        done = run("agent", url, "--listen", "none", "--unix", write("socket", "") + ".sock")
        check(done.returncode == 1 and f"{url} is an agent already" in done.stderr.decode(), done)


# ---- flame graphs ---------------------------------------------------------------------------------

# What those of ours have done that look: they end a minute after nobody asked them, and rest until then.
LOOKS = ("lists:sum([N || P <- processes(), proc_lib:translate_initial_call(P) =:= {flametop, sampler, 0}, "
         "{_, N} <- [process_info(P, reductions)]])")


def rests(node):
    """Whether nothing is sampled there, soon."""
    def is_idle():
        before = int(node.eval(LOOKS))
        time.sleep(0.5)
        return int(node.eval(LOOKS)) - before < 1000  # to be looked at takes a few
    return until(is_idle)


def flame(agent, query):
    return agent.ask(f"/api/v1/flame?{query}", unix=True)


def mixed(name):
    """A node of a known mix."""
    at = test_node.node(name)
    at.eval("troubled:mix()")
    return at


def test_flame__of_a_node_by_the_command():
    path = os.path.join(HOME, "mix.folded")
    with mixed("mix") as node, watching(node) as agent:
        for arguments in ["--node"], ["--of", "mixer", "--wall"]:
            done = run("flame", f"unix:{agent.unix}", "--for", "8s", "-o", path, *arguments)
            check(done.returncode == 0, done.stderr.decode(), agent.log())
            waits = any(stack.endswith("]") for stack, _ in test_node.check_mix(path))
            check(waits == ("--wall" in arguments), arguments)
            check(rests(node), "the sampler is left there")
        check_sentence(run("flame", f"unix:{agent.unix}", "--of", "nobody", "-o", path), 1, "no such process")
        check(node.said() == "", node.said())


def test_flame__of_a_node_as_a_document():
    with mixed("asked") as node, watching(node) as agent:
        check(until(lambda: table_of(agent, "beam.processes")), agent.log())
        answer = flame(agent, "node=1&of=mixer&seconds=3&format=folded")
        check(answer.status == 200 and b"troubled:a/1" in answer.body, answer)
        key = [row["beam.process.key"] for row in table_of(agent, "beam.processes") if row["beam.process.name"] == "mixer"]
        document = flame(agent, f"process={key[0]}&seconds=3&wall=1").json()
        names = {frame["name"] for frame in document["shared"]["frames"]}
        check("mixer" in names and "troubled:a/1" in names, names)
        check("wall time" in document["name"], document["name"])
        check(flame(agent, "node=1&of=nobody&seconds=1").status == 404)
        check(flame(agent, "node=1&machine=1").status == 400)
        check(flame(agent, "node=1&of=" + "x" * 96).status == 400)
        node.signal(signal.SIGSTOP)
        check(until(lambda: flame(agent, "node=1&seconds=1").status == 503, seconds=20), "it is sampled while it is stopped")
        node.signal(signal.SIGCONT)
    with Agent() as agent:
        check(flame(agent, "node=1").status == 409)
        check_sentence(run("flame", f"unix:{agent.unix}", "--node", "-o", "-"), 1, "watches no Erlang node")
    with Agent(f"http://127.0.0.1:{free_port()}", "--change-token-file", write("change", CHANGE)) as agent:
        check(flame(agent, f"pid={os.getpid()}").status == 409, "processes here are not those that are shown")
        body = json.dumps({"pid": os.getpid(), "start": 1, "signal": "CONT"})
        check(agent.ask("/api/v1/commands/signal", "POST", body=body, token=CHANGE).status == 409)


def test_flame__is_live_on_a_terminal():
    with mixed("live") as node, watching(node) as agent:
        with Tmux(f"{FLAMETOP} unix:{agent.unix} --view beam", width=120, height=40) as t:
            check(t.until("● live", "mixer"), t.screen())
            t.keys("Tab", "Tab")  # to the table, whose first row works most
            t.keys("F")
            check(t.until(r"mixer on live@\S+ · sampling for \d+ s at \d+ Hz.* on CPU", r"troubled:a/1"), t.screen())
            t.keys("F")
            check(t.until("held after", "F go on"), t.screen())
            check(rests(node), "the agent goes on sampling for nobody")
            t.keys("F")
            check(t.until(r"sampling for \d+ s"), t.screen())
            t.keys("t", "y")
            check(t.until("wall time", r"\[running\]"), t.screen())
            node.eval("exit(whereis(mixer), kill)")
            check(t.until("the process has ended"), t.screen())
        check(rests(node), "the sampler is left there")
        check(node.said() == "", node.said())


def test_flame__is_shared_and_taken_over():
    with mixed("shared") as node, watching(node) as agent:
        command = f"{FLAMETOP} flame unix:{agent.unix} --node"
        with Tmux(command, width=120, height=40) as first, Tmux(command, width=120, height=40) as second:
            check(first.until(r"sampling for [3-9] s"), first.screen())
            check(second.until(r"sampling for [3-9] s"), second.screen())
            # what was there before it came is not its
            answer = flame(agent, "node=1&seconds=2&format=folded")
            check(answer.status == 200, answer)
            total = sum(int(line.rpartition(b" ")[2]) for line in answer.body.splitlines())
            check(0 < total < 2 * 99 * 3, "samples of 2 s:", total)
            ours = "length([P || P <- processes(), proc_lib:translate_initial_call(P) =:= {flametop, sampler, 0}])"
            check(node.eval(ours) == "2", "not one sampler, and who watches it, for all")
            check(flame(agent, "node=1&of=mixer&seconds=1&format=folded").status == 200)
            for t in first, second:
                check(t.until("taken over by another reader of the agent"), t.screen())
                check("troubled:a/1" in t.screen(), t.screen())
        check(rests(node), "the sampler is left there")


def main(functions):
    if not shutil.which("erlc"):
        functions = {name: test for name, test in functions.items() if not name.startswith("test_flame")}
    return test_node.main(functions)


if __name__ == "__main__":
    sys.exit(main(globals()))
