#!/usr/bin/env python3
"""flametop's values beside those of vmstat, iostat, free, ss, df and ps, over the same 30 s under a load of our own.

usage: agree.py FLAMETOP LOAD [SECONDS]

Prints every comparison. Tolerances, and why:
  shares of CPU time   2 points     windows that begin up to 0.3 s apart, ticks of 10 ms, rounding to whole per cent
  rates                5 %          the same windows under a load that is not quite even; with a floor below which a
                                    rate is noise
  levels               2 %          read within some 100 ms of each other (memory: of its total)
  file systems         0.5 points   they fill meanwhile
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time


class Load:
    """A spinner at 40 % of a core, a file written with fsync, a loopback transfer; all end with it."""

    def __init__(self, load):
        self.folder = tempfile.mkdtemp(prefix="flametop-agree-", dir="/var/tmp")
        self.over = threading.Event()
        self.spinner = subprocess.Popen([load, "spin", "1", "40"])
        self.server = socket.create_server(("127.0.0.1", 0))
        self.threads = [threading.Thread(target=work) for work in (self.write, self.receive, self.transfer)]
        for thread in self.threads:
            thread.start()

    def write(self):
        block = os.urandom(1 << 20)
        with open(self.folder + "/file", "wb") as file:
            while not self.over.wait(0.1):
                file.seek(0)
                file.write(block)
                file.flush()
                os.fsync(file.fileno())

    def receive(self):
        connection, _ = self.server.accept()
        with connection:
            while connection.recv(1 << 16):
                pass

    def transfer(self):
        with socket.create_connection(self.server.getsockname()) as connection:
            while not self.over.wait(0.05):
                connection.sendall(b"x" * (1 << 16))

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.spinner.kill()
        self.spinner.wait()
        self.server.close()
        shutil.rmtree(self.folder)


class Verdict:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def compare(self, what, ours, theirs, absolute=0.0, relative=0.0):
        allowed = max(absolute, abs(theirs) * relative)
        good = ours is not None and abs(ours - theirs) <= allowed
        self.passed += good
        self.failed += not good
        shown = "–" if ours is None else f"{ours:.6g}"
        print(f"{'passed' if good else 'FAILED'}   {what}: flametop {shown}, theirs {theirs:.6g} (± {allowed:.4g})")

    def skip(self, tool):
        self.skipped += 1
        print(f"skipped  {tool}: not installed")


class Picture:
    def __init__(self, text):
        self.json = json.loads(text)
        self.values = {(m["name"], frozenset(m["labels"].items())): m["value"] for m in self.json["metrics"]}

    def now(self, name, **labels):
        return self.values.get((name, frozenset(labels.items())))

    def mean(self, name, source_scale=1.0, **labels):
        """The rate of a counter, or the mean of a gauge, over all of its history."""
        total, found = 0.0, False
        for track in self.json["history"]:
            times = [int(t) for t in track["times_ns"]]
            for series in track["series"]:
                pairs = dict(part.split("=", 1) for part in series["labels"].split(",") if "=" in part)
                if series["metric"] != name or any(pairs.get(k) != v for k, v in labels.items()):
                    continue
                values = series["values"]
                if not isinstance(values, list):
                    values = [values] * len(times)
                known = [(t, v) for t, v in zip(times, values) if v is not None]
                if len(known) < 2:
                    continue
                found = True
                if series["kind"] == "counter":
                    total += (known[-1][1] - known[0][1]) / ((known[-1][0] - known[0][0]) / 1e9)
                else:
                    total += sum(v for _, v in known) / len(known)
        return total * source_scale if found else None

    def table(self, name):
        table = next(table for table in self.json["tables"] if table["name"] == name)
        return {column["name"]: column["values"] for column in table["columns"]}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C", "S_TIME_FORMAT": "ISO"}).stdout


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"})


def check_vmstat(v, p, text):
    lines = text.strip().splitlines()
    row = dict(zip(lines[1].split(), map(float, lines[-1].split())))
    # Shares of the states' sum, as vmstat and our formulas have them: where a hypervisor steals, that is more than the
    # time that passed (a tickless core counts as idle what was stolen from it while it slept).
    total = p.mean("system.cpu.time")
    for name, states in (("us", ("user", "nice")), ("sy", ("system", "softirq", "irq")), ("id", ("idle",)),
                         ("wa", ("iowait",)), ("st", ("steal",))):
        seconds = [p.mean("system.cpu.time", state=state) for state in states]
        share = sum(s for s in seconds if s is not None) / total * 100
        v.compare(f"vmstat {name} (% CPU)", share, row[name], absolute=2)
    v.compare("vmstat cs (/s)", p.mean("system.cpu.context_switches"), row["cs"], absolute=50, relative=0.05)
    v.compare("vmstat in (/s)", p.mean("system.cpu.interrupts"), row["in"], absolute=50, relative=0.05)
    v.compare("vmstat bo (kB/s)", p.mean("system.paging.io", 1 / 1024, direction="out"), row["bo"], absolute=200,
              relative=0.05)


def check_iostat(v, p, text):
    last = text.split("Device")[-1].splitlines()
    head = last[0].split()
    for line in last[1:]:
        words = line.split()
        row = dict(zip(head, map(float, words[1:]))) if len(words) == len(head) + 1 else {}
        if not row or p.mean("system.disk.io_time", device=words[0]) is None or row["w/s"] + row["r/s"] < 1:
            continue
        device, say = words[0], f"iostat {words[0]} "
        v.compare(say + "wkB/s", p.mean("system.disk.io", 1 / 1024, device=device, direction="write"), row["wkB/s"],
                  absolute=200, relative=0.05)
        v.compare(say + "w/s", p.mean("system.disk.operations", device=device, direction="write"), row["w/s"],
                  absolute=3, relative=0.05)
        v.compare(say + "r/s", p.mean("system.disk.operations", device=device, direction="read"), row["r/s"],
                  absolute=3, relative=0.05)
        v.compare(say + "%util", p.mean("system.disk.io_time", 100, device=device), row["%util"], absolute=3)
        v.compare(say + "aqu-sz", p.mean("system.disk.weighted_io_time", device=device), row["aqu-sz"], absolute=0.1,
                  relative=0.1)


def check_free(v, p, text):
    words = dict(zip(text.splitlines()[0].split(), map(float, text.splitlines()[1].split()[1:])))
    total = words["total"]
    v.compare("free total (B)", p.now("system.memory.limit"), total)
    for ours, theirs in (("available", "available"), ("free", "free")):
        v.compare(f"free {theirs} (B)", p.now(f"system.memory.{ours}"), words[theirs], absolute=total * 0.02)
    v.compare("free total - available (share)", p.now("system.memory.utilization"),
              (total - words["available"]) / total, absolute=0.02)
    swap = text.splitlines()[2].split()
    if float(swap[1]) > 0:
        v.compare("free swap used (B)", p.now("system.swap.usage"), float(swap[2]), absolute=float(swap[1]) * 0.02)


def check_ss(v, p, text):
    established = float(re.search(r"estab (\d+)", text)[1])
    v.compare("ss estab", p.now("system.network.connection.count", protocol="tcp", state="established"),
              established, absolute=3, relative=0.1)


def check_df(v, p, text):
    for line in text.splitlines()[1:]:
        _, _, used, available, _, mount = line.split(None, 5)
        ours = p.now("system.filesystem.utilization", mountpoint=mount)
        if ours is not None and float(used) + float(available) > 0:
            v.compare(f"df {mount} (%)", ours * 100, 100 * float(used) / (float(used) + float(available)), absolute=0.5)


def check_ps(v, p, text, pid):
    ours = p.table("processes")
    rows = {int(line.split()[0]): line.split() for line in text.splitlines()[1:]}
    both = [i for i, each in enumerate(ours["process.pid"]) if each in rows]
    alive = sum(state != "X" for state in ours["process.state"])  # the ended stay for one refresh
    v.compare("ps processes", float(alive), float(len(rows)), absolute=8, relative=0.05)
    i = ours["process.pid"].index(pid)
    v.compare(f"ps rss of {pid} (KiB)", ours["process.memory.usage"][i] / 1024, float(rows[pid][1]), absolute=256,
              relative=0.02)
    v.compare(f"ps cputime of {pid} (s)", ours["process.cpu.time"][i], float(rows[pid][2]), absolute=2)
    v.compare(f"ps nlwp of {pid}", ours["process.threads"][i], float(rows[pid][3]))
    wrong = [ours["process.pid"][i] for i in both if ours["process.parent_pid"][i] != int(rows[ours["process.pid"][i]][4])]
    v.compare("ps ppid, processes that differ", float(len(wrong)), 0.0, absolute=1)


def compare_once(flametop, load, seconds):
    v = Verdict()
    have = {tool: shutil.which(tool) is not None for tool in ("vmstat", "iostat", "free", "ss", "df", "ps")}
    work = Load(load)
    try:
        time.sleep(1)
        ours = start(flametop, "snapshot", "--for", f"{seconds}s", "--format", "json")
        vmstat = start("vmstat", seconds, "2") if have["vmstat"] else None
        iostat = start("iostat", "-x", seconds, "2") if have["iostat"] else None
        text = ours.communicate()[0]
        once = {"free": ("free", "-b"), "ss": ("ss", "-s"), "df": ("df", "-B1", "--output=source,size,used,avail,pcent,target"),
                "ps": ("ps", "-eo", "pid,rss,cputimes,nlwp,ppid")}
        levels = {tool: run(*command) for tool, command in once.items() if have[tool]}
        vmstat_text = vmstat.communicate()[0] if vmstat else None
        iostat_text = iostat.communicate()[0] if iostat else None
        p, spinner = Picture(text), work.spinner.pid
    finally:
        work.end()
    for tool, there in have.items():
        if not there:
            v.skip(tool)
    if vmstat_text:
        check_vmstat(v, p, vmstat_text)
    if iostat_text:
        check_iostat(v, p, iostat_text)
    for tool, check in (("free", check_free), ("ss", check_ss), ("df", check_df)):
        if tool in levels:
            check(v, p, levels[tool])
    if "ps" in levels:
        check_ps(v, p, levels["ps"], spinner)
    return v


def main():
    """The windows of two programs never are quite the same, and on a shared machine what happens in the part they do not
    share can be more than any tolerance: a difference counts when it is there twice."""
    flametop, load = (os.path.abspath(path) for path in sys.argv[1:3])
    seconds = sys.argv[3] if len(sys.argv) > 3 else "30"
    v = compare_once(flametop, load, seconds)
    if v.failed > 0:
        print("once more:")
        v = compare_once(flametop, load, seconds)
    print(f"{v.passed} passed, {v.failed} failed, {v.skipped} skipped")
    return v.failed != 0


if __name__ == "__main__":
    sys.exit(main())
