"""What the gateways tell senders whose packets cannot go on, and what they keep to themselves."""

import re
import time

import pytest

import capture
import lab as laboratory
import peers
import sites as two_sites
import traffic
from gateway import Policy
from sites import A, B

N = 20
# Else the gateway tells TCP what fits, and there is nothing to learn.
TCP_LEARNS = 'tcp_mss = "off";'
ECHO_HEADER = {4: 28, 6: 48}

# ping's words for what a router says.
NO_ROUTE = {4: "Destination Net Unreachable", 6: "Destination unreachable: No route"}
UNREACHABLE = {4: "Destination Host Unreachable", 6: "Destination unreachable: No route"}
PROHIBITED = {4: "Packet filtered", 6: "Destination unreachable: Administratively prohibited"}
ABSENT = {4: "Destination Host Unreachable", 6: "Destination unreachable: Address unreachable"}


def nothing_in_clear(wire):
    """No error either: none of them is the wan's business."""
    found = two_sites.nothing_in_clear(wire)
    assert "icmp" not in found.kinds
    return found


def told(host, target, count=3, wait=0.5):
    """Everything that ping says of an address, and by whom: {(who, what)}."""
    done = traffic.ping(host, target, count, interval=0.3, wait=wait, more=("-v",))
    assert done.received == 0, done.text
    return set(re.findall(r"^From (\S+?):? icmp_seq=\d+ (.*?)\s*$", done.text, re.MULTILINE))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_traceroute_shows_both_gateways(lab, sites, protocol, family):
    sites.pair(protocol)
    sites.start().wait_reachable((family,))
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    for method in ((), ("-I",)):
        for here, there in ((A, B), (B, A)):
            said = sites.host[here.letter].run(
                "traceroute", f"-{family}", "-n", "-q", "2", "-w", "3", "-m", "6", *method,
                there.host[family]).stdout
            hops = re.findall(r"^ *\d+  (\S+)", said, re.MULTILINE)
            assert hops == [here.router[family], there.router[family], there.host[family]], said
    assert nothing_in_clear(wire).kinds[protocol] > 0
    for gateway in sites.gateway.values():
        assert gateway.stats()["icmp"]["time_exceeded"]["sent"] >= 8
    assert "ICMP time_exceeded" in sites.gateway["a"].vpectl("show-stats").stdout


FAR_ROUTES = [("unreachable", UNREACHABLE), ("prohibit", PROHIBITED), ("blackhole", None)]


@pytest.mark.parametrize("family", [4, 6])
def test_no_way_on_behind_the_far_gateway(lab, sites, family):
    """It says so through the tunnel, in the words that Linux has for such a route."""
    sites.pair("vpe")
    sites.start().wait_reachable((family,))
    host, gate = sites.host["a"], sites.gate["b"]
    target = {4: "10.2.77.{}", 6: "fd00:2:77::{}"}[family]
    with sites.gateway["b"].routes_follow(len(FAR_ROUTES)):
        for i, (kind, _) in enumerate(FAR_ROUTES):
            gate.ip(f"-{family} route add {kind} {target.format(i + 1)}")
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    for i, (_, words) in enumerate(FAR_ROUTES):
        expected = {(B.router[family], words[family])} if words else set()
        assert told(host, target.format(i + 1)) == expected
    # Nothing is there: neither a route in this net nor a default one.
    assert told(host, target.format(99)) == {(B.router[family], NO_ROUTE[family])}
    # On the link, and nobody answers: the kernel asks three times before it is sure.
    gate.sysctl(f"net/ipv{family}/neigh/vped-lan/retrans_time_ms", 300)
    absent = {4: "10.2.0.99", 6: "fd00:2::99"}[family]
    laboratory.wait_for("the neighbour to be given up", lambda: told(host, absent, 1, wait=2) == {
        (B.router[family], ABSENT[family])}, 30)
    assert nothing_in_clear(wire).kinds["vpe"] > 0


