"""Links that are smaller than a tunnel's port: on the way, where routers tell the gateways; behind
them, where the gateways tell the hosts; and a gateway's other ports."""

import ipaddress
import re
import time

import pytest

import capture
import lab as laboratory
import peers
import sites as two_sites
import traffic
from gateway import Port
from sites import A, B

ROUTERS = {4: ("192.0.2.201", "192.0.2.202"), 6: ("2001:db8::201", "2001:db8::202")}
LINK = {4: ("198.51.100.1", "198.51.100.2"), 6: ("2001:db8:51::1", "2001:db8:51::2")}
LINK_BITS = {4: 30, 6: 64}
OCTETS = 10 << 20
ECHO_HEADER = {4: 28, 6: 48}


def make_router(namespace, end, link, near, far, sides):
    """A kernel that forwards between a gateway, who thinks that the other one is on its link, and
    a link to the other router. sides: indices into ROUTERS and LINK."""
    here, there = sides
    for interface in (end, link):
        namespace.sysctl(f"net/ipv6/conf/{interface}/disable_ipv6", 0)
    namespace.sysctl("net/ipv4/ip_forward", 1)
    namespace.sysctl("net/ipv6/conf/all/forwarding", 1)
    namespace.sysctl(f"net/ipv4/conf/{end}/proxy_arp", 1)
    namespace.sysctl(f"net/ipv4/neigh/{end}/proxy_delay", 0)
    namespace.sysctl(f"net/ipv6/conf/{end}/proxy_ndp", 1)
    namespace.sysctl(f"net/ipv6/neigh/{end}/proxy_delay", 0)
    for family, flag in ((4, ""), (6, "nodad")):
        bits = {4: 32, 6: 128}[family]
        namespace.ip(f"addr add {ROUTERS[family][here]}/{bits} dev {end} {flag}")
        namespace.ip(f"addr add {LINK[family][here]}/{LINK_BITS[family]} dev {link} {flag}")
        namespace.ip(f"-{family} route add {near.wan[family]} dev {end}")
        namespace.ip(f"-{family} route add {far.wan[family]} via {LINK[family][there]}")
    namespace.ip(f"-6 neigh add proxy {far.wan[6]} dev {end}")


def sites_with_a_link_of(lab, mtu):
    """gw-a ---- router ==== link ==== router ---- gw-b; the first router is sites.wan."""
    sites = two_sites.Sites(lab, wan_switch=False)
    far = lab.namespace("far")
    sites.wan.ip(f"link set dev b0 netns {far.path}")
    far.ip("link set dev b0 up")
    lab.wire(sites.wan, "middle", far, "middle", mtu)
    make_router(sites.wan, "a0", "middle", A, B, (0, 1))
    make_router(far, "b0", "middle", B, A, (1, 0))
    return sites


def start(sites, family):
    """Linux answers for another (proxy_ndp) when everybody is asked. What is asked of it alone it
    forwards to the other, refuses because of the link-local source, and says so."""
    sites.start()
    for gateway in sites.gateway.values():
        gateway.namespace.sysctl("net/ipv6/neigh/vped-wan/ucast_solicit", 0)
    return sites.wait_reachable((family,))


def nothing_in_clear(wire, fragments=False):
    routers = [address for pair in ROUTERS.values() for address in pair]
    return two_sites.nothing_in_clear(wire, routers, fragments)


def tcp_learns(sites, family):
    """Neither gateways nor hosts that know of a small link tell TCP, so that each sender learns of
    it by itself."""
    for site in (A, B):
        sites.gateway[site.letter].tunnels[0].more = 'tcp_mss = "off";'
        sites.host[site.letter].ip(
            f"-{family} route replace default via {site.router[family]} advmss 1400")


def copy_both_ways(lab, sites, family):
    path, copy = lab.dir / "file", lab.dir / "copy"
    traffic.make_file(path, OCTETS)
    for here, there in ((A, B), (B, A)):
        done = traffic.send_file(path, sites.host[here.letter], sites.host[there.letter],
                                 there.host[family], copy)
        assert done.equal


