#!/usr/bin/env python3
"""The rules of the tree: who may include whom, what may not be called, and where curses may be seen.

Prints one line a breach, then "N passed, N failed" over the files, and exits 1 when there is any."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Lowest first. A folder may include itself and every layer below its own; folders of one layer never each other.
LAYERS = [["base"], ["core", "net"], ["config"], ["sources", "receivers", "history", "analysis", "alerts", "export", "profile", "trace"],
          ["engine"], ["ui", "agent"], ["main"]]
LEVEL = {folder: level for level, layer in enumerate(LAYERS) for folder in layer}

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|alloca|system|gets)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def folder_of(path):
    parts = path.parts
    if parts[0] == "include":
        return parts[2]
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 and parts[1] in LEVEL else "main"
    return None


def breaches(path, text):
    folder = folder_of(path)
    lines = text.splitlines()
    if len(lines) > 1100:
        yield 1, f"{len(lines)} lines: is it two nouns?"
    width = 120
    for number, line in enumerate(lines, 1):
        if "clang-format o" in line:  # off: a table of one row a line, which may be wider; on: as everywhere
            width = 220 if "clang-format off" in line else 120
        if len(line) > width:
            yield number, f"a line of more than {width} characters"
        if UNFINISHED.search(line):
            yield number, "unfinished: " + line.strip()
        if folder is None:
            continue
        code = line.split("/*")[0]
        if BANNED.search(code):
            yield number, "calls what we do not use: " + line.strip()
        include = INCLUDE.match(line)
        if not include:
            continue
        name = include.group(1)
        if "curses" in name and str(path) != "src/ui/term.c":
            yield number, "only src/ui/term.c includes curses"
        if name.startswith("flametop/"):
            other = name.split("/")[1]
            allowed = other == folder or LEVEL[other] < LEVEL[folder]
            if not allowed:
                yield number, f"{folder} may not include {name}"


def main():
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not files:  # a tree without git: all there is
        files = [str(p.relative_to(ROOT)) for top in ("src", "include", "tests") for p in (ROOT / top).rglob("*.[ch]")]
    failed = 0
    for name in files:
        found = list(breaches(pathlib.Path(name), (ROOT / name).read_text(encoding="utf-8")))
        for number, what in found:
            print(f"{name}:{number}: {what}")
        failed += bool(found)
    print(f"{len(files) - failed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
