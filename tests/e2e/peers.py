"""Peers that are not vped: they stand at the wan and speak ESP (scapy) or VPE (tests/interop)."""

import ipaddress
import pathlib
import socket
import struct
import sys
import time

from lab import ROOT

sys.path.insert(0, str(ROOT / "tests" / "interop"))

ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
TUNNEL, UDP, FRAGMENT, DESTINATION_OPTIONS = 50, 17, 44, 60
ETHERTYPE = {4: 0x0800, 6: 0x86dd}


class Wire:
    """Raw frames on an interface. The kernel there goes on answering ARP and ND."""

    def __init__(self, namespace, interface, far_mac):
        self.namespace = namespace
        with namespace:
            self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.link.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.link.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.link.bind((interface, ETH_P_ALL))
        self.near = bytes.fromhex(namespace.mac(interface).replace(":", ""))
        self.far = bytes.fromhex(far_mac.replace(":", ""))

    def send_frame(self, frame):
        self.link.send(frame)

    def send(self, packet):
        """An IP packet, to the far end."""
        ethertype = ETHERTYPE[packet[0] >> 4]
        self.link.send(self.far + self.near + struct.pack("!H", ethertype) + packet)

    def tunnel_packets(self, count, timeout=5.0):
        """Up to `count` IP packets with protocol 50, until `timeout` without any."""
        found = []
        end = time.monotonic() + timeout
        while len(found) < count:
            self.link.settimeout(max(0.001, end - time.monotonic()))
            try:
                frame = self.link.recv(65536)
            except (TimeoutError, BlockingIOError):
                break
            packet = ip_packet(frame)
            if packet and protocol_of(packet) == TUNNEL:
                found.append(packet)
        return found

    def close(self):
        self.link.close()


def arp_question(mac, here, source, target):
    """Who has the target: a frame to the link address `here`."""
    from scapy.layers import l2
    return l2.Ether(src=mac, dst=here) / l2.ARP(op=1, hwsrc=mac, psrc=source, pdst=target)


def nd_question(mac, here, source, target):
    from scapy.layers import inet6, l2
    return (l2.Ether(src=mac, dst=here) / inet6.IPv6(src=source, dst=target, hlim=255)
            / inet6.ICMPv6ND_NS(tgt=target) / inet6.ICMPv6NDOptSrcLLAddr(lladdr=mac))


def solicited_group(address):
    """To which neighbour solicitations for this IPv6 address go."""
    low = int(ipaddress.IPv6Address(address)) & 0xffffff
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("ff02::1:ff00:0")) | low))


def is_arp_answer(answer, address):
    from scapy.layers import l2
    return l2.ARP in answer and answer[l2.ARP].op == 2 and answer[l2.ARP].psrc == address


def is_nd_answer(answer, address):
    from scapy.layers import inet6
    return inet6.ICMPv6ND_NA in answer and answer[inet6.ICMPv6ND_NA].tgt == address


def answered_when_asked(station, questions):
    """For which targets the gateway says its link address, asked three times as a kernel would.

    questions: target -> (frame, is_answer). Not by a kernel: one that the gateway asks for its own
    sake gives up asking.
    """
    from scapy.layers import l2
    open_ = dict(questions)
    with station, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as link:
        link.bind(("eth0", 0))
        for _ in range(3):
            for question in open_.values():
                link.send(question[0])
            end = time.monotonic() + 1
            while open_ and (left := end - time.monotonic()) > 0:
                link.settimeout(left)
                try:
                    answer = l2.Ether(link.recv(2048))
                except TimeoutError:
                    break
                open_ = {target: question for target, question in open_.items()
                         if not question[1](answer, target)}
    return set(questions) - set(open_)


def answers_when_asked(station, frame, is_answer, target):
    """The same of one target alone."""
    return bool(answered_when_asked(station, {target: (frame, is_answer)}))


def silence_kernel(namespace):
    """The peer's kernel knows no ESP; it must not say so to the gateway."""
    namespace.run("nft", "add table inet quiet; "
                  "add chain inet quiet input { type filter hook input priority 0; }; "
                  "add rule inet quiet input meta l4proto 50 drop")


def ip_packet(frame):
    """The IP packet of a frame, without what the link added behind it; None for others."""
    ethertype = int.from_bytes(frame[12:14], "big")
    packet = frame[14:]
    if ethertype == ETHERTYPE[4]:
        return packet[:int.from_bytes(packet[2:4], "big")]
    if ethertype == ETHERTYPE[6]:
        return packet[:40 + int.from_bytes(packet[4:6], "big")]
    return None


