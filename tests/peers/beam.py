#!/usr/bin/env python3
"""Erlang systems as Debian packages them, attached with nothing installed on them: RabbitMQ with queues that fill while
it is looked at, Elixir, and ejabberd.

The argument is the program. Further arguments run the tests whose names hold them.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402  (its folder is not a package)
import suite  # noqa: E402  (servers knows where)
from endpoints import fill, request  # noqa: E402
from terminal import HOME, Tmux  # noqa: E402

FLAMETOP = os.path.abspath(sys.argv[1])


def snapshot(target, epmd_port, seconds=4):
    done = subprocess.run([FLAMETOP, "snapshot", "--for", f"{seconds}s", "--format", "json", target],
                          capture_output=True, timeout=seconds + 60, check=False, stdin=subprocess.DEVNULL,
                          env=servers.environment(ERL_EPMD_PORT=str(epmd_port)))
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def value(picture, name):
    return next(m["value"] for m in picture["metrics"] if m["name"] == name)


def rows(picture, name):
    table = next(table for table in picture["tables"] if table["name"] == name)
    columns = {column["name"]: column["values"] for column in table["columns"]}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def test_rabbitmq__shows_its_processes_and_queues():
    with servers.rabbitmq() as server:
        fill(server)
        picture = snapshot(f"beam://{server.node}", server.epmd_port, 8)
        assert picture["host"]["name"] == server.node, picture["host"]
        assert value(picture, "beam.process.count") > 200
        names = {row["beam.process.name"] for row in rows(picture, "beam.processes")}
        applications = {row["beam.process.application"] for row in rows(picture, "beam.processes")}
        assert any(name and name.startswith("rabbit") for name in names), names
        assert "rabbit" in applications, applications
        depth = {row["pool.name"]: row["pool.queue"] for row in rows(picture, "pools")}
        ready = request(server.url + "/api/queues/%2f/orders", "GET", None, "guest:guest")
        orders = [number for name, number in depth.items() if "orders" in name]
        assert orders == [12], (depth, ready)
        assert not any("flametop" in line for line in server.said().splitlines() if "error" in line.lower())


class Load:
    """Messages come in and are taken, for 8 s more than are taken, then fewer, until the end of a with."""

    def __init__(self, server):
        self.server, self.over, self.threads, self.began = server, threading.Event(), [], time.monotonic()
        for work in self.publish, self.consume:
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self.threads.append(thread)

    def grows(self):
        return int(time.monotonic() - self.began) // 8 % 2 == 0

    def publish(self):
        body = b'{"properties":{},"routing_key":"orders","payload":"x","payload_encoding":"string"}'
        while not self.over.wait(0.1):
            for _ in range(8 if self.grows() else 2):
                request(self.server.url + "/api/exchanges/%2f/amq.default/publish", "POST", body, "guest:guest")

    def consume(self):
        while not self.over.wait(0.2):
            body = json.dumps({"count": 4 if self.grows() else 10, "ackmode": "ack_requeue_false", "encoding": "auto"})
            request(self.server.url + "/api/queues/%2f/orders/get", "POST", body.encode(), "guest:guest")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def test_rabbitmq__depth_under_load_is_what_its_tool_says():
    """Within one interval: what the tool answers is among what was shown around it, give or take the change of one. The
    node counts once an interval, and what it counted is asked for once an interval."""
    interval, told = 1.0, []
    with servers.rabbitmq() as server:
        fill(server)
        child = subprocess.Popen([FLAMETOP, "snapshot", "--count", "30", "--interval", "1s", "--format", "json",
                                  f"beam://{server.node}"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                 env=servers.environment(ERL_EPMD_PORT=str(server.epmd_port)))
        shown = []

        def follow():
            for line in child.stdout:
                depth = [row["pool.queue"] for row in rows(json.loads(line), "pools") if "orders" in row["pool.name"]]
                if depth and depth[0] is not None:
                    shown.append((time.monotonic(), depth[0]))

        follower = threading.Thread(target=follow)
        follower.start()
        with Load(server):
            time.sleep(5)
            while child.poll() is None:
                began = time.monotonic()
                answer = servers.rabbitmqctl(server, "list_queues", "name", "messages_ready", "--no-table-headers")
                ready = {name: int(number) for name, number in (line.split() for line in answer.splitlines())}
                told.append((began, time.monotonic(), ready["orders"]))
        follower.join()
    depths = [depth for _, depth in shown]
    assert max(depths) - min(depths) > 60, ("the depth does not change", depths)
    judged = 0
    for began, ended, ready in told:
        near = [depth for at, depth in shown if began - 2 * interval <= at <= ended + 2 * interval]
        if len(near) >= 3 and ended + 2 * interval < shown[-1][0]:
            judged += 1
            step = max(abs(later - earlier) for earlier, later in zip(near, near[1:]))
            assert min(near) - step <= ready <= max(near) + step, (ready, near)
    assert judged >= 2, (told, shown)
    print(f"        {judged} answers, {told[-1]} beside {shown[-4:]}")


def test_elixir__is_shown_as_elixir():
    with servers.elixir() as server:
        target, epmd = f"beam://{server.node}", {"ERL_EPMD_PORT": str(server.epmd_port)}
        picture = snapshot(target, server.epmd_port, 5)
        assert picture["host"]["name"] == server.node and "Elixir 1." in picture["host"]["system"], picture["host"]
        processes = {row["beam.process.name"]: row for row in rows(picture, "beam.processes")}
        cart = processes["Shop.Cart"]
        assert cart["beam.process.reductions"] > 1e6 and cart["beam.process.application"] == "shop", cart
        assert "till" in processes, list(processes)
        assert processes["till"]["beam.process.initial_call"].startswith("Shop.Till."), processes["till"]
        texts = [text for row in processes.values() for text in row.values() if isinstance(text, str)]
        assert any(text.startswith("Enum.") or text.startswith("Shop.Cart.") for text in texts), texts
        assert not any("Elixir." in text for text in texts), [text for text in texts if "Elixir." in text]
        told = [finding["sentence"] for finding in picture["findings"] if "Elixir." in finding["sentence"]]
        assert not told, told
        with Tmux(f"{FLAMETOP} {target}", width=120, height=80, **servers.environment(**epmd, HOME=HOME)) as t:
            assert t.until(r"● live", r"Shop\.Cart"), t.screen()
            t.keys("4", ",")
            assert t.until(r"shop +<0[\s\S]*Shop\.Supervisor +<0\.\d+\.0> +supervisor[\s\S]*Shop\.Cart +<0\.\d+\.0> +worker[\s\S]*Shop\.Tasks"), t.screen()
            t.keys("q")
            assert t.until("exit=0"), t.screen()
        done = subprocess.run([FLAMETOP, "flame", target, "--for", "4s", "-o", "-"], capture_output=True, timeout=60,
                              check=False, stdin=subprocess.DEVNULL, env=servers.environment(**epmd))
        assert done.returncode == 0, done.stderr.decode()
        hot = [line for line in done.stdout.decode().splitlines() if line.startswith("Shop.Cart;")]
        assert any("Shop.Cart.work/1" in line for line in hot), done.stdout.decode()
        assert "Elixir." not in done.stdout.decode(), done.stdout.decode()
        assert server.said() == "", server.said()


def test_ejabberd__is_attached():
    with servers.ejabberd() as server:
        picture = snapshot(f"beam://{server.node}", server.epmd_port)
        assert picture["host"]["name"] == server.node, picture["host"]
        applications = {row["beam.process.application"] for row in rows(picture, "beam.processes")}
        assert "ejabberd" in applications, applications


if __name__ == "__main__":
    sys.exit(suite.main(globals(), wanted=sys.argv[2:]))
