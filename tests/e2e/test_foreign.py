#!/usr/bin/env python3
"""Servers that nobody wrote an adapter for: any JSON, with 10,000 numbers, with and without mappings, and with names
that mean harm.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone.
"""

import http.server
import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import FLAMETOP, check, main, run  # noqa: E402  (their folder is not a package)
from terminal import HOME, Pty, Tmux  # noqa: E402

SHARDS, LEAVES = 1000, 10


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # the kernel lets those beyond it wait for a second

    def handle_error(self, *_):
        pass  # those who leave in the middle


class Service:
    """A small application's status page. What it says changes with each request."""

    def __init__(self, document, kind="application/json"):
        self.asked = 0

        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path != "/":
                    self.send_error(404)
                    return
                service.asked += 1
                body = document(service.asked)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def shop(n):
    """Nested objects, arrays, numbers in strings, keys that come and go, and 10,000 leaves."""
    document = {
        "service": {"name": "shop", "version": "2.1", "ok": True},
        "data": {"http": {"requests_total": 70 * n, "latency_ms": "12.5", "in_flight": n % 5}},
        "queue": {"depth": 3 + n % 7, "limit": "100"},
        "pools": [{"name": "db", "busy": 11, "wait": 20, "state": "up"}, {"name": "mail", "busy": "4"}],
        "workers": [{"pid": 1000 + i, "cpu_percent": 5 * i, "jobs": i} for i in range(8)],
        "matrix": [[1, 2], [3, "4"]],
        "shards": {f"s{i:04}": {f"k{j}": i * LEAVES + j for j in range(LEAVES)} for i in range(SHARDS)},
    }
    if n % 4 in (2, 3):  # two at a time: a busy machine may miss one answer
        document["sometimes"] = {"seen": n}
    return json.dumps(document).encode()


MAPPINGS = """
mappings:
  /pools/*/busy: {name: pool.busy, unit: "{worker}", max: 16, warning: 10, critical: 16}
  /pools/*/wait: {name: pool.wait, unit: ms}
  /queue/depth: {name: jobs.waiting, kind: gauge}
"""


def snapshot(*arguments):
    done = run("snapshot", "--interval", "500ms", "--for", "4s", "--format", "json", *arguments)
    check(done.returncode == 0, done.stderr.decode())
    return json.loads(done.stdout)


def value(picture, name, pointer):
    found = [m["value"] for m in picture["metrics"] if m["name"] == name and m["labels"].get("pointer") == pointer]
    check(len(found) == 1, name, pointer, found)
    return found[0]


def test_any_json__is_read_without_configuration():
    with Service(shop) as service:
        picture = snapshot(service.url)
        leaves = [m for m in picture["metrics"] if "pointer" in m["labels"]]
        check(len(leaves) > SHARDS * LEAVES, "leaves:", len(leaves))
        check(value(picture, "json.http.latency", "/data/http/latency_ms") == 0.0125)
        check(value(picture, "json.queue.limit", "/queue/limit") == 100)
        check(value(picture, "json.service.ok", "/service/ok") == 1)
        check(value(picture, "json.matrix", "/matrix/1/1") == 4)
        check(value(picture, "json.pools.busy", "/pools/mail/busy") == 4)
        last = f"/shards/s{SHARDS - 1:04}/k{LEAVES - 1}"
        check(any(m["labels"]["pointer"] == last and m["value"] == SHARDS * LEAVES - 1 for m in leaves), last)
        rate = value(picture, "json.http.requests", "/data/http/requests_total")
        check(70 / 0.5 * 0.3 < rate < 70 / 0.5 * 2, "requests a second:", rate)
        gaps = [series["values"] for track in picture["history"] for series in track["series"]
                if series["labels"] == "pointer=/sometimes/seen"]  # named when the names had run out
        check(gaps and None in gaps[0] and any(gaps[0]), "a key that comes and goes:", gaps)
        tables = {table["name"]: table for table in picture["tables"]}
        check(tables["json.pools"]["rows"] == 2 and tables["json.workers"]["rows"] == 8, tables.keys())
        check(picture["host"]["system"] == "json" and picture["host"]["cores"] == 0, picture["host"])


