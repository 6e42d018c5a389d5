"""The gateway as a host of its own: what its kernel sends meets the policies, what must not come to
the kernel does not."""

import ipaddress
import json
import re
import socket
import struct
import time

import pytest

import capture
import gateway as gw
import lab as laboratory
import peers
import sites as two_sites
import traffic
from capture import PATTERN
from gateway import Policy, Tunnel
from sites import A, B, nothing_in_clear

N = 100
LAN_MTU = 1280
THIRD = {4: "10.3.0.1", 6: "fd00:3::1"}  # an address of the gateway's, on no port


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_ping_to_the_far_gateways_lan_address(lab, sites, protocol):
    """The kernel there answers, and its answer goes back through the tunnel."""
    sites.pair(protocol)
    sites.start().wait_reachable()
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    for here, there in ((A, B), (B, A)):
        for family in (4, 6):
            host = sites.host[here.letter]
            traffic.wait_reachable(host, there.router[family])
            assert traffic.ping(host, there.router[family], 10).lossless
    assert nothing_in_clear(wire).kinds[protocol] >= 80


@pytest.mark.parametrize("workers", [("both",), ("decrypt", "encrypt")], ids="-".join)
@pytest.mark.parametrize("family", [4, 6])
def test_the_gateways_own_traffic_is_protected(lab, sites, family, workers):
    """From the gateway's LAN address to the other site: what a policy names, leaves encrypted."""
    sites.pair("vpe", workers={"a": workers})
    sites.start().wait_reachable((family,))
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    for target in (B.host[family], B.router[family]):
        done = traffic.ping(sites.gate["a"], target, 10, more=("-I", A.router[family]))
        assert done.lossless, done.text
    assert nothing_in_clear(wire).kinds["vpe"] >= 40


@pytest.mark.parametrize("family", [4, 6])
def test_what_no_policy_names_stays_inside(lab, sites, family):
    """Neither the gateway's own pings nor pings to it cross the wan; with a policy they do."""
    sites.pair("vpe")
    sites.start().wait_reachable()
    a, b = sites.gateway["a"], sites.gateway["b"]
    before = a.drops()
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    assert traffic.ping(sites.gate["a"], B.wan[family], 5, wait=1).received == 0
    assert traffic.ping(sites.gate["b"], A.wan[family], 5, wait=1).received == 0
    assert a.drops_since(before) == {"policy_none": 5}
    assert b.drops().get("policy_none") == 5
    assert nothing_in_clear(wire)
    # What comes from the wire is asked the same.
    forger = sites.newcomer("forger", [f"192.0.2.77/{two_sites.WAN_BITS[4]}",
                                       f"2001:db8::77/{two_sites.WAN_BITS[6]}"])
    before = a.drops()
    assert traffic.ping(forger, A.wan[family], 5, wait=1).received == 0
    assert a.drops_since(before) == {"policy_none": 5}


def forged(family, source, payload):
    """From the wire to the gateway: UDP to a closed port and an echo request."""
    target = A.wan[family]
    yield peers.udp_datagram(source, target, payload, port=9999)
    kind, protocol = {4: (8, 1), 6: (128, 58)}[family]
    echo = struct.pack("!BBHHH", kind, 0, 0, 1, 1) + payload
    pseudo = b"" if family == 4 else (ipaddress.ip_address(source).packed
                                      + ipaddress.ip_address(target).packed
                                      + struct.pack("!II", len(echo), protocol))
    echo = echo[:2] + struct.pack("!H", peers.checksum(pseudo + echo)) + echo[4:]
    yield peers.ip_packet_of(source, target, protocol, echo)


@pytest.mark.parametrize("family", [4, 6])
def test_forged_inside_sources_reach_nobody_inside(lab, sites, family):
    """Clear packets that a policy lets in, as if from the LAN: no answer, no quote gets there."""
    everything = [Policy("0.0.0.0/0", "0.0.0.0/0", "bypass"), Policy("::/0", "::/0", "bypass")]
    sites.pair("vpe", more=lambda here: everything)
    sites.start().wait_reachable((family,))
    a, host = sites.gateway["a"], sites.host["a"]
    assert traffic.ping(host, A.router[family], 1).lossless  # the gateway knows the host
    forger = sites.newcomer("forger", [f"192.0.2.77/{two_sites.WAN_BITS[4]}",
                                       f"2001:db8::77/{two_sites.WAN_BITS[6]}"])
    # It is let in as itself.
    assert traffic.ping(forger, A.wan[family], 3).lossless
    seen = capture.Capture(lab, host, "eth0", "lan")
    wire = peers.Wire(forger, "eth0", a.mac(a.ports[1]))
    before = a.drops()
    sent = 0
    for packet in forged(family, A.host[family], PATTERN):
        for _ in range(5):
            wire.send(packet)
            sent += 1
    for source in (A.host[family], A.router[family], A.router[family] + "7"):
        wire.send(peers.udp_datagram(source, A.host[family], PATTERN))
        sent += 1
    laboratory.wait_for("the drops", lambda: a.drops_since(before).get("source_inside") == sent)
    wire.close()
    seen.stop()
    assert not [f.hex() for _, f in capture.frames(seen.path) if PATTERN in f]
    event = next(e for e in a.ask("show-events")["events"] if e["kind"] == "source_inside")
    assert event["source"] == A.host[family]


