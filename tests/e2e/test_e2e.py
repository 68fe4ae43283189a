#!/usr/bin/env python3
"""The real program in real terminals: keys, sizes, signals, terminals of all kinds, files, rights.

FLAMETOP_BINARY is the program. Each test is a function test_*; what it asserts is in its first line. Names on the
command line run those alone.
"""

import csv
import io
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import FLAMETOP, Skip, check, check_sentence, main, run  # noqa: E402  (their folder is not a package)
from terminal import HOME, Pty, Tmux, environment  # noqa: E402


# ---- the screen -----------------------------------------------------------------------------------


def test_start__shows_cards_within_seconds():
    start = time.monotonic()
    with Tmux(FLAMETOP) as t:
        check(t.until(r"CPU ─", r"Memory ─", r"Disk ─", r"Network ─", r"Processes by CPU", r"● live"), t.screen())
        check(time.monotonic() - start < 10, "slow")


def test_config__mistakes_are_said_on_the_screen():
    folder = tempfile.mkdtemp(dir=HOME)
    os.mkdir(f"{folder}/flametop")
    with open(f"{folder}/flametop/config.yml", "w", encoding="utf-8") as file:
        file.write("intervall: 2s\nview: nowhere\n")
    with Tmux(FLAMETOP, XDG_CONFIG_HOME=folder, width=160) as t:
        check(t.until(r"config.yml: 2 mistakes are ignored; flametop check-config"), t.screen())
        t.keys("Down")
        time.sleep(1)
        check("check-config" not in t.screen(), "the notice stays", t.screen())


def test_start__opens_the_view_that_is_named():
    for view, pattern in (("flame", r"No profile is open"), ("fleet", r"One target is watched"), ("metrics", r"system\.")):
        with Tmux(f"{FLAMETOP} --view {view}") as t:
            check(t.until(pattern, seconds=10), view, t.screen())


def test_keys__open_the_views():
    with Tmux(FLAMETOP) as t:
        check(t.until(r"Memory ─"))
        for key, pattern in (("2", r"CORE +USE"), ("3", r"PID USER +S NAME"), ("8", r"looked at|culprit|▲|◆|i  "),
                             ("9", r"METRIC +.*VALUE"), ("1", r"Processes by CPU")):
            t.keys(key)
            check(t.until(pattern, seconds=5), f"view {key}", t.screen())
        t.keys("?")
        check(t.until(r"Help: .*Esc close", r"Everywhere", seconds=5), "help", t.screen())
        t.keys("Escape")
        time.sleep(0.3)
        check("Esc close" not in t.screen(), "help stays")
        t.keys(":")
        check(t.until(r"command:", seconds=5), "prompt", t.screen())
        t.keys("Escape")
        t.keys("q")
        check(t.until(r"exit=0", seconds=5), "quit", t.screen())


def test_keys__filter_sort_and_tree():
    with Tmux(FLAMETOP) as t:
        check(t.until(r"Memory ─"))
        t.keys("3")
        check(t.until(r"PID USER"), t.screen())
        t.keys("f")
        check(t.until(r"filter:"))
        t.text(f"pid={os.getpid()}")
        t.keys("Enter")
        check(t.until(rf"\n +1 of \d+ +filter: pid={os.getpid()}", rf"\n +{os.getpid()} "), t.screen())
        t.keys("t")
        check(t.until(r"filter: pid=\d+ +tree"), t.screen())
        t.keys("t")
        t.keys("M")
        t.keys("Escape")
        t.keys("q")
        check(t.until(r"exit=0", seconds=5), t.screen())


def test_time__pause_back_and_live():
    with Tmux(FLAMETOP) as t:
        check(t.until(r"Memory ─"))
        time.sleep(2.2)
        t.keys("Space")
        check(t.until(r"‖ \d\d:\d\d:\d\d"), t.screen())
        t.keys("[")
        check(t.until(r"‖ \d\d:\d\d:\d\d \(−\d+ s\)  r live"), t.screen())
        before = re.search(r"‖ (\S+)", t.screen())[1]
        time.sleep(1.3)
        check(re.search(r"‖ (\S+)", t.screen())[1] == before, "the past moves")
        t.keys("r")
        check(t.until(r"● live"), t.screen())


