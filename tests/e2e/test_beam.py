#!/usr/bin/env python3
"""Erlang nodes attached for real: what is seen of them, what is said when they cannot be, and what is left on them.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from erlang import COOKIE, Mute, Node, epmd, free_port, main  # noqa: E402  (its folder is not a package)
from suite import FLAMETOP, check, run, together  # noqa: E402
from terminal import HOME, Pty, Tmux, environment  # noqa: E402

def snapshot(*arguments, seconds="3s", **env):
    done = run("snapshot", "--for", seconds, "--format", "json", *arguments, **env)
    check(done.returncode == 0, done.stderr.decode())
    return json.loads(done.stdout)


def refusal(*arguments, **env):
    """What is said of a node that cannot be attached."""
    start = time.monotonic()
    done = run("snapshot", *arguments, **env)
    told = done.stderr.decode()
    check(done.returncode == 1, "exit code", done.returncode, told)
    check(time.monotonic() - start < 25, "it took", time.monotonic() - start)
    return told


def says(words, *arguments, **env):
    told = refusal(*arguments, **env)
    check(words in told, told)


def value(picture, name, **labels):
    found = [m["value"] for m in picture["metrics"]
             if m["name"] == name and all(m["labels"].get(key) == text for key, text in labels.items())]
    check(found, "there is no", name, labels)
    return found[0]


def history(picture, name):
    """All values that came, oldest first."""
    return [number for track in picture["history"] for series in track["series"] if series["metric"] == name
            for number in (series["values"] if isinstance(series["values"], list) else [series["values"]])
            if number is not None]


def rows(picture, table):
    found = [t for t in picture["tables"] if t["name"] == table]
    check(found, "there is no table", table)
    columns = {c["name"]: c["values"] for c in found[0]["columns"]}
    return [dict(zip(columns, cells)) for cells in zip(*columns.values())]


def traces(node):
    """What a visitor may leave: processes, modules that are not the release's, the flag, nodes, ETS tables."""
    return node.eval("{length(processes()), [M || {M, P} <- code:all_loaded(), is_list(P), "
                     "not lists:prefix(code:root_dir(), P)], erlang:statistics(scheduler_wall_time), "
                     "nodes(hidden), length(ets:all())}")


def test_node__is_seen_as_it_sees_itself():
    with Node("seen") as node:
        node.eval("spawn(fun() -> register(hot, self()), (fun L(N) -> L(N + 1) end)(0) end)")
        node.eval("register(slow, spawn(fun() -> timer:sleep(infinity) end))")
        node.eval("[slow ! N || N <- lists:seq(1, 1234)], ok")
        node.eval("spawn(timer, sleep, [infinity]) ! waits")
        picture = snapshot(node.url)
        check(picture["host"]["name"].startswith("seen@") and "OTP " in picture["host"]["system"], picture["host"])
        count = int(node.eval("erlang:system_info(process_count)"))
        check(abs(value(picture, "beam.process.count") - count) <= 6, count, value(picture, "beam.process.count"))
        check(value(picture, "beam.atom.limit") == int(node.eval("erlang:system_info(atom_limit)")))
        check(value(picture, "beam.os_process") == node.pid)
        parts = [m["value"] for m in picture["metrics"] if m["name"] == "beam.memory.usage"]
        total = int(node.eval("erlang:memory(total)"))
        check(0.5 * total < sum(parts) < 2 * total, sum(parts), total)
        check(value(picture, "beam.message_queue.max") == 1234)
        check(value(picture, "beam.scheduler.utilization") > 0.2, value(picture, "beam.scheduler.utilization"))
        processes = {row["beam.process.name"]: row for row in rows(picture, "beam.processes")}
        check(processes["slow"]["beam.process.message_queue"] == 1234, processes["slow"])
        check("timer:sleep/1" in processes, "a plain process is not called by what it began with", list(processes))
        hottest = max(processes.values(), key=lambda row: row["beam.process.reductions"] or 0)
        check(hottest["beam.process.name"] == "hot" and hottest["beam.process.reductions"] > 1e6, hottest)
        check(processes["code_server"]["beam.process.application"] == "kernel" or
              processes["kernel_sup"]["beam.process.application"] == "kernel", list(processes))
        # it is a process of this machine, which is shown as well
        here = {row["process.pid"]: row for row in rows(picture, "processes")}
        check(node.pid in here, "the node's process is not among", len(here))
        check(COOKIE not in json.dumps(picture), "the cookie is in the snapshot")


