#!/usr/bin/env python3
"""Records numbers of /proc for bench_codec: record_proc.py FILE SECONDS [HZ].

FILE: u64 columns, then a row of little-endian doubles a tick. A column is the nth number of a file; rows in
which a file has another count of numbers get gaps (NaN) for that file.
"""
import array
import re
import sys
import time

FILES = ["stat", "vmstat", "meminfo", "diskstats", "net/dev", "net/snmp", "loadavg", "pressure/cpu",
         "pressure/io", "pressure/memory", "self/stat"]
NUMBER = re.compile(rb"(?<=[\s=:])-?\d+(?:\.\d+)?(?=[\s/]|$)")


def numbers(name):
    try:
        with open("/proc/" + name, "rb", buffering=0) as file:
            text = b" " + file.read(1 << 16)
    except OSError:
        return []
    lines = [line for line in text.splitlines() if not line.startswith(b"intr")]
    return [float(n) for line in lines for n in NUMBER.findall(b" " + line)]


def main(path, seconds, hertz=4.0):
    files = [name for name in FILES if numbers(name)]
    counts = [len(numbers(name)) for name in files]
    due = time.monotonic()
    end = due + seconds
    with open(path, "wb") as out:
        array.array("Q", [sum(counts)]).tofile(out)
        while due < end:
            row = array.array("d")
            for name, count in zip(files, counts):
                got = numbers(name)
                row.extend(got if len(got) == count else [float("nan")] * count)
            row.tofile(out)
            due += 1 / hertz
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), *(float(a) for a in sys.argv[3:4]))
