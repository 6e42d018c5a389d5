"""What must not get through, does not, and the counter says why."""

import time

import pytest

import capture
import gateway as gw
import lab as laboratory
import peers
import sites as two_sites
import traffic
from gateway import Policy, Tunnel
from sites import A, B

N = 100


def tunnel_pair(sites, protocol, policies_b=None, back_key=None):
    """As Sites.pair, with room for mistakes at site b."""
    a_to_b, b_to_a = gw.sa(protocol), gw.sa(protocol)
    wrong = gw.Sa(protocol, a_to_b.spi, key=back_key) if back_key else a_to_b
    sites.add(A, [Tunnel(A.wan[4], B.wan[4], a_to_b, b_to_a)], two_sites.protect(A, B))
    sites.add(B, [Tunnel(B.wan[4], A.wan[4], b_to_a, wrong)],
              policies_b or two_sites.protect(B, A))
    return sites.start()


def warm_up(sites, reason):
    """Until neighbours are known and the first packet has come to gateway b."""
    def arrived():
        traffic.send_numbers(sites.host["a"], B.host[4], range(1))
        return sites.gateway["b"].drops().get(reason)
    laboratory.wait_for(f"the first {reason}", arrived, step=0.2)
    time.sleep(0.3)


def deliver(sites, family=4, count=N, settle=1.0):
    """Sends numbers from host a to host b; how many came."""
    with traffic.Numbers(sites.host["b"], B.host[family]) as numbers:
        traffic.send_numbers(sites.host["a"], B.host[family], range(count), rate=2000)
        return numbers.settle(count, timeout=settle + 3, quiet=settle)


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_wrong_key(sites, protocol):
    tunnel_pair(sites, protocol, back_key=bytes(range(32)))
    warm_up(sites, "icv_failed")
    before = sites.gateway["b"].drops()
    assert deliver(sites) == 0
    assert sites.gateway["b"].drops_since(before) == {"icv_failed": N}


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_wrong_selector(sites, protocol):
    """The key is right, the packet is authentic, but the tunnel is not for this destination."""
    narrow = [Policy("10.2.9.0/24", A.prefixes[4]), Policy(B.prefixes[6], A.prefixes[6])]
    tunnel_pair(sites, protocol, policies_b=narrow)
    warm_up(sites, "selector_mismatch")
    before = sites.gateway["b"].drops()
    assert deliver(sites) == 0
    assert sites.gateway["b"].drops_since(before) == {"selector_mismatch": N}
    # The policy that matches carries on.
    sites.wait_reachable((6,))


@pytest.mark.parametrize("family", [4, 6])
def test_clear_where_protection_is_required(sites, family):
    """Somebody on the wan sends in clear what should come through the tunnel."""
    sites.pair("vpe")
    sites.start().wait_reachable((family,))
    b = sites.gateway["b"]
    before = b.drops()
    with traffic.Numbers(sites.host["b"], B.host[family]) as numbers:
        wire = peers.Wire(sites.wan, sites.wan_ends["b"][0], b.mac(b.ports[1]))
        pace = traffic.Pace(2000)
        for number in range(N):
            wire.send(peers.udp_datagram(A.host[family], B.host[family],
                                         traffic.numbered(number)))
            pace.step()
        assert numbers.settle(1, timeout=1) == 0
    assert b.drops_since(before) == {"clear_protected": N}


def test_no_policy_no_way(sites):
    """What no policy names is dropped, in both directions."""
    sites.add(A, [], [Policy("10.1.0.0/16", "10.9.0.0/16", "bypass")])
    sites.start()
    a = sites.gateway["a"]
    traffic.wait_refused(sites.host["a"], B.host[4])
    before = a.drops()
    traffic.send_numbers(sites.host["a"], B.host[4], range(N), rate=2000)
    wire = peers.Wire(sites.wan, sites.wan_ends["a"][0], a.mac(a.ports[1]))
    for number in range(N):
        wire.send(peers.udp_datagram("203.0.113.5", A.host[4], traffic.numbered(number)))
        if number % 16 == 0:
            time.sleep(0.005)
    time.sleep(0.5)
    assert a.drops_since(before) == {"policy_none": 2 * N}


def test_bypass_is_in_clear_and_the_checker_sees_it(lab, sites):
    """Proof that the capture of the other tests would find what it looks for."""
    for here, there in ((A, B), (B, A)):
        sites.add(here, [], [Policy(here.prefixes[f], there.prefixes[f], "bypass")
                             for f in (4, 6)])
    sites.start().wait_reachable()
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    for family in (4, 6):
        assert traffic.ping(sites.host["a"], B.host[family], 10).lossless
    wire.stop()
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert found.with_pattern == 40 and wire.dropped == 0


@pytest.mark.parametrize("options", [False, True], ids=["plain", "options"])
def test_later_fragments_do_not_slip_past_a_protect(lab, sites, options):
    """UDP is to be protected, the rest may pass in clear; fragments hide that they are UDP's.

    A later fragment names the header that the fragmentable part begins with. If that is Destination
    Options, nobody can tell from such a fragment what follows them.
    """
    out, back = gw.sa("vpe"), gw.sa("vpe")
    for here, there, sas in ((A, B, (out, back)), (B, A, (back, out))):
        both = here.prefixes[6], there.prefixes[6]
        sites.add(here, [Tunnel(here.wan[4], there.wan[4], *sas)],
                  [Policy(*both, protocol="udp"), Policy(*both, "bypass")])
    sites.start().wait_reachable((6,))
    # The tunnel's own neighbours are others.
    laboratory.wait_for("the tunnel to carry UDP", lambda: deliver(sites, 6, 1, 0.2))
    a = sites.gateway["a"]
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan")
    before = a.drops()
    host = peers.Wire(sites.host["a"], "eth0", a.mac(a.ports[0]))
    part = peers.udp_of(A.host[6], B.host[6], traffic.numbered(1, 2400))
    first = peers.UDP
    if options:
        # PadN to 8 octets.
        part = bytes([peers.UDP, 0, 1, 4, 0, 0, 0, 0]) + part
        first = peers.DESTINATION_OPTIONS
    pieces = list(peers.fragments6(A.host[6], B.host[6], first, part))
    with traffic.Numbers(sites.host["b"], B.host[6]) as numbers:
        for _ in range(10):
            for piece in pieces:
                host.send(piece)
                time.sleep(0.002)
        arrived = numbers.settle(1, timeout=1)
    wire.stop()
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert wire.dropped == 0
    assert found.in_clear == 0, found.samples
    later = 10 * (len(pieces) - 1)
    if options:
        assert a.drops_since(before) == {"fragment_opaque": later} and arrived == 0
        assert found.kinds["vpe"] == 10
    else:
        assert not a.drops_since(before) and arrived == 1
        assert found.kinds["vpe"] == 10 + later


def test_discard(sites):
    sites.add(A, [], [Policy("10.1.0.0/16", "10.2.0.0/16", "discard", protocol="udp"),
                      Policy("10.1.0.0/16", "10.2.0.0/16", "bypass")])
    sites.start()
    before = sites.gateway["a"].drops()
    traffic.send_numbers(sites.host["a"], B.host[4], range(N), rate=2000)
    # Where the gateway knows its address later than the host asks for it, the host asks again after
    # a second, and sends what it has.
    laboratory.wait_for("each is discarded", lambda: sites.gateway["a"].drops_since(before).get(
        "policy_discard") == N)
