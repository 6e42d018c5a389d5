"""Fragments: what is too big is split before it is encrypted and arrives whole; tunnel packets that
others fragment are put together; noise of that kind costs nothing."""

import itertools
import pathlib
import random
import secrets
import socket
import struct
import threading
import time

import pytest

import capture
import gateway as gw
import lab as laboratory
import peers
import sites as two_sites
import traffic
from capture import PATTERN
from meeting import Meeting
from sites import A, B

LONGEST = 9000
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
EDGE = (1448, 1428, 1438, 1500, 1472, 1480)  # tunnel MTUs, port MTU and what they leave for UDP
CONTENT = PATTERN * (LONGEST // len(PATTERN) + 2)


def content(size):
    """Of a datagram of this size: not what another one has at the same place."""
    return CONTENT[size % 16:size % 16 + size]


def interesting_sizes():
    """Both sides of each size where a piece more is needed, and some between."""
    sizes = set(range(1, 40)) | set(range(1, LONGEST + 1, 397)) | {LONGEST}
    for edge, n in itertools.product(EDGE, range(1, 7)):
        for headers in (0, 20, 28, 48):
            sizes |= {edge * n - headers * k + d for k in (1, n) for d in (-8, -1, 0, 1, 8)}
    return sorted(s for s in sizes if 1 <= s <= LONGEST)


class Sizes:
    """Receives datagrams; which sizes came with the right content."""

    def __init__(self, namespace, address, port=7100):
        with namespace:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind((address, port))
        self.socket.settimeout(0.2)
        self.good, self.wrong = set(), 0
        self.end = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.end:
            try:
                datagram = self.socket.recv(65536)
            except TimeoutError:
                continue
            if datagram == content(len(datagram)):
                self.good.add(len(datagram))
            else:
                self.wrong += 1

    def __len__(self):
        return len(self.good)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end = True
        self.thread.join()
        self.socket.close()


def send_sizes(namespace, address, sizes, rate, receiver, port=7100):
    """DF is clear, on whole datagrams and on the fragments that the host makes itself."""
    with namespace:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        pace = traffic.Pace(rate, burst=4)
        # Each is up to 14 packets.
        window = traffic.Window(receiver, 40)
        for size in sizes:
            sender.sendto(content(size), (address, port))
            pace.step()
            window.step()
    laboratory.wait_for("all sizes", lambda: len(receiver.good) >= len(sizes), timeout=5)


def all_sizes(sites, sizes, rate=1000):
    """Both ways; each size must come whole."""
    for here, there in ((A, B), (B, A)):
        with Sizes(sites.host[there.letter], there.host[4]) as receiver:
            try:
                send_sizes(sites.host[here.letter], there.host[4], sizes, rate, receiver)
            except laboratory.LabError:
                missing = sorted(set(sizes) - receiver.good)
                lost = [(g.drops(), g.stats()["device_losses"]) for g in sites.gateway.values()]
                raise AssertionError(f"{len(missing)} missing: {missing[:20]}, {lost}") from None
            assert receiver.wrong == 0


def counter(gateway, port, name):
    return next(p[name] for p in gateway.ask("show-ports")["ports"] if p["name"] == port)


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_udp_of_every_size(lab, sites, protocol, outer, count):
    """1 to 9000 octets without DF. Nothing on the wan is a fragment or in clear."""
    sizes = interesting_sizes()
    if outer == 4:
        sizes = count(sizes, range(1, LONGEST + 1))
    sites.pair(protocol, outer)
    sites.start().wait_reachable((4,))
    before = [sites.gateway[x].drops() for x in "ab"]
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "wan", snap=128)
    all_sizes(sites, sizes)
    wire.stop()
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert wire.dropped == 0
    assert found.in_clear == 0, found.samples
    for x, drops in zip("ab", before):
        assert not sites.gateway[x].drops_since(drops)
        assert counter(sites.gateway[x], "lan", "fragmented") > len(sizes) // 2