@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_copies_over_a_small_link(lab, protocol, outer, inner):
    """With nothing but defaults."""
    sites = sites_with_a_link_of(lab, 1300)
    sites.pair(protocol, outer)
    start(sites, inner)
    wire = capture.Capture(lab, sites.wan, "a0", "wan")
    copy_both_ways(lab, sites, inner)
    found = nothing_in_clear(wire, fragments=inner == 6)
    assert found.kinds["icmp"] >= 1
    # The first connection is told what the link takes when it is there already, the second one
    # before it begins.
    assert found.kinds["fragment"] <= 2.2 * OCTETS / 1220


# What a worker has in hand while the path MTU is lowered leaves in fragments: two each of a burst.
IN_HAND = 64

# The rest of a packet whose other fragment was lost is given up after a second.
REASSEMBLY_S = 1.5


# Inside a tunnel over a path of 1300 octets IPv6 has less than the 1280 that it counts on.
@pytest.mark.parametrize("inner,mtu", [(4, 1300), (6, 1400), (6, 1300)])
@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_small_link_between_the_gateways(lab, protocol, outer, inner, mtu):
    sites = sites_with_a_link_of(lab, mtu)
    in_fragments = (inner, mtu) == (6, 1300)
    sites.pair(protocol, outer)
    tcp_learns(sites, inner)
    start(sites, inner)
    wire = capture.Capture(lab, sites.wan, "a0", "wan")
    copy_both_ways(lab, sites, inner)
    for site, other in ((A, B), (B, A)):
        gateway = sites.gateway[site.letter]
        sa = gateway.sa("out")
        assert (sa["path_mtu"], sa["port_mtu"]) == (mtu, 1500)
        assert gateway.stats()["path_mtu"]["lowered"] == 1
        assert f"path MTU {mtu:,} of 1,500".replace(",", "") in gateway.vpectl("show-sa").stdout
        # The hosts know it by now.
        said = sites.host[site.letter].ip(f"-{inner} route get {other.host[inner]}")
        most = max(sa["inner_mtu"], 1280) if inner == 6 else sa["inner_mtu"]
        assert f"mtu {most}" in said
        if in_fragments:
            time.sleep(REASSEMBLY_S)
        before = gateway.drops()
        done = traffic.ping(sites.host[site.letter], other.host[inner], 10, more=("-M", "do"),
                            size=most - ECHO_HEADER[inner])
        assert done.lossless and not gateway.drops_since(before), done.text
        said = gateway.process.said()
        assert len(re.findall(rf"path MTU {mtu}, it was 1500", said)) == 1
    found = nothing_in_clear(wire, fragments=True)
    assert (found.kinds["fragment"] > IN_HAND) == in_fragments
    assert found.total > OCTETS * 2 / mtu and found.kinds["icmp"] >= 1


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_small_link_behind_the_far_gateway(lab, protocol, family):
    sites = two_sites.Sites(lab, lan_mtu={"b": 1300})
    sites.pair(protocol)
    tcp_learns(sites, family)
    sites.start().wait_reachable((family,))
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    copy_both_ways(lab, sites, family)
    assert sites.gateway["b"].stats()["icmp"]["too_big"]["sent"] >= 1
    assert sites.gateway["b"].sa("out")["path_mtu"] == 1500
    assert "mtu 1300" in sites.host["a"].ip(f"-{family} route get {B.host[family]}")
    found = nothing_in_clear(wire)
    assert found.kinds[protocol] > 0 and "icmp" not in found.kinds


WAN2 = {4: ("192.0.3.1", "192.0.3.2"), 6: ("2001:db8:3::1", "2001:db8:3::2")}


class TwoWaysOut(two_sites.Sites):
    """gw-a has a second port on the wan's switch, which takes less."""

    def __init__(self, lab):
        super().__init__(lab)
        lab.wire(self.wan, "a9", self.gate["a"], "wan9")
        self.wan.ip("link set dev a9 master br0")
        self.wan.sysctl("net/ipv6/conf/a9/disable_ipv6", 1)

    def ports(self, site):
        second = Port("wan2", "unprotected", ["wan9"],
                      [f"{WAN2[f][0]}/{two_sites.WAN_BITS[f]}" for f in (4, 6)], 1400)
        return super().ports(site) + ([second] if site is A else [])


