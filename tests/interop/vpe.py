"""Vector Packet Encapsulation (VPE), written from docs/vpe-protocol.md alone.

This is a second, independent implementation of the protocol, for tests.  It is made to be compared
with, not to be fast: one thread, one security association (SA) for each object, clear code instead
of clever code.  Because it shares nothing with any other implementation, agreement between the two
says something about both of them and about the specification.

The module has two layers.

* ``VpeSender`` and ``VpeReceiver`` follow the sender and receiver procedures (sections 9 and 10).
  They refuse whatever the specification refuses.
* The functions and classes above them (``VpeHeader``, ``seal_payload``, ``build_outer``,
  ``ReplayWindow`` and so on) do one step each and check nothing that belongs to another step.
  Tests use them to make packets that a correct sender would never send.

"Section" in comments means a section of docs/vpe-protocol.md.
"""

import ipaddress
import struct
import zlib
from collections import Counter
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

PROTOCOL = 50
HEADER_LENGTH = 32
NONCE_LENGTH = 12
ICV_LENGTH = 16
ICV_OFFSET = 16
SPI_OFFSET = 12
SPI_END = 16
RUNT_LIMIT = HEADER_LENGTH + 1
SEQUENCE_FIRST = 1
SEQUENCE_LAST = 2**64 - 2
SEQUENCE_RESERVED = 2**64 - 1
EPOCH = 1767225600  # 2026-01-01T00:00:00Z
CLOCK_SHIFT = 30
WINDOW_SIZE_MIN = 64
WINDOW_SIZE_MAX = 65536
WINDOW_SIZE_DEFAULT = 1024
TABLE_SIZE_DEFAULT = 64
HOP_LIMIT_DEFAULT = 64
OUTER_HEADER_LENGTH = {4: 20, 6: 40}

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3

ACCEPT = "accept"

# Section 10.2, in the order in which they win.  "runt" stands in the table twice, before and after
# the SA is found, and so do the two replay verdicts, before authentication and after it.
DROPS = (
    "no_sa",
    "sa_outer_address",
    "runt",
    "vpe_id_zero",
    "seq_zero",
    "seq_max",
    "sender_unknown",
    "replay_old",
    "replay_seen",
    "icv_failed",
    "window_table_full",
    "window_pool_empty",
    "fill",
    "inner_version",
    "inner_runt",
    "inner_ihl",
    "inner_length_short",
    "inner_jumbogram",
    "inner_length",
    "inner_checksum",
    "ecn_not_ect_ce",
    "selector_mismatch",
)

# Section 5.1: name to AEAD and key length.
ALGORITHMS = {
    "aes-128-gcm": (AESGCM, 16),
    "aes-192-gcm": (AESGCM, 24),
    "aes-256-gcm": (AESGCM, 32),
    "chacha20-poly1305": (ChaCha20Poly1305, 32),
}

# Section 10.6: ECN_DECAPSULATION[inner][outer].  None means drop.
ECN_DECAPSULATION = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}

_HEADER = struct.Struct("<HHQI16s")


class VpeError(ValueError):
    """Something that the specification forbids, or that cannot be done."""


class NotVpe(VpeError):
    """An outer packet that IP or protocol selection would not give to VPE (section 4).

    The specification has no verdict for these packets, since VPE never sees them.
    """


class InvalidInner(VpeError):
    """A datagram that a sender must not send.  ``verdict`` is the receiver's name for the fault."""

    def __init__(self, verdict):
        super().__init__(f"inner datagram refused: {verdict}")
        self.verdict = verdict


class TooBig(VpeError):
    """The plaintext does not fit.  ``mtu`` is the most that does (section 9, step 4)."""

    def __init__(self, mtu):
        super().__init__(f"more than {mtu} octets of plaintext")
        self.mtu = mtu


class SequenceExhausted(VpeError):
    """The counter has used 2^64-2, so the SA must stop (section 8, rule 4)."""


# --- Header ---------------------------------------------------------------------------------------


