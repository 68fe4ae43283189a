#!/usr/bin/env python3
"""Targets: the local agent that is joined, what words mean, snapshots and checks of each kind of target, who is shown
which credentials.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone.
"""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import FLAMETOP, Skip, check, check_sentence, main, run, together  # noqa: E402  (their folder is not a package)
from terminal import HOME, Tmux, environment  # noqa: E402


def timed(work, *arguments, **keywords):
    start = time.monotonic()
    result = work(*arguments, **keywords)
    return result, time.monotonic() - start


class Agent:
    """An agent with a runtime folder of its own, ended by the end of its input."""

    def __init__(self, *arguments, wait=0.0, **env):
        self.runtime = tempfile.mkdtemp(dir=HOME, prefix="runtime-")
        os.chmod(self.runtime, 0o700)
        self.socket = f"{self.runtime}/flametop.sock"
        self.child = subprocess.Popen([FLAMETOP, "agent", "--until-eof", "--unix", self.socket, "-d", "0.5", *arguments],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=environment(**env))
        said = self.child.stdout.readline()
        check(said.startswith(b"flametop agent: serving"), "it does not serve:", said, self.child.poll())
        time.sleep(wait)

    def end(self):
        self.child.stdin.close()
        code = self.child.wait(10)
        errors = self.child.stderr.read().decode()
        self.child.stdout.close()
        self.child.stderr.close()
        return code, errors

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.child.poll() is None:
            code, errors = self.end()
            check(kind is not None or code == 0, "the agent failed:", code, errors)


