#!/usr/bin/env python3
"""Erlang systems as Debian packages them, attached with nothing installed on them: RabbitMQ with queues that fill while
it is looked at, and ejabberd.

The argument is the program. Further arguments run the tests whose names hold them.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402  (its folder is not a package)
import suite  # noqa: E402  (servers knows where)
from endpoints import fill, request  # noqa: E402

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


def test_ejabberd__is_attached():
    with servers.ejabberd() as server:
        picture = snapshot(f"beam://{server.node}", server.epmd_port)
        assert picture["host"]["name"] == server.node, picture["host"]
        applications = {row["beam.process.application"] for row in rows(picture, "beam.processes")}
        assert "ejabberd" in applications, applications


if __name__ == "__main__":
    sys.exit(suite.main(globals(), wanted=sys.argv[2:]))