def test_save__by_key_writes_a_snapshot_that_opens():
    folder = tempfile.mkdtemp(dir=HOME)
    path = f"{folder}/kept.json"
    with Tmux(f"sh -c 'cd {folder} && {FLAMETOP}'") as t:
        check(t.until(r"Memory ─"))
        time.sleep(1.2)
        t.keys("s")
        check(t.until(r"save as: flametop-\S+\.json"), t.screen())
        t.keys("C-u")
        t.text(path)
        t.keys("Enter")
        check(t.until(r"saved"), t.screen())
        with open(path, encoding="utf-8") as file:
            check(json.load(file)["schema"] == 1)
        check(os.listdir(folder) == ["kept.json"], os.listdir(folder))
        t.keys("s")
        check(t.until(r"save as:"))
        t.keys("C-u")
        t.text("/nonexistent/kept.json")
        t.keys("Enter")
        check(t.until(r"No such file"), t.screen())
    with Tmux(f"{FLAMETOP} {path}") as t:
        check(t.until(r"‖ \d\d:\d\d:\d\d", r"CPU ─", r"Memory ─"), t.screen())
        t.keys("3")
        check(t.until(r"PID USER"), t.screen())
        t.keys("q")
        check(t.until(r"exit=0", seconds=5), t.screen())


def test_resize__storm_ends_in_a_whole_picture():
    with Pty(FLAMETOP) as p:
        check(p.until(rb"Memory"))
        sizes = [(0, 0), (1, 1), (500, 200), (2, 200), (500, 1), (12, 3), (40, 12), (79, 23), (80, 24), (200, 50)]
        for _ in range(6):
            for width, height in sizes:
                p.resize(width, height)
                p.read(0.02)
        for key in "1239?":
            for width, height in sizes[:6]:
                p.send(key)
                p.resize(width, height)
                p.read(0.03)
        p.read(0.5)
        p.resize(80, 24)
        p.send("\x1b1")
        p.read(0.3)
        p.send("1")
        p.resize(100, 30)
        check(p.until(rb"Memory"), "no picture after the storm")
        check(p.child.poll() is None, "gone")
        p.send("\x03")
        check(p.wait() == 0, "exit")
        check(p.restored(), "line discipline")


def test_resize__in_tmux_fills_the_screen():
    with Tmux(FLAMETOP) as t:
        check(t.until(r"Memory ─"))
        for width, height in ((200, 50), (80, 24), (40, 12), (120, 36)):
            t.resize(width, height)
            check(t.until(r"●", r"CPU"), "no picture at", width, height, t.screen())
            widest = max(len(line.rstrip()) for line in t.screen().split("\n"))
            check(widest <= width, "too wide at", width, height, widest)


# ---- signals and terminals that go ------------------------------------------------------------------


def test_stop__gives_the_terminal_back_and_continues():
    with Pty("bash", "--norc", "--noprofile", "-i", errors=None, PS1="ready> ") as p:
        check(p.until(rb"ready> "))
        p.send(f"{FLAMETOP}\n")
        check(p.until(rb"Memory"), "start")
        p.send("\x1a")
        check(p.until(rb"\x1b\[\?1049l"), "leaves the alternate screen")
        check(p.until(rb"Stopped"), "stops")
        p.send("stty -a | tr ' ;' '\\n\\n' | grep -c '^echo$'\n")
        check(p.until(rb"[\r\n]1\r"), "echo is on again")
        p.send("fg\n")
        check(p.until(rb"\x1b\[\?1049h"), "enters it again")
        check(p.until(rb"Memory"), "draws all again")
        p.send("q")
        check(p.until(rb"\x1b\[\?1049l"), "quits")
        p.send("echo code=$?\n")
        check(p.until(rb"code=0\r"), "exit code")


def end_by(number, code):
    with Pty(FLAMETOP) as p:
        check(p.until(rb"Memory"))
        os.kill(p.child.pid, number)
        check(p.wait(5) in code, "exit code", p.child.poll())
        check(b"\x1b[?1049l" in p.bytes and b"\x1b[?25h" in p.bytes[p.bytes.rindex(b"\x1b[?1049h"):], "screen")
        check(p.restored(), "line discipline")