@pytest.mark.parametrize("family", [4, 6])
def test_no_way_on_before_the_tunnel(sites, family):
    prefix = A.prefixes[family]
    nets = {4: "198.51.100.{}", 6: "2001:db8:51::{}"}[family]
    everywhere = {4: "0.0.0.0/0", 6: "::/0"}[family]
    refused = {4: "203.0.113.0/24", 6: "2001:db8:113::/48"}[family]
    sites.add(A, [], [Policy(prefix, refused, "discard"), Policy(prefix, everywhere, "bypass")])
    sites.start()
    host, gate, me = sites.host["a"], sites.gate["a"], A.router[family]
    with sites.gateway["a"].routes_follow(len(FAR_ROUTES)):
        for i, (kind, _) in enumerate(FAR_ROUTES):
            gate.ip(f"-{family} route add {kind} {nets.format(i + 1)}")
    traffic.wait_reachable(host, me)
    expected = [{(me, words[family])} if words else set() for _, words in FAR_ROUTES]
    # Other routes may have come meanwhile and been counted.
    for i, words in enumerate(expected):
        laboratory.wait_for("the route to be followed",
                            lambda to=nets.format(i + 1), said=words: told(host, to) == said)
    before = sites.gateway["a"].stats()["icmp"]
    for i, words in enumerate(expected):
        assert told(host, nets.format(i + 1)) == words
    assert told(host, nets.format(99)) == {(me, NO_ROUTE[family])}
    target = {4: "203.0.113.5", 6: "2001:db8:113::5"}[family]
    assert told(host, target) == {(me, PROHIBITED[family])}
    sent = sites.gateway["a"].stats()["icmp"]
    for kind in ("policy_refusal", "route_prohibit"):
        assert sent[kind]["sent"] == before[kind]["sent"] + 3


@pytest.mark.parametrize("family", [4, 6])
def test_refusals_can_be_kept_quiet(sites, family):
    sites.add(A, [], [Policy(A.prefixes[family], B.prefixes[family], "discard")],
              more="icmp = { policy_refusal = false; };")
    sites.start()
    traffic.wait_reachable(sites.host["a"], A.router[family])
    assert told(sites.host["a"], B.host[family]) == set()
    assert sites.gateway["a"].drops()["policy_discard"] == 3


def errors_seen(path, family):
    """ICMP errors among the frames of a capture, as (source, type)."""
    found = []
    for _, frame in capture.frames(path):
        packet = peers.ip_packet(frame)
        if not packet or packet[0] >> 4 != family:
            continue
        protocol, at = peers.protocol_of(packet), ECHO_HEADER[family] - 8
        if protocol == 1 and packet[at] in (3, 11) or protocol == 58 and packet[at] < 128:
            found.append((peers.addresses_of(packet)[0], packet[at]))
    return found


def errors_sent(gateway):
    return {kind: counted["sent"] for kind, counted in gateway.stats()["icmp"].items()}


OUTSIDER = {4: "192.0.2.66", 6: "2001:db8::66"}


@pytest.mark.parametrize("family", [4, 6])
def test_outsiders_learn_nothing(lab, sites, family):
    """Clear packets from the wire that no policy lets pass end without a word. Where one does, the
    gateway is a router like any, which also shows that this test can fail."""
    here, out = A.prefixes[family], OUTSIDER[family]
    sites.pair("vpe")
    a = sites.gateway["a"]
    a.policies += [Policy(here, f"{out}", "bypass", protocol="udp", more="src_port = 7001;"),
                   Policy(here, out, "bypass", protocol={4: "icmp", 6: "icmpv6"}[family]),
                   Policy(here, out, "discard", protocol="tcp")]
    sites.start()
    outsider = sites.newcomer("outsider", [f"{out}/{two_sites.WAN_BITS[family]}"])
    # No policy lets it ping the gateway, but they get to know each other.
    assert not traffic.ping(outsider, A.wan[family], 3, interval=0.2, wait=1).received
    traffic.wait_reachable(sites.host["a"], A.router[family])
    wire = peers.Wire(outsider, "eth0", a.mac(a.ports[1]))
    seen = capture.Capture(lab, outsider, "eth0", "outsider")
    # While the sites were getting to know each other their own hosts may have been told something.
    before, errors = a.drops(), errors_sent(a)
    for number in range(N):
        payload = traffic.numbered(number)
        # Policy none, clear where protected, discard; hop limits and sizes make no difference.
        wire.send(peers.udp_datagram(out, A.host[family], payload, ttl=1))
        wire.send(peers.udp_datagram(B.host[family], A.host[family], payload, ttl=1))
        wire.send(peers.ip_packet_of(out, A.host[family], 6, payload, ttl=1))
        time.sleep(0.01)
    laboratory.wait_for("the drops", lambda: a.drops_since(before) == {
        "policy_none": N, "clear_protected": N, "policy_discard": N})
    time.sleep(0.5)
    seen.stop()
    assert not errors_seen(seen.path, family)
    assert errors_sent(a) == errors
    seen = capture.Capture(lab, outsider, "eth0", "outsider-2")
    wire.send(peers.udp_datagram(out, A.host[family], traffic.numbered(0), port=7001, ttl=1))
    errors["time_exceeded"] += 1
    laboratory.wait_for("the answer", lambda: errors_sent(a) == errors)
    time.sleep(0.2)
    seen.stop()
    assert errors_seen(seen.path, family) == [(A.router[family], {4: 11, 6: 3}[family])]


