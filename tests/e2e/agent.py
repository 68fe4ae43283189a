"""A real agent as a child, and what its clients need: requests byte for byte, WebSockets, its log and its size.

FLAMETOP_BINARY is the program. main() runs the functions test_* of a module, all or those named on the command line."""

import base64
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile

from suite import FLAMETOP, check, free_port, until
from terminal import HOME, environment

READ = "a-token-for-reading-0123456789"
CHANGE = "a-token-for-changes-9876543210"


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def type(self):
        return self.headers.get("content-type", "")

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:300]}"


def answer_of(connection):
    """What comes back; None when the other end hangs up without an answer."""
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        return Answer(response)
    except (http.client.BadStatusLine, ConnectionError):
        return None


class WebSocket:
    """RFC 6455, the client's half."""

    def __init__(self, connection, path="/ws", headers=(), host="localhost"):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *headers]
        self.connection, self.bytes, self.closed = connection, b"", None
        connection.sendall("\r\n".join(lines + ["", ""]).encode())
        while b"\r\n\r\n" not in self.bytes and self.receive():
            pass
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else None

    def receive(self):
        data = self.connection.recv(65536)
        self.bytes += data
        return data

    def take(self, n):
        while len(self.bytes) < n:
            if not self.receive():
                raise ConnectionError("the connection has ended")
        data, self.bytes = self.bytes[:n], self.bytes[n:]
        return data

    def frame(self):
        """(opcode, payload) of the next frame."""
        first, size = self.take(2)
        if size == 126:
            size = struct.unpack(">H", self.take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(size)

    def message(self):
        """The next text as JSON; pings are answered, a close is remembered and gives None."""
        while True:
            opcode, payload = self.frame()
            if opcode == 1:
                return json.loads(payload)
            if opcode == 9:
                self.send(payload, 10)
            if opcode == 8:
                self.closed = struct.unpack(">H", payload[:2])[0] if payload else 1005
                return None

    def next(self, type):
        """The next message of a type."""
        for _ in range(100):
            message = self.message()
            if message is None or message["type"] == type:
                return message
        raise AssertionError(f"no {type} among 100 messages")

    @staticmethod
    def packed(payload, opcode=1, final=True):
        payload = payload.encode() if isinstance(payload, str) else payload
        n, mask = len(payload), os.urandom(4)
        size = bytes([0x80 | n]) if n < 126 else struct.pack(">BH", 0xFE, n) if n < 65536 else struct.pack(">BQ", 0xFF, n)
        return bytes([(0x80 if final else 0) | opcode]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))

    def send(self, payload, opcode=1):
        self.connection.sendall(self.packed(payload, opcode))

    def say(self, **message):
        self.send(json.dumps(message))

    def close(self):
        self.connection.close()


class Agent:
    """`flametop agent` at a free port of 127.0.0.1 and a unix socket, until the end of a with."""

    def __init__(self, *options, ready=True, prefix=(), config=None, **env):
        self.folder = tempfile.mkdtemp(dir=HOME)
        self.port, self.unix = free_port(), os.path.join(self.folder, "agent.sock")
        self.config = os.path.join(self.folder, "config.yml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config or "")
        self.log_path = os.path.join(self.folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*prefix, FLAMETOP, "--config", self.config, "agent", "--listen", f"127.0.0.1:{self.port}", "--unix", self.unix,
                 "--interval", "250ms", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(**env))
        if ready and not until(self.is_ready):
            self.process.kill()
            self.process.wait()
            raise AssertionError("the agent does not get ready: " + self.log())

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = self.end()
        check(kind is not None or code == 0, "the agent ended with", code, self.log())

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent ended with {self.process.returncode}: {self.log()}")
        try:
            return self.ask("/healthz", unix=True).status == 200
        except OSError:
            return False

    def end(self, number=signal.SIGTERM):
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def memory(self):
        """Bytes resident."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024

    def sockets(self):
        """How many it has open."""
        folder, count = f"/proc/{self.process.pid}/fd", 0
        for name in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{name}").startswith("socket:")
            except OSError:
                pass  # closed meanwhile
        return count

    def connect(self, unix=False, timeout=10):
        if unix:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(timeout)
            connection.connect(self.unix)
            return connection
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data, unix=False, timeout=10):
        """The answer to these bytes; None when there is none."""
        with self.connect(unix, timeout) as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass  # it has heard enough: what it said is still to be read
            return answer_of(connection)

    def ask(self, path, method="GET", headers=(), body=None, host="localhost", token=None, unix=False):
        body = body.encode() if isinstance(body, str) else body
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
        lines += [f"Authorization: Bearer {token}"] if token else []
        lines += [f"Content-Length: {len(body)}"] if body is not None else []
        return self.raw("\r\n".join(lines + ["", ""]).encode() + (body or b""), unix)

    def websocket(self, path="/ws", headers=(), unix=False, **more):
        return WebSocket(self.connect(unix), path, headers, **more)