def check_what_fits(sites, path_mtu):
    """From host a, after gw-a's route has changed. The gateway splits what may be split, and tells
    the senders of the rest."""
    a, host = sites.gateway["a"], sites.host["a"]
    laboratory.wait_for("the tunnel to follow its route",
                        lambda: a.sa("out")["path_mtu"] == path_mtu)
    sites.wait_reachable()
    before = a.drops()
    for family in (4, 6):
        most = max(a.sa("out")["inner_mtu"], 1280 if family == 6 else 0)
        host.ip(f"-{family} route flush cache")
        traffic.ping(host, B.host[family], 3, size=1420 - ECHO_HEADER[family], more=("-M", "do"),
                     wait=1)
        assert f"mtu {most}" in host.ip(f"-{family} route get {B.host[family]}")
        done = traffic.ping(host, B.host[family], 5, size=most - ECHO_HEADER[family],
                            more=("-M", "do"))
        assert done.lossless, done.text
    done = traffic.ping(host, B.host[4], 5, size=1420 - ECHO_HEADER[4], more=("-M", "dont"))
    assert done.lossless, done.text
    path, copy = sites.lab.dir / "file", sites.lab.dir / "copy"
    traffic.make_file(path, 1 << 20)
    for family in (4, 6):
        host.ip(f"-{family} route flush cache")
        assert traffic.send_file(path, host, sites.host["b"], B.host[family], copy).equal
    assert set(a.drops_since(before)) == {"too_big"}


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_route_to_a_smaller_link(lab, protocol, outer):
    """The tunnel takes what the port takes that its route leads to, or what the route itself says,
    although its own port takes more."""
    sites = TwoWaysOut(lab)
    # Buffers for three devices, and three routing tables while routes change.
    sites.pair(protocol, outer, memory_mb=320, huge=False)
    for family in (4, 6):
        tcp_learns(sites, family)
    sites.start().wait_reachable()
    for family in (4, 6):
        sites.gate["b"].ip(f"addr add {WAN2[family][1]}/{two_sites.WAN_BITS[family]} "
                           f"dev vped-wan {'nodad' if family == 6 else ''}")
    a = sites.gateway["a"]
    assert a.sa("out")["path_mtu"] == 1500
    peer = f"-{outer} route replace {B.wan[outer]}"
    sites.gate["a"].ip(f"{peer} via {WAN2[outer][1]} dev vped-wan2")
    check_what_fits(sites, 1400)
    sites.gate["a"].ip(f"{peer} dev vped-wan mtu 1350")
    check_what_fits(sites, 1350)
    sites.gate["a"].ip(f"{peer} dev vped-wan")
    laboratory.wait_for("the tunnel to take what its port takes",
                        lambda: a.sa("out")["path_mtu"] == 1500)
    assert a.stats()["path_mtu"]["rerouted"] == 3
    assert "path MTU 1400, it was 1500" in a.process.said()


def test_discovery_switched_off(lab):
    """What is too big vanishes on the way; what fits still goes."""
    sites = sites_with_a_link_of(lab, 1300)
    sites.pair("vpe")
    for gateway in sites.gateway.values():
        gateway.tunnels[0].more = "pmtu_discovery = false;"
    start(sites, 4)
    a = sites.gateway["a"]
    done = traffic.ping(sites.host["a"], B.host[4], 5, size=1300, more=("-M", "do"), wait=1)
    assert done.received == 0
    laboratory.wait_for("the router's word",
                        lambda: a.stats()["path_mtu"]["switched_off"] >= 1)
    assert a.sa("out")["path_mtu"] == 1500
    assert traffic.ping(sites.host["a"], B.host[4], 5, size=1200).lossless


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
@pytest.mark.parametrize("setting,in_fragments", [('df = "clear";', True), ('df = "copy";', True),
                                                  ("mtu = 1300;", False)])