def test_hangup__exits_and_restores():
    end_by(signal.SIGHUP, (0, 1, -signal.SIGHUP, 128 + signal.SIGHUP))


def test_terminate__exits_and_restores():
    end_by(signal.SIGTERM, (0, 1, -signal.SIGTERM, 128 + signal.SIGTERM))


def test_interrupt__exits_and_restores():
    end_by(signal.SIGINT, (0, 1, -signal.SIGINT, 128 + signal.SIGINT))


def test_terminal_gone__exits_soon_without_burning():
    p = Pty(FLAMETOP)
    check(p.until(rb"Memory"))
    # Not as session leader with a controlling terminal alone: the hang-up may be ignored by a parent.
    os.close(p.slave)
    os.close(p.master)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    try:
        p.child.wait(5)
    finally:
        p.close()
    check(time.monotonic() - start < 2.5, "took", time.monotonic() - start)
    check(p.child.returncode >= 0 or p.child.returncode == -signal.SIGHUP, p.child.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    check(after.ru_utime - before.ru_utime < 10, "burns")


def test_terminal_gone__also_when_hangup_is_ignored():
    p = Pty("sh", "-c", 'trap "" HUP; exec "$0"', FLAMETOP)
    check(p.until(rb"Memory"))
    os.close(p.slave)
    os.close(p.master)
    start = time.monotonic()
    try:
        p.child.wait(5)
    finally:
        p.close()
    check(time.monotonic() - start < 2.5, "took", time.monotonic() - start)


# ---- terminals of all kinds --------------------------------------------------------------------------


def shows(*arguments, without=(), env=None, seconds=1.5):
    """Runs on a pty of 80x24 and answers its bytes; nothing of `without` is among them."""
    with Pty(FLAMETOP, *arguments, **(env or {})) as p:
        check(p.until(rb"CPU"), env, p.bytes[-300:])
        p.read(seconds)
        p.send("q")
        check(p.wait() == 0, f"exit {p.child.poll()} with {env}: {p.complaint()}")
        check(p.restored(), "line discipline")
    for pattern in without:
        check(not re.search(pattern, p.bytes), env, "sends", pattern, re.search(pattern, p.bytes))
    return p.bytes


NOT_ASCII = rb"[\x80-\xff]"
COLOUR = rb"\x1b\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]"  # 39 and 49 are the terminal's own


def test_vt220__gets_no_colour_and_little():
    got = shows(env={"TERM": "vt220"}, without=[COLOUR, rb"\x1b\[\?1049"], seconds=1)
    check(len(got) < 12000, "bytes", len(got))


def test_slow_link__first_picture_is_small():
    with Pty("sh", "-c", 'stty ospeed 9600 ispeed 9600 2>/dev/null; exec "$0" --slow-link', FLAMETOP, TERM="vt220") as p:
        check(p.until(rb"CPU"))
        p.read(1.5)
        check(len(p.bytes) < 6000, "bytes", len(p.bytes))  # a second one may follow at once, for the rates
        p.send("q")
        check(p.wait() == 0)


def test_dumb__has_no_colour():
    shows(env={"TERM": "dumb"}, without=[COLOUR, NOT_ASCII], seconds=1)


def test_unknown_terminal__works():
    shows(env={"TERM": "unknown-thing"}, seconds=0.5)


def test_no_term__works():
    shows(env={"TERM": None}, seconds=0.5)


def test_linux_console__has_no_braille():
    shows(env={"TERM": "linux"}, without=[rb"\xe2[\xa0-\xa3][\x80-\xbf]"], seconds=1)


def test_no_color__has_attributes_only():
    shows(env={"NO_COLOR": "1"}, without=[COLOUR], seconds=1)


def test_locale_c__is_ascii():
    shows(env={"LC_ALL": "C"}, without=[NOT_ASCII], seconds=1)


def test_locale_unknown__works():
    shows(env={"LC_ALL": "xx_YY.nothing"}, seconds=0.5)


def test_themes__are_suggested():
    check_sentence(run("--theme", "lite", "snapshot"), 2, "lite: no such theme", "did you mean light?")


def test_themes_and_depths__work():
    for arguments in (["--theme", "light"], ["--theme", "mono"], ["--colours", "true"], ["--colours", "8"],
                      ["--glyphs", "ascii"]):
        shows(*arguments, seconds=0.2)


def test_true_colour__is_sent_where_the_terminal_says_so():
    got = shows(env={"COLORTERM": "truecolor"}, seconds=0.5)
    check(re.search(rb"\x1b\[[0-9;]*38[;:]2[;:]", got), "no 24-bit colour")


# ---- without a terminal ---------------------------------------------------------------------------------


def test_no_terminal__prints_one_text_snapshot():
    done = run()
    check(done.returncode == 0, done.stderr)
    text = done.stdout.decode()
    check(text.startswith(" flametop  ") and text.count(" ● live ") == 1 and "Memory" in text and "\x1b" not in text, text[:300])


def test_plain__prints_lines_only():
    with Pty(FLAMETOP, "--plain") as p:
        check(p.until(rb"\d\d:\d\d:\d\d \w+: [^\r\n]+\r\n"))
        p.send("\x03")
        check(p.wait(5) is not None)
        check(b"\x1b" not in p.bytes, "escapes", p.bytes[:200])
    child = subprocess.Popen([FLAMETOP, "--plain"], stdout=subprocess.PIPE, env=environment())
    line = child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    child.stdout.read()
    child.wait(10)
    check(re.match(rb"\d\d:\d\d:\d\d \w+: .*\n", line), line)


def test_plain__stops_by_key_and_ends_with_its_reader():
    # A process group of its own that is not orphaned: the kernel stops no other by SIGTSTP.
    child = subprocess.Popen([FLAMETOP, "--plain", "--interval", "60s"], stdout=subprocess.PIPE, env=environment(),
                             process_group=0)
    try:
        child.stdout.readline()
        child.send_signal(signal.SIGTSTP)
        end = time.monotonic() + 5
        while (stopped := os.waitpid(child.pid, os.WUNTRACED | os.WNOHANG))[0] == 0 and time.monotonic() < end:
            time.sleep(0.05)
        check(os.WIFSTOPPED(stopped[1]), "SIGTSTP does not stop it")
        child.send_signal(signal.SIGCONT)
        time.sleep(1.5)  # the second picture, with the first rates, comes soon
        child.stdout.close()
        child.wait(5)  # long before the next picture
    finally:
        child.kill()


def test_arguments__bad_ones_are_one_sentence():
    check_sentence(run("--frob"), 2, "--frob")
    check_sentence(run("--intervall", "2s"), 2, "--interval")
    check_sentence(run("-d", "soon"), 2)
    check_sentence(run("snapshot", "--format", "pdf"), 2, "json", "text", "ansi")
    check_sentence(run("no-such-file.json"), 2, "no-such-file.json")
    check_sentence(run("snapshot", "-o", HOME + "/x.pdf"), 2, "x.pdf", "--format", "json", "text", "ansi")
    check(not os.path.exists(HOME + "/x.pdf"), "a refused file was written")
    check_sentence(run("snapshot", "--count", "-1"), 2)


def test_configuration__bad_ones_say_where():
    path = os.path.join(HOME, "bad.yml")
    with open(path, "w", encoding="ascii") as file:
        file.write("intervall: 2s\n")
    check_sentence(run("--config", path, "snapshot"), 2, "bad.yml:1:1", "interval")
    done = run("check-config", path)
    check(done.returncode != 0, "check-config accepts it")
    check_sentence(run("--config", HOME + "/none.yml", "snapshot"), 2, "none.yml")


def test_output__that_cannot_be_written_is_one_sentence():
    check_sentence(run("snapshot", "-o", "/nonexistent/x.json"), 1, "/nonexistent/x.json", "No such file")
    check_sentence(run("snapshot", "-o", "/proc/x.json"), 1, "/proc/x.json")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([FLAMETOP, "snapshot"], stdout=full, stderr=subprocess.PIPE, env=environment(),
                              timeout=20, check=False)
    check(done.returncode == 1 and done.stderr.count(b"\n") == 1, done.stderr)


def test_snapshot__of_a_snapshot_is_the_same():
    first, second = HOME + "/first.json", HOME + "/second.json"
    check(run("snapshot", "--for", "1200ms", "--interval", "400ms", "-o", first).returncode == 0)
    check(run("snapshot", first, "-o", second).returncode == 0)
    with open(first, encoding="utf-8") as a, open(second, encoding="utf-8") as b:
        for line_a, line_b in itertools.zip_longest(a, b):
            check(line_a == line_b, "differs:", line_a, line_b)
    check(not [name for name in os.listdir(HOME) if name.endswith((".tmp", "~"))], os.listdir(HOME))


def test_snapshot__metrics_please_promtool():
    page = run("snapshot", "--format", "prometheus", "--for", "300ms").stdout
    check(page.startswith(b"# HELP "), page[:200])
    if shutil.which("promtool") is None:
        raise Skip("no promtool: apt install prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    check(done.returncode == 0 and done.stdout + done.stderr == b"", done.stdout, done.stderr)


def test_snapshot__csv_has_one_head():
    done = run("snapshot", "--format", "csv", "--count", "2", "--interval", "300ms", "--for", "300ms")
    rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))
    check(rows[0] == ["metric", "labels", "value", "unit", "time"], rows[0])
    check(all(len(row) == 5 for row in rows) and rows.count(rows[0]) == 1, "rows")
    check(len({row[4] for row in rows[1:]}) == 2, "two moments")
    check_sentence(run("snapshot", "--format", "csv", "-p", "1"), 2, "-p", "csv shows no processes")
    check_sentence(run("snapshot", "--format", "prometheus", "--count", "2"), 2, "--count", "csv")


