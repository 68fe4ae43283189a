#!/usr/bin/env python3
"""Stacks sampled from real programs: shares that are known, threads, the kernel, code made at run time, rights.

FLAMETOP_BINARY is the program. Where the machine does not let it sample, a test is skipped with what flametop says.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import FLAMETOP, Skip, check, main  # noqa: E402  (its folder is not a package)

HOME = tempfile.mkdtemp(prefix="flametop-live-")
os.chmod(HOME, 0o755)

SPLIT = r"""
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile unsigned long sum;

__attribute__((noinline)) static void spin(unsigned long n) { for (unsigned long i = 0; i < n; i++) { sum += i; } }
__attribute__((noinline)) static void seventy(void) { spin(700000); sum++; }
__attribute__((noinline)) static void thirty(void) { spin(300000); sum++; }

__attribute__((noinline)) static void asks_kernel(void)
{
    char bytes[65536];
    if (getentropy(bytes, 256) == 0) { sum += (unsigned char)bytes[0]; }
}

static void *late(void *unused)
{
    prctl(PR_SET_NAME, "late-thread");
    for (;;) { seventy(); }
    return unused;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0;
    alarm(seconds > 0 ? (unsigned)seconds : 60);
    if (argc > 2) {
        usleep(1500000);
        pthread_t thread;
        pthread_create(&thread, NULL, late, NULL);
    }
    for (;;) {
        for (int i = 0; i < 10; i++) { seventy(); thirty(); }
        for (int i = 0; i < 200; i++) { asks_kernel(); }
    }
}
"""

NODE = """
function spin(n) { let s = 0; for (let i = 0; i < n; i++) { s = (s + i * 7) % 1000003; } return s; }
function seventy() { return spin(700000); }
function thirty() { return spin(300000); }
setTimeout(() => process.exit(0), 60000);
function turn() { for (let i = 0; i < 10; i++) { seventy(); thirty(); } setImmediate(turn); }
turn();
"""


def flame(*arguments, prefix=(), timeout=60):
    done = subprocess.run([*prefix, FLAMETOP, "flame", *arguments], capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False)
    done.errors = done.stderr.decode()
    return done


class Child:
    """A program that is ended with the block."""

    def __init__(self, *command, **options):
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      stdin=subprocess.DEVNULL, **options)
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def split_program():
    path = os.path.join(HOME, "split")
    if not os.path.exists(path):
        if shutil.which("cc") is None:
            raise Skip("there is no compiler")
        source = path + ".c"
        with open(source, "w", encoding="utf-8") as file:
            file.write(SPLIT)
        subprocess.run(["cc", "-O0", "-fno-omit-frame-pointer",
                        "-fno-optimize-sibling-calls", "-pthread", "-o", path, source], check=True)
    return path


def sampled(*arguments, **options):
    """The stacks: a list of (frames, weight), and what was said."""
    done = flame(*arguments, "--rate", "999", "-o", "-", **options)
    if done.returncode != 0 and re.search("perf_event|CAP_PERFMON", done.errors):
        raise Skip(done.errors.strip())
    check(done.returncode == 0, done.returncode, done.errors)
    stacks = []
    for line in done.stdout.decode().splitlines():
        frames, _, weight = line.rpartition(" ")
        stacks.append((frames.split(";"), float(weight)))
    return stacks, done.errors


def share(stacks, wanted, among):
    """Of the weight of stacks with a frame of `among`, how much has one of `wanted`, in per cent."""
    def has(frames, pattern):
        return any(re.search(pattern, frame) for frame in frames)
    whole = sum(weight for frames, weight in stacks if has(frames, among))
    part = sum(weight for frames, weight in stacks if has(frames, wanted))
    check(whole > 0, "no stack has", among, stacks[:5])
    return part / whole * 100


def wait_for(found, seconds=10):
    """What `found` answers, once it is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer
        time.sleep(0.05)
    return None


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def maps_in(folder):
    """The texts of the maps of code made at run time."""
    for name in os.listdir(folder):
        if name.startswith("perf-") and name.endswith(".map"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                yield file.read()


def check_split(stacks, wanted, among):
    """70 to 30, within 3 points, or what chance allows of few samples."""
    part = share(stacks, wanted, among)
    samples = sum(weight for _, weight in stacks) / (1e9 / 999)
    allowed = max(3, 4 * 100 * (0.7 * 0.3 / samples) ** 0.5)
    print(f"    seventy {part:.1f} %, {samples:.0f} samples")
    check(abs(part - 70) <= allowed, part, samples)


def test_live__a_known_split_is_seen_within_3_points():
    with Child(split_program()) as child:
        time.sleep(0.3)
        stacks, said = sampled("--pid", str(child.pid), "--for", "12s")
    check_split(stacks, "^seventy$", "^(seventy|thirty)$")
    check(any(frames[0] == "split" and frames[-2:] == ["seventy", "spin"] for frames, _ in stacks), stacks[:5])
    check(re.search(r"split \(\d+\): held after 12 s at 999 Hz, \d+ samples, \d+ lost", said), said)


def test_live__frames_of_the_kernel_have_names():
    with Child(split_program()) as child:
        stacks, said = sampled("--pid", str(child.pid), "--for", "6s")
    if "without the kernel's part" in said or "hides its names" in said:
        raise Skip(said.strip())
    kernel = [frames for frames, _ in stacks if any(re.search("sys_getrandom|get_random|chacha", f) for f in frames)]
    check(kernel, "no kernel frame", stacks[:10])
    check(all("main" in frames for frames in kernel), kernel[:3])


def test_live__threads_that_come_later_are_there():
    with Child(split_program(), "30", "late") as child:
        stacks, _ = sampled("--pid", str(child.pid), "--for", "4s")
    check(any(frames[0] == "late-thread" and frames[-1] == "spin" for frames, _ in stacks),
          {frames[0] for frames, _ in stacks})


def test_live__the_machine_has_the_process():
    with Child(split_program()) as child:
        stacks, said = sampled("--machine", "--for", "3s")
        check(child.child.poll() is None)
    check(any(frames[0] == "split" and frames[-1] == "spin" for frames, _ in stacks), said)


def test_live__goes_on_to_the_end_of_the_process():
    with Child(split_program(), "2") as child:
        start = time.monotonic()
        stacks, said = sampled("--pid", str(child.pid), "--for", "20s")
        check(time.monotonic() - start < 10, "it did not notice the end")
    check("it ended after" in said and stacks, said)


def test_live__node_is_seen_by_its_perf_map():
    if shutil.which("node") is None:
        raise Skip("there is no node")
    with Child("node", "--perf-basic-prof", "--no-turbo-inlining", "-e", NODE, cwd=HOME) as child:
        time.sleep(1)
        path = f"/tmp/perf-{child.pid}.map"
        try:
            stacks, _ = sampled("--pid", str(child.pid), "--for", "12s")
            check(os.path.exists(path), "node wrote no map")
        finally:
            os.unlink(path)
    check_split(stacks, r"^(JS|LazyCompile|Function|Script):.?seventy\b",
                r"^(JS|LazyCompile|Function|Script):.?(seventy|thirty)\b")


def test_live__a_container_has_its_own_map():
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("node") is None:
        raise Skip("it takes root, unshare and node")
    node = os.path.realpath(shutil.which("node"))
    with Child("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
               f"mount -t tmpfs none /tmp && exec {node} --perf-basic-prof --no-turbo-inlining -e \"$0\"",
               NODE, cwd=HOME) as outer:
        inner = wait_for(lambda: children(outer.pid))
        if not inner:
            raise Skip("unshare is not allowed here")
        own = os.path.join("/proc", inner[0], "root/tmp")
        check(wait_for(lambda: os.stat(own).st_dev != os.stat("/tmp").st_dev and
                       any("seventy" in text for text in maps_in(own)), 30), "node wrote no map")
        stacks, said = sampled("--pid", inner[0], "--for", "4s")
    names = {frame for frames, _ in stacks for frame in frames}
    check(any("seventy" in name for name in names), said, sorted(names)[:99])


def test_live__says_what_is_wrong():
    done = flame("--pid", "4194000")
    check(done.returncode == 1 and "there is no process 4194000" in done.errors, done.errors)
    check(done.errors.count("\n") == 1, done.errors)
    done = flame("--pid", "1", "--machine")
    check(done.returncode == 2 and "--machine" in done.errors, done.errors)
    done = flame()
    check(done.returncode == 2 and "--pid" in done.errors, done.errors)


def test_live__says_which_right_is_missing():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        raise Skip("it takes root to be somebody else")
    with open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as file:
        paranoid = int(file.read())
    if paranoid < 1:
        raise Skip(f"kernel.perf_event_paranoid is {paranoid}: everybody may")
    binary = shutil.copy(FLAMETOP, os.path.join(HOME, "flametop"))
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all",
              "--bounding-set=-all", "--no-new-privs")

    def refused(*arguments):
        return subprocess.run([*nobody, binary, "flame", *arguments, "--for", "1s"], capture_output=True, check=False,
                              timeout=30, cwd="/", env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    done = refused("--machine")
    check(done.returncode == 1 and b"perf_event_paranoid" in done.stderr, done)
    done = refused("--pid", str(os.getpid()))
    check(done.returncode == 1 and b"CAP_PERFMON" in done.stderr, done)
    if paranoid > 2:
        return
    program = shutil.copy(split_program(), os.path.join(HOME, "own"))
    with Child(*nobody, program) as child:  # one's own is allowed, without the kernel's part
        time.sleep(0.3)
        done = refused("--pid", str(child.pid), "-o", "-")
        check(done.returncode == 0 and b"seventy;spin" in done.stdout, done)
        check(paranoid < 2 or b"without the kernel's part" in done.stderr, done)


def leave_nothing():
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(globals(), after=[leave_nothing]))