def test_any_json__is_shown_without_configuration():
    with Service(shop) as service, Tmux(f"{FLAMETOP} {service.url}", width=120, height=40) as t:
        screen = t.until("http.requests", "queue.depth", "pools 2", "workers 8", r"· json", r"● live")
        check(screen, t.screen())
        check("cores" not in screen and "CPU ─" not in screen and "Memory ─" not in screen, screen)
        check("nothing is judged" in screen and "looked at" not in screen, screen)
        t.keys(".")  # the other table
        check(t.until(r"(?s)PID +▼CPU.*\n pools 2"), t.screen())
        for key, words in (("2", "tells nothing of the machine"), ("3", "tells of no processes"), ("8", "thresholds"),
                           ("9", f"shards.* pointer=/shards/s{SHARDS - 1:04}|json.http.in_flight")):
            t.keys(key)
            check(t.until(words), key, t.screen())
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_any_json__fits_a_small_screen():
    with Service(shop) as service, Tmux(f"{FLAMETOP} {service.url}", width=80, height=24) as t:
        check(t.until(r"http\.requests", r"queue\.depth", "pools 2", r"· json"), t.screen())
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_mapping__says_what_numbers_are():
    config = os.path.join(HOME, "mapped.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(MAPPINGS)
    done = run("check-config", config)
    check(done.returncode == 0, done.stderr.decode(), done.stdout.decode())
    with Service(shop) as service:
        picture = snapshot("--config", config, service.url)
        check(value(picture, "pool.busy", "/pools/db/busy") == 11)
        check(value(picture, "pool.busy.utilization", "/pools/db/busy") == 11 / 16)
        check(value(picture, "pool.wait", "/pools/db/wait") == 0.02)
        check(value(picture, "jobs.waiting", "/queue/depth") >= 3)
        check(not any(m["name"] == "json.queue.depth" for m in picture["metrics"]), "the name it had without")
        with Tmux(f"{FLAMETOP} --config {config} {service.url}", width=120, height=40) as t:
            check(t.until(r"▲ \d+ +pool.busy of /pools/db/busy is 11 \(warning threshold: 10\)"), t.screen())


def test_mapping__mistakes_are_told():
    config = os.path.join(HOME, "wrong.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("mappings:\n  pools: {name: a}\n  /b: {kin: gauge}\n  /c: {max: many}\n")
    done = run("check-config", config)
    told = (done.stdout + done.stderr).decode()
    check(done.returncode == 1 and ":2:" in told and ":3:" in told and ":4:" in told, told)
    check("begins with '/'" in told and "did you mean kind?" in told, told)


HARM = ["\x1b]0;owned\x07", "\x1b[31mred\x1b[2J", "\u202eexe.txt", "\x9b2J", "<b>&\"'", "A" * 20000, "a\nb\tc",
        "a=b,c=d\\|{x}"]


def harmful(n):
    """Hostile keys, names, texts; what JSON cannot write is put in afterwards."""
    document = {harm: {"value": n, harm: n + i} for i, harm in enumerate(HARM)}
    document["rows"] = [{"name": harm, "state": harm, harm: n, "count": i} for i, harm in enumerate(HARM)]
    document["bad"] = [{"name": "BYTES", "size": n}]
    return json.dumps(document, ensure_ascii=False).encode().replace(b"BYTES", b"\xff\xfe\x80\x1bPq")


def harmful_metrics(n):
    lines = []
    for i, harm in enumerate(HARM):
        text = harm.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines += [f"# HELP harm_{i} {harm.splitlines()[0]}", f"# TYPE harm_{i} gauge", f'harm_{i}{{name="{text}"}} {n}']
    return "\n".join(lines).encode() + b'\nbad{name="\xff\xfe\x80\x1b[31mred"} 1\n'


RAW = [b"\x1b]0;owned", b"\x1b[31mred", b"\x9b2J", b"\x07", "\u202e".encode(), b"\xff", b"A" * 600]


def test_hostile_names__never_reach_the_terminal():
    for document, kind, forms in ((harmful, "application/json", ("text", "json")),
                                  (harmful_metrics, "text/plain", ("csv", "prometheus"))):
        with Service(document, kind) as service:
            with Pty(FLAMETOP, service.url, width=200, height=50) as p:
                check(p.until(rb"owned"), "nothing is shown of", kind, p.bytes[-2000:])
                for key in ("9", "\r", "\x1b", "1", ".", ".", "\r", "8", "2", "h"):
                    p.send(key)
                    p.read(0.5)
                for raw in RAW:
                    check(raw not in p.bytes, "raw", raw, "of", kind)
                p.send("\x03")
                check(p.wait() == 0, p.complaint())
            for form in forms:
                done = run("snapshot", service.url, "--format", form, COLUMNS="200")
                check(done.returncode == 0, done.stderr.decode())
                bad = re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout.replace(b"\r\n", b"\n"))
                check(not bad, "a control character in", form, kind, bad)
                done.stdout.decode()  # it is UTF-8


if __name__ == "__main__":
    sys.exit(main(globals()))
