#!/usr/bin/env python3
"""The completion scripts in the shells they are for: what is offered after a line that somebody types.

FLAMETOP_BINARY is the program. A shell that is not installed is skipped."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

FLAMETOP = os.path.abspath(os.environ.get("FLAMETOP_BINARY", "build/src/flametop"))
FOLDER = tempfile.mkdtemp(prefix="flametop-completion-")
ENVIRONMENT = {"PATH": f"{FOLDER}/bin:/usr/bin:/bin", "HOME": FOLDER, "TERM": "xterm", "LC_ALL": "C.UTF-8"}

COLOURS = {"auto", "mono", "8", "16", "256", "true"}
COMMANDS = {"snapshot", "check-config", "completion"}

# line, words that are offered, words that are not
CASES = [
    ("flametop ", COMMANDS, {"--theme"}),
    ("flametop -d 2 ", COMMANDS, set()),
    ("flametop --col", {"--colours"}, {"--count"}),
    ("flametop --co", {"--config", "--colours"}, {"--count"}),
    ("flametop --colours ", COLOURS, COMMANDS),
    ("flametop --colours=", COLOURS, COMMANDS),
    ("flametop --no-m", {"--no-mouse"}, {"--mouse"}),
    ("flametop snapshot --fo", {"--for", "--format"}, set()),
    ("flametop --fo", set(), {"--for", "--format"}),
    ("flametop snapshot --format ", {"json", "csv", "prometheus", "text"}, COMMANDS),
    ("flametop completion ", {"bash", "zsh", "fish"}, COMMANDS),
    ("flametop -d 2 completion ", {"bash", "zsh", "fish"}, COMMANDS),
    ("flametop check-config ./fi", {"./file.yml"}, COMMANDS),
]


def bash(line):
    words = line.replace("=", " = ").split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = (f"source {FOLDER}/flametop.bash; COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); "
              "_flametop; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return set(run("bash", "--norc", "-c", script).split())


def fish(line):
    text = run("fish", "--no-config", "-c", f"source {FOLDER}/flametop.fish; complete -C '{line}'")
    return {row.split("\t")[0].split("=")[-1] for row in text.splitlines()}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER, env=ENVIRONMENT, timeout=30, check=False)
    if done.returncode != 0 or done.stderr != "":
        raise AssertionError(f"{command}: {done.returncode}: {done.stderr}")
    return done.stdout


class Zsh:
    """An interactive zsh in a terminal: only there its completion runs."""

    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(FOLDER)
            os.execvpe("zsh", ["zsh", "-f", "-i"], ENVIRONMENT)
        self.type(f"PS1='> '; stty rows 200 cols 300; unsetopt auto_menu beep; fpath=({FOLDER} $fpath); "
                  "autoload -U compinit; compinit -u -D; zstyle ':completion:*' list-separator '#'; echo REA''DY\n")
        self.read("READY")

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, until=None, quiet=1.0, seconds=20):
        """What arrives up to a word, or until nothing has come for a while."""
        out, end = "", time.monotonic() + seconds
        while time.monotonic() < end and (until is None or until not in out):
            if not select.select([self.fd], [], [], quiet if until is None else 0.2)[0]:
                if until is None:
                    break
                continue
            out += os.read(self.fd, 65536).decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|[\r\x07\x08]", " ", out)

    def offers(self, line):
        self.type(line + "\t\t")
        text = self.read()
        self.type("\x15")  # an empty line again
        self.read(quiet=0.2)
        # Beyond the line itself: a single match completes it, several are listed before their separator.
        words = set(re.findall(r"\S+", re.sub(r"#.*", "", text)))
        return words | {word.rstrip("=") for word in words}

    def close(self):
        self.type("exit\n")
        time.sleep(0.2)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def check(shell, offers):
    bad = []
    for line, wanted, unwanted in CASES:
        words = offers(line)
        typed = set(line.split())
        if not wanted <= words or (unwanted - typed) & words:
            bad.append(f"{shell}: {line!r} offers {sorted(words)}")
    return bad


def formats():
    """The words of --format are those that there are."""
    there = set(re.search(r"formats:(.*)", run(FLAMETOP, "--version"))[1].split())
    offered = set(re.search(r"--format\) COMPREPLY=\(\$\(compgen -W '([^']*)'", run(FLAMETOP, "completion", "bash"))[1].split())
    return [] if there == offered else [f"formats: {there ^ offered}"]


def main():
    os.mkdir(f"{FOLDER}/bin")
    os.symlink(FLAMETOP, f"{FOLDER}/bin/flametop")
    for shell, name in (("bash", "flametop.bash"), ("zsh", "_flametop"), ("fish", "flametop.fish")):
        with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as file:
            file.write(run(FLAMETOP, "completion", shell))
    with open(f"{FOLDER}/file.yml", "w", encoding="utf-8"):
        pass
    passed = failed = skipped = 0
    for shell in ("bash", "zsh", "fish", "formats"):
        if shell != "formats" and shutil.which(shell) is None:
            print(f"skipped {shell}: not installed")
            skipped += 1
            continue
        if shell == "zsh":
            zsh = Zsh()
            bad = check(shell, zsh.offers)
            zsh.close()
        else:
            bad = formats() if shell == "formats" else check(shell, {"bash": bash, "fish": fish}[shell])
        print("\n".join(bad) if bad else f"passed {shell}")
        passed, failed = passed + (not bad), failed + bool(bad)
    shutil.rmtree(FOLDER, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
