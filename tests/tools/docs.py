#!/usr/bin/env python3
"""Prints the program's tables into the marked parts of the manual pages.

usage: docs.py PROGRAM FOLDER           rewrites the pages
       docs.py --check PROGRAM FOLDER   says which are stale or badly formed, changes nothing

A part stands between the comment lines `.\\" begin TOPIC` and `.\\" end TOPIC`; what it holds is printed by
`PROGRAM --print-docs TOPIC`. Prints "N passed, N failed, N skipped" over the pages; exits 1 when one failed."""
import pathlib
import re
import shutil
import subprocess
import sys

BEGIN, END = '.\\" begin ', '.\\" end '


def table(program, topic):
    return subprocess.run([program, "--print-docs", topic], check=True, capture_output=True, text=True).stdout


def renewed(program, page):
    lines, skip = [], None
    for line in page.read_text().splitlines(keepends=True):
        if skip is not None and line.strip() == END + skip:
            skip = None
        if skip is None:
            lines.append(line)
        if line.startswith(BEGIN):
            skip = line[len(BEGIN):].strip()
            lines.append(table(program, skip))
    if skip is not None:
        raise SystemExit(f"{page}: part {skip} has no end")
    return "".join(lines)


def lint(text):
    """What mandoc complains about; None when there is no mandoc."""
    if shutil.which("mandoc") is None:
        return None
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=text, capture_output=True, text=True)
    return run.stdout + run.stderr


def nameless(program):
    """Aliases of metrics and settings that do not exist."""
    names = set(re.findall(r"^\.It Ic (\S+)", table(program, "metrics") + table(program, "options"), re.M))
    return [alias for alias, name in re.findall(r"^\.It (\S+) Ta (\S+)", table(program, "aliases"), re.M) if name not in names]


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    program, folder = arguments[check:]
    passed = failed = skipped = 0
    for page in sorted(pathlib.Path(folder).glob("*.[157]")):
        before, after = page.read_text(), renewed(program, page)
        if not check:
            if before != after:
                page.write_text(after)
                print(f"renewed {page}")
            continue
        complaints = lint(after)
        skipped += complaints is None
        if before != after:
            print(f"{page}: stale: run ./dev docs")
        if complaints:
            print(f"{page}: {complaints}")
        good = before == after and not complaints
        passed += good
        failed += not good
    if check:
        for alias in nameless(program):
            print(f"alias {alias} names nothing")
            failed += 1
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or (check and passed == 0) else 0)


main()
