"""Erlang nodes for the tests: plain `erl` without epmd, each on a port of its own, that evaluates what it is told on
its standard input, so that its own side can be looked at."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import suite

COOKIE = "test-cookie"

# A line in, its value out.
SHELL = """F = fun F() -> case io:get_line("") of eof -> halt(0, [{flush,false}]); L ->
 R = try {ok,T,_} = erl_scan:string(L), {ok,E} = erl_parse:parse_exprs(T), {value,V,_} = erl_eval:exprs(E, []), V
     catch C:X -> {C,X} end, io:format("=> ~0p~n", [R]), F() end end, process_flag(priority, max), F()."""


def have_erlang():
    return shutil.which("erl") is not None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, name="node", port=None, cookie=COOKIE, arguments=(), **env):
        self.name, self.port, self.cookie = name, port or free_port(), cookie
        self.home = tempfile.mkdtemp(prefix="flametop-node-")
        self.logged = ""
        self.errors = open(os.path.join(self.home, "errors"), "wb+")
        secret = os.path.join(self.home, ".erlang.cookie")
        with open(secret, "w", encoding="ascii") as file:
            file.write(cookie)
        os.chmod(secret, 0o400)
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8", **env}
        self.child = subprocess.Popen(
            ["erl", "-sname", name, "-start_epmd", "false", "-erl_epmd_port", str(self.port), "-noshell", *arguments,
             "-eval", SHELL.replace("\n", " ")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment, cwd=self.home)
        self.url = f"beam://{name}@localhost:{self.port}"
        self.lock = threading.Lock()
        assert self.eval("ready") == "ready"

    def eval(self, expression):
        with self.lock:
            self.child.stdin.write(f"{expression}.\n".encode())
            self.child.stdin.flush()
            while True:
                line = self.child.stdout.readline().decode()
                assert line, f"the node has ended: {self.said()[-2000:]}"
                if line.startswith("=> "):
                    return line[3:].rstrip("\n")
                self.logged += line

    def wait_for(self, expression, wanted, seconds=10):
        """The last value, as soon as it is the wanted one."""
        end = time.monotonic() + seconds
        while True:
            value = self.eval(expression)
            if value == wanted or time.monotonic() > end:
                return value
            time.sleep(0.05)

    def said(self):
        """What it logged, up to the last value it was asked for, and wrote to its standard error."""
        with open(os.path.join(self.home, "errors"), "rb") as file:
            return self.logged + file.read().decode(errors="replace")

    @property
    def pid(self):
        return self.child.pid  # erl becomes beam.smp by exec

    def signal(self, number):
        os.kill(self.pid, number)

    def close(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
        self.errors.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Mute:
    """A port that takes connections and says nothing, or what it is given."""

    def __init__(self, answer=None):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.held = []
        self.answer = answer
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                if self.answer is None:
                    self.held.append(connection)
                else:
                    asked = connection.recv(600)
                    connection.sendall(self.answer(asked))
                    connection.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        for connection in self.held:
            connection.close()


def epmd(nodes):
    """What an epmd that knows these (name: port) answers."""
    def answer(asked):
        if asked[2:3] == b"n":
            return bytes(4) + b"".join(f"name {name} at port {port}\n".encode() for name, port in nodes.items())
        port = nodes.get(asked[3:].decode())
        return bytes([119, 1]) if port is None else bytes([119, 0, port >> 8, port & 255, 72, 0, 0, 6, 0, 5, 0, 0, 0, 0])
    return answer


def main(functions):
    """suite.main, where there can be nodes and flametop can talk to them."""
    if not have_erlang():
        print("skipped: there is no erl (package erlang-base)\n0 passed, 0 failed, 1 skipped")
        return 0
    if b"built without libei" in suite.run("snapshot", "beam://a@localhost:1").stderr:
        print("skipped: built without libei (package erlang-dev)\n0 passed, 0 failed, 1 skipped")
        return 0
    return suite.main(functions)
