"""A flood of one kind of traffic for the gateway leaves the other kinds and the tunnels alone."""

import json
import time

import pytest

import peers
import traffic
from gateway import Policy
from sites import A, B, WAN_BITS, protect

pytestmark = pytest.mark.alone

FLOODER, FRIEND = 66, 77
SCARCE = 400  # of neighbours, a second; a sender may use an eighth
PAUSE = 0.2  # between the questions of one, so that it does
REPEATS = 4


def wan_addresses(number):
    return [f"192.0.2.{number}/{WAN_BITS[4]}", f"2001:db8::{number}/{WAN_BITS[6]}"]


def frames(mac, here, number):
    """One of each class, from the station with this number on the wan to the gateway."""
    from scapy.layers import inet, l2
    from scapy.packet import Raw
    frame = l2.Ether(src=mac, dst=here)  # groups would flood everybody
    source4, source6 = f"192.0.2.{number}", f"2001:db8::{number}"
    ipv4 = frame / inet.IP(src=source4, dst=A.wan[4])
    return {
        "arp": peers.arp_question(mac, here, source4, A.wan[4]),
        "nd": peers.nd_question(mac, here, source6, A.wan[6]),
        "ike": ipv4 / inet.UDP(sport=500, dport=500) / Raw(bytes(64)),
        "routing": ipv4.copy() / inet.TCP(sport=50000, dport=179, flags="S"),
        "icmp": ipv4.copy() / inet.ICMP() / Raw(bytes(56)),
        "other": ipv4.copy() / inet.UDP(sport=9, dport=9) / Raw(bytes(64)),
    }


# A station is a newcomer until it has told where it is.
CLASSES = {"arp": {"neighbour", "newcomer"}, "nd": {"neighbour", "newcomer"}, "ike": {"ike"},
           "routing": {"routing"}, "icmp": {"icmp"}, "other": {"other"}}


def missed(gateway):
    return gateway.stats()["device_losses"]["rx_missed"]


def answered(gateway, ask):
    """Whether somebody who asks as a kernel would is answered.

    A device that gets more than its CPUs can take loses frames, anybody's, before the gateway sees
    them: only then he may ask again.
    """
    for _ in range(REPEATS):
        before = missed(gateway)
        if ask():
            return True
        if missed(gateway) == before:
            return False
    return False


@pytest.mark.parametrize("kind", CLASSES)
def test_flood(lab, sites, kind, count):
    seconds = count(4, 30)
    # Nothing between the flood and its limit: all of the gateway's own traffic is let pass.
    sites.pair("vpe", policies=lambda here, there: protect(here, there) + [
        Policy(here.wan[4], "0.0.0.0/0", "bypass"), Policy(here.wan[6], "::/0", "bypass")])
    sites.start().wait_reachable((4,))
    a = sites.gateway["a"]
    flooder = sites.newcomer("flooder", wan_addresses(FLOODER))
    friend = sites.newcomer("friend", wan_addresses(FRIEND))
    gate_mac = a.mac(a.ports[1])
    frame = bytes(frames(flooder.mac("eth0"), gate_mac, FLOODER)[kind])
    asking = frames(friend.mac("eth0"), gate_mac, FRIEND)
    before, drops = a.stats(), a.drops()
    tool = lab.tool(flooder, "flood.py", "--interface", "eth0", "--frame", frame.hex(),
                    "--seconds", seconds)
    stream = traffic.Stream(sites.host["a"], sites.host["b"], B.host[4], seconds)
    answers = []
    with traffic.Echo(sites.gate["a"], A.wan[4], 500):
        while tool.running():
            answers.append((
                answered(a, lambda: peers.answers_when_asked(
                    friend, bytes(asking["arp"]), peers.is_arp_answer, A.wan[4])),
                answered(a, lambda: peers.answers_when_asked(
                    friend, bytes(asking["nd"]), peers.is_nd_answer, A.wan[6])),
                answered(a, lambda: traffic.echoes(
                    friend, f"192.0.2.{FRIEND}", A.wan[4], 500))))
    sent = json.loads(tool.said().splitlines()[-1])
    assert stream.lost() == 0, a.drops_since(drops)
    assert answers and not [answer for answer in answers if not all(answer)]
    after = a.stats()
    refused = {c: after["punts_refused"][c] - before["punts_refused"][c] for c in after["punts"]}
    ended = sum(refused[c] for c in CLASSES[kind])
    assert ended > 0
    assert not [c for c, n in refused.items() if n and c not in CLASSES[kind]]
    lost = missed(a) - before["device_losses"]["rx_missed"]
    print(f"{kind}: {sent['sent'] / sent['seconds']:,.0f} frames a second, {ended:,} refused, "
          f"{lost:,} lost by the device, {len(answers)} rounds of ARP, ND and IKE answered, "
          f"{stream.count} packets through the tunnel, 0 lost")


