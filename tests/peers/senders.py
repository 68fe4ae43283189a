#!/usr/bin/env python3
"""Services that send as users have them: the OpenTelemetry SDK of npm by http/protobuf, http/json and gRPC, its Zipkin exporter,
a DogStatsD client. Each delivers to a running agent, and its request is there within a second. What is not there is skipped.

FLAMETOP_BINARY is the program, FLAMETOP_WEB_PEERS where ./dev unpacked npm/."""

import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from suite import FLAMETOP, Skip, check, free_port, main, until  # noqa: E402
from terminal import Tmux  # noqa: E402
from test_receive import Receiver  # noqa: E402

PEERS = os.environ.get("FLAMETOP_WEB_PEERS", os.path.join(HERE, "..", "..", "build", "peers"))
MODULES = os.path.join(PEERS, "npm", "node_modules")


def node(kind, **variables):
    if shutil.which("node") is None or not os.path.isdir(os.path.join(MODULES, "@opentelemetry", "sdk-node")):
        raise Skip("node or the packages of npm are not here")
    return subprocess.Popen(["node", os.path.join(HERE, "senders.cjs"), kind], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, "NODE_PATH": MODULES, "OTEL_SERVICE_NAME": "shop", **variables})


def delivers(agent, kind, protocol, **variables):
    """Its request is in the agent's list within a second of the end of the process that sent it."""
    sender = node(kind, **variables)
    said = sender.communicate(timeout=60)[0].decode()
    ended = time.monotonic()
    check(sender.returncode == 0 and said == "", kind, "says", said)

    def there():
        # Zipkin's spans have no http.route of their own kind: the name of the root is what all have.
        return "/tools/invoke" in agent.requests() and agent.metric("flametop.receive.messages", protocol=protocol) is not None
    check(until(there, 5), kind, agent.requests()[:400], agent.log())
    check(time.monotonic() - ended < 1.5, kind, "takes", time.monotonic() - ended, "s")  # a quiet moment, a tick, and this test
    check("shop" in agent.requests(), agent.requests()[:400])


def test_opentelemetry__http_protobuf_with_metrics():
    with Receiver() as agent:
        delivers(agent, "http/protobuf", "otlp/http", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://localhost:{agent.http}")
        check(until(lambda: agent.metric("orders.open", service="shop") == 7), "no gauge")
        check(until(lambda: agent.metric("orders.placed", service="shop") is not None), "no counter")
        check(until(lambda: agent.metric("orders.wait.count", service="shop") is not None), "no histogram")


def test_opentelemetry__http_json():
    with Receiver() as agent:
        delivers(agent, "http/json", "otlp/http", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://localhost:{agent.http}")


def test_opentelemetry__grpc():
    with Receiver() as agent:
        delivers(agent, "grpc", "otlp/grpc", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://localhost:{agent.http}")


def test_opentelemetry__zipkin():
    with Receiver() as agent:
        delivers(agent, "zipkin", "zipkin", OTEL_EXPORTER_ZIPKIN_ENDPOINT=f"http://localhost:{agent.http}/api/v2/spans")


def test_hot_shots__dogstatsd():
    with Receiver() as agent:
        sender = node("dogstatsd", STATSD_HOST="127.0.0.1", STATSD_PORT=str(agent.udp))
        check(sender.communicate(timeout=60)[0] == b"" and sender.returncode == 0, "it does not send")
        check(until(lambda: agent.metric("users", shop="eu") == 42, 3), "no gauge")
        check(until(lambda: agent.metric("pages", shop="eu") is not None, 3), "no counter")
        check(until(lambda: agent.metric("page.load.count", path="/a") is not None, 3), "no timer")


def test_screen__shows_what_an_sdk_sends():
    port = free_port()
    with Tmux(f"{FLAMETOP} --receive={port} --view requests", width=120, height=40) as terminal:
        check(terminal.until(f"127.0.0.1:{port}", "listening"), terminal.screen())
        sender = node("grpc", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        said = sender.communicate(timeout=60)[0].decode()
        check(sender.returncode == 0, said)
        check(terminal.until("/tools/invoke", seconds=3), terminal.screen())


if __name__ == "__main__":
    sys.exit(main(globals()))
