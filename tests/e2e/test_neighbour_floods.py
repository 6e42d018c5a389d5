"""Stations that do not exist fill the kernel's table of neighbours, and no more."""

import time

import pytest

import peers
import traffic
from sites import A, B

pytestmark = pytest.mark.alone

# Where the stations say they are: the gateway's link, and one of them.
WIDE = {4: "11.0.0.1/8", 6: "2001:db8:0:7::1/64"}
MADE_UP = {4: "11.1.1.1", 6: "2001:db8:0:7::5"}
# Octets of the frame that differ: the station's MAC address, and where it says it is.
VARIED = {4: (8, 29), 6: (8, 34)}
FEW = 100  # one in so many
MANY = 500  # of 1024, which Linux has room for (gc_thresh3)
BELIEVED_MS = 4000  # for half of it to half as long again the kernel believes a neighbour


def question(flooder, family, here):
    mac = flooder.mac("eth0")
    if family == 4:
        return bytes(peers.arp_question(mac, here, MADE_UP[4], A.wan[4]))
    return bytes(peers.nd_question(mac, here, MADE_UP[6], A.wan[6]))


def known(gate, family):
    return gate.ip(f"-{family} neigh show dev vped-wan").splitlines()


def remember_hosts(sites, family):
    """All namespaces share one table: else the hosts' entries are what the flood drives out."""
    for name, site in (("a", A), ("b", B)):
        host, gate, gateway = sites.host[name], sites.gate[name], sites.gateway[name]
        host.ip(f"-{family} neigh replace {site.router[family]} dev eth0 nud permanent "
                f"lladdr {gateway.mac(gateway.ports[0])}")
        gate.ip(f"-{family} neigh replace {site.host[family]} dev vped-lan nud permanent "
                f"lladdr {host.mac('eth0')}")


@pytest.mark.parametrize("family", [4, 6])
def test_next_hops_outlive_a_flood(lab, sites, family, count):
    """Longer than the kernel believes a neighbour."""
    sites.pair("vpe", family)
    sites.start().wait_reachable()
    a, gate = sites.gateway["a"], sites.gate["a"]
    flooder = sites.newcomer("flooder")
    gate.ip(f"addr add {WIDE[family]} dev vped-wan" + (" nodad" if family == 6 else ""))
    remember_hosts(sites, family)
    gate.sysctl(f"net/ipv{family}/neigh/vped-wan/base_reachable_time_ms", BELIEVED_MS)
    seconds = count(12, 60)
    drops, before = a.drops(), a.stats()["punts_refused"]
    stream = traffic.Stream(sites.host["a"], sites.host["b"], B.host[family], seconds)
    tool = lab.tool(flooder, "flood.py", "--interface", "eth0", "--frame",
                    question(flooder, family, a.mac(a.ports[1])).hex(),
                    "--seconds", seconds, "--vary", *VARIED[family])
    most = 0
    while tool.running():
        most = max(most, len(known(gate, family)))
        time.sleep(1)
    # The flood may fill a receive ring for a moment.
    assert stream.lost() <= stream.count // FEW, a.drops_since(drops)
    assert "neighbour_pending" not in a.drops_since(drops)
    after = a.stats()["punts_refused"]
    assert after["newcomer"] - before["newcomer"] > 1000
    assert after["neighbour"] == before["neighbour"]
    assert most > MANY
    next_hop, = (line for line in known(gate, family) if line.startswith(f"{B.wan[family]} "))
    assert "managed" in next_hop and "extern_learn" in next_hop
    print(f"{most} neighbours at most, {after['newcomer'] - before['newcomer']:,} messages "
          f"refused, {stream.lost()} of {stream.count} packets lost")
