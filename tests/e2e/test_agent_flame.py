#!/usr/bin/env python3
"""Flame graphs through an agent: of requests, and of what runs now; on the screen, by the command line and as documents;
and who may have them. And what else of requests goes between both: marks, and what is too large for a record.

FLAMETOP_BINARY is the program. Where the machine does not let it sample, a test is skipped with what the agent says."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_live  # noqa: E402
from agent import CHANGE, READ, Agent  # noqa: E402
from suite import FLAMETOP, Skip, check, check_sentence, free_port, main, run, until, write  # noqa: E402
from terminal import Tmux, environment  # noqa: E402

SOURCE = os.path.abspath(os.environ.get("FLAMETOP_SOURCE", "."))
MAKE = os.path.join(SOURCE, "tests", "tools", "make_requests.py")
PROFILES_MAX = 4


def busy():
    """A program of a known split, 70 to 30."""
    try:
        child = test_live.Child(test_live.split_program(), "120")
    except test_live.Skip as why:
        raise Skip(str(why)) from None
    time.sleep(0.3)
    return child


def guarded(*options, **more):
    return Agent("--token-file", write("token", READ), "--change-token-file", write("change", CHANGE), *options, **more)


def flame(agent, query, **more):
    """The answer; skips where nothing may be sampled."""
    answer = agent.ask("/api/v1/flame?" + query, **more)
    if answer.status == 403 and re.search(b"perf_event|CAP_PERFMON", answer.body):
        raise Skip(answer.json()["error"])
    return answer


def folded(text):
    return [(line.rpartition(" ")[0].split(";"), float(line.rpartition(" ")[2])) for line in text.splitlines()]


def of_speedscope(document):
    """The same of speedscope's JSON."""
    frames, profile = document["shared"]["frames"], document["profiles"][0]
    return [([frames[i]["name"] for i in sample], weight)
            for sample, weight in zip(profile["samples"], profile["weights"])]


def check_split(stacks, points=5):
    share = test_live.share(stacks, "^seventy$", "^(seventy|thirty)$")
    check(abs(share - 70) <= points, share)


def events(agent):
    """How many of the kernel's events it has open to sample with."""
    folder, count = f"/proc/{agent.process.pid}/fd", 0
    for name in os.listdir(folder):
        try:
            count += "perf_event" in os.readlink(f"{folder}/{name}")
        except OSError:
            pass  # closed meanwhile
    return count


# ---- documents ------------------------------------------------------------------------------------


def test_document__of_a_process_has_its_split():
    with busy() as child, guarded() as agent:
        answer = flame(agent, f"pid={child.pid}&seconds=4&hz=499", token=READ)
        check(answer.status == 200 and answer.type == "application/json", answer)
        check_split(of_speedscope(answer.json()))
        text = flame(agent, f"pid={child.pid}&seconds=3&hz=499&format=folded", token=CHANGE)
        check(text.type.startswith("text/plain"), text.type)
        check_split(folded(text.body.decode()))
        svg = flame(agent, f"pid={child.pid}&seconds=1&format=svg", token=READ)
        check(svg.type == "image/svg+xml" and b"seventy" in svg.body and "default-src 'none'" in
              svg.headers["content-security-policy"], svg)
        check(flame(agent, "machine=1&seconds=1&format=json", token=READ).json(), "no tree")


def test_document__of_requests_is_filtered_and_adds_up():
    port = free_port()
    with Agent(f"--receive={port}") as agent:
        done = subprocess.run([sys.executable, MAKE, "--count", "300", "--to", f"http://127.0.0.1:{port}"],
                              capture_output=True, check=False, timeout=60)
        check(done.returncode == 0, done.stderr.decode())
        check(until(lambda: agent.ask("/api/v1/traces?limit=1").json()["held"] >= 250, seconds=20), "no requests")
        whole = of_speedscope(agent.ask("/api/v1/flame").json())
        tools = of_speedscope(agent.ask("/api/v1/flame?filter=endpoint~/tools/").json())
        check(any("SELECT orders" in frames for frames, _ in tools), tools[:3])
        check(len({frames[0] for frames, _ in whole}) > len({frames[0] for frames, _ in tools}), whole[:5])
        calls = agent.ask("/api/v1/flame?mode=count&format=folded")
        check(calls.status == 200 and folded(calls.body.decode()), calls)
        none = agent.ask("/api/v1/flame?to=2001-01-01T00:00:00Z").json()
        check(none["profiles"][0]["samples"] == [], none)
        for wrong in ("mode=most", "format=png", "filter=duration%3E", "from=yesterday"):
            answer = agent.ask("/api/v1/flame?" + wrong)
            check(answer.status == 400 and answer.json()["error"], wrong, answer)


