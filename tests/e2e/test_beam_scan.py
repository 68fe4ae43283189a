#!/usr/bin/env python3
"""Scans of Erlang nodes that have begun many processes, and that are watched for long.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone.
"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from erlang import Node, have_erlang  # noqa: E402  (its folder is not a package)
from suite import FLAMETOP, check, run  # noqa: E402
import suite  # noqa: E402
from terminal import Tmux  # noqa: E402


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


def main(functions):
    if not have_erlang():
        print("skipped: there is no erl (package erlang-base)\n0 passed, 0 failed, 1 skipped")
        return 0
    if b"built without libei" in run("snapshot", "beam://a@localhost:1").stderr:
        print("skipped: built without libei (package erlang-dev)\n0 passed, 0 failed, 1 skipped")
        return 0
    return suite.main(functions)


if __name__ == "__main__":
    sys.exit(main(globals()))