def test_split_twice(lab):
    """A LAN with jumbo frames here, one with small ones there: split for the tunnel, then again for
    the port."""
    sites = two_sites.Sites(lab, lan_mtu={"a": 3000, "b": 1280})
    sites.host["b"].ip("link set dev eth0 mtu 1280")
    sites.pair("vpe", buffer_octets=3300)
    sites.start().wait_reachable((4,))
    all_sizes(sites, interesting_sizes())
    assert counter(sites.gateway["a"], "lan", "fragmented") > 0
    # Pieces of 1448 octets out of the tunnel do not fit the LAN.
    assert counter(sites.gateway["b"], "wan", "fragmented") > 0


def fragments(packet, size, number):
    """An outer packet as scapy cuts it, with an identification of its own."""
    from scapy.layers import inet, inet6
    if packet[0] >> 4 == 4:
        whole = inet.IP(packet)
        whole.flags, whole.id = 0, number
        del whole.chksum
        return [bytes(f) for f in inet.fragment(whole, size)]
    whole = inet6.IPv6(packet)
    payload = bytes(whole.payload)
    head = inet6.IPv6(src=whole.src, dst=whole.dst, tc=whole.tc)
    named = head / inet6.IPv6ExtHdrFragment(nh=peers.TUNNEL, id=number) / payload
    return [bytes(f) for f in inet6.fragment6(named, size + 48)]


ORDERS = {
    "in order": lambda pieces, rng: pieces,
    "backwards": lambda pieces, rng: pieces[::-1],
    "shuffled": lambda pieces, rng: rng.sample(pieces, len(pieces)),
    "twice": lambda pieces, rng: rng.sample(pieces[:-1] * 2, 2 * len(pieces) - 2) + pieces[-1:],
}


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_outer_fragments(lab, protocol, outer, count):
    """Good tunnel packets of a peer, in pieces of several sizes and in any order."""
    if lab.device != "af_xdp":
        pytest.skip("af_packet reassembles IPv4 itself")
    meeting = Meeting(lab, protocol, outer, "aes-256-gcm")
    rng = random.Random(9)
    rounds = count(5, 100)
    sent = 0
    with traffic.Numbers(meeting.sites.host["a"], A.host[4]) as numbers:
        for size, order, _ in itertools.product((8, 40, 96, 504), ORDERS.values(), range(rounds)):
            packet = meeting.sealer.seal(peers.udp_datagram(
                B.host[4], A.host[4], traffic.numbered(sent, 900)))
            pieces = fragments(packet, size, sent + 1)
            assert len(pieces) > 1
            for piece in order(pieces, rng):
                meeting.wire.send(piece)
            sent += 1
            time.sleep(0.001 * len(pieces) / 4)
        assert numbers.settle(sent) == sent, meeting.gateway.drops()
        assert not numbers.twice
    assert counter(meeting.gateway, "wan", "reassembled") == sent
    drops = meeting.gateway.drops()
    assert not set(drops) & {"reassembly_overlap", "reassembly_timeout", "reassembly_full",
                             "icv_failed", "replay_seen"}, drops


def test_outer_fragments_that_contradict(lab):
    """Overlapping, too long, too late: each ends under its own reason, the good one arrives."""
    if lab.device != "af_xdp":
        pytest.skip("af_packet reassembles IPv4 itself")
    meeting = Meeting(lab, "esp", 4, "aes-256-gcm")
    before = meeting.gateway.drops()
    seal = meeting.sealer.seal

    def pieces_of(number):
        return fragments(seal(peers.udp_datagram(
            B.host[4], A.host[4], traffic.numbered(number, 900))), 480, number)

    with traffic.Numbers(meeting.sites.host["a"], A.host[4]) as numbers:
        overlap = pieces_of(1)
        shifted = bytearray(overlap[1])
        shifted[7] -= 1
        shifted[10:12] = b"\0\0"
        shifted[10:12] = struct.pack("!H", peers.checksum(bytes(shifted[:20])))
        for piece in (overlap[0], bytes(shifted), *overlap):
            meeting.wire.send(piece)
        for piece in pieces_of(2)[:1]:
            meeting.wire.send(piece)
        for piece in fragments(bytes(seal(peers.udp_datagram(
                B.host[4], A.host[4], b"x" * 3000))), 480, 3):
            meeting.wire.send(piece)
        for piece in pieces_of(4):
            meeting.wire.send(piece)
        assert numbers.settle(1) == 1
        assert list(numbers.seen) == [4]
    laboratory.wait_for("the timeout", lambda: "reassembly_timeout" in meeting.gateway.drops(), 10)
    drops = meeting.gateway.drops_since(before)
    assert drops.pop("reassembly_overlap") == 2 + len(overlap)
    assert drops.pop("reassembly_too_long") > 0
    assert drops.pop("reassembly_timeout") == 1
    assert not drops