def deliver(port, count):
    done = subprocess.run([sys.executable, MAKE, "--count", str(count), "--to", f"http://127.0.0.1:{port}"],
                          capture_output=True, check=False, timeout=60)
    check(done.returncode == 0, done.stderr.decode())


def test_command__opens_a_file_of_requests():
    path = os.path.join(test_live.HOME, "shop.json")
    with open(path, "wb") as out:
        subprocess.run([sys.executable, MAKE, "--count", "200"], stdout=out, check=True, timeout=60)
    done = run("flame", path, "--filter", "tool=database-query", "-o", "-")
    stacks = folded(done.stdout.decode())
    check(done.returncode == 0 and stacks and all(frames[0] == "POST /tools/invoke" for frames, _ in stacks), done)
    done = run("flame", path, "--diff", path)
    check(done.returncode == 0 and b"+0.0 %  SELECT orders" in done.stdout, done)
    check_sentence(run("flame", path, "--filter", "tool=nobody"), 1, "no request there matches --filter")


def test_command__chooses_a_time():
    """The query is slow in the later half; a time of the file is counted back from its end."""
    path = os.path.join(test_live.HOME, "window.json")
    with open(path, "wb") as out:
        subprocess.run([sys.executable, MAKE, "--count", "600", "--minutes", "9", "--slow-from", "250"], stdout=out,
                       check=True, timeout=60)

    def query_share(*words):
        done = run("flame", path, *words, "-o", "-")
        check(done.returncode == 0, done)
        stacks = folded(done.stdout.decode())
        return sum(value for frames, value in stacks if frames[-1] == "SELECT orders") / sum(value for _, value in stacks)

    before, after = query_share("--to", "-6m"), query_share("--from", "-3m")
    check(before < 0.4 < 0.6 < after, before, after)
    check(before < query_share() < after, before, after)
    check_sentence(run("flame", path, "--from", "soon"), 2, "--from: no time: 14:02")
    check_sentence(run("flame", path, "--to", "1999-01-01T00:00Z"), 1, "matches --filter, --from and --to")
    check_sentence(run("flame", "--pid", "1", "--from", "-5m"), 2, "choose requests, not what is sampled")


NODES_MAX = 131072


