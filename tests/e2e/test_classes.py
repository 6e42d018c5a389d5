"""What of a packet's class the outer header shows, and what comes back: ECN as RFC 6040 has it,
DSCP, hop limit; TCP's segment size."""

import socket
import struct
import time

import pytest

import gateway as gw
import lab as laboratory
import peers
import sites as two_sites
import traffic
from meeting import Meeting
from sites import A, B

NOT_ECT, ECT1, ECT0, CE = range(4)
DROP = None
# RFC 6040 figure 4, by inner and outer field as they arrive.
DECAP = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: DROP},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}
DSCP_EF, DSCP_AF41 = 46, 34


def class_of(packet):
    if packet[0] >> 4 == 4:
        return packet[1]
    return int.from_bytes(packet[:2], "big") >> 4 & 0xff


def with_ecn(packet, ecn):
    """The outer header's field as a router on the way would have changed it."""
    changed = bytearray(packet)
    if changed[0] >> 4 == 6:
        changed[1] = changed[1] & ~0x30 | ecn << 4
        return bytes(changed)
    changed[1] = changed[1] & ~3 | ecn
    changed[10:12] = b"\0\0"
    changed[10:12] = struct.pack("!H", peers.checksum(bytes(changed[:20])))
    return bytes(changed)


class Sniffer:
    """The IP packets that come to a host, as they are on its wire."""

    def __init__(self, namespace, interface="eth0"):
        with namespace:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                        socket.htons(peers.ETH_P_ALL))
        self.socket.bind((interface, peers.ETH_P_ALL))

    def packets(self, wanted, count=1, timeout=5.0):
        """Up to count packets that are wanted."""
        found = []
        end = time.monotonic() + timeout
        while len(found) < count and time.monotonic() < end:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                packet = peers.ip_packet(self.socket.recv(65536))
            except TimeoutError:
                break
            if packet and wanted(packet):
                found.append(packet)
        return found

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_numbered(packet):
    return peers.protocol_of(packet) == peers.UDP and traffic.NUMBER_MAGIC in packet


@pytest.mark.parametrize("protocol", ["esp", "vpe"])
@pytest.mark.parametrize("outer", [4, 6])
def test_ecn_of_what_comes_in(lab, protocol, outer):
    """All 16 combinations, both inner families; the DSCP stays the inner one."""
    meeting = Meeting(lab, protocol, outer, "aes-256-gcm")
    host = meeting.sites.host["a"]
    for family in (4, 6):
        for inner, row in DECAP.items():
            for ecn, expected in row.items():
                before = meeting.gateway.drops()
                with Sniffer(host) as sniffer:
                    sealed = meeting.sealer.seal(meeting.datagram(
                        family, ecn, traffic_class=DSCP_EF << 2 | inner))
                    meeting.wire.send(with_ecn(sealed, ecn))
                    if expected is DROP:
                        laboratory.wait_for("the drop", lambda b=before: meeting.gateway
                                            .drops_since(b) == {"ecn_not_ect_ce": 1})
                        continue
                    packet, = sniffer.packets(is_numbered)
                assert class_of(packet) == DSCP_EF << 2 | expected, (inner, ecn)
                if family == 4:
                    assert peers.checksum(packet[:20]) == 0


def send_with_class(host, family, traffic_class):
    with host:
        sender = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6,
                               socket.SOCK_DGRAM)
    with sender:
        if family == 4:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, traffic_class)
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, traffic_class)
        sender.sendto(traffic.numbered(traffic_class), (B.host[family], 7000))


# The settings, the outer DSCP by the inner, the outer ECN by the inner, the outer hop limit.
CLASSES = [
    ("", lambda d: d, lambda e: e, 64),
    ('dscp = "copy"; ecn = "compat"; hop_limit = 255;', lambda d: d, lambda e: NOT_ECT, 255),
    ("dscp = 0; hop_limit = 1;", lambda d: 0, lambda e: e, 1),
    ('dscp = 63; ecn = "compat";', lambda d: 63, lambda e: NOT_ECT, 64),
    ("dscp_map = ( { inner = 46; outer = 34; }, { inner = 0; outer = 8; } );",
     lambda d: {DSCP_EF: DSCP_AF41, 0: 8}.get(d, d), lambda e: e, 64),
    ("dscp = 0; dscp_map = ( { inner = 46; outer = 46; } );",
     lambda d: d if d == DSCP_EF else 0, lambda e: e, 64),
]


