#!/usr/bin/env python3
"""What terminal monitors cost, side by side in one run, and flametop's budgets beside the figures.

usage: monitors.py FLAMETOP [--quick] [--seconds 12] [--procs 4000]

Every monitor there is (flametop, top, htop, btop, atop, glances) runs under a pty of its own, all at once, refreshing
once a second, so that whatever else this machine does falls on all alike. Ratios are what counts; the milliseconds are
this machine's. --quick: one size, root only.
"""
import argparse
import fcntl
import os
import pty
import pwd
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

SIZES = [(80, 24), (200, 50)]
BUDGET_CPU = {0: 2.0, 4000: 45.0}                      # ms a second
# Idle is alone on the machine: beside other monitors it is as busy as they are.
BUDGET_BYTES = {((80, 24), "idle"): 300, ((200, 50), "idle"): 800, ((80, 24), "busy"): 1000, ((200, 50), "busy"): 2500}
BUDGET_PSS = 8192                                      # KiB, at the processes of an ordinary machine
FILE_CALLS = "openat,open,read,pread64,close,getdents64,readlink,readlinkat,newfstatat,fstat,stat,access,faccessat2"


def monitors(flametop, home):
    """name -> command; at one refresh a second."""
    btop = os.path.join(home, "btop")
    os.makedirs(btop, exist_ok=True)
    with open(os.path.join(btop, "btop.conf"), "w", encoding="utf-8") as f:
        f.write("update_ms=1000\n")
    commands = {
        "flametop": [flametop],
        "top": ["top", "-d", "1"],
        "htop": ["htop", "-d", "10"],
        "btop": ["btop", "--utf-force"],
        "atop": ["atop", "1"],
        "glances": ["glances", "-t", "1", "--disable-check-update"],
    }
    return {name: c for name, c in commands.items() if os.path.exists(c[0]) or shutil.which(c[0])}


class Monitor:
    """One monitor under its pty."""

    def __init__(self, name, command, size, user, home):
        self.name, self.bytes, self.fd, self.start = name, 0, -1, time.monotonic()
        self.first = self.last_output = None
        pid, fd = pty.fork()
        if pid == 0:
            try:
                fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
                if user is not None:
                    os.setgroups([])
                    os.setgid(user.pw_gid)
                    os.setuid(user.pw_uid)
                os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8", LC_ALL="C.UTF-8",
                                  HOME=home, XDG_CONFIG_HOME=home)
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        self.pid, self.fd = pid, fd

    def read(self):
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            os.close(self.fd)
            self.fd = -1
            return
        now = time.monotonic()
        self.bytes += len(data)
        # The first picture is whole when the output first pauses for 40 ms after at least 1,000 bytes.
        if self.first is None and self.last_output is not None and self.bytes > 1000 and now - self.last_output > 0.04:
            self.first = self.last_output - self.start
        self.last_output = now

    def tree(self):
        """The process and its children."""
        pids = [self.pid]
        for pid in pids:
            for task in _listdir(f"/proc/{pid}/task"):
                pids.extend(int(p) for p in _read(f"/proc/{pid}/task/{task}/children").split())
        return pids

    def cpu_ms(self):
        total = 0
        for pid in self.tree():
            for task in _listdir(f"/proc/{pid}/task"):
                text = _read(f"/proc/{pid}/task/{task}/schedstat").split()
                total += int(text[0]) if text else 0
        return total / 1e6

    def memory(self):
        pss = dirty = 0
        for pid in self.tree():
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                key, _, rest = line.partition(":")
                if key == "Pss":
                    pss += int(rest.split()[0])
                elif key == "Private_Dirty":
                    dirty += int(rest.split()[0])
        return pss, dirty

    def stop(self):
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(self.pid, sig)
            except ProcessLookupError:
                break
            for _ in range(20):
                if os.waitpid(self.pid, os.WNOHANG)[0] != 0:
                    if self.fd >= 0:
                        os.close(self.fd)
                    return
                drain([self], 0.05)


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def _listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def drain(running, seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        fds = {m.fd: m for m in running if m.fd >= 0}
        ready, _, _ = select.select(list(fds), [], [], min(left, 0.05))
        for fd in ready:
            fds[fd].read()


def slab_kib():
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1])
    return 0