@pytest.mark.parametrize("strict", [1, 0])
def test_strict_source_filter_of_the_host(sites, strict):
    """What came out of a tunnel is answered: the way back is another interface than it came by."""
    for gate in sites.gate.values():
        for name in ("all", "default"):
            gate.sysctl(f"net/ipv4/conf/{name}/rp_filter", strict)
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    traffic.wait_reachable(sites.host["a"], B.router[4])
    assert traffic.ping(sites.host["a"], B.router[4], 5).lossless
    assert traffic.ping(sites.gate["b"], A.host[4], 5, more=("-I", B.router[4])).lossless
    assert traffic.ping(sites.gate["b"], A.router[4], 5, more=("-I", B.router[4])).lossless


QUESTIONS = {4: (peers.arp_question, peers.is_arp_answer),
             6: (peers.nd_question, peers.is_nd_answer)}


@pytest.mark.parametrize("family", [4, 6])
def test_addresses_of_the_inside_cannot_be_asked_for(sites, family):
    """On the wan, ARP and ND answer for the wan's address; not for those of another interface."""
    sites.pair("vpe")
    sites.start()
    a = sites.gateway["a"]
    sources = {4: "192.0.2.77", 6: "2001:db8::77"}
    curious = sites.newcomer("curious", [f"{sources[f]}/{two_sites.WAN_BITS[f]}" for f in (4, 6)])
    sites.gate["a"].ip(f"addr add {THIRD[family]} dev lo")
    ask, is_answer = QUESTIONS[family]
    questions = {
        target: (bytes(ask(curious.mac("eth0"), a.mac(a.ports[1]), sources[family], target)),
                 is_answer)
        for target in (A.wan[family], A.router[family], THIRD[family])}
    assert peers.answered_when_asked(curious, questions) == {A.wan[family]}


@pytest.mark.parametrize("family", [4, 6])
def test_the_kernel_answers_for_no_other_host(sites, family):
    """Nor when new interfaces are told to, and somebody lets the kernel forward later on."""
    gate = sites.gate["a"]
    for name in ("ipv4/conf/default/proxy_arp", "ipv4/conf/default/proxy_arp_pvlan",
                 "ipv6/conf/default/proxy_ndp"):
        gate.sysctl(f"net/{name}", 1)
    sites.pair("vpe")
    sites.start()
    a = sites.gateway["a"]
    gate.sysctl("net/ipv4/ip_forward", 1)
    gate.sysctl("net/ipv6/conf/all/forwarding", 1)
    gate.ip(f"-6 neigh add proxy {A.host[6]} dev vped-wan")
    sources = {4: "192.0.2.77", 6: "2001:db8::77"}
    curious = sites.newcomer("curious", [f"{sources[f]}/{two_sites.WAN_BITS[f]}" for f in (4, 6)])
    ask, is_answer = QUESTIONS[family]
    targets = [A.wan[family], A.host[family]]
    if family == 4:
        targets.append("192.0.2.99")  # on the asker's own link
    questions = {}
    for target in targets:
        frame = ask(curious.mac("eth0"), a.mac(a.ports[1]), sources[family], target)
        if family == 6:
            frame["IPv6"].dst = peers.solicited_group(target)  # else it is a packet in transit
        questions[target] = bytes(frame), is_answer
    assert peers.answered_when_asked(curious, questions) == {A.wan[family]}


@pytest.mark.parametrize("name", ["ipv4.conf.all.proxy_arp", "ipv4.conf.all.proxy_arp_pvlan",
                                  "ipv6.conf.all.proxy_ndp"])
def test_a_setting_of_the_whole_host_is_warned_of(sites, name):
    """The kernel answers for others where the interface or the whole host says so."""
    sites.gate["a"].sysctl("net/" + name.replace(".", "/"), 1)
    sites.pair("vpe")
    sites.start()
    assert f"net.{name} is 1: " in sites.gateway["a"].process.said()
    assert f"net.{name}" not in sites.gateway["b"].process.said()


@pytest.mark.parametrize("family", [4, 6])
def test_ike_needs_no_policy(sites, family):
    """UDP 500 between the tunnels' ends; on other ports and other addresses it is like any."""
    sites.pair("vpe", outer=family)
    sites.start().wait_reachable((family,))
    # The first is asked until the neighbours are known, the other when they are.
    for port, answers, tries in ((500, True, 6), (501, False, 2)):
        with traffic.Echo(sites.gate["b"], B.wan[family], port):
            assert traffic.echoes(sites.gate["a"], A.wan[family], B.wan[family], port,
                                  tries) is answers


