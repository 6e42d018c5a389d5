"""Neighbours: kept known while the kernel sees no traffic, found again when they change, no packet
lost to the first question."""

import json
import threading
import time

import pytest

import lab as laboratory
import sites as two_sites
import traffic
from gateway import Policy
from sites import A, B

FOUND_AGAIN_S = 30
STALE_S = 1
GRACE_S = 5  # a neighbour without an entry is still sent to
# Entries of all namespaces together below which the kernel collects nothing (gc_thresh1), and more.
FILL = 300
BEHIND = {4: "10.9.0.1", 6: "2001:db8:9::1"}
LINK_LOCAL = "fe80::50"
CHANGED_MAC = "02:00:00:00:77:77"


def bypass(here, there):
    return [Policy(here.prefixes[f], there.prefixes[f], "bypass") for f in (4, 6)]


def outwards(here):
    """To whatever is behind the wan, in clear."""
    return [Policy(here.prefixes[f], prefix, "bypass") for f, prefix in ((4, "0.0.0.0/0"),
                                                                        (6, "::/0"))]


def neighbours(namespace, interface):
    """Address -> what the kernel knows."""
    return {n["dst"]: n for n in json.loads(namespace.ip(f"-j neigh show dev {interface}"))}


def forget(namespace, interface, address):
    """As an operator does it. A question of the other's that was under way tells of him once more;
    after that nobody asks by himself for some seconds."""
    def known():
        return "lladdr" in neighbours(namespace, interface).get(address, {})

    def gone():
        if known():
            namespace.ip(f"neigh del {address} dev {interface}")
        time.sleep(0.2)
        return not known()
    laboratory.wait_for(f"{address} to be known", known)
    laboratory.wait_for(f"{address} to be forgotten", gone)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("how", ["clear", "vpe", "esp"])
def test_the_first_packet_arrives(sites, how, family):
    """Two unknown neighbours on its way: the other gateway, and the host behind it."""
    if how == "clear":
        for here, there in ((A, B), (B, A)):
            sites.add(here, [], bypass(here, there))
    else:
        sites.pair(how, family)
    sites.start()
    a, b = sites.gateway["a"], sites.gateway["b"]
    before = {g: (g.drops(), g.stats()["neighbours"]["resumed"]) for g in (a, b)}
    with traffic.Numbers(sites.host["b"], B.host[family]) as numbers:
        forget(sites.gate["a"], "vped-wan", B.wan[family])
        traffic.send_numbers(sites.host["a"], B.host[family], [1])
        laboratory.wait_for("the only packet", lambda: len(numbers) == 1)
    for gateway, (drops, resumed) in before.items():
        stats = gateway.stats()["neighbours"]
        assert stats["resumed"] == resumed + 1 and stats["waiting"] == 0, stats
        # A host may ask for its gateway before the data path has the address from the kernel.
        assert set(gateway.drops_since(drops)) <= {"arp_for_others"}


@pytest.mark.one_build("sanitize", "both wait alike")
def test_packets_for_nobody_end_as_drops(sites):
    """What nobody takes in the end is counted, all of it."""
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    b = sites.gateway["b"]
    before = b.drops()
    n = 20
    traffic.send_numbers(sites.host["a"], "10.2.0.77", range(n), rate=100)

    def dropped():
        drops = b.drops_since(before)
        assert set(drops) <= {"neighbour_pending", "neighbour_failed"}, drops
        return sum(drops.values()) == n

    laboratory.wait_for("all of them to be counted", dropped)
    assert b.stats()["neighbours"]["waiting"] == 0
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless


def make_forgetful(gate):
    """A kernel that collects what it thinks unused as soon as it looks."""
    gate.ip("link add fill0 type veth peer name fill1")
    gate.ip("link set dev fill0 up")
    for i in range(FILL):
        gate.ip(f"neigh add 198.18.{i // 250}.{i % 250 + 1} lladdr 02:00:00:00:00:01 nud permanent "
                "dev fill0")
        gate.ip(f"neigh add 2001:db8:f::{i + 1:x} lladdr 02:00:00:00:00:01 nud permanent dev fill0")
    for port in ("vped-lan", "vped-wan"):
        for version in ("ipv4", "ipv6"):
            gate.sysctl(f"net/{version}/neigh/{port}/gc_stale_time", STALE_S)


