#!/usr/bin/env python3
"""What meets the agent on the web: a Prometheus that scrapes it, promtool, the package ws of npm, and pages in a headless
Chromium, its own and those of others. What is not there is skipped.

FLAMETOP_BINARY is the program, FLAMETOP_WEB_PEERS where ./dev unpacked browser/ and npm/."""

import glob
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from agent import READ, Agent  # noqa: E402  (their folder is not a package)
from suite import Skip, check, free_port, main, until, write  # noqa: E402
from terminal import HOME  # noqa: E402

PEERS = os.environ.get("FLAMETOP_WEB_PEERS", os.path.join(HERE, "..", "..", "build", "peers"))
SOURCE = os.environ.get("FLAMETOP_SOURCE", os.path.join(HERE, "..", ".."))


def program(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


# ---- Prometheus -----------------------------------------------------------------------------------


def test_promtool__finds_nothing():
    with Agent() as agent:
        time.sleep(0.6)
        text = agent.ask("/metrics")
        check(text.type.startswith("text/plain; version=0.0.4"), text.type)
        done = subprocess.run([program("promtool"), "check", "metrics"], input=text.body, capture_output=True, timeout=30, check=False)
        check(done.returncode == 0 and done.stdout + done.stderr == b"", done.stdout, done.stderr)


def test_promtool__reads_openmetrics():
    """`check metrics` does not read that form; what makes blocks of it does, of samples with a time."""
    with Agent() as agent:
        time.sleep(0.6)
        answer = agent.ask("/metrics", headers=["Accept: application/openmetrics-text;version=1.0.0"])
        check(answer.type.startswith("application/openmetrics-text; version=1.0.0"), answer.type)
        now, lines = int(time.time()) - 60, answer.body.decode().splitlines()
        samples = [line for line in lines if not line.startswith("#")]
        path = write("metrics", "\n".join(f"{line} {now}" if line in samples else line for line in lines) + "\n")
        blocks = os.path.join(os.path.dirname(path), "blocks")
        done = subprocess.run([program("promtool"), "tsdb", "create-blocks-from", "openmetrics", path, blocks], capture_output=True,
                              text=True, timeout=30, check=False)
        check(done.returncode == 0 and len(os.listdir(blocks)) == 1, done.stdout, done.stderr)
        listed = subprocess.run([program("promtool"), "tsdb", "list", blocks], capture_output=True, text=True, timeout=30, check=False)
        check(str(len(samples)) in listed.stdout.split("\n")[1].split(), len(samples), listed.stdout)


def test_prometheus__scrapes_it():
    folder, port = tempfile.mkdtemp(dir=HOME), free_port()
    with Agent("--token-file", write("token", READ)) as agent:
        with open(f"{folder}/prometheus.yml", "w", encoding="utf-8") as file:
            file.write(f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: flametop\n"
                       f"  authorization: {{credentials: {READ}}}\n  static_configs: [{{targets: ['127.0.0.1:{agent.port}']}}]\n"
                       f"- job_name: refused\n  static_configs: [{{targets: ['127.0.0.1:{agent.port}']}}]\n")
        log = open(f"{folder}/log", "wb")
        server = subprocess.Popen([program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL)

        def ask(path, **query):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}", timeout=5) as answer:
                    return json.load(answer)["data"]
            except OSError:
                return None

        def value(query):
            data = ask("/api/v1/query", query=query)
            return float(data["result"][0]["value"][1]) if data and data["result"] else None

        try:
            check(until(lambda: value('up{job="flametop"}') == 1, 20), "not up:", ask("/api/v1/targets"))
            check(until(lambda: value('up{job="refused"}') == 0, 10), "scraped without the token")
            # Of all states together: all the time there is, once the window is full.
            query = 'sum(rate(system_cpu_time_seconds_total{job="flametop",cpu="0"}[5s]))'
            check(until(lambda: 0.7 < (value(query) or 0) < 1.3, 30, 0.2), "a core's time passes at", value(query))
            total = value('system_memory_limit_bytes{job="flametop"}')
            with open("/proc/meminfo", encoding="ascii") as file:
                check(total == int(file.readline().split()[1]) * 1024, "memory is", total)
            count = value('count({job="flametop"})')
            check(count > 100, "only", count, "series")
            target = next(t for t in ask("/api/v1/targets")["activeTargets"] if t["labels"]["job"] == "flametop")
            check(target["lastError"] == "" and target["health"] == "up", target)
            kinds = {row["type"] for rows in ask("/api/v1/metadata").values() for row in rows}
            check({"gauge", "counter"} <= kinds and "unknown" not in kinds, kinds)
        finally:
            server.terminate()
            server.wait(20)
            log.close()


# ---- npm --------------------------------------------------------------------------------------------


def node(*arguments, timeout=90):
    if not os.path.isdir(f"{PEERS}/npm/node_modules"):
        raise Skip("the packages of npm are not there: ./dev test --peers installs them")
    return subprocess.run([program("node"), *arguments], capture_output=True, text=True, timeout=timeout, check=False,
                          env={**os.environ, "NODE_PATH": f"{PEERS}/npm/node_modules"})


def test_ws__follows_it():
    with Agent("--token-file", write("token", READ), "--heartbeat", "1s") as agent:
        done = node(f"{HERE}/ws.cjs", f"ws://127.0.0.1:{agent.port}", READ)
        print(done.stdout, end="")
        check(done.returncode == 0 and "passed" in done.stdout, done.stdout, done.stderr)


def test_openapi__is_valid_for_another_validator():
    validator = f"{PEERS}/npm/node_modules/@seriousme/openapi-schema-validator"
    if not os.path.isdir(validator):
        raise Skip("@seriousme/openapi-schema-validator is not there")
    done = node(f"{validator}/bin/validate-api-cli.js", f"{SOURCE}/man/openapi.yaml")
    check(done.returncode == 0 and '"valid": true' in done.stdout.replace("valid: true", '"valid": true'), done.stdout, done.stderr)


# ---- a browser ----------------------------------------------------------------------------------------


OWN = """<!doctype html><title>dashboard</title><p id=cpu>none<script>
const result = {types: [], first: null, shown: null};
const socket = new WebSocket("ws://127.0.0.1:%d/ws");
socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    result.types.push(message.type);
    result.first ??= message;
    if (message.type == "metrics_update") document.getElementById("cpu").textContent = message.data.system.cpuUsage.toFixed(1) + " %%";
    if (result.types.filter((type) => type == "metrics_update").length == 3) {
        result.shown = document.getElementById("cpu").textContent;
        socket.onclose = (event) => {
            result.closed = event.code;
            fetch("/result", {method: "POST", body: JSON.stringify(result)});
        };
        socket.close(1000);
    }
};
socket.onerror = () => fetch("/result", {method: "POST", body: JSON.stringify({error: "refused"})});
</script>"""

OTHER = """<!doctype html><title>evil</title><script>
const agent = "127.0.0.1:%d", result = {};
async function attempt(name, what) { try { result[name] = await what(); } catch (error) { result[name] = "refused"; } }
(async () => {
    await attempt("socket", () => new Promise((resolve, reject) => {
        const socket = new WebSocket("ws://" + agent + "/ws");
        socket.onopen = () => resolve("open");
        socket.onerror = reject;
    }));
    await attempt("read", async () => (await fetch("http://" + agent + "/api/v1/hello")).text());
    await attempt("blind", async () => (await fetch("http://" + agent + "/api/v1/hello", {mode: "no-cors"})).text());
    await attempt("events", () => new Promise((resolve, reject) => {
        const events = new EventSource("http://" + agent + "/api/v1/stream");
        events.addEventListener("initial_data", () => resolve("read"));
        events.onerror = reject;
    }));
    await attempt("command", async () => {
        const answer = await fetch("http://" + agent + "/api/v1/commands/signal", {method: "POST", mode: "no-cors", body: "%s"});
        return answer.type;
    });
    fetch("/result", {method: "POST", body: JSON.stringify(result)});
})();
</script>"""


class Site:
    """A page at 127.0.0.1, files beside it by path as (type, bytes), and what they send to /result."""

    def __init__(self, page, files):
        self.results = results = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body, kind="text/html; charset=utf-8"):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                kind, body = files.get(self.path, ("text/html; charset=utf-8", page.encode()))
                self.answer(body, kind)

            def do_POST(self):
                results.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def browser_program():
    unpacked = f"{PEERS}/browser/usr/lib/chromium/chromium-headless-shell"
    browser = unpacked if os.path.exists(unpacked) else shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if browser is None:
        raise Skip("chromium-headless-shell is not there: ./dev test --peers unpacks it")
    folders = glob.glob(f"{PEERS}/browser/usr/lib/*-linux-gnu*") + glob.glob(f"{PEERS}/browser/usr/lib/*-linux-gnu*/pulseaudio")
    return browser, {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": ":".join(folders), "LC_ALL": "C.UTF-8"}


def browse(host, page, files=None):
    """What the page at http://HOST says it saw."""
    browser, environment = browser_program()
    site, folder = Site(page, files or {}), tempfile.mkdtemp(dir=HOME)
    log = open(f"{folder}/log", "wb")
    process = subprocess.Popen([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                                "--no-proxy-server", f"--user-data-dir={folder}/profile", "--remote-debugging-port=0",
                                "--host-resolver-rules=MAP dash.example 127.0.0.1,MAP evil.example 127.0.0.1",
                                f"http://{host}:{site.port}/"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                               env={**environment, "HOME": folder})
    try:
        until(lambda: site.results or process.poll() is not None, 40, 0.1)
        with open(f"{folder}/log", encoding="utf-8", errors="replace") as file:
            check(site.results, "the page says nothing; the browser:", file.read()[-1500:])
        return site.results[0]
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        log.close()
        site.close()


def test_browser__a_page_that_is_allowed_follows():
    with Agent("--allow-host", "dash.example") as agent:
        seen = browse("dash.example", OWN % agent.port)
        check("error" not in seen, seen)
        check(seen["types"][0] == "initial_data" and seen["types"].count("metrics_update") == 3, seen["types"])
        check(list(seen["first"]["data"]) == ["current", "alerts", "bottlenecks", "config"], seen["first"]["data"].keys())
        check(seen["shown"].endswith(" %") and 0 <= float(seen["shown"][:-2]) <= 100, seen["shown"])
        check(seen["closed"] == 1000, seen["closed"])


def test_browser__a_page_of_others_gets_nothing():
    sleeper = subprocess.Popen(["sleep", "100"])
    body = json.dumps({"pid": sleeper.pid, "start": int(time.time())}).replace('"', '\\"')
    with Agent("--allow-host", "dash.example") as agent:
        seen = browse("evil.example", OTHER % (agent.port, body))
        check(seen["socket"] == "refused" and seen["read"] == "refused" and seen["events"] == "refused", seen)
        check(seen["blind"] == "", seen)
        check(sleeper.poll() is None, "a page ended a process")
    sleeper.kill()
    sleeper.wait()


if __name__ == "__main__":
    sys.exit(main(globals()))
