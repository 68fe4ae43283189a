#!/usr/bin/env python3
"""The agent against those who mean it harm, and the client against servers that do.

FLAMETOP_BINARY is the program, FLAMETOP_FIXTURES where the trees of /proc are."""

import base64
import gzip
import http.server
import json
import os
import random
import re
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent import CHANGE, READ, Agent, WebSocket, answer_of  # noqa: E402  (their folder is not a package)
from suite import FLAMETOP, Skip, check, free_port, main, until, write  # noqa: E402
from terminal import HOME, environment  # noqa: E402

UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
# What is freed is given back at once, so that what a flood holds can be told from what a sanitizer keeps.
LEAN = {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:detect_leaks=1"}


def guarded(*options, **more):
    return Agent("--token-file", write("token", READ), "--change-token-file", write("change", CHANGE), *options, **more)


def is_well(agent, **more):
    return agent.ask("/api/v1/hello", **more).status == 200


# ---- who asks -------------------------------------------------------------------------------------


def test_host__others_are_refused():
    with Agent("--allow-host", "box.example") as agent:
        for host in ("localhost", f"localhost:{agent.port}", "127.0.0.1", "BOX.example:80", "[::1]", socket.gethostname()):
            check(agent.ask("/api/v1/hello", host=host).status == 200, host)
        for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "", "localhost@evil",
                     "192.0.2.1", "[::2]", "localhost:80:80", "box.example.evil"):
            answer = agent.ask("/api/v1/hello", host=host)
            check(answer is None or answer.status in (400, 403), host, answer)
            check(agent.websocket(host=host).status in (None, 400, 403), host)
        check(agent.raw(b"GET /api/v1/hello HTTP/1.1\r\n\r\n").status in (400, 403), "no Host at all")
        check(agent.raw(b"GET /api/v1/hello HTTP/1.0\r\n\r\n").status in (400, 403), "no Host in 1.0")
        two = agent.raw(b"GET /api/v1/hello HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        check(b"evil" not in two.body, two)


def test_origin__pages_of_others_do_nothing():
    with guarded() as agent:
        token = f"Authorization: Bearer {CHANGE}"
        for origin in ("http://evil.example", "null", "https://localhost.evil.example", "file://", "",
                       f"http://127.0.0.1:{agent.port + 1}"):
            for path in ("/", "/ws"):
                check(agent.websocket(path, [token, f"Origin: {origin}"]).status == 403, origin, path)
            answer = agent.ask("/api/v1/commands/signal", "POST", [f"Origin: {origin}"], "{}", token=CHANGE)
            check(answer.status == 403 and b"origin" in answer.body, origin, answer)
            answer = agent.ask("/api/v1/hello", headers=[f"Origin: {origin}"], token=READ)
            check(not any(name.startswith("access-control") for name in answer.headers), answer.headers)
            answer = agent.ask("/api/v1/commands/signal", "OPTIONS", [f"Origin: {origin}", "Access-Control-Request-Method: POST"])
            check(answer.status >= 400 and not any(name.startswith("access-control") for name in answer.headers), answer)
        own = f"Origin: http://localhost:{agent.port}"
        check(WebSocket(agent.connect(), "/ws", [token, own], host=f"localhost:{agent.port}").status == 101)


def test_token__only_the_right_one_opens():
    with guarded() as agent:
        basic = base64.b64encode(f"anybody:{READ}".encode()).decode()
        for right in (f"Bearer {READ}", f"bearer  {READ} ", f"Bearer {CHANGE}", f"Basic {basic}"):
            check(agent.ask("/api/v1/hello", headers=[f"Authorization: {right}"]).status == 200, right)
        wrong = [READ[:-1], READ + "x", READ[:1], "", READ.upper(), "x" * len(READ), READ[::-1], READ * 100, "Bearer", "\xff" * 30]
        headers = [f"Authorization: Bearer {word}" for word in wrong]
        headers += [f"Authorization: {word}" for word in (READ, f"Token {READ}", f"Basic {READ}", "Basic " + "=" * 20, "Basic !!!!")]
        headers += [f"X-Token: {READ}", f"Cookie: token={READ}"]
        for header in headers:
            for path in ("/api/v1/hello", "/metrics", "/", "/api/v1/snapshot", "/no/such/route"):
                answer = agent.ask(path, headers=[header])
                check(answer.status in (401, 431), header[:60], path, answer)
                check(answer.status == 431 or "www-authenticate" in answer.headers, answer.headers)
            check(agent.websocket(headers=[header]).status in (401, 431), header[:60])
        check(agent.ask(f"/api/v1/hello?token={READ}&access_token={READ}").status == 401, "a token in the query")
        check(agent.ask("/api/v1/hello", unix=True).status == 200, "the unix socket asks for a token")
        for options in ({}, {"unix": True}, {"token": READ}, {"token": READ, "unix": True}):
            answer = agent.ask("/api/v1/commands/signal", "POST", body=f'{{"pid": {os.getpid()}, "start": 1}}', **options)
            check(answer.status in (401, 403), options, answer)
        check(agent.ask("/healthz").body == b"ok\n", "health says more than that")


def test_token__too_short_ones_do_not_start():
    for option in ("--token-file", "--change-token-file"):
        for text in ("short", "fifteen-letters", "", "\n"):
            done = subprocess.run([FLAMETOP, "agent", "--listen", f"127.0.0.1:{free_port()}", "--unix", "none", option,
                                   write("token", text)], capture_output=True, timeout=20, env=environment(),
                                  stdin=subprocess.DEVNULL, check=False)
            check(done.returncode == 1 and b"token" in done.stderr and done.stderr.count(b"\n") == 1, text, done.stderr)
    check(subprocess.run([FLAMETOP, "agent", "--unix", "none"], env=environment(FLAMETOP_TOKEN="short"), timeout=20,
                         stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 1)


def test_unix__socket_is_its_owners():
    with Agent() as agent:
        check(os.stat(agent.unix).st_mode & 0o777 == 0o600, oct(os.stat(agent.unix).st_mode))


# ---- what is asked --------------------------------------------------------------------------------


def test_path__no_traversal_reaches_a_file():
    paths = ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/api/v1/tables/..%2f..%2f..%2fetc%2fpasswd",
             "/api/v1/tables/../hello", "/api/v1/tables/%2e%2e", "//etc/passwd", "/etc/passwd", "/./etc/passwd", "/%00", "/healthz%00x",
             "/api/v1/tables/processes%00.json", "/%", "/%zz", "/%c0%ae%c0%ae/etc/passwd", "/api/v1/hello/", "/api/v1/hello%2f",
             "/API/v1/hello", "/\\..\\..\\etc\\passwd", "*", "http://localhost/../etc/passwd", "etc/passwd", "/?" + "&" * 5000,
             "/?" + "a=b&" * 1000, "/api/v1/snapshot?format=../../etc/passwd", "/api/v1/commands/../hello"]
    with Agent() as agent:
        for path in paths:
            answer = agent.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))
            check(answer is None or 400 <= answer.status < 500 or path.startswith("/?&"), path, answer)
            check(answer is None or b"root:" not in answer.body, path, answer)
        check(is_well(agent))


