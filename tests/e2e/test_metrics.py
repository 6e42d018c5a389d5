"""Metrics: both formats by Prometheus' own tools, what they count, and clients that do harm."""

import grp
import http.client
import json
import pathlib
import re
import socket
import subprocess
import time
import urllib.request

import pytest
from prometheus_client import parser as prometheus_text
from prometheus_client.openmetrics import parser as openmetrics_text

import lab as laboratory
import traffic
from lab import ROOT
from sites import B

LISTEN = "127.0.0.1:9817"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
DASHBOARD = ROOT / "config" / "grafana" / "vped.json"
PINGS = 20
# What Prometheus and the dashboard find in a text that other tests have both builds write.
JUDGED = pytest.mark.one_build("release", "the text is the same")


def scrape(gateway, accept="text/plain", path="/metrics"):
    """(content type, text)."""
    with gateway.namespace:
        client = http.client.HTTPConnection(LISTEN, timeout=10)
        client.request("GET", path, headers={"Accept": accept})
        answer = client.getresponse()
        text = answer.read().decode()
        client.close()
    assert answer.status == 200, text
    return answer.headers["Content-Type"], text


def samples(gateway):
    """(name, labels) -> value."""
    families = prometheus_text.text_string_to_metric_families(scrape(gateway)[1])
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def value(found, name, **labels):
    """Of the samples with these labels, the sum."""
    wanted = set(labels.items())
    values = [v for (n, have), v in found.items() if n == name and wanted <= have]
    assert values, f"no {name} {labels}"
    return sum(values)


@pytest.fixture
def pair(sites):
    a, b = sites.pair("vpe")
    a.settings["more"] = f'metrics = {{ listen = "{LISTEN}"; }};'
    # Beside the tunnel in use one that has lost its outbound SA.
    plain = a.configuration
    inbound = r'protocol = "vpe"; spi = 0x7777; algorithm = "aes-256-gcm"; key_file = "spare.key";'
    sites.lab.file("spare.key", "5a" * 31 + "00\n")
    a.configuration = lambda: plain().replace(
        "tunnels = (\n", 'tunnels = (\n  { name = "spare"; local = "192.0.2.1"; remote = '
        f'"192.0.2.77"; port = "wan"; in = ( {{ {inbound} '
        'manual_keys = "fresh-each-start"; } ); },\n')
    sites.start().wait_reachable([4])
    return a


@JUDGED
def test_promtool_accepts_it(pair):
    kind, text = scrape(pair)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and done.stdout == "", done.stdout


def test_openmetrics(pair):
    kind, text = scrape(pair, OPENMETRICS + ";q=0.9, text/plain;q=0.2")
    assert kind == OPENMETRICS
    strict = {f.name: f for f in openmetrics_text.text_string_to_metric_families(text)}
    plain = {f.name: f for f in prometheus_text.text_string_to_metric_families(scrape(pair)[1])}
    # The same families, under the names that each format wants.
    assert {f"{name}_info" if f.type == "info" else name for name, f in strict.items()} == set(plain)
    assert {f.type for f in strict.values()} == {"counter", "gauge", "info"}
    assert all(f.documentation for f in strict.values())


@JUDGED
def test_prometheus_takes_it(pair, lab):
    """The real one, which asks for OpenMetrics by itself."""
    config = lab.file("prometheus.yml", json.dumps({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "vped", "static_configs": [{"targets": [LISTEN]}]}]}))
    lab.spawn(pair.namespace, "prometheus", f"--config.file={config}",
              f"--storage.tsdb.path={lab.dir / 'tsdb'}", "--web.listen-address=127.0.0.1:9099",
              name="prometheus")

    def ask(query):
        with pair.namespace:
            url = f"http://127.0.0.1:9099/api/v1/query?query={query}"
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return json.load(answer)["data"]["result"]
            except OSError:
                return []

    laboratory.wait_for("Prometheus to have the metrics", lambda: ask("vped_tunnel_up"), 60, 0.5)
    assert {r["metric"]["tunnel"]: r["value"][1] for r in ask("vped_tunnel_up")} == {
        "peer": "1", "spare": "0"}
    assert [r["value"][1] for r in ask("up")] == ["1"]


