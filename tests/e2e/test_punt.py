"""A flood of one kind of traffic for the gateway leaves the other kinds and the tunnels alone."""

import json
import threading

import pytest

import peers
import traffic
from gateway import Policy
from sites import A, B, WAN_BITS, protect

FLOODER, FRIEND = 66, 77
RATE = 200  # of the tunnel's packets


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


CLASSES = {"arp": "neighbour", "nd": "neighbour", "ike": "ike", "routing": "routing",
           "icmp": "icmp", "other": "other"}


class Stream:
    """Numbers through the tunnel at a steady rate while something else goes on."""

    def __init__(self, sites, seconds):
        self.count = int(seconds * RATE)
        self.numbers = traffic.Numbers(sites.host["b"], B.host[4])
        self.thread = threading.Thread(target=traffic.send_numbers, args=(
            sites.host["a"], B.host[4], range(self.count)), kwargs={"rate": RATE})
        self.thread.start()

    def lost(self):
        self.thread.join()
        with self.numbers:
            return self.count - self.numbers.settle(self.count)


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
    stream = Stream(sites, seconds)
    answers = []
    with traffic.Echo(sites.gate["a"], A.wan[4], 500):
        while tool.running():
            answers.append((
                peers.answers_when_asked(friend, bytes(asking["arp"]),
                                         lambda f: peers.is_arp_answer(f, A.wan[4])),
                peers.answers_when_asked(friend, bytes(asking["nd"]),
                                         lambda f: peers.is_nd_answer(f, A.wan[6])),
                traffic.echoes(friend, f"192.0.2.{FRIEND}", A.wan[4], 500)))
    sent = json.loads(tool.said().splitlines()[-1])
    assert stream.lost() == 0, a.drops_since(drops)
    assert answers and not [answer for answer in answers if not all(answer)]
    after = a.stats()
    refused = {c: after["punts_refused"][c] - before["punts_refused"][c] for c in after["punts"]}
    assert refused[CLASSES[kind]] > 0
    assert not [c for c, n in refused.items() if n and c != CLASSES[kind]]
    print(f"{kind}: {sent['sent'] / sent['seconds']:,.0f} frames a second, "
          f"{refused[CLASSES[kind]]:,} refused, {len(answers)} rounds of ARP, ND and IKE answered, "
          f"{stream.count} packets through the tunnel, 0 lost")
