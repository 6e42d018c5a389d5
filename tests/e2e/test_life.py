"""Start, stop, crash."""

import json
import os
import pathlib
import signal

import pytest

import lab as laboratory
import traffic
from sites import B
from streams import Steady

REQUESTS = ("show-stats", "show-sa", "show-policy", "show-tunnels", "show-ports", "show-workers",
            "show-events")


def load(sites):
    """From host a to host b, more than a gateway can do."""
    return Steady(sites.host["a"], B.host[4], 20000)


def interfaces(gateway):
    return [p.host_interface for p in gateway.ports
            if gateway.namespace.has(p.host_interface)]


def fresh_keys(sites, protocol):
    """Manual keys are for one start: both gateways get new ones, one of them a new life."""
    sites.gateway["b"].stop()
    sites.pair(protocol)
    sites.start()


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_sigterm_under_load(sites, protocol):
    """Exit status 0, interfaces and socket gone, and the next start works."""
    a, _ = sites.pair(protocol)
    sites.start().wait_reachable((4,))
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers, load(sites):
        laboratory.wait_for("traffic", lambda: len(numbers) > 1000)
        assert a.stop() == 0, a.process.tail()
        assert not interfaces(a)
        assert not a.socket.exists()
    fresh_keys(sites, protocol)
    sites.wait_reachable()


def test_kill_and_restart(sites):
    """A crash leaves no host interface, and nothing that stops the next start."""
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    with load(sites):
        a.kill()
    laboratory.wait_for("the interfaces to vanish", lambda: not interfaces(a), 5)
    fresh_keys(sites, "vpe")
    sites.wait_reachable()
    assert sites.gateway["a"].stop() == 0


def test_sigint_is_an_orderly_stop(sites):
    a, _ = sites.pair("esp")
    a.start()
    a.process.send(signal.SIGINT)
    assert a.process.wait() == 0
    assert not interfaces(a)


def test_sighup_changes_nothing(sites):
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    a.process.send(signal.SIGHUP)
    laboratory.wait_for("the warning", lambda: "SIGHUP" in a.process.said())
    sites.wait_reachable((4,))


def shapes(key):
    """What somebody who looks for the key would look for; its beginning is enough."""
    start = key[:16]
    return [start, start.hex().encode(), start.hex().upper().encode()]


def in_sight(gateway):
    """Place -> octets: what others can read of a daemon that runs."""
    proc = pathlib.Path(f"/proc/{gateway.process.pid}")
    places = {name: (proc / name).read_bytes() for name in ("cmdline", "environ")}
    places["log"] = pathlib.Path(gateway.process.log).read_bytes()
    for request in REQUESTS:
        line = json.dumps({"vped": 1, "request": request}) + "\n"
        places[f"answer to {request}"] = gateway.say(line.encode())
        for more in ((), ("--json",)):
            done = gateway.vpectl(request, *more)
            places[" ".join(("vpectl", request, *more))] = done.stdout.encode()
    return places


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_no_secrets_in_sight(sites, protocol):
    """Keys are not on the command line, in the environment, in the log or in an answer."""
    sites.pair(protocol)
    sites.start().wait_reachable((4,))
    for gateway in sites.gateway.values():
        places = in_sight(gateway)
        assert all(places.values()), [name for name, octets in places.items() if not octets]
        assert b"fresh-each-start" in places["log"]
        for sa in (sites.a_to_b, sites.b_to_a):
            for shape in shapes(sa.key):
                assert not [name for name, octets in places.items() if shape in octets]
        # After its end the log is whole.
        log = pathlib.Path(gateway.process.log)
        assert gateway.stop() == 0
        said = log.read_bytes()
        assert not [s for sa in (sites.a_to_b, sites.b_to_a) for s in shapes(sa.key) if s in said]
    # Nothing of ours in shared memory either.
    assert not [f for f in os.listdir("/dev/shm") if "vped" in f]


def left_behind():
    """Files in which memory of a process can outlive it: huge pages, shared memory, DPDK's own."""
    places = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text("utf-8").split("\n")
              if " hugetlbfs " in line]
    return {path: path.stat().st_size for place in (*places, "/dev/shm", "/run/dpdk", "/var/run/dpdk")
            for path in pathlib.Path(place).rglob("*") if path.is_file()}


def test_kill_leaves_no_memory_behind(sites):
    """Packets and what encrypts them go with the process, even where it had no time for that."""
    gateways = sites.pair("esp")
    before = left_behind()
    sites.start().wait_reachable((4,))
    traffic.ping(sites.host["a"], B.host[4], 20)
    for gateway in gateways:
        gateway.kill()
    found = {path: octets for path, octets in left_behind().items() if path not in before}
    keys = [shape for sa in (sites.a_to_b, sites.b_to_a) for shape in shapes(sa.key)]
    for path in found:
        assert not [key for key in keys if key in path.read_bytes()], path
    assert not sum(found.values()), found


def test_two_gateways_share_a_machine(sites):
    """No file, socket or memory of one stands in the way of the other."""
    a, b = sites.pair("vpe")
    sites.start().wait_reachable()
    assert a.stats()["uptime_s"] > 0 and b.stats()["uptime_s"] > 0
