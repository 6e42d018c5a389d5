"""Start, stop, crash."""

import os
import pathlib
import signal
import threading

import pytest

import lab as laboratory
import traffic
from sites import B


class Load:
    """Datagrams from host a to host b until told to stop."""

    def __init__(self, sites):
        self.sites = sites
        self.stop_it = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _numbers(self):
        number = 0
        while not self.stop_it.is_set():
            yield number
            number += 1

    def _run(self):
        traffic.send_numbers(self.sites.host["a"], B.host[4], self._numbers(), rate=20000)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop_it.set()
        self.thread.join()


def interfaces(gateway):
    return [p.host_interface for p in gateway.ports
            if gateway.namespace.has(p.host_interface)]


def fresh_keys(sites, protocol):
    """Manual keys are for one start: both gateways get new ones, one of them a new life."""
    sites.gateway["b"].stop()
    sites.pair(protocol)
    sites.start()


@pytest.mark.sanitize
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_sigterm_under_load(sites, protocol):
    """Exit status 0, interfaces and socket gone, and the next start works."""
    a, _ = sites.pair(protocol)
    sites.start().wait_reachable((4,))
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers, Load(sites):
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
    with Load(sites):
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


def test_no_secrets_in_sight(sites):
    """Keys are not on the command line, in the log or in an answer."""
    a, _ = sites.pair("esp")
    sites.start().wait_reachable((4,))
    secrets = [s.key.hex() for s in (sites.a_to_b, sites.b_to_a)]
    answers = str([a.ask(r) for r in ("show-sa", "show-stats", "show-policy", "show-ports",
                                      "show-workers")])
    said = pathlib.Path(a.process.log).read_text(encoding="utf-8")
    line = pathlib.Path(f"/proc/{a.process.pid}/cmdline").read_text(encoding="utf-8")
    for secret in secrets:
        for place in (answers, said, line):
            assert secret not in place.lower()
    # Nothing of ours in shared memory either.
    assert not [f for f in os.listdir("/dev/shm") if "vped" in f]
    assert "fresh-each-start" in said or "manual" in said


def test_two_gateways_share_a_machine(sites):
    """No file, socket or memory of one stands in the way of the other."""
    a, b = sites.pair("vpe")
    sites.start().wait_reachable()
    assert a.stats()["uptime_s"] > 0 and b.stats()["uptime_s"] > 0