def test_header__bombs_are_refused():
    with Agent(**LEAN) as agent:
        before = agent.memory()
        nuls = agent.raw(b"GET /api/v1/hello HTTP/1.1\r\nHost: localhost\r\n" + b"\0" * 5000 + b"\r\n\r\n")
        check(nuls is None or nuls.status in (200, 400), nuls)
        bombs = [b"X: " + b"a" * 9000, b"X: " + b"a" * 1000000, b"\r\n".join(b"X-%d: y" % i for i in range(2000)), b"X" * 100000,
                 b"X: y\r\n " + b"z" * 100000, b":" * 30000, b"\xff" * 30000, b"Cookie: " + b"a=b; " * 20000]
        for bomb in bombs * 3:
            answer = agent.raw(b"GET /api/v1/hello HTTP/1.1\r\nHost: localhost\r\n" + bomb + b"\r\n\r\n")
            check(answer is None or 400 <= answer.status < 500, bomb[:20], answer)
        for line in (b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n", b"A" * 1000000, b"\r\n" * 100000, b"GET / HTTP/9.9\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500 + b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            answer = agent.raw(line)
            check(answer is None or answer.status >= 400, line[:20], answer)
        check(is_well(agent))
        check(agent.memory() - before < 32 << 20, "grew by", agent.memory() - before)


def test_body__bombs_are_refused():
    with guarded(**LEAN) as agent:
        before = agent.memory()

        def post(body, *headers, length=None):
            head = "\r\n".join(["POST /api/v1/commands/signal HTTP/1.1", "Host: localhost", f"Authorization: Bearer {CHANGE}", *headers])
            length = f"\r\nContent-Length: {len(body) if length is None else length}" if length != "" else ""
            return agent.raw(f"{head}{length}\r\n\r\n".encode() + body)

        bomb = gzip.compress(b"\0" * (64 << 20))
        check(len(bomb) < 70000, "the bomb is none")
        for _ in range(3):
            check(post(bomb, "Content-Encoding: gzip").status == 413)
        twice = gzip.compress(gzip.compress(b"\0" * (64 << 20)))
        check(post(twice, "Content-Encoding: gzip, gzip").status == 415)
        check(post(twice, "Content-Encoding: gzip").status in (400, 413), "once is what it says")
        check(post(gzip.compress(b"{}")[:-3], "Content-Encoding: gzip").status == 400, "cut")
        check(post(b"\x1f\x8b" + os.urandom(500), "Content-Encoding: gzip").status == 400)
        check(post(b"{}", "Content-Encoding: br").status == 415)
        check(post(b"", length=10 ** 12).status == 413)
        check(post(b"x" * 65537).status == 413)
        check(post(b"[" * 60000).status == 400, "nested")
        check(post(b'{"pid":' * 8000).status == 400)
        answer = post(b"10000\r\n" + b"x" * 65536 + b"\r\n10000\r\n" + b"x" * 65536 + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length="")
        check(answer is None or answer.status == 413, answer)
        with agent.connect() as connection:  # chunks without an end
            connection.sendall(f"POST /api/v1/commands/signal HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CHANGE}\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n".encode())
            sent = 0
            try:
                while sent < 64 << 20:
                    connection.sendall(b"8000\r\n" + b"x" * 32768 + b"\r\n")
                    sent += 32768
            except OSError:
                pass
            check(sent < 16 << 20, "it still listens after", sent)
        check(is_well(agent, token=READ))
        check(agent.memory() - before < 32 << 20, "grew by", agent.memory() - before)


def test_websocket__floods_and_large_frames_end_it():
    with Agent() as agent:
        for frame, code in ((WebSocket.packed("x" * 20000), 1009), (b"\x81\xff\x7f" + b"\xff" * 7 + b"mask", 1009),
                            (b"\x81\x05hello", 1002), (WebSocket.packed(b"\xff\xfe"), 1007), (b"\xf1\x80mask", 1002),
                            (WebSocket.packed("x" * 126, 9), 1002)):
            follower = agent.websocket()
            follower.next("initial_data")
            follower.connection.sendall(frame)
            while follower.message() is not None:
                pass
            check(follower.closed == code, frame[:8], follower.closed)
        flood = agent.websocket()
        flood.connection.settimeout(0.5)
        try:  # asks and never reads: the answers may not pile up
            for _ in range(2000):
                flood.say(type="subscribe", metrics=["system.cpu.utilization"] * 60)
        except OSError:
            pass
        check(is_well(agent))


# ---- split and broken ------------------------------------------------------------------------------


def test_split__requests_at_every_byte():
    request = (f"POST /api/v1/commands/signal?a=%41+b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CHANGE}\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").encode()
    with guarded() as agent, agent.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(1, len(request)):
            connection.sendall(request[:at])
            time.sleep(0.001)
            connection.sendall(request[at:])
            answer = answer_of(connection)
            check(answer.status == 400 and b"pid is the number" in answer.body, "split at", at, answer)
        for byte in request:  # and one by one
            connection.sendall(bytes([byte]))
        check(answer_of(connection).status == 400)


def test_split__frames_at_every_byte():
    text = '{"type":"subscribe","metrics":["cpu_percent"],"interval":"1h"}'
    frames = [WebSocket.packed(text), WebSocket.packed(text[:7], final=False) + WebSocket.packed("p", 9) + WebSocket.packed(text[7:], 0),
              WebSocket.packed(text + " " * 100)]
    with Agent() as agent:
        follower = agent.websocket()
        follower.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        follower.next("initial_data")
        for frame in frames:
            for at in range(1, len(frame)):
                follower.connection.sendall(frame[:at])
                time.sleep(0.001)
                follower.connection.sendall(frame[at:])
                check(follower.next("subscribed")["data"] == {"metrics": ["cpu_percent"], "interval_s": 3600}, "split at", at)
        for byte in b"".join(frames):
            follower.connection.sendall(bytes([byte]))
        for _ in frames:
            check(follower.next("subscribed") is not None)
        # The handshake and the first frame in one piece, cut everywhere: what follows the header is the socket's.
        head = "\r\n".join(["GET /ws HTTP/1.1", "Host: localhost", *UPGRADE, "", ""]).encode()
        whole = head + frames[0]
        for at in range(len(head) - 3, len(whole)):
            with agent.connect() as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(whole[:at])
                time.sleep(0.001)
                connection.sendall(whole[at:])
                got = b""
                while b'"subscribed"' not in got:
                    part = connection.recv(65536)
                    check(part, "closed after a split at", at)
                    got += part


def mutated(chance, data):
    data = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            data[at:at] = chance.choice([b"\0", b"\r\n", b"\r\n\r\n", b"%", b"\xff\xff", b" ", b"Content-Length: 5\r\n", b"\x81\xfe"])
        elif kind == 1:
            del data[at:at + chance.randint(1, 20)]
        elif at < len(data):
            data[at] = chance.randrange(256)
    return bytes(data)


def test_mutations__neither_crash_nor_hang():
    """The same ones each time."""
    chance = random.Random(7)
    seeds = [b"GET /api/v1/metrics/query?name=system.cpu.utilization&agg=p95&from=-5s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             b"POST /api/v1/commands/renice HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"1a\r\n" + gzip.compress(b"{}", mtime=0)[:26].ljust(26, b"\0") + b"\r\n0\r\n\r\n",
             b"GET /api/v1/tables/processes?filter=cpu%3E5&sort=PID HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    head = "\r\n".join(["GET /ws HTTP/1.1", "Host: localhost", *UPGRADE, "", ""]).encode()
    mask = b"\1\2\3\4"
    text = b'{"type":"subscribe","metrics":["system.disk.io{device=sda}"],"interval":"250ms"}'
    frame = b"\x81" + bytes([0x80 | len(text)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text))
    with Agent() as agent:
        for round in range(400):
            data = head + mutated(chance, frame * 2) if round % 2 else mutated(chance, chance.choice(seeds))
            with agent.connect() as connection:
                try:
                    while data:
                        n = chance.randint(1, len(data))
                        connection.sendall(data[:n])
                        data = data[n:]
                    connection.settimeout(0.005)
                    connection.recv(1000)
                except OSError:
                    pass
            check(agent.process.poll() is None, "crashed in round", round, agent.log())
        check(is_well(agent))


# ---- too many and too slow --------------------------------------------------------------------------


class Flood:
    """Connections that have begun a request and do not end it."""

    def __init__(self, port, count):
        self.sockets, self.poll = [], selectors.DefaultSelector()
        for _ in range(count):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
            self.sockets.append(connection)
            self.poll.register(connection, selectors.EVENT_WRITE)
        self.begun = 0

    def begin(self):
        """Begins the requests of those that have got through."""
        for key, _ in self.poll.select(0.2):
            try:
                key.fileobj.send(b"GET /api/v1/hello HTTP/1.1\r\nHo")
                self.begun += 1
            except OSError:
                pass
            self.poll.unregister(key.fileobj)
        return self.begun

    def close(self):
        self.poll.close()
        for connection in self.sockets:
            connection.close()


def raise_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, hard), hard))
    return min(count, min(count + 100, hard) - 100)