def sleepers(count):
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        pids.append(pid)
    return pids


def busy_start(directory):
    """A bounded load: a spinner of one core's half, and a writer with fsync."""
    code = ("import os,time\nend=time.time()+300\nf=os.open('%s/w',os.O_CREAT|os.O_WRONLY)\nwhile time.time()<end:\n"
            " t=time.time()\n while time.time()-t<0.05: pass\n os.pwrite(f,b'x'*65536,0); os.fsync(f); time.sleep(0.05)\n")
    return subprocess.Popen([sys.executable, "-c", code % directory], stdin=subprocess.DEVNULL)


def end_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except OSError:
            pass


def key_latency(flametop, size, home, seconds=6):
    """Milliseconds from a key to the first bytes it causes: p50 and p99 of what changes the screen each time."""
    monitor = Monitor("flametop", [flametop, "--interval", "10s"], size, None, home)
    drain([monitor], 2)
    took = []
    end = time.monotonic() + seconds
    # No lone Escape: a terminal waits 50 ms to tell it from a sequence.
    keys = [b"3", b"1", b"2", b"9", b"3", b"\x1b[B", b"\x1b[B", b"\x1b[A", b"?", b"q"]
    i = 0
    while time.monotonic() < end and monitor.fd >= 0:
        key = keys[i % len(keys)]
        i += 1
        start = time.monotonic()
        os.write(monitor.fd, key)
        ready, _, _ = select.select([monitor.fd], [], [], 0.5)
        if ready:
            took.append((time.monotonic() - start) * 1000)
            monitor.read()
        drain([monitor], 0.08)
    monitor.stop()
    took.sort()
    return (took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)], len(took)) if took else (0, 0, 0)


def file_calls(command, size, home, processes):
    """File system calls a process a refresh, by strace's count over 5 s; None without strace."""
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile() as out:
        traced = ["strace", "-f", "-c", "-o", out.name, "-e", "trace=" + FILE_CALLS, *command]
        monitor = Monitor("traced", traced, size, None, home)
        drain([monitor], 8)
        for pid in monitor.tree()[1:]:
            try:
                os.kill(pid, signal.SIGTERM)
            except OSError:
                pass
        drain([monitor], 0.5)
        monitor.stop()
        calls = 0
        for line in open(out.name, encoding="utf-8"):
            parts = line.split()
            if len(parts) >= 5 and parts[0].replace(".", "").isdigit() and parts[-1] != "total":
                calls += int(parts[3])
    return calls / 8 / max(processes, 1)


def compare(commands, size, user, load, extra, seconds, home):
    before = slab_kib()
    running = [Monitor(name, c, size, user, home) for name, c in commands.items()]
    drain(running, 4)
    slab = slab_kib() - before
    start = {m.name: (m.cpu_ms(), m.bytes) for m in running}
    begin = time.monotonic()
    drain(running, seconds)
    took = time.monotonic() - begin
    rows = {}
    for m in running:
        cpu, sent = start[m.name]
        pss, dirty = m.memory()
        if m.fd < 0:
            continue
        rows[m.name] = {"cpu": (m.cpu_ms() - cpu) / took, "bytes": (m.bytes - sent) / took, "pss": pss, "dirty": dirty,
                        "first": m.first}
    for m in running:
        m.stop()
    who = "root" if user is None else user.pw_name
    print(f"\n{size[0]}x{size[1]}, {load}, +{extra} processes, as {who}, {took:.0f} s (kernel slab of all together {slab:+} KiB)")
    print(f"  {'':10} {'CPU ms/s':>9} {'ours/its':>9} {'PSS KiB':>8} {'dirty':>7} {'bytes/s':>8} {'first ms':>9}")
    ours = rows.get("flametop")
    for name, r in rows.items():
        ratio = f"{ours['cpu'] / r['cpu']:9.2f}" if ours and r["cpu"] > 0 else f"{'':9}"
        first = f"{r['first'] * 1000:9.0f}" if r["first"] else f"{'–':>9}"
        print(f"  {name:10} {r['cpu']:9.2f} {ratio} {r['pss']:8} {r['dirty']:7} {r['bytes']:8.0f} {first}")
    if ours:
        verdicts(ours, rows, size, load, extra)
    sys.stdout.flush()