def test_small_link_that_says_nothing(lab, protocol, setting, in_fragments):
    """Nobody is told what fits: the router splits tunnel packets, or they are small at once."""
    sites = sites_with_a_link_of(lab, 1300)
    sites.pair(protocol)
    for gateway in sites.gateway.values():
        gateway.tunnels[0].more = f"pmtu_discovery = false; {setting}"
    start(sites, 4)
    wire = capture.Capture(lab, sites.wan, "middle", "middle")
    done = traffic.ping(sites.host["a"], B.host[4], 10, size=1372, more=("-M", "dont"))
    assert done.lossless, done.text
    found = nothing_in_clear(wire, fragments=in_fragments)
    assert (found.kinds["fragment"] > 0) == in_fragments
    assert sites.gateway["a"].sa("out")["path_mtu"] == (1500 if in_fragments else 1300)


def too_big(family, source, mtu, quoted):
    """What a router at `source` would say about a packet, written by scapy."""
    from scapy.layers import inet, inet6
    from scapy.packet import Raw
    to = peers.addresses_of(quoted)[0]
    if family == 4:
        return bytes(inet.IP(src=source, dst=to) / inet.ICMP(type=3, code=4, nexthopmtu=mtu)
                     / Raw(quoted[:548]))
    return bytes(inet6.IPv6(src=source, dst=to) / inet6.ICMPv6PacketTooBig(mtu=mtu)
                 / Raw(quoted[:1232]))


def with_octets(packet, at, octets):
    return packet[:at] + octets + packet[at + len(octets):]


SPI_AT = {"vpe": 12, "esp": 0}
NUMBER_AT = {"vpe": 4, "esp": 4}
STRANGER = {4: "192.0.2.66", 6: "2001:db8::66"}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_forged_words_about_the_path(lab, sites, protocol, family):
    """Who cannot see the tunnel's packets is not believed. Who can, is: the test could fail."""
    sites.pair(protocol, family)
    sites.start().wait_reachable((4,))
    b = sites.gateway["b"]
    forger = sites.newcomer("forger", [f"{STRANGER[family]}/{two_sites.WAN_BITS[family]}"])
    wire = peers.Wire(forger, "eth0", b.mac(b.ports[1]))
    ear = peers.Wire(sites.wan, sites.wan_ends["b"][0], b.mac(b.ports[1]))
    traffic.ping(sites.host["a"], B.host[4], 3, size=1372)
    packets = [p for p in ear.tunnel_packets(30, timeout=1)
               if len(p) > 1400 and peers.addresses_of(p)[1] == A.wan[family]]
    assert packets  # with host b's answers, as large as the questions
    genuine = packets[-1]
    at = {4: 20, 6: 40}[family]
    spi, number = at + SPI_AT[protocol], at + NUMBER_AT[protocol]
    flip = bytes([genuine[spi] ^ 1])
    ahead = bytes([genuine[number + 3] ^ 0x80])
    destination = {4: 16, 6: 24}[family]
    other = ipaddress.ip_address({4: "192.0.2.77", 6: "2001:db8::77"}[family]).packed
    forged = {
        "not_sent": [(1300, with_octets(genuine, number + 3, ahead))],
        "not_lower": [(1500, genuine), (9000, genuine)],
    }
    if family == 6:
        forged["too_small"] = [(1279, genuine), (0, genuine)]
    drops = b.drops()
    for word in (with_octets(genuine, spi, flip), with_octets(genuine, destination, other)):
        wire.send(too_big(family, STRANGER[family], 1300, word))
    laboratory.wait_for("what was never sent to be dropped",
                        lambda: b.drops_since(drops).get("path_mtu_forged") == 2)
    before = b.stats()["path_mtu"]
    for mtu, quoted in (word for words in forged.values() for word in words):
        wire.send(too_big(family, STRANGER[family], mtu, quoted))
        time.sleep(0.2)
    expected = {kind: before[kind] + len(words) for kind, words in forged.items()}

    def weighed():
        now = b.stats()["path_mtu"]
        return {kind: now[kind] for kind in forged} == expected
    laboratory.wait_for("all of it to be weighed", weighed)
    assert b.stats()["path_mtu"]["lowered"] == 0
    assert b.sa("out")["path_mtu"] == 1500
    assert traffic.ping(sites.host["b"], A.host[4], 5, size=1372, more=("-M", "do")).lossless
    wire.send(too_big(family, STRANGER[family], 1400, genuine))
    laboratory.wait_for("the truth to be believed", lambda: b.sa("out")["path_mtu"] == 1400)