def test_flood__of_half_open_connections_is_outlived():
    count = raise_files(10000)
    with Agent("--request-timeout", "3s", "--connections", "12000", **LEAN) as agent:
        before = agent.memory()
        flood = Flood(agent.port, count)
        try:
            check(until(lambda: flood.begin() >= count * 0.9, 15, 0), "only", flood.begun, "of", count)
            grown = agent.memory() - before
            start = time.monotonic()
            check(is_well(agent, unix=True), "the unix socket is drowned")
            check(time.monotonic() - start < 2, "slow meanwhile")
            check(grown < 320 << 20, "grew by", grown)
            check(until(lambda: agent.ask("/api/v1/hello").status == 200, 15), "does not answer again")
            # All were cut: what was theirs is free.
            check(until(lambda: agent.sockets() < 50, 15), agent.sockets(), "sockets are left")
            print(f"         {flood.begun} half-open connections: {grown >> 10} KiB, {grown // max(flood.begun, 1)} bytes each")
        finally:
            flood.close()


def test_flood__beyond_the_limit_waits_outside():
    with Agent("--request-timeout", "2s", "--connections", "64", **LEAN) as agent:
        before = agent.memory()
        flood = Flood(agent.port, 600)
        try:
            flood.begin()
            time.sleep(0.5)
            check(agent.sockets() < 80, "the limit does not hold:", agent.sockets())
            check(is_well(agent, unix=True))
            check(agent.memory() - before < 16 << 20)
        finally:
            flood.close()
        check(until(lambda: is_well(agent), 15))


