"""Real terminals for the end-to-end tests: tmux where the screen is looked at, a bare pty where bytes, signals and
job control are."""

import atexit
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time

HOME = tempfile.mkdtemp(prefix="flametop-e2e-")


def environment(**changes):
    """What the programs see: nothing of the user's configuration. A change to None removes."""
    result = {"PATH": os.environ["PATH"], "HOME": HOME, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
              # GCC 12's LSan guesses the sizes of libraries' thread-local memory, and dies of wrong guesses at the end
              "SHELL": "/bin/sh", "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:intercept_tls_get_addr=0",
              # newterm forgets a block of its own when it knows no such terminal
              "LSAN_OPTIONS": "suppressions=" + os.path.join(HOME, "leaks"), "UBSAN_OPTIONS": "halt_on_error=1"}
    result.update(changes)
    return {name: value for name, value in result.items() if value is not None}


with open(os.path.join(HOME, "leaks"), "w", encoding="ascii") as leaks:
    leaks.write("leak:new_prescr\n")


class Pty:
    """A program as the leader of its own session on a pty."""

    def __init__(self, *command, width=80, height=24, errors=subprocess.PIPE, **env):
        self.master, self.slave = pty.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(self.slave)
        self.bytes, self.at = b"", 0
        self.child = subprocess.Popen(command, stdin=self.slave, stdout=self.slave,
                                      stderr=errors if errors is not None else self.slave, env=environment(**env), start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, width, height):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def read(self, seconds):
        """Takes what comes for so long; the rest of the time is waited for only by until()."""
        end = time.monotonic() + seconds
        got = b""
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            got += data
        self.bytes += got
        return got

    def until(self, pattern, seconds=15):
        """True as soon as the bytes after the last match do; the next search begins behind it."""
        end = time.monotonic() + seconds
        while True:
            ended = self.child.poll() is not None
            self.read(0.05)
            match = re.compile(pattern).search(self.bytes, self.at)
            if match:
                self.at = match.end()
            if match or ended or time.monotonic() > end:
                return match is not None

    def send(self, text):
        os.write(self.master, text.encode())

    def wait(self, seconds=10):
        """The exit code; None when it did not end. Reads on, so that nothing blocks."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.child.poll() is not None:
                self.read(0.05)
                return self.child.returncode
            self.read(0.05)
        return None

    def complaint(self):
        """What an ended program wrote to standard error."""
        return self.child.stderr.read().decode(errors="replace")[:1500] if self.child.poll() is not None else ""

    def restored(self):
        """The line discipline is as it was."""
        return termios.tcgetattr(self.slave)[:4] == self.before[:4]

    def close(self):
        for fd in (self.master, self.slave):
            try:
                os.close(fd)
            except OSError:
                pass
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.errors = self.child.stderr.read().decode(errors="replace") if self.child.stderr else ""
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


SESSIONS = []  # of the programs in tmux that were left


def session_of(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[3])
    except (OSError, ValueError):
        return None


@atexit.register
def end_sessions():
    """Leak detection at a program's end may wait for ever for a thread that is gone: nothing is left behind."""
    end = time.monotonic() + 5
    while left := [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and session_of(pid) in SESSIONS]:
        if time.monotonic() > end:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


class Tmux:
    """A program in a tmux of its own; the screen is what tmux made of its bytes."""

    def __init__(self, command, width=120, height=36, **env):
        self.socket = os.path.join(HOME, f"tmux-{os.getpid()}-{time.monotonic_ns()}")
        words = " ".join(f"{name}='{value}'" for name, value in environment(TERM="tmux-256color", **env).items())
        self.tmux("new-session", "-d", "-x", str(width), "-y", str(height),
                  f"env -i {words} {command}; echo exit=$?; exec sleep 60")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-u", "-f", "/dev/null", "-S", self.socket, *arguments],
                              capture_output=True, check=True, env=environment()).stdout.decode()

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def text(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def until(self, *patterns, seconds=15):
        """The screen once every pattern is on it; "" when that does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if all(re.search(pattern, screen) for pattern in patterns):
                return screen
            time.sleep(0.05)
        return ""

    def close(self):
        SESSIONS.extend(int(pid) for pid in self.tmux("list-panes", "-a", "-F", "#{pane_pid}").split())
        self.tmux("kill-server")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