def test_snapshot__counts():
    done = run("snapshot", "--format", "json", "--count", "3", "--interval", "300ms", "--for", "300ms")
    lines = done.stdout.decode().splitlines()
    check(len(lines) == 3, len(lines))
    times = [int(json.loads(line)["time_ns"]) for line in lines]
    check(times == sorted(set(times)), times)


def test_file__damaged_ones_are_refused():
    path = HOME + "/cut.json"
    check(run("snapshot", "--for", "300ms", "-o", HOME + "/whole.json").returncode == 0)
    with open(HOME + "/whole.json", "rb") as file:
        text = file.read()
    for cut in (0, 1, len(text) // 2, len(text) - 3):
        with open(path, "wb") as file:
            file.write(text[:cut])
        check_sentence(run("snapshot", path), 1, "cut.json")


# ---- other people's text, other people's rights ------------------------------------------------------------

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J\x7f"


def hostile_child():
    """A process whose name and arguments are escape sequences."""
    return subprocess.Popen([sys.executable, "-c", "import ctypes, sys, time\n"
                             "ctypes.CDLL(None).prctl(15, b'\\x1b[31mE\\x07\\x9b2J\\n', 0, 0, 0)\n"
                             "print('ready', flush=True)\ntime.sleep(60)", HOSTILE], stdout=subprocess.PIPE)


def test_hostile_names__never_reach_the_terminal():
    child = hostile_child()
    try:
        child.stdout.readline()
        with Pty(FLAMETOP, "--view", "processes", "-p", str(child.pid), width=200, height=40) as p:
            check(p.until(str(child.pid).encode()))
            p.read(1.5)
            p.send("\r")
            p.read(1)
            check(b"]0;owned" in p.bytes or b"owned" in p.bytes, "the command line is not shown")
            for raw in (b"\x1b]0;owned", b"\x9b2J", b"\x1b[31mE", b"\x1b[31mred", b"\x07"):
                check(raw not in p.bytes, "raw", raw)
            p.send("\x03")
            check(p.wait() == 0)
        done = run("snapshot", "-p", str(child.pid), COLUMNS="200")
        check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), "control characters in the text snapshot")
        done = run("snapshot", "--format", "json")
        check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), "control characters in JSON")
        json.loads(done.stdout)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def as_nobody(program):
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        raise Skip("no setpriv")
    probe = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "--version"],
                           capture_output=True, check=False, env=environment(HOME="/nonexistent"))
    if probe.returncode != 0:
        # The build tree may be closed to others: a copy is not.
        raise Skip("nobody may not run " + program)
    return ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


