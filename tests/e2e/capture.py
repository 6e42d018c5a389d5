"""Captures of the wan, and what they prove: nothing in clear, nothing missed.

A frame is fine if it is on the whitelist (tunnel packets between the two outer addresses, ARP,
neighbour discovery, ICMP and IKE of the outer addresses) and nowhere holds the pattern that all
payload inside the tunnel is filled with.
"""

import collections
import ipaddress
import mmap
import re
import signal
import struct
import time

from lab import LabError, wait_for

# What ping -p, iperf3 -F and the files carry. No 16 octets of anything else look like it.
PATTERN = bytes.fromhex("7650456e476154657741795465737421")

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86dd
HOP_BY_HOP, ICMP, UDP, FRAGMENT, TUNNEL, ICMPV6 = 0, 1, 17, 44, 50, 58
IKE_PORTS = (500, 4500)
NEIGHBOUR_DISCOVERY = range(133, 138)
MULTICAST_LISTENER = (130, 131, 132, 143)
ESP_SPI_MIN = 0x00010000  # below, the first word is VPE's with Sender ID 0

# What was sent when the capture is told to end has passed by then.
TAIL = 0.2


class Capture:
    """tcpdump on an interface, from start() to stop()."""

    def __init__(self, lab, namespace, interface, name, snap=0, buffer_mib=128):
        self.path = lab.dir / f"{name}.pcap"
        self.process = lab.spawn(namespace, "tcpdump", "-n", "-Z", "root", "-i", interface,
                                 "-s", snap, "-B", buffer_mib * 1024, "-w", self.path,
                                 name=f"tcpdump-{name}")
        self.lab = lab
        self.captured = self.dropped = None
        wait_for(f"tcpdump on {interface}", self._listening)

    def _listening(self):
        if not self.process.running():
            raise LabError(f"tcpdump: {self.process.tail()}")
        return "listening on" in self.process.said()

    def stop(self):
        """Ends the capture and reads what the kernel says about it."""
        time.sleep(TAIL)
        # The counts of the moment in which all was read are the ones to go by: a frame that comes
        # between that and the end, some neighbour's question, is none that anybody waits for, and
        # tcpdump would count it as received and leave it unread.
        self.captured, _, self.dropped = wait_for(
            "tcpdump to have read everything", self._all_read, timeout=30, step=0.1)
        self.process.stop(signal.SIGINT, timeout=30)
        self.lab.processes.remove(self.process)
        return self

    def _all_read(self):
        """Its counts, once each frame was either read or dropped; that can take it a second."""
        self.process.send(signal.SIGUSR1)  # asks for them
        time.sleep(0.05)
        captured, received, dropped = self._numbers() or (0, 1, 0)
        # The kernel counts what it dropped as received too.
        return captured + dropped == received and (captured, received, dropped)

    def _numbers(self):
        """captured, received, dropped: the last that tcpdump said of them."""
        said = self.process.said()
        found = [re.findall(rf"(\d+) packets? {what}", said)
                 for what in ("captured", "received by filter", "dropped by kernel")]
        return tuple(int(numbers[-1]) for numbers in found) if all(found) else None

    def discard(self):
        self.path.unlink(missing_ok=True)


def frames(path):
    """Yields (seconds, frame) of a pcap file."""
    with open(path, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            magic = data[:4]
            if magic == b"\xd4\xc3\xb2\xa1":
                order, unit = "<", 1e-6
            elif magic == b"\x4d\x3c\xb2\xa1":
                order, unit = "<", 1e-9
            else:
                raise LabError(f"{path}: no little-endian pcap file")
            record = struct.Struct(order + "IIII")
            at, end = 24, len(data)
            while at + 16 <= end:
                seconds, fraction, length, _ = record.unpack_from(data, at)
                yield seconds + fraction * unit, data[at + 16:at + 16 + length]
                at += 16 + length


class Whitelist:
    """Tells the class of a frame, or None for one that must not be there."""

    def __init__(self, outer, fragments=False):
        """fragments: of tunnel packets; elsewhere nothing should make any."""
        addresses = [ipaddress.ip_address(a) for a in outer]
        self.outer = {a.packed for a in addresses}
        self.fragments = fragments

    def kind(self, frame):
        ethertype = frame[12] << 8 | frame[13]
        if ethertype == IPV4:
            return self._ipv4(frame)
        if ethertype == IPV6:
            return self._ipv6(frame)
        return "arp" if ethertype == ARP and len(frame) <= 60 else None

    def _ipv4(self, frame):
        if frame[14] != 0x45 or frame[26:30] not in self.outer or frame[30:34] not in self.outer:
            return None
        protocol = frame[23]
        if (frame[20] << 8 | frame[21]) & 0x3fff:
            return "fragment" if self.fragments and protocol == TUNNEL else None
        if protocol == TUNNEL:
            return tunnel_kind(frame, 34)
        if protocol == ICMP:
            return "icmp"
        return self._ike(frame, 34) if protocol == UDP else None

    def _ipv6(self, frame):
        source, protocol = frame[22:38], frame[20]
        if source in self.outer and frame[38:54] in self.outer and protocol != ICMPV6:
            if protocol == TUNNEL:
                return tunnel_kind(frame, 54)
            if protocol == FRAGMENT:
                return "fragment" if self.fragments and frame[54] == TUNNEL else None
            return self._ike(frame, 54) if protocol == UDP else None
        # Neighbour discovery, from our own, link-local or no address.
        if source not in self.outer and source[:2] != b"\xfe\x80" and source != bytes(16):
            return None
        if protocol == ICMPV6:
            if frame[54] in NEIGHBOUR_DISCOVERY:
                return "nd"
            return "icmp" if source in self.outer else None
        if protocol == HOP_BY_HOP and frame[54] == ICMPV6 and frame[62] in MULTICAST_LISTENER:
            return "nd"
        return None

    @staticmethod
    def _ike(frame, at):
        ports = struct.unpack_from("!HH", frame, at)
        return "ike" if any(p in IKE_PORTS for p in ports) else None


def tunnel_kind(frame, at):
    """Which of the two protocols a packet with IP protocol 50 is."""
    return "vpe" if int.from_bytes(frame[at:at + 4], "big") < ESP_SPI_MIN else "esp"


class Findings:
    """What a capture held. Each frame counts once."""

    def __init__(self):
        self.kinds = collections.Counter()  # of frames that are fine
        self.with_pattern = 0
        self.strangers = 0                  # on no whitelist
        self.samples = []                   # of strangers, hex

    @property
    def in_clear(self):
        return self.with_pattern + self.strangers

    @property
    def total(self):
        return sum(self.kinds.values()) + self.in_clear

    def words(self):
        kinds = ", ".join(f"{n:,} {kind.upper()}" for kind, n in self.kinds.most_common())
        return kinds or "nothing"


def inspect(path, outer, pattern=PATTERN, fragments=False):
    """Every frame of the capture against whitelist and pattern."""
    found = Findings()
    whitelist = Whitelist(outer, fragments)
    for _, frame in frames(path):
        try:
            kind = whitelist.kind(frame)
        except (IndexError, struct.error):
            kind = None  # shorter than its headers
        if pattern in frame:
            found.with_pattern += 1
        elif kind:
            found.kinds[kind] += 1
        else:
            found.strangers += 1
            if len(found.samples) < 5:
                found.samples.append(bytes(frame[:96]).hex())
    return found
