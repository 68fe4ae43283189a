#!/usr/bin/env python3
"""flametop attached to other people's servers, real ones: by bare URL, with the wrong password, and when they are dead.

usage: endpoints.py FLAMETOP
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import servers
import suite  # servers knows where

HOME = tempfile.mkdtemp(prefix="flametop-endpoints-")
DEAD = "127.0.0.1:9"  # discard: nobody listens


def flametop(*arguments, netrc=None):
    """Starts it with no configuration but this netrc."""
    home = tempfile.mkdtemp(dir=HOME)
    if netrc is not None:
        path = pathlib.Path(home) / ".netrc"
        path.write_text(f"machine 127.0.0.1 login {netrc[0]} password {netrc[1]}\n")
        path.chmod(0o600)
    return subprocess.Popen([sys.argv[1], *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True,
                            env={"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8", "TERM": "xterm"})


def look(url, seconds, **how):
    """The snapshot after so long."""
    child = flametop("snapshot", url, "--interval", "500ms", "--for", f"{seconds}s", "--format", "json", **how)
    out, err = child.communicate(timeout=seconds + 40)
    assert child.returncode == 0, err
    return json.loads(out)


def screen(url, **how):
    """What a terminal shows, as text."""
    child = flametop("snapshot", url, "--for", "3s", "--format", "text", **how)
    out, err = child.communicate(timeout=40)
    assert child.returncode == 0, err
    return out


def refusal(url, **how):
    """Its one sentence, and how long it took."""
    began = time.monotonic()
    child = flametop("snapshot", url, "--format", "json", **how)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 1 and out == "", (child.returncode, out[:200])
    assert err.count("\n") == 1 and err.startswith("flametop: "), err
    return err.strip(), time.monotonic() - began


def points(picture, metric):
    """How many known readings the series of a metric have, the most of any."""
    most = 0
    for track in picture["history"]:
        for series in track["series"]:
            values = series["values"]
            values = values if isinstance(values, list) else [values] * len(track["times_ns"])
            if series["metric"] == metric:
                most = max(most, sum(value is not None for value in values))
    return most


def values(picture, metric):
    return [m["value"] for m in picture["metrics"] if m["name"] == metric and m["value"] is not None]


def expect(picture, kind, *metrics):
    assert kind in [source["name"] for source in picture["sources"]], picture["sources"]
    for metric in metrics:
        assert points(picture, metric) > 1, f"{metric}: {points(picture, metric)} readings"
        assert values(picture, metric), f"{metric} has no value"


def expect_machine(picture, kind):
    expect(picture, kind, "system.cpu.time", "system.memory.available", "system.cpu.load_average.1m",
           "system.filesystem.usage")
    assert picture["host"]["cores"] == os.cpu_count(), picture["host"]
    assert 0 <= values(picture, "system.cpu.utilization")[0] <= 1
    assert 0 < values(picture, "system.memory.utilization")[0] < 1
    total = int(next(line for line in open("/proc/meminfo", encoding="ascii")).split()[1]) * 1024
    assert abs(values(picture, "system.memory.limit")[0] / total - 1) < 0.02


def request(url, method="GET", body=None, user=None):
    call = urllib.request.Request(url, method=method, data=body, headers={"Content-Type": "application/json"})
    if user is not None:
        call.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    return urllib.request.urlopen(call, timeout=10).read()


def test_nginx__is_shown_by_bare_url():
    with servers.nginx() as server:
        child = flametop("snapshot", server.url, "--interval", "500ms", "--for", "3s", "--format", "json")
        for _ in range(20):
            request(server.url + "/stub_status")
            time.sleep(0.1)
        picture = json.loads(child.communicate(timeout=40)[0])
        expect(picture, "nginx", "nginx.requests", "nginx.connections", "nginx.connections.accepted")
        assert values(picture, "nginx.requests")[0] > 1  # a second
        assert picture["host"]["system"].startswith("nginx 1."), picture["host"]
        shown = screen(server.url)
        assert "Requests" in shown and "Clients" in shown and "nginx 1." in shown, shown
        assert "cores" not in shown and "CPU" not in shown, shown


def test_nginx__wants_the_right_password():
    with servers.nginx() as server:
        closed = server.url + "/closed/"
        sentence, took = refusal(closed)
        assert 'wants a password for "The status"' in sentence and took < 10, sentence
        sentence, took = refusal(closed, netrc=("reader", "wrong"))
        assert "refused the password" in sentence and "wrong" not in sentence and took < 10, sentence
        expect(look(closed, 2, netrc=("reader", "secret")), "nginx", "nginx.requests")


def test_node_exporter__is_a_machine():
    with servers.node_exporter() as server:
        picture = look(server.url, 3)
        expect_machine(picture, "exposition")
        expect(picture, "exposition", "system.disk.io", "system.network.virtual.io")
        shown = screen(server.url)
        assert "CPU" in shown and "Memory" in shown, shown


def test_glances__is_a_machine_with_processes():
    with servers.glances() as server:
        picture = look(server.url, 6)
        expect_machine(picture, "glances")
        table = next(table for table in picture["tables"] if table["name"] == "processes")
        assert table["total"] > 1, table
        assert "processes" in screen(server.url).lower()


def test_netdata__is_a_machine_and_more():
    with servers.netdata() as server:
        picture = look(server.url, 5)
        expect_machine(picture, "netdata")
        assert any(m["name"].startswith("netdata.") for m in picture["metrics"])


def fill(server):
    """A queue with messages that come in while it is looked at."""
    request(server.url + "/api/queues/%2f/orders", "PUT", b"{}", "guest:guest")
    for _ in range(12):
        request(server.url + "/api/exchanges/%2f/amq.default/publish", "POST",
                b'{"properties":{},"routing_key":"orders","payload":"x","payload_encoding":"string"}', "guest:guest")


def test_rabbitmq__is_shown_by_bare_url():
    with servers.rabbitmq() as server:
        fill(server)
        sentence, took = refusal(server.url)
        assert "wants a password" in sentence and took < 10, sentence
        sentence, took = refusal(server.url, netrc=("guest", "wrong"))
        assert "refused the password" in sentence and "wrong" not in sentence and took < 10, sentence
        picture = look(server.url, 14, netrc=("guest", "guest"))
        expect(picture, "rabbitmq", "rabbitmq.messages", "rabbitmq.node.memory.usage", "rabbitmq.connections")
        assert picture["host"]["system"].startswith("RabbitMQ 3."), picture["host"]
        table = next(table for table in picture["tables"] if table["name"] == "rabbitmq.queues")
        columns = {column["name"]: column["values"] for column in table["columns"]}
        assert columns["rabbitmq.queue.name"] == ["orders"] and columns["rabbitmq.queue.messages"] == [12], columns
        shown = screen(server.url, netrc=("guest", "guest"))
        assert "orders" in shown and "Messages" in shown and "0 cores" not in shown, shown


def rows(picture, name):
    table = next(table for table in picture["tables"] if table["name"] == name)
    columns = [column["values"] for column in table["columns"]]
    return [dict(zip([column["name"] for column in table["columns"]], row)) for row in zip(*columns)]


def expect_fleet(picture, kind, node):
    expect_machine(picture, kind)
    expect(picture, kind, "prometheus.series", "prometheus.samples", "prometheus.targets")
    assert points(picture, "system.cpu.time") >= 10, points(picture, "system.cpu.time")  # mostly of before
    instances = {row["instance.name"]: row for row in rows(picture, "instances")}
    assert instances[f"127.0.0.1:{node.port}"]["instance.up"] == 1, instances
    assert 0 <= instances[f"127.0.0.1:{node.port}"]["instance.cpu"] <= 1, instances
    assert instances[DEAD]["instance.up"] == 0 and "refused" in instances[DEAD]["instance.why"], instances
    assert {row["target.health"] for row in rows(picture, "prometheus.targets")} == {"up", "down"}


def test_prometheus__is_a_fleet_and_a_machine():
    with servers.node_exporter() as node, servers.prometheus(node.port) as server:
        time.sleep(12)
        picture = look(server.url, 5)
        expect_fleet(picture, "prometheus", node)
        assert "Prometheus 2." in picture["host"]["system"], picture["host"]
        alerts = rows(picture, "alerts")
        assert [alert["alert.summary"] for alert in alerts] == [f"{DEAD} is down"], alerts
        one = look(f"{server.url}/?instance=127.0.0.1:{node.port}", 4)
        expect_machine(one, "prometheus")
        assert "instances" not in [table["name"] for table in one["tables"]]
        node.end()
        time.sleep(3)
        assert "is down" in json.dumps(look(f"{server.url}/?instance=127.0.0.1:{node.port}", 3)["sources"])


def test_prometheus__wants_the_right_password():
    with servers.prometheus(9, password=True) as server:
        sentence, took = refusal(server.url)
        assert "wants a password" in sentence and took < 10, sentence
        sentence, took = refusal(server.url, netrc=("reader", "wrong"))
        assert "refused the password" in sentence and "wrong" not in sentence and took < 10, sentence
        for turn in range(6):  # it scrapes when it likes: until then it has no targets to tell of
            time.sleep(2)
            picture = look(server.url, 5, netrc=("reader", "secret"))
            if turn == 5 or (points(picture, "prometheus.targets") > 1 and values(picture, "prometheus.targets")):
                break
        expect(picture, "prometheus", "prometheus.targets")


def test_victoriametrics__is_a_fleet_and_a_machine():
    with servers.node_exporter() as node, servers.victoriametrics(node.port) as server:
        time.sleep(12)
        picture = look(server.url, 5)
        expect_fleet(picture, "victoriametrics", node)
        assert "VictoriaMetrics" in picture["host"]["system"], picture["host"]
        expect_machine(look(f"{server.url}/prometheus", 4), "victoriametrics")


def test_dead__is_a_sentence():
    """All kinds at once, since each waits a while for a server to come."""
    kinds = ["", "nginx+", "exposition+", "glances+", "netdata+", "rabbitmq+", "json+", "prometheus+",
             "victoriametrics+"]
    children = [flametop("snapshot", f"{kind}http://{DEAD}") for kind in kinds]
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 1 and out == "", (child.returncode, out[:200])
        assert "refused the connection" in err and err.count("\n") == 1, err


if __name__ == "__main__":
    sys.exit(suite.main(globals(), wanted=sys.argv[2:]))