def open_copy():
    """The program where anybody may run it."""
    folder = tempfile.mkdtemp(prefix="flametop-e2e-open-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    return folder, shutil.copy(FLAMETOP, folder)


def test_unprivileged__shows_what_it_may():
    folder, program = open_copy()
    try:
        prefix = as_nobody(program)
        done = run("snapshot", "--format", "json", prefix=prefix, program=program, HOME="/nonexistent")
        check(done.returncode == 0, done.stderr)
        picture = json.loads(done.stdout)
        table = next(table for table in picture["tables"] if table["name"] == "processes")
        columns = {column["name"]: column["values"] for column in table["columns"]}
        first = columns["process.pid"].index(1)
        check(columns["process.name"][first], "pid 1 has no name")
        if os.geteuid() == 0:
            check(columns["process.disk.read"][first] is None, "denied is unknown, not", columns["process.disk.read"][first])
        with Pty(*prefix, program, HOME="/nonexistent") as p:
            check(p.until(rb"Memory"))
            p.send("q")
            check(p.wait() == 0)
    finally:
        shutil.rmtree(folder)


def test_hidden_processes__only_the_own_are_there():
    """With hidepid=2 the other folders are not listed; here a /proc of links to the system's files and to our own."""
    root = tempfile.mkdtemp(dir=HOME)
    for name in ("stat", "meminfo", "loadavg", "uptime", "vmstat", "diskstats", "net", "self", "mounts", "sys"):
        os.symlink(f"/proc/{name}", f"{root}/{name}")
    os.symlink(f"/proc/{os.getpid()}", f"{root}/{os.getpid()}")
    done = run("--proc", root, "snapshot", "--format", "json")
    check(done.returncode == 0, done.stderr)
    picture = json.loads(done.stdout)
    table = next(table for table in picture["tables"] if table["name"] == "processes")
    columns = {column["name"]: column["values"] for column in table["columns"]}
    check(columns["process.pid"] == [os.getpid()], columns["process.pid"])
    states = {source["name"]: source["state"] for source in picture["sources"]}
    check(states["cpu"] == "ok", states)


def test_empty_roots__do_not_stop_it():
    root = tempfile.mkdtemp(dir=HOME)
    done = run("--proc", root, "--sys", root, "--cgroup", root, "snapshot")
    check(done.returncode == 0 and b"flametop" in done.stdout, done.stderr)


def test_roots__that_are_not_there_are_named():
    for flag in ("--proc", "--sys", "--cgroup"):
        check_sentence(run(flag, "/nonexistent", "snapshot"), 1, flag, "/nonexistent", "No such file")
        check_sentence(run(flag, "/etc/passwd", "snapshot"), 1, flag, "Not a directory")


def test_wanted__processes_are_chosen_in_every_format():
    pid = str(os.getpid())
    picture = json.loads(run("snapshot", "-p", pid, "--format", "json", "--for", "300ms").stdout)
    table = next(table for table in picture["tables"] if table["name"] == "processes")
    columns = {column["name"]: column["values"] for column in table["columns"]}
    check(columns["process.pid"] == [int(pid)] and table["rows"] == 1 < table["total"], columns["process.pid"])
    for format in ("text", "ansi"):
        shown = run("snapshot", "-p", pid, "--format", format, "--for", "300ms").stdout.decode()
        shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        check(re.findall(r"│ +(\d+) [^│]* %[^│]*│$", shown, re.M) == [pid], "other processes in", format, shown)
        check(re.search(r" 1 of \d+ ", shown), "no sign of the filter in", format, shown)
    check_sentence(run("--plain", "-p", pid), 2, "-p", "--plain shows no processes")
    check_sentence(run("snapshot", "-u", "nobdy"), 2, "-u", "no user nobdy", "did you mean nobody?")
    saved = HOME + "/other-machine.json"
    check(run("snapshot", "--for", "300ms", "-o", saved).returncode == 0)
    other = json.loads(run("snapshot", saved, "-u", "hardly-here", "--format", "json").stdout)
    check(next(t for t in other["tables"] if t["name"] == "processes")["rows"] == 0, "users of another machine")


# ---- flame graphs ---------------------------------------------------------------------------------

FOLDED = """main;serve;parse;json::decode 120
main;serve;query;db::execute;recv 300
main;serve;query;db::connect 80
main;gc;mark 60
main;idle 1
main;log 1
"""


def folded(name="stacks.folded", text=FOLDED):
    path = os.path.join(HOME, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def test_flame__opens_zooms_searches_and_exports():
    path, graph = folded(), os.path.join(HOME, "graph.svg")
    with Tmux(f"{FLAMETOP} {path}") as t:
        check(t.until(r"main ", r"serve ", r"query ", "562 = 100 %"), t.screen())
        t.keys("Down", "Down", "Down", "Enter")
        screen = t.until("in query")
        check(screen and "parse" not in screen, t.screen())
        t.keys("Escape")
        check(t.until("parse"), t.screen())
        t.keys("/")
        t.text("json|recv")
        t.keys("Enter")
        check(t.until(r"json\|recv: 74\.7 %, 2 names"), t.screen())
        t.keys("Escape", "S")
        check(t.until("callers above, callees below"), t.screen())
        t.keys("U", "x")
        check(t.until("without query", "32.4 % of all"), t.screen())
        t.keys("U", ".")
        check(t.until("SELF", "TOTAL", "db::execute"), t.screen())
        t.keys(".", "e")
        check(t.until("export as"), t.screen())
        t.keys("C-u")
        t.text(graph)
        t.keys("Enter")
        check(t.until("saved"), t.screen())
        t.keys("q")
        check(t.until("exit=0"), t.screen())
    with open(graph, encoding="utf-8") as file:
        check("db::execute" in file.read())


def test_flame__compares_writes_and_prints():
    path = folded()
    older = folded("older.folded", FOLDED.replace("300", "100") + "main;old_way 7\n")
    done = run("flame", path, "--diff", older)
    check(done.returncode == 0 and "old_way" in done.stdout.decode(), done)
    done = run("flame", path, "-o", "-")
    check(sorted(done.stdout.decode().splitlines()) == sorted(FOLDED.splitlines()), done.stdout)
    scope = os.path.join(HOME, "graph.speedscope.json")
    check(run("flame", path, "-o", scope).returncode == 0)
    with open(scope, encoding="utf-8") as file:
        document = json.load(file)
    check(document["$schema"] == "https://www.speedscope.app/file-format-schema.json")
    profile = document["profiles"][0]
    check(len(profile["samples"]) == len(profile["weights"]) == 6 and profile["endValue"] == 562, profile)
    done = run("flame", scope, "-o", "-")
    check(sorted(done.stdout.decode().splitlines()) == sorted(FOLDED.splitlines()), done.stdout)
    for frame in document["shared"]["frames"]:  # as of a format that knows where code is from
        frame["file"] = "/usr/bin/server"
    with open(scope, "w", encoding="utf-8") as file:
        json.dump(document, file)
    for sides in ((path, scope), (scope, path)):
        done = run("flame", sides[0], "--diff", sides[1])
        changes = [line.split()[-3] for line in done.stdout.decode().splitlines()[2:]]
        check(changes and all(float(change) == 0 for change in changes), done.stdout)


def test_flame__says_what_is_wrong():
    check_sentence(run("flame", "/nowhere.folded"), 1, "/nowhere.folded", "No such file")
    check_sentence(run("flame", folded("not.txt", "hello\n")), 1, "no profile that is known", "pprof")
    for command in (("flame",), ()):
        check_sentence(run(*command, folded("bad.folded", "a;b 1\nbad line\n")), 1, "bad.folded: line 2: folded stacks end")
        check_sentence(run(*command, folded("none.txt", "")), 1, "none.txt: the file is empty")
    check_sentence(run(folded("not.txt", "\x7fELF\x00")), 1, "no format that is known", "folded stacks", "OTLP")
    check_sentence(run("flame", folded(), "-o", os.path.join(HOME, "x.png")), 2, ".svg")
    check_sentence(run("flame", "--machine", "--for", "60s", "-o", os.path.join(HOME, "x.png")), 2, ".svg")
    for place in (("--machine",), ("--machine", "http://127.0.0.1:1"), ("beam://nobody@localhost",)):  # before it is sampled
        check_sentence(run("flame", *place, "--for", "60s", "-o", "/nowhere/x.svg"), 1, "/nowhere/x.svg: No such file")
    check_sentence(run("flame", folded("none.folded", "a;b 0\n")), 1, "no stacks")


if __name__ == "__main__":
    sys.exit(main(globals()))
