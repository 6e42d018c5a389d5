"""Tests of the independent VPE implementation against the specification and its test vectors.

All numbers come from docs/vpe-protocol.md and tests/vectors/vpe/packets.json.  The vectors are run
in both directions.  Those that a correct sender could not send (reserved numbers, tampering, an ECN
field changed on the way) are made with the low-level helpers, and then compared bit by bit.
"""

import ipaddress
import json
import random
import struct
from pathlib import Path

import pytest

import vpe

VECTOR_FILE = Path(__file__).resolve().parents[1] / "vectors" / "vpe" / "packets.json"
FILE = json.loads(VECTOR_FILE.read_text(encoding="ascii"))
VECTORS = FILE["vectors"]
BY_NAME = {vector["name"]: vector for vector in VECTORS}

V4 = "192.0.2.1", "198.51.100.1"  # sender, receiver
V6 = "2001:db8:1::1", "2001:db8:2::1"
OUTER = [V4, V6]
SPI = 0x2001

ANYTHING = [("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0")]


def flip(data, bit):
    """Return ``data`` with one bit changed; bit 0 is the lowest bit of the first octet."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def key_for(algorithm):
    """Return a key of the right length."""
    return bytes(range(0x40, 0x40 + vpe.ALGORITHMS[algorithm][1]))


def ipv4(length, tos=0, options=b"", source="10.1.0.10", destination="10.2.0.20"):
    """Return an IPv4 datagram of ``length`` octets."""
    header = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, tos, length, 0x1234,
                                   0x4000, 63, 17, 0,
                                   ipaddress.ip_address(source).packed,
                                   ipaddress.ip_address(destination).packed) + options)
    struct.pack_into("!H", header, 10, vpe.checksum(header))
    return bytes(header) + bytes(i * 7 & 0xFF for i in range(length - len(header)))


def ipv6(length, traffic_class=0, next_header=17, source="2001:db8:a::10",
         destination="2001:db8:b::20"):
    """Return an IPv6 datagram of ``length`` octets."""
    return (struct.pack("!IHBB", 6 << 28 | traffic_class << 20, length - 40, next_header, 63)
            + ipaddress.ip_address(source).packed
            + ipaddress.ip_address(destination).packed
            + bytes(i * 5 & 0xFF for i in range(length - 40)))


def make_sender(addresses=V4, algorithm="aes-128-gcm", sender_id=0, window_id=1, sequence=1000,
                **more):
    """Return a sender with the usual parameters."""
    return vpe.VpeSender(SPI, algorithm, key_for(algorithm), sender_id, window_id, sequence,
                         addresses[0], addresses[1], **more)


def make_receiver(addresses=V4, algorithm="aes-128-gcm", sender_id=0, **more):
    """Return the receiver that goes with ``make_sender``.  It carries anything."""
    more.setdefault("selectors", ANYTHING)
    return vpe.VpeReceiver(SPI, algorithm, key_for(algorithm), sender_id, addresses[1],
                           addresses[0], **more)


def craft(plaintext, sender_id=0, window_id=1, sequence=1000, spi=SPI, addresses=V4,
          traffic_class=0, algorithm="aes-128-gcm"):
    """Return an outer packet that is authentic but otherwise as wrong as the caller wants."""
    aead = vpe.make_aead(algorithm, key_for(algorithm))
    payload = vpe.seal_payload(aead, sender_id, window_id, sequence, spi, plaintext)
    return vpe.build_outer(*addresses, payload, traffic_class)


# --- Vectors --------------------------------------------------------------------------------------


def vector_receiver(vector, **more):
    """Return a receiver with only the SA of a vector."""
    sa = vector["sa"]
    selectors = [(selector["src"], selector["dst"]) for selector in sa["selectors"]]
    return vpe.VpeReceiver(sa["spi"], vector["algorithm"], bytes.fromhex(vector["key"]),
                           sa["sender_id"], sa["local"], sa["remote"], selectors=selectors, **more)


def tampered(payload, tamper):
    """Do to a sealed outer payload what the vector says."""
    if tamper is None:
        return payload
    if "length" in tamper:
        return payload[:tamper["length"]]
    changed = bytearray(payload)
    changed[tamper["octet"]] ^= tamper["xor"]
    return bytes(changed)


@pytest.mark.parametrize("early_check", [True, False])
@pytest.mark.parametrize("name", BY_NAME)
def test_vector_open(name, early_check):
    """A receiver gives the stated verdict and hands on the stated datagram."""
    vector = BY_NAME[name]
    receiver = vector_receiver(vector, early_check=early_check)
    expected = vector["inner_datagram"]
    frame = bytes.fromhex(vector["outer_packet"] + vector["link_padding"])
    assert receiver.open(frame) == (
        vector["verdict"], None if expected is None else bytes.fromhex(expected))


@pytest.mark.parametrize("name", BY_NAME)
def test_vector_seal(name):
    """The stated plaintext and header fields give the stated outer packet, tampering included."""
    vector = BY_NAME[name]
    packet = bytes.fromhex(vector["outer_packet"])
    outer = vector["outer"]
    payload = vpe.seal_payload(
        vpe.make_aead(vector["algorithm"], bytes.fromhex(vector["key"])), vector["sender_id"],
        vector["window_id"], int(vector["sequence"]), vector["spi"],
        bytes.fromhex(vector["plaintext"]))
    built = vpe.build_outer(
        outer["source"], outer["destination"], tampered(payload, vector["tamper"]),
        outer["dscp"] << 2 | outer["ecn"], outer.get("ttl", outer.get("hop_limit")),
        outer.get("flow_label"))
    if outer["version"] == 4:
        flags = 0x4000 if outer["dont_fragment"] else 0
        built = patched_ipv4(built, 4, struct.pack("!HH", outer["identification"], flags))
    assert built == packet


@pytest.mark.parametrize("name", [
    vector["name"] for vector in VECTORS if vector["sealable"]])
def test_vector_sender(name):
    """Where a sender may make the packet, ``VpeSender`` makes it octet by octet."""
    vector = BY_NAME[name]
    outer = vector["outer"]
    packet = bytes.fromhex(vector["outer_packet"])
    plaintext = bytes.fromhex(vector["plaintext"])
    assert vector["tamper"] is None
    sender = vpe.VpeSender(
        vector["spi"], vector["algorithm"], bytes.fromhex(vector["key"]), vector["sender_id"],
        vector["window_id"], int(vector["sequence"]), outer["source"], outer["destination"],
        hop_limit=outer.get("ttl", outer.get("hop_limit")), label=outer.get("flow_label"))
    assert sealed_by(sender, plaintext) == packet


def sealed_by(sender, plaintext):
    """Let a sender make the packet of a plaintext, a fill packet or a datagram with padding."""
    if plaintext[:1] == b"\0":
        return sender.fill(len(plaintext))
    length = vpe.check_inner(plaintext)[1] if plaintext else None
    return sender.seal(plaintext, len(plaintext) - length if length else 0)


@pytest.mark.parametrize("name", [
    vector["name"] for vector in VECTORS if not vector["sealable"]])
def test_vector_not_sealable(name):
    """What is not marked as sealable cannot come from a sender, or comes out otherwise."""
    vector = BY_NAME[name]
    outer = vector["outer"]
    try:
        sender = vpe.VpeSender(
            vector["spi"], vector["algorithm"], bytes.fromhex(vector["key"]), vector["sender_id"],
            vector["window_id"], int(vector["sequence"]), outer["source"], outer["destination"])
        packet = sealed_by(sender, bytes.fromhex(vector["plaintext"]))
    except vpe.VpeError:
        return
    assert packet.hex() != vector["outer_packet"] or vector["link_padding"]


@pytest.mark.parametrize("name", [
    vector["name"] for vector in VECTORS if vector["verdict"].startswith("inner_")])
def test_vector_not_sent(name):
    """A sender refuses the datagrams that a receiver would drop, and spends no number on them."""
    vector = BY_NAME[name]
    sender = make_sender()
    with pytest.raises(vpe.InvalidInner) as caught:
        sender.seal(bytes.fromhex(vector["plaintext"]))
    assert caught.value.verdict == vector["verdict"]
    assert sender.next_sequence == 1000


def test_vector_verdicts_are_known():
    """The vectors use names of section 10.2 only."""
    assert {vector["verdict"] for vector in VECTORS} <= {vpe.ACCEPT, *vpe.DROPS}


@pytest.mark.parametrize("sequence", FILE["replay"], ids=lambda sequence: sequence["name"])
def test_vector_replay(sequence):
    """The replay sequences hold for the window alone and for a receiver of real packets."""
    window = vpe.ReplayWindow(sequence["window"])
    receiver = make_receiver(replay_window=sequence["window"])
    for step in sequence["steps"]:
        number = int(step["sequence"])
        assert window.check(number) == step["verdict"]
        assert window.commit(number) == step["verdict"]
        assert receiver.open(craft(ipv4(40), sequence=number))[0] == step["verdict"]


# --- Examples in the text -------------------------------------------------------------------------


def test_header_example():
    """Section 3.1 gives a header octet by octet."""
    header = vpe.VpeHeader(0x0107, 2, 0x1112131415161718, 0xA1A2A3A4, bytes(range(16)))
    packed = header.pack()
    assert packed[:16].hex(" ") == "07 01 02 00 18 17 16 15 14 13 12 11 a4 a3 a2 a1"
    assert len(packed) == vpe.HEADER_LENGTH
    assert header.nonce == packed[:12]
    assert header.id_word == packed[:4]
    assert vpe.VpeHeader.parse(packed + b"more") == header


@pytest.mark.parametrize("sender_id, window_id, value", [
    (0, 1, 0x00000100), (0, 2, 0x00000200), (0, 256, 0x00000001), (0, 0x1234, 0x00003412),
    (0, 65535, 0x0000FFFF), (7, 0, 0x07000000), (7, 1, 0x07000100), (0x0102, 3, 0x02010300),
    (0x00C1, 1, 0xC1000100)])
def test_esp_value(sender_id, window_id, value):
    """The table of section 7, and its formula."""
    assert vpe.esp_value(sender_id, window_id) == value
    assert value == ((sender_id & 255) << 24 | (sender_id >> 8) << 16 | (window_id & 255) << 8
                     | window_id >> 8)


@pytest.mark.parametrize("value, expected", [
    (0, True), (0x0000FFFF, True), (0x00010000, False), (0x06FFFFFF, False), (0x07000000, True),
    (0x0700FFFF, True), (0x07010000, False), (0x09000100, False), (0xC0000000, False)])
def test_value_is_vpe(value, expected):
    """A receiver with one SA of Sender 7 (the example of section 7)."""
    assert vpe.value_is_vpe(value, {7}) is expected


@pytest.mark.parametrize("unix_time, lease_end, number", [
    (1767225600 + 86400, 0, 92771293593600), (1767225600 + 86400, 92771293593601, 92771293593601),
    (0, 0, 1), (0, 77, 77), (1767225600, 0, 1), (1767225601.9, 5, 2**30)])
def test_first_sequence(unix_time, lease_end, number):
    """The first number after a start, with the example of section 8."""
    assert vpe.first_sequence(unix_time, lease_end) == number


def test_replay_example():
    """The table of section 10.3."""
    window = vpe.ReplayWindow(64)
    numbers = 5000, 5000, 4937, 4936, 4937, 5064, 5001, 5000
    verdicts = "accept", "replay_seen", "accept", "replay_old", "replay_seen", "accept", \
        "accept", "replay_old"
    tops = 5000, 5000, 5000, 5000, 5000, 5064, 5064, 5064
    for number, verdict, top in zip(numbers, verdicts, tops):
        assert window.commit(number) == verdict
        assert window.top == top


@pytest.mark.parametrize("version, path_mtu, expected", [
    (4, 1500, 1448), (4, 9000, 8948), (6, 1500, 1428), (6, 9000, 8928),
    (4, None, 65535 - 52), (6, None, 65535 - 32)])
def test_tunnel_mtu(version, path_mtu, expected):
    """The table of section 9, step 4, and what the outer length fields allow at most."""
    assert vpe.plaintext_limit(version, path_mtu) == expected


# --- Round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("addresses", OUTER, ids=["outer4", "outer6"])
@pytest.mark.parametrize("algorithm", vpe.ALGORITHMS)
def test_round_trip(algorithm, addresses):
    """Datagrams of many lengths, with and without padding, come out as they went in."""
    sender = make_sender(addresses, algorithm, 0x0107, 0, sequence=1)
    receiver = make_receiver(addresses, algorithm, 0x0107)
    limit = vpe.plaintext_limit(ipaddress.ip_address(addresses[0]).version)
    lengths = [*range(20, 150), 255, 256, 1279, 1280, 1448, 8928, 16384, limit]
    for make, shortest in ((ipv4, 20), (ipv6, 40)):
        for length in lengths:
            if length < shortest:
                continue
            datagram = make(length)
            for pad in {0, 1, 15, 16, 200, limit - length}:
                if pad < 0 or length + pad > limit:
                    continue
                packet = sender.seal(datagram, pad)
                assert len(packet) == vpe.OUTER_HEADER_LENGTH[packet[0] >> 4] + 32 + length + pad
                assert receiver.open(packet) == (vpe.ACCEPT, datagram)
    assert set(receiver.verdicts) == {vpe.ACCEPT}


def test_link_padding_is_cut():
    """Octets behind the inner datagram are not sent; those behind the outer one are not read."""
    for datagram in ipv4(33), ipv6(47):
        packet = make_sender().seal(datagram + b"link padding")
        assert packet == make_sender().seal(datagram)
        assert make_receiver().open(packet + b"trailer") == (vpe.ACCEPT, datagram)


@pytest.mark.parametrize("addresses", OUTER, ids=["outer4", "outer6"])
def test_fill(addresses):
    """A fill packet is dropped, but marks its number and takes a window."""
    sender, receiver = make_sender(addresses), make_receiver(addresses)
    for octets in 1, 2, 20, 64, 1400:
        packet = sender.fill(octets)
        assert receiver.open(packet) == ("fill", None)
        assert receiver.open(packet) == ("replay_seen", None)
    assert list(receiver.windows) == [(0, 1)]


@pytest.mark.parametrize("addresses", OUTER, ids=["outer4", "outer6"])
def test_outer_traffic_class(addresses):
    """DSCP is copied or configured, ECN is always copied, and a fill packet is Not-ECT."""
    for make in ipv4, ipv6:
        for tos in range(256):
            datagram = make(60, tos)
            assert vpe.traffic_class_of(make_sender(addresses).seal(datagram)) == tos
            configured = make_sender(addresses, dscp=46).seal(datagram)
            assert vpe.traffic_class_of(configured) == 46 << 2 | tos & 3
    assert vpe.traffic_class_of(make_sender(addresses).fill(9)) == 0
    assert vpe.traffic_class_of(make_sender(addresses, dscp=46).fill(9)) == 46 << 2


def test_outer_ipv4_header():
    """The fields of section 4 that nothing else looks at."""
    packet = make_sender(hop_limit=200).seal(ipv4(100))
    assert packet[:12].hex() == "45000098" + "00004000" + "c832" + packet[10:12].hex()
    assert vpe.checksum(packet[:20]) == 0


def test_flow_label():
    """One label for a window whatever is sent, never 0, and mostly different between windows."""
    labels = set()
    for window_id in range(1, 257):
        sender = make_sender(V6, window_id=window_id)
        own = {int.from_bytes(packet[:4], "big") & 0xFFFFF
               for packet in (sender.seal(ipv4(50)), sender.seal(ipv6(80), 9), sender.fill(3))}
        assert len(own) == 1 and 0 not in own
        labels |= own
    assert len(labels) > 250


# --- Sender limits --------------------------------------------------------------------------------


def test_sequence_end():
    """The last number is 2^64-2; after it the sender stops instead of wrapping."""
    sender, receiver = make_sender(sequence=2**64 - 3), make_receiver()
    for number in 2**64 - 3, 2**64 - 2:
        packet = sender.seal(ipv4(40))
        assert vpe.VpeHeader.parse(packet[20:]).sequence == number
        assert receiver.open(packet)[0] == vpe.ACCEPT
    for _ in range(2):
        with pytest.raises(vpe.SequenceExhausted):
            sender.seal(ipv4(40))
        with pytest.raises(vpe.SequenceExhausted):
            sender.fill(40)


@pytest.mark.parametrize("addresses, mtu", [(V4, 1448), (V6, 1428)])
def test_path_mtu(addresses, mtu):
    """What does not fit the tunnel MTU is refused, with its padding, and costs no number."""
    sender = make_sender(addresses, path_mtu=1500)
    assert len(sender.seal(ipv4(mtu))) == 1500
    assert len(sender.seal(ipv4(mtu - 5), 5)) == 1500
    assert len(sender.fill(mtu)) == 1500
    for attempt in (lambda: sender.seal(ipv4(mtu + 1)), lambda: sender.seal(ipv4(mtu - 5), 6),
                    lambda: sender.fill(mtu + 1)):
        with pytest.raises(vpe.TooBig) as caught:
            attempt()
        assert caught.value.mtu == mtu
    assert sender.next_sequence == 1003


@pytest.mark.parametrize("change", [
    {"spi": 0}, {"spi": 2**32}, {"algorithm": "aes-128-cbc"}, {"key": bytes(15)},
    {"key": bytes(20)}, {"sender_id": 65536}, {"sender_id": 0xC1}, {"sender_id": 0x12CF},
    {"window_id": 0}, {"window_id": 65536}, {"sequence": 0}, {"remote": V6[1]}, {"dscp": 64}])
def test_bad_sender_parameters(change):
    """Parameters outside section 2 are refused; so are four octets of salt behind a key."""
    good = {"spi": SPI, "algorithm": "aes-128-gcm", "key": bytes(16), "sender_id": 0,
            "window_id": 1, "sequence": 1, "local": V4[0], "remote": V4[1]}
    vpe.VpeSender(**good)
    with pytest.raises(vpe.VpeError):
        vpe.VpeSender(**{**good, **change})


@pytest.mark.parametrize("size", [0, 63, 65537])
def test_bad_window_size(size):
    """Replay protection cannot be switched off."""
    with pytest.raises(vpe.VpeError):
        make_receiver(replay_window=size)


def test_bad_requests():
    """Nothing to send, negative padding and empty fill packets are errors of the caller."""
    sender = make_sender()
    for attempt in (lambda: sender.seal(b""), lambda: sender.seal(ipv4(40), -1),
                    lambda: sender.fill(0)):
        with pytest.raises(vpe.VpeError):
            attempt()
    with pytest.raises(vpe.InvalidInner):
        sender.seal(bytes(40))
    assert sender.next_sequence == 1000


# --- Forgery --------------------------------------------------------------------------------------


def expected_after_flip(bit, window_id):
    """Return the verdict for a packet of Sender 0 with one bit of the outer payload changed."""
    offset = bit // 8
    if offset < 2:
        return "sender_unknown"
    if offset < 4 and window_id ^ 1 << (bit - 16) == 0:
        return "vpe_id_zero"
    return "no_sa" if 12 <= offset < 16 else "icv_failed"


@pytest.mark.parametrize("addresses", OUTER, ids=["outer4", "outer6"])
@pytest.mark.parametrize("algorithm", vpe.ALGORITHMS)
def test_every_bit_of_the_payload(algorithm, addresses):
    """Each single bit flip is refused for the right reason and leaves no trace."""
    datagram = ipv4(61)
    packet = make_sender(addresses, algorithm).seal(datagram, 7)
    header = vpe.OUTER_HEADER_LENGTH[packet[0] >> 4]
    receiver = make_receiver(addresses, algorithm)
    for bit in range(8 * (len(packet) - header)):
        assert receiver.open(flip(packet, 8 * header + bit)) == (expected_after_flip(bit, 1), None)
    assert receiver.windows == {}
    assert receiver.open(packet) == (vpe.ACCEPT, datagram)


def test_every_bit_of_the_outer_ipv4_header():
    """The header checksum finds each single bit flip, so VPE never sees such a packet."""
    packet = make_sender().seal(ipv4(61))
    receiver = make_receiver()
    for bit in range(8 * 20):
        with pytest.raises(vpe.NotVpe):
            receiver.open(flip(packet, bit))
    assert not receiver.verdicts


def test_every_bit_of_the_outer_ipv6_header():
    """Only addresses, lengths and ECN of an outer IPv6 header have an effect."""
    datagram = ipv4(61, vpe.ECT1)
    packet = make_sender(V6).seal(datagram)
    for bit in range(8 * 40):
        receiver = make_receiver(V6)
        changed = flip(packet, bit)
        offset = bit // 8
        if changed[0] >> 4 != 6 or offset == 6:
            with pytest.raises(vpe.NotVpe):
                receiver.open(changed)
        elif offset in (4, 5):
            stated = int.from_bytes(changed[4:6], "big")
            if stated > len(packet) - 40:
                with pytest.raises(vpe.NotVpe):
                    receiver.open(changed)
            else:
                short = "runt" if stated < 33 else "icv_failed"
                assert receiver.open(changed) == (short, None)
        elif offset >= 8:
            assert receiver.open(changed) == ("sa_outer_address", None)
        else:
            # ECT(1) turns into CE or Not-ECT; the inner ECT(1) follows only the first.
            inner = ipv4(61, vpe.CE) if vpe.traffic_class_of(changed) & 3 == vpe.CE else datagram
            assert receiver.open(changed) == (vpe.ACCEPT, inner)


@pytest.mark.parametrize("addresses", OUTER, ids=["outer4", "outer6"])
def test_every_cut(addresses):
    """A shortened outer payload is a runt or fails authentication, even with a right IP header."""
    packet = make_sender(addresses).seal(ipv4(40))
    payload = packet[vpe.OUTER_HEADER_LENGTH[packet[0] >> 4]:]
    receiver = make_receiver(addresses)
    for length in range(len(payload)):
        cut = vpe.build_outer(*addresses, payload[:length])
        assert receiver.open(cut) == ("runt" if length < 33 else "icv_failed", None)
    longer = vpe.build_outer(*addresses, payload + b"\0")
    assert receiver.open(longer) == ("icv_failed", None)
    assert receiver.windows == {}


def test_key_of_another_sa():
    """A packet whose SPI leads to another key fails, as section 5.3 wants."""
    packet = make_sender().seal(ipv4(40))
    other = vpe.VpeReceiver(SPI, "aes-128-gcm", bytes(16), 0, V4[1], V4[0])
    assert other.open(packet) == ("icv_failed", None)


# --- Order of the checks --------------------------------------------------------------------------


@pytest.mark.parametrize("fields, verdict", [
    ({"window_id": 0, "sequence": 0, "spi": 1}, "no_sa"),
    ({"sequence": 0, "spi": 1, "sender_id": 3}, "no_sa"),
    ({"sequence": 0, "sender_id": 3, "addresses": ("192.0.2.9", V4[1])}, "sa_outer_address"),
    ({"window_id": 0, "sequence": 0}, "vpe_id_zero"),
    ({"sequence": 0, "sender_id": 3}, "seq_zero"),
    ({"sequence": 2**64 - 1, "sender_id": 3}, "seq_max"),
    ({"spi": 1, "sender_id": 3, "addresses": ("192.0.2.9", V4[1])}, "no_sa"),
    ({"spi": 0}, "no_sa"),
    ({"addresses": ("192.0.2.9", "192.0.2.8")}, "sa_outer_address"),
    ({"addresses": (V4[0], "192.0.2.8")}, "sa_outer_address"),
    ({"sender_id": 3, "addresses": ("192.0.2.9", V4[1])}, "sa_outer_address"),
    ({"sender_id": 3, "window_id": 0}, "sender_unknown")])
def test_first_fault_wins(fields, verdict):
    """Of several faults, the first of section 10.2 is reported, whether the ICV is right or not."""
    receiver = make_receiver(selectors=[("10.1.0.0/16", "10.2.0.0/16")])
    packet = craft(b"\xff", **fields)
    assert receiver.open(packet) == (verdict, None)
    assert receiver.open(flip(packet, 8 * 52)) == (verdict, None)
    assert receiver.windows == {}


def test_early_replay_check_is_optional():
    """A forged copy shows whether step 6 is there; an authentic one does not."""
    packet = make_sender(sequence=5000).seal(ipv4(40))
    old = make_sender(sequence=5000 - 64).seal(ipv4(40))
    for early_check, forged in ((True, ("replay_seen", "replay_old")),
                                (False, ("icv_failed", "icv_failed"))):
        receiver = make_receiver(replay_window=64, early_check=early_check)
        assert receiver.open(packet)[0] == vpe.ACCEPT
        assert receiver.open(packet)[0] == "replay_seen"
        assert receiver.open(old)[0] == "replay_old"
        assert receiver.open(flip(packet, 8 * 52))[0] == forged[0]
        assert receiver.open(flip(old, 8 * 52))[0] == forged[1]


@pytest.mark.parametrize("plaintext, ecn, verdict", [
    (bytes(9), vpe.CE, "fill"),
    (b"\x0f" * 30, 0, "inner_version"),
    (b"\x50", 0, "inner_version"),
    (b"\x70" + bytes(50), 0, "inner_version"),
    (b"\x44" + bytes(18), 0, "inner_runt"),
    (b"\x60" + bytes(38), 0, "inner_runt"),
    (b"\x44" + bytes(19), 0, "inner_ihl"),
    (b"\x4f\0\0\x3b" + bytes(16), 0, "inner_length_short"),
    (b"\x4f\0\0\x3c" + bytes(16), 0, "inner_length"),
    (b"\x45\0\0\x14" + bytes(16), vpe.CE, "inner_checksum"),
    (b"\x60" + bytes(39), vpe.CE, "inner_jumbogram"),
    (b"\x60\0\0\0\0\x01\0" + bytes(33), vpe.CE, "inner_length"),
    (ipv4(40, source="10.9.0.1"), vpe.CE, "ecn_not_ect_ce"),
    (ipv4(40, source="10.9.0.1"), 0, "selector_mismatch"),
    (ipv4(40, destination="10.3.0.1"), 0, "selector_mismatch"),
    (ipv4(40, source="10.5.0.1", destination="10.2.0.1"), 0, "selector_mismatch"),
    (ipv6(40), 0, "selector_mismatch"),
    (ipv4(40, source="10.5.0.1", destination="10.6.0.1"), 0, "accept"),
    (ipv4(40), 0, "accept")])
def test_inner_order(plaintext, ecn, verdict):
    """Steps 9 and 10 in their order; a packet dropped there has still used its number."""
    receiver = make_receiver(selectors=[("10.1.0.0/16", "10.2.0.0/16"),
                                        ("10.5.0.0/16", "10.6.0.0/16")])
    packet = craft(plaintext, traffic_class=ecn)
    assert receiver.open(packet)[0] == verdict
    assert receiver.open(packet) == ("replay_seen", None)
    assert receiver.windows[0, 1].top == 1000


@pytest.mark.parametrize("addresses", OUTER, ids=["outer4", "outer6"])
def test_ecn_decapsulation(addresses):
    """All sixteen combinations for both inner versions; DSCP stays the inner one."""
    for make in ipv4, ipv6:
        for inner, row in ((0, (0, 0, 0, None)), (1, (1, 1, 1, 3)), (2, (2, 1, 2, 3)),
                           (3, (3, 3, 3, 3))):
            for outer, result in enumerate(row):
                packet = make_sender(addresses).seal(make(70, 46 << 2 | inner), 5,
                                                     traffic_class=10 << 2 | outer)
                expected = (("ecn_not_ect_ce", None) if result is None else
                            (vpe.ACCEPT, make(70, 46 << 2 | result)))
                assert make_receiver(addresses).open(packet) == expected


def test_ecn_with_options():
    """The updated checksum covers IPv4 options."""
    datagram = ipv4(60, vpe.ECT0, b"\x94\x04\0\0")
    packet = make_sender().seal(datagram, traffic_class=vpe.CE)
    assert make_receiver().open(packet) == (vpe.ACCEPT, ipv4(60, vpe.CE, b"\x94\x04\0\0"))


# --- Outer packets that are none of VPE's ---------------------------------------------------------


def patched_ipv4(packet, offset, value):
    """Return an outer IPv4 packet with some header octets replaced and a right checksum."""
    changed = bytearray(packet)
    changed[offset:offset + len(value)] = value
    changed[10:12] = b"\0\0"
    struct.pack_into("!H", changed, 10, vpe.checksum(changed[:20]))
    return bytes(changed)


@pytest.mark.parametrize("offset, value", [
    (6, b"\x20\0"), (6, b"\0\x01"), (6, b"\x60\0"), (9, b"\x11"), (2, b"\0\x13"),
    (2, b"\xff\xff"), (0, b"\x44"), (0, b"\x4f")])
def test_not_given_to_vpe(offset, value):
    """Fragments, other protocols and impossible lengths are IP's business."""
    with pytest.raises(vpe.NotVpe):
        make_receiver().open(patched_ipv4(make_sender().seal(ipv4(40)), offset, value))


