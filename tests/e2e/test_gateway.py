"""The gateway as a neighbour and router: its own addresses, routes, MTU."""

import re
import time

import pytest

import lab as laboratory
import traffic
from sites import A, B, answer_pings

VPE_OVERHEAD = 20 + 32  # outer IPv4


@pytest.mark.parametrize("family", [4, 6])
def test_ping_to_the_gateway_itself(sites, family):
    """LAN side from the host, wan side from the other gateway: the kernel answers through us."""
    sites.pair("vpe", more=answer_pings)
    sites.start()
    for here, there in ((A, B), (B, A)):
        host = sites.host[here.letter]
        laboratory.wait_for("the gateway to answer",
                            lambda: traffic.ping(host, here.router[family], 1, wait=1).received)
        assert traffic.ping(host, here.router[family], 10).lossless
        gate = sites.gate[here.letter]
        laboratory.wait_for("the other gateway to answer",
                            lambda: traffic.ping(gate, there.wan[family], 1, wait=1).received)
        assert traffic.ping(gate, there.wan[family], 10).lossless


@pytest.mark.parametrize("family", [4, 6])
def test_path_mtu(sites, family):
    """Too big for the tunnel: the sender hears how much would fit, and then it fits."""
    sites.pair("vpe", 4)
    sites.start().wait_reachable((family,))
    host, target = sites.host["a"], B.host[family]
    mtu = 1500 - VPE_OVERHEAD
    header = 28 if family == 4 else 48
    before = sites.gateway["a"].drops().get("too_big", 0)
    done = traffic.ping(host, target, 2, interval=0.2, size=1500 - header, more=("-v", "-M", "do"))
    assert done.received == 0
    said = re.search(r"mtu[ =]+(\d+)", done.text, re.IGNORECASE)
    assert said and int(said.group(1)) == mtu, done.text
    assert sites.gateway["a"].drops()["too_big"] > before
    assert traffic.ping(host, target, 5, size=mtu - header, more=("-M", "do")).lossless
    host.ip("route flush cache")
    assert traffic.ping(host, target, 1, size=mtu - header + 1, more=("-M", "do")).received == 0


@pytest.mark.one_build("release", "both wait alike")
def test_route_takes_effect_within_a_second(sites):
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    gate = sites.gate["b"]
    host = sites.host["a"]
    # Another network behind host b.
    sites.host["b"].ip("addr add 10.2.77.1/32 dev lo")
    assert traffic.ping(host, "10.2.77.1", 2, wait=1).received == 0
    gate.ip(f"route add 10.2.77.1/32 via {B.host[4]}")
    time.sleep(1)
    assert traffic.ping(host, "10.2.77.1", 5).lossless
    gate.ip("route del 10.2.77.1/32")
    time.sleep(1)
    assert traffic.ping(host, "10.2.77.1", 2, wait=1).received == 0
    gate.ip("route add prohibit 10.2.77.1/32")
    time.sleep(1)
    before = sites.gateway["b"].drops()
    assert traffic.ping(host, "10.2.77.1", 2, wait=1).received == 0
    assert sites.gateway["b"].drops_since(before).get("route_prohibit") == 2


def test_neighbour_that_is_not_there(sites):
    """Counted, and the others do not notice."""
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    host = sites.host["a"]
    before = sites.gateway["b"].drops()
    assert traffic.ping(host, "10.2.0.99", 5, wait=1).received == 0
    drops = sites.gateway["b"].drops_since(before)
    assert set(drops) <= {"neighbour_pending", "neighbour_failed"} and drops, drops
    assert traffic.ping(host, B.host[4], 5).lossless


def test_host_that_comes_back_with_another_mac(sites):
    """The mirror follows the kernel's neighbours."""
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    host = sites.host["b"]
    host.ip("link set dev eth0 address 02:00:00:00:77:77")
    # A gratuitous ARP, as any host sends it.
    host.run("ping", "-c", "1", "-W", "1", B.router[4], check=False)
    sites.wait_reachable((4,))
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless
