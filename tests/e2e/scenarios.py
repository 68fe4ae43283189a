#!/usr/bin/env python3
"""Bottlenecks started for real, one after the other; flametop must name each with its culprit.

usage: scenarios.py FLAMETOP LOAD [NAME...]

FLAMETOP looks for 8 s after the load began, so whatever it says it said within 10 s. LOAD is the helper of
load.c. Each scenario is bounded, and ends what it started by its process id. What a machine does not have
(root, a memory controller) is skipped with the reason. Silence is a scenario too: an idle machine has
nothing unusual.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LOOK = "8s"
GROUP = "/sys/fs/cgroup/memory/flametop-scenario"
GROUP_V2 = "/sys/fs/cgroup/flametop-scenario"
DD = ("dd", "if=/dev/zero", "bs=16M", "count=1500", "oflag=direct,dsync")
GROUP_LIMIT = 192 << 20


class Skip(Exception):
    """Why a scenario cannot run here."""


class Scenario:
    """What one scenario started, and how it is ended."""

    def __init__(self, flametop, load):
        self.flametop, self.load = flametop, load
        self.children, self.undo = [], []

    def start(self, *command, **options):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True, **options)
        self.children.append(child)
        return child

    def folder(self):
        path = tempfile.mkdtemp(prefix="flametop-scenario-", dir="/var/tmp")
        self.undo.append(lambda: shutil.rmtree(path, ignore_errors=True))
        return path

    def look(self, span=LOOK, user=None):
        command = [self.flametop, "snapshot", "--for", span, "--format", "json"]
        if user:
            command = ["setpriv", "--reuid", user, "--clear-groups", *command]
        done = subprocess.run(command, capture_output=True, timeout=30, check=True)
        return json.loads(done.stdout)

    def end(self):
        for child in self.children:
            try:
                os.killpg(child.pid, signal.SIGKILL)  # the session is its own
            except ProcessLookupError:
                pass
            child.wait()
        for undo in reversed(self.undo):
            undo()


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def found(picture, *kinds):
    return [f for f in picture["findings"] if f["id"].split(":")[0] in kinds]


def expect(picture, kinds, pids=None, subject=None):
    """The finding of one of the kinds; None when it is not there or blames somebody else. It need not be the
    worst: the machine may have other work."""
    for finding in found(picture, *kinds):
        right_one = pids is None or finding.get("culprit_pid") in pids
        right_place = subject is None or finding["id"].endswith(":" + subject)
        if right_one and right_place:
            return finding
    return None


# ---- scenarios: each answers (picture, finding or None) ------------------------------------------


def need_room(picture):
    """Whether one thread is at its end cannot be told on a machine that others fill."""
    for finding in found(picture, "cpu.saturated"):
        raise Skip(f"the machine has other work: {finding['sentence']}")


def idle(s):
    """Nothing unusual on a machine that does nothing (as far as it does)."""
    picture = s.look()
    need_room(picture)
    loud = [f for f in picture["findings"] if f["level"] not in ("normal", "info")]
    return picture, None if loud else {"sentence": "nothing unusual: looked at " + picture["looked_at"]}


def cpu_hog(s):
    child = s.start(s.load, "spin", str(os.cpu_count() * 2), "100")
    picture = s.look()
    return picture, expect(picture, ["cpu.saturated"], [child.pid])


def one_thread(s):
    if os.cpu_count() < 2:
        raise Skip("needs two cores")
    child = s.start(s.load, "thread", "6")
    picture = s.look()
    need_room(picture)
    finding = expect(picture, ["cpu.one_thread"], [child.pid])
    return picture, finding if finding and "spinner" in finding["sentence"] else None


def one_process(s):
    if os.cpu_count() < 2:
        raise Skip("needs two cores")
    child = s.start(s.load, "spin", "1", "100")
    picture = s.look()
    need_room(picture)
    return picture, expect(picture, ["cpu.one_thread"], [child.pid])


def make_group(s):
    need_root()
    if os.path.exists("/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        group, limit = GROUP, "memory.limit_in_bytes"
    elif "memory" in open("/sys/fs/cgroup/cgroup.subtree_control", encoding="ascii").read().split() \
            if os.path.exists("/sys/fs/cgroup/cgroup.subtree_control") else False:
        group, limit = GROUP_V2, "memory.max"
    else:
        raise Skip("no memory controller under /sys/fs/cgroup")
    try:
        os.makedirs(group, exist_ok=True)
        with open(f"{group}/{limit}", "w", encoding="ascii") as file:
            file.write(str(GROUP_LIMIT))
    except OSError as error:
        raise Skip(f"the memory controller does not let us: {error}") from error

    def remove():
        for _ in range(50):
            try:
                return os.rmdir(group)
            except OSError:
                time.sleep(0.1)
        return print(f"scenarios: {group} could not be removed")

    s.undo.append(remove)
    return group


def start_in_group(s, group, *command):
    """The shell moves itself into the group and becomes the command: same process id."""
    child = s.start("sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh", *command)
    time.sleep(0.3)  # a process's group is read now and then only: let it be there first
    return child


def memory_limit(s):
    """Holds most of its limit and thrashes on what is left."""
    group = make_group(s)
    path = s.folder() + "/read"
    with open(path, "wb") as file:
        file.truncate(0)
        file.write(os.urandom(1 << 20) * 96)
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    child = start_in_group(s, group, s.load, "hold", str(GROUP_LIMIT - (8 << 20)), path)
    picture = s.look()
    return picture, expect(picture, ["memory.group_limit"], [child.pid], os.path.basename(group))


def memory_killed(s):
    """Grows until the kernel kills it for its limit, again and again."""
    group = make_group(s)
    child = s.start("sh", "-c", f'echo $$ >{group}/cgroup.procs; while :; do "$0" grow {64 << 20}; done', s.load)
    picture = s.look()
    finding = expect(picture, ["memory.group_limit"], subject=os.path.basename(group))
    names = (os.path.basename(s.load)[:15] + " (", f"sh ({child.pid})")
    return picture, finding if finding and (finding["culprit"] or "").startswith(names) else None


def dd_fsync(s):
    """One dd that syncs each block."""
    child = s.start(*DD, f"of={s.folder()}/out")
    picture = s.look()
    return picture, expect(picture, ["disk.saturated", "io.waiting"], [child.pid])


def dd_loop(s):
    """Many that come and go: whoever starts them is to blame, or the one that is there."""
    path = s.folder() + "/out"
    child = s.start("sh", "-c", f"while :; do dd if=/dev/zero of={path} bs=1M count=128 conv=fsync; done")
    picture = s.look()
    finding = expect(picture, ["disk.saturated", "io.waiting"])
    return picture, finding if finding and (finding.get("culprit_pid") == child.pid or
                                            (finding.get("culprit") or "").startswith("dd (")) else None


def fork_storm(s):
    child = s.start(s.load, "forks", "2000")
    picture = s.look()
    return picture, expect(picture, ["process.fork_storm"], [child.pid])


def full_tmpfs(s):
    need_root()
    path = s.folder()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path], capture_output=True,
                      check=False).returncode != 0:
        raise Skip("may not mount")
    s.undo.append(lambda: subprocess.run(["umount", path], check=False))
    s.start("dd", "if=/dev/zero", f"of={path}/fill", "bs=1M").wait()
    picture = s.look()
    return picture, expect(picture, ["filesystem.full"], subject=path)


def unprivileged_disk(s):
    """Who may not read others' I/O says so, and does not blame a bystander."""
    need_root()
    s.start(*DD, f"of={s.folder()}/out")
    picture = s.look(user="65534")
    finding = expect(picture, ["disk.saturated", "io.waiting"])
    return picture, finding if finding and finding["culprit"] == "unknown: needs root" else None


SCENARIOS = [idle, cpu_hog, one_process, one_thread, memory_limit, memory_killed, dd_fsync, dd_loop, fork_storm,
             full_tmpfs, unprivileged_disk]


def main():
    flametop, load = (os.path.abspath(path) for path in sys.argv[1:3])
    names = sys.argv[3:]
    passed = failed = skipped = 0
    for scenario in SCENARIOS:
        if names and scenario.__name__ not in names:
            continue
        s = Scenario(flametop, load)
        try:
            picture, finding = scenario(s)
        except Skip as why:
            skipped += 1
            print(f"skipped  {scenario.__name__}: {why}", flush=True)
            continue
        finally:
            s.end()
        passed += finding is not None
        failed += finding is None
        print(f"{'passed' if finding else 'FAILED'}   {scenario.__name__}: "
              f"{finding['sentence'] if finding else 'not named'}", flush=True)
        for other in picture["findings"]:
            if other is not finding:
                print(f"           also {other['impact']}  {other['id']}: {other['sentence']}", flush=True)
        time.sleep(1)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
