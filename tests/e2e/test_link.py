#!/usr/bin/env python3
"""An agent and a terminal with a bad link between them: what the first screen takes, keys while nothing comes, a cut and
what was missed, an agent that was started anew, and who may change something.

FLAMETOP_BINARY is the program. Each test is a function test_*. Names on the command line run those alone.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proxy import Proxy  # noqa: E402  (their folder is not a package)
from suite import FLAMETOP, check, free_port, main, run  # noqa: E402
from terminal import HOME, Tmux, environment  # noqa: E402

FIRST_ANSWER_BYTES = 14 * 1024
MAKE_REQUESTS = os.path.join(os.path.abspath(os.environ.get("FLAMETOP_SOURCE", ".")), "tests", "tools", "make_requests.py")
CARDS = (r"CPU ─+ <?[\d.]+ %", r"Memory ── [\d.]", r"Disk ─+ <?[\d.]+ \w*B/s", r"PID NAME +▼CPU", r"│ +\d+ \S+ +<?[\d.]+ %")


class Agent:
    """An agent of this machine; it may be ended and started anew at its address."""

    def __init__(self, *arguments):
        self.folder = tempfile.mkdtemp(dir=HOME)
        self.port = free_port()
        self.arguments = arguments
        self.start()

    def start(self):
        self.log = open(f"{self.folder}/log", "ab")
        self.child = subprocess.Popen(
            [FLAMETOP, "agent", "--listen", f"127.0.0.1:{self.port}", "--unix", f"{self.folder}/sock", *self.arguments],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment())
        end = time.monotonic() + 20
        while True:
            try:
                self.get("/healthz")  # the one document that needs no token
                return
            except OSError:
                check(time.monotonic() < end and self.child.poll() is None, "the agent does not start:", self.said())
                time.sleep(0.05)

    def said(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read()

    def query(self, name, begin, seconds):
        """The last reading of each second; None where there is none."""
        answer = json.loads(self.get(f"/api/v1/metrics/query?name={name}&from={begin}&to={begin + seconds}&step=1s&agg=last"))
        return answer["series"][0]["values"]

    def stop(self):
        self.child.terminate()
        code = self.child.wait(20)
        self.log.close()
        check(code == 0, "the agent ended with", code, self.said())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.stop()


_remembered = []


def agent_with_memory():
    """One for all tests that do not end it, with some history."""
    if not _remembered:
        _remembered.append(Agent())
        time.sleep(12)
    return _remembered[0]


def end_remembered():
    for agent in _remembered:
        agent.stop()


def saved(terminal):
    """What the terminal knows, by its own snapshot."""
    path = f"{tempfile.mkdtemp(dir=HOME)}/x.json"
    terminal.keys("s")
    check(terminal.until(r"save as:", seconds=10), terminal.screen())
    terminal.keys("C-u")
    terminal.text(path)
    terminal.keys("Enter")
    check(terminal.until(r"saved", seconds=20), terminal.screen())
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def readings(snapshot, metric):
    """(wall seconds, value) of a metric without labels, over all pieces of its history."""
    points = []
    for piece in snapshot["history"]:
        times = [int(t) / 1e9 for t in piece["times_ns"]]
        for series in piece["series"]:
            if series["metric"] == metric and series["labels"] == "":
                values = series["values"] if isinstance(series["values"], list) else [series["values"]] * len(times)
                points += [(t, v) for t, v in zip(times, values) if v is not None]
    return points


def check_same_history(agent, terminal, begin, seconds):
    """Each second that the agent remembers is on the screen's side, too, once, in order, with the same value."""
    metric = "system.memory.available"
    points = readings(saved(terminal), metric)
    check(all(a[0] < b[0] for a, b in zip(points, points[1:])), "times are out of order", points)
    theirs = agent.query(metric, begin, seconds)
    check(sum(v is not None for v in theirs) >= seconds * 3 // 4, "the agent itself has gaps", theirs)
    ours = [None] * len(theirs)
    for at, value in points:
        if begin <= at < begin + seconds:
            ours[int(at - begin)] = value
    check(ours == theirs, "the screen's", ours, "the agent's", theirs)


def check_charts_whole(screen):
    """The lowest line of the cards' charts: what is unknown is blank."""
    lines = screen.split("\n")
    top = next(i for i, line in enumerate(lines) if "┌ CPU ─" in line)
    cells = re.findall(r"│([^│]*)│", lines[top + 3])[:2]  # CPU, Memory
    check(len(cells) == 2 and all(len(cell.strip()) > 4 and " " not in cell.strip() for cell in cells), "a gap in", screen)


# ---- tests ----------------------------------------------------------------------------------------


def test_first_picture__takes_three_round_trips_and_14_kilobytes():
    agent = agent_with_memory()
    with Proxy(agent.port) as proxy:
        proxy.turns_max, proxy.stream_bytes_max = 3, FIRST_ANSWER_BYTES
        with Tmux(f"{FLAMETOP} {proxy.url}", height=40) as t:
            check(t.until(*CARDS, seconds=20), t.screen())
            chart = re.search(r"│ max [^│]*│.*\n(.*)\n(.*)\n", t.screen())
            check(len(re.findall(r"[⠁-⣿]", chart[1] + chart[2])) > 8, "no charts:", t.screen())
        check(proxy.turns == 3, "round trips:", proxy.turns)


def test_keys__are_answered_while_nothing_comes():
    agent = agent_with_memory()
    with Proxy(agent.port) as proxy, Tmux(f"{FLAMETOP} {proxy.url}", height=40) as t:
        check(t.until(*CARDS, r"● live", seconds=20), t.screen())
        proxy.freeze()
        time.sleep(0.2)
        before = proxy.delivered
        for key, pattern in (("3", r"PID USER"), ("2", r"CORE +USE"), ("9", r"METRIC +"), ("1", r"Processes by CPU"),
                             ("?", r"Everywhere")):
            t.keys(key)
            check(t.until(pattern, seconds=10), f"key {key}", t.screen())
        check(proxy.delivered == before, "the link was not still")
        t.keys("Escape")
        proxy.freeze(False)
        check(t.until(r"● live", seconds=30), t.screen())
        t.keys("q")
        check(t.until(r"exit=0", seconds=10), t.screen())


def test_stalls__do_not_matter():
    agent = agent_with_memory()
    with Proxy(agent.port, stalls=0.3) as proxy, Tmux(f"{FLAMETOP} {proxy.url}", height=40) as t:
        check(t.until(*CARDS, r"● live", seconds=20), t.screen())
        begin = int(time.time()) + 1
        seen = []
        while time.time() < begin + 10:
            seen.append(t.screen())
            time.sleep(0.5)
        lost = [screen for screen in seen if "● live" not in screen]
        check(not lost, "the link was lost", *lost[:1])
        time.sleep(1.5)
        check_same_history(agent, t, begin, 10)


def test_past__has_rows_of_before_the_connection():
    agent = agent_with_memory()
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as busy:  # rows that do nothing are not kept
        try:
            time.sleep(10)
            see_past_rows(agent)
        finally:
            busy.kill()


def see_past_rows(agent):
    with Tmux(f"{FLAMETOP} http://127.0.0.1:{agent.port}") as t:
        check(t.until(r"● live", seconds=20), t.screen())
        t.keys("3")
        time.sleep(4)  # the history comes behind the first picture
        for _ in range(10):
            t.keys("[")
        check(t.until(r"‖ \S+ \(−([6-9]|\d\d) s\)", r"of the past only the busiest processes are kept",
                      r"\n +\d+ \S+ +\S +\S.*%"),
              t.screen())


def test_coming__is_said_until_it_is_here():
    """Requests and past rows that the agent has, and that are still on their way."""
    port = free_port()
    with Agent("-d", "2", f"--receive={port}") as agent, Proxy(agent.port) as proxy:
        made = subprocess.run([sys.executable, MAKE_REQUESTS, "--count", "300", "--to", f"http://127.0.0.1:{port}"],
                              capture_output=True, check=False, timeout=60)
        check(made.returncode == 0, made.stderr.decode())
        time.sleep(10)
        proxy.stream_bytes_max = FIRST_ANSWER_BYTES
        with Tmux(f"{FLAMETOP} {proxy.url} --view processes", height=40) as t:
            check(t.until(r"● live", seconds=20), t.screen())
            t.keys("[", "[")
            check(t.until(r"the agent's history is coming …", seconds=5), t.screen())
            t.keys("r", "5")
            check(t.until(r"requests are coming: 0 of 300", seconds=5), t.screen())
            proxy.stream_bytes_max = None
            check(t.until(r"· [23]\d\d requests", seconds=20), t.screen())
            t.keys("3", "[", "[")
            check(t.until(r"of the past only the busiest processes are kept", r"\n +\d+ \S+ +\S +\S.*%", seconds=20), t.screen())
            check("coming" not in t.screen(), t.screen())


def test_cut__shows_its_age_and_what_was_missed_comes():
    agent = agent_with_memory()
    with Proxy(agent.port) as proxy, Tmux(f"{FLAMETOP} {proxy.url}", height=40) as t:
        check(t.until(*CARDS, r"● live", seconds=20), t.screen())
        begin = int(time.time()) - 3
        proxy.cut()
        check(t.until(r"lost 1 s ago.*trying again", *CARDS[:1], seconds=10), t.screen())
        check(t.until(r"lost [4-9] s ago", seconds=15), t.screen())
        t.keys("3")
        check(t.until(r"PID USER", r"lost", seconds=5), t.screen())
        t.keys("1")
        proxy.restore()
        t.keys("r")
        check(t.until(r"● live", *CARDS, seconds=20), t.screen())
        time.sleep(3)
        check_same_history(agent, t, begin, int(time.time()) - 2 - begin)
        check_charts_whole(t.screen())
        check("clock" not in t.screen().split("\n")[0], "the clocks are one", t.screen())
        t.keys("q")
        check(t.until(r"exit=0", seconds=10), t.screen())


def test_silence__is_a_loss_too():
    agent = agent_with_memory()
    with Proxy(agent.port) as proxy, Tmux(f"{FLAMETOP} {proxy.url}", height=40) as t:
        check(t.until(*CARDS, r"● live", seconds=20), t.screen())
        begin = int(time.time()) - 3
        proxy.freeze()
        check(t.until(r"lost [5-9] s ago: it was silent", seconds=20), t.screen())
        proxy.freeze(False)
        check(t.until(r"● live", seconds=40), t.screen())
        time.sleep(3)
        check_same_history(agent, t, begin, int(time.time()) - 2 - begin)
        check_charts_whole(t.screen())
        check("clock" not in t.screen().split("\n")[0], "the clocks are one", t.screen())


def test_snapshot_and_check__work_as_here():
    agent = agent_with_memory()
    url = f"http://127.0.0.1:{agent.port}"
    done = run("snapshot", url, "--format", "json")
    check(done.returncode == 0, done.stderr)
    far = json.loads(done.stdout)
    here = json.loads(run("snapshot", "local", "--format", "json").stdout)
    for key in ("name", "kernel", "cores"):
        check(far["host"][key] == here["host"][key], key, far["host"], here["host"])
    sizes = [{table["name"]: table["total"] for table in picture["tables"]} for picture in (far, here)]
    check(sizes[0].keys() == sizes[1].keys() and sizes[0]["processes"] > sizes[1]["processes"] / 2, *sizes)
    check(len(readings(far, "system.memory.available")) > 8, "without the agent's memory")
    done = run("snapshot", url, "--format", "text")
    check(done.returncode == 0, done.stderr)
    for pattern in CARDS:
        check(re.search(pattern, done.stdout.decode()), pattern, done.stdout.decode())
    check(run("check", "system.memory.utilization > 0%", url).returncode == 0)
    check(run("check", "system.memory.utilization > 101%", url).returncode == 1)
    check(run("check", "system.memory.utilization > 0%", f"http://127.0.0.1:{free_port()}").returncode == 3)


def test_restart__of_the_agent_is_gone_through():
    with Agent() as agent:
        time.sleep(3)
        with Proxy(agent.port) as proxy, Tmux(f"{FLAMETOP} {proxy.url}", height=40) as t:
            check(t.until(*CARDS, r"● live", seconds=20), t.screen())
            time.sleep(2)
            agent.stop()
            check(t.until(r"lost \d+ s ago", seconds=15), t.screen())
            agent.start()
            began = int(time.time()) + 1
            time.sleep(4)
            t.keys("r")
            check(t.until(*CARDS, r"● live", seconds=30), t.screen())
            time.sleep(3)
            check_same_history(agent, t, began, int(time.time()) - 2 - began)
            t.keys("q")
            check(t.until(r"exit=0", seconds=10), t.screen())


def token_file(folder, name, token):
    path = f"{folder}/{name}"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    return path


def ask_signal(url, pid, *arguments):
    """What the screen says after the selected process was sent TERM, as far as that goes."""
    with Tmux(f"{FLAMETOP} {url} -p {pid} {' '.join(arguments)}") as t:
        check(t.until(r"● live", seconds=20), t.screen())
        t.keys("3")
        check(t.until(rf"\n +{pid} \S+ +\S +sleep", seconds=10), t.screen())
        t.keys("K")
        if t.until(r"15 TERM", seconds=3):
            t.keys("Enter")
            check(t.until(rf"{pid}.*\?", seconds=5), t.screen())
            t.keys("y")
        return t.until(r"TERM to sleep \(\d+\): (?!sent)|token", seconds=10)


def test_changes__need_the_second_token():
    folder = tempfile.mkdtemp(dir=HOME)
    read, change, wrong = (token_file(folder, name, letter * 32) for name, letter in (("r", "r"), ("c", "c"), ("w", "w")))
    child = subprocess.Popen(["sleep", "1000"])
    try:
        with Agent() as agent:  # it has none: nobody changes anything
            said = ask_signal(f"http://127.0.0.1:{agent.port}", child.pid, "--change-token-file", change)
            check(re.search(r"this agent changes nothing|does not know this token for changes", said), said)
        check(child.poll() is None, "it got a signal")
        with Agent("--token-file", read, "--change-token-file", change) as agent:
            url = f"http://127.0.0.1:{agent.port}"
            said = ask_signal(url, child.pid, "--token-file", read)
            check("--change-token-file" in said, "no sentence:", said)
            said = ask_signal(url, child.pid, "--token-file", read, "--change-token-file", wrong)
            check("does not know this token for changes" in said, "no sentence:", said)
            check(child.poll() is None, "it got a signal")
            said = ask_signal(url, child.pid, "--token-file", read, "--change-token-file", change)
            check(": done" in said, "no answer:", said)
            check(child.wait(10) == -15, "it did not end by the signal")
            check("r" * 32 not in agent.said() and "c" * 32 not in agent.said(), "a token in the log")
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    sys.exit(main(globals(), [end_remembered]))