def test_node__is_left_to_no_child():
    """What programs that we start would hold open, the node would take for us."""
    def handed_on(pid):
        """(descriptor, what it is) of those that a child would get."""
        found = []
        for name in os.listdir(f"/proc/{pid}/fdinfo"):
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
                flags = int(re.search(r"flags:\s+(\d+)", file.read())[1], 8)
            if int(name) > 2 and not flags & os.O_CLOEXEC:
                found.append((name, os.readlink(f"/proc/{pid}/fd/{name}")))
        return found

    with Node("alone") as node, Tmux(f"{FLAMETOP} {node.url}", width=120, height=40) as t:
        check(t.until(r"alone@", r"● live"), t.screen())
        pids = subprocess.run(["pgrep", "-f", re.escape(f"{FLAMETOP} {node.url}") + "$"], capture_output=True, check=True)
        for pid in pids.stdout.decode().split():
            if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(FLAMETOP):
                check(not handed_on(pid), handed_on(pid))
                break
        else:
            check(False, "it is not found", pids.stdout)
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_node__is_shown():
    with Node("shown") as node, Tmux(f"{FLAMETOP} {node.url}", width=120, height=40) as t:
        node.eval("register(listens, spawn(fun() -> {ok, S} = gen_tcp:listen(0, []), "
                  "register(port_of_it, S), timer:sleep(infinity) end))")
        check(t.until(r"shown@", r"● live"), t.screen())
        t.keys("4")
        for words in (r"REDS/s[\s\S]*net_kernel +", r"APPLICATION +VERSION[\s\S]*kernel +[\d.]+ +\d+",
                      r"OBJECTS[\s\S]*ac_tab +\d+ .*application_controller",
                      r"DRIVER[\s\S]* 0\.0\.0\.0:\d+ .* listens +tcp_inet", r"WAITS[\s\S]*connected to no other",
                      r"CHILD[\s\S]*kernel_sup +<0\.\d+\.0> +supervisor[\s\S]*file_server_2 +<0\.\d+\.0> +worker"):
            check(t.until(words), words, t.screen())
            t.keys(".")
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_drawer__stays_open():
    """Each picture takes the rows of the one before with it."""
    with Node("opened") as node, Tmux(f"{FLAMETOP} {node.url}", width=120, height=40) as t:
        check(t.until(r"opened@", r"● live"), t.screen())
        t.keys("4")
        check(t.until(r"REDS/s[\s\S]*net_kernel +"), t.screen())  # what Tab goes to
        t.keys("Tab", "Tab", "Down", "Enter")
        check(t.until("BEGAN WITH"), t.screen())
        time.sleep(3)
        t.keys("q")
        check(t.until(r"\A(?![\s\S]*BEGAN WITH)[\s\S]*● live"), t.screen())
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_nothing__is_left():
    with Node("clean") as node:
        before = traces(node)
        check("undefined" in before, before)
        snapshot(node.url)
        check(node.wait_for("nodes(hidden)", "[]") == "[]")
        time.sleep(0.3)
        check(traces(node) == before, before, traces(node))
        child = subprocess.Popen([FLAMETOP, "--plain", node.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=environment())
        check(node.wait_for("erlang:statistics(scheduler_wall_time) =/= undefined", "true", 20) == "true")
        child.kill()
        child.wait()
        check(node.wait_for("erlang:statistics(scheduler_wall_time)", "undefined", 20) == "undefined")
        time.sleep(0.3)
        check(traces(node) == before, before, traces(node))
        check(node.said() == "", node.said())


def test_plain_calls__put_nothing_there():
    with Node("plain") as node:
        picture = snapshot("--no-inject", node.url)
        check(value(picture, "beam.process.count") > 20)
        check(node.eval("erlang:statistics(scheduler_wall_time)") == "undefined")
        check(rows(picture, "beam.nodes")[0]["beam.node.mode"] == "plain calls", rows(picture, "beam.nodes"))
        check(not any(t["name"] == "beam.processes" and t["rows"] for t in picture["tables"]), "there are processes")


def test_plain_calls__are_given_up_when_none_is_answered():
    with Node("deaf") as node, tempfile.TemporaryDirectory() as folder:
        node.eval("sys:suspend(rex)")
        log = os.path.join(folder, "log")
        refusal("--no-inject", "--log-level", "info", "--log-file", log, node.url)
        with open(log, encoding="utf-8") as file:
            said = file.read()
        check("it took us in and does not answer" in said, said)


def test_twenty__attach_at_once():
    with Node("many") as node:
        children = [subprocess.Popen([FLAMETOP, "snapshot", "--for", "2s", "--format", "csv", node.url],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
                    for _ in range(20)]
        for child in children:
            out, errors = child.communicate(timeout=120)
            check(child.returncode == 0 and b"beam.process.count" in out, errors.decode())
        check(node.wait_for("nodes(hidden)", "[]") == "[]")


def test_states__each_has_its_sentence():
    closed = free_port()
    has = {"FLAMETOP_COOKIE": COOKIE}
    with Node("known") as node, Mute() as mute, Mute(epmd({"known": node.port, "other": 4})) as daemon:
        together(lambda words, target, env: says(words, target, **env),
                 (("nothing listens at port", f"beam://known@localhost:{closed}", {}),
                  ("accepts and says nothing", f"beam://known@localhost:{mute.port}", has),
                  ("there is no host called", "beam://known@nowhere.invalid", has),
                  ("no epmd on localhost", "beam://known@localhost", {"ERL_EPMD_PORT": str(closed)}),
                  ("does not answer", "beam://known@localhost", {"ERL_EPMD_PORT": str(mute.port)}),
                  ("no epmd on localhost", "beam://localhost", {"ERL_EPMD_PORT": str(closed)}),
                  ("there is no host called", "beam://nowhere.invalid", {})))
        told = refusal("beam://missing@localhost", ERL_EPMD_PORT=str(daemon.port))
        check("knows no node missing, but known, other" in told, told)
        picture = snapshot("known@localhost", ERL_EPMD_PORT=str(daemon.port))  # by epmd, without the scheme
        check(picture["host"]["name"].startswith("known@"), picture["host"])
        with Mute(lambda asked: b"HTTP/1.1 400 Bad Request\r\n\r\n") as other:
            together(lambda target: says("is no epmd", target, ERL_EPMD_PORT=str(other.port)),
                     (["beam://localhost"], ["beam://known@localhost"]))
        done = run("--cookie", "abc", node.url)
        told = done.stderr.decode()
        check(done.returncode == 2 and all(way in told for way in (".erlang.cookie", "--cookie-file", "FLAMETOP_COOKIE")),
              told)
        check("abc" not in told, told)


def test_black_hole__is_given_up_in_time():
    """A port whose queue is full takes no more: what is sent there is lost, as at an address where nobody is."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as hole:
        port = hole.getsockname()[1]
        full = [socket.socket() for _ in range(8)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        time.sleep(0.3)

        def see(target, words, env):
            start = time.monotonic()
            says(words, target, **env)
            check(time.monotonic() - start < 12, target, "took", time.monotonic() - start)

        together(see, (("beam://127.0.0.1", "no answer", {"ERL_EPMD_PORT": str(port)}),
                       ("beam://a@127.0.0.1", "does not answer", {"ERL_EPMD_PORT": str(port)}),
                       (f"beam://a@127.0.0.1:{port}", "does not answer", {"FLAMETOP_COOKIE": COOKIE})))
        for one in full:
            one.close()


def test_resolver__may_take_its_time():
    """A name server that says nothing, in a namespace of mounts of our own: for root alone."""
    servers = tempfile.NamedTemporaryFile("w", suffix=".conf")
    servers.write("nameserver 127.0.0.1\noptions timeout:30 attempts:1\n")
    servers.flush()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        try:
            mute.bind(("127.0.0.1", 53))
            subprocess.run(["unshare", "-m", "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"        a slow resolver is not tried here: {error}")
            return
        start = time.monotonic()
        done = subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', servers.name,
                               FLAMETOP, "snapshot", "beam://a@slow.example:4711"], capture_output=True, timeout=60,
                              check=False, env=environment(FLAMETOP_COOKIE=COOKIE), stdin=subprocess.DEVNULL)
        told = done.stderr.decode()
        check(done.returncode == 1 and "takes too long" in told, told)
        check(time.monotonic() - start < 15, "it took", time.monotonic() - start)


def test_cookie__comes_from_where_it_is():
    wrong = os.path.join(HOME, "wrong-cookie")
    right = os.path.join(HOME, "right-cookie")
    for path, text in ((wrong, "not-it\n"), (right, COOKIE + "\n")):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o600)
    with Node("secret") as node:
        together(lambda env, *arguments: snapshot(*arguments, node.url, **env),
                 ([{}],  # its own process on this machine tells the home
                  ({"FLAMETOP_COOKIE": "unused"}, "--cookie-file", right),
                  [{"FLAMETOP_COOKIE": COOKIE}]))
        told = refusal("--cookie-file", wrong, node.url)
        check("refuses the cookie" in told and wrong in told and "not-it" not in told, told)
        says("there is no file", "--cookie-file", wrong + "x", node.url)
        says("refuses the cookie", node.url, FLAMETOP_COOKIE="neither")
    if os.geteuid() == 0:
        with Node("closed") as node:
            os.chmod(node.home, 0o700)
            folder = tempfile.mkdtemp(prefix="flametop-nobody-")
            os.chmod(folder, 0o777)
            program = shutil.copy(FLAMETOP, folder)  # where this one is, others may not be let in
            done = subprocess.run([program, "snapshot", node.url], capture_output=True, timeout=60, user=65534,
                                  group=65534, extra_groups=[], env=environment(HOME=folder), check=False,
                                  stdin=subprocess.DEVNULL)
            shutil.rmtree(folder)
            told = done.stderr.decode()
            check(done.returncode == 1 and "cannot read the cookie in" in told and "--cookie-file" in told, told)


def test_cookie__is_asked_for_without_echo():
    """Where nothing tells it: no process is to be seen, and the home has none."""
    nowhere = tempfile.mkdtemp(prefix="flametop-nowhere-")
    with Node("asked") as node, Pty(FLAMETOP, "--proc", nowhere, node.url, width=120, height=40, errors=None) as p:
        check(p.until(rb"cookie of .*: "), p.bytes[-2000:])
        p.send(COOKIE + "\n")
        check(p.until(rb"asked@.*live"), p.bytes[-3000:])
        check(COOKIE.encode() not in p.bytes, "it was echoed")
        with open(f"/proc/{p.child.pid}/cmdline", "rb") as file:
            check(COOKIE.encode() not in file.read())
        p.send("q")
        check(p.wait() == 0, p.bytes[-1000:])
    os.rmdir(nowhere)


def test_wrong_cookie__is_not_tried_again():
    with Node("strict") as node:
        with Tmux(f"FLAMETOP_COOKIE=wrong {FLAMETOP} {node.url}", width=120, height=40) as t:
            check(t.until("refuses the cookie"), t.screen())
            time.sleep(5)
            check("refuses the cookie" in t.screen(), t.screen())
            t.keys("q")
            check(t.until("exit=0"), t.screen())
        check(node.eval("ok") == "ok")
        check(node.said().count("Invalid challenge") == 1, node.said())


def test_killed_node__is_attached_again():
    port = free_port()
    with Node("again", port) as node, Tmux(f"{FLAMETOP} {node.url}", width=120, height=40) as t:
        check(t.until(r"again@", r"● live"), t.screen())
        node.signal(signal.SIGKILL)
        check(t.until("closed the connection|nothing listens at port"), t.screen())
        with Node("again", port) as other:
            check(t.until(r"● live", seconds=60), t.screen())
            check(other.eval("length(nodes(hidden))") == "1")
            t.keys("q")
            check(t.until("exit=0"), t.screen())


def test_stopped_node__comes_back_with_its_own_values():
    with Node("still") as node, Tmux(f"{FLAMETOP} {node.url}", width=120, height=40) as t:
        check(t.until(r"still@", r"● live"), t.screen())
        node.signal(signal.SIGSTOP)
        check(t.until("does not answer: it is stopped", seconds=30), t.screen())
        node.signal(signal.SIGCONT)
        check(t.until(r"● live", seconds=30), t.screen())
        time.sleep(2)
        check("does not answer" not in t.screen(), t.screen())
        t.keys("q")
        check(t.until("exit=0"), t.screen())
        check(node.eval("ok") == "ok")


def test_collector__is_put_there_again():
    """Somebody kills it: the process that has the flag and watches us."""
    with Node("mended") as node, Tmux(f"{FLAMETOP} {node.url}", width=120, height=40) as t:
        check(t.until(r"mended@", r"● live"), t.screen())
        ours = ("[P || P <- processes(), process_info(P, priority) =:= {priority,high}, process_info(P, initial_call) "
                "=:= {initial_call,{erl_eval,exprs,2}}]")
        before = node.eval(ours)
        check(re.fullmatch(r"\[<0\.\d+\.\d+>\]", before), before)
        named = node.eval("[proc_lib:translate_initial_call(P) || P <- processes(), "
                          "process_info(P, priority) =:= {priority,high}]")
        check(named.count("{flametop,collector,0}") >= 2, "ours are not to be told from others", named)
        node.eval(f"[exit(P, kill) || P <- {ours}], ok")
        check(node.wait_for(f"length({ours})", "1", 30) == "1", t.screen())
        check(t.until(r"● live", seconds=30), t.screen())
        after = node.eval(ours)
        check(re.fullmatch(r"\[<0\.\d+\.\d+>\]", after) and after != before, before, after)
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_busy_node__still_answers():
    """500 busy loops, 10,000 idle processes: the collector is not one of those that wait. (The handshake is: a node ends
    it after 7 s itself. ./dev bench beam takes 1,000 loops, without sanitizers.)"""
    with Node("busy") as node:
        node.eval("[spawn(fun() -> timer:sleep(infinity) end) || _ <- lists:seq(1, 10000)], ok")
        node.eval("[spawn(fun() -> (fun L() -> L() end)() end) || _ <- lists:seq(1, 500)], ok")
        picture = snapshot(node.url, seconds="8s")
        check(value(picture, "beam.process.count") > 10500)
        check(value(picture, "beam.run_queue", kind="normal") > 100)
        check(history(picture, "beam.scan.duration"), "no scan")
        check(max(history(picture, "beam.scheduler.active")) > 0)
        check(len(history(picture, "beam.round_trip")) > 4, "the numbers stop")


def test_large_node__is_scanned():
    with Node("large", arguments=("+P", "300000")) as node:
        node.eval("[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 100000)], ok")
        picture = snapshot(node.url, seconds="8s")
        check(value(picture, "beam.process.count") > 100000)
        scans = history(picture, "beam.scan.duration")
        check(scans, "no scan")
        check(len(scans) <= 2 + 8 * 0.05 / min(scans), "too many scans:", scans)


def wake_sleepers(seconds):
    """What is seen of 30,000 processes of which some begin to work, to fill, to grow and to end in the middle."""
    with Node("hidden", arguments=("+P", "100000")) as node:
        node.eval("[spawn(fun() -> receive {go, F} -> F() end end) || _ <- lists:seq(1, 30000)], ok")
        child = subprocess.Popen([FLAMETOP, "snapshot", "--for", f"{seconds}s", "--format", "json", node.url],
                                 stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
        time.sleep(7)
        node.eval("begin Ps = lists:sort(processes()), [A, B, C | _] = [lists:nth(N, Ps) || N <- [9000, 19000, 29000]], "
                  "register(hot, A), register(full, B), register(fat, C), "
                  "A ! {go, fun() -> (fun L(N) -> L(N + 1) end)(0) end}, "
                  "C ! {go, fun() -> L = lists:seq(1, 300000), receive stop -> hd(L) end end}, "
                  "[B ! N || N <- lists:seq(1, 777)], [P ! one || P <- lists:sublist(Ps, 12000, 300)], ok end")
        # some that end and begin: they are neither missed nor counted twice
        node.eval("[exit(P, kill) || P <- lists:sublist(lists:sort(processes()), 22000, 500)], "
                  "[spawn(fun() -> receive {go, F} -> F() end end) || _ <- lists:seq(1, 900)], "
                  "spawn(fun() -> register(born, self()), (fun L(N) -> L(N + 1) end)(0) end)")
        return json.loads(child.communicate(timeout=seconds + 45)[0])


def test_sleepers__are_found_when_they_wake():
    """Of 30,000 processes a scan visits some, in turn: what began to work, to fill and to grow meanwhile is found by
    name, and the sums are those of all."""
    wanted = {"hot", "full", "fat", "born"}
    for seconds in 16, 48:  # the less of a core there is for it, the fewer scans are made
        picture = wake_sleepers(seconds)
        scans, rounds = history(picture, "beam.scan.interval"), history(picture, "beam.scan.round")
        processes = {row["beam.process.name"]: row for row in rows(picture, "beam.processes")}
        if len(scans) >= 4 and wanted <= set(processes):
            break
    check(len(scans) >= 4, "too few scans to tell", scans, history(picture, "beam.scan.duration"))
    check(wanted <= set(processes), "not found among", sorted(map(str, processes)), scans, rounds)
    busy = sorted(rows(picture, "beam.processes"), key=lambda row: -(row["beam.process.reductions"] or 0))
    check({row["beam.process.name"] for row in busy[:2]} == {"hot", "born"}, busy[:3])
    check(processes["full"]["beam.process.message_queue"] == 777, processes["full"])
    check(processes["fat"]["beam.process.heap"] > 1e6, processes["fat"])
    queued, told = 777 + 300, value(picture, "beam.message_queue.length")
    check(queued <= told <= queued + 5, told, queued)  # and of the node's own processes, one now and then
    check(value(picture, "beam.message_queue.max") == 777)
    check(rounds[-1] >= scans[-1], rounds, scans)


def test_list__says_which_can_be_attached():
    with Node("one") as node:
        nameless = subprocess.Popen(["erl", "-noinput"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env=environment())
        try:
            end = time.monotonic() + 20
            while f"pid-{nameless.pid}@" not in (told := run("snapshot", "--for", "2s", "beam://")).stderr.decode():
                check(time.monotonic() < end, told)
            check("it has no name" in told.stderr.decode(), told)
            check(f"one@" in told.stdout.decode(), told)
        finally:
            nameless.kill()
            nameless.wait()
        with Mute(epmd({"one": node.port})) as daemon:
            done = run("snapshot", "--for", "2s", "beam://localhost", ERL_EPMD_PORT=str(daemon.port))
            check(done.returncode == 0 and "one@" in done.stdout.decode(), done)


if __name__ == "__main__":
    sys.exit(main(globals()))
