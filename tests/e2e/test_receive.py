#!/usr/bin/env python3
"""Receiving: real curls to a running agent and to a monitor; wrong types, large, cut and hostile bodies; ports in use.

FLAMETOP_BINARY is the program."""

import gzip
import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent import Agent  # noqa: E402
from suite import FLAMETOP, check, check_sentence, free_port, main, run, until  # noqa: E402
from terminal import HOME, Tmux  # noqa: E402

MIB = 1 << 20
REQUEST = {"trace_id": "5b8aa5a2-d2c8-72e8-321c-f37308d69df2",
           "request": {"method": "POST", "path": "/tools/invoke", "tool": "database-query", "duration_ms": 450},
           "spans": [{"name": "auth", "duration_ms": 5}, {"name": "tool_execution", "duration_ms": 400}],
           "resources": {"cpu_percent": 45, "memory_mb": 512, "db_connections": 8}}


def otlp(name="GET /shop", trace="5b8aa5a2d2c872e8321cf37308d69df1"):
    now = time.time_ns()
    return {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                               "scopeSpans": [{"scope": {"name": "lib"},
                                               "spans": [{"traceId": trace, "spanId": "051581bf3cb55c13", "name": name, "kind": 2,
                                                          "startTimeUnixNano": str(now - 40000000), "endTimeUnixNano": now}]}]}]}


class Receiver(Agent):
    def __init__(self, *options, **more):
        self.http = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
            found.bind(("127.0.0.1", 0))
            self.udp = found.getsockname()[1]
        super().__init__(f"--receive={self.http},udp:{self.udp}", *options, **more)

    def curl(self, path, body, *arguments):
        """(status, type, body) of a POST; the status is 0 when there is no answer."""
        with tempfile.NamedTemporaryFile(dir=HOME) as file:
            file.write(body if isinstance(body, bytes) else json.dumps(body).encode())
            file.flush()
            done = subprocess.run(["curl", "-s", "-m", "60", "-w", "\n%{http_code} %{content_type}", "--data-binary", f"@{file.name}",
                                   *arguments, f"http://127.0.0.1:{self.http}{path}"], capture_output=True, check=False, timeout=90)
        text, _, last = done.stdout.rpartition(b"\n")
        status, _, kind = last.decode().partition(" ")
        return int(status), kind, text

    def json(self, path, body, *arguments):
        return self.curl(path, body, "-H", "Content-Type: application/json", *arguments)

    def metric(self, name, **labels):
        """The newest value of a series; None when it is not there."""
        for row in self.ask("/api/v1/snapshot").json()["metrics"]:
            if row["name"] == name and all(row["labels"].get(key) == value for key, value in labels.items()):
                return row["value"]
        return None

    def rows(self):
        """The table of where it receives."""
        for table in self.ask("/api/v1/snapshot").json()["tables"]:
            if table["name"] == "receivers":
                names = [column["name"] for column in table["columns"]]
                return [dict(zip(names, row)) for row in zip(*[column["values"] for column in table["columns"]])]
        return []

    def requests(self):
        """The newest requests, as text."""
        answer = self.ask("/api/v1/traces")
        return answer.body.decode() if answer.status == 200 else ""


# ---- what is right ----------------------------------------------------------------------------------


def test_receive__takes_requests_of_curl():
    with Receiver() as agent:
        check(agent.curl("/v1/requests", REQUEST)[0] == 200, "plain curl -d")
        status, kind, body = agent.json("/v1/traces", otlp())
        check((status, kind, body) == (200, "application/json", b"{}"), status, kind, body)
        started = time.monotonic()
        check(until(lambda: "/tools/invoke" in agent.requests() and "GET /shop" in agent.requests(), 5), agent.requests()[:500])
        check(time.monotonic() - started < 3, "they take longer than a tick and a moment")


def test_receive__takes_samples():
    with Receiver() as agent:
        lines = b'{"name":"queue.waiting","value":42,"unit":"{job}","tags":{"pool":"a"}}\n{"name":"page.size","value":2,"unit":"KiB"}\n'
        check(agent.json("/v1/samples", lines)[0] == 200, "two lines")
        check(until(lambda: agent.metric("queue.waiting", pool="a") == 42), "no gauge")
        check(agent.metric("page.size") == 2048, agent.metric("page.size"))
        status, _, body = agent.json("/v1/samples", [{"name": "---", "value": 1}, {"name": "good", "value": 1}])
        check(status == 200 and json.loads(body)["partialSuccess"]["rejectedDataPoints"] == "1", status, body)