def protocol_of(packet):
    return packet[9] if packet[0] >> 4 == 4 else packet[6]


def ttl_of(packet):
    return packet[8] if packet[0] >> 4 == 4 else packet[7]


def addresses_of(packet):
    if packet[0] >> 4 == 4:
        return str(ipaddress.ip_address(packet[12:16])), str(ipaddress.ip_address(packet[16:20]))
    return str(ipaddress.ip_address(packet[8:24])), str(ipaddress.ip_address(packet[24:40]))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_packet_of(source, destination, protocol, payload, ttl=64, traffic_class=0):
    """An IP header made by hand, and what comes behind it."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28 | traffic_class << 20, len(payload), protocol,
                           ttl) + source.packed + destination.packed + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, traffic_class, 20 + len(payload), 1, 0x4000, ttl,
                         protocol, 0, source.packed, destination.packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp_of(source, destination, payload, port=7000):
    """UDP's header with its checksum, and the payload."""
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", 40000, port, length, 0) + payload
    pseudo = (ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
              + struct.pack("!IHBB", length, 0, 0, 17))
    return udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xffff) + udp[8:]


def udp_datagram(source, destination, payload, port=7000, ttl=64, traffic_class=0):
    """A whole IP datagram with UDP inside."""
    return ip_packet_of(source, destination, UDP, udp_of(source, destination, payload, port), ttl,
                        traffic_class)


def fragments6(source, destination, first, part, size=512):
    """The fragments of an IPv6 datagram: the fragmentable part, beginning with header `first`."""
    for at in range(0, len(part), size):
        more = at + size < len(part)
        header = struct.pack("!BBHI", first, 0, at | more, 0x76504e)
        yield ip_packet_of(source, destination, FRAGMENT, header + part[at:at + size])


def udp_payload(packet):
    return packet[28:] if packet[0] >> 4 == 4 else packet[48:]


SCAPY_ALGORITHM = {"aes-128-gcm": "AES-GCM", "aes-192-gcm": "AES-GCM", "aes-256-gcm": "AES-GCM",
                   "chacha20-poly1305": "CHACHA20-POLY1305"}


class ScapyEsp:
    """ESP as scapy understands it. sa: a gateway.Sa; addresses of the outer header."""

    def __init__(self, sa, source, destination, first=1):
        # Importing scapy takes a second: only who needs it waits.
        from scapy.layers import inet, inet6, ipsec
        self._inet, self._inet6 = inet, inet6
        header = inet6.IPv6 if ":" in source else inet.IP
        self._outer = header
        self._sa = ipsec.SecurityAssociation(
            ipsec.ESP, spi=sa.spi, crypt_algo=SCAPY_ALGORITHM[sa.algorithm],
            crypt_key=sa.key + sa.salt, tunnel_header=header(src=source, dst=destination))
        self._esn = sa.esn
        self.next = first

    def _inner(self, octets):
        return (self._inet6.IPv6 if octets[0] >> 4 == 6 else self._inet.IP)(octets)

    def seal(self, datagram):
        # scapy takes a lower half of 0 for "none given": such numbers are left out.
        number = self.next if self.next & 0xffffffff else self.next + 1
        self.next = number + 1
        packet = self._sa.encrypt(self._inner(datagram), seq_num=number & 0xffffffff,
                                  esn_en=self._esn, esn=number >> 32)
        # Rebuilt, so that lengths and checksums are filled in.
        return bytes(self._outer(bytes(packet)))

    def open(self, packet):
        """The inner datagram; raises IPSecIntegrityError for a wrong ICV."""
        return bytes(self._sa.decrypt(self._outer(packet), esn_en=self._esn, esn=0))


class PythonVpe:
    """The independent VPE of tests/interop behind the same two functions."""

    def __init__(self, sa, source, destination, window_id=1, first=1):
        import vpe
        self._vpe = vpe
        self.sender = vpe.VpeSender(sa.spi, sa.algorithm, sa.key, 0, window_id, first, source,
                                    destination)
        self.receiver = vpe.VpeReceiver(sa.spi, sa.algorithm, sa.key, 0, destination, source,
                                        selectors=[("0.0.0.0/0",) * 2, ("::/0",) * 2])

    def seal(self, datagram):
        return self.sender.seal(datagram)

    def open(self, packet):
        verdict, datagram = self.receiver.open(packet)
        if verdict != "accept":
            raise ValueError(verdict)
        return datagram


def interop_present():
    return pathlib.Path(ROOT / "tests" / "interop" / "vpe.py").exists()