class Web:
    """A server that keeps the headers of what it is asked, and answers by path."""

    def __init__(self, answers, address="127.0.0.1", port=0, backlog=64):
        heads = self.heads = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                heads.append((self.path, dict(self.headers)))
                status, kind, body, more = answers.get(self.path.split("?")[0], (404, "text/plain", b"none", {}))
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = backlog

            def handle_error(self, *_):  # who asks may leave before the answer
                pass

        self.server = Server((address, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


JSON = {"/": (200, "application/json", b'{"queue": {"depth": 7}, "uptime_s": 12}', {})}


# ---- the local agent ---------------------------------------------------------------------------------


def reach_s(document):
    """How far back the readings of a snapshot document go."""
    times = [int(ns) for source in document["history"] for ns in source["times_ns"]]
    return (int(document["time_ns"]) - min(times)) / 1e9


def test_here__joins_the_agent_with_its_history():
    with Agent("--listen", "none", wait=5.0) as agent:
        done, took = timed(run, "snapshot", "--format", "json", XDG_RUNTIME_DIR=agent.runtime)
        check(done.returncode == 0, done.stderr.decode())
        reach = reach_s(json.loads(done.stdout))
        check(reach > 4.0 and reach > took, "no history from before:", reach, "s, started", took, "s ago")
        done = run("snapshot", "--format", "json", "local", XDG_RUNTIME_DIR=agent.runtime)
        check(reach_s(json.loads(done.stdout)) < 3.0, "local has the agent's history")
        with Tmux(FLAMETOP, XDG_RUNTIME_DIR=agent.runtime) as t:
            check(t.until(r"● live", r"Processes by CPU"), t.screen())
            t.keys("Space", "[", "[", "[", "[", "[", "[")  # back, to before it was started
            check(t.until(r"‖ \d\d:\d\d:\d\d \(−\d+ s\)"), t.screen())


def test_here__own_processes_are_acted_on_without_a_token():
    """The agent of this machine only tells; signals and environments are our own business, with our own rights."""
    victim = subprocess.Popen(["sleep", "300"], env={"FLAMETOP_MARK": "seen"})
    try:
        with Agent("--listen", "none", wait=1.5) as agent:
            with Tmux(f"{FLAMETOP} --view processes -p {victim.pid}", XDG_RUNTIME_DIR=agent.runtime) as t:
                check(t.until(r"● live", rf"\n +{victim.pid} "), t.screen())
                t.keys("E")
                check(t.until(r"FLAMETOP_MARK +seen"), t.screen())
                t.keys("Escape")
                t.text(":process.signal TERM")
                t.keys("Enter")
                check(t.until(r"Send TERM to sleep"), t.screen())
                t.keys("y")
                check(victim.wait(5) == -15, victim.returncode)
            with Tmux(f"{FLAMETOP} --view processes unix:{agent.socket}") as t:
                check(t.until(r"● live", r"PID USER"), t.screen())
                t.text(":process.signal TERM")
                t.keys("Enter")
                check(t.until(r"--change-token-file"), t.screen())
    finally:
        victim.kill()
        victim.wait()


def test_here__a_dead_socket_is_left_out():
    runtime = tempfile.mkdtemp(dir=HOME)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(f"{runtime}/flametop.sock")
    done, took = timed(run, "snapshot", "--for", "300ms", XDG_RUNTIME_DIR=runtime)
    check(done.returncode == 0 and done.stdout, done.stderr.decode())
    check(b"nobody listens there" in done.stderr, "no word of it:", done.stderr)
    check(took < 5, "slow:", took)


def test_here__a_mute_socket_is_left_out_in_time():
    runtime = tempfile.mkdtemp(dir=HOME)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as mute:
        mute.bind(f"{runtime}/flametop.sock")
        mute.listen(8)  # the kernel accepts; nobody reads
        done, took = timed(run, "snapshot", "--for", "300ms", XDG_RUNTIME_DIR=runtime)
        check(done.returncode == 0 and done.stdout, done.stderr.decode())
        check(b"there is no answer" in done.stderr, "no word of it:", done.stderr)
        check(took < 5, "slow:", took)
        log = f"{runtime}/log"
        with Tmux(f"{FLAMETOP} --log-file {log}", XDG_RUNTIME_DIR=runtime) as t:
            check(t.until(r"● live", r"Processes by CPU"), t.screen())
        with open(log, encoding="utf-8") as file:
            check("there is no answer" in file.read(), "no word in the log")


def test_here__nonsense_is_left_out():
    runtime = tempfile.mkdtemp(dir=HOME)

    def answer(server):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")
                connection.close()

    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(f"{runtime}/flametop.sock")
        server.listen(8)
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        done = run("snapshot", "--for", "300ms", XDG_RUNTIME_DIR=runtime)
        check(done.returncode == 0 and done.stdout and b"no answer" in done.stderr, done.stderr.decode())
        server.shutdown(socket.SHUT_RDWR)


def test_here__another_users_socket_is_left_out():
    if os.getuid() != 0:
        raise Skip("needs root to be another user")
    runtime = tempfile.mkdtemp()
    os.chmod(runtime, 0o777)
    code = ("import os,socket,sys,time; os.setuid(65534); s=socket.socket(socket.AF_UNIX); "
            f"s.bind('{runtime}/flametop.sock'); s.listen(8); os.chmod('{runtime}/flametop.sock',0o777); "
            "print('up',flush=True); time.sleep(60)")
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        done = run("snapshot", "--for", "300ms", XDG_RUNTIME_DIR=runtime)
        check(done.returncode == 0 and b"another user's" in done.stderr, done.stderr.decode())
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
        shutil.rmtree(runtime)


def test_here__costs_no_time_without_an_agent():
    with tempfile.TemporaryDirectory(dir=HOME) as runtime:
        none = min(timed(run, "snapshot", "--for", "300ms", XDG_RUNTIME_DIR=runtime)[1] for _ in range(3))
        local = min(timed(run, "snapshot", "--for", "300ms", "local", XDG_RUNTIME_DIR=runtime)[1] for _ in range(3))
        check(none < local + 0.4, "without an agent", none, "s, local", local, "s")


def test_agent__ends_with_its_input_and_removes_its_socket():
    with Agent("--listen", "none") as agent:
        check(os.path.exists(agent.socket), "no socket")
        (code, errors), took = timed(agent.end)
        check(code == 0 and took < 3, "code", code, "after", took, "s", errors)
        check(not os.path.exists(agent.socket), "the socket stays")
    done, took = timed(run, "agent", "--until-eof", "--listen", "none", "--unix", f"{agent.runtime}/x.sock")
    check(done.returncode == 0 and took < 5, "with /dev/null:", done.returncode, took, done.stderr)
    check(os.listdir(agent.runtime) == [], os.listdir(agent.runtime))
    done = subprocess.run(["sh", "-c", f"exec {FLAMETOP} agent --until-eof --listen none --unix {agent.runtime}/x.sock <&-"],
                          timeout=10, capture_output=True, env=environment(), check=False)
    check(done.returncode == 0 and os.listdir(agent.runtime) == [], "without an input:", done)


# ---- snapshots and checks --------------------------------------------------------------------------


def test_snapshot__of_each_kind_of_target_in_each_format():
    with Agent("--listen", "127.0.0.1:0", wait=1.0) as agent, Web(JSON) as web:
        def see(target, name, begin):
            done = run("snapshot", "--for", "300ms", "--format", name, target)
            check(done.returncode == 0, target, name, done.stderr.decode())
            check(begin in done.stdout[:200], target, name, done.stdout[:80])

        together(see, [(target, *kind) for target in (f"unix:{agent.socket}", agent.socket, "local")
                       for kind in (("json", b"{"), ("csv", b"time"), ("prometheus", b"#"), ("openmetrics", b"#"),
                                    ("text", b" flametop"), ("ansi", b"\x1b["))])
        done = run("snapshot", "--for", "300ms", "--format", "json", f"127.0.0.1:{web.port}")
        check(done.returncode == 0 and b"queue.depth" in done.stdout, done.stderr.decode(), done.stdout[:400])


def test_snapshot__counts_lines_of_a_remote_target():
    with Agent("--listen", "none", wait=1.0) as agent:
        done = run("snapshot", "--format", "json", "--count", "3", "--interval", "500ms", f"unix:{agent.socket}")
        check(done.returncode == 0, done.stderr.decode())
        times = [json.loads(line)["time_ns"] for line in done.stdout.splitlines()]
        check(len(times) == 3 and len(set(times)) == 3, times)


def test_snapshot__of_a_dead_target_is_a_sentence():
    def see(target, word):
        done, took = timed(run, "snapshot", target)
        check_sentence(done, 1, word)
        check(took < 8, "slow:", took)

    together(see, (("unix:/nonexistent/x.sock", "no socket"), ("127.0.0.1:1", "refused the connection")))


def test_check__answers_for_each_kind_of_target():
    with Agent("--listen", "none", wait=2.0) as agent, Web(JSON) as web:
        def see(condition, code, word, *target):
            done = run("check", condition, *target, XDG_RUNTIME_DIR=agent.runtime)
            check(done.returncode == code and done.stdout.startswith(word), target, condition, done)

        together(see, [(*condition, *target) for target in ([f"unix:{agent.socket}"], ["local"], [])
                       for condition in (("system.cpu.logical.count >= 1", 0, b"true"),
                                         ("system.cpu.logical.count > 100000", 1, b"false"),
                                         ("system.memory.utilization > 0%", 0, b"true"),
                                         ("system.memory.utilization > 0% for 1s", 0, b"true"),
                                         ("system.memory.utilization > 100% for 1h", 1, b"false"),
                                         ("system.memory.limit >= 1MiB", 0, b"true"),
                                         ("system.cpu.time{state=user} >= 0", 0, b"true"),
                                         ("system.memory.usage{state=used} / system.memory.limit < 100%", 0, b"true"))])
        done = run("check", "json.queue.depth == 7", f"http://127.0.0.1:{web.port}")
        check(done.returncode == 0, done)
        done = run("check", "json.queue.depth > 7", f"http://127.0.0.1:{web.port}/")
        check(done.returncode == 1, done)


def test_check__unknown_is_3_with_a_sentence():
    together(lambda condition, target, word: check_sentence(run("check", condition, target), 3, word),
             (("system.cpu.utilization > 90%", "127.0.0.1:1", "refused the connection"),
              ("system.cpu.utilization > 90%", "unix:/nonexistent/x.sock", "no socket"),
              ("nothing.of.the.kind > 1", "local", "nothing.of.the.kind")))


def test_check__wrong_conditions_are_2():
    for condition in ("", "system.cpu.utilization", "system.cpu.utilization >", "> 3", "system.cpu.utilization > much",
                      "system.cpu.utilization > 90% for ever", "system.cpu.utilization > 90% for 2d"):
        check_sentence(run("check", condition, "local"), 2)


def test_check__a_time_longer_than_the_history_is_waited_for():
    with Agent("--listen", "none") as agent:
        done, took = timed(run, "check", "system.memory.utilization > 0% for 4s", f"unix:{agent.socket}")
        check(done.returncode == 0 and 2.5 < took < 12, done, took)
        done, took = timed(run, "check", "system.memory.utilization > 0% for 3s", f"unix:{agent.socket}")
        check(done.returncode == 0 and took < 2.5, "what the agent remembers is waited for:", done, took)
    done, took = timed(run, "check", "system.memory.utilization > 0% for 2s", "local")
    check(done.returncode == 0 and 1.5 < took < 6, done, took)


# ---- words -----------------------------------------------------------------------------------------


def test_word__that_is_no_file_is_told_what_it_could_be():
    check_sentence(run("snapshot", "web-01"), 2, "http://web-01", "ssh://web-01", "7711")
    check_sentence(run("snapshot", "web-01.example.com"), 2, "http://web-01.example.com", "ssh://web-01.example.com")
    check_sentence(run("snapshot", "/nonexistent/file.json"), 2, "no file /nonexistent/file.json")
    check_sentence(run("snapshot", "ftp://web-01"), 2, "http://, https://, ssh://, beam:// and unix:")
    check_sentence(run("snapshot", "http://[::1"), 2, "] that ends an IPv6 address")
    check_sentence(run("snapshot", "@prod"), 2, "no such group")
    check_sentence(run("snapshot", "nonsense+http://127.0.0.1:1"), 1, "no kind of server called nonsense")
    check_sentence(run("snapshot", "web\x1b]0;x\x07"), 2)
    check_sentence(run("snapshot", "web-{}"), 2, "web-{}: braces are")
    check_sentence(run("snapshot", "web-{1..}:7711"), 2, "web-{1..}:7711: braces are")
    check_sentence(run("snapshot", "web-{..5}:7711"), 2, "web-{..5}:7711: braces are")
    check_sentence(run("snapshot", "web-{" + "0" * 30 + "1..2}:7711"), 2, "braces are")
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write("targets: {none: []}\n")
        config.flush()
        check_sentence(run("snapshot", "--config", config.name, "@none"), 2, "nothing in this group")
    done = run("snapshot", "me:secret@web-01")
    check_sentence(done, 2, "http://web-01")
    check(b"secret" not in done.stderr, done.stderr)


def test_query__of_a_url_is_told_nobody():
    url, other = "http://127.0.0.1:1/x?token=SECRET&instance=web-01", "http://127.0.0.1:2/"

    def see(*arguments):
        done = run("snapshot", *arguments)
        check(b"SECRET" not in done.stderr + done.stdout, done.stderr, done.stdout)
        check(b"127.0.0.1:1/x?instance=web-01: " in done.stderr, done.stderr)

    together(see, ([url], [url, other]))


def test_http__without_a_port_tries_the_agents_first():
    try:
        agent = Agent("--listen", "127.7.11.1:7711", wait=1.0)
    except AssertionError as why:
        raise Skip(f"port 7711 is taken: {why}") from why
    with agent:
        done, took = timed(run, "snapshot", "--format", "json", "http://127.7.11.1")
        check(done.returncode == 0 and b"system.cpu.utilization" in done.stdout, done.stderr.decode())
        print(f"    found at 7711, {took:.1f} s in all")
        check(run("snapshot", "--format", "json", "agent+http://127.7.11.1").returncode == 0, "by kind")
        done = run("snapshot", "exposition+http://127.7.11.1")
        check_sentence(done, 1, "127.7.11.1")  # of another kind: the port of the scheme


def test_http__without_a_port_falls_back_to_that_of_the_scheme():
    try:
        web = Web(JSON, "127.7.11.2", 80)
    except OSError as why:
        raise Skip(f"port 80: {why}") from why
    with web:
        done = run("snapshot", "--format", "json", "http://127.7.11.2")
        check(done.returncode == 0 and b"queue.depth" in done.stdout, done.stderr.decode())
        with Web({}, "127.7.11.2", 7711):  # something else is at the agent's port
            done = run("snapshot", "--format", "json", "http://127.7.11.2")
            check(done.returncode == 0 and b"queue.depth" in done.stdout, done.stderr.decode())
        with contextlib.closing(socket.socket()) as mute:
            mute.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            mute.bind(("127.7.11.2", 7711))
            mute.listen(8)
            done = run("snapshot", "--format", "json", "http://127.7.11.2")
            check(done.returncode == 0 and b"queue.depth" in done.stdout, done.stderr.decode())
    check_sentence(run("snapshot", "http://127.7.11.2"), 1, "refused the connection", "no agent at its port 7711")


# ---- credentials -----------------------------------------------------------------------------------

TOKEN = "right-token-0123456789abcdef"


def secret_file(text):
    fd, path = tempfile.mkstemp(dir=HOME)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    return path


def test_probes__that_a_busy_server_drops_are_asked_again():
    with Web(JSON, backlog=1) as web:
        done = run("snapshot", "--format", "json", f"http://127.0.0.1:{web.port}")
        check(done.returncode == 0 and b"queue.depth" in done.stdout, done.stderr.decode())


def test_token__by_file_or_environment_lets_in():
    with Agent("--listen", "127.7.11.3:7713", "--token-file", secret_file(TOKEN), wait=1.0):
        target = "http://127.7.11.3:7713"
        check_sentence(run("snapshot", target), 1, "token")
        check_sentence(run("snapshot", target, FLAMETOP_TOKEN="wrong-token-0123456789"), 1, "token")
        check(run("snapshot", target, FLAMETOP_TOKEN=TOKEN).returncode == 0, "by the environment")
        check(run("snapshot", "--token-file", secret_file(TOKEN + "\n"), target).returncode == 0, "by file")
        done = run("snapshot", "--token-file", "/nonexistent/token", target)
        check_sentence(done, 2, "/nonexistent/token")


def test_netrc__is_used_for_its_host_alone():
    home = tempfile.mkdtemp(dir=HOME)
    with open(f"{home}/.netrc", "w", encoding="ascii") as file:
        file.write("machine 127.7.11.4 login me password netrc-secret\n")
    os.chmod(f"{home}/.netrc", 0o600)
    with Web(JSON, "127.7.11.4") as named, Web(JSON, "127.7.11.5") as other:
        run("snapshot", f"http://127.7.11.4:{named.port}", HOME=home)
        run("snapshot", f"http://127.7.11.5:{other.port}", HOME=home)
        run("snapshot", "--no-netrc", f"http://127.7.11.5:{other.port}", HOME=home)
        check(any(head.get("Authorization", "").startswith("Basic ") for _, head in named.heads), named.heads)
        check(not any("Authorization" in head for _, head in other.heads), other.heads)


def test_redirect__to_another_origin_is_not_followed_and_shown_nothing():
    with Web(JSON, "127.7.11.6") as elsewhere:
        away = f"http://127.7.11.6:{elsewhere.port}/"
        paths = ("/", "/api/v1/hello", "/metrics", "/api/3/all", "/api/4/all", "/api/v1/info", "/api/overview")
        with Web({path: (302, "text/plain", b"", {"Location": away}) for path in paths}, "127.7.11.5") as web:
            done = run("snapshot", "--token-file", secret_file(TOKEN), f"http://127.7.11.5:{web.port}/")
            check_sentence(done, 1)
            check(web.heads and elsewhere.heads == [], "followed:", elsewhere.heads)
            check(TOKEN not in done.stderr.decode(), "shown")


if __name__ == "__main__":
    sys.exit(main(globals()))