@pytest.mark.parametrize("family", [4, 6])
def test_small_mtu_behind_the_far_gateway(lab, family):
    """It fits the tunnel and not the LAN behind it: the far gateway says so, through the tunnel."""
    sites = two_sites.Sites(lab, lan_mtu={"b": LAN_MTU})
    sites.pair("vpe")
    sites.start().wait_reachable((family,))
    host, target = sites.host["a"], B.host[family]
    header = 28 if family == 4 else 48
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    done = traffic.ping(host, target, 2, interval=0.3, size=1400 - header,
                        more=("-v", "-M", "do"))
    said = re.search(r"mtu[ =]+(\d+)", done.text, re.IGNORECASE)
    assert done.received == 0 and said and int(said.group(1)) == LAN_MTU, done.text
    assert sites.gateway["b"].drops()["packet_too_big"] >= 1
    assert traffic.ping(host, target, 5, size=LAN_MTU - header, more=("-M", "do")).lossless
    assert nothing_in_clear(wire).kinds["vpe"] > 0


def kernel_view(gate):
    """Addresses, routes and limits of IPv6 as the gateway's kernel has them."""
    settings = {}
    for interface in ("vped-lan", "vped-wan"):
        for name in ("mtu", "hop_limit", "disable_ipv6"):
            with gate, open(f"/proc/sys/net/ipv6/conf/{interface}/{name}", encoding="ascii") as f:
                settings[interface, name] = f.read()
    addresses = [(link["ifname"], sorted(a["local"] for a in link["addr_info"]))
                 for link in json.loads(gate.ip("-j -6 addr show"))]
    # Without caches and ages.
    routes = sorted(re.sub(r" expires \S+", "", line)
                    for line in gate.ip("-6 route show table all").splitlines())
    return addresses, routes, settings


BAD_PREFIX = "2001:db8:bad:"


def forged_advertisement(mac):
    """A router that would like to be everybody's."""
    from scapy.layers import inet6
    packet = (inet6.IPv6(src="fe80::bad", dst="ff02::1", hlim=255)
              / inet6.ICMPv6ND_RA(routerlifetime=1800, prf=1, chlim=7)
              / inet6.ICMPv6NDOptSrcLLAddr(lladdr=mac)
              / inet6.ICMPv6NDOptMTU(mtu=1280)
              / inet6.ICMPv6NDOptPrefixInfo(prefix=f"{BAD_PREFIX}:", prefixlen=64, L=1, A=1)
              / inet6.ICMPv6NDOptRouteInfo(prefix="fd00:2::", plen=48, prf=1, rtlifetime=1800))
    return bytes(packet)


def test_forged_router_advertisement(sites):
    """Nobody on the wan tells the gateway its addresses and routes."""
    # Past the policies, so that only a route is missing.
    sites.add(A, [], [Policy(A.prefixes[6], "::/0", "bypass")])
    sites.start()
    a, gate = sites.gateway["a"], sites.gate["a"]
    forger, victim = sites.newcomer("forger"), sites.newcomer("victim")
    victim.sysctl("net/ipv6/conf/eth0/accept_ra", 1)
    before = kernel_view(gate)
    advertisement = forged_advertisement(forger.mac("eth0"))
    wires = [peers.Wire(forger, "eth0", mac) for mac in ("33:33:00:00:00:01", a.mac(a.ports[1]))]
    for _ in range(3):
        for wire in wires:
            wire.send(advertisement)
        time.sleep(0.3)
    # It is a good one: whoever listens to such things believes it.
    laboratory.wait_for("the victim to believe it",
                        lambda: BAD_PREFIX in victim.ip("-6 addr show dev eth0"))
    assert "default" in victim.ip("-6 route show")
    time.sleep(0.5)
    assert kernel_view(gate) == before
    # Nor has the data path heard of it.
    traffic.wait_refused(sites.host["a"], "2001:db8:ffff::1")
    drops = a.drops()
    for target in (f"{BAD_PREFIX}:99", "2001:db8:ffff::1"):
        traffic.send_numbers(sites.host["a"], target, range(N), rate=2000)
    laboratory.wait_for("the drops", lambda: a.drops_since(drops).get("no_route") == 2 * N)
    assert set(a.drops_since(drops)) == {"no_route"}


def esp_payload(number, first_word):
    return first_word + number.to_bytes(4, "big") + traffic.numbered(number)