class VpeHeader(NamedTuple):
    """The 32 octets of section 3.1.  Any value that fits its field is taken, reserved ones too."""

    sender_id: int
    window_id: int
    sequence: int
    spi: int
    icv: bytes = bytes(ICV_LENGTH)

    def pack(self):
        """Return the header as it stands on the wire."""
        if len(self.icv) != ICV_LENGTH:
            raise VpeError("the ICV has 16 octets")
        return _HEADER.pack(*self)

    @classmethod
    def parse(cls, payload):
        """Read the header at the start of an outer payload."""
        if len(payload) < HEADER_LENGTH:
            raise VpeError("shorter than a VPE header")
        return cls(*_HEADER.unpack_from(payload))

    @property
    def nonce(self):
        """Octets 0 to 11, exactly as on the wire (section 5.2)."""
        return self.pack()[:NONCE_LENGTH]

    @property
    def id_word(self):
        """Octets 0 to 3: Sender ID and Window ID (section 6)."""
        return self.pack()[:4]


def esp_value(sender_id, window_id):
    """Return the ID word as ESP would read its SPI, which is big-endian (section 7)."""
    return int.from_bytes(struct.pack("<HH", sender_id, window_id), "big")


def value_is_vpe(value, accepted_senders):
    """Say whether a receiver of ESP and VPE takes this first word as VPE (section 7).

    ``accepted_senders`` are the Sender IDs that its inbound VPE SAs at this local address accept.
    """
    if value < 0x00010000:
        return True
    sender_id = int.from_bytes(value.to_bytes(4, "big")[:2], "little")
    return sender_id in accepted_senders


# --- Cryptography ---------------------------------------------------------------------------------


def make_aead(algorithm, key):
    """Return the AEAD object for an algorithm name, after checking the key's length."""
    try:
        aead, key_length = ALGORITHMS[algorithm]
    except KeyError:
        raise VpeError(f"unknown algorithm {algorithm!r}") from None
    if len(key) != key_length:
        raise VpeError(f"{algorithm} needs a key of {key_length} octets")
    return aead(bytes(key))


def seal_payload(aead, sender_id, window_id, sequence, spi, plaintext):
    """Return VPE header and ciphertext.  The caller answers for the nonce being fresh."""
    header = VpeHeader(sender_id, window_id, sequence, spi)
    sealed = aead.encrypt(header.nonce, bytes(plaintext), None)
    ciphertext, icv = sealed[:-ICV_LENGTH], sealed[-ICV_LENGTH:]
    return header._replace(icv=icv).pack() + ciphertext


def open_payload(aead, payload):
    """Return the plaintext of an outer payload, or None if its ICV is wrong."""
    header = VpeHeader.parse(payload)
    try:
        return aead.decrypt(header.nonce, payload[HEADER_LENGTH:] + header.icv, None)
    except InvalidTag:
        return None


# --- Outer header ---------------------------------------------------------------------------------


