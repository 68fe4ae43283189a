#!/usr/bin/env python3
"""Requests of a made-up shop as OTLP JSON, the same for the same seed.

    make_requests.py >requests.json                  ten minutes of them, one delivery a line
    make_requests.py --to http://127.0.0.1:4318      the same, delivered
    make_requests.py --to URL --live 60              goes on for 60 s, as they happen

From --slow-from seconds before the end on, a quarter of the requests of the tenant acme wait for one
query on shard 3: what there is to find."""
import argparse
import json
import random
import sys
import time
import urllib.request

MS = 1_000_000


def attribute(key, value):
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue"}.get(type(value), "stringValue")
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


class Shop:
    """Makes requests; spans gather by service until they are taken."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.spans = {}

    def span(self, service, trace, parent, name, kind, start, duration, attributes, error="", events=()):
        own = f"{self.random.getrandbits(64) | 1:016x}"
        span = {"traceId": trace, "spanId": own, "name": name, "kind": kind,
                "startTimeUnixNano": str(int(start)), "endTimeUnixNano": str(int(start + duration)),
                "attributes": [attribute(k, v) for k, v in attributes.items()],
                "events": [{"timeUnixNano": str(int(start + at)), "name": event, "attributes": [
                    attribute(k, v) for k, v in more.items()]} for at, event, more in events],
                "status": {"code": 2, "message": error} if error else {}}
        if parent:
            span["parentSpanId"] = parent
        self.spans.setdefault(service, []).append(span)
        return own

    def query(self, trace, parent, start, duration, table, shard, error=""):
        self.span("worker", trace, parent, f"SELECT {table}", 3, start, duration, {
            "db.system.name": "postgresql", "db.namespace": "shop", "db.operation.name": "SELECT",
            "db.collection.name": table, "db.query.text": f"SELECT * FROM {table} WHERE tenant = ?",
            "server.address": f"db-{shard}", "db.shard": shard}, error)

    def invoke(self, start, is_slow):
        rnd, trace = self.random, f"{self.random.getrandbits(128) | 1:032x}"
        tool = rnd.choices(["database-query", "web-search", "summarise"], [6, 3, 1])[0]
        tenant = rnd.choice(["acme", "globex", "initech"])
        slow = is_slow and tenant == "acme" and tool == "database-query" and rnd.random() < 0.75
        failed = slow and rnd.random() < 0.15
        shard = 3 if slow else rnd.randrange(4)
        pool = rnd.expovariate(1 / 3) * MS + 0.2 * MS
        db = (rnd.gauss(1500, 400) if slow else rnd.lognormvariate(3.4, 0.5)) * MS
        db = max(db, 2 * MS) * (4 if tool == "summarise" else 1)
        inner = pool + db + 8 * MS
        total = inner + rnd.uniform(15, 30) * MS
        root = self.span("gateway", trace, "", "POST /tools/invoke", 2, start, total, {
            "http.request.method": "POST", "http.route": "/tools/invoke", "tenant": tenant,
            "gen_ai.tool.name": tool, "http.response.status_code": 504 if failed else 200,
            "user.id": f"u{rnd.randrange(9999)}"}, "deadline exceeded" if failed else "")
        at = start + 2 * MS
        self.span("gateway", trace, root, "auth", 1, at, 4 * MS, {})
        at += 5 * MS
        self.span("gateway", trace, root, "plugin_pre_invoke", 1, at, 3 * MS, {"plugin.name": "quota"})
        at += 4 * MS
        call = self.span("gateway", trace, root, "POST worker", 3, at, inner + 3 * MS, {
            "http.request.method": "POST", "server.address": "worker"})
        run = self.span("worker", trace, call, "tool_execution", 2, at + 1 * MS, inner + 1 * MS, {
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool})
        at += 2 * MS
        self.span("worker", trace, run, "GET session", 3, at, 1 * MS, {
            "db.system.name": "redis", "db.operation.name": "GET"})
        self.span("worker", trace, run, "pool.acquire", 1, at + 1 * MS, pool, {
            "pool.name": "orders", "db.client.connection.pool.name": "orders"})
        at += 1 * MS + pool
        if tool == "database-query":
            self.query(trace, run, at, db, "orders", shard, "canceling statement due to timeout" if failed else "")
        elif tool == "web-search":
            self.span("worker", trace, run, "GET search", 3, at, db, {
                "http.request.method": "GET", "url.full": "https://search.example/q", "server.address": "search.example"})
        else:
            self.span("worker", trace, run, "chat small-model", 3, at, db, {
                "gen_ai.operation.name": "chat", "gen_ai.request.model": "small-model"},
                events=[(1 * MS, "first_token", {"tokens": 1})])

    def orders(self, start):
        rnd, trace = self.random, f"{self.random.getrandbits(128) | 1:032x}"
        total = rnd.uniform(5, 14) * MS
        root = self.span("gateway", trace, "", "GET /orders/{id}", 2, start, total, {
            "http.request.method": "GET", "http.route": "/orders/{id}", "http.response.status_code": 200,
            "tenant": rnd.choice(["acme", "globex", "initech"])})
        self.span("gateway", trace, root, "SELECT orders", 3, start + total / 4, total / 2, {
            "db.system.name": "postgresql", "db.operation.name": "SELECT", "db.collection.name": "orders",
            "db.query.text": "SELECT * FROM orders WHERE id = ?"})

    def take(self):
        host = [attribute("host.name", "web-01"), attribute("service.version", "2.4.1")]
        document = {"resourceSpans": [{
            "resource": {"attributes": [attribute("service.name", service)] + host},
            "scopeSpans": [{"scope": {"name": "shop"}, "spans": spans}]} for service, spans in self.spans.items()]}
        self.spans = {}
        return json.dumps(document, separators=(",", ":"))


def deliver(url, text):
    request = urllib.request.Request(url.rstrip("/") + "/v1/traces", text.encode(),
                                     {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3000, help="requests of the past")
    parser.add_argument("--minutes", type=float, default=10, help="that they are spread over")
    parser.add_argument("--slow-from", type=float, default=120, help="seconds before the end")
    parser.add_argument("--live", type=float, default=0, help="seconds to go on for")
    parser.add_argument("--rate", type=float, default=5, help="requests a second while it goes on")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--end", type=float, default=0, help="Unix time the past ends at; 0: now")
    parser.add_argument("--to", default="", help="base URL of a receiver")
    given = parser.parse_args()
    shop, end = Shop(given.seed), given.end or time.time()
    send = (lambda text: deliver(given.to, text)) if given.to else print
    for i in range(given.count):
        ago = given.minutes * 60 * (given.count - i) / given.count + 3
        start = (end - ago) * 1e9
        shop.orders(start) if i % 3 == 2 else shop.invoke(start, ago < given.slow_from)
        if i % 100 == 99:
            send(shop.take())
    send(shop.take())
    until = time.time() + given.live
    while time.time() < until:
        shop.invoke((time.time() - 2.5) * 1e9, False)
        shop.orders((time.time() - 2.5) * 1e9)
        send(shop.take())
        time.sleep(2 / given.rate)


if __name__ == "__main__":
    sys.exit(main())