def test_receive__takes_datagrams():
    with Receiver() as agent, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(20):
            sender.sendto(b"hits:2|c|#shop:eu\nlatency:250|ms\nusers:7|g", ("127.0.0.1", agent.udp))
        sender.sendto(b"\xff\x00garbage", ("127.0.0.1", agent.udp))
        check(until(lambda: agent.metric("users") == 7), "no gauge")
        check(until(lambda: agent.metric("hits", shop="eu") is not None), "no counter")
        check(until(lambda: (agent.metric("flametop.receive.errors", protocol="statsd") is not None)), "errors are not counted")


def test_receive__unpacks_gzip():
    with Receiver() as agent:
        packed = gzip.compress(json.dumps(otlp()).encode())
        check(agent.json("/v1/traces", packed, "-H", "Content-Encoding: gzip")[0] == 200, "gzip")
        check(agent.json("/v1/traces", packed[:-9], "-H", "Content-Encoding: gzip")[0] == 400, "half of it")
        check(agent.json("/v1/traces", b"not gzip", "-H", "Content-Encoding: gzip")[0] == 400, "none of it")
        check(agent.json("/v1/traces", packed, "-H", "Content-Encoding: br")[0] == 415, "another coding")


def test_receive__lets_pages_of_this_machine_send():
    with Receiver() as agent:
        def ask(origin):
            return subprocess.run(["curl", "-si", "-X", "OPTIONS", "-H", f"Origin: {origin}", "-H", "Access-Control-Request-Method: POST",
                                   "-H", "Access-Control-Request-Headers: content-type", f"http://127.0.0.1:{agent.http}/v1/traces"],
                                  capture_output=True, check=True, timeout=20).stdout.decode()
        answer = ask("http://localhost:3000")
        check("204" in answer.splitlines()[0] and "Access-Control-Allow-Origin: http://localhost:3000" in answer, answer)
        check("Access-Control-Allow-Headers: content-type" in answer, answer)
        answer = ask("https://evil.example")
        check("403" in answer.splitlines()[0] and "Access-Control-Allow" not in answer, answer)
        check(agent.json("/v1/traces", otlp(), "-H", "Origin: https://evil.example")[0] == 403, "a page of others")


# ---- what is not ------------------------------------------------------------------------------------


def test_receive__answers_what_is_wrong():
    with Receiver() as agent:
        for path, body, kind, status, words in [
                ("/v1/traces", b"{}", "text/html", 415, "application/x-protobuf"),
                ("/v1/traces", b"{}", "application/x-www-form-urlencoded", 415, "application/x-protobuf"),
                ("/api/v2/spans", b"[]", "application/x-protobuf", 415, "application/json"),
                ("/v1/requests", b"a=b", "application/x-www-form-urlencoded", 415, "application/json"),
                ("/v1/traces", b'{"resourceSpans":[', "application/json", 400, "ends too early"),
                ("/v1/requests", b'{"request":{}}', "application/json", 400, "duration_ms"),
                ("/v1/logs", b"{}", "application/json", 404, "OTEL_LOGS_EXPORTER=none"),
                ("/nowhere", b"{}", "application/json", 404, "GET /")]:
            got, answer_kind, answer = agent.curl(path, body, "-H", f"Content-Type: {kind}")
            check(got == status and words in answer.decode(), path, kind, got, answer)
            check(answer_kind == "application/json" and json.loads(answer)["message"], answer_kind, answer)
        check(agent.json("/v1/traces", b"", "-X", "PUT")[0] == 405, "PUT")


def test_receive__answers_protobuf_in_protobuf():
    with Receiver() as agent:
        status, kind, body = agent.curl("/v1/traces", b"", "-H", "Content-Type: application/x-protobuf")
        check((status, kind, body) == (200, "application/x-protobuf", b""), status, kind, body)
        status, kind, body = agent.curl("/v1/traces", b"\x0a\x50short", "-H", "Content-Type: application/x-protobuf")
        check(status == 400 and kind == "application/x-protobuf" and body[:3] == b"\x08\x03\x12", status, kind, body)
        # A span without ids is not taken: a partial success with one rejected span.
        status, kind, body = agent.curl("/v1/traces", b"\x0a\x09\x12\x07\x12\x05\x2a\x03abc", "-H", "Content-Type: application/x-protobuf")
        check(status == 200 and body[:1] == b"\x0a" and body[2:4] == b"\x08\x01", status, kind, body)


