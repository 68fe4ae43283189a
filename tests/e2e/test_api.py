#!/usr/bin/env python3
"""The agent's answers beside what man/openapi.yaml says of them: each route, each message, in both directions, so that
neither a member that is missing nor one that is not described gets by.

FLAMETOP_BINARY is the program, FLAMETOP_SOURCE where its sources are."""

import datetime
import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import yaml
except ImportError:  # the interpreter found first is not the one that Debian's package is for
    if sys.executable == "/usr/bin/python3" or not os.path.exists("/usr/bin/python3"):
        print("skipped test_api: no module yaml: install python3-yaml\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
from agent import CHANGE, READ, Agent  # noqa: E402  (their folder is not a package)
from suite import check, free_port, main, until, write  # noqa: E402

SOURCE = os.environ.get("FLAMETOP_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
with open(os.path.join(SOURCE, "man", "openapi.yaml"), encoding="utf-8") as file:
    API = yaml.safe_load(file)

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
# What a schema may say here; a word that the checker does not know would not be checked.
WORDS = {"$ref", "type", "nullable", "description", "example", "default", "enum", "format", "pattern", "minimum", "maximum",
         "maxItems", "maxLength", "required", "properties", "additionalProperties", "items", "oneOf"}


def resolve(node):
    while "$ref" in node:
        target = API
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def is_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def mistakes(value, schema, where="answer"):
    """What of the value the schema does not allow, or does not mention."""
    schema = resolve(schema)
    if value is None:
        return [] if schema.get("nullable") or any(resolve(one).get("nullable") for one in schema.get("oneOf", ())) \
            else [f"{where} is null"]
    if "oneOf" in schema:
        tries = [mistakes(value, one, where) for one in schema["oneOf"]]
        right = sum(not one for one in tries)
        return [] if right == 1 else [f"{where}: {right} of the schemas fit {str(value)[:80]}"] + min(tries, key=len)
    if "type" in schema and not is_type(value, schema["type"]):
        return [f"{where} is no {schema['type']}: {str(value)[:80]}"]
    wrong = []
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{where}: {value} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        wrong.append(f"{where}: {value} is not as {schema['pattern']}")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        wrong.append(f"{where} is too long")
    if schema.get("format") == "date-time":
        datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if "minimum" in schema and value < schema["minimum"] or "maximum" in schema and value > schema["maximum"]:
        wrong.append(f"{where}: {value} is out of bounds")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            wrong += mistakes(item, schema["items"], f"{where}[{i}]")
    if isinstance(value, dict) and schema.get("type") == "object":
        wrong += [f"{where} has no {name}" for name in schema.get("required", ()) if name not in value]
        for name, member in value.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            wrong += [f"{where}.{name} is not described"] if known is None else mistakes(member, known, f"{where}.{name}")
    return wrong


def check_schema(value, name):
    wrong = mistakes(value, {"$ref": f"#/components/schemas/{name}"}, name)
    check(not wrong, "\n".join(wrong[:20]))


def response_of(path, method, status):
    responses = API["paths"][path][method]["responses"]
    check(str(status) in responses or status >= 400, f"{method} {path} does not say that it answers {status}")
    return resolve(responses.get(str(status), responses.get("default")))


def check_answer(path, method, answer):
    content = response_of(path, method, answer.status).get("content", {})
    kind = answer.type.split(";")[0]
    check(kind in content, f"{method} {path} does not say that it answers {kind}", answer)
    if kind == "application/json":
        wrong = mistakes(answer.json(), content[kind]["schema"])
        check(not wrong, method, path, "\n".join(wrong[:20]))


# ---- the file itself ------------------------------------------------------------------------------


def schemas_in(node):
    """Every schema of the file."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "schema":
                yield from schemas_below(value)
            elif key == "schemas":
                for schema in value.values():
                    yield from schemas_below(schema)
            else:
                yield from schemas_in(value)
    elif isinstance(node, list):
        for item in node:
            yield from schemas_in(item)


def schemas_below(schema):
    yield schema
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from schemas_below(schema[key])
    for one in list(schema.get("properties", {}).values()) + schema.get("oneOf", []):
        yield from schemas_below(one)


def test_file__is_openapi_3():
    check(re.fullmatch(r"3\.0\.\d", API["openapi"]) and {"title", "version"} <= API["info"].keys())
    names = set()
    for path, methods in API["paths"].items():
        check(path.startswith("/"), path)
        for method, operation in methods.items():
            check(method in ("get", "post"), method)
            check(operation["operationId"] not in names, "twice:", operation["operationId"])
            names.add(operation["operationId"])
            for status, response in operation["responses"].items():
                check(status == "default" or re.fullmatch(r"[1-5]\d\d", status), path, status)
                check(resolve(response).get("description"), path, status, "has no description")
            parameters = operation.get("parameters", [])
            for one in parameters:
                check(one["in"] in ("path", "query") and "schema" in one and (one["in"] == "query" or one["required"]), path, one)
            in_path = {one["name"] for one in parameters if one["in"] == "path"}
            check(in_path == set(re.findall(r"\{(\w+)\}", path)), path, "and its parameters differ:", in_path)


def test_file__has_schemas_that_are_checked_and_used():
    used = set()
    for schema in schemas_in(API):
        check(schema.keys() <= WORDS, "not checked here:", schema.keys() - WORDS)
        check("$ref" not in schema or len(schema) == 1, "beside $ref nothing counts:", schema)
        check(set(schema.get("required", ())) <= schema.get("properties", {}).keys(), "required, not described:", schema)
        resolve(schema)
        used.add(schema.get("$ref", "").rpartition("/")[2])
    messages = {"Message", "Request"}  # of WebSockets, which OpenAPI has no place for
    check(API["components"]["schemas"].keys() <= used | messages, API["components"]["schemas"].keys() - used)


def test_checker__finds_what_is_wrong():
    hello = {"flametop": "1", "protocol": 1, "host": None, "instance": "0" * 32, "started": "2026-11-21T14:02:31Z",
             "now": "2026-11-21T14:02:31.5Z", "monotonic_ns": "9007199254740993", "interval_s": 1, "may_change": False,
             "features": []}
    check_schema(hello, "Hello")
    for change in ({"flametop": 1}, {"protocol": 2}, {"host": 5}, {"instance": "x"}, {"may_change": 0}, {"features": [1]},
                   {"flametop": None}, {"more": 1}, {"monotonic_ns": "1.5"}, {"interval_s": True}):
        check(len(mistakes({**hello, **change}, {"$ref": "#/components/schemas/Hello"})) > 0, change)
    check(mistakes({k: v for k, v in hello.items() if k != "now"}, {"$ref": "#/components/schemas/Hello"}) == ["answer has no now"])


# ---- a running agent ------------------------------------------------------------------------------

# path, status, what is asked: query, headers, body
QUESTIONS = [
    ("/", 200, {}),
    ("/", 401, {"token": None}),
    ("/ws", 426, {}),
    ("/ws", 426, {"headers": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8"]}),
    ("/ws", 400, {"headers": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]}),
    ("/healthz", 200, {"token": None}),
    ("/metrics", 200, {}),
    ("/metrics", 200, {"headers": ["Accept: application/openmetrics-text; version=1.0.0"]}),
    ("/metrics", 401, {"token": None}),
    ("/api/v1/hello", 200, {}),
    ("/api/v1/hello", 401, {"token": "wrong-" + READ}),
    ("/api/v1/hello", 403, {"host": "example.org"}),
    ("/api/v1/snapshot", 200, {}),
    ("/api/v1/snapshot", 200, {"query": {"span": "10s", "rows": "3"}}),
    ("/api/v1/snapshot", 200, {"query": {"format": "csv"}}),
    ("/api/v1/snapshot", 200, {"query": {"format": "prometheus"}}),
    ("/api/v1/snapshot", 200, {"query": {"format": "openmetrics"}}),
    ("/api/v1/snapshot", 400, {"query": {"format": "nonsense"}}),
    ("/api/v1/snapshot", 400, {"query": {"span": "5"}}),
    ("/api/v1/snapshot", 400, {"query": {"rows": "-1"}}),
    ("/api/v1/stream", 400, {"query": {"interval": "x"}, "headers": ["Accept: text/event-stream"]}),
    ("/api/v1/stream", 400, {"query": {"metrics": "no.such"}, "headers": ["Accept: text/event-stream"]}),
    ("/api/v1/interest", 400, {"body": "[]", "query": {"client": "nobody"}}),
    ("/api/v1/interest", 404, {"body": "{}", "query": {"client": "nobody"}}),
    ("/api/v1/retry", 409, {"body": ""}),
    ("/api/v1/metrics/query", 200, {"query": {"name": "system.cpu.utilization"}}),
    ("/api/v1/metrics/query", 200, {"query": {"name": "cpu_percent", "agg": "p95", "from": "-10s", "step": "1s"}}),
    ("/api/v1/metrics/query", 200, {"query": {"name": "system.cpu.time", "by": "state", "agg": "max"}}),
    ("/api/v1/metrics/query", 200, {"query": {"name": "system.cpu.time", "labels": "state=user"}}),
    ("/api/v1/metrics/query", 200, {"query": {"name": "system.cpu.utilization*100", "agg": "last"}}),
    ("/api/v1/metrics/query", 200, {"query": {"name": "system.memory.utilization", "agg": "stats"}}),
    ("/api/v1/metrics/query", 400, {}),
    ("/api/v1/metrics/query", 400, {"query": {"name": "no.such"}}),
    ("/api/v1/tables/{name}", 200, {"name": "processes"}),
    ("/api/v1/tables/{name}", 200, {"name": "processes", "query": {"sort": "+PID", "limit": "2", "filter": "pid>0"}}),
    ("/api/v1/tables/{name}", 400, {"name": "processes", "query": {"sort": "nothing"}}),
    ("/api/v1/tables/{name}", 404, {"name": "nothing"}),
    ("/api/v1/traces", 200, {}),
    ("/api/v1/traces", 400, {"query": {"filter": "duration>never"}}),
    ("/api/v1/traces", 400, {"query": {"limit": "-1"}}),
    ("/api/v1/traces/query", 200, {"query": {"query": "p95 duration by tool", "limit": "5"}}),
    ("/api/v1/traces/query", 400, {"query": {"query": "most of all"}}),
    ("/api/v1/traces/{id}", 400, {"name": "0" * 32, "query": {"format": "png"}}),
    ("/api/v1/traces/{id}", 404, {"name": "0" * 32}),
    ("/api/v1/flame", 200, {}),
    ("/api/v1/flame", 200, {"query": {"mode": "self", "filter": "service=shop", "from": "-1h", "format": "folded"}}),
    ("/api/v1/flame", 200, {"query": {"format": "svg"}}),
    ("/api/v1/flame", 400, {"query": {"format": "png"}}),
    ("/api/v1/flame", 400, {"query": {"pid": "1", "machine": "1"}}),
    ("/api/v1/flame", 410, {"query": {"pid": "4194303"}}),
    ("/api/v1/flame/stream", 400, {}),
    ("/api/v1/flame/stream", 410, {"query": {"pid": "4194303"}}),
    ("/api/v1/findings", 200, {}),
    ("/api/v1/findings", 401, {"token": None}),
    ("/api/v1/commands/{name}", 401, {"name": "signal", "body": "{}", "token": None}),
    ("/api/v1/commands/{name}", 403, {"name": "signal", "body": "{}"}),
    ("/api/v1/commands/{name}", 400, {"name": "signal", "body": "{}", "token": CHANGE}),
    ("/api/v1/commands/{name}", 404, {"name": "dance", "body": "{}", "token": CHANGE}),
    ("/api/v1/commands/{name}", 409, {"name": "signal", "body": '{"pid": 1, "start": 5}', "token": CHANGE}),
]
# Asked for by other tests, here, in test_agent_flame.py and in tests/agent.
ELSEWHERE = {("/healthz", "503"), ("/api/v1/stream", "200"), ("/api/v1/interest", "200"), ("/api/v1/commands/{name}", "200"),
             ("/api/v1/retry", "200"), ("/api/v1/traces/{id}", "200"),
             ("/api/v1/traces/query", "429"), ("/api/v1/flame", "403"), ("/api/v1/flame", "429"),
             ("/api/v1/flame/stream", "200"), ("/api/v1/flame/stream", "403"), ("/api/v1/flame/stream", "429")}


def start():
    return Agent("--token-file", write("token", READ), "--change-token-file", write("change", CHANGE))


def test_routes__answer_as_described():
    with start() as agent:
        time.sleep(0.6)  # so that there are rates
        for path, status, asked in QUESTIONS:
            method = "post" if "body" in asked else "get"
            target = re.sub(r"\{\w+\}", asked.get("name", ""), path) + "?" + urllib.parse.urlencode(asked.get("query", {}))
            answer = agent.ask(target.rstrip("?"), method.upper(), asked.get("headers", ()), asked.get("body"),
                               asked.get("host", "localhost"), asked.get("token", READ))
            check(answer.status == status, f"{method} {target}: {status} was wanted, not", answer)
            check_answer(path, method, answer)
        told = {(path, str(status)) for path, status, _ in QUESTIONS} | ELSEWHERE
        for path, methods in API["paths"].items():
            for operation in methods.values():
                for status in operation["responses"].keys() - {"default", "101"}:
                    check((path, status) in told, path, status, "is described and was not asked for")


def test_target__answers_as_described():
    target = f"http://127.0.0.1:{free_port()}"
    with Agent(target) as agent:
        hello = agent.ask("/api/v1/hello")
        check_answer("/api/v1/hello", "get", hello)
        check(hello.json()["target"]["name"] == target and hello.json()["target"]["state"] == "connecting", hello)
        check_answer("/api/v1/retry", "post", agent.ask("/api/v1/retry", "POST", body=""))


def test_traces__answer_as_described():
    port, trace = free_port(), "5b8aa5a2d2c872e8321cf37308d69df2"
    request = {"trace_id": trace, "request": {"method": "POST", "path": "/tools/invoke", "tool": "database-query", "duration_ms": 450},
               "spans": [{"name": "auth", "duration_ms": 5}, {"name": "tool_execution", "duration_ms": 400}]}
    with Agent(f"--receive={port}") as agent:
        sent = urllib.request.Request(f"http://127.0.0.1:{port}/v1/requests", json.dumps(request).encode())
        with urllib.request.urlopen(sent, timeout=10) as answer:
            check(answer.status == 200, answer.status)
        answers = {"/api/v1/traces": None, "/api/v1/traces/{id}": None, "/api/v1/traces/query": None}
        for path in answers:
            check(until(lambda: trace.encode() in agent.ask("/api/v1/traces").body), "it is not listed")
            answers[path] = agent.ask(path.replace("{id}", trace).replace("query", "query?query=count+by+endpoint,+tol"))
            check(answers[path].status == 200, path, answers[path])
            check_answer(path, "get", answers[path])
        answer = answers["/api/v1/traces/query"].json()
        check(answer["rows"] == [{"tags": ["POST /tools/invoke", ""], "value": 1, "count": 1}] and
              answer["missing"] == [{"name": "tol", "field": False, "meant": "tool"}], answer)
        spans = answers["/api/v1/traces/{id}"].json()["resourceSpans"][0]["scopeSpans"][0]["spans"]
        check(len(spans) == 3 and {"auth", "tool_execution"} < {span["name"] for span in spans}, spans)


def test_commands__do_what_is_described():
    sleeper = subprocess.Popen(["sleep", "100"])
    with start() as agent:
        body = f'{{"pid": {sleeper.pid}, "start": {int(time.time())}, "nice": 5}}'
        answer = agent.ask("/api/v1/commands/renice", "POST", body=body, token=CHANGE)
        check(answer.status == 200, answer)
        check_answer("/api/v1/commands/{name}", "post", answer)
        check(os.getpriority(os.PRIO_PROCESS, sleeper.pid) == 5)
        answer = agent.ask("/api/v1/commands/signal", "POST", body=body.replace("nice", "more"), token=CHANGE)
        check_answer("/api/v1/commands/{name}", "post", answer)
        check(sleeper.wait(5) == -15)


def test_websocket__messages_are_as_described():
    with start() as agent:
        for path in ("/ws", "/"):
            socket = agent.websocket(path, [f"Authorization: Bearer {READ}"])
            check(socket.status == 101, socket.status)
            first = socket.message()
            check_schema(first, "Message")
            check(first["type"] == "initial_data" and first["data"]["current"]["metrics"], first)
            for type in ("metrics_update", "metrics_update"):
                message = socket.message()
                check(message["type"] in (type, "alert_triggered"), message["type"])
                check_schema(message, "Message")
            for request, answer in (({"type": "subscribe", "metrics": ["cpu_percent"], "interval": "500ms"}, "subscribed"),
                                    ({"type": "unsubscribe"}, "subscribed")):
                check_schema(request, "Request")
                socket.say(**request)
                check_schema(socket.next(answer), "Message")
            for request in ({"type": "subscribe", "metrics": ["no.such"]}, {"type": "dance"}):
                socket.say(**request)
                check_schema(socket.next("error"), "Message")
            socket.close()


def test_stream__is_a_recording_whose_reader_has_interests():
    with start() as agent, agent.connect() as connection:
        connection.sendall(f"GET /api/v1/stream?client=test&span=5 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {READ}\r\n\r\n"
                           .encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        check(response.getheader("Content-Type") == "application/x-flametop", response.getheaders())
        check(response.read(8) == b"flametop")
        interest = {"columns": ["process.pid"], "sort": "process.pid", "filter_costly": False, "cgroups": True,
                    "selected_pid": os.getpid(), "pids": [os.getpid()]}
        check_schema(interest, "Interest")
        answer = agent.ask("/api/v1/interest?client=test", "POST", body=json.dumps(interest), token=READ)
        check(answer.status == 200, answer)
        check_answer("/api/v1/interest", "post", answer)


def test_stream__events_are_those_of_websockets():
    with start() as agent:
        with agent.connect() as connection:
            connection.sendall(f"GET /api/v1/stream?interval=1s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                               f"Authorization: Bearer {READ}\r\n\r\n".encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            check(response.getheader("Content-Type") == "text/event-stream", response.getheaders())
            types, kind = [], None
            while "metrics_update" not in types and len(types) < 50:
                line = response.readline().decode()
                if line.startswith("event: "):
                    kind = line[7:].strip()
                elif line.startswith("data: "):
                    check_schema({"type": kind, "data": json.loads(line[6:])}, "Message")
                    types.append(kind)
            check(types[0] == "initial_data" and set(types[1:-1]) <= {"alert_triggered"}, types)


if __name__ == "__main__":
    sys.exit(main(globals()))
