"""Two sites in all combinations of protocol, outer and inner family: what the demo shows, short."""

import pytest

import capture
import esp_oracle
import sites as two_sites
import traffic
from sites import A, B

MIB = 1 << 20


def transfer(lab, sites, here, there, family, octets):
    source = lab.dir / "file.sent"
    traffic.make_file(source, octets)
    return traffic.send_file(source, sites.host[here.letter], sites.host[there.letter],
                             there.host[family], lab.dir / "file.received")


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_traffic_both_ways(lab, sites, protocol, outer, count):
    sites.pair(protocol, outer)
    sites.start().wait_reachable()
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    packets = count(1000, 10000)
    for inner in (4, 6):
        for here, there in ((A, B), (B, A)):
            host, peer = sites.host[here.letter], sites.host[there.letter]
            assert traffic.ping(host, there.host[inner], 10).lossless
            with traffic.Numbers(peer, there.host[inner]) as numbers:
                traffic.send_numbers(host, there.host[inner], range(packets), size=200,
                                     receiver=numbers)
                assert numbers.settle(packets) == packets
                assert not numbers.twice and not numbers.strange
            assert transfer(lab, sites, here, there, inner, 2 * MIB).equal
    wire.stop()
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert wire.dropped == 0
    assert found.in_clear == 0, found.samples
    assert found.kinds[protocol] > 4 * packets
    if protocol == "esp":
        left, right = two_sites.OUTER[outer]
        verdict = esp_oracle.judge(lab, wire.path, [
            (outer, left, right, sites.a_to_b), (outer, right, left, sites.b_to_a)])
        assert verdict.all_good and verdict.packets == found.kinds["esp"]
    print(f"{found.words()}; in clear 0")


@pytest.mark.parametrize("algorithm", ["aes-128-gcm", "aes-192-gcm", "chacha20-poly1305"])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_other_algorithms(lab, sites, protocol, algorithm):
    sites.pair(protocol, 4, algorithm)
    sites.start().wait_reachable()
    for family in (4, 6):
        assert traffic.ping(sites.host["a"], B.host[family], 10).lossless
        assert transfer(lab, sites, A, B, family, MIB).equal


def test_iperf_and_esn(lab, sites):
    sites.pair("esp", 4, esn=True)
    sites.start().wait_reachable()
    result = traffic.iperf(lab, sites.host["a"], sites.host["b"], B.host[4], 16 * MIB)
    assert result.octets > 0


def test_dscp_goes_out_and_ttl_goes_down(sites):
    """The outer header shows the inner DSCP; each gateway is one hop."""
    sites.pair("vpe", 4)
    sites.start().wait_reachable((4,))
    done = traffic.ping(sites.host["a"], B.host[4], 3, more=("-v", "-Q", "0x88"))
    assert done.lossless and f"ttl={two_sites.DISTANCE_TTL}" in done.text