def test_receive__is_not_flooded():
    with Receiver() as agent:
        agent.json("/v1/traces", otlp())
        before = agent.memory()
        large = b" " * (65 * MIB)
        check(agent.json("/v1/traces", large)[0] == 413, "65 MiB")
        bomb = gzip.compress(b" " * (600 * MIB), 1)
        check(len(bomb) < 4 * MIB, "it is small")
        check(agent.json("/v1/traces", bomb, "-H", "Content-Encoding: gzip")[0] == 413, "a bomb")
        check(agent.json("/v1/traces", b"[" * MIB)[0] == 400, "as deep as one likes")
        check(agent.json("/v1/requests", b'{"spans":[' + b'{"name":"a","duration_ms":1},' * 1000)[0] == 400, "cut")
        check(agent.json("/v1/traces", otlp())[0] == 200, "it goes on")
        # What ASan keeps of freed memory is in it as well, 256 MiB at most.
        check(until(lambda: agent.memory() < before + 400 * MIB), "memory stays", before, agent.memory())


def test_receive__sends_the_silent_away():
    """Connections that say nothing, or half a word, take no room from others."""
    with Receiver() as agent:
        idle = [socket.create_connection(("127.0.0.1", agent.http)) for _ in range(200)]
        check(until(lambda: agent.json("/v1/traces", otlp())[0] == 200, 3), "others are served")
        for one in idle:
            one.close()


def test_receive__survives_hostile_frames():
    """What begins like HTTP/2 and goes on as anything."""
    with Receiver() as agent:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for tail in [b"", b"\x00" * 9, b"\xff" * 300, struct.pack(">I", 1)[1:] + b"\x01\x05\x00\x00\x00\x01\x82",
                     preface, os.urandom(5000)]:
            with socket.create_connection(("127.0.0.1", agent.http), 10) as raw:
                raw.sendall(preface + tail)
                raw.shutdown(socket.SHUT_WR)
                try:
                    while raw.recv(65536):
                        pass
                except OSError:
                    pass
        check(agent.json("/v1/traces", otlp())[0] == 200, "it goes on")


def test_receive__does_not_read_from_who_does_not_read():
    """Each call that is one too many is answered: who takes no answers may send no more than fits between him and us."""
    calls = b"".join(frame(1, 4, stream, b"\x83\x84\x86\x41\x01x") for stream in range(1, 2 * MIB, 2))
    with Receiver() as agent, socket.create_connection(("127.0.0.1", agent.http), 10) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        raw.settimeout(3)
        sent = 0
        try:
            while sent < len(calls):
                sent += raw.send(calls[sent:sent + MIB])
        except socket.timeout:
            pass
        check(sent < len(calls), "all was read", sent)
        check(agent.json("/v1/traces", otlp())[0] == 200, "it goes on")


def many(count, name="GET /shop"):
    """OTLP of so many requests of one span, the last of which has no id."""
    now = time.time_ns()
    spans = [{"traceId": f"{i + 1:032x}", "spanId": f"{i + 1:016x}" if i < count - 1 else "", "name": name, "kind": 2,
              "startTimeUnixNano": str(now - 40000000), "endTimeUnixNano": now,
              "attributes": [{"key": "http.route", "value": {"stringValue": "/orders/{id}/" + "x" * 200}}]} for i in range(count)]
    return {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                               "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}]}]}


def test_receive__reads_large_bodies_little_by_little():
    """Others are served meanwhile, the answer is that of the whole, and who leaves or ends harms nothing."""
    with Receiver() as agent:
        body = json.dumps(many(20000)).encode()
        check(len(body) > 8 * MIB, len(body))
        answers = []
        sender = threading.Thread(target=lambda: answers.append(agent.json("/v1/traces", body)))
        sender.start()
        check(agent.json("/v1/traces", otlp())[0] == 200, "small ones are taken")
        sender.join()
        status, _, text = answers[0]
        check(status == 200 and b'"rejectedSpans":"1"' in text.replace(b" ", b""), status, text)
        check(until(lambda: agent.metric("flametop.trace.count") == 20000), "all are there", agent.metric("flametop.trace.count"))
        status, _, text = agent.json("/v1/traces", body[:-20])
        check(status == 400, "cut", status, text)
        with socket.create_connection(("127.0.0.1", agent.http), 10) as raw:
            raw.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body)
        check(agent.json("/v1/traces", otlp())[0] == 200, "who leaves harms nothing")
        with socket.create_connection(("127.0.0.1", agent.http), 10) as raw:
            raw.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n" % len(body) + body)
            agent.end()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def frames_of(raw):
    """(kind, flags, stream) of what comes back, to the end of stream 1."""
    data, found = b"", []
    while not found or found[-1][1:] != (5, 1) and found[-1] != (0, 1, 1):
        while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
            got = raw.recv(65536)
            if not got:
                return found
            data += got
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big")))
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return found


