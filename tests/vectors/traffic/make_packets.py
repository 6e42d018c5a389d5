#!/usr/bin/python3
"""Makes packets.json: what vpegen and vpereflect must send, written by scapy.

    /usr/bin/python3 make_packets.py >packets.json
"""

import json
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

OURS, THEIRS = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
ALL = "ff:ff:ff:ff:ff:ff"


def stamp(tag, flow, number, time):
    return struct.pack("!HI", tag, flow) + struct.pack("!Q", number)[2:] + \
        struct.pack("!Q", time)[2:]


def frame(packet):
    return bytes(packet).hex()


# name, plan, flow's index, number, time, octets of the frame; then what scapy needs to know.
FLOWS = [
    ("the smallest", 4, {}, 0, 0, 0, 60),
    ("DSCP, port, numbers", 4, {"dscp": 46, "destination_port": 4789}, 0, 0x123456789abc,
     0xfedcba987654, 64),
    ("the largest number and time", 4, {"tag": 0xffff}, 0, 2**48 - 1, 2**48 - 1, 590),
    ("odd", 4, {}, 3, 77, 99, 1421),
    ("addresses and ports of flow 13", 4, {"sources": 3, "destinations": 2}, 13, 1, 2, 1514),
    ("addresses carry over", 4, {"source": "10.1.0.255", "sources": 300}, 299, 1, 2, 100),
    ("jumbo", 4, {}, 0, 5, 6, 9014),
    ("the smallest", 6, {}, 0, 0, 0, 80),
    ("DSCP, odd", 6, {"dscp": 10, "sources": 2}, 70000, 2**40 + 1, 2**47 + 3, 1421),
    ("addresses and ports of flow 13", 6, {"sources": 3, "destinations": 2}, 13, 1, 2, 1514),
]


def plan_of(family, changes):
    plan = {"source": "10.1.0.2" if family == 4 else "fd00:1::2", "sources": 1,
            "destination": "10.2.0.2" if family == 4 else "fd00:2::2", "destinations": 1,
            "destination_port": 9, "dscp": 0, "tag": 0xbeef}
    plan.update(changes)
    return plan


def address(first, n):
    if ":" in first:
        head, last = first.rsplit(":", 1)
        return f"{head}:{int(last, 16) + n:x}"
    value = struct.unpack("!I", bytes(map(int, first.split("."))))[0] + n
    return ".".join(map(str, struct.pack("!I", value)))


