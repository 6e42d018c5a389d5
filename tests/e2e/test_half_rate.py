"""Rekeys and reloads under half of what the path sustains."""

import json
import time

import pytest

import gateway as gw
import lab as laboratory
from admin import Admin, rekey
from sites import A, B, OUTER_ALL
from test_changes import OLD_KEPT

pytestmark = [
    pytest.mark.one_build("release", "under sanitizers the path sustains little"),
    pytest.mark.alone]

OCTETS = 1200  # of a datagram's payload
STEP_MBPS = 50
MOST_MBPS = 1000
TRY_S = 2


class Udp:
    """iperf3 from host a to host b at a rate, for some seconds."""

    def __init__(self, sites, mbps, seconds):
        self.lab = sites.lab
        log = self.lab.dir / f"udp-{mbps}-{time.monotonic_ns()}.json"
        self.log = log
        self.server = self.lab.spawn(sites.host["b"], "iperf3", "-s", "-1", "-B", B.host[4],
                                     "--forceflush", name="iperf3-server")
        laboratory.wait_for("iperf3 to listen", lambda: "listening" in self.server.said())
        self.client = self.lab.spawn(
            sites.host["a"], "iperf3", "-c", B.host[4], "-u", "-b", f"{mbps}M", "-l", OCTETS,
            "-t", seconds, "-J", "--logfile", log, name="iperf3-client")
        self.seconds = seconds

    def running(self):
        return self.client.running()

    def result(self):
        """Datagrams sent, lost, and out of their order: what comes twice is among these."""
        self.client.wait(self.seconds + 60)
        self.server.wait(10)
        for process in (self.client, self.server):
            self.lab.processes.remove(process)
        found = json.loads(self.log.read_text(encoding="ascii"))
        if "error" in found:
            raise laboratory.LabError(f"iperf3: {found['error']}")
        total = found["end"]["sum"]
        return total["packets"], total["lost_packets"], \
            found["end"]["streams"][0]["udp"]["out_of_order"]


def half_rate(sites):
    """Half of the highest rate, in steps of STEP_MBPS, at which nothing is lost for TRY_S."""
    sustained = 0
    for mbps in range(STEP_MBPS, MOST_MBPS + 1, STEP_MBPS):
        if Udp(sites, mbps, TRY_S).result()[1] > 0:
            break
        sustained = mbps
    assert sustained > 0, f"{STEP_MBPS} Mbit/s are too much"
    return sustained // 2


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


def assert_untouched(stream, clear, done, what, mbps):
    assert stream.running(), "the stream ended before the changes did"
    sent, lost, disordered = stream.result()
    seen = [line for line in clear.seen() if f"{A.host[4]}" in line or f"{B.host[4]}" in line]
    said = (f"{done} {what} at {mbps} Mbit/s, half of what was sustained: {sent} datagrams, "
            f"{lost} lost, {disordered} out of order or twice, {len(seen)} in clear")
    print(said)
    assert not lost and not disordered and not seen, said


def seconds_for(changes):
    """So long the stream lasts: longer than the changes take."""
    return 8 + changes // 5


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_rekeys(sites, protocol, count):
    a, b = sites.pair(protocol)
    sites.start().wait_reachable((4,))
    mbps = half_rate(sites)
    spis, old = [sites.a_to_b.spi, sites.b_to_a.spi], []
    clear = Clear(sites)
    total = count(30, 1000)
    stream = Udp(sites, mbps, seconds_for(total))
    with Admin(a) as at_a, Admin(b) as at_b:
        for _ in range(total):
            old.append(spis)
            spis = rekey(at_a, at_b, "peer", protocol, spis)
            time.sleep(0.05)
            if len(old) > OLD_KEPT:
                to_b, to_a = old.pop(0)
                at_a.del_sa(tunnel="peer", direction="in", spi=to_a)
                at_b.del_sa(tunnel="peer", direction="in", spi=to_b)
    assert_untouched(stream, clear, total, f"{protocol} rekeys", mbps)


def test_reloads(sites, count):
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    mbps = half_rate(sites)
    extra = gw.Tunnel(A.wan[4], "192.0.2.77", gw.sa("esp"), gw.sa("esp"), name="extra")
    clear = Clear(sites)
    total = count(30, 1000)
    stream = Udp(sites, mbps, seconds_for(total))
    with Admin(a) as at_a:
        for i in range(total):
            a.tunnels = a.tunnels[:1]
            a.policies = a.policies[:2]
            if i % 2 == 0:
                extra.out, extra.inbound = gw.sa("esp"), gw.sa("esp")
                a.tunnels.append(extra)
                a.policies.append(gw.Policy("10.1.0.0/16", "10.77.0.0/16", tunnel="extra"))
            a.lab.file(f"{a.name}.conf", a.configuration())
            assert at_a.reload()["tunnels"] == len(a.tunnels)
    assert_untouched(stream, clear, total, "reloads", mbps)
