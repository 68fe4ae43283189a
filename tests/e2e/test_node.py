#!/usr/bin/env python3
"""What is said of real Erlang nodes in trouble, and of their pools of workers.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_beam  # noqa: E402  (its folder is not a package)
import erlang  # noqa: E402
from erlang import COOKIE, Node  # noqa: E402
from terminal import Tmux  # noqa: E402
from test_beam import check, rows, snapshot, value  # noqa: E402

SOURCE = os.path.abspath(os.environ.get("FLAMETOP_SOURCE", "."))
MODULES = tempfile.mkdtemp(prefix="flametop-modules-")


def compile_modules():
    files = [os.path.join(SOURCE, "tests", "fixtures", "erlang", name) for name in ("troubled.erl", "fake_snakepit.erl")]
    done = subprocess.run(["erlc", "-o", MODULES, *files], capture_output=True, check=False)
    check(done.returncode == 0, done.stdout.decode(), done.stderr.decode())


def node(name):
    return Node(name, arguments=("-pa", MODULES))


def seen(at, *arguments, seconds="3s"):
    return snapshot(*arguments, at.url, seconds=seconds, FLAMETOP_COOKIE=COOKIE)


def sentences(picture):
    return {finding["id"]: finding["sentence"] for finding in picture["findings"]}


def diagnose(name, start, seconds):
    """The findings of a node that did `start` right before it is looked at."""
    with node(name) as at:
        at.eval(start)
        return sentences(seen(at, seconds=seconds))


def test_troubled_nodes__are_diagnosed_by_name():
    """Within 15 s, side by side; where other programs hold the cores the hot one may not get enough of one to be said."""
    wanted = {
        "mail": ("troubled:mail()", "beam.mailbox", ["messages wait for one process", "slow_worker (<0."]),
        "atoms": ("troubled:atoms()", "beam.atoms", ["atoms leak", "the node ends at its limit in", "leaker (<0."]),
        "hot": ("troubled:hot()", "beam.", ["hot_worker (<0.", "in troubled:s"]),
    }
    found = {}
    threads = [threading.Thread(target=lambda n=name, s=start: found.update({n: diagnose(n, s, "15s")}))
               for name, (start, _, _) in wanted.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, (_, finding, words) in wanted.items():
        told = [text for key, text in found[name].items() if key.startswith(finding)]
        check(any(all(word in text for word in words) for text in told), name, found[name])


def test_calm_node__is_not_accused():
    with node("calm") as at:
        told = [key for key in sentences(seen(at, seconds="10s")) if key.startswith(("beam.", "pool."))]
        check(not told, told)


def test_snakepit__is_shown_with_its_workers():
    """A worker's CPU and memory are those of its process here."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with node("snake") as at:
            check(at.eval(f"fake_snakepit:start([{busy.pid}])") == "ok")
            picture = seen(at, seconds="4s")
    finally:
        busy.kill()
        busy.wait()
    pools = {row["pool.name"]: row for row in rows(picture, "pools")}
    workers = {row["worker.id"]: row for row in rows(picture, "workers")}
    check(pools["default"]["pool.workers.busy"] == 8 and pools["default"]["pool.queue"] == 120, pools)
    check(pools["default"]["pool.rate"] > 5, pools["default"])
    check(pools["ml_inference"]["pool.profile"] == "thread", pools["ml_inference"])
    check(pools["sessions"]["pool.sessions"] == 17, pools["sessions"])
    check(len(workers) == 12 and workers["pool_worker_9"]["worker.slots"] == 16, workers)
    first = workers["pool_worker_1"]
    check(first["worker.os_pid"] == busy.pid and first["worker.memory.usage"] > 1e6, first)
    check(first["worker.cpu.utilization"] > 0.05, first)
    check(value(picture, "pool.queue_depth", pool="default") == 120)
    told = sentences(picture)["pool.saturated:snakepit default"]
    check("8 of 8 workers busy, 120 requests wait" in told, told)


def test_described_pool__is_read_by_its_paths():
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file, node("app") as at:
        file.write('pools:\n  app: {call: "ets:lookup(app_pools, all)", rows: 1/2, busy: busy, workers: size, '
                   'queue: waiting}\n  broken: {call: "no_such:thing("}\n')
        file.flush()
        at.eval("ets:new(app_pools, [named_table, public])")
        at.eval("ets:insert(app_pools, {all, #{db => #{busy => 3, size => 10, waiting => [a, b]}, "
                "http => [{busy, 1}, {size, 4}, {waiting, []}]}})")
        picture = seen(at, "--config", file.name)
        pools = {row["pool.name"]: row for row in rows(picture, "pools")}
        check(pools["db"]["pool.workers.busy"] == 3 and pools["db"]["pool.queue"] == 2, pools)
        check(pools["http"]["pool.workers"] == 4 and pools["http"]["pool.queue"] == 0, pools)
        why = [source["why"] for source in picture["sources"] if source["name"] == "pools"]
        check(why and "broken: its call is no Erlang expression" in why[0], why)