def flow(name, family, changes, index, number, time, octets):
    plan = plan_of(family, changes)
    source = address(plan["source"], index % plan["sources"])
    destination = address(plan["destination"], index // plan["sources"] % plan["destinations"])
    port = 1024 + index // (plan["sources"] * plan["destinations"])
    if family == 4:
        ip = IP(src=source, dst=destination, ttl=64, id=0, flags="DF", tos=plan["dscp"] << 2)
    else:
        ip = IPv6(src=source, dst=destination, hlim=64, tc=plan["dscp"] << 2, fl=index + 1)
    headers = 42 if family == 4 else 62
    payload = stamp(plan["tag"], index, number, time)
    payload += bytes(octets - headers - len(payload))
    return {"name": f"IPv{family}: {name}", **plan, "source_mac": OURS,
            "destination_mac": THEIRS, "flow": index, "number": number, "time": time,
            "frame": frame(Ether(src=OURS, dst=THEIRS) / ip /
                           UDP(sport=port, dport=plan["destination_port"]) / Raw(payload))}


def asked(name, ask, answer=None, learn=None):
    """What the station 10.1.0.2..5, fd00:1::2..5 hears, what it says, and whose MAC it learns."""
    return {"name": name, "heard": frame(ask), "answer": frame(answer) if answer else "",
            "learned": learn or ""}


def stations():
    who = ARP(op=1, hwsrc=THEIRS, psrc="10.1.0.1", hwdst="00:00:00:00:00:00", pdst="10.1.0.5")
    yield asked("ARP request", Ether(src=THEIRS, dst=ALL) / who,
                Ether(src=OURS, dst=THEIRS) /
                ARP(op=2, hwsrc=OURS, psrc="10.1.0.5", hwdst=THEIRS, pdst="10.1.0.1"))
    yield asked("ARP request with padding", Ether(src=THEIRS, dst=ALL) / who / Raw(bytes(18)),
                Ether(src=OURS, dst=THEIRS) /
                ARP(op=2, hwsrc=OURS, psrc="10.1.0.5", hwdst=THEIRS, pdst="10.1.0.1"))
    for other in ("10.1.0.1", "10.1.0.6", "10.2.0.2"):
        yield asked(f"ARP request for {other}", Ether(src=THEIRS, dst=ALL) /
                    ARP(op=1, hwsrc=THEIRS, psrc="10.1.0.1", pdst=other))
    yield asked("ARP reply of the gateway", Ether(src=THEIRS, dst=OURS) /
                ARP(op=2, hwsrc=THEIRS, psrc="10.1.0.1", hwdst=OURS, pdst="10.1.0.2"),
                learn=THEIRS)
    yield asked("ARP reply of somebody else", Ether(src=THEIRS, dst=OURS) /
                ARP(op=2, hwsrc=THEIRS, psrc="10.1.0.77", hwdst=OURS, pdst="10.1.0.2"))
    group, group_mac = "ff02::1:ff00:5", "33:33:ff:00:00:05"
    link = ICMPv6NDOptSrcLLAddr(lladdr=THEIRS)
    seen = ICMPv6ND_NA(tgt="fd00:1::5", R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=OURS)
    for name, ask in (("multicast", Ether(src=THEIRS, dst=group_mac) /
                       IPv6(src="fd00:1::1", dst=group, hlim=255)),
                      ("unicast", Ether(src=THEIRS, dst=OURS) /
                       IPv6(src="fd00:1::1", dst="fd00:1::5", hlim=255))):
        yield asked(f"solicitation, {name}", ask / ICMPv6ND_NS(tgt="fd00:1::5") / link,
                    Ether(src=OURS, dst=THEIRS) /
                    IPv6(src="fd00:1::5", dst="fd00:1::1", hlim=255) / seen)
    yield asked("solicitation without options", Ether(src=THEIRS, dst=OURS) /
                IPv6(src="fd00:1::1", dst="fd00:1::5", hlim=255) / ICMPv6ND_NS(tgt="fd00:1::5"),
                Ether(src=OURS, dst=THEIRS) /
                IPv6(src="fd00:1::5", dst="fd00:1::1", hlim=255) / seen)
    asks = Ether(src=THEIRS, dst=group_mac)
    yield asked("solicitation from beyond the link", asks /
                IPv6(src="fd00:1::1", dst=group, hlim=254) / ICMPv6ND_NS(tgt="fd00:1::5") / link)
    yield asked("solicitation, wrong checksum", asks /
                IPv6(src="fd00:1::1", dst=group, hlim=255) /
                ICMPv6ND_NS(tgt="fd00:1::5", cksum=1) / link)
    yield asked("is the address free?", asks / IPv6(src="::", dst=group, hlim=255) /
                ICMPv6ND_NS(tgt="fd00:1::5"))
    yield asked("solicitation for somebody else", asks /
                IPv6(src="fd00:1::1", dst=group, hlim=255) / ICMPv6ND_NS(tgt="fd00:1::6") / link)
    says = Ether(src=THEIRS, dst=OURS) / IPv6(src="fd00:1::1", dst="fd00:1::2", hlim=255)
    yield asked("advertisement of the gateway", says / ICMPv6ND_NA(tgt="fd00:1::1", R=1, S=1, O=1) /
                ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:0c"), learn="02:00:00:00:00:0c")
    yield asked("advertisement without options", says /
                ICMPv6ND_NA(tgt="fd00:1::1", R=1, S=1, O=1), learn=THEIRS)
    yield asked("advertisement of somebody else", says /
                ICMPv6ND_NA(tgt="fd00:1::77", R=1, S=1, O=1) /
                ICMPv6NDOptDstLLAddr(lladdr=THEIRS))
    yield asked("a ping", says / ICMPv6EchoRequest(data=b"hello"))
    yield asked("UDP", Ether(src=THEIRS, dst=OURS) / IP(src="10.1.0.1", dst="10.1.0.2") /
                UDP(sport=1, dport=2) / Raw(bytes(20)))


def questions():
    ether = Ether(src=OURS, dst=ALL)
    yield {"own": "10.1.0.2", "wanted": "10.1.0.1", "frame": frame(
        ether / ARP(op=1, hwsrc=OURS, psrc="10.1.0.2", hwdst="00:00:00:00:00:00",
                    pdst="10.1.0.1"))}
    yield {"own": "fd00:1::2", "wanted": "fd00:1::12:3456", "frame": frame(
        Ether(src=OURS, dst="33:33:ff:12:34:56") /
        IPv6(src="fd00:1::2", dst="ff02::1:ff12:3456", hlim=255) /
        ICMPv6ND_NS(tgt="fd00:1::12:3456") / ICMPv6NDOptSrcLLAddr(lladdr=OURS))}


def turned(name, there, back=None):
    """A frame as it reaches the reflector OURS, and as it leaves."""
    return {"name": name, "frame": frame(there), "turned": frame(back) if back else ""}


def swaps():
    to, fro = Ether(src=THEIRS, dst=OURS), Ether(src=OURS, dst=THEIRS)
    four, back4 = IP(src="10.1.0.2", dst="10.2.0.2", ttl=7), IP(src="10.2.0.2", dst="10.1.0.2",
                                                              ttl=7)
    six, back6 = IPv6(src="fd00:1::2", dst="fd00:2::2", hlim=7), IPv6(src="fd00:2::2",
                                                                    dst="fd00:1::2", hlim=7)
    data = Raw(bytes(range(40)))
    for name, ip, pi in (("IPv4", four, back4), ("IPv6", six, back6)):
        yield turned(f"{name}, UDP", to / ip / UDP(sport=1111, dport=2222) / data,
                     fro / pi / UDP(sport=2222, dport=1111) / data)
        yield turned(f"{name}, TCP keeps its ports", to / ip / TCP(sport=1111, dport=2222) / data,
                     fro / pi / TCP(sport=1111, dport=2222) / data)
        yield turned(f"{name}, to another station", Ether(src=THEIRS, dst=THEIRS) / ip /
                     UDP(sport=1111, dport=2222) / data)
        yield turned(f"{name}, to everybody", Ether(src=THEIRS, dst=ALL) / ip /
                     UDP(sport=1111, dport=2222) / data)
    options = [IPOption(b"\x01\x01\x01\x00")]
    yield turned("IPv4 with options",
                 to / IP(src="10.1.0.2", dst="10.2.0.2", options=options) /
                 UDP(sport=1111, dport=2222) / data,
                 fro / IP(src="10.2.0.2", dst="10.1.0.2", options=options) /
                 UDP(sport=2222, dport=1111) / data)
    for name, offset, flags in (("first", 0, "MF"), ("later", 8, 0)):
        there = IP(src="10.1.0.2", dst="10.2.0.2", frag=offset, flags=flags, proto=17)
        back = IP(src="10.2.0.2", dst="10.1.0.2", frag=offset, flags=flags, proto=17)
        port = (struct.pack("!HH", 1111, 2222), struct.pack("!HH", 2222, 1111))
        rest = bytes(range(20))
        yield turned(f"IPv4, {name} fragment", to / there / Raw(port[0] + rest),
                     fro / back / Raw(port[0 if offset else 1] + rest))
    yield turned("ping", to / four / ICMP() / data)
    yield turned("ping6", to / six / ICMPv6EchoRequest(data=b"hello"))
    yield turned("IPv4 from a group", to / IP(src="224.0.0.5", dst="10.2.0.2") /
                 UDP(sport=1, dport=2))
    yield turned("IPv6 from a group", to / IPv6(src="ff02::5", dst="fd00:2::2") /
                 UDP(sport=1, dport=2))
    yield turned("ARP", to / ARP(op=2, hwsrc=THEIRS, psrc="10.1.0.1", hwdst=OURS,
                                 pdst="10.1.0.2"))


def main():
    print(json.dumps({
        "source": "Made by make_packets.py beside this file with scapy.",
        "flows": [flow(*f) for f in FLOWS],
        "stations": list(stations()),
        "questions": list(questions()),
        "swaps": list(swaps()),
    }, indent=1))


if __name__ == "__main__":
    main()