@pytest.mark.parametrize("packet", [b"", b"\x45", b"\x60" + bytes(38), b"\x00" * 60])
def test_not_ip(packet):
    """Too little of an IP header is no IP packet."""
    with pytest.raises(vpe.NotVpe):
        make_receiver().open(packet)


@pytest.mark.parametrize("offset, value", [(6, b"\0\0"), (6, b"\xc0\0"), (4, b"\x12\x34"),
                                           (8, b"\x01"), (1, b"\xb8")])
def test_ignored_outer_fields(offset, value):
    """DF, the reserved flag, identification, TTL and DSCP of the outer header are ignored."""
    packet = patched_ipv4(make_sender().seal(ipv4(40)), offset, value)
    assert make_receiver().open(packet) == (vpe.ACCEPT, ipv4(40))


# --- Windows --------------------------------------------------------------------------------------


class ReplayModel:
    """Section 10.3 word by word: remember every accepted number, and compare."""

    def __init__(self, size):
        self.size = size
        self.accepted = set()

    def commit(self, number):
        """Judge a number."""
        if self.accepted and number + self.size <= max(self.accepted):
            return "replay_old"
        if number in self.accepted:
            return "replay_seen"
        self.accepted.add(number)
        return vpe.ACCEPT


@pytest.mark.parametrize("size", [64, 65, 100, 1024, 1536, 65536])
@pytest.mark.parametrize("seed", range(4))
def test_replay_model(size, seed):
    """Random walks with small steps, jumps and stragglers agree with the model."""
    rng = random.Random(seed * 100003 + size)
    window, model = vpe.ReplayWindow(size), ReplayModel(size)
    here = rng.choice([1, 70, 2**32 - 40, 2**63 - 40, 2**64 - 2 - 4 * size])
    for _ in range(1500):
        kind = rng.random()
        if kind < 0.5:
            number = here + rng.randint(-3, 3)
        elif kind < 0.8:
            number = here - rng.randint(0, 2 * size)
        elif kind < 0.95:
            number = here - size + rng.randint(-2, 2)
        else:
            number = here + rng.choice([size - 1, size, size + 1, 2 * size, rng.randint(1, 9999)])
        number = min(max(number, 1), vpe.SEQUENCE_LAST)
        before = window.check(number)
        assert before == model.commit(number)
        assert window.commit(number) == before
        here = window.top
        assert here == max(model.accepted)