def test_pools__that_take_too_long_say_so():
    """The node ends what takes more than a second there."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file, node("slow") as at:
        file.write('pools:\n  app: {call: "timer:sleep(3000)"}\n')
        file.flush()
        picture = seen(at, "--config", file.name, seconds="4s")
        told = [source for source in picture["sources"] if source["name"] == "pools"]
        check(told and told[0]["state"] == "degraded" and "more than a second" in told[0]["why"], told)


def test_rabbitmq_and_ejabberd__are_known_by_their_tables():
    with node("rabbit") as at:
        at.eval("register(rabbit_sup, spawn(fun() -> timer:sleep(infinity) end))")
        at.eval("ets:new(queue_coarse_metrics, [named_table, public])")
        at.eval('ets:insert(queue_coarse_metrics, {{resource, <<"/">>, queue, <<"orders">>}, 5, 2, 7, 900})')
        pools = {row["pool.name"]: row for row in rows(seen(at), "pools")}
        check(pools["/ orders"]["pool.queue"] == 5 and pools["/ orders"]["pool.source"] == "rabbitmq", pools)


OURS = "length([P || P <- processes(), element(1, proc_lib:translate_initial_call(P)) =:= flametop])"


def check_mix(path):
    """Shares of samples, as far as a busy machine lets the node be looked at."""
    with open(path, encoding="utf-8") as file:
        stacks = [line.rsplit(" ", 1) for line in file.read().splitlines()]
    total = sum(int(count) for stack, count in stacks if stack.startswith("mixer;"))
    check(total >= 30, stacks)
    shares = {name: sum(int(count) for stack, count in stacks if f"troubled:{name}/1" in stack) / total
              for name in "abc"}
    slack = 3 * (0.25 / total) ** 0.5 + 0.03  # three times what chance does to so many samples
    for name, share in (("a", 0.6), ("b", 0.3), ("c", 0.1)):
        check(abs(shares[name] - share) <= slack, shares, total)
    print(f"        {total} samples: {shares}")
    return stacks


def test_flame__shows_a_known_mix():
    path = os.path.join(MODULES, "mix.folded")
    with node("mix") as at:
        at.eval("troubled:mix()")
        for arguments in [], ["--of", "mixer", "--wall"]:
            done = test_beam.run("flame", at.url, "--for", "8s", "-o", path, *arguments, FLAMETOP_COOKIE=COOKIE)
            check(done.returncode == 0, done.stderr.decode())
            waits = any(stack.endswith("]") for stack, _ in check_mix(path))
            check(waits == (arguments != []), arguments)
            check(at.wait_for(OURS, "0") == "0", "something of ours is left there")
        done = test_beam.run("flame", at.url, "--of", "nobody", FLAMETOP_COOKIE=COOKIE)
        check(done.returncode == 1 and b"no such process" in done.stderr, done.stderr.decode())
        done = test_beam.run("flame", at.url, "--no-inject", FLAMETOP_COOKIE=COOKIE)
        check(done.returncode == 1 and b"--no-inject" in done.stderr, done.stderr.decode())
        check(at.said() == "", at.said())


def test_flame__is_live_on_the_screen():
    """F on a process of the table, the key for what waits as well, and what is left when it is over."""
    path = os.path.join(MODULES, "live.folded")
    with node("live") as at:
        at.eval("troubled:mix()")
        with Tmux(f"{test_beam.FLAMETOP} {at.url}", width=120, height=40) as t:
            check(t.until(r"live@", r"● live", r"mixer"), t.screen())
            t.keys("Tab", "Tab")  # to the table, whose first row works most
            t.keys("F")
            check(t.until(r"mixer on live@\S+ · sampling for \d+ s at \d+ Hz.* on CPU", r"troubled:a/1"), t.screen())
            check("t wall time" in t.screen() and "F hold" in t.screen(), t.screen())
            check(t.until(r"sampling for [89] s"), t.screen())
            t.keys("F")
            check(t.until(r"held after"), t.screen())
            t.keys("e")
            check(t.until("export as"), t.screen())
            t.keys("C-u")
            t.text(path)
            t.keys("Enter")
            check(t.until(r"live\.folded"), t.screen())
            check_mix(path)
            t.keys("t", "y")
            check(t.until(r"wall time", r"\[running\]"), t.screen())
            check(t.until("t CPU time"), t.screen())
            check(at.eval(OURS) != "0", "nothing of ours is there")
            at.eval("exit(whereis(mixer), kill)")
            check(t.until("the process has ended"), t.screen())
            t.keys("q")
            check(t.until("REDS/s"), t.screen())
            t.keys("q")
            check(t.until("exit=0"), t.screen())
        check(at.wait_for(OURS, "0") == "0", "something of ours is left there")
        check(at.eval("erlang:statistics(scheduler_wall_time)") == "undefined")
        check(at.said() == "", at.said())


def main(functions):
    try:
        if erlang.have_erlang() and shutil.which("erlc"):
            compile_modules()
        return erlang.main(functions)
    finally:
        shutil.rmtree(MODULES, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(globals()))