def alone(commands, size, seconds, home):
    """Bytes a second of each with nothing else on the machine: beside five other monitors none is idle."""
    print(f"\n{size[0]}x{size[1]}, each alone, idle, {seconds:.0f} s:")
    for name, command in commands.items():
        monitor = Monitor(name, command, size, None, home)
        drain([monitor], 5)
        before, begin = monitor.bytes, time.monotonic()
        drain([monitor], seconds)
        sent = (monitor.bytes - before) / (time.monotonic() - begin)
        monitor.stop()
        print(f"  {name:10} {sent:8.0f} bytes/s")
        if name == "flametop":
            budget = BUDGET_BYTES[(size, "idle")]
            print(f"    {'ok  ' if sent <= budget else 'OVER'} bytes: {sent:.0f} B/s (budget {budget} B/s)")


def verdicts(ours, rows, size, load, extra):
    checks = []
    if extra in BUDGET_CPU and load == "idle":
        checks.append(("CPU", ours["cpu"], BUDGET_CPU[extra], "ms/s"))
    if "top" in rows and rows["top"]["cpu"] > 0:
        checks.append(("CPU / top", ours["cpu"] / rows["top"]["cpu"], 0.7 if extra else 1.0, ""))
    if extra and "top" in rows:
        checks.append(("PSS / top", ours["pss"] / rows["top"]["pss"], 1.5, ""))
    elif not extra:
        checks.append(("PSS", ours["pss"], BUDGET_PSS, "KiB"))
    if (size, load) in BUDGET_BYTES and not extra:
        checks.append(("bytes", ours["bytes"], BUDGET_BYTES[(size, "busy")], "B/s"))
    for what, value, budget, unit in checks:
        print(f"    {'ok  ' if value <= budget else 'OVER'} {what}: {value:.2f} {unit} (budget {budget} {unit})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flametop")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--procs", type=int, default=4000)
    arguments = parser.parse_args()
    flametop = os.path.abspath(arguments.flametop)
    users = [None]
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o777)
        shutil.copy(flametop, os.path.join(home, "flametop"))  # nobody may not be able to reach the build folder
        flametop = os.path.join(home, "flametop")
        os.chmod(flametop, 0o755)
        commands = monitors(flametop, home)
        print("monitors:", ", ".join(commands))
        for size in SIZES:
            alone(commands, size, 2 * arguments.seconds, home)
        if os.getuid() == 0 and not arguments.quick:
            users.append(pwd.getpwnam("nobody"))
        for extra in (0, arguments.procs):
            idle = sleepers(extra)
            time.sleep(1)
            for size in SIZES[:1] if arguments.quick else SIZES:
                for user in users:
                    for load in ("idle", "busy"):
                        work = busy_start(home) if load == "busy" else None
                        compare(commands, size, user, load, extra, arguments.seconds, home)
                        if work:
                            work.kill()
                            work.wait()
            count = sum(p.isdigit() for p in os.listdir("/proc"))
            print(f"\nfile system calls a process a refresh, {count} processes:")
            for name in ("flametop", "top", "htop"):
                calls = file_calls(commands[name], SIZES[0], home, count) if name in commands else None
                print(f"  {name:10} {'no strace' if calls is None else f'{calls:.2f}'}")
            for size in SIZES:
                p50, p99, n = key_latency(flametop, size, home)
                print(f"key to screen, {size[0]}x{size[1]}, +{extra} processes: p50 {p50:.1f} ms, p99 {p99:.1f} ms "
                      f"({n} keys; budget p99 16 ms)")
            end_all(idle)


main()
