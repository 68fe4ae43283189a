#!/usr/bin/env python3
"""Scans of Erlang nodes that have begun many processes, that are watched for long, and that end scans.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone.
"""

import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from erlang import Node, main  # noqa: E402  (its folder is not a package)
from suite import FLAMETOP, check  # noqa: E402
from terminal import Tmux, environment  # noqa: E402

LIMIT = 4096  # processes at a time: so many begin before a number comes again

# All numbers were given once; those that come next are of who ended first. They go up, but for every 100th.
WEAR = (f"begin Ps = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 2000)], "
        f"[spawn(erlang, self, []) || _ <- lists:seq(1, {LIMIT} - 2000)], {{Low, High}} = lists:split(20, Ps), "
        "Parts = [[L | lists:sublist(High, N * 99 + 1, 99)] || {N, L} <- lists:zip(lists:seq(0, 19), Low)], "
        "lists:foreach(fun(P) -> M = monitor(process, P), P ! stop, receive {'DOWN', M, _, _, _} -> ok end end, "
        f"lists:append(Parts)), [spawn(erlang, self, []) || _ <- lists:seq(1, {LIMIT} - 2000 + 200)], ok end")
HOT = ("begin [P | Ps] = lists:sort([spawn(fun() -> receive {go, N} -> register(N, self()), (fun L(I) -> L(I + 1) end)(0); "
       "stop -> ok end end) || _ <- lists:seq(1, 120)]), P ! {go, %s}, [Q ! stop || Q <- Ps], ok end")
NUMBER = "(fun(P) -> [_, A, B] = string:tokens(pid_to_list(P), \"<.>\"), " \
    "list_to_integer(B) * 32768 + list_to_integer(A) end)"


def names(picture):
    table = [t for t in picture["tables"] if t["name"] == "beam.processes"][0]
    return [name for column in table["columns"] if column["name"] == "beam.process.name" for name in column["values"]]


def watch_worn_node():
    """Whether numbers came again while a node was watched, in which four busy processes began."""
    with Node("worn", arguments=("+P", str(LIMIT))) as node:
        check(node.eval(WEAR) == "ok")
        node.eval(HOT % "before")
        child = subprocess.Popen([FLAMETOP, "snapshot", "--for", "9s", "--format", "json", node.url],
                                 stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
        time.sleep(4)
        marks = [int(node.eval(f"{NUMBER}(spawn(erlang, self, []))"))]
        for name in ("first", "second", "third"):
            node.eval(HOT % name)
            marks.append(int(node.eval(f"{NUMBER}(spawn(erlang, self, []))")))
        named = "[whereis(N) || N <- [first, second, third]]"
        check(node.wait_for(f"lists:member(undefined, {named})", "false") == "false", node.eval(named))
        numbers = json.loads(node.eval(f"[{NUMBER}(P) || P <- {named}]"))
        found = names(json.loads(child.communicate(timeout=60)[0]))
        for name in ("before", "first", "second", "third"):
            check(found.count(name) == 1, name, "is there", found.count(name), "times; numbers", marks, numbers, found)
        return marks == sorted(marks) and max(numbers) < marks[0]


def test_numbers__that_come_again_hide_no_process():
    """Where they turn depends on how many processes the node began of itself meanwhile."""
    check(any(watch_worn_node() for _ in range(3)), "numbers only go up: nothing is tested")


def test_pace__does_not_grow_for_ever():
    """Small nodes are never measured: after 35,000 scans it was no number any more, and the scans ended."""
    with Node("small") as node, Tmux(f"{FLAMETOP} --interval 1s {node.url}", width=120, height=40) as t:
        check(t.until(r"small@", r"● live"), t.screen())
        paces = "[V || P <- processes(), {dictionary, D} <- [process_info(P, dictionary)], {pace, V} <- D]"
        check(node.wait_for(f"length({paces})", "1", 20) == "1", t.screen())
        time.sleep(4)
        pace = node.eval(paces)
        check(re.fullmatch(r"\[1\.0e6\]|\[1000000\.0\]", pace), pace)
        t.keys("q")
        check(t.until("exit=0"), t.screen())


def test_scans__begin_again_where_they_were_ended():
    with Node("ended") as node, Tmux(f"{FLAMETOP} --interval 1s --view beam {node.url}", width=120, height=40) as t:
        check(t.until(r"ended@", r"● live", r"REDS/s[\s\S]*net_kernel +"), t.screen())
        pids = "[P || P <- processes(), {dictionary, D} <- [process_info(P, dictionary)], lists:keymember(pace, 1, D)]"
        check(node.eval(f"begin [P] = {pids}, exit(P, kill), ok end") == "ok")
        check(node.wait_for(f"length({pids})", "1", 30) == "1", "no process scans", t.screen())
        node.eval(HOT % "later")
        check(t.until(r"REDS/s[\s\S]* later +", seconds=30), t.screen())
        t.keys("q")
        check(t.until("exit=0"), t.screen())


if __name__ == "__main__":
    sys.exit(main(globals()))
