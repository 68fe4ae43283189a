"""What all end-to-end tests share: the program under test, checks, and main(), which runs a module's functions test_*.

FLAMETOP_BINARY is the program. Names on the command line run those tests alone."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from terminal import HOME, environment

FLAMETOP = os.path.abspath(os.environ.get("FLAMETOP_BINARY", "build/src/flametop"))


class Skip(Exception):
    """Why a test cannot run here."""


def check(condition, *context):
    if not condition:
        raise AssertionError(" ".join(map(str, context)))


def check_sentence(done, code, *words):
    """Exit code, nothing on standard output, one sentence on standard error."""
    errors = done.stderr.decode()
    check(done.returncode == code, "exit code", done.returncode, errors)
    check(done.stdout == b"", "output beside the error:", done.stdout[:200])
    check(errors.startswith("flametop: ") and errors.count("\n") == 1, "not one sentence:", errors)
    for word in words:
        check(word in errors, f"'{word}' is not in", errors)


def run(*arguments, timeout=40, prefix=(), program=FLAMETOP, **env):
    """The program to its end, without input."""
    return subprocess.run([*prefix, program, *arguments], capture_output=True, timeout=timeout, env=environment(**env),
                          stdin=subprocess.DEVNULL, check=False)


def until(what, seconds=10, step=0.02):
    """The first true answer of a function; None when there is none in that time."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(step)


def together(work, each):
    """work(*arguments) for each of these, four at once: for programs that mostly wait."""
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, *arguments) for arguments in each]:
            done.result()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def write(name, text, mode=0o600):
    """A file in a new folder; its path."""
    path = os.path.join(tempfile.mkdtemp(dir=HOME), name)
    with open(path, "w" if isinstance(text, str) else "wb") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


AGAIN_MAX = 2  # tests of one run that may be tried again: more of them are no accident


def attempt(name, test, how=""):
    """None when it passed or was skipped, else the trace of what broke."""
    start = time.monotonic()
    try:
        test()
    except Skip as why:
        print(f"skipped {name}: {why}", flush=True)
        return why
    except Exception:  # a test that breaks is a test that fails; the others still run
        return traceback.format_exc()
    print(f"passed  {name}{how} {time.monotonic() - start:.1f} s", flush=True)
    return None


def main(functions, after=(), wanted=None):
    """`after`: what is done when all tests were, whatever came of them; what fails there fails the run.

    These tests meet real terminals, clocks and sockets on machines that do other work as well: one that fails is told
    with its trace, tried a second time, and told again when it passes then (./dev test shows that line)."""
    tests = [(name, value) for name, value in functions.items() if name.startswith("test_") and callable(value)]
    wanted = sys.argv[1:] if wanted is None else wanted
    passed = failed = skipped = again = 0
    for name, test in tests:
        if wanted and not any(word in name for word in wanted):
            continue
        wrong = attempt(name, test)
        if isinstance(wrong, str) and again < AGAIN_MAX:
            again += 1
            print(f"once more: {name}\n{wrong}", flush=True)
            wrong = attempt(name, test, " at the second try")
        if isinstance(wrong, str):
            print(f"FAILED  {name}\n{wrong}", flush=True)
        passed, failed, skipped = passed + (wrong is None), failed + isinstance(wrong, str), skipped + isinstance(wrong, Skip)
    for work in after:
        try:
            work()
        except Exception:
            failed += 1
            print(f"FAILED  {work.__name__}\n{traceback.format_exc()}", flush=True)
    shutil.rmtree(HOME, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped" if skipped else f"{passed} passed, {failed} failed")
    return failed != 0