def test_replay_whole_window():
    """Each number of a window is accepted once, in any order, and none below it."""
    for size in 64, 1000, 1024:
        window = vpe.ReplayWindow(size)
        assert window.commit(10 * size) == vpe.ACCEPT
        numbers = list(range(9 * size + 1, 10 * size))
        random.Random(size).shuffle(numbers)
        assert {window.commit(number) for number in numbers} == {vpe.ACCEPT}
        assert {window.commit(number) for number in numbers} == {"replay_seen"}
        assert window.commit(9 * size) == "replay_old"


def test_windows_are_independent():
    """Each Window ID has a top and marks of its own."""
    receiver = make_receiver(replay_window=64, table_size=3)
    for window_id, sequence in ((1, 10**15), (65535, 1), (256, 500)):
        sender = make_sender(window_id=window_id, sequence=sequence)
        packets = [sender.seal(ipv4(40)) for _ in range(64)]
        assert {receiver.open(packet)[0] for packet in reversed(packets)} == {vpe.ACCEPT}
        assert {receiver.open(packet)[0] for packet in packets} == {"replay_seen"}
    assert set(receiver.windows) == {(0, 1), (0, 65535), (0, 256)}


def test_window_table_full():
    """A full table refuses authentic new windows only, and never forgets a known one."""
    receiver = make_receiver(table_size=2)
    first = make_sender(window_id=1).seal(ipv4(40))
    assert receiver.open(first)[0] == vpe.ACCEPT
    third = make_sender(window_id=3)
    forged = flip(third.seal(ipv4(40)), 8 * 60)
    assert receiver.open(forged)[0] == "icv_failed"
    assert receiver.open(make_sender(window_id=2).fill(1))[0] == "fill"
    assert receiver.open(forged)[0] == "icv_failed"
    assert receiver.open(third.seal(ipv4(40))) == ("window_table_full", None)
    assert receiver.open(third.fill(1)) == ("window_table_full", None)
    assert receiver.open(first)[0] == "replay_seen"
    assert receiver.open(make_sender(window_id=1, sequence=1001).seal(ipv4(40)))[0] == vpe.ACCEPT