class EspHost:
    """A host that speaks ESP itself: a raw socket in the place of its IPsec."""

    def __init__(self, namespace, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.header = 0 if ":" in address else 20
        with namespace:
            self.socket = socket.socket(family, socket.SOCK_RAW, peers.TUNNEL)
        self.socket.bind((address, 0))

    def send(self, address, first_word, count=N):
        pace = traffic.Pace(2000)
        for number in range(count):
            self.socket.sendto(esp_payload(number, first_word), (address, 0))
            pace.step()

    def numbers(self, count=N, quiet=2):
        """The numbers that came, until all are there or nothing comes for a while."""
        self.socket.settimeout(quiet)
        found = []
        while len(found) < count:
            try:
                packet = self.socket.recv(65536)
            except TimeoutError:
                break
            found.append(int.from_bytes(packet[self.header + 4:self.header + 8], "big"))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


# Read as ours they would be ESP, VPE, and neither.
FIRST_WORDS = [bytes.fromhex("c0000001"), bytes.fromhex("00000100"), bytes(4)]


@pytest.mark.parametrize("family", [4, 6])
def test_hosts_own_esp_passes_by_a_bypass_policy(sites, family):
    """Tunnels end here that are for an address of the gateway; others' are traffic like any."""
    for here, there in ((A, B), (B, A)):
        sites.add(here, [], [Policy(here.prefixes[family], there.prefixes[family], "bypass")])
    sites.start().wait_reachable((family,))
    before = {x: g.drops() for x, g in sites.gateway.items()}
    with EspHost(sites.host["a"], A.host[family]) as left, \
            EspHost(sites.host["b"], B.host[family]) as right:
        for first_word in FIRST_WORDS:
            for sender, receiver, to in ((left, right, B), (right, left, A)):
                sender.send(to.host[family], first_word)
                assert receiver.numbers() == list(range(N))
    assert not any(g.drops_since(before[x]) for x, g in sites.gateway.items())


@pytest.mark.parametrize("family", [4, 6])
def test_hosts_esp_in_clear_where_protection_is_required(sites, family):
    """That it is encrypted by somebody does not make it ours."""
    sites.pair("vpe")
    sites.start().wait_reachable((family,))
    b = sites.gateway["b"]
    before = b.drops()
    with EspHost(sites.host["b"], B.host[family]) as host:
        wire = peers.Wire(sites.wan, sites.wan_ends["b"][0], b.mac(b.ports[1]))
        for number in range(N):
            wire.send(peers.ip_packet_of(A.host[family], B.host[family], peers.TUNNEL,
                                         esp_payload(number, FIRST_WORDS[0])))
            time.sleep(0.0005)
        laboratory.wait_for("the drops",
                            lambda: b.drops_since(before) == {"clear_protected": N})
        assert not host.numbers(1, quiet=0.5)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("reason", ["no_sa", "sa_outer_address"])
def test_unknown_tunnel_packets_do_not_reach_the_kernel(lab, family, reason):
    """Counted, and nobody says "protocol unreachable", which would tell what is here.

    sa_outer_address: the SPI is that of an SA, but of one between other addresses.
    """
    sites = two_sites.Sites(lab, wan_switch=False)
    other = 10 - family
    out, back = gw.sa("esp"), gw.sa("esp")
    a = sites.add(A, [Tunnel(A.wan[other], B.wan[other], out, back)],
                  two_sites.protect(A, B) + two_sites.answer_pings(A))
    sites.start()
    end = sites.wan_ends["a"][0]
    sites.wan.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 0)
    lab.host(sites.wan, end, B.wan_addresses)
    # The kernel could answer if it were asked: neighbours are known.
    traffic.wait_reachable(sites.wan, A.wan[family])
    seen = capture.Capture(lab, sites.wan, end, "wan")
    wire = peers.Wire(sites.wan, end, a.mac(a.ports[1]))
    first_word = (back.spi if reason == "sa_outer_address" else back.spi ^ 1).to_bytes(4, "big")
    before = a.drops()
    for number in range(N):
        wire.send(peers.ip_packet_of(B.wan[family], A.wan[family], peers.TUNNEL,
                                     esp_payload(number, first_word)))
        time.sleep(0.0005)
    laboratory.wait_for("the drops", lambda: a.drops_since(before).get(reason) == N)
    time.sleep(1)
    assert a.drops_since(before) == {reason: N}
    wire.close()
    seen.stop()
    assert not [f.hex() for _, f in capture.frames(seen.path) if is_unreachable(bytes(f))]
    assert sum(PATTERN in f for _, f in capture.frames(seen.path)) == N  # the capture sees


def is_unreachable(frame):
    """ICMP's "destination unreachable" or ICMPv6's "parameter problem" and its like."""
    packet = peers.ip_packet(frame)
    if not packet:
        return False
    if packet[0] >> 4 == 4:
        return peers.protocol_of(packet) == 1 and packet[20] == 3
    return peers.protocol_of(packet) == 58 and packet[40] < 128
