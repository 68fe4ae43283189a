"""Other people's servers, for tests: found on the machine or among the packages that ./dev unpacked (FLAMETOP_PEERS),
started on loopback ports of the kernel's choice, never as services, and ended with the test."""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from suite import Skip  # noqa: E402

ROOT = pathlib.Path(os.environ.get("FLAMETOP_PEERS", "/nonexistent"))
FOLDERS = ["usr/sbin", "usr/bin", "sbin", "bin", "usr/lib/rabbitmq/bin"]


def find(path):
    """A program by name, or a file by its path without the first slash."""
    places = [path] if "/" in path else [f"{folder}/{path}" for folder in FOLDERS]
    for root in (pathlib.Path("/"), ROOT):
        for place in places:
            if (root / place).exists():
                return root / place
    raise Skip(f"{path} is not installed")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def environment(**more):
    libraries = [str(folder) for folder in (ROOT / "usr/lib").glob("*-linux-gnu")]
    return {"PATH": f"{os.environ['PATH']}:/usr/sbin:{ROOT}/usr/bin:{ROOT}/usr/sbin", "LC_ALL": "C.UTF-8",
            "HOME": "/nonexistent", "LD_LIBRARY_PATH": ":".join(libraries), **more}


class Server:
    """A program in a group of its own, answering on `port` once this was made."""

    def __init__(self, command, port, path="/", patience=30, folder=None, companions=(), **env):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.folder = folder or tempfile.mkdtemp(prefix="flametop-peer-")
        self.companions = companions
        self.log = open(f"{self.folder}/log", "wb")
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log,
                                      stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True,
                                      env=environment(**env))
        end = time.monotonic() + patience
        while not self.answers(path):
            if self.child.poll() is not None or time.monotonic() > end:
                said = pathlib.Path(f"{self.folder}/log").read_text(errors="replace")[-600:]
                self.end()
                raise RuntimeError(f"{command[0]} does not answer: {said}")
            time.sleep(0.1)

    def answers(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            connection.request("GET", path)
            return connection.getresponse().status in (200, 401)
        except (OSError, http.client.HTTPException):
            return False

    def end(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(8)
        for companion in self.companions:
            companion.kill()
            companion.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class ErlangServer(Server):
    """One that is an Erlang node, known to an epmd of its own."""

    def __init__(self, node, epmd_port, *arguments, **more):
        self.node, self.epmd_port = node, epmd_port
        super().__init__(*arguments, **more)

    def said(self):
        return pathlib.Path(f"{self.folder}/log").read_text(errors="replace")


def write(folder, name, text):
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def nginx():
    """stub_status at its usual place; the same behind a password (reader, secret) below /closed/."""
    folder, port = tempfile.mkdtemp(prefix="flametop-peer-"), free_port()
    os.chmod(folder, 0o755)
    write(folder, "users", "reader:{PLAIN}secret\n")
    config = write(folder, "nginx.conf", f"""
        daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
        events {{ worker_connections 64; }}
        http {{
            access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
            fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
            server {{
                listen 127.0.0.1:{port};
                location = /stub_status {{ stub_status; }}
                location /closed/ {{ auth_basic "The status"; auth_basic_user_file {folder}/users; stub_status; }}
                location / {{ return 404; }}
            }}
        }}""")
    return Server([find("nginx"), "-c", config, "-p", folder, "-e", f"{folder}/errors"], port, "/stub_status",
                  folder=folder)


def node_exporter():
    port = free_port()
    return Server([find("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"], port, "/metrics")


def glances():
    find("usr/lib/python3/dist-packages/bottle.py")
    port = free_port()
    return Server(["/usr/bin/python3", find("glances"), "-w", "-B", "127.0.0.1", "-p", port, "--disable-webui",
                   "--disable-check-update"], port, "/api/3/cpu", patience=60,
                  PYTHONPATH=f"{ROOT}/usr/lib/python3/dist-packages")


def netdata():
    folder, port = tempfile.mkdtemp(prefix="flametop-peer-"), free_port()
    plugins, web = find("usr/lib/netdata/plugins.d"), find("usr/share/netdata")
    for name in ("cache", "lib/registry", "logs", "conf"):
        os.makedirs(f"{folder}/{name}")
    config = write(folder, "netdata.conf", f"""
[global]
    run as user = {os.environ.get("USER", "root") if os.getuid() else "root"}
[directories]
    config = {folder}/conf
    stock config = {folder}/conf
    log = {folder}/logs
    web = {web}
    cache = {folder}/cache
    lib = {folder}/lib
    home = {folder}
    plugins = {plugins}
[db]
    mode = ram
[logs]
    errors = {folder}/logs/errors
    access = none
[web]
    bind to = 127.0.0.1
    default port = {port}
[ml]
    enabled = no
[statsd]
    enabled = no
[plugins]
    apps = no
    python.d = no
    charts.d = no
    go.d = no
    ebpf = no
    perf = no
    nfacct = no
    cgroups = no
    enable running new plugins = no
""")
    return Server([find("netdata"), "-D", "-c", config, "-P", f"{folder}/pid"], port, "/api/v1/info", folder=folder)


def erlang(folder, epmd_port):
    """A folder with an `erl` that finds its runtime wherever it was unpacked to (Debian's knows one place only), and a
    port mapper that ends with the test."""
    runtime = find("usr/lib/erlang/bin/start.boot").parents[1]
    binaries = next(runtime.glob("erts-*/bin"), None)
    if binaries is None:
        raise Skip("erlang-base is not installed")
    shim = write(folder, "bin/erl", f"""#!/bin/sh
ROOTDIR={runtime} BINDIR={binaries} EMU=beam PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
exec {binaries}/erlexec "$@"
""")
    shim.chmod(0o755)
    mapper = subprocess.Popen([binaries / "epmd", "-address", "127.0.0.1", "-port", str(epmd_port)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=environment())
    return shim.parent, mapper


def rabbitmq():
    """With the management plugin; guest (guest) may do everything from here."""
    folder, port, epmd_port = tempfile.mkdtemp(prefix="flametop-peer-"), free_port(), free_port()
    server = next((root / "usr/lib/rabbitmq/bin/rabbitmq-server" for root in (pathlib.Path("/"), ROOT)
                   if (root / "usr/lib/rabbitmq/bin/rabbitmq-server").exists()), None)
    if server is None:
        raise Skip("rabbitmq-server is not installed")
    programs, mapper = erlang(folder, epmd_port)
    config = write(folder, "rabbit.conf", f"""
listeners.tcp.default = 127.0.0.1:{free_port()}
management.tcp.ip = 127.0.0.1
management.tcp.port = {port}
collect_statistics_interval = 1000
""")
    cookie = write(folder, ".erlang.cookie", "flametoppeer")
    cookie.chmod(0o400)
    return ErlangServer(f"flametop{port}@localhost", epmd_port, [server], port, "/api/overview", patience=90,
                  folder=folder, companions=[mapper], PATH=f"{programs}:{os.environ['PATH']}", HOME=folder,
                  RABBITMQ_NODENAME=f"flametop{port}@localhost", RABBITMQ_MNESIA_BASE=f"{folder}/mnesia",
                  RABBITMQ_LOG_BASE=f"{folder}/logs", RABBITMQ_LOGS="-", RABBITMQ_CONFIG_FILE=str(config),
                  RABBITMQ_ENABLED_PLUGINS="rabbitmq_management", RABBITMQ_ENABLED_PLUGINS_FILE=f"{folder}/plugins",
                  RABBITMQ_DIST_PORT=str(free_port()), ERL_EPMD_PORT=str(epmd_port), ERL_EPMD_ADDRESS="127.0.0.1",
                  RABBITMQ_CONF_ENV_FILE="/nonexistent")


SHOP = '''
defmodule Shop.Cart do
  use GenServer
  def start_link(_), do: GenServer.start_link(__MODULE__, 0, name: __MODULE__)
  def init(total), do: {:ok, total, {:continue, :work}}
  def handle_continue(:work, total), do: {:noreply, work(total), {:continue, :work}}
  def work(total) do
    sum = Enum.sum(Enum.map(1..20000, fn n -> rem(n * 7, 13) end))
    Agent.update(:till, &Map.update(&1, :sold, sum, fn sold -> sold + sum end))
    total + sum
  end
end
defmodule Shop.Till do
  use Agent
  def start_link(_), do: Agent.start_link(fn -> %{} end, name: :till)
end
defmodule Shop.Application do
  use Application
  def start(_, _) do
    children = [Shop.Till, Shop.Cart, {Task.Supervisor, name: Shop.Tasks}, {Registry, keys: :unique, name: Shop.Names}]
    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
:ok = :application.load({:application, :shop, [vsn: '1.2.3', description: 'A shop', modules: [], registered: [],
                                               applications: [:kernel, :stdlib, :elixir], mod: {Shop.Application, []}]})
:ok = Application.start(:shop)
{:ok, socket} = :gen_tcp.listen(PORT, [:binary, ip: {127, 0, 0, 1}, active: false, reuseaddr: true])
Stream.repeatedly(fn ->
  {:ok, client} = :gen_tcp.accept(socket)
  :gen_tcp.recv(client, 0, 1000)
  :gen_tcp.send(client, "HTTP/1.0 200 OK\\r\\n\\r\\n")
  :gen_tcp.close(client)
end) |> Stream.run()
'''


def elixir():
    """A script with an application, its supervisor, and a server that works."""
    folder, port, epmd_port = tempfile.mkdtemp(prefix="flametop-peer-"), free_port(), free_port()
    program = find("usr/lib/elixir/bin/elixir")
    programs, mapper = erlang(folder, epmd_port)
    script = write(folder, "shop.exs", SHOP.replace("PORT", str(port)))
    cookie = write(folder, ".erlang.cookie", "flametoppeer")
    cookie.chmod(0o400)
    node = f"shop{port}@localhost"
    return ErlangServer(node, epmd_port, [program, "--sname", node, script], port, patience=60, folder=folder,
                        companions=[mapper], PATH=f"{programs}:{os.environ['PATH']}", HOME=folder,
                        ERL_EPMD_PORT=str(epmd_port), ERL_EPMD_ADDRESS="127.0.0.1")


def rabbitmqctl(server, *arguments):
    """What the node's own tool answers."""
    program = find("usr/lib/rabbitmq/bin/rabbitmqctl")
    done = subprocess.run([str(program), "-q", "-n", server.node, *arguments], capture_output=True, timeout=60, check=False,
                          env=environment(PATH=f"{server.folder}/bin:{os.environ['PATH']}", HOME=server.folder,
                                          ERL_EPMD_PORT=str(server.epmd_port), RABBITMQ_CONF_ENV_FILE="/nonexistent"))
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode() + done.stdout.decode())
    return done.stdout.decode()


def ejabberd():
    """As its control script starts it, with no more than a web page."""
    folder, port, epmd_port = tempfile.mkdtemp(prefix="flametop-peer-"), free_port(), free_port()
    code = find("usr/share/ejabberd/ejabberd.yml.example").parents[3] / "usr/lib"
    libraries = [str(path) for path in [*code.glob("*-linux-gnu"), code / "erlang/lib"] if path.exists()]
    programs, mapper = erlang(folder, epmd_port)
    config = write(folder, "ejabberd.yml", f"""
hosts: [localhost]
loglevel: warning
auth_method: anonymous
listen:
  - {{port: {port}, ip: 127.0.0.1, module: ejabberd_http, request_handlers: {{/admin: ejabberd_web_admin}}}}
modules: {{}}
""")
    write(folder, "logs/ejabberd.log", "")
    cookie = write(folder, ".erlang.cookie", "flametoppeer")
    cookie.chmod(0o400)
    node = f"ejabberd{port}@localhost"
    return ErlangServer(node, epmd_port, [programs / "erl", "-sname", node, "-noinput", "-mnesia", "dir",
                                          f'"{folder}/mnesia"', "-s", "ejabberd"], port, "/admin/", patience=90,
                        folder=folder, companions=[mapper], PATH=f"{programs}:{os.environ['PATH']}", HOME=folder,
                        ERL_LIBS=":".join(libraries), ERL_EPMD_PORT=str(epmd_port), ERL_EPMD_ADDRESS="127.0.0.1",
                        EJABBERD_CONFIG_PATH=str(config), EJABBERD_LOG_PATH=f"{folder}/logs/ejabberd.log")


SCRAPES = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: node
    static_configs: [{targets: ['127.0.0.1:NODE', '127.0.0.1:9']}]
  - job_name: self
    static_configs: [{targets: ['127.0.0.1:SELF']}]
"""


def prometheus(node_port, password=False):
    """Scrapes that node_exporter, itself, and nobody, for which an alert fires; reader (secret) may ask if so told."""
    program, folder, port = find("prometheus"), tempfile.mkdtemp(prefix="flametop-peer-"), free_port()
    rules = write(folder, "rules.yml", """
groups:
  - name: all
    interval: 1s
    rules:
      - alert: TargetDown
        expr: up == 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is down"}
""")
    config = write(folder, "prometheus.yml", f"rule_files: [{rules}]\n" +
                   SCRAPES.replace("NODE", str(node_port)).replace("SELF", str(port)))
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
               f"--web.listen-address=127.0.0.1:{port}"]
    if password:
        users = write(folder, "web.yml", "basic_auth_users: {reader: '$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a'}\n")
        command.append(f"--web.config.file={users}")
    return Server(command, port, "/-/ready", folder=folder)


def victoriametrics(node_port):
    program, folder, port = find("victoria-metrics"), tempfile.mkdtemp(prefix="flametop-peer-"), free_port()
    config = write(folder, "scrape.yml", SCRAPES.replace("NODE", str(node_port)).replace("SELF", str(port)))
    return Server([program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/data",
                   f"-promscrape.config={config}"], port, "/health", folder=folder)
