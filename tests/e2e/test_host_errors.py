"""ICMP errors of the gateways' kernels go only the way that what they quote came."""

import socket

import pytest

import capture
import lab as laboratory
import peers
import sites as two_sites
import traffic
from capture import PATTERN
from gateway import Policy
from sites import A, B, nothing_in_clear

N = 5
CLOSED = 9  # no kernel here has a socket on it
DNS, IKE = 53, 500
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def is_refused(namespace, address, port):
    """Whether "port unreachable" comes back."""
    with namespace:
        client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                               socket.SOCK_DGRAM)
    with client:
        client.settimeout(0.5)
        client.connect((address, port))
        for _ in range(6):
            try:
                client.send(PATTERN)
                client.recv(64)
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                continue
    return False


def manage_a(family, **selectors):
    """Site b reaches the wan address of gw-a through the tunnel."""
    def policies(here, there):
        ends = [A.wan[family], B.prefixes[family]]
        if here is B:
            ends.reverse()
        return [Policy(*ends, **selectors), *two_sites.protect(here, there)]
    return policies


def start(sites, family, bypass=True):
    """bypass: ICMP from the wan address of gw-a, where no policy before says otherwise."""
    if bypass:
        sites.gateway["a"].policies += two_sites.answer_pings(A)
    sites.start().wait_reachable((family,))


def capture_wan(lab, sites):
    return capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")


@pytest.mark.parametrize("bypass", [False, True], ids=["no policy", "bypass"])
@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_protected_packets_stay_inside(lab, sites, family, bypass):
    """UDP to the gateway is protected and ICMP is not, or even bypasses."""
    sites.pair("vpe", policies=manage_a(family, protocol="udp"))
    start(sites, family, bypass)
    a = sites.gateway["a"]
    with traffic.Echo(sites.gate["a"], A.wan[family], 7000):
        assert traffic.echoes(sites.host["b"], B.host[family], A.wan[family], 7000)
    before = a.drops()
    wire = capture_wan(lab, sites)
    traffic.send_numbers(sites.host["b"], A.wan[family], range(N), rate=N, port=CLOSED)
    laboratory.wait_for("the errors", lambda: a.drops_since(before).get("answer_unprotected"))
    assert set(a.drops_since(before)) == {"answer_unprotected"}
    assert nothing_in_clear(wire).kinds["vpe"] >= N


@pytest.mark.parametrize("family", [4, 6])
def test_errors_go_back_into_the_tunnel(lab, sites, family):
    sites.pair("vpe", policies=manage_a(family))
    start(sites, family)
    wire = capture_wan(lab, sites)
    for address in (A.wan[family], A.router[family]):
        assert is_refused(sites.host["b"], address, CLOSED)
    assert nothing_in_clear(wire).kinds["vpe"] >= 4


def holding_pattern(path):
    return sum(PATTERN in frame for _, frame in capture.frames(path))


# A policy lets it come, and what needs none.
@pytest.mark.parametrize("port", [DNS, IKE])
@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_clear_packets_enter_no_tunnel(lab, sites, family, port):
    """Whoever sends a packet in another's name gets nothing of it to the far site as authentic."""
    sites.pair("vpe", outer=family, policies=manage_a(family))
    a = sites.gateway["a"]
    a.policies.insert(0, Policy(A.wan[family], EVERYWHERE[family], "bypass", protocol="udp",
                                more=f"src_port = {DNS};"))
    start(sites, family)
    outsider = {4: "192.0.2.77", 6: "2001:db8::77"}[family]
    forger = sites.newcomer("forger", [f"{outsider}/{two_sites.WAN_BITS[family]}"])
    # In its own name it is told, where a policy lets both pass.
    assert is_refused(forger, A.wan[family], DNS)
    wire = peers.Wire(forger, "eth0", a.mac(a.ports[1]))
    before = a.drops()
    seen = capture.Capture(lab, sites.host["b"], "eth0", "host-b")
    for number in range(N):
        wire.send(peers.udp_datagram(B.host[family], A.wan[family], traffic.numbered(number),
                                     port=port))
    laboratory.wait_for("the errors", lambda: a.drops_since(before).get("answer_protected"))
    assert set(a.drops_since(before)) == {"answer_protected"}
    # The way is open to what may go it, and the capture sees.
    traffic.ping(sites.gate["a"], B.host[family], 1, more=("-I", A.wan[family]))
    seen.stop()
    assert holding_pattern(seen.path) == 2
    wire.close()


@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_lan_packets_stay_on_the_lan(lab, sites, family):
    """Whatever policies there are, and to whichever address of the gateway."""
    sites.pair("vpe")
    start(sites, family)
    wire = capture_wan(lab, sites)
    for address in (A.router[family], A.wan[family]):
        assert is_refused(sites.host["a"], address, CLOSED)
    nothing_in_clear(wire)