def test_what_they_say(pair, sites):
    before = samples(pair)
    time.sleep(1.1)  # answers may be a second old
    assert traffic.ping(sites.host["a"], B.host[4], PINGS).received == PINGS
    time.sleep(1.1)
    after = samples(pair)

    def more(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("vped_sa_packets_total", tunnel="peer", direction="out") == PINGS
    assert more("vped_sa_packets_total", tunnel="peer", direction="in") == PINGS
    assert more("vped_port_receive_packets_total", port="lan") >= PINGS
    assert more("vped_port_transmit_bytes_total", port="wan") > PINGS * 84
    assert more("vped_worker_busy_cycles_total", worker="0") > 0
    assert more("vped_worker_idle_cycles_total", worker="0") > 0
    # What is configured and down is there, and says so.
    assert value(after, "vped_tunnel_up", tunnel="peer") == 1
    assert value(after, "vped_tunnel_up", tunnel="spare") == 0
    assert value(after, "vped_tunnel_inbound_sas", tunnel="spare") == 1
    assert value(after, "vped_sa_packets_total", tunnel="spare") == 0
    assert 0 < value(after, "vped_sa_sequence_space_left_ratio", tunnel="peer") < 1
    for name in ("clients", "requests_total", "clients_closed_total"):
        assert {dict(labels)["socket"] for n, labels in after if n == f"vped_control_{name}"} == {
            "read", "admin"}
    # Every reason, whether it occurred or not, and no tunnel's drop twice.
    reasons = re.findall(r"^\s*X\((\w+), +\"", (ROOT / "src/proto/drop.h").read_text(), re.M)
    named = {dict(labels)["reason"] for name, labels in after
             if name == "vped_dropped_packets_total"}
    assert named == set(reasons)
    assert value(after, "vped_punted_packets_total", **{"class": "neighbour"}) > 0
    assert value(after, "vped_ring_high_water_packets", ring="to_control_neighbour") > 0


@JUDGED
def test_dashboard_asks_for_what_there_is(pair):
    # Families, of which some are empty here: this gateway probes no tunnel.
    there = set(re.findall(r"^# TYPE (\w+) ", scrape(pair)[1], re.MULTILINE))
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = set()
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            names = set(re.findall(r"\bvped_\w+", target["expr"]))
            assert names, panel["title"]
            asked |= names
    assert asked <= there, asked - there
    assert len(asked) > 25


def test_no_secret(pair, sites):
    for text in (scrape(pair)[1], scrape(pair, OPENMETRICS)[1]):
        for sa in (sites.a_to_b, sites.b_to_a):
            assert sa.key.hex() not in text
        assert "5a5a5a" not in text


def test_slow_clients_do_no_harm(pair, sites):
    """More than are served at a time, who say nothing: traffic goes on, and others are served
    again soon."""
    with pair.namespace:
        crowd = [socket.create_connection(LISTEN.split(":"), timeout=5) for _ in range(30)]
    assert traffic.ping(sites.host["a"], B.host[4], PINGS).received == PINGS
    assert pair.ask("show-stats")["uptime_s"] > 0
    laboratory.wait_for("metrics beside the crowd", lambda: served(pair), 30, 0.2)
    for client in crowd:
        client.close()


def served(gateway):
    try:
        return scrape(gateway)
    except OSError:
        return None


def test_unix_socket(sites, lab):
    path = lab.dir / "metrics.sock"
    a, _ = sites.pair("esp")
    a.settings["more"] = f'metrics = {{ listen = "{path}"; }};'
    a.start()
    there = any(group.gr_name == "vped" for group in grp.getgrall())
    assert path.stat().st_mode & 0o777 == (0o660 if there else 0o600)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: vped\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and b"vped_tunnel_up{" in answer
    assert a.stop() == 0
    assert not path.exists()


def test_telemetry(sites):
    """DPDK's own socket, asked as its client does it."""
    a, _ = sites.pair("vpe")
    plain = a.configuration
    a.configuration = lambda: plain().replace("eal = {", "eal = { telemetry = true;")
    sites.start().wait_reachable([4])
    path = next(p for p in pathlib.Path("/var/run/dpdk").glob("*/dpdk_telemetry.v2*")
                if telemetry(p)(None)["pid"] == a.process.pid)
    ask = telemetry(path)
    drops = ask("/vped/drops")["/vped/drops"]
    assert drops["no_sa"] == 0 and len(drops) > 50
    assert ask("/vped/port,lan")["/vped/port"]["rx_packets"] > 0
    assert ask("/vped/worker,0")["/vped/worker"]["busy_cycles"] > 0
    for wrong in ("/vped/port", "/vped/port,dmz", "/vped/worker,1", "/vped/worker,x"):
        assert ask(wrong)[wrong.split(",")[0]] is None
    assert a.stop() == 0


def telemetry(path):
    """A function that asks; without a command, for what the socket says of itself."""
    def ask(command):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(10)
            try:
                client.connect(str(path))
            except OSError:  # a dead process's
                return {"pid": None}
            greeting = json.loads(client.recv(1024))
            if command is None:
                return greeting
            client.send(command.encode())
            return json.loads(client.recv(greeting["max_output_len"]))
    return ask