def checksum(data):
    """Return the Internet checksum of ``data``: 0 if it holds its own right checksum."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def flow_label(id_word):
    """Return a flow label from 1 to 2^20-1.  Any hash of the ID word does (section 4)."""
    return zlib.crc32(id_word) % 0xFFFFF + 1


def traffic_class_of(datagram):
    """Return DSCP and ECN of an IPv4 or IPv6 datagram as one octet."""
    if datagram[0] >> 4 == 4:
        return datagram[1]
    return (datagram[0] & 0x0F) << 4 | datagram[1] >> 4


def plaintext_limit(outer_version, path_mtu=None):
    """Return how many octets of plaintext fit: the tunnel MTU, or what the length field can say."""
    overhead = OUTER_HEADER_LENGTH[outer_version] + HEADER_LENGTH
    largest = 65535 if outer_version == 4 else 40 + 65535
    return (largest if path_mtu is None else min(path_mtu, largest)) - overhead


def build_outer(source, destination, payload, traffic_class=0, hop_limit=HOP_LIMIT_DEFAULT,
                label=None):
    """Put the outer IP header of section 4 in front of an outer payload.

    ``label`` is the IPv6 flow label; without one, it is made from the first four octets.
    """
    source = ipaddress.ip_address(source)
    destination = ipaddress.ip_address(destination)
    if source.version != destination.version:
        raise VpeError("outer addresses of different IP versions")
    limit = plaintext_limit(source.version)
    if len(payload) > HEADER_LENGTH + limit:
        raise TooBig(limit)
    addresses = source.packed + destination.packed
    if source.version == 6:
        if label is None:
            label = flow_label(payload[:4])
        first = 6 << 28 | traffic_class << 20 | label
        return struct.pack("!IHBB", first, len(payload), PROTOCOL, hop_limit) + addresses + payload
    dont_fragment = 0x4000
    header = bytearray(struct.pack("!BBHHHBBH", 0x45, traffic_class, 20 + len(payload), 0,
                                   dont_fragment, hop_limit, PROTOCOL, 0) + addresses)
    struct.pack_into("!H", header, 10, checksum(header))
    return bytes(header) + payload


class Outer(NamedTuple):
    """What VPE needs to know of an outer packet."""

    source: object
    destination: object
    ecn: int
    payload: bytes


def parse_outer(packet):
    """Make the ordinary checks of IP on an outer packet and take it apart (section 4).

    IPv4 options are skipped.  IPv6 extension headers and fragments are refused, as a receiver may.
    Octets behind the stated length are cut off: they are link padding.
    """
    packet = bytes(packet)
    version = packet[0] >> 4 if packet else None
    if version == 4:
        return _parse_outer_ipv4(packet)
    if version == 6:
        return _parse_outer_ipv6(packet)
    raise NotVpe("neither IPv4 nor IPv6")


def _parse_outer_ipv4(packet):
    """Take an outer IPv4 packet apart."""
    header_length = 4 * (packet[0] & 0x0F)
    if header_length < 20 or len(packet) < header_length:
        raise NotVpe("bad IPv4 header length")
    total_length, fragment = struct.unpack_from("!H2xH", packet, 2)
    if not header_length <= total_length <= len(packet):
        raise NotVpe("bad IPv4 total length")
    if checksum(packet[:header_length]):
        raise NotVpe("wrong IPv4 header checksum")
    if fragment & 0x3FFF:
        raise NotVpe("IPv4 fragment")
    if packet[9] != PROTOCOL:
        raise NotVpe("another IPv4 protocol")
    return Outer(ipaddress.IPv4Address(packet[12:16]), ipaddress.IPv4Address(packet[16:20]),
                 packet[1] & 3, packet[header_length:total_length])


def _parse_outer_ipv6(packet):
    """Take an outer IPv6 packet apart."""
    if len(packet) < 40:
        raise NotVpe("IPv6 header cut off")
    payload_length, next_header = struct.unpack_from("!HB", packet, 4)
    if 40 + payload_length > len(packet):
        raise NotVpe("bad IPv6 payload length")
    if next_header != PROTOCOL:
        raise NotVpe("another IPv6 next header")
    return Outer(ipaddress.IPv6Address(packet[8:24]), ipaddress.IPv6Address(packet[24:40]),
                 traffic_class_of(packet) & 3, packet[40:40 + payload_length])


# --- Inner datagram -------------------------------------------------------------------------------


def check_inner(plaintext):
    """Make the checks of section 10.5.  Return (verdict, length of the inner datagram or None)."""
    if plaintext[0] == 0x00:
        return "fill", None
    version = plaintext[0] >> 4
    if version == 4:
        return _check_inner_ipv4(plaintext)
    if version == 6:
        return _check_inner_ipv6(plaintext)
    return "inner_version", None


def _check_inner_ipv4(plaintext):
    """Make the checks for IPv4.  The order matters: each relies on the ones before it."""
    if len(plaintext) < 20:
        return "inner_runt", None
    header_length = 4 * (plaintext[0] & 0x0F)
    total_length = struct.unpack_from("!H", plaintext, 2)[0]
    if header_length < 20:
        return "inner_ihl", None
    if total_length < header_length:
        return "inner_length_short", None
    if total_length > len(plaintext):
        return "inner_length", None
    if checksum(plaintext[:header_length]):
        return "inner_checksum", None
    return ACCEPT, total_length


def _check_inner_ipv6(plaintext):
    """Make the checks for IPv6."""
    if len(plaintext) < 40:
        return "inner_runt", None
    payload_length, next_header = struct.unpack_from("!HB", plaintext, 4)
    if payload_length == 0 and next_header == 0:
        return "inner_jumbogram", None
    if 40 + payload_length > len(plaintext):
        return "inner_length", None
    return ACCEPT, 40 + payload_length


def decapsulate_ecn(datagram, outer_ecn):
    """Return the inner datagram with its new ECN field, or None if it must be dropped (10.6)."""
    traffic_class = traffic_class_of(datagram)
    ecn = ECN_DECAPSULATION[traffic_class & 3][outer_ecn]
    if ecn is None:
        return None
    if ecn == traffic_class & 3:
        return bytes(datagram)
    changed = bytearray(datagram)
    if changed[0] >> 4 == 6:
        changed[1] = changed[1] & 0xCF | ecn << 4
        return bytes(changed)
    changed[1] = changed[1] & 0xFC | ecn
    # A sum made anew equals RFC 1624's update here, since the old sum has been found right.
    changed[10:12] = b"\0\0"
    struct.pack_into("!H", changed, 10, checksum(changed[:4 * (changed[0] & 0x0F)]))
    return bytes(changed)


def inner_addresses(datagram):
    """Return source and destination address of a datagram that has passed ``check_inner``."""
    if datagram[0] >> 4 == 4:
        return ipaddress.IPv4Address(datagram[12:16]), ipaddress.IPv4Address(datagram[16:20])
    return ipaddress.IPv6Address(datagram[8:24]), ipaddress.IPv6Address(datagram[24:40])


# --- Sequence numbers -----------------------------------------------------------------------------


def first_sequence(unix_time, lease_end=0):
    """Return the first number of a counter after a start (section 8)."""
    clock = max(0, int(unix_time) - EPOCH) << CLOCK_SHIFT
    return max(lease_end, clock, SEQUENCE_FIRST)


class ReplayWindow:
    """One receive window (section 10.3).

    Bit i of ``_seen`` stands for the number top - i, so raising the top is a shift to the left.
    """

    def __init__(self, size=WINDOW_SIZE_DEFAULT):
        if not WINDOW_SIZE_MIN <= size <= WINDOW_SIZE_MAX:
            raise VpeError("the replay window has 64 to 65536 numbers")
        self.size = size
        self.top = None
        self._seen = 0

    def check(self, number):
        """Return what ``commit`` would, and change nothing."""
        if self.top is None or number > self.top:
            return ACCEPT
        if number + self.size <= self.top:
            return "replay_old"
        if self._seen >> self.top - number & 1:
            return "replay_seen"
        return ACCEPT

    def commit(self, number):
        """Judge an authentic number, and mark it if it is accepted."""
        verdict = self.check(number)
        if verdict != ACCEPT:
            return verdict
        if self.top is None:
            self.top = number
        elif number > self.top:
            step = number - self.top
            # A step beyond the window leaves nothing of it, and may be far too big for a shift.
            self._seen = self._seen << step & (1 << self.size) - 1 if step < self.size else 0
            self.top = number
        self._seen |= 1 << self.top - number
        return ACCEPT


# --- Sender and receiver --------------------------------------------------------------------------


class _Sa:
    """The parameters that both ends of a unicast SA agree on (section 2), checked."""

    def __init__(self, spi, algorithm, key, sender_id, local, remote):
        if not 1 <= spi < 2**32:
            raise VpeError("an SPI is 1 to 2^32-1")
        if not 0 <= sender_id < 2**16:
            raise VpeError("a Sender ID is 0 to 65535")
        if sender_id and 0xC0 <= sender_id & 0xFF <= 0xCF:
            raise VpeError("a Sender ID in ESP's range is refused under protocol 50")
        self.spi = spi
        self.aead = make_aead(algorithm, key)
        self.sender_id = sender_id
        self.local = ipaddress.ip_address(local)
        self.remote = ipaddress.ip_address(remote)
        if self.local.version != self.remote.version:
            raise VpeError("outer addresses of different IP versions")


class VpeSender(_Sa):
    """One counter of an outbound SA: seals datagrams as section 9 says, from step 2 on.

    ``local`` is the outer source, ``remote`` the outer destination.  ``sequence`` is the first
    number to use.  The caller answers for it: no number may come twice in the life of a key, and
    ``first_sequence`` is the rule for the first one.

    ``dscp`` replaces the copy of the inner DSCP.  ``path_mtu`` limits the outer packet; without it
    only the length field of IP does.  ``label`` replaces the hashed IPv6 flow label.
    """

    def __init__(self, spi, algorithm, key, sender_id, window_id, sequence, local, remote, *,
                 dscp=None, path_mtu=None, hop_limit=HOP_LIMIT_DEFAULT, label=None):
        super().__init__(spi, algorithm, key, sender_id, local, remote)
        if not 0 <= window_id < 2**16:
            raise VpeError("a Window ID is 0 to 65535")
        if sender_id == 0 and window_id == 0:
            raise VpeError("the ID word is never zero")
        if sequence < SEQUENCE_FIRST:
            raise VpeError("sequence number 0 is never sent")
        if dscp is not None and not 0 <= dscp < 64:
            raise VpeError("a DSCP is 0 to 63")
        self.window_id = window_id
        self.next_sequence = sequence
        self.dscp = dscp
        self.hop_limit = hop_limit
        self.label = label
        self.limit = plaintext_limit(self.local.version, path_mtu)

    def seal(self, inner_datagram, pad=0, traffic_class=None):
        """Return the outer packet for one inner datagram, with ``pad`` octets of padding.

        Octets behind the datagram's own length are cut off first.  TTL or hop limit is left alone:
        whoever forwards the datagram decrements it before.  The outer traffic class is made as in
        step 9, from the inner one and ``dscp``.  ``traffic_class`` replaces all eight bits of it,
        to play a network on the way that changed them.
        """
        if not inner_datagram:
            raise VpeError("no datagram")
        if pad < 0:
            raise VpeError("padding is not negative")
        verdict, length = check_inner(inner_datagram)
        if verdict != ACCEPT:
            raise InvalidInner(verdict)
        datagram = bytes(inner_datagram[:length])
        if traffic_class is None:
            traffic_class = traffic_class_of(datagram)
            if self.dscp is not None:
                traffic_class = self.dscp << 2 | traffic_class & 3
        return self._send(datagram + bytes(pad), traffic_class)

    def fill(self, octets):
        """Return the outer packet of a fill packet with ``octets`` octets of plaintext.

        It gets Not-ECT and, as the sender's choice, the configured DSCP or 0.
        """
        if octets < 1:
            raise VpeError("a fill packet has at least one octet")
        return self._send(bytes(octets), (self.dscp or 0) << 2)

    def _send(self, plaintext, traffic_class):
        """Make steps 6 to 9.  What does not fit is refused before it costs a number."""
        if len(plaintext) > self.limit:
            raise TooBig(self.limit)
        payload = seal_payload(self.aead, self.sender_id, self.window_id, self._draw(), self.spi,
                               plaintext)
        return build_outer(self.local, self.remote, payload, traffic_class, self.hop_limit,
                           self.label)

    def _draw(self):
        """Draw the next number.  It is used up, whatever becomes of the packet."""
        number = self.next_sequence
        if number > SEQUENCE_LAST:
            raise SequenceExhausted("the counter has used its last number")
        self.next_sequence = number + 1
        return number


class VpeReceiver(_Sa):
    """A receiver with one inbound SA: makes the steps of section 10.1.

    ``local`` is the receiver's own outer address, ``remote`` its peer's.  ``selectors`` are pairs
    of source and destination prefix; a datagram must match both of one pair.  Without selectors
    nothing matches.  ``table_size`` limits how many windows the SA may have.  There is no limit
    shared with other SAs, so ``window_pool_empty`` never occurs.

    With ``early_check`` false, step 6 is left out, as an implementation may.  Then a forged packet
    with an old number gives ``icv_failed``.

    ``verdicts`` counts what ``open`` returned.
    """

    def __init__(self, spi, algorithm, key, sender_id, local, remote, *,
                 replay_window=WINDOW_SIZE_DEFAULT, selectors=(),
                 table_size=TABLE_SIZE_DEFAULT, early_check=True):
        super().__init__(spi, algorithm, key, sender_id, local, remote)
        ReplayWindow(replay_window)  # refuses a bad size now instead of at the first packet
        self.replay_window = replay_window
        self.table_size = table_size
        self.early_check = early_check
        self.selectors = [(ipaddress.ip_network(source), ipaddress.ip_network(destination))
                          for source, destination in selectors]
        self.windows = {}
        self.verdicts = Counter()

    def open(self, outer_packet):
        """Return (verdict, inner datagram or None) for a complete outer packet.

        A packet that IP would not give to VPE raises ``NotVpe``.
        """
        outer = parse_outer(outer_packet)
        verdict, datagram = self._receive(outer)
        self.verdicts[verdict] += 1
        return verdict, datagram

    def _receive(self, outer):
        """Make steps 1 to 10 in their order."""
        payload = outer.payload
        verdict = self._find_sa(outer)
        if verdict != ACCEPT:
            return verdict, None
        if len(payload) < RUNT_LIMIT:
            return "runt", None
        header = VpeHeader.parse(payload)
        verdict = self._check_header(header)
        if verdict != ACCEPT:
            return verdict, None
        key = header.sender_id, header.window_id
        window = self.windows.get(key)
        if self.early_check and window is not None:
            verdict = window.check(header.sequence)
            if verdict != ACCEPT:
                return verdict, None
        plaintext = open_payload(self.aead, payload)
        if plaintext is None:
            return "icv_failed", None
        verdict = self._judge(key, header.sequence)
        if verdict != ACCEPT:
            return verdict, None
        return self._deliver(plaintext, outer.ecn)

    def _find_sa(self, outer):
        """Make steps 1 and 2: the SA is found by the SPI and both outer addresses."""
        if len(outer.payload) < SPI_END:
            return "runt"
        if int.from_bytes(outer.payload[SPI_OFFSET:SPI_END], "little") != self.spi:
            return "no_sa"
        if (outer.destination, outer.source) != (self.local, self.remote):
            return "sa_outer_address"
        return ACCEPT

    def _check_header(self, header):
        """Make steps 4 and 5."""
        if header.sender_id == 0 and header.window_id == 0:
            return "vpe_id_zero"
        if header.sequence == 0:
            return "seq_zero"
        if header.sequence == SEQUENCE_RESERVED:
            return "seq_max"
        if header.sender_id != self.sender_id:
            return "sender_unknown"
        return ACCEPT

    def _judge(self, key, sequence):
        """Make step 8 for an authentic packet.  Windows are never evicted (section 10.4)."""
        window = self.windows.get(key)
        if window is None:
            if len(self.windows) >= self.table_size:
                return "window_table_full"
            window = self.windows[key] = ReplayWindow(self.replay_window)
        return window.commit(sequence)

    def _deliver(self, plaintext, outer_ecn):
        """Make steps 9 and 10.  The number is used up by now, whatever comes out."""
        verdict, length = check_inner(plaintext)
        if verdict != ACCEPT:
            return verdict, None
        datagram = decapsulate_ecn(plaintext[:length], outer_ecn)
        if datagram is None:
            return "ecn_not_ect_ce", None
        if not self._selected(datagram):
            return "selector_mismatch", None
        return ACCEPT, datagram

    def _selected(self, datagram):
        """Say whether one pair of selectors covers both addresses of the datagram."""
        source, destination = inner_addresses(datagram)
        return any(source in sources and destination in destinations
                   for sources, destinations in self.selectors)