@pytest.mark.parametrize("family", [4, 6])
def test_errors_do_not_leak_what_they_quote(lab, family):
    """UDP is protected and ICMP is not: an error about a decrypted datagram stays unsaid."""
    sites = two_sites.Sites(lab, lan_mtu={"b": 1280})
    sites.pair("vpe")
    icmp = {4: "icmp", 6: "icmpv6"}[family]
    for here, there in ((A, B), (B, A)):
        gateway = sites.gateway[here.letter]
        gateway.policies = [Policy(here.prefixes[family], there.prefixes[family], protocol="udp"),
                            Policy(here.prefixes[family], there.prefixes[family], "bypass",
                                   protocol=icmp)]
    sites.start()
    b = sites.gateway["b"]
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["b"][0], "wan")
    with traffic.Numbers(sites.host["b"], B.host[family]) as numbers:
        laboratory.wait_for("the way to be found", lambda: (
            traffic.send_numbers(sites.host["a"], B.host[family], range(1)) or len(numbers)),
            step=0.3)
    traffic.send_numbers(sites.host["a"], B.host[family], range(N), size=1300)
    laboratory.wait_for("the drops", lambda: b.drops().get("packet_too_big", 0) >= N)
    time.sleep(0.5)
    wire.stop()
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert found.in_clear == 0 and found.kinds["vpe"] >= N
    said = b.stats()["icmp"]["too_big"]
    assert said["sent"] == 0 and said["no_source"] + said["limited"] == N


@pytest.mark.parametrize("family", [4, 6])
def test_the_gateways_own_programs_learn_the_path_mtu(lab, sites, family):
    """Its kernel sends by the policies too, and takes the answer."""
    sites.pair("vpe")
    for gateway in sites.gateway.values():
        gateway.tunnels[0].more = TCP_LEARNS
    sites.start().wait_reachable((family,))
    gate, source, target = sites.gate["a"], A.router[family], B.host[family]
    mtu = sites.gateway["a"].sa("out")["inner_mtu"]
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    size = 1500 - ECHO_HEADER[family]
    done = traffic.ping(gate, target, 3, interval=0.3, size=size,
                        more=("-v", "-M", "do", "-I", source))
    assert done.received == 0 and re.search(rf"mtu ?= ?{mtu}\b", done.text), done.text
    assert f"mtu {mtu}" in gate.ip(f"-{family} route get {target} from {source}")
    assert traffic.ping(gate, target, 5, size=mtu - ECHO_HEADER[family],
                        more=("-M", "do", "-I", source)).lossless
    path, copy = lab.dir / "file", lab.dir / "copy"
    traffic.make_file(path, 1 << 20)
    # What ping has learnt is forgotten, TCP learns by itself.
    gate.ip(f"-{family} route flush cache")
    assert "mtu" not in gate.ip(f"-{family} route get {target} from {source}")
    assert traffic.send_file(path, gate, sites.host["b"], target, copy, source=source).equal
    assert f"mtu {mtu}" in gate.ip(f"-{family} route get {target} from {source}")
    assert nothing_in_clear(wire).kinds["vpe"] > 0