def start_with_scarce_neighbours(sites):
    """Whoever shares the limit of a flood goes without."""
    sites.pair("vpe")
    limits = f"neighbour = {SCARCE}; newcomer = {SCARCE};"
    sites.gateway["a"].settings["more"] = f"punt = {{ {limits} }};"
    sites.start().wait_reachable((4,))


def asked(station, mac, here, addresses):
    """Whether the gateway answers a neighbour's question, by family."""
    time.sleep(PAUSE)
    source4, source6, target4, target6 = addresses
    arp = peers.arp_question(mac, here, source4, target4)
    discovery = peers.nd_question(mac, here, source6, target6)
    return (peers.answers_when_asked(station, bytes(arp), peers.is_arp_answer, target4),
            peers.answers_when_asked(station, bytes(discovery), peers.is_nd_answer, target6))


def solicitation_from_afar(mac, here):
    from scapy.layers import inet6, l2
    return (l2.Ether(src=mac, dst=here) / inet6.IPv6(src="2001:db8:bad::1", dst=A.wan[6], hlim=254)
            / inet6.ICMPv6ND_NS(tgt=A.wan[6]) / inet6.ICMPv6NDOptSrcLLAddr(lladdr=mac))


def report_from_afar(mac, here):
    from scapy.contrib import igmp
    from scapy.layers import inet, l2
    return (l2.Ether(src=mac, dst=here) / inet.IP(src="203.0.113.1", dst=A.wan[4], ttl=60)
            / igmp.IGMP(type=0x16, gaddr="239.1.2.3"))


def listener_report_from_afar(mac, here):
    from scapy.layers import inet6, l2
    return (l2.Ether(src=mac, dst=here) / inet6.IPv6(src="2001:db8:bad::1", dst=A.wan[6], hlim=60)
            / inet6.ICMPv6MLReport(mladdr="ff02::1:ff00:1"))


# By name: the frame, where its source is, and how many of them ended.
FROM_AFAR = {
    "nd": (solicitation_from_afar, 14 + 8 + 8, lambda a: a.drops().get("neighbour_forwarded", 0)),
    "igmp": (report_from_afar, 14 + 12, lambda a: a.stats()["punts_refused"]["membership"]),
    "mld": (listener_report_from_afar, 14 + 8 + 8,
            lambda a: a.stats()["punts_refused"]["membership"]),
}


@pytest.mark.parametrize("kind", FROM_AFAR)
def test_flood_from_afar(lab, sites, kind, count):
    """From as many sources as somebody behind routers likes to write: the link does not notice."""
    seconds = count(4, 30)
    make, source, ended = FROM_AFAR[kind]
    start_with_scarce_neighbours(sites)
    a = sites.gateway["a"]
    flooder = sites.newcomer("flooder")
    friend = sites.newcomer("friend", wan_addresses(FRIEND))
    gate_mac = a.mac(a.ports[1])
    before, ended_before = a.stats(), ended(a)
    tool = lab.tool(flooder, "flood.py", "--interface", "eth0", "--frame",
                    bytes(make(flooder.mac("eth0"), gate_mac)).hex(), "--seconds", seconds,
                    "--vary", source)
    stream = traffic.Stream(sites.host["a"], sites.host["b"], B.host[4], seconds)
    answers = []
    while tool.running():
        answers += asked(friend, friend.mac("eth0"), gate_mac,
                         (f"192.0.2.{FRIEND}", f"2001:db8::{FRIEND}", A.wan[4], A.wan[6]))
    assert stream.lost() == 0
    assert answers and all(answers)
    assert ended(a) - ended_before > 1000
    for kind_of_neighbours in ("neighbour", "newcomer"):
        assert a.stats()["punts_refused"][kind_of_neighbours] == before["punts_refused"][
            kind_of_neighbours]


