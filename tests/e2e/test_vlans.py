"""802.1Q: several ports on one wire, the trunk, each with a VLAN of its own."""

import socket
import struct

import pytest

import sites as two_sites
import traffic
from capture import PATTERN, Capture, frames
from gateway import Port
from lab import wait_for
from sites import A, B

TAG_TYPE = 0x8100
LAN, WAN, NOBODYS = 100, 200, 300
EXPEDITED = 46  # DSCP
OCTETS = 1 << 20


class TrunkSites(two_sites.Sites):
    """Site a's gateway has one wire, to a switch. lan: its LAN's VLAN there, 0: no tag."""

    def __init__(self, lab, lan):
        super().__init__(lab)
        self.lan = lan
        self.switch = self.gate["a"]
        self.gate["a"] = lab.namespace("gw-a-trunk")
        lab.wire(self.switch, "trunk", self.gate["a"], "trunk0")
        for end in ("trunk", "lan0", "wan0"):
            self.switch.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 1)
        lab.tool(self.switch, "vlan_switch.py", "--trunk", "trunk", "--access", f"lan0:{lan}",
                 "--access", f"wan0:{WAN}")

    def ports(self, site):
        if site is not A:
            return super().ports(site)
        wan = Port("wan", "unprotected", [], site.wan_addresses, parent="trunk", vlan=WAN,
                   more='vlan_priority = "dscp";')
        if self.lan == 0:
            # What has no tag is the trunk's own.
            trunk = Port("trunk", "protected", ["trunk0"], site.lan_addresses)
            return [trunk, wan]
        trunk = Port("trunk", "protected", ["trunk0"], [])
        lan = Port("lan", "protected", [], site.lan_addresses, parent="trunk", vlan=LAN)
        return [trunk, wan, lan]


def tagged(frame):
    """(VLAN, priority) of a captured frame; None without a tag."""
    kind, tag = struct.unpack_from("!HH", frame, 12)
    return (tag & 0xfff, tag >> 13) if kind == TAG_TYPE else None


def send(namespace, interface, frame):
    with namespace:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with link:
        link.bind((interface, 0))
        link.send(frame)


def ports(gateway):
    return {port["name"]: port for port in gateway.ask("show-ports")["ports"]}


def drops(gateway, port, reason):
    found = {row["reason"]: row["packets"] for row in ports(gateway)[port]["drops"]}
    return found.get(reason, 0)


@pytest.mark.parametrize("lan", [LAN, 0])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_one_wire(lab, protocol, lan):
    """Both sides of the gateway on one wire: nothing protected has the wan's tag, and no more."""
    sites = TrunkSites(lab, lan)
    a, b = sites.pair(protocol)
    sites.start().wait_reachable()
    on_trunk = Capture(lab, sites.switch, "trunk", "trunk")
    on_wan = Capture(lab, sites.wan, "a0", "wan")
    for family in (4, 6):
        assert traffic.ping(sites.host["a"], B.host[family], 20).lossless
        assert traffic.ping(sites.host["b"], A.host[family], 20, size=1372).lossless
        assert traffic.ping(sites.host["a"], B.host[family], 5,
                            more=("-Q", str(EXPEDITED << 2))).lossless
    traffic.iperf(lab, sites.host["a"], sites.host["b"], B.host[4], OCTETS)
    two_sites.nothing_in_clear(on_wan)
    on_trunk.stop()
    ours = bytes.fromhex(a.mac(a.ports[0]).replace(":", ""))
    vlans, priorities = set(), set()
    for _, frame in frames(on_trunk.path):
        tag = tagged(frame)
        vlans.add(tag and tag[0])
        if PATTERN in frame:
            assert tag == (None if lan == 0 else (LAN, 0))
        if tag and tag[0] == WAN and frame[6:12] == ours:
            priorities.add(tag[1])
    # The kernel looks for neighbours on the trunk's own host interface too, without a tag.
    assert vlans - {None} == {WAN, lan} - {0}
    assert {0, EXPEDITED >> 3} <= priorities
    shown = ports(a)
    assert (shown["wan"]["parent"], shown["wan"]["vlan"]) == ("trunk", WAN)
    assert shown["wan"]["rx_packets"] > 0 and shown["wan"]["tx_packets"] > 0
    assert f"those of trunk, VLAN {WAN}" in a.vpectl("show-ports").stdout
    assert a.stop() == 0 and b.stop() == 0


def test_what_does_not_belong(lab):
    """VLANs of nobody's, tags behind tags, and tags of the kernel's own."""
    sites = TrunkSites(lab, LAN)
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    here = bytes.fromhex(a.mac(a.ports[0]).replace(":", ""))
    there = bytes.fromhex("020000000001")

    def frame(*tags, to=here):
        text = b"".join(struct.pack("!HH", TAG_TYPE, tag) for tag in tags)
        return to + there + text + struct.pack("!H", 0x0800) + b"\x45" + bytes(63)

    before = drops(a, "trunk", "vlan_unknown")
    for _ in range(5):
        send(sites.switch, "trunk", frame(NOBODYS))
    wait_for("the frames", lambda: drops(a, "trunk", "vlan_unknown") == before + 5)
    before = drops(a, "lan", "eth_type")
    send(sites.switch, "trunk", frame(LAN, WAN))
    wait_for("the frame with two tags", lambda: drops(a, "lan", "eth_type") == before + 1)
    # A priority tag is none: the trunk's own, and this one is broken.
    before = drops(a, "trunk", "ip_checksum") + drops(a, "trunk", "ip_header")
    send(sites.switch, "trunk", frame(5 << 13))
    wait_for("the frame with a priority", lambda: drops(a, "trunk", "ip_checksum")
             + drops(a, "trunk", "ip_header") == before + 1)
    # By a tag of its own the kernel would get from the protected side to the wire.
    before = drops(a, "trunk", "eth_type")
    on_trunk = Capture(lab, sites.switch, "trunk", "trunk")
    send(sites.gate["a"], "vped-trunk", frame(WAN, to=there))
    wait_for("the kernel's frame", lambda: drops(a, "trunk", "eth_type") == before + 1)
    on_trunk.stop()
    assert not any(found[:6] == there for _, found in frames(on_trunk.path))
    assert traffic.ping(sites.host["a"], B.host[4], 10).lossless
