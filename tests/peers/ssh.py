#!/usr/bin/env python3
"""ssh:// against a real sshd on loopback, in a network namespace of its own: nothing outside sees it, and nothing of
the user's keys, hosts or configuration is used.

usage: ssh.py FLAMETOP [TEST...]
"""

import ctypes
import fcntl
import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from suite import Skip, check, check_sentence  # noqa: E402  (their folder is not a package)
from terminal import Pty, Tmux, environment  # noqa: E402

FLAMETOP = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
FOLDER = ""  # of everything here: keys, configuration, the home there
SSH = shutil.which("ssh")
SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
BEFORE = set(glob.glob("/tmp/flametop-????????????????????????????????"))
USER = pwd.getpwuid(os.getuid()).pw_name
PORT = 2222


# ---- the namespace and the server ------------------------------------------------------------------


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(struct.pack("16sh14x", b"lo", 0))
        fcntl.ioctl(any_socket, 0x8913, request)  # SIOCGIFFLAGS
        flags = struct.unpack_from("h", request, 16)[0]
        struct.pack_into("h", request, 16, flags | 1)  # IFF_UP
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def mount(source, target, kind, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, None) != 0:
        raise Skip(f"mount {target}: {os.strerror(ctypes.get_errno())}")


def enter():
    """Starts this program again in namespaces; there, makes them fit to run a server in."""
    if os.environ.get("FLAMETOP_IN_NAMESPACE") is None:
        root = os.getuid() == 0
        words = ["unshare", "--net", *(["--mount"] if root else ["--map-current-user", "--user"]),
                 sys.executable, os.path.abspath(__file__), *sys.argv[1:]]
        if subprocess.run(words[:words.index(sys.executable)] + ["true"], capture_output=True, check=False).returncode:
            raise Skip("no network namespace can be made here")
        os.environ["FLAMETOP_IN_NAMESPACE"] = "1"
        os.execvp(words[0], words)
    loopback_up()
    if os.getuid() == 0:  # sshd wants its user and its folder, which the package would have made
        mount("none", "/", "", 0x4000 | 0x40000)  # MS_REC | MS_PRIVATE
        with open("/etc/passwd", encoding="utf-8") as file:
            users = file.read()
        if "\nsshd:" not in users:
            with open(f"{FOLDER}/passwd", "w", encoding="utf-8") as file:
                file.write(users + "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
            mount(f"{FOLDER}/passwd", "/etc/passwd", "", 0x1000)  # MS_BIND
        mount("tmpfs", "/run", "tmpfs", 0)
        os.mkdir("/run/sshd", 0o755)


def make_key(name):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{FOLDER}/{name}"], check=True)
    with open(f"{FOLDER}/{name}.pub", encoding="ascii") as file:
        return file.read()


class Server:
    """sshd for one test. `has`: flametop is there."""

    def __init__(self, has=True, password=False):
        self.home = tempfile.mkdtemp(dir=FOLDER, prefix="home-")
        if has:
            os.makedirs(f"{self.home}/.local/bin")
            os.symlink(FLAMETOP, f"{self.home}/.local/bin/flametop")
        path = f"{self.home}/sshd_config"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""Port {PORT}
ListenAddress 0.0.0.0
MaxStartups 100
HostKey {FOLDER}/host
PidFile none
AuthorizedKeysFile {FOLDER}/authorized
StrictModes no
UsePAM no
PasswordAuthentication {"yes" if password else "no"}
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv HOME={self.home} PATH=/usr/bin:/bin
""")
        libraries = os.environ.get("FLAMETOP_PEERS", "") + "/usr/lib/x86_64-linux-gnu"
        self.child = subprocess.Popen([SSHD, "-D", "-e", "-f", path], stderr=subprocess.PIPE, start_new_session=True,
                                      env={**os.environ, "LD_LIBRARY_PATH": libraries})
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                    return
            time.sleep(0.05)
        self.child.kill()
        raise Skip("sshd does not start: " + self.child.stderr.read().decode()[:300])

    def sessions(self):
        """Its children: one a connection."""
        return children(self.child.pid)

    def cut(self):
        for pid in self.sessions():
            for each in (*descendants_named(pid, "sshd"), pid):
                kill(each)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self.child.kill()
        self.child.stderr.close()
        self.child.wait()


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def stat_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
    return name, rest[0], int(rest[1])


def children(pid):
    every = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return [one for one in every if (stat := stat_of(one)) and stat[2] == pid and stat[1] != "Z"]


def descendants_named(pid, name):
    for child in children(pid):
        yield from descendants_named(child, name)
        if (stat := stat_of(child)) and stat[0] == name:
            yield child


def ours():
    """Processes that a run of flametop here began: ssh and what it started there. Their environment names our folder."""
    found = []
    for entry in os.listdir("/proc"):
        stat = stat_of(entry) if entry.isdigit() else None
        if not stat or stat[1] == "Z" or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                own = FOLDER.encode() in file.read()
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if own and (stat[0] == "ssh" or b"--until-eof" in b" ".join(words)):
            found.append((int(entry), b" ".join(words)[:100]))
    return found


def litter():
    there = set(glob.glob("/tmp/flametop-????????????????????????????????")) - BEFORE
    return [*there, *glob.glob(f"{FOLDER}/run/*")]


def none_left(seconds=8):
    end = time.monotonic() + seconds
    while time.monotonic() < end and (ours() or litter()):
        time.sleep(0.1)
    return not ours() and not litter()


# ---- the client ------------------------------------------------------------------------------------


def client_environment(known=True, key="right", **changes):
    """A folder whose `ssh` uses our configuration alone. What it is given stands in words."""
    folder = tempfile.mkdtemp(dir=FOLDER, prefix="client-")
    hosts = f"{folder}/known_hosts"
    with open(hosts, "w", encoding="ascii") as file:
        with open(f"{FOLDER}/{'other' if known == 'other' else 'host'}.pub", encoding="ascii") as public:
            file.write(f"[127.0.0.*]:{PORT} {public.read()}" if known else "")
    with open(f"{folder}/config", "w", encoding="ascii") as file:
        file.write(f"UserKnownHostsFile {hosts}\nGlobalKnownHostsFile /dev/null\nIdentityFile {FOLDER}/{key}\n"
                   f"IdentitiesOnly yes\nIdentityAgent none\nUpdateHostKeys no\n"
                   # what a user may have and must not hurt
                   f"RequestTTY force\nRemoteCommand /bin/false\nControlMaster auto\nControlPersist 60\n"
                   f"ControlPath {folder}/master\nLogLevel QUIET\nForwardX11 yes\nForwardAgent yes\n")
    with open(f"{folder}/ssh", "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\necho "$@" >>{folder}/words\nexec {SSH} -F {folder}/config "$@"\n')
    os.chmod(f"{folder}/ssh", 0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": f"{FOLDER}/run", **changes}


TARGET = f"ssh://{USER}@127.0.0.1:{PORT}"


def run(*arguments, timeout=40, **changes):
    return subprocess.run([FLAMETOP, *arguments], capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          env=environment(**client_environment(**changes)), check=False)


# ---- tests -----------------------------------------------------------------------------------------


def test_snapshot__comes_through_ssh():
    with Server():
        start = time.monotonic()
        done = run("snapshot", "--format", "json", TARGET)
        took = time.monotonic() - start
        check(done.returncode == 0, done.stderr.decode())
        document = json.loads(done.stdout)
        check("system.cpu.utilization" in json.dumps(document), done.stdout[:300])
        check(none_left(), "left:", ours(), litter())
        print(f"    a snapshot over ssh took {took:.1f} s")


def test_check__answers_through_ssh():
    with Server():
        check(run("check", "system.cpu.logical.count > 0", TARGET).returncode == 0, "true is not 0")
        check(run("check", "system.cpu.logical.count > 100000", TARGET).returncode == 1, "false is not 1")
        check(none_left(), "left:", ours(), litter())


def test_screen__is_live_and_leaves_nothing():
    with Server():
        with Tmux(f"{FLAMETOP} {TARGET}", **client_environment()) as t:
            check(t.until(r"● live", r"Processes by CPU"), t.screen())
            t.keys("q")
            check(t.until(r"exit=0", seconds=8), t.screen())
            check(none_left(), "left:", ours(), litter())


def test_fleet__of_twelve_comes_and_goes():
    targets = f"ssh://{USER}@127.0.0.{{1..12}}:{PORT}"
    with Server():
        start = time.monotonic()
        done = run("check", "system.cpu.logical.count > 0", targets, timeout=60)
        check(done.returncode == 0 and done.stdout.count(b"true") == 12, done)
        check(none_left(), "left:", ours(), litter())
        print(f"    twelve were asked in {time.monotonic() - start:.1f} s")
        with Tmux(f"{FLAMETOP} {targets}", **client_environment()) as t:
            check(t.until(r"127\.0\.0\.12", seconds=30), t.screen())
            end = time.monotonic() + 20
            while len(ours()) < 24 and time.monotonic() < end:
                time.sleep(0.2)
            time.sleep(2)
            check(len(ours()) >= 24, len(ours()), t.screen())  # an ssh and an agent each
            start = time.monotonic()
            t.keys("q")
            check(t.until(r"exit=0", seconds=10), t.screen())
            print(f"    twelve were left in {time.monotonic() - start:.1f} s")
            check(none_left(), "left:", ours(), litter())


def test_killed__leaves_neither_ssh_nor_agent():
    with Server():
        with Pty(FLAMETOP, TARGET, width=120, height=40, **client_environment()) as p:
            check(p.until(rb"live"), p.complaint())
            check(len(ours()) >= 2, "nothing runs:", ours())
            start = time.monotonic()
            p.child.kill()
            check(p.wait() is not None, "it lives")
            end = time.monotonic() + 10
            while ours() and time.monotonic() < end:
                time.sleep(0.05)
            check(not ours(), "left:", ours())
            print(f"    after SIGKILL all had ended within {time.monotonic() - start:.1f} s")
        check(len(os.listdir(f"{FOLDER}/run")) == 1, os.listdir(f"{FOLDER}/run"))  # nobody was left to remove it
        os.utime(glob.glob(f"{FOLDER}/run/*")[0], (0, 0))
        check(run("check", "system.cpu.logical.count > 0", TARGET).returncode == 0, "after that")
        check(none_left(), "not swept by the next:", ours(), litter())


def test_cut__is_lost_and_comes_back():
    with Server() as server:
        with Tmux(f"{FLAMETOP} {TARGET}", **client_environment()) as t:
            check(t.until(r"● live"), t.screen())
            server.cut()
            check(t.until(r"lost", r"trying again", seconds=8), t.screen())
            check(t.until(r"● live", seconds=15), t.screen())
            t.keys("q")
            check(t.until(r"exit=0", seconds=8), t.screen())
            check(none_left(), "left:", ours(), litter())


def test_terminal__is_not_touched_by_ssh():
    """ssh has no terminal: it is in a session of its own, without one."""
    with Server():
        with Pty(FLAMETOP, TARGET, width=120, height=40, **client_environment()) as p:
            check(p.until(rb"live"), p.complaint())
            for pid, words in ours():
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                check(int(fields[4]) == 0, "has a terminal:", words)
            p.send("q")
            check(p.wait() == 0 and p.restored(), "not restored", p.complaint())


def test_key__wrong_is_a_sentence():
    with Server():
        start = time.monotonic()
        check_sentence(run("snapshot", TARGET, key="wrong"), 1, "does not let us in", f"ssh -p {PORT} {USER}@127.0.0.1")
        check(time.monotonic() - start < 8, "slow")


def test_password__is_never_asked_for():
    with Server(password=True):
        with Pty(FLAMETOP, TARGET, width=120, height=40, **client_environment(key="wrong")) as p:
            check(p.until(rb"does not let us in"), p.bytes[-2000:])
            check(b"assword:" not in p.bytes, "asked")
            p.send("q")
            check(p.wait() == 0, "does not end")


def test_host__unknown_is_a_sentence():
    with Server():
        check_sentence(run("snapshot", TARGET, known=False), 1, "does not know the host key", f"ssh -p {PORT}")


def test_host__changed_is_a_sentence():
    with Server():
        check_sentence(run("snapshot", TARGET, known="other"), 1, "is not the one that ssh knows", f"ssh -p {PORT}")


def test_server__not_there_is_a_sentence():
    check_sentence(run("check", "system.cpu.utilization >= 0", TARGET), 3, "no ssh server listens")


def test_server__mute_is_left_at_once():
    with socket.create_server(("127.0.0.1", PORT)):
        with Pty(FLAMETOP, TARGET, width=120, height=40, **client_environment()) as p:
            check(p.until(rb"ssh is connecting"), p.bytes[-500:])
            start = time.monotonic()
            p.send("q")
            check(p.wait() == 0 and time.monotonic() - start < 3, "slow:", time.monotonic() - start)
        check(none_left(2), "left:", ours(), litter())
        done = run("snapshot", TARGET)  # ssh gives up after 10 s
        check_sentence(done, 1, "does not answer")
        with Pty(FLAMETOP, TARGET, width=120, height=40, **client_environment()) as p:
            check(p.until(rb"ssh is connecting"), p.bytes[-500:])
            p.child.kill()
            p.wait()
            end = time.monotonic() + 14
            while ours() and time.monotonic() < end:
                time.sleep(0.1)
            check(not ours(), "left:", ours())
        for folder in glob.glob(f"{FOLDER}/run/*"):
            shutil.rmtree(folder)


def test_shells__of_every_kind_start_the_agent():
    if os.getuid() != 0:
        print("    only root can change the shell of a user: not tried")
        return
    with open("/etc/passwd", encoding="utf-8") as file:
        users = file.read()
    if not os.path.exists(f"{FOLDER}/passwd"):
        with open(f"{FOLDER}/passwd", "w", encoding="utf-8") as file:
            file.write(users)
        mount(f"{FOLDER}/passwd", "/etc/passwd", "", 0x1000)  # MS_BIND
    try:
        for shell in filter(None, map(shutil.which, ("sh", "bash", "zsh", "fish", "tcsh", "csh", "ksh"))):
            with open(f"{FOLDER}/passwd", "w", encoding="utf-8") as file:
                file.write(re.sub(rf"(?m)^({USER}:.*:)[^:]*$", rf"\g<1>{shell}", users))
            with Server():
                done = run("check", "system.cpu.logical.count > 0", TARGET)
                check(done.returncode == 0, shell, done)
                check(none_left(), shell, "left:", ours(), litter())
            with Server(has=False):
                check_sentence(run("check", "system.cpu.logical.count > 0", TARGET), 3, "there is no flametop on")
    finally:
        with open(f"{FOLDER}/passwd", "w", encoding="utf-8") as file:
            file.write(users)


def test_words__hostile_ones_are_refused():
    for target in ("ssh://-oProxyCommand=touch${IFS}x", "ssh://a@-oProxyCommand=x", "ssh://a b", "ssh://a'b", 'ssh://a"b',
                   "ssh://a;b", "ssh://$(x)", "ssh://a@b:0", "ssh://a@b:99999", "ssh://a@b:x", "ssh://", "ssh://@", "ssh://a@",
                   "ssh://a\nb", "ssh://a/b", "ssh://a|b", "ssh://" + "a" * 400, "ssh://[::1", "ssh://-p22@b", "ssh://a:b:c"):
        changes = client_environment()
        done = subprocess.run([FLAMETOP, "snapshot", target], capture_output=True, timeout=20, stdin=subprocess.DEVNULL,
                              env=environment(**changes), check=False)
        check_sentence(done, 1)
        check(not os.path.exists(changes["PATH"].split(":")[0] + "/words"), "ssh was started:", target)
    done = run("snapshot", "ssh://me:secret@host")
    check_sentence(done, 1, "a password in a target")
    check("secret" not in done.stderr.decode(), done.stderr)


def test_missing__says_how_to_put_it_there():
    with Server(has=False):
        check_sentence(run("snapshot", TARGET), 1, "there is no flametop on", "cat >.local/bin/flametop")
        check_sentence(run("check", "system.cpu.utilization >= 0", TARGET), 3, "there is no flametop on")


def test_missing__is_copied_after_a_question():
    with Server(has=False) as server:
        with Tmux(f"{FLAMETOP} {TARGET}", **client_environment()) as t:
            check(t.until(r"there is no flametop on", r"copy flametop \(.* MB\) to .*\?", seconds=15), t.screen())
            t.keys("n")
            check(t.until(r"nothing was done"), t.screen())
            check(not os.path.exists(f"{server.home}/.local"), "copied all the same")
            t.keys(":")
            t.text("accept")
            t.keys("Enter")
            check(t.until(r"copy flametop"), t.screen())
            t.keys("y")
            check(t.until(r"● live", r"Processes by CPU", seconds=30), t.screen())
            check(os.listdir(f"{server.home}/.local/bin") == ["flametop"], os.listdir(f"{server.home}/.local/bin"))
            t.keys("q")
            check(t.until(r"exit=0", seconds=8), t.screen())
            check(none_left(), "left:", ours(), litter())


def test_missing__is_copied_with_all_it_needs():
    """The portable file beside the program is what is copied; nothing of it comes from the libraries there."""
    folder = f"{FOLDER}/bin"
    os.mkdir(folder)
    shutil.copy(FLAMETOP, f"{folder}/flametop")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "portable.sh")
    subprocess.run(["sh", script, FLAMETOP, f"{folder}/flametop-portable"], check=True)
    with Server(has=False) as server:
        with Tmux(f"{folder}/flametop {TARGET}", **client_environment()) as t:
            check(t.until(r"copy flametop \(.* MB\) to .*\?"), t.screen())
            t.keys("y")
            check(t.until(r"● live", r"Processes by CPU", seconds=40), t.screen())
            foreign, seen = set(), 0
            for pid, words in ours():
                if b"/.cache/flametop/" in words:
                    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
                        files = {line.split()[-1] for line in file if "/" in line}
                    seen += 1
                    foreign |= {name for name in files if not name.startswith(f"{server.home}/.cache/flametop/")}
            check(seen == 1 and not {name for name in foreign if "lib" in name}, seen, foreign)
            t.keys("q")
            check(t.until(r"exit=0", seconds=8), t.screen())
            check(none_left(), "left:", ours(), litter())
        check(len(os.listdir(f"{server.home}/.cache/flametop")) == 1, os.listdir(f"{server.home}/.cache/flametop"))


def test_missing__what_does_not_run_there_is_not_left_there():
    folder = f"{FOLDER}/broken"
    os.mkdir(folder)
    shutil.copy(FLAMETOP, f"{folder}/flametop")
    with open(f"{folder}/flametop-portable", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho x: error while loading shared libraries: libx.so >&2\nexit 127\n")
    with Server(has=False) as server:
        with Tmux(f"{folder}/flametop {TARGET}", **client_environment()) as t:
            check(t.until(r"copy flametop"), t.screen())
            t.keys("y")
            check(t.until(r"does not run on .*: x: error while loading shared libraries"), t.screen())
        check(os.listdir(f"{server.home}/.local/bin") == [], os.listdir(f"{server.home}/.local/bin"))


def test_missing__read_only_is_not_asked():
    with Server(has=False):
        with Tmux(f"{FLAMETOP} --readonly {TARGET}", **client_environment()) as t:
            check(t.until(r"there is no flametop on"), t.screen())
            time.sleep(1)
            check("copy flametop" not in t.screen(), t.screen())


def test_system_agent__is_joined_by_root_and_left_alone_by_others():
    """/run is a folder of the namespace's own here. Not ssh's business, but only here is it nobody else's socket."""
    if os.getuid() != 0:
        print("    only root can be the system's agent: not tried")
        return
    agent = subprocess.Popen([FLAMETOP, "agent", "--until-eof", "--listen", "none", "-d", "0.5"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env=environment(XDG_RUNTIME_DIR=None))
    try:
        check(b"unix:/run/flametop/agent.sock" in agent.stdout.readline(), "it does not serve there")
        time.sleep(4)
        program = f"{FOLDER}/everybody/flametop"
        os.mkdir(os.path.dirname(program))
        shutil.copy(FLAMETOP, program)
        for path in (FOLDER, os.path.dirname(program), program):
            os.chmod(path, 0o755)
        for user, joined in ((None, True), (65534, False)):
            done = subprocess.run([program, "snapshot", "--for", "300ms", "--format", "json"], capture_output=True, timeout=20,
                                  stdin=subprocess.DEVNULL, env=environment(XDG_RUNTIME_DIR=None, HOME="/"), user=user, check=False)
            check(done.returncode == 0 and done.stderr == b"", user, done.stderr.decode())
            times = [int(ns) for source in json.loads(done.stdout)["history"] for ns in source["times_ns"]]
            check((max(times) - min(times) > 3e9) == joined, user, (max(times) - min(times)) / 1e9)
    finally:
        agent.stdin.close()
        agent.wait(10)
        agent.stdout.close()
    check(not os.path.exists("/run/flametop/agent.sock"), "its socket stays")


def main():
    global FOLDER
    tests = [(name, run_it) for name, run_it in globals().items() if name.startswith("test_")]
    wanted = sys.argv[2:]
    passed, failed = 0, 0
    try:
        if SSH is None or SSHD is None:
            raise Skip("no " + ("ssh" if SSH is None else "sshd"))
        if os.environ.get("FLAMETOP_IN_NAMESPACE") is not None:
            FOLDER = tempfile.mkdtemp(prefix="flametop-ssh-test-", dir="/var/tmp")
        enter()
        os.mkdir(f"{FOLDER}/run", 0o700)
        for key in ("host", "other", "right", "wrong"):
            public = make_key(key)
            if key == "right":
                with open(f"{FOLDER}/authorized", "w", encoding="ascii") as file:
                    file.write(public)
        Server().__exit__()
    except Skip as why:
        print(f"skipped ({why})\n0 passed, 0 failed, {len(tests)} skipped")
        return 0
    for name, run_it in tests:
        if wanted and name not in wanted:
            continue
        try:
            run_it()
            passed += 1
            print(f"passed   {name}", flush=True)
        except (AssertionError, subprocess.SubprocessError, OSError, ValueError):
            failed += 1
            print(f"FAILED   {name}\n{traceback.format_exc(limit=2)}", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