@pytest.mark.one_build("release", "the flood takes its time")
def test_flood_of_neighbours_at_one_port(lab, sites, count):
    """Forged stations on the wan use up what the wan may have; the LAN's hosts find the gateway."""
    start_with_scarce_neighbours(sites)
    a, host = sites.gateway["a"], sites.host["a"]
    flooder = sites.newcomer("flooder")
    question = peers.arp_question("02:00:00:00:00:66", a.mac(a.ports[1]), "192.0.2.66", A.wan[4])
    # The station, in the frame and in the question.
    tool = lab.tool(flooder, "flood.py", "--interface", "eth0", "--frame", bytes(question).hex(),
                    "--seconds", count(4, 30), "--vary", 8, 24)
    answers = []
    while tool.running():
        answers += asked(host, host.mac("eth0"), a.mac(a.ports[0]),
                         (A.host[4], A.host[6], A.router[4], A.router[6]))
    assert answers and all(answers)
    refused = {port["name"]: port["punts_refused"]["newcomer"]
               for port in a.ask("show-ports")["ports"]}
    assert refused["wan"] > 1000 and refused["lan"] == 0


def ike_from_a_tunnel(sites):
    """By a host behind the far gateway, to the near one's address on its LAN."""
    from scapy.layers import inet, inet6, l2
    from scapy.packet import Raw
    host, far = sites.host["b"], sites.gateway["b"]
    frame = (l2.Ether(src=host.mac("eth0"), dst=far.mac(far.ports[0]))
             / inet6.IPv6(src=B.host[6], dst=A.router[6])
             / inet.UDP(sport=500, dport=500) / Raw(bytes(64)))
    return host, frame, 14 + 8 + 12


def ike_from_nobody(sites):
    from scapy.layers import inet, l2
    from scapy.packet import Raw
    flooder, a = sites.newcomer("flooder"), sites.gateway["a"]
    frame = (l2.Ether(src=flooder.mac("eth0"), dst=a.mac(a.ports[1]))
             / inet.IP(src="203.0.113.1", dst=A.wan[4])
             / inet.UDP(sport=500, dport=500) / Raw(bytes(64)))
    return flooder, frame, 14 + 12


@pytest.mark.parametrize("flood,friend", [(ike_from_a_tunnel, "stranger"),
                                          (ike_from_nobody, "peer")])
def test_flood_of_ike(lab, sites, flood, friend, count):
    """Of made-up sources: from behind a tunnel it takes nothing from those who have none yet, from
    the wan nothing from the tunnels' other ends."""
    sites.pair("vpe")
    sites.start().wait_reachable()
    a = sites.gateway["a"]
    asker, address = sites.gate["b"], B.wan[4]
    if friend == "stranger":
        asker, address = sites.newcomer("friend", wan_addresses(FRIEND)), f"192.0.2.{FRIEND}"
    flooder, frame, source = flood(sites)
    before = a.stats()["punts_refused"]
    answers = []
    with traffic.Echo(sites.gate["a"], A.wan[4], 500):
        assert traffic.echoes(asker, address, A.wan[4], 500)
        tool = lab.tool(flooder, "flood.py", "--interface", "eth0", "--frame", bytes(frame).hex(),
                        "--seconds", count(4, 30), "--vary", source)
        while tool.running():
            answers.append(traffic.echoes(asker, address, A.wan[4], 500))
            time.sleep(PAUSE)
    after = a.stats()["punts_refused"]
    assert after["ike"] - before["ike"] > 1000 and after["ike_peer"] == before["ike_peer"]
    assert answers and all(answers)