def wide_request(trace, spans):
    """OTLP JSON of one request whose spans all have names of their own: as many stacks."""
    end = time.time_ns() - 3 * 10**9

    def span(i):
        return {"traceId": trace, "spanId": f"{i + 1:016x}", "parentSpanId": f"{1:016x}" if i else "",
                "name": f"{trace[:2]} step {i}", "kind": 1 if i else 2, "startTimeUnixNano": str(end - 10**9 + i * 1000),
                "endTimeUnixNano": str(end - 10**9 + i * 1000 + 500 if i else end)}
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "wide"}}]}
    return json.dumps({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": [span(i) for i in range(spans)]}]}]})


def ask_and_stay(agent, query):
    connection = agent.connect()
    connection.sendall(f"GET /api/v1/flame?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def test_document__is_bounded():
    port, traces, spans = free_port(), 4, 36000
    with Agent(f"--receive={port}") as agent:
        for i in range(traces):
            body = wide_request(f"{i + 16:032x}"[::-1], spans).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                check(answer.status == 200, answer.status)
        check(until(lambda: agent.ask("/api/v1/traces?limit=1").json()["held"] == traces, seconds=60), "not held")
        document = agent.ask("/api/v1/flame?mode=count&format=json").json()
        said = re.search(r"requests, count; (\d+) calls did not fit and count for their caller", document["title"])
        check(said and int(said[1]) > 0 and len(document["nodes"]["parent"]) <= NODES_MAX, document["title"])
        check(abs(document["nodes"]["total"][0] - spans) < 0.01, "calls are lost", document["nodes"]["total"][0])
        asking = [ask_and_stay(agent, "format=json") for _ in range(2)]
        refused = agent.ask("/api/v1/flame?to=2001-01-01T00:00:00Z")
        check(refused.status == 429 and "later" in refused.json()["error"], refused)
        for connection in asking:
            connection.close()  # wherever they are: they end
        check(until(lambda: agent.ask("/api/v1/flame?to=2001-01-01T00:00:00Z").status == 200, seconds=60), agent.log())
        with ask_and_stay(agent, "format=svg"):
            time.sleep(0.5)
            check(agent.end() == 0, agent.log())


def test_query__is_of_all_that_is_held():
    port, file = free_port(), os.path.join(test_live.HOME, "requests.json")
    with Agent(f"--receive={port}") as agent:
        check_sentence(run("query", "count", f"unix:{agent.unix}"), 3, "no requests are held there")
        with open(file, "wb") as out:
            subprocess.run([sys.executable, MAKE, "--count", "12000"], stdout=out, check=True, timeout=120)
        with open(file, "rb") as deliveries:
            for body in deliveries:
                request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", body, {"Content-Type": "application/json"})
                urllib.request.urlopen(request, timeout=60).close()
        held = until(lambda: (lambda n: n >= 12000 and n)(agent.ask("/api/v1/traces?limit=1").json()["held"]), seconds=30)
        check(held == 12000, "not held", held)
        for question in ("count by service, endpoint", "p99.9 duration by tool where status=slow", "avg self of spans by name",
                         "rate by tool", "count by tol"):
            done, here = run("query", question, f"unix:{agent.unix}"), run("query", question, file)
            check(done.returncode == 0 and done.stdout == here.stdout and done.stderr == here.stderr, question, done, here)
        cut = agent.ask("/api/v1/traces/query?query=count+by+trace&limit=7").json()
        check(cut["held"] == 12000 and len(cut["rows"]) == 7 and cut["tags"] == ["trace"], cut)
        done = run("query", "avg nothing", f"unix:{agent.unix}")
        check(done.returncode == 3 and b"a number called nothing" in done.stderr, done)
        check_sentence(run("query", "count where" + 4 * (" name=" + "é" * 100), f"unix:{agent.unix}"), 3, "too long")


def test_document__says_what_is_wrong():
    with guarded() as agent:
        for query, status, word in (("pid=999999999", 410, "no process"), ("pid=1&machine=1", 400, "one of"),
                                    ("pid=x", 400, "whole number"), (f"pid={os.getpid()}&seconds=61", 400, "at most 60"),
                                    (f"pid={os.getpid()}&seconds=0", 400, "from 1 to 60"), ("pid=1&for=3", 400, "seconds and hz"),
                                    ("pid=1&filter=(((", 400, "seconds and hz"), ("seconds=3", 400, "mode, filter"),
                                    (f"pid={os.getpid()}&hz=1000", 400, "at most 999")):
            answer = agent.ask("/api/v1/flame?" + query, token=READ)
            check(answer.status == status and word in answer.json()["error"], query, answer)


def test_window__is_compared_with_the_one_before():
    """Did the change help: the later half of ten minutes, in which a query is slow, beside the earlier."""
    port = free_port()
    with Agent(f"--receive={port}") as agent:
        done = subprocess.run([sys.executable, MAKE, "--count", "600", "--minutes", "9", "--slow-from", "250", "--to",
                               f"http://127.0.0.1:{port}"], capture_output=True, check=False, timeout=60)
        check(done.returncode == 0, done.stderr.decode())
        check(until(lambda: agent.ask("/api/v1/traces?limit=1").json()["held"] >= 600, seconds=20), "no requests")
        done = run("flame", f"http://127.0.0.1:{agent.port}", "--from", "-3m", "-o", "-")
        check(done.returncode == 0 and "SELECT orders" in done.stdout.decode(), done)
        done = run("flame", f"http://127.0.0.1:{agent.port}", "--to", "2001-01-01T00:00Z")
        check_sentence(done, 1, "matches --filter, --from and --to")
        with Tmux(f"{FLAMETOP} http://127.0.0.1:{agent.port} --view requests --span 5m", width=140, height=40) as screen:
            check(screen.until("POST /tools/invoke", "D before", seconds=20), screen.screen())
            compared = r"critical path · POST /tools/invoke · database-query · .*, before: \d\d:\d\d:\d\d to"
            # The agent's older requests come behind the first picture; until then D says so.
            check(until(lambda: (screen.keys("D"), screen.until(compared, r"\+ SELECT orders", seconds=4))[1], seconds=30),
                  screen.screen())
            screen.keys("q")
            check(screen.until("Groups", "WAITED"), screen.screen())
            screen.keys("F")
            check(screen.until(r"critical path · .* \d+ requests", "D compare with before", seconds=20), screen.screen())
            screen.keys("D")
            check(screen.until(", before: ", r"\+ SELECT orders", seconds=20), screen.screen())
            screen.keys("q")
            screen.text(":span 1h")
            screen.keys("Enter")
            check(screen.until("1 h"), screen.screen())
            screen.keys("D")
            check(screen.until("no requests of the time before are held"), screen.screen())


# ---- who may --------------------------------------------------------------------------------------


NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all", "--no-new-privs")


def as_nobody(agent, path):
    """Status and body, asked by a user who is not the agent's."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("curl") is None:
        raise Skip("it takes root, setpriv and curl to be somebody else")
    done = subprocess.run([*NOBODY, "curl", "-s", "-m", "20", "-w", "\n%{http_code}", f"http://127.0.0.1:{agent.port}{path}"],
                          capture_output=True, check=False, timeout=30, cwd="/")
    body, _, status = done.stdout.decode().rpartition("\n")
    return int(status), body


def test_right__an_open_agent_shows_nobody_what_others_run():
    with busy() as child, Agent() as agent:
        for path in (f"/api/v1/flame?pid={child.pid}&seconds=1", f"/api/v1/flame/stream?pid={child.pid}",
                     "/api/v1/flame?machine=1&seconds=1"):
            status, body = as_nobody(agent, path)
            check(status == 403 and "--token-file" in json.loads(body)["error"], path, status, body)
        check(as_nobody(agent, "/api/v1/flame")[0] == 200, "requests are open as ever")
        check("profile pid=" not in agent.log(), agent.log())


def test_right__an_open_agent_shows_its_user():
    with busy() as child, Agent() as agent:
        check(flame(agent, f"pid={child.pid}&seconds=1").status == 200)
        check(flame(agent, f"pid={child.pid}&seconds=1", unix=True).status == 200)
        for site in ("cross-site", "same-site"):
            answer = agent.ask(f"/api/v1/flame?pid={child.pid}&seconds=1", headers=[f"Sec-Fetch-Site: {site}"])
            check(answer.status == 403, "a page of others has it sampled", answer)


def test_right__takes_a_token():
    with busy() as child, guarded() as agent:
        check(agent.ask(f"/api/v1/flame?pid={child.pid}").status == 401)
        check(agent.ask(f"/api/v1/flame/stream?pid={child.pid}", token=READ[:-1]).status == 401)
        check("profile pid=" not in agent.log(), agent.log())
        flame(agent, f"pid={child.pid}&seconds=1", token=READ)
        check(f"profile pid={child.pid} peer=127.0.0.1" in agent.log() and READ not in agent.log(), agent.log())


def test_limit__few_at_a_time_and_none_that_nobody_waits_for():
    with busy() as child, guarded() as agent:
        flame(agent, f"pid={child.pid}&seconds=1", token=READ)
        check(until(lambda: events(agent) == 0), "it samples for nobody")
        asking = [agent.connect() for _ in range(PROFILES_MAX)]
        for i, connection in enumerate(asking):
            path = f"/api/v1/flame/stream?pid={child.pid}" if i % 2 else f"/api/v1/flame?pid={child.pid}&seconds=60"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {READ}\r\n\r\n".encode())
        refused = until(lambda: [answer for answer in [agent.ask(f"/api/v1/flame?pid={child.pid}&seconds=1", token=READ)]
                                 if answer.status == 429], seconds=20)
        check(refused and "later" in refused[0].json()["error"], agent.log())
        check(until(lambda: events(agent) > 0), "it does not sample")
        check(agent.ask("/api/v1/hello", token=READ).status == 200)
        for connection in asking:
            connection.close()
        check(until(lambda: events(agent) == 0, seconds=20), events(agent))
        check(flame(agent, f"pid={child.pid}&seconds=1", token=READ).status == 200)


def test_limit__the_agent_ends_while_it_samples():
    with busy() as child, guarded() as agent:
        flame(agent, f"pid={child.pid}&seconds=1", token=READ)
        check(until(lambda: events(agent) == 0), "it samples for nobody")
        with agent.connect() as connection:
            connection.sendall(f"GET /api/v1/flame?pid={child.pid}&seconds=60 HTTP/1.1\r\nHost: localhost\r\n"
                               f"Authorization: Bearer {READ}\r\n\r\n".encode())
            check(until(lambda: events(agent) > 0), "it does not sample")
            check(agent.end() == 0, agent.log())


# ---- the command line -----------------------------------------------------------------------------


def sampled(agent, *arguments, token=READ):
    done = run("flame", f"http://127.0.0.1:{agent.port}", *arguments, FLAMETOP_TOKEN=token)
    if done.returncode == 1 and re.search(b"perf_event|CAP_PERFMON", done.stderr):
        raise Skip(done.stderr.decode())
    return done


def test_command__saves_what_runs_there():
    with busy() as child, guarded() as agent:
        done = sampled(agent, "--pid", str(child.pid), "--for", "4s", "--rate", "499", "-o", "-")
        check(done.returncode == 0, done.stderr.decode())
        check_split(folded(done.stdout.decode()))
        check(re.search(rf"process {child.pid}: held after \d s at 499 Hz, \d+ samples", done.stderr.decode()), done.stderr)
        check(until(lambda: "peer=127.0.0.1" in agent.log()))


def test_command__says_what_is_wrong():
    with guarded() as agent:
        check_sentence(sampled(agent, "--pid", "4194303", "--for", "1s"), 1, "no process 4194303")
        check_sentence(sampled(agent, "--pid", str(os.getpid()), token=None), 1, "token")
        check_sentence(sampled(agent), 1, "no requests are held there", "--pid, --machine and --node")
        check_sentence(sampled(agent, "--diff", "http://127.0.0.1:1"), 1, "refused the connection")
        check_sentence(sampled(agent, "--filter", "duration>never"), 2, "duration")
        check_sentence(run("flame", "local"), 2, "--pid PID, --machine and --node")
        check_sentence(run("flame", write("a.folded", "a;b 1\n"), "--filter", "tool=x"), 2, "choose requests: give an agent")


def test_command__opens_the_requests_of_an_agent():
    port = free_port()
    with guarded(f"--receive={port}") as agent:
        deliver(port, 300)
        check(until(lambda: agent.ask("/api/v1/traces?limit=1", token=READ).json()["held"] >= 300, seconds=20), "no requests")
        there = folded(agent.ask("/api/v1/flame?format=folded", token=READ).body.decode())
        done = sampled(agent, "-o", "-")
        check(done.returncode == 0 and not done.stderr, done)
        same = {tuple(frames): weight for frames, weight in folded(done.stdout.decode())}
        check(len(same) == len(there) and all(abs(same[tuple(frames)] - weight) <= 1e-6 * weight for frames, weight in there),
              "not the agent's", same, there)
        tools = os.path.join(test_live.HOME, "tools.folded")
        done = sampled(agent, "--filter", "tool=database-query", "-o", tools)
        check(done.returncode == 0, done)
        with open(tools, encoding="utf-8") as file:
            check(all("POST /tools/invoke" in frames[0] for frames, _ in folded(file.read())), "not filtered")
        for ending, begins in ((".svg", "<"), (".speedscope.json", '{"$schema'), (".json", '{"format":"flametop-flame"')):
            path = os.path.join(test_live.HOME, "out" + ending)
            check(sampled(agent, "-o", path).returncode == 0, ending)
            with open(path, encoding="utf-8") as file:
                check(file.read().lstrip().startswith(begins), ending)
        done = sampled(agent, "--diff", tools)
        check(done.returncode == 0 and re.search(rb"requests of \S+ against tools.folded", done.stdout) and
              re.search(rb"[+]\d+[.]\d %  GET /orders", done.stdout), done)
        done = sampled(agent, "--diff", f"http://127.0.0.1:{agent.port}")
        check(re.search(rb"against requests of", done.stdout) and b"+0.0 %  SELECT orders" in done.stdout, done)
        with Tmux(f"{FLAMETOP} flame http://127.0.0.1:{agent.port} --filter tool=database-query", width=120, height=40,
                  FLAMETOP_TOKEN=READ) as screen:
            check(screen.until("requests of 127.0.0.1", "tool=database-query", "SELECT orders", "q back", seconds=20), screen.screen())
            screen.keys("q")
            check(screen.until("5 Requests", "POST /tools/invoke", seconds=20), screen.screen())


# ---- the screen -----------------------------------------------------------------------------------


class Screen(Tmux):
    def __init__(self, agent, arguments="", width=120, height=40, token=READ, program=FLAMETOP):
        super().__init__(f"{program} http://127.0.0.1:{agent.port} {arguments}", width=width, height=height,
                         FLAMETOP_TOKEN=token or "")

    def sees(self, *patterns, seconds=20):
        screen = self.until(*patterns, seconds=seconds)
        if not screen and re.search("perf_event|CAP_PERFMON", self.screen()):
            raise Skip(self.screen())
        check(screen, patterns, self.screen())
        return screen

    def sample(self, child):
        """F on the process, once it is selected."""
        self.sees(r"● live", rf"{child.pid}")
        time.sleep(1)
        self.keys("F")


def samples_on(screen):
    found = re.search(r"(\d+) samples", screen)
    return int(found[1]) if found else 0


def test_screen__shows_a_process_of_the_other_machine_live():
    with busy() as child, guarded() as agent, Screen(agent, f"--pid {child.pid} --view processes") as screen:
        screen.sample(child)
        first = samples_on(screen.sees(rf"split \({child.pid}\) on .* · sampling for \d+ s at 99 Hz", "seventy", "thirty"))
        check(until(lambda: samples_on(screen.screen()) > first + 30), screen.screen())
        screen.keys("F")
        held = samples_on(screen.sees(r"held after", r"F go on"))
        check(until(lambda: events(agent) == 0), "the agent goes on sampling for nobody")
        screen.keys("F")
        screen.sees(r"sampling for", r"F hold")
        check(until(lambda: samples_on(screen.screen()) > held + 30), "what was there before is lost", screen.screen())
        screen.keys("3")  # nobody looks
        check(until(lambda: events(agent) == 0), "the agent goes on sampling for nobody")
        screen.keys("6")
        seen = samples_on(screen.sees(r"sampling for", r"F hold"))
        check(until(lambda: events(agent) > 0 and samples_on(screen.screen()) > seen), screen.screen())
        screen.keys("3")
        screen.sees("PID")
        screen.keys("q")
        screen.sees("exit=0")
        check(until(lambda: events(agent) == 0), "the agent goes on sampling for nobody")


def test_screen__says_when_it_ends():
    with busy() as child, guarded() as agent, Screen(agent, f"--pid {child.pid} --view processes") as screen:
        screen.sample(child)
        screen.sees(r"sampling for", "seventy")
        child.child.kill()
        screen.sees(r"it ended after \d+ s")
        check("seventy" in screen.screen(), screen.screen())


def test_screen__says_when_the_agent_goes():
    with busy() as child, guarded() as agent, Screen(agent, f"--pid {child.pid} --view processes") as screen:
        screen.sample(child)
        screen.sees(r"sampling for", "seventy")
        agent.end()
        screen.sees(r"the connection broke: it ended after", "seventy")


def test_screen__says_why_not():
    binary = shutil.copy(FLAMETOP, os.path.join(test_live.HOME, "flametop"))
    with busy() as child, Agent() as agent:
        as_nobody(agent, "/healthz")  # or skipped
        with Screen(agent, f"--pid {child.pid} --view processes", token=None,
                    program=" ".join(NOBODY) + " " + binary) as screen:
            screen.sample(child)
            screen.sees(r"shows what the kernel keeps from", r"--token-file")


class Older(threading.Thread):
    """An agent as it was before there were live profiles: its route for them is not there."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent, self.listener = agent, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = self.agent.connect(timeout=None)
            threading.Thread(target=self.pass_on, args=(client, server, b"/flame/stream"), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(server, client, None), daemon=True).start()

    @staticmethod
    def pass_on(source, to, hidden):
        try:
            while data := source.recv(65536):
                to.sendall(data.replace(hidden, b"/older/stream") if hidden else data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_screen__says_that_an_agent_is_too_old():
    with busy() as child, guarded() as agent, Screen(Older(agent), f"--pid {child.pid} --view processes") as screen:
        screen.sample(child)
        screen.sees(r"this agent samples nothing: it is older than\s+this\s+flametop")


def test_right__what_the_agent_may_not_is_one_sentence():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        raise Skip("it takes root to be somebody else")
    with open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as file:
        if int(file.read()) < 1:
            raise Skip("everybody may sample everything here")
    binary, port = shutil.copy(FLAMETOP, os.path.join(test_live.HOME, "flametop")), free_port()
    agent = subprocess.Popen([*NOBODY, binary, "agent", "--listen", f"127.0.0.1:{port}", "--unix", "none"], cwd="/",
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env=environment(HOME="/nonexistent", FLAMETOP_TOKEN=READ))
    try:
        answer = until(lambda: asked(port, f"pid={os.getpid()}&seconds=1"))
        check(answer and answer[0] == 403 and "CAP_PERFMON" in answer[1], answer)
        answer = asked(port, "machine=1&seconds=1")
        check(answer[0] == 403 and "perf_event_paranoid" in answer[1], answer)
        done = run("flame", f"http://127.0.0.1:{port}", "--pid", str(os.getpid()), "--for", "1s", FLAMETOP_TOKEN=READ)
        check_sentence(done, 1, "CAP_PERFMON")
    finally:
        agent.terminate()
        check(agent.wait(10) == 0, "the agent failed")


def asked(port, query):
    """Status and sentence; None while nobody answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/flame?{query}",
                                     headers={"Authorization": f"Bearer {READ}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return (error.code, json.loads(error.read())["error"]) if error.code != 503 else None
    except OSError:
        return None


# ---- marks ----------------------------------------------------------------------------------------


def marked(agent):
    return [trace["trace_id"] for trace in agent.ask("/api/v1/traces?filter=status=marked", token=READ).json()["traces"]]


def mark_by_key(agent, **more):
    """m on the slowest request in an attached terminal; what is said."""
    with Tmux(f"{FLAMETOP} http://127.0.0.1:{agent.port} --view requests", width=120, height=40, FLAMETOP_TOKEN=READ,
              **more) as screen:
        check(screen.until(r"POST /tools/invoke +database-query", seconds=30), screen.screen())
        time.sleep(1)
        screen.keys("Enter")
        check(screen.until(r"Latency · POST /tools/invoke · database-query", seconds=20), screen.screen())
        screen.keys("m")
        said = screen.until(r"kept longer (there: done|here alone)", seconds=20)
        check(said, screen.screen())
        return said


def test_mark__reaches_the_agent_with_the_right_to():
    port = free_port()
    with guarded(f"--receive={port}") as agent:
        done = subprocess.run([sys.executable, MAKE, "--count", "300", "--to", f"http://127.0.0.1:{port}"],
                              capture_output=True, check=False, timeout=60)
        check(done.returncode == 0, done.stderr.decode())
        said = mark_by_key(agent)
        check("there it takes --change-token-file" in said and marked(agent) == [], said)
        said = mark_by_key(agent, FLAMETOP_CHANGE_TOKEN=CHANGE)
        check("kept longer there: done" in said and until(lambda: len(marked(agent)) == 1), said)
        newest = agent.ask("/api/v1/traces?limit=1", token=READ).json()["traces"][0]["trace_id"]
        path, body = "/api/v1/commands/mark", json.dumps({"trace_id": newest})
        check(agent.ask(path, "POST", body=body, token=READ).status == 403)
        check(agent.ask(path, "POST", body=body, token=CHANGE).status == 200 and until(lambda: newest in marked(agent)))
        check(agent.ask(path, "POST", body='{"trace_id": "0011"}', token=CHANGE).status == 404)
        check(agent.ask(path, "POST", body='{"trace_id": "x"}', token=CHANGE).status == 400)


def large_request(trace, spans, filler):
    """OTLP JSON of one request, every span with a text of its own."""
    now = time.time_ns() - 3 * 10**9

    def span(i):
        return {"traceId": trace, "spanId": f"{i + 1:016x}", "parentSpanId": f"{1:016x}" if i else "", "name": f"step {i % 50}",
                "kind": 1 if i else 2, "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 10**9 - i),
                "attributes": [{"key": "note", "value": {"stringValue": f"{i}:" + "x" * filler}}]}
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "large"}}]}
    return json.dumps({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": [span(i) for i in range(spans)]}]}]})


def test_size__what_is_too_large_for_a_record_comes_alone():
    port, older = free_port(), "4a8aa5a2d2c872e8321cf37308d69df1"
    traces = ["5b8aa5a2d2c872e8321cf37308d69df2", "6c8aa5a2d2c872e8321cf37308d69df3"]
    with guarded(f"--receive={port}") as agent:
        def send(trace):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", large_request(trace, 2400, 8000).encode(),
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                check(answer.status == 200, answer.status)
        send(older)
        check(until(lambda: agent.ask("/api/v1/traces?limit=1", token=READ).json()["held"] == 1, seconds=30), "not held")
        send(traces[0])
        deliver(port, 30)
        check(until(lambda: agent.ask("/api/v1/traces?limit=1", token=READ).json()["held"] == 32, seconds=30), "not held")
        with Tmux(f"{FLAMETOP} http://127.0.0.1:{agent.port} --view requests", width=120, height=40,
                  FLAMETOP_TOKEN=READ) as screen:
            check(screen.until(r"POST /tools/invoke", r"step 0", seconds=60), screen.screen())
            time.sleep(5)  # longer than the pause before another: the older one is told of last
            screen.keys("f")
            screen.text("service=large")
            screen.keys("Enter")
            check(screen.until(r"filter service=large", r"1 request"), screen.screen())
            screen.keys(".")
            check(screen.until(r"TOOK ENDPOINT", "5b8aa5a2"), screen.screen())
            time.sleep(1)
            screen.keys("Enter")
            check(screen.until(r"2400 spans", r"step 1", seconds=30), screen.screen())
            screen.keys("q")
            send(traces[1])  # takes its place
            check(screen.until(r"step 0 .* 6c8aa5a2", seconds=30) and "5b8aa5a2" not in screen.screen(), screen.screen())
        for trace in traces:
            answer = agent.ask(f"/api/v1/traces/{trace}", token=READ)
            check(answer.status == 200 and answer.body.count(b'"note"') == 2400, answer.status)


def done_with_programs():
    shutil.rmtree(test_live.HOME, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(globals(), after=[done_with_programs]))