@pytest.mark.parametrize("settings,dscp,ecn,hop_limit", CLASSES,
                         ids=["default", "compat", "zero", "fixed", "map", "exception"])
@pytest.mark.parametrize("protocol,outer", [("esp", 4), ("esp", 6), ("vpe", 4), ("vpe", 6)])
def test_class_of_what_goes_out(lab, protocol, outer, settings, dscp, ecn, hop_limit):
    """The outer header says what is configured, the inner one what the host wrote."""
    meeting = Meeting(lab, protocol, outer, "aes-256-gcm", settings=settings)
    for family in (4, 6):
        for inner_dscp in (0, 1, 10, DSCP_AF41, DSCP_EF, 63):
            for inner_ecn in range(4):
                inner_class = inner_dscp << 2 | inner_ecn
                send_with_class(meeting.sites.host["a"], family, inner_class)
                packet, = meeting.wire.tunnel_packets(1)
                assert class_of(packet) == dscp(inner_dscp) << 2 | ecn(inner_ecn)
                assert peers.ttl_of(packet) == hop_limit
                if outer == 4:
                    assert peers.checksum(packet[:20]) == 0
                inner = meeting.opener.open(packet)
                assert class_of(inner) == inner_class
                assert peers.ttl_of(inner) == 63


def segment_size(packet):
    """What a SYN tells, None for other packets."""
    if peers.protocol_of(packet) != socket.IPPROTO_TCP:
        return None
    at = 20 if packet[0] >> 4 == 4 else 40
    if not packet[at + 13] & 2:
        return None
    options = packet[at + 20:at + (packet[at + 12] >> 4) * 4]
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[0] == 2:
            return int.from_bytes(options[2:4], "big")
        options = options[options[1]:]
    return None


def connect(sites, family, port):
    """Opens a connection from a to b, carries something over it, and gives the SYN's size as b sees
    it, and the SYN-ACK's as a does."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with sites.host["b"]:
        listener = socket.socket(kind, socket.SOCK_STREAM)
    with sites.host["a"]:
        client = socket.socket(kind, socket.SOCK_STREAM)
    sniffers = Sniffer(sites.host["b"]), Sniffer(sites.host["a"])
    with listener, client, sniffers[0], sniffers[1]:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((B.host[family], port))
        listener.listen()
        client.settimeout(10)
        listener.settimeout(10)
        client.connect((B.host[family], port))
        server, _ = listener.accept()
        with server:
            server.settimeout(10)
            client.sendall(b"x" * 100000)
            received = 0
            while received < 100000:
                received += len(server.recv(65536))
            source = {4: lambda p: p[12:16], 6: lambda p: p[8:24]}[family]
            near = socket.inet_pton(kind, A.host[family])
            far = socket.inet_pton(kind, B.host[family])
            syn, = sniffers[0].packets(lambda p: source(p) == near and segment_size(p))
            answer, = sniffers[1].packets(lambda p: source(p) == far and segment_size(p))
        return segment_size(syn), segment_size(answer)


# Port MTU 1500 less the outer header, less the protocol's.
TUNNEL_MTU = {("vpe", 4): 1448, ("vpe", 6): 1428, ("esp", 4): 1446, ("esp", 6): 1426}
HEADERS = {4: 40, 6: 60}


@pytest.mark.parametrize("protocol,outer", TUNNEL_MTU)
def test_segment_size(sites, protocol, outer):
    """By default the tunnel's, on the far side of it, in both directions; the checksum is right,
    since the host takes it."""
    sites.pair(protocol, outer)
    sites.start().wait_reachable()
    for family in (4, 6):
        most = TUNNEL_MTU[protocol, outer] - HEADERS[family]
        assert connect(sites, family, 7200 + family) == (most, most)


@pytest.mark.parametrize("setting,expected", [('"off"', {4: 1460, 6: 1440}),
                                              ("1000", {4: 1000, 6: 1000}),
                                              ("1450", {4: 1450, 6: 1440})])
def test_segment_size_as_configured(sites, setting, expected):
    """Never raised; off is off."""
    sas = gw.sa("vpe"), gw.sa("vpe")
    for here, there, way in ((A, B, 0), (B, A, 1)):
        tunnel = gw.Tunnel(here.wan[4], there.wan[4], sas[way], sas[1 - way],
                           more=f"tcp_mss = {setting};")
        sites.add(here, [tunnel], two_sites.protect(here, there))
    sites.start().wait_reachable()
    for family in (4, 6):
        assert connect(sites, family, 7200 + family) == (expected[family], expected[family])