UNUSED = {4: "203.0.113.9", 6: "2001:db8:dead::9"}  # on no link of ours


@pytest.mark.alone
@pytest.mark.one_build("release", "the kernel takes its time to collect")
def test_one_way_traffic_loses_nothing_to_stale_neighbours(sites, count):
    """The kernel sees no traffic at all, and throws away what it thinks that nobody uses."""
    sites.pair("vpe")
    sites.start()
    gates = [sites.gate["a"], sites.gate["b"]]
    for gate in gates:
        make_forgetful(gate)
    sites.wait_reachable()
    before = {g: g.drops() for g in sites.gateway.values()}

    def collected():
        """Seconds until the kernel has thrown away what nobody uses."""
        started = time.monotonic()
        for gate in gates:
            for address in UNUSED.values():
                gate.ip(f"neigh add {address} lladdr 02:00:00:00:00:09 nud stale dev vped-lan")
        laboratory.wait_for("the kernel to collect what nobody uses",
                            lambda: not any(set(UNUSED.values()) & set(
                                neighbours(gate, "vped-lan")) for gate in gates), 90, 0.5)
        return time.monotonic() - started

    stop = threading.Event()
    sent = {4: 0, 6: 0}

    def send(family, receiver):
        while not stop.is_set():
            first = sent[family]
            traffic.send_numbers(sites.host["a"], B.host[family], range(first, first + 100),
                                 rate=500, receiver=receiver)
            sent[family] += 100

    with traffic.Numbers(sites.host["b"], B.host[4]) as four, \
            traffic.Numbers(sites.host["b"], B.host[6]) as six:
        senders = [threading.Thread(target=send, args=both) for both in ((4, four), (6, six))]
        for sender in senders:
            sender.start()
        try:
            # Twice, for the entries in use to grow old another time. What is lost of the last time
            # shows later: the data path goes by an entry's last link address for a while.
            looks = [collected(), collected()]
            time.sleep(count(GRACE_S + 1, 900))
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        for family, numbers in ((4, four), (6, six)):
            numbers.settle(sent[family])
            assert len(numbers) == sent[family] > 2000
            assert not numbers.twice
    for gateway, drops in before.items():
        assert not gateway.drops_since(drops)
    print(f"sent {sent}, nothing lost; unused neighbours were collected after "
          f"{' and '.join(f'{s:.0f} s' for s in looks)}")


def recovery(sites, targets, change):
    """Seconds from a change until packets arrive again, by target. targets: address -> Numbers."""
    found = {}
    number = 0
    change()
    for numbers in targets.values():
        numbers.seen.clear()
    started = time.monotonic()
    while len(found) < len(targets) and time.monotonic() - started < FOUND_AGAIN_S + 10:
        for address, numbers in targets.items():
            number += 1
            traffic.send_numbers(sites.host["a"], address, [number])
            if address not in found and len(numbers):
                found[address] = time.monotonic() - started
        time.sleep(0.1)
    assert set(found) == set(targets), found
    return found


@pytest.mark.one_build("release", "the kernel takes its time to doubt")
def test_a_host_changes_its_mac_without_a_word(sites):
    """No gratuitous ARP, no advertisement: the gateway finds out by itself."""
    sites.pair("vpe")
    sites.start().wait_reachable()
    host = sites.host["b"]
    with traffic.Numbers(host, B.host[4]) as four, traffic.Numbers(host, B.host[6]) as six:
        found = recovery(sites, {B.host[4]: four, B.host[6]: six},
                         lambda: host.ip(f"link set dev eth0 address {CHANGED_MAC}"))
    print(f"found again after {', '.join(f'{s:.1f} s' for s in found.values())}")
    assert max(found.values()) > 0.5  # they were away
    assert max(found.values()) < FOUND_AGAIN_S