def resident_kib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Noise:
    """Random fragments that say they are a peer's."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.payload = secrets.token_bytes(4096)

    def _shape(self):
        rng = self.rng
        offset = rng.choice((0, 1, rng.randrange(64), rng.randrange(256), rng.randrange(8192)))
        octets = rng.choice((0, 1, 7, 8 * rng.randrange(64), rng.randrange(600)))
        start = rng.randrange(2048)
        return offset, rng.random() < 0.8, self.payload[start:start + octets]

    def packet(self):
        offset, more, payload = self._shape()
        rng = self.rng
        if rng.random() < 0.5:
            header = struct.pack("!BBHHHBBH4s4s", 0x45, rng.randrange(4), 20 + len(payload),
                                 rng.randrange(rng.choice((50, 65536))), more << 13 | offset, 60,
                                 50, 0, socket.inet_aton(B.wan[4]), socket.inet_aton(A.wan[4]))
            return (header[:10] + struct.pack("!H", peers.checksum(header)) + header[12:]
                    + payload)
        fragment = struct.pack("!BBHI", 50, 0, offset << 3 | more,
                               rng.randrange(rng.choice((50, 1 << 32))))
        return peers.ip_packet_of(B.wan[6], A.wan[6], peers.FRAGMENT, fragment + payload)


@pytest.mark.one_build("sanitize", "memory is what may go wrong")
def test_random_fragments(lab, sites, count):
    """Bounded memory, nothing crashes, and the tunnel carries on."""
    here, there = two_sites.A, two_sites.B
    sas = {outer: (gw.sa("vpe"), gw.sa("esp")) for outer in (4, 6)}
    for site, other, way in ((here, there, 0), (there, here, 1)):
        tunnels = [gw.Tunnel(site.wan[o], other.wan[o], sas[o][way], sas[o][1 - way],
                             name=f"outer{o}") for o in (4, 6)]
        policies = [gw.Policy(site.prefixes[f], other.prefixes[f], "protect", f"outer{f}")
                    for f in (4, 6)]
        sites.add(site, tunnels, policies)
    sites.start().wait_reachable()
    a = sites.gateway["a"]
    wire = peers.Wire(sites.wan, sites.wan_ends["a"][0], a.mac(a.ports[1]))
    noise = Noise(3)
    n = count(20000, 1000000)

    def flood(packets):
        pace = traffic.Pace(40000)
        for _ in range(packets):
            wire.send(noise.packet())
            pace.step()

    def settled():
        """Nothing waits for fragments any more."""
        used = a.stats()["buffers"]["used"]
        time.sleep(0.3)
        return a.stats()["buffers"]["used"] <= used and used

    flood(n // 20)
    time.sleep(1.5)
    memory, used = resident_kib(a.process), settled()
    flood(n)
    time.sleep(1.5)
    # Rings hold now more, now less; what waited has gone.
    after = laboratory.wait_for("buffers to come back", settled)
    assert after <= used + 64, (used, after)
    if not gw.sanitized():
        assert resident_kib(a.process) <= memory + 4096
    drops = a.drops()
    # In a flood the oldest make way long before their time; only the last run out of it.
    assert drops["reassembly_timeout"] > 0
    for reason in ("overlap", "malformed", "too_long", "full"):
        assert drops.get(f"reassembly_{reason}", 0) > n // 1000, drops
    for family in (4, 6):
        assert traffic.ping(sites.host["a"], B.host[family], 20).lossless
    wire.close()
