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


def series_of(picture):
    series = {}
    for track in picture["history"]:
        for one in track["series"]:
            numbers = one["values"] if isinstance(one["values"], list) else [one["values"]]
            series.setdefault(one["metric"], []).extend(number for number in numbers if number is not None)
    return series


def watch(node, seconds, *arguments):
    """Values of the series while it is watched, and the bytes the node sent meanwhile."""
    child = subprocess.Popen([FLAMETOP, "snapshot", "--for", f"{seconds}s", "--format", "json", *arguments, node.url],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    time.sleep(seconds * 0.5)
    before, began = int(node.eval(SENT)), time.monotonic()
    time.sleep(seconds * 0.4)
    rate = (int(node.eval(SENT)) - before) / (time.monotonic() - began)
    return series_of(json.loads(child.communicate(timeout=seconds + 60)[0])), rate


def cpu(node):
    """Time its threads ran, in seconds: what a loaded machine does not stretch."""
    total = 0
    for task in os.listdir(f"/proc/{node.pid}/task"):
        with open(f"/proc/{node.pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def share(node, seconds, *arguments):
    """Of a core, while it is watched; the beginning is left out."""
    child = subprocess.Popen([FLAMETOP, "snapshot", "--for", f"{seconds}s", "--format", "json", *arguments, node.url],
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    time.sleep(seconds * 0.2)
    began, used = time.monotonic(), cpu(node)
    time.sleep(seconds * 0.7)
    result = (cpu(node) - used) / (time.monotonic() - began)
    return result, json.loads(child.communicate(timeout=seconds + 60)[0])


def alone(node, seconds):
    began, used = time.monotonic(), cpu(node)
    time.sleep(seconds)
    return (cpu(node) - used) / (time.monotonic() - began)


def milliseconds(values):
    return (f"{min(values) * 1e3:.1f}, median {statistics.median(values) * 1e3:.1f}, longest {max(values) * 1e3:.1f} ms "
            f"({len(values)})")


def scan_bytes(node):
    """Of the largest answer, which is that to a scan: the largest step of what was sent."""
    child = subprocess.Popen([FLAMETOP, "snapshot", "--for", "30s", "--format", "csv", node.url],
                             stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    time.sleep(2)
    sent = []
    while child.poll() is None:
        sent.append(int(node.eval(SENT)))
        time.sleep(0.02)
    return max((later - earlier for earlier, later in zip(sent, sent[1:])), default=0)


WORKERS = ("begin C = counters:new(1, []), persistent_term:put(work, C), [spawn(fun() -> (fun L() -> lists:sum(lists:seq(1, 20000)), "
           "counters:add(C, 1, 1), L() end)() end) || _ <- lists:seq(1, 20)], ok end")


def work(node, seconds):
    """What 20 busy processes get done in a second of the CPU that the node takes, our looking included."""
    begun, used = int(node.eval("counters:get(persistent_term:get(work), 1)")), cpu(node)
    time.sleep(seconds)
    return (int(node.eval("counters:get(persistent_term:get(work), 1)")) - begun) / (cpu(node) - used)


def sampled():
    """By how much sampling slows a node whose schedulers are full, in turns of looking and not looking."""
    with Node("sampled") as node:
        node.eval(WORKERS)
        alone_rates, watched, told = [], [], ""
        for _ in range(5):
            alone_rates.append(work(node, 6))
            child = subprocess.Popen([FLAMETOP, "flame", node.url, "--for", "9s", "--rate", "100", "-o", "-"],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(2)
            watched.append(work(node, 6))
            told = child.communicate(timeout=60)[1].decode().strip() or told
        loss = 1 - statistics.median(watched) / statistics.median(alone_rates)
        print(f"sampled at 100 Hz, 20 busy processes: {loss * 100:.1f} % less work a second of CPU "
              f"(from {min(1 - w / a for a, w in zip(alone_rates, watched)) * 100:.1f} to "
              f"{max(1 - w / a for a, w in zip(alone_rates, watched)) * 100:.1f} %); {told}")


def main():
    if not have_erlang():
        print("there is no erl: install erlang-base")
        return 1
    sampled()
    with Node("idle") as node:
        before = alone(node, 10)
        used, _ = share(node, 20)
        series, rate = watch(node, 15)
        print(f"idle node, 45 processes: round trip {milliseconds(series['beam.round_trip'])}; scan "
              f"{milliseconds(series['beam.scan.duration'])}; {rate / 1e3:.1f} kB/s; "
              f"{used * 100:.2f} % of a core, {before * 100:.2f} % unwatched")
    with Node("many", arguments=("+P", "400000")) as node:
        node.eval("[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 100000)], ok")
        used, picture = share(node, 40)
        series, rate = watch(node, 30)
        plain, _ = share(node, 20, "--no-inject")
        intervals = series_of(picture)["beam.scan.interval"]  # of the time that was measured
        a_scan = (used - plain) * statistics.mean(intervals[len(intervals) // 4:])
        print(f"100,000 processes: scan {milliseconds(series['beam.scan.duration'])}; every "
              f"{statistics.median(series['beam.scan.interval']):.1f} s, each process every "
              f"{statistics.median(series['beam.scan.round']):.1f} s; round trip "
              f"{milliseconds(series['beam.round_trip'])}; {rate / 1e3:.1f} kB/s; one scan about "
              f"{scan_bytes(node) / 1e3:.1f} kB, {a_scan * 1e3:.0f} ms of CPU; watching {used * 100:.1f} % of a core")
        began = cpu(node)
        print(f"  observer_backend:etop_collect there: {{ms, bytes}} {node.eval(ETOP)}, {(cpu(node) - began) * 1e3:.0f} ms of "
              "CPU")
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
