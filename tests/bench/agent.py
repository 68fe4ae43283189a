#!/usr/bin/env python3
"""What an agent costs that 500 readers of its record stream follow once a second, and what one of them is sent, beside
the JSON of netdata and Glances for the same refresh.

usage: agent.py FLAMETOP [--readers 500] [--seconds 20] [--no-peers]

All on loopback. Beside the readers there are one that never reads and some that never finish their request; every tick
of every other reader is looked for. The agent's CPU is its threads' time of running, children of others not counted.
"""
import argparse
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

BUDGET_CPU = 30.0      # ms a second: 3 % of a core
BUDGET_PSS = 40960     # KiB
LORISES = 20
RECORD_TICK = 7


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


class Reader:
    """One reader of the stream: keeps what comes with the time, and takes it apart afterwards."""

    def __init__(self, port, span, reads=True):
        self.socket = socket.socket()
        if not reads:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall((f"GET /api/v1/stream?span={span} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                             "Accept-Encoding: gzip\r\n\r\n").encode())
        self.socket.setblocking(False)
        self.parts, self.open = [], True

    def take(self):
        try:
            data = self.socket.recv(1 << 17)
        except BlockingIOError:
            return
        self.open = bool(data)
        if data:
            self.parts.append((time.monotonic(), data))

    def bytes_between(self, begin, end):
        return sum(len(data) for at, data in self.parts if begin <= at < end)

    def records(self):
        """Types and payloads of the records, out of chunks out of gzip."""
        raw = b"".join(data for _, data in self.parts)
        at = raw.index(b"\r\n\r\n") + 4
        unpack, plain = zlib.decompressobj(31), []
        while (end := raw.find(b"\r\n", at)) >= 0:
            size = int(raw[at:end], 16)
            if size == 0 or end + 2 + size > len(raw):
                break
            plain.append(unpack.decompress(raw[end + 2:end + 2 + size]))
            at = end + 4 + size
        data = b"".join(plain)
        assert data[:8] == b"flametop", data[:20]
        at = 9
        while at < len(data):
            kind = data[at]
            try:
                size, body = varint(data, at + 1)
            except IndexError:
                return
            body += 4
            if body + size > len(data):
                return
            yield kind, data[body:body + size]
            at = body + size

    def ticks(self):
        """The numbers of the ticks it was sent."""
        return [varint(body, 32)[0] for kind, body in self.records() if kind == RECORD_TICK]


def cpu_ms(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e6


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def wait_for(url, seconds=30, **headers):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return fetch(url, **headers)
        except OSError:
            time.sleep(0.2)
    return None


def fetch(url, **headers):
    """Bytes on the wire of the answer, its head among them."""
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return len(answer.read()) + len(str(answer.headers)) + 17


def follow(readers, lorises, seconds):
    """Reads whatever comes, for so long; who never finishes sends a byte a second."""
    poll = select.epoll()
    by_fd = {r.socket.fileno(): r for r in readers if r.open}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    end = byte_due = time.monotonic()
    end += seconds
    while (now := time.monotonic()) < end:
        for fd, _ in poll.poll(min(end - now, 0.2)):
            by_fd[fd].take()
            if not by_fd[fd].open:
                poll.unregister(fd)
        if now >= byte_due:
            byte_due = now + 1
            for loris in lorises:
                try:
                    loris.send(b"x")
                except OSError:
                    pass
    poll.close()


def verdict(what, value, budget, unit):
    good = value <= budget
    print(f"    {'ok  ' if good else 'OVER'} {what}: {value:.1f} {unit} (budget {budget:g} {unit})")
    return good


def stop(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def bench(flametop, home, count, seconds):
    port = free_port()
    agent = subprocess.Popen([flametop, "agent", "--listen", f"127.0.0.1:{port}", "--unix", f"{home}/agent.sock"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             env={"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8"})
    try:
        if wait_for(f"http://127.0.0.1:{port}/healthz") is None:
            sys.exit("the agent does not start")
        time.sleep(12)  # so that there is some history
        before, start = cpu_ms(agent.pid), time.monotonic()
        time.sleep(8)
        alone, alone_pss = (cpu_ms(agent.pid) - before) / (time.monotonic() - start), pss_kib(agent.pid)
        readers = [Reader(port, "60s") for _ in range(count)]
        mute = Reader(port, "60s", reads=False)
        lorises = []
        for _ in range(LORISES):
            loris = socket.create_connection(("127.0.0.1", port))
            loris.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
            lorises.append(loris)
        follow(readers, lorises, 5)
        begin, before = time.monotonic(), cpu_ms(agent.pid)
        follow(readers, lorises, seconds)
        end, after, pss = time.monotonic(), cpu_ms(agent.pid), pss_kib(agent.pid)
        took = end - begin
        sent = [r.bytes_between(begin, end) / took for r in readers]
        first = [len(r.parts[0][1]) for r in readers]
        gaps = []
        for reader in readers:
            ticks = reader.ticks()
            gaps.append(sum(b - a - 1 for a, b in zip(ticks, ticks[1:])) + (len(ticks) < seconds))
        cpu = (after - before) / took
        print(f"{count} readers, one that never reads, {LORISES} that never finish their request, {took:.0f} s at 1 Hz:")
        print(f"  {'':24} {'CPU ms/s':>9} {'PSS KiB':>8}")
        print(f"  {'agent without readers':24} {alone:9.2f} {alone_pss:8}")
        print(f"  {'agent with all':24} {cpu:9.2f} {pss:8}")
        print(f"  {'a reader':24} {(cpu - alone) / count * 1000:6.1f} µs {(pss - alone_pss) / count:8.1f}")
        print(f"  readers closed: {sum(not r.open for r in readers)}, first portion {max(first)} bytes at most")
        good = verdict("CPU", cpu, BUDGET_CPU, "ms/s")
        good &= verdict("PSS", pss, BUDGET_PSS, "KiB")
        good &= verdict("ticks that any reader missed", sum(gaps), 0, "")
        for s in lorises + [mute.socket] + [r.socket for r in readers]:
            s.close()
        return good, sum(sent) / count
    finally:
        stop(agent)


# ---- the others -------------------------------------------------------------------------------------


def netdata(home):
    """Bytes of all its metrics, plain and packed; None when it is not there."""
    path = shutil.which("netdata") or "/usr/sbin/netdata"
    if not os.path.exists(path):
        return None
    port, folder = free_port(), os.path.join(home, "netdata")
    for name in ("cache", "lib", "log", "etc"):
        os.makedirs(os.path.join(folder, name))
    config = os.path.join(folder, "netdata.conf")
    with open(config, "w", encoding="ascii") as f:
        f.write(f"[global]\n run as user = root\n[directories]\n config = {folder}/etc\n cache = {folder}/cache\n"
                f" lib = {folder}/lib\n log = {folder}/log\n[db]\n mode = ram\n[web]\n bind to = 127.0.0.1:{port}\n"
                "[plugins]\n apps = yes\n python.d = no\n charts.d = no\n go.d = no\n node.d = no\n"
                "[registry]\n enabled = no\n[statsd]\n enabled = no\n[ml]\n enabled = no\n")
    with open(os.path.join(folder, "out"), "wb") as out:
        child = subprocess.Popen([path, "-D", "-P", f"{folder}/pid", "-c", config], stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out)
    try:
        url = f"http://127.0.0.1:{port}/api/v1/allmetrics?format=json"
        if wait_for(url) is None:
            return None
        time.sleep(5)
        return fetch(url), fetch(url, Accept_Encoding="gzip")
    finally:
        stop(child)


def glances(home):
    path = shutil.which("glances")
    if path is None:
        return None
    port = free_port()
    with open(os.path.join(home, "glances.out"), "wb") as out:
        child = subprocess.Popen([path, "-w", "-B", "127.0.0.1", "-p", str(port), "--disable-check-update", "-t", "1"],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "HOME": home})
    try:
        for version in ("3", "4"):
            url = f"http://127.0.0.1:{port}/api/{version}/all"
            if wait_for(url, seconds=20) is not None:
                time.sleep(5)
                return fetch(url), fetch(url, Accept_Encoding="gzip")
        return None
    finally:
        stop(child)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flametop")
    parser.add_argument("--readers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * arguments.readers)), hard))
    with tempfile.TemporaryDirectory() as home:
        good, sent = bench(os.path.abspath(arguments.flametop), home, arguments.readers, arguments.seconds)
        print(f"\nbytes for one refresh of everything, {sum(p.isdigit() for p in os.listdir('/proc'))} processes:")
        print(f"  {'':24} {'plain':>9} {'gzip':>9} {'times ours':>11}")
        print(f"  {'flametop agent':24} {'–':>9} {sent:9.0f} {1:11.1f}")
        for name, ask in () if arguments.no_peers else (("netdata", netdata), ("glances", glances)):
            got = ask(home)
            if got is None:
                print(f"  {name:24} is not here")
            else:
                print(f"  {name:24} {got[0]:9} {got[1]:9} {got[1] / sent:11.1f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
