#!/usr/bin/env python3
"""Requests in a real terminal: what somebody wants to know of a service, by the keys that the screen names.

FLAMETOP_BINARY is the program. The requests are those of tests/tools/make_requests.py: for two minutes a quarter of
one tenant's wait for one query."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import FLAMETOP, check, free_port, main, until  # noqa: E402
from terminal import HOME, Tmux  # noqa: E402

SOURCE = os.path.abspath(os.environ.get("FLAMETOP_SOURCE", "."))
MAKE = os.path.join(SOURCE, "tests", "tools", "make_requests.py")


class Shop:
    """A monitor on its view of requests, with ten minutes of them."""

    def __enter__(self):
        port = free_port()
        self.folder = tempfile.mkdtemp(dir=HOME)
        self.screen = Tmux(f"sh -c 'cd {self.folder} && exec {FLAMETOP} local --view requests --receive={port}'", width=120, height=40)
        check(self.screen.until(r"Listening, and nothing came yet", seconds=30), self.screen.screen())
        done = subprocess.run([sys.executable, MAKE, "--count", "1200", "--to", f"http://127.0.0.1:{port}"],
                              capture_output=True, check=False, timeout=60)
        check(done.returncode == 0, done.stderr.decode())
        check(self.screen.until(r"POST /tools/invoke +database-query", r"1.1\d k requests", seconds=30), self.screen.screen())
        return self.screen, self.folder

    def __exit__(self, *_):
        self.screen.close()


def sees(screen, *patterns):
    check(screen.until(*patterns, seconds=20), patterns, screen.screen())


def test_rectangle__names_the_component_and_what_is_different():
    with Shop() as (screen, _):
        screen.keys("Tab", "PPage", "v", *["Left"] * 26, *["Down"] * 3)
        sees(screen, r"arrows or drag, Enter takes it")
        screen.keys("Enter")
        sees(screen, r"SELECT orders +1\.\d+ s +9\d %", r"\+ db\.shard = 3 +100 %", r"\+ tenant = acme +100 %")
        screen.keys("F")
        sees(screen, r"critical path · \d+ requests selected", r"SELECT orders")


def test_queries__say_who_calls_them():
    with Shop() as (screen, _):
        screen.keys(".", ".", ".", ".", ".")
        sees(screen, r"Who calls SELECT orders", r"database-query worker", r"POST /tools/invoke gateway", r"pool\.acquire +pool")


def test_compare__shows_the_slow_beside_the_typical_and_saves_it():
    with Shop() as (screen, folder):
        screen.keys("d")
        sees(screen, r"slowest 5 % of .*, before: typical", r"\+ SELECT orders")
        screen.keys("e")
        sees(screen, r"export as")
        screen.keys("Enter")
        sees(screen, r"saved ")
        saved = os.listdir(folder)
        check(len(saved) == 1 and saved[0].endswith(".svg"), saved)


def test_file__opens_on_all_of_it():
    done = subprocess.run([sys.executable, MAKE, "--count", "300", "--minutes", "40"], capture_output=True, check=True, timeout=60)
    path = os.path.join(HOME, "minutes.json")
    with open(path, "wb") as file:
        file.write(done.stdout)
    with Tmux(f"{FLAMETOP} {path}", width=120, height=40) as screen:
        sees(screen, r"4[01] min · 300 requests")
    with Tmux(f"{FLAMETOP} --span 5m {path}", width=120, height=40) as screen:
        sees(screen, r"5 min · \d\d requests")


def test_export__writes_a_request_that_can_be_sent_again():
    with Shop() as (screen, folder):
        screen.keys("Enter")
        sees(screen, r"Latency · POST /tools/invoke · database-query")
        screen.keys("Enter")
        sees(screen, r"SPAN +SELF +TOTAL", r"SELECT orders")
        screen.keys("e")
        sees(screen, r"export as.*trace-[0-9a-f]{16}\.json")
        screen.keys("Enter")
        path = until(lambda: [name for name in os.listdir(folder) if name.endswith(".json")], 20)
        check(path, screen.screen())
        with open(os.path.join(folder, path[0]), encoding="utf-8") as file:
            document = json.load(file)
        spans = [span for resource in document["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]
        names = [span["name"] for span in spans]
        check("SELECT orders" in names and sum("parentSpanId" not in span for span in spans) == 1, names)


def test_mark__keeps_a_request_and_finds_it_again():
    with Shop() as (screen, _):
        screen.keys("Enter")
        sees(screen, r"Latency · POST /tools/invoke · database-query")
        screen.keys("m")
        sees(screen, r"marked: POST /tools/invoke")
        screen.keys("f")
        sees(screen, r"filter")
        screen.text("status=marked")
        screen.keys("Enter")
        sees(screen, r"filter status=marked", r"· 1 request ")


def test_question__is_answered_by_tags():
    with Shop() as (screen, _):
        screen.keys("a")
        sees(screen, r"ask \(count")
        screen.text("count by tool where tenant=acme")
        screen.keys("Enter")
        sees(screen, r"count by tool where tenant=acme", r"web-search +\d+")


if __name__ == "__main__":
    sys.exit(main(globals()))
