"""Rekeys and reloads under half of what the path sustains."""

import bisect
import json
import pathlib
import time

import pytest

import lab as laboratory
from admin import Admin
from changes import reloads, rekeys
from sites import A, B, OUTER_ALL

pytestmark = [
    pytest.mark.one_build("release", "under sanitizers the path sustains little"),
    pytest.mark.alone]

OCTETS = 1200  # of a datagram's payload
MBPS = (25, 50, *range(100, 1300, 100))
TRY_S = 2
TRIES = 3  # the machine is not this test's alone


class Udp:
    """iperf3 from host a to host b at a rate, for some seconds."""

    def __init__(self, sites, mbps, seconds):
        self.lab = sites.lab
        self.server_host = sites.host["b"]
        log = self.lab.dir / f"udp-{mbps}-{time.monotonic_ns()}.json"
        self.log = log
        self.server = self.lab.spawn(self.server_host, "iperf3", "-s", "-1", "-B", B.host[4],
                                     "--forceflush", name="iperf3-server")
        laboratory.wait_for("iperf3 to listen", lambda: "listening" in self.server.said())
        self.client = self.lab.spawn(
            sites.host["a"], "iperf3", "-c", B.host[4], "-u", "-b", f"{mbps}M", "-l", OCTETS,
            "-t", seconds, "-J", "--logfile", log, name="iperf3-client")
        self.seconds = seconds
        self.unread_before = self.unread()

    def unread(self):
        """Datagrams that reached host b, whose iperf3 did not read them in time."""
        with self.server_host:
            lines = pathlib.Path("/proc/thread-self/net/snmp").read_text(encoding="ascii")
        names, values = [line.split() for line in lines.splitlines() if line.startswith("Udp:")]
        return int(values[names.index("RcvbufErrors")])

    def running(self):
        return self.client.running()

    def result(self):
        """Datagrams sent, lost on their way, and out of their order: what comes twice is among
        these."""
        self.client.wait(self.seconds + 60)
        self.server.wait(10)
        for process in (self.client, self.server):
            self.lab.processes.remove(process)
        found = json.loads(self.log.read_text(encoding="ascii"))
        if "error" in found:
            raise laboratory.LabError(f"iperf3: {found['error']}")
        total = found["end"]["sum"]
        return total["packets"], total["lost_packets"] - self.unread() + self.unread_before, \
            found["end"]["streams"][0]["udp"]["out_of_order"]


def sustains(sites, mbps):
    stream = Udp(sites, mbps, TRY_S)
    return stream.result()[1] == 0 and stream.unread() == stream.unread_before


def half_rate(sites):
    """Half of the highest rate of MBPS at which nothing is lost for TRY_S."""
    rates = bisect.bisect(MBPS, False, key=lambda mbps: not any(
        sustains(sites, mbps) for _ in range(TRIES)))
    assert rates > 0, f"{MBPS[0]} Mbit/s are too much"
    return MBPS[rates - 1] // 2


class Clear:
    """What the wan carries that is no tunnel packet: by tcpdump's own filter, for all the rest
    would fill the disk."""

    def __init__(self, sites):
        outer = " or ".join(f"host {a}" for a in OUTER_ALL)
        self.lab = sites.lab
        self.process = self.lab.spawn(
            sites.wan, "tcpdump", "-l", "-n", "-i", sites.wan_ends["a"][0],
            f"not arp and not (({outer}) and (proto 50 or icmp or icmp6))", name="tcpdump-clear")
        laboratory.wait_for("tcpdump", lambda: "listening on" in self.process.said())

    def seen(self):
        time.sleep(0.2)
        self.process.stop(2)
        self.lab.processes.remove(self.process)
        return [line for line in self.process.said().splitlines() if " IP" in line]


class Load:
    """Half of what the path sustains, from host a to host b, for longer than some changes take."""

    def __init__(self, sites, changes):
        self.gateways = sites.gateway
        self.mbps = half_rate(sites)
        self.before = self.losses()
        self.clear = Clear(sites)
        self.stream = Udp(sites, self.mbps, 5 + changes // 5)

    def losses(self):
        return {x: (g.drops(), g.stats()["device_losses"]) for x, g in self.gateways.items()}

    def assert_untouched(self, changes):
        assert self.stream.running(), "the stream ended before the changes did"
        sent, lost, disordered = self.stream.result()
        seen = [line for line in self.clear.seen() if A.host[4] in line or B.host[4] in line]
        said = (f"{changes} at {self.mbps} Mbit/s, half of what was sustained: {sent} datagrams, "
                f"{lost} lost, {disordered} out of order or twice, {len(seen)} in clear")
        print(said)
        assert not lost and not disordered and not seen, \
            f"{said}; lost at the gateways: {self.before}, now {self.losses()}"


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_rekeys(sites, protocol, count):
    a, b = sites.pair(protocol)
    sites.start().wait_reachable((4,))
    times = count(30, 1000)
    load = Load(sites, times)
    with Admin(a) as at_a, Admin(b) as at_b:
        rekeys(sites, at_a, at_b, protocol, times)
    load.assert_untouched(f"{times} {protocol} rekeys")


def test_reloads(sites, count):
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    times = count(30, 1000)
    load = Load(sites, times)
    with Admin(a) as at_a:
        reloads(a, at_a, times)
    load.assert_untouched(f"{times} reloads")
