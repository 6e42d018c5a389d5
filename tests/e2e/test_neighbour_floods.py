"""Stations that do not exist fill the kernel's table of neighbours, and no more."""

import time

import pytest

import lab as laboratory
import peers
import traffic
from gateway import Policy
from sites import A, B, WAN_BITS, protect

FRIEND = {4: "192.0.2.77", 6: "2001:db8::77"}
# Where the stations say they are: the gateway's link, and one of them.
WIDE = {4: "11.0.0.1/8", 6: "2001:db8:0:7::1/64"}
MADE_UP = {4: "11.1.1.1", 6: "2001:db8:0:7::5"}
# Octets of the frame that differ: the station's MAC address, and where it says it is.
VARIED = {4: (8, 29), 6: (8, 34)}
FEW = 100  # one in so many
MANY = 500  # of 1024, which Linux has room for (gc_thresh3)


def and_to_the_wan(here, there):
    return protect(here, there) + [Policy(here.prefixes[4], "192.0.2.0/24", "bypass"),
                                   Policy(here.prefixes[6], "2001:db8::/64", "bypass")]


def question(flooder, family, here):
    mac = flooder.mac("eth0")
    if family == 4:
        return bytes(peers.arp_question(mac, here, MADE_UP[4], A.wan[4]))
    return bytes(peers.nd_question(mac, here, MADE_UP[6], A.wan[6]))


def known(gate, family):
    return gate.ip(f"-{family} neigh show dev vped-wan").splitlines()


@pytest.mark.parametrize("family", [4, 6])
def test_known_neighbours_outlive_a_flood(lab, sites, family, count):
    """Longer than the kernel believes a neighbour: the other gateway, which is a next hop, and a
    host on the link, which is none."""
    sites.pair("vpe", family, policies=and_to_the_wan)
    sites.start().wait_reachable()
    a, gate = sites.gateway["a"], sites.gate["a"]
    flooder = sites.newcomer("flooder")
    friend = sites.newcomer("friend", [f"{FRIEND[f]}/{WAN_BITS[f]}" for f in (4, 6)])
    gate.ip(f"addr add {WIDE[family]} dev vped-wan" + (" nodad" if family == 6 else ""))
    with traffic.Numbers(friend, FRIEND[family]) as numbers:
        def arrived():
            traffic.send_numbers(sites.host["a"], FRIEND[family], [1])
            return len(numbers)
        laboratory.wait_for("the friend to be known", arrived)
    seconds = count(25, 60)
    drops, before = a.drops(), a.stats()["punts_refused"]
    streams = [traffic.Stream(sites.host["a"], sites.host["b"], B.host[family], seconds),
               traffic.Stream(sites.host["a"], friend, FRIEND[family], seconds)]
    tool = lab.tool(flooder, "flood.py", "--interface", "eth0", "--frame",
                    question(flooder, family, a.mac(a.ports[1])).hex(),
                    "--seconds", seconds, "--vary", *VARIED[family])
    most = 0
    while tool.running():
        most = max(most, len(known(gate, family)))
        time.sleep(1)
    to_next_hop, to_friend = [stream.lost() for stream in streams]
    assert to_next_hop == 0, a.drops_since(drops)
    # The kernel may give up its entry for want of room, and asks anew.
    assert to_friend <= streams[1].count // FEW, a.drops_since(drops)
    after = a.stats()["punts_refused"]
    assert after["newcomer"] - before["newcomer"] > 1000
    assert after["neighbour"] == before["neighbour"]
    assert most > MANY
    next_hop, = (line for line in known(gate, family) if line.startswith(f"{B.wan[family]} "))
    assert "managed" in next_hop and "extern_learn" in next_hop
    print(f"{most} neighbours at most, {after['newcomer'] - before['newcomer']:,} messages refused, "
          f"{sum(stream.count for stream in streams)} packets, {to_friend} lost to the host on the link")