def export(agent, message, leave=None):
    """A call of gRPC by hand: whether there is a reply (kind 0: data), and not a status alone. `leave`: it is not waited for longer."""
    names = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"),
             (b":path", b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"), (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    head = b"".join(b"\x00" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in names)
    data = b"\x00" + struct.pack(">I", len(message)) + message
    frames = [frame(0, int(at + 16384 >= len(data)), 1, data[at:at + 16384]) for at in range(0, len(data), 16384)]
    with socket.create_connection(("127.0.0.1", agent.http), 30) as raw:
        raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        raw.recv(9, socket.MSG_PEEK | socket.MSG_WAITALL)  # its settings: larger windows, from our word on
        raw.sendall(frame(4, 1, 0) + frame(1, 4, 1, head) + b"".join(frames))
        time.sleep(leave or 0)
        found = frames_of(raw) if leave is None else []
    return any(kind == 0 for kind, _, _ in found) if (1, 5, 1) in found else None


def test_receive__reads_large_messages_of_grpc():
    """One of 800 KB, within the windows of flow control."""
    def pair(key, text):
        value = b"\x0a" + varint(len(text)) + text
        return b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(value)) + value

    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    def field(number, inner):
        return bytes([number << 3 | 2]) + varint(len(inner)) + inner

    def message(first):
        now = time.time_ns()
        spans = b"".join(field(2, field(1, struct.pack(">QQ", first, i + 1)) + field(2, struct.pack(">Q", i + 1)) + field(5, b"GET /large")
                               + b"\x39" + struct.pack("<Q", now - 40000000) + b"\x41" + struct.pack("<Q", now)
                               + field(9, pair(b"text", b"y" * 200))) for i in range(3000))
        return field(1, field(1, field(1, pair(b"service.name", b"shop"))) + field(2, spans))

    check(MIB // 2 < len(message(1)) < MIB, len(message(1)))
    with Receiver() as agent:
        check(export(agent, message(1)) is True, "it is answered")
        check(until(lambda: agent.metric("flametop.trace.count") == 3000), "all are there", agent.metric("flametop.trace.count"))
        for late in (0, 0.01, 0.05):
            export(agent, message(2), leave=late)
        check(export(agent, message(3)[:-7]) is False, "damaged")
        check(export(agent, message(3)) is True, "who leaves harms nothing")


def test_receive__rests_where_no_descriptor_is_left():
    with Receiver() as agent:
        agent.json("/v1/traces", otlp())
        limits = resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE)
        used = max(int(fd) for fd in os.listdir(f"/proc/{agent.process.pid}/fd")) + 1
        resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (used, limits[1]))
        waiting = [socket.create_connection(("127.0.0.1", agent.http), 10) for _ in range(64)]
        check(until(lambda: "cannot take connections now: Too many open files; raise the limit (ulimit -n)" in agent.log()), agent.log())

        def spent():
            with open(f"/proc/{agent.process.pid}/stat", encoding="ascii") as file:
                return sum(int(word) for word in file.read().rpartition(")")[2].split()[11:13])
        before = spent()
        time.sleep(2)
        check(spent() - before < 120, "the loop does not turn for nothing", spent() - before)
        resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, limits)
        for one in waiting:
            one.close()
        check(until(lambda: agent.json("/v1/traces", otlp())[0] == 200), "it goes on")
        check(until(lambda: not any(row["receiver.note"] for row in agent.rows())), "and says so", agent.rows())


def test_receive__names_who_holds_a_port():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with Agent(f"--receive=127.0.0.1:{port}") as agent:
            check(until(lambda: f"127.0.0.1:{port} is in use by python3 (pid {os.getpid()})" in agent.log()), agent.log())
            check(agent.ask("/healthz").status == 200, "the agent goes on")


def test_receive__asks_before_others_can_send():
    check_sentence(run("agent", "--listen", "none", "--unix", "none", "--receive=0.0.0.0:4318", timeout=10), 1, "--receive-open")
    done = run("agent", "--receive=x", timeout=10)
    check(done.returncode == 2 and b"is no address to receive at" in done.stderr, done.stderr)