def router_on_the_wan(sites):
    """A next hop that has a link-local address only, with something behind it."""
    router = sites.newcomer("router", [f"{LINK_LOCAL}/64"])
    for address in BEHIND.values():
        router.ip(f"addr add {address} dev lo")
    return router


def wait_for_way(sites, family, numbers):
    """Until the route is seen and its next hop known: before that, packets may be lost."""
    def arrives():
        traffic.send_numbers(sites.host["a"], BEHIND[family], [0])
        time.sleep(0.1)
        return len(numbers)
    laboratory.wait_for("the way to be known", arrives)
    numbers.seen.clear()


@pytest.mark.one_build("sanitize", "the kernel takes its time to doubt")
def test_next_hop_in_link_local_scope(sites):
    """For IPv6, and for IPv4 (RTA_VIA); then it changes its MAC."""
    a = sites.add(A, [], outwards(A))
    router = router_on_the_wan(sites)
    sites.start()
    gate = sites.gate["a"]
    gate.ip(f"-6 route add 2001:db8:9::/48 via {LINK_LOCAL} dev vped-wan")
    gate.ip(f"route add 10.9.0.0/16 via inet6 {LINK_LOCAL} dev vped-wan")
    laboratory.wait_for("the next hop to be managed",
                        lambda: a.stats()["neighbours"]["managed"] == 1)
    laboratory.wait_for("its MAC to be known without any traffic",
                        lambda: "lladdr" in neighbours(gate, "vped-wan").get(LINK_LOCAL, {}))
    n = 200
    with traffic.Numbers(router, BEHIND[4]) as four, traffic.Numbers(router, BEHIND[6]) as six:
        both = {BEHIND[4]: four, BEHIND[6]: six}
        for family, address in BEHIND.items():
            wait_for_way(sites, family, both[address])
        before = a.drops()
        for address, numbers in both.items():
            traffic.send_numbers(sites.host["a"], address, range(n), rate=1000)
            assert numbers.settle(n) == n
        assert not a.drops_since(before)
        found = recovery(sites, both,
                         lambda: router.ip(f"link set dev eth0 address {CHANGED_MAC}"))
    print(f"found again after {', '.join(f'{s:.1f} s' for s in found.values())}")
    assert max(found.values()) < FOUND_AGAIN_S


@pytest.mark.parametrize("family", [4, 6])
def test_configured_neighbour(sites, family):
    """A next hop that answers nobody, known by configuration: to us and to the kernel."""
    mac = "02:00:00:00:00:42"
    address = {4: "192.0.2.42", 6: "2001:db8::42"}[family]
    neighbour = f'{{ port = "wan"; address = "{address}"; mac = "{mac}"; }}'
    a = sites.add(A, [], outwards(A), more=f"neighbours = ( {neighbour} );")
    silent = sites.newcomer("silent", [f"{address}/{two_sites.WAN_BITS[family]}"])
    silent.ip(f"link set dev eth0 address {mac} arp off")
    silent.ip(f"addr add {BEHIND[family]} dev lo")
    sites.start()
    gate = sites.gate["a"]
    gate.ip(f"{'-6' if family == 6 else '-4'} route add {BEHIND[family]} via {address}")
    n = 200
    with traffic.Numbers(silent, BEHIND[family]) as numbers:
        wait_for_way(sites, family, numbers)
        traffic.send_numbers(sites.host["a"], BEHIND[family], range(n), rate=1000)
        assert numbers.settle(n) == n
    known = neighbours(gate, "vped-wan")[address]
    assert known["lladdr"] == mac and known["state"] == ["PERMANENT"]
    assert a.stop() == 0
    assert not gate.has("vped-wan")


def test_both_next_hops_are_managed(sites):
    """The other gateway, over both families; and vpectl says so."""
    a, _ = sites.pair("vpe")
    sites.start()
    laboratory.wait_for("the next hops to be managed",
                        lambda: a.stats()["neighbours"]["managed"] == 2)
    assert a.stats()["neighbours"]["next_hops"] == 2
    assert "next hops 2, managed 2" in a.vpectl("show-stats").stdout
