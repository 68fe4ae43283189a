#!/usr/bin/env python3
"""Several agents and one terminal: the table of them, opening one and coming back, one that dies, one that was never
there, and the commands without a screen.

FLAMETOP_BINARY is the program. Each test is a function test_*. Names on the command line run those alone.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import FLAMETOP, check, free_port, main, run  # noqa: E402  (their folder is not a package)
from terminal import HOME, Tmux, environment  # noqa: E402


class Agent:
    """An agent of this machine on a socket, web-1.sock; it may be ended and started anew."""

    def __init__(self, folder, name):
        self.path = f"{folder}/{name}.sock"
        self.start()

    def start(self):
        self.child = subprocess.Popen(
            [FLAMETOP, "agent", "--listen", f"127.0.0.1:{free_port()}", "--unix", self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        end = time.monotonic() + 20
        while not os.path.exists(self.path):
            check(time.monotonic() < end and self.child.poll() is None, "the agent does not start")
            time.sleep(0.05)

    def stop(self):
        self.child.terminate()
        check(self.child.wait(20) == 0, "the agent's end")


class Agents:
    """Two of them, and a short folder for their names."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(dir=HOME)
        self.list = [Agent(self.folder, "web-1"), Agent(self.folder, "web-2")]
        self.braces = f"unix:{self.folder}/web-{{1,2}}.sock"
        return self

    def __exit__(self, *_):
        for agent in self.list:
            if agent.child.poll() is None:
                agent.stop()


def test_fleet__opens_one_and_comes_back():
    with Agents() as agents, Tmux(f"{FLAMETOP} '{agents.braces}'", width=140) as t:
        check(t.until(r"2 targets · 2 live", r"web-1\.sock +\S .*[\d.]+ %.* live ", r"web-2\.sock .* live "), t.screen())
        t.keys("Enter")
        check(t.until(r"Processes by CPU", r"\d core", r"0 fleet"), t.screen())
        t.keys("3")
        check(t.until(r"PID USER +S NAME"), t.screen())
        t.keys("0")
        check(t.until(r"2 targets · 2 live"), t.screen())
        t.text(":target web-2\n")
        check(t.until(r"web-2\.sock\)", r"Processes by CPU"), t.screen())
        t.keys("Escape")
        check(t.until(r"2 targets"), t.screen())
        t.keys("q")
        check(t.until(r"exit=0"), t.screen())


def test_fleet__tells_who_is_lost_and_who_never_came():
    nobody = f"127.0.0.1:{free_port()}"
    with Agents() as agents, Tmux(f"{FLAMETOP} '{agents.braces}' {nobody}", width=140) as t:
        check(t.until(r"3 targets · 2 live, 1 connecting", rf"{nobody} +▲ away .* refused the connection"), t.screen())
        agents.list[0].stop()
        check(t.until(r"1 live, 1 lost", r"web-1\.sock +◆ away .*lost \d+ s ago", seconds=30), t.screen())
        agents.list[0].start()
        check(t.until(r"2 live, 1 connecting", r"web-1\.sock .* live ", seconds=45), t.screen())


def test_group__of_the_configuration():
    with Agents() as agents:
        path = f"{agents.folder}/config.yml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"targets:\n  prod: [\"{agents.braces}\"]\n")
        with Tmux(f"{FLAMETOP} --config {path} @prod", width=140) as t:
            check(t.until(r"2 targets · 2 live"), t.screen())


def test_snapshot__is_a_table_or_a_document_a_line():
    nobody = f"127.0.0.1:{free_port()}"
    with Agents() as agents:
        done = run("snapshot", agents.braces)
        text = done.stdout.decode()
        check(done.returncode == 0 and "2 targets · 2 live" in text and text.count(" live ") >= 2, text, done.stderr)
        start = time.monotonic()
        done = run("snapshot", "--format", "json", agents.braces, nobody)
        documents = [json.loads(line) for line in done.stdout.splitlines()]
        check([d["target"] for d in documents] == ["web-1.sock", "web-2.sock"], [d["target"] for d in documents])
        check(done.returncode == 1 and nobody in done.stderr.decode(), done.returncode, done.stderr)
        check(time.monotonic() - start < 25, "one that is not there takes too long")
        done = run("snapshot", "--format", "csv", agents.braces)
        check(done.returncode == 2 and b"which target" in done.stderr, done.returncode, done.stderr)


def test_check__holds_when_it_does_on_one():
    nobody = f"127.0.0.1:{free_port()}"
    with Agents() as agents:
        for condition, targets, code, word in (("system.memory.limit > 1MiB", [], 0, "true"),
                                               ("system.memory.limit < 1MiB", [], 1, "false"),
                                               ("system.memory.limit < 1MiB", [nobody], 3, "false")):
            done = run("check", condition, agents.braces, *targets)
            lines = done.stdout.decode().splitlines()
            check(done.returncode == code, condition, done.returncode, lines, done.stderr)
            check(len(lines) == 2 and all(line.startswith(f"web-{n + 1}.sock {word}: ") for n, line in enumerate(lines)), lines)


def test_plain__names_the_target():
    nobody = f"127.0.0.1:{free_port()}"
    with Agents() as agents:
        child = subprocess.Popen([FLAMETOP, "--plain", agents.braces, nobody], stdout=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, env=environment())
        time.sleep(4)
        agents.list[1].stop()
        time.sleep(6)
        child.send_signal(signal.SIGINT)
        text = child.communicate(timeout=20)[0].decode()
        check(child.returncode == 0, child.returncode)
        check(f"{nobody} connecting: " in text and "web-2.sock lost" in text, text)
        check("web-1.sock lost" not in text, text)


if __name__ == "__main__":
    sys.exit(main(globals()))
