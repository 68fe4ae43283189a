#!/usr/bin/env python3
"""The agent as a service: what its manager is told, reloads, stops, TLS, and the unit that is installed.

FLAMETOP_BINARY is the program, FLAMETOP_UNIT the unit."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent import READ, Agent, WebSocket  # noqa: E402  (their folder is not a package)
from suite import FLAMETOP, Skip, check, free_port, main, until, write  # noqa: E402
from terminal import HOME, environment  # noqa: E402

UNIT = os.environ.get("FLAMETOP_UNIT", "build/systemd/flametop-agent.service")


class Manager:
    """The service manager's end of sd_notify(3)."""

    def __init__(self, name=None):
        self.address = name or os.path.join(tempfile.mkdtemp(dir=HOME), "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name else self.address)
        self.socket.settimeout(10)

    def next(self):
        return self.socket.recv(4096).decode().split("\n")

    def until(self, word):
        """Everything that is said up to the message with this word."""
        said = []
        while word not in said:
            said += self.next()
        return said


# ---- the manager ----------------------------------------------------------------------------------


def test_notify__ready_when_there_is_a_picture():
    manager = Manager()
    with Agent(ready=False, NOTIFY_SOCKET=manager.address) as agent:
        check(manager.next() == ["READY=1", "WATCHDOG=1"])
        check(agent.ask("/healthz").status == 200, "ready, but not healthy")
        start = time.monotonic()
        check(manager.next() == ["WATCHDOG=1"] and manager.next() == ["WATCHDOG=1"])
        check(time.monotonic() - start < 5, "the watchdog starves")
        agent.process.send_signal(signal.SIGHUP)
        said = manager.until("READY=1")
        check([word for word in said if word != "WATCHDOG=1"][0] == "RELOADING=1", said)
        check(any(re.fullmatch(r"MONOTONIC_USEC=\d+", word) for word in said), said)
        check(agent.end() == 0, "stopped with", agent.process.returncode)
        check("STOPPING=1" in manager.until("STOPPING=1"))


def test_notify__speaks_to_abstract_sockets():
    manager = Manager(f"@flametop-test-{os.getpid()}")
    with Agent(ready=False, NOTIFY_SOCKET=manager.address):
        check("READY=1" in manager.next())


def test_notify__needs_no_manager():
    for address in ("", "relative", "/nonexistent/socket", "/" + "x" * 200):
        with Agent(NOTIFY_SOCKET=address):
            pass


def test_stop__by_either_signal_is_clean():
    for number in (signal.SIGTERM, signal.SIGINT):
        agent = Agent()
        follower = agent.websocket()  # who stays does not hold it
        check(agent.end(number) == 0, number, agent.process.returncode, agent.log())
        follower.close()
        check("stopping" in agent.log(), agent.log())
        check(not os.path.exists(agent.unix), "the socket stays")


# ---- reloads --------------------------------------------------------------------------------------


LOGFMT = re.compile(r'time=\S+Z level=(error|warning|info|debug) msg="(?:[^"\\]|\\.)*"')


def reload(agent, config, word):
    """Writes the configuration, asks for it, waits for what the log says; the new lines."""
    before = len(agent.log())
    with open(agent.config, "w", encoding="utf-8") as file:
        file.write(config)
    agent.process.send_signal(signal.SIGHUP)
    check(until(lambda: word in agent.log()[before:]), "no", word, "in", agent.log()[before:])
    lines = agent.log()[before:].splitlines()
    check(all(LOGFMT.fullmatch(line) for line in lines), "no logfmt:", lines)
    return lines


def settings(agent):
    return agent.websocket(unix=True).message()["data"]["config"]


def test_reload__takes_a_right_configuration():
    with Agent(config="view: overview\n") as agent:
        before = settings(agent)
        reload(agent, "view: findings\n", "reload: done")
        after = settings(agent)
        check(before["view"] != after["view"], before["view"], after["view"])
        check(before["history.bytes"] == after["history.bytes"] == 64 << 20, after["history.bytes"])


def test_reload__keeps_the_old_one_when_it_is_wrong():
    with Agent(config="view: system\n") as agent:
        before = settings(agent)
        for wrong, word in (("view: nowhere\n", "view"), ("intervall: 2s\n", "intervall"), ("{[", "config.yml"),
                            ("view: findings\nprocesses: 5\n", "processes")):
            lines = reload(agent, wrong, "the old one stays")
            check(any("level=error" in line and "config.yml:" in line and word in line for line in lines), wrong, lines)
            check(settings(agent) == before, "changed by", wrong)
        check(agent.process.poll() is None)
        reload(agent, "view: findings\n", "reload: done")


def test_reload__changes_tokens_and_never_opens_the_door():
    path = write("token", READ)
    with Agent("--token-file", path) as agent:
        check(agent.ask("/api/v1/hello", token=READ).status == 200)
        for wrong in ("", "short"):
            with open(path, "w", encoding="ascii") as file:
                file.write(wrong)
            reload(agent, "", "the old configuration stays")
            check(agent.ask("/api/v1/hello").status == 401 and agent.ask("/api/v1/hello", token=READ).status == 200)
        os.unlink(path)
        reload(agent, "", "the old configuration stays")
        check(agent.ask("/api/v1/hello").status == 401 and agent.ask("/api/v1/hello", token=READ).status == 200)
        with open(path, "w", encoding="ascii") as file:
            file.write("another-token-for-reading\n")
        os.chmod(path, 0o600)
        reload(agent, "", "reload: done")
        check(until(lambda: agent.ask("/api/v1/hello", token="another-token-for-reading").status == 200))
        check(agent.ask("/api/v1/hello", token=READ).status == 401, "the old token is still good")
        check("another-token" not in agent.log() and READ not in agent.log())


# ---- TLS ------------------------------------------------------------------------------------------


def certificate(name, address=None):
    """Paths of a certificate and its key."""
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    folder = tempfile.mkdtemp(dir=HOME)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName={address or 'DNS:' + name}",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
    return f"{folder}/cert.pem", f"{folder}/key.pem"


class Snapshot:
    """A snapshot of a target, under way; several at once, as those of servers that do not answer take a while."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([FLAMETOP, "snapshot", *arguments, "--format", "json", "--for", "300ms"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())

    def end(self):
        """Exit code, output, errors."""
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output.decode(), errors.decode()

    def check_sentence(self, words):
        code, output, errors = self.end()
        check(code != 0 and output == "" and words in errors, code, errors)
        check(errors.startswith("flametop: ") and errors.count("\n") == 1, "not one sentence:", errors)


def test_tls__is_trusted_by_its_certificate_only():
    cert, key = certificate("localhost", "DNS:localhost,IP:127.0.0.1")
    other_cert, other_key = certificate("other.example")
    token = write("token", READ)
    with Agent("--tls-cert", cert, "--tls-key", key, "--token-file", token) as agent, \
         Agent("--tls-cert", other_cert, "--tls-key", other_key) as other:
        url = f"https://127.0.0.1:{agent.port}"
        bad = [(Snapshot(url, "--token-file", token), "is not trusted: give --cacert FILE"),
               (Snapshot(url, "--token-file", token, "--cacert", "/nonexistent"), ""),
               (Snapshot(f"http://127.0.0.1:{agent.port}", "--token-file", token), ""),
               (Snapshot(f"https://127.0.0.1:{other.port}", "--cacert", other_cert), "is for another name")]
        code, output, errors = Snapshot(url, "--cacert", cert, "--token-file", token).end()
        check(code == 0 and '"schema"' in output, code, errors)
        for one, words in bad:
            one.check_sentence(words)
        old = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{agent.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                             capture_output=True, stdin=subprocess.DEVNULL, timeout=20, check=False)
        check(old.returncode != 0, "TLS 1.1 is spoken")
        new = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{agent.port}", "-tls1_3"],
                             capture_output=True, stdin=subprocess.DEVNULL, timeout=20, check=False)
        check(new.returncode == 0, new.stderr)


def test_tls__websockets_are_followed_through_it():
    cert, key = certificate("localhost")
    with Agent("--tls-cert", cert, "--tls-key", key) as agent:
        with socket.create_connection(("127.0.0.1", agent.port), 10) as raw:
            secure = ssl.create_default_context(cafile=cert).wrap_socket(raw, server_hostname="localhost")
            follower = WebSocket(secure)
            check(follower.next("initial_data") and follower.next("metrics_update"))


def test_tls__files_that_are_wrong_are_told():
    cert, key = certificate("localhost")
    for options, words in ((("--tls-cert", cert), "both a certificate and its key"),
                           (("--tls-cert", "/nonexistent", "--tls-key", key), "/nonexistent"),
                           (("--tls-cert", key, "--tls-key", cert), "")):
        done = subprocess.run([FLAMETOP, "agent", "--listen", f"127.0.0.1:{free_port()}", "--unix", "none", *options],
                              capture_output=True, timeout=20, env=environment(), stdin=subprocess.DEVNULL, check=False)
        check(done.returncode == 1 and words in done.stderr.decode(), done.returncode, done.stderr)
        check(done.stderr.startswith(b"flametop: ") and done.stderr.count(b"\n") == 1, "not one sentence:", done.stderr)


def test_listen__other_addresses_need_tls_and_a_token():
    token = write("token", READ)
    for options, words in ((("--token-file", token), "--tls-cert"), (("--insecure-no-tls",), "--token-file")):
        done = subprocess.run([FLAMETOP, "agent", "--listen", f"0.0.0.0:{free_port()}", "--unix", "none", *options],
                              capture_output=True, timeout=20, env=environment(), stdin=subprocess.DEVNULL, check=False)
        check(done.returncode == 1 and words in done.stderr.decode(), done.returncode, done.stderr)


# ---- the unit -------------------------------------------------------------------------------------


def test_unit__is_one_that_systemd_reads():
    with open(UNIT, encoding="utf-8") as file:
        text = file.read()
    for line in ("Type=notify", "WatchdogSec=", "ExecReload=/bin/kill -HUP $MAINPID", "ProtectSystem=strict",
                 "NoNewPrivileges=yes", "SystemCallFilter=@system-service"):
        check(line in text, "no", line)
    check(re.search(r"^ExecStart=/\S+/flametop agent$", text, re.M), text)
    if shutil.which("systemd-analyze") is None:
        raise Skip("systemd-analyze is not installed")
    folder = tempfile.mkdtemp(dir=HOME)
    path = f"{folder}/flametop-agent.service"
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^ExecStart=\S+", f"ExecStart={FLAMETOP}", text, flags=re.M))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "flametop-agent" in line]
    check(not ours, ours)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", path], capture_output=True, text=True, timeout=60, check=False)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    check(exposure and float(exposure[1]) <= 3, done.stdout[-300:], done.stderr[-300:])


if __name__ == "__main__":
    sys.exit(main(globals()))