def test_slow_loris__is_cut_and_delays_nobody():
    with Agent("--request-timeout", "1s") as agent:
        slow = [agent.connect() for _ in range(60)]
        request = b"GET /api/v1/hello HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 1000
        ended, longest, start = 0, 0.0, time.monotonic()
        for connection in slow:
            connection.setblocking(False)
        for byte in request:
            for connection in list(slow):
                try:
                    connection.send(bytes([byte]))
                    if connection.recv(100) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    pass
                except OSError:
                    slow.remove(connection)
                    ended += 1
            begin = time.monotonic()
            check(is_well(agent))
            longest = max(longest, time.monotonic() - begin)
            if not slow or time.monotonic() - start > 10:
                break
            time.sleep(0.1)
        check(ended == 60, "only", ended, "were cut")
        check(longest < 1.5, "others waited", longest)


# ---- names of others -------------------------------------------------------------------------------


EVIL = 'x"}\\<script>alert(1)&\x1b]0;owned\x07\n\u202e'


def hostile_roots():
    """A machine on which everything that has a name has one that was meant to hurt."""
    fixtures = os.environ.get("FLAMETOP_FIXTURES")
    if not fixtures or not os.path.isdir(f"{fixtures}/hostile"):
        raise Skip("no fixtures: FLAMETOP_FIXTURES")
    root = tempfile.mkdtemp(dir=HOME)
    shutil.copytree(f"{fixtures}/hostile", f"{root}/evil", symlinks=True)
    def add(path, data):
        with open(f"{root}/evil/{path}", "ab") as file:
            file.write(data)
    add("proc/net/dev", b"\ne\"}\\<script>\x1b\xff: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")
    add("proc/diskstats", b"\n8 9 sd\"}<b>\x1b\xff 10 20 30 40 50 60 70 80 9 100 110\n")
    return ["--proc", f"{root}/evil/proc", "--sys", f"{root}/evil/sys", "--cgroup", f"{root}/evil/cgroup"]


LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf'[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{{{LABEL}(?:,{LABEL})*,?\}})? (?:[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?|NaN|[-+]Inf)')


def check_exposition(body, end):
    text = body.decode("utf-8", errors="strict")
    check(text.endswith(end), text[-40:])
    for line in text.split("\n"):
        check(line == "" or line.startswith(("# HELP ", "# TYPE ", "# UNIT ", "# EOF")) or SAMPLE.fullmatch(line), "no sample:", repr(line))
        check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", line), "control bytes:", repr(line))
    return text


def test_names__hurt_nobody():
    with Agent(*hostile_roots()) as agent:
        time.sleep(0.6)
        text = check_exposition(agent.ask("/metrics").body, "\n")
        check('="e\\"}\\\\<script>' in text, "the name is not there, nothing was tried", text)
        check_exposition(agent.ask("/metrics", headers=["Accept: application/openmetrics-text"]).body, "# EOF\n")
        for path in ("/api/v1/snapshot", "/api/v1/hello", "/api/v1/findings", "/api/v1/tables/processes", "/api/v1/tables/filesystems",
                     "/api/v1/metrics/query?name=system.filesystem.usage&by=mountpoint"):
            answer = agent.ask(path)
            check(answer.status in (200, 404), path, answer)
            check(not re.search(rb"[\x00-\x08\x0b-\x1f]", answer.body), path, "raw control bytes")
            answer.body.decode("utf-8", errors="strict")
            answer.json()
            check(answer.type == "application/json" and answer.headers["x-content-type-options"] == "nosniff", answer.headers)
        page = agent.ask("/")
        check(b"<script" not in page.body and "default-src 'none'" in page.headers["content-security-policy"], page.headers)
        follower = agent.websocket()
        first = follower.message()
        check(first["type"] == "initial_data")
        for name in (EVIL, "system.cpu.utilization{a=" + EVIL + "}", "\ud800", "x" * 10000, "{" * 200, "(" * 200, ""):
            follower.send(json.dumps({"type": "subscribe", "metrics": [name]}))
            message = follower.message()
            while message["type"] == "metrics_update":
                message = follower.message()
            check(message["type"] in ("error", "subscribed"), name[:20], message)
        for argument in (EVIL, "<script>", "\xff"):
            quoted = "".join(f"%{byte:02x}" for byte in argument.encode())
            for path in ("/api/v1/tables/", "/api/v1/metrics/query?name=", "/api/v1/tables/processes?filter=", "/api/v1/snapshot?format="):
                answer = agent.ask(path + quoted)
                check((answer.status >= 400 or "filter" in path) and answer.type == "application/json", path, answer)
                check(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", answer.body), path, answer)
        check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", agent.log()), "raw control bytes in the log")


# ---- secrets ----------------------------------------------------------------------------------------


def test_secrets__are_nowhere_to_be_seen():
    change = write("change", CHANGE)
    with Agent("--change-token-file", change, "--log-level", "debug", FLAMETOP_TOKEN=READ) as agent:
        check(agent.ask("/api/v1/hello").status == 401 and is_well(agent, token=READ))
        agent.ask("/api/v1/hello", token=READ + "x")
        agent.ask(f"/api/v1/{READ}", token=READ)
        agent.ask("/api/v1/commands/signal", "POST", body="{}", token=CHANGE)
        agent.process.send_signal(signal.SIGHUP)
        check(until(lambda: "reload: done" in agent.log()), agent.log())
        check(agent.ask("/api/v1/hello").status == 401 and is_well(agent, token=READ), "a reload lost the token")
        time.sleep(0.5)
        seen = [("log", agent.log().encode())]
        for path in ("/", "/metrics", "/api/v1/hello", "/api/v1/snapshot", "/api/v1/findings", "/api/v1/tables/processes",
                     "/api/v1/snapshot?format=csv", "/healthz", "/nothing"):
            answer = agent.ask(path, token=READ)
            seen.append((path, answer.body + str(answer.headers).encode()))
        follower = agent.websocket(headers=[f"Authorization: Bearer {READ}"])
        seen.append(("websocket", json.dumps(follower.message()).encode()))
        for name in ("environ", "cmdline"):
            with open(f"/proc/{agent.process.pid}/{name}", "rb") as file:
                seen.append((name, file.read()))
        seen.append(("ps", subprocess.run(["ps", "eww", "-p", str(agent.process.pid)], capture_output=True, check=False).stdout))
        check(str(agent.process.pid).encode() in seen[-1][1], "ps does not show it")
        token = write("token", READ)
        for source in ({"FLAMETOP_TOKEN": READ}, {"FLAMETOP_TOKEN_FILE": token}):
            options = ["--token-file", token] if "FLAMETOP_TOKEN_FILE" in source else []
            env = {} if options else source
            done = subprocess.run([FLAMETOP, "snapshot", f"http://127.0.0.1:{agent.port}", "--format", "json", "--for", "300ms",
                                   "--log-level", "debug", "--change-token-file", change, *options],
                                  capture_output=True, timeout=30, env=environment(**env), stdin=subprocess.DEVNULL, check=False)
            check(done.returncode == 0, done.stderr)
            seen += [("snapshot", done.stdout), ("its log", done.stderr)]
        done = subprocess.run([FLAMETOP, "--print-config"], capture_output=True, timeout=20, check=False,
                              env=environment(FLAMETOP_TOKEN=READ, FLAMETOP_CHANGE_TOKEN=CHANGE))
        seen.append(("--print-config", done.stdout + done.stderr))
        for where, data in seen:
            check(READ.encode() not in data and CHANGE.encode() not in data, "a token in", where)
            check(where in ("cmdline", "ps", "--print-config") or change.encode() not in data.replace(b"\\/", b"/")
                  or "tables" in where or "snapshot" in where, "where the token is, in", where)


def test_secrets__change_command_is_logged_without_them():
    sleeper = subprocess.Popen(["sleep", "60"])
    with guarded() as agent:
        body = json.dumps({"pid": sleeper.pid, "start": int(time.time()), "signal": "TERM"})
        check(agent.ask("/api/v1/commands/signal", "POST", body=body, token=CHANGE).status == 200)
        check(sleeper.wait(5) == -signal.SIGTERM)
        check(f"command=signal pid={sleeper.pid} signal=15 peer=127.0.0.1" in agent.log(), agent.log())


# ---- the client ---------------------------------------------------------------------------------------


class Server:
    """Answers as it is told and remembers what it was asked."""

    def __init__(self, answer):
        self.seen = seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, self.headers.get("Authorization")))
                answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_client__follows_no_redirect_and_sends_no_token_there():
    def welcome(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"{}")

    with Server(welcome) as other:
        for status in (301, 302, 303, 307, 308):
            def redirect(handler, status=status):
                handler.send_response(status)
                handler.send_header("Location", f"http://localhost:{other.port}{handler.path}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            with Server(redirect) as first:
                done = subprocess.run([FLAMETOP, "snapshot", f"http://127.0.0.1:{first.port}", "--token-file", write("token", READ),
                                       "--for", "300ms"], capture_output=True, timeout=30, env=environment(),
                                      stdin=subprocess.DEVNULL, check=False)
                check(done.returncode != 0 and done.stdout == b"", status, done.stdout[:200])
                check(done.stderr.startswith(b"flametop: ") and READ.encode() not in done.stderr, done.stderr)
                check(first.seen and all(token in (None, f"Bearer {READ}") for _, token in first.seen), first.seen)
        check(other.seen == [], "the other origin was asked", other.seen)


def test_client__takes_no_password_in_a_url():
    done = subprocess.run([FLAMETOP, "snapshot", "http://user:secret-password@127.0.0.1:1"], capture_output=True, timeout=20,
                          env=environment(), stdin=subprocess.DEVNULL, check=False)
    check(done.returncode != 0 and b"secret-password" not in done.stdout + done.stderr, done.stderr)


if __name__ == "__main__":
    sys.exit(main(globals()))