# ---- on the screen ----------------------------------------------------------------------------------


def test_screen__shows_what_curl_sends():
    port = free_port()
    with Tmux(f"{FLAMETOP} --receive={port} --view requests", width=120, height=40) as terminal:
        check(terminal.until("Requests"), terminal.screen())

        def send():
            return subprocess.run(["curl", "-s", "-d", json.dumps(REQUEST), f"http://127.0.0.1:{port}/v1/requests"],
                                  capture_output=True, check=False, timeout=20).returncode == 0
        check(until(send, 10), "nobody listens")
        check(terminal.until(r"/tools/invoke", seconds=6), terminal.screen())


def test_screen__begins_to_receive_when_asked():
    with Tmux(f"{FLAMETOP} --set receive.listen= local", width=120, height=40) as terminal:
        check(terminal.until("CPU"), terminal.screen())
        terminal.text(":receive\n")
        check(terminal.until("receiving: (done|.*in use)"), terminal.screen())


def test_exec__shows_the_service():
    service = os.path.join(tempfile.mkdtemp(dir=HOME), "service.py")
    with open(service, "w", encoding="utf-8") as file:
        file.write("import json, os, sys, time, urllib.request\n"
                   "print('begun with', os.environ['OTEL_SERVICE_NAME'], flush=True)\n"
                   "body = json.dumps({'request': {'method': 'GET', 'path': '/of-the-service', 'duration_ms': 5}}).encode()\n"
                   "for _ in range(100):\n"
                   "    try:\n"
                   "        request = urllib.request.Request(os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] + '/v1/requests', body,\n"
                   "                                         {'Content-Type': 'application/json'})\n"
                   "        urllib.request.urlopen(request).read()\n"
                   "        break\n"
                   "    except OSError:\n"
                   "        time.sleep(0.1)\n"
                   "time.sleep(60)\n")
    with Tmux(f"{FLAMETOP} exec --view requests -- {sys.executable} {service}", width=140, height=40) as terminal:
        screen = terminal.until(r"prints to (\S+)")
        check(screen, terminal.screen())
        output = re.search(r"prints to (\S+)", screen)[1]
        check(terminal.until("/of-the-service", seconds=10), terminal.screen())
        with open(output, encoding="utf-8") as file:
            check(file.read().startswith("begun with python3"), output)
        terminal.keys("q")
        check(terminal.until("was ended; its output is in", "exit=0"), terminal.screen())


def test_exec__says_what_does_not_start():
    with Tmux(f"{FLAMETOP} exec -- /nowhere/at-all", width=120, height=20) as terminal:
        check(terminal.until("exec: at-all: No such file", "exit=1"), terminal.screen())


# ---- files ------------------------------------------------------------------------------------------


def test_files__open_by_content():
    folder = tempfile.mkdtemp(dir=HOME)
    zipkin = [{"traceId": "0a", "id": "b1", "kind": "SERVER", "name": "get", "timestamp": 1785000000000001, "duration": 250000,
               "localEndpoint": {"serviceName": "shop"}}]
    jaeger = {"data": [{"traceID": "a", "spans": [{"traceID": "a", "spanID": "b", "operationName": "GET /jaeger", "startTime": 5,
                                                   "duration": 9, "tags": [], "processID": "p1"}],
                        "processes": {"p1": {"serviceName": "shop"}}}]}
    chrome = {"traceEvents": [{"ph": "X", "name": "RunTask", "ts": 1, "dur": 5, "pid": 1, "tid": 1}]}
    for name, text, words in [("otlp", json.dumps(otlp()) + "\n" + json.dumps(otlp("second", "ab")), ["2 requests", "GET /shop", "second"]),
                              ("zipkin", json.dumps(zipkin), ["250 ms", "shop"]), ("jaeger", json.dumps(jaeger), ["GET /jaeger"]),
                              ("chrome", json.dumps(chrome), ["RunTask"]), ("mission", json.dumps(REQUEST), ["/tools/invoke", "450 ms"])]:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = run(path)
        check(done.returncode == 0 and all(word in done.stdout.decode() for word in words), name, done.stdout, done.stderr)
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(otlp())[:-4])
    done = run(path)
    check(b"ends too early" in done.stderr and b"GET /shop" in done.stdout, done.stdout, done.stderr)



if __name__ == "__main__":
    sys.exit(main(globals()))
