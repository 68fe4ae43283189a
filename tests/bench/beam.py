#!/usr/bin/env python3
"""What it costs an Erlang node to be watched, and how fast it answers: beside observer_backend, which etop and observer
use, on the same node.

usage: beam.py FLAMETOP
"""

import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from erlang import Node, have_erlang  # noqa: E402  (its folder is not a package)

FLAMETOP = os.path.abspath(sys.argv[1])
SENT = ("lists:sum([O || {_, P} <- erlang:system_info(dist_ctrl), is_port(P), {ok, [{send_oct, O}]} <- "
        "[inet:getstat(P, [send_oct])]])")
ETOP = ("begin T0 = erlang:monotonic_time(microsecond), S = self(), spawn(fun() -> observer_backend:etop_collect(S) end), "
        "receive {_, R} -> {(erlang:monotonic_time(microsecond) - T0) / 1000, byte_size(term_to_binary(R))} "
        "after 120000 -> timeout end end")


def watch(node, seconds, *arguments):
    """Values of the series while it is watched, and the bytes the node sent meanwhile."""
    child = subprocess.Popen([FLAMETOP, "snapshot", "--for", f"{seconds}s", "--format", "json", *arguments, node.url],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    time.sleep(seconds * 0.5)
    before, began = int(node.eval(SENT)), time.monotonic()
    time.sleep(seconds * 0.4)
    rate = (int(node.eval(SENT)) - before) / (time.monotonic() - began)
    picture = json.loads(child.communicate(timeout=seconds + 60)[0])
    series = {}
    for track in picture["history"]:
        for one in track["series"]:
            numbers = one["values"] if isinstance(one["values"], list) else [one["values"]]
            series.setdefault(one["metric"], []).extend(number for number in numbers if number is not None)
    return series, rate


def cpu(node):
    with open(f"/proc/{node.pid}/stat", encoding="ascii", errors="replace") as file:
        words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def milliseconds(values):
    return (f"{min(values) * 1e3:.1f}, median {statistics.median(values) * 1e3:.1f}, longest {max(values) * 1e3:.1f} ms "
            f"({len(values)})")


def scan_bytes(node):
    """Of one answer to a scan: what is sent with scans less what is sent without, over their number."""
    with_scans, rate = watch(node, 20)
    _, without = watch(node, 20, "--no-inject")
    scans = len(with_scans.get("beam.scan.duration", [])) / 20
    return max(rate - without, 0) / scans if scans else 0


def main():
    if not have_erlang():
        print("there is no erl: install erlang-base")
        return 1
    with Node("idle") as node:
        began, used = time.monotonic(), cpu(node)
        series, rate = watch(node, 15)
        share = (cpu(node) - used) / (time.monotonic() - began)
        print(f"idle node, 45 processes: round trip {milliseconds(series['beam.round_trip'])}; scan "
              f"{milliseconds(series['beam.scan.duration'])}; {rate / 1e3:.1f} kB/s; {share * 100:.1f} % of a core")
    with Node("many", arguments=("+P", "400000")) as node:
        node.eval("[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 100000)], ok")
        series, rate = watch(node, 30)
        print(f"100,000 processes: scan {milliseconds(series['beam.scan.duration'])}; every "
              f"{statistics.median(series['beam.scan.interval']):.1f} s; round trip "
              f"{milliseconds(series['beam.round_trip'])}; {rate / 1e3:.1f} kB/s; one scan about "
              f"{scan_bytes(node) / 1e3:.1f} kB")
        print(f"  observer_backend:etop_collect there: {{ms, bytes}} {node.eval(ETOP)}")
    with Node("busy") as node:
        node.eval("[spawn(fun() -> timer:sleep(infinity) end) || _ <- lists:seq(1, 10000)], ok")
        node.eval("[spawn(fun() -> (fun L() -> L() end)() end) || _ <- lists:seq(1, 1000)], ok")
        series, rate = watch(node, 20)
        print(f"10,000 idle and 1,000 busy: round trip {milliseconds(series['beam.round_trip'])}; scan "
              f"{milliseconds(series['beam.scan.duration'])}; {len(series['beam.uptime']) / 20:.2f} pictures/s")
        print(f"  observer_backend:etop_collect there: {{ms, bytes}} {node.eval(ETOP)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
