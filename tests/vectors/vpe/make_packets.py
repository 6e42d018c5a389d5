#!/usr/bin/python3
# Writes packets.json, the VPE test vectors of docs/vpe-protocol.md. Needs Python's `cryptography`.
# Every octet is fixed, so the output is always the same file. `--check` compares, changes nothing.
import ipaddress
import json
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

TARGET = pathlib.Path(__file__).with_name("packets.json")

ALGORITHMS = {
    "aes-128-gcm": (AESGCM, bytes(range(0x00, 0x10))),
    "aes-192-gcm": (AESGCM, bytes(range(0x50, 0x68))),
    "aes-256-gcm": (AESGCM, bytes(range(0x10, 0x30))),
    "chacha20-poly1305": (ChaCha20Poly1305, bytes(range(0x30, 0x50))),
}
OUTER = {4: ("192.0.2.1", "198.51.100.1"), 6: ("2001:db8:1::1", "2001:db8:2::1")}
INNER = {4: ("10.1.0.10", "10.2.0.20"), 6: ("2001:db8:a::10", "2001:db8:b::20")}
SELECTORS = [{"src": "10.1.0.0/16", "dst": "10.2.0.0/16"},
             {"src": "2001:db8:a::/48", "dst": "2001:db8:b::/48"}]
NOT_ECT, ECT1, ECT0, CE = range(4)
ICMP, UDP, ESP, ICMPV6, NO_NEXT = 1, 17, 50, 58, 59
SPI = 0x2001


def packed(addresses):
    return b"".join(ipaddress.ip_address(a).packed for a in addresses)


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def set_checksum(data, offset):
    """The same octets with the Internet checksum over all of them at `offset`."""
    zeroed = data[:offset] + b"\0\0" + data[offset + 2:]
    return zeroed[:offset] + struct.pack("!H", checksum(zeroed)) + zeroed[offset + 2:]


def ipv4(payload, protocol, addresses=INNER[4], tos=0, ident=0x1234, ttl=63, options=b"",
         ihl=None, total=None, df=True):
    length = 20 + len(options)
    head = struct.pack("!BBHHHBBH", 0x40 | (length // 4 if ihl is None else ihl), tos,
                       length + len(payload) if total is None else total,
                       ident, 0x4000 if df else 0, ttl, protocol, 0)
    return set_checksum(head + packed(addresses) + options, 10) + payload


def ipv6(payload, next_header, addresses=INNER[6], tclass=0, label=0, hops=63, length=None):
    return struct.pack("!IHBB", 6 << 28 | tclass << 20 | label,
                       len(payload) if length is None else length,
                       next_header, hops) + packed(addresses) + payload


def udp(text, addresses):
    data = struct.pack("!HHHH", 40000, 5001, 8 + len(text), 0) + text
    pseudo = packed(addresses) + struct.pack("!HH", UDP, len(data))
    return data[:6] + struct.pack("!H", checksum(pseudo + data) or 0xffff) + data[8:]


def echo(text):
    return set_checksum(struct.pack("!BBHHH", 8, 0, 0, 0x5650, 1) + text, 2)


def echo6(text, addresses=INNER[6]):
    data = struct.pack("!BBHHH", 128, 0, 0, 0x5650, 1) + text
    pseudo = packed(addresses) + struct.pack("!II", len(data), ICMPV6)
    return data[:2] + struct.pack("!H", checksum(pseudo + data)) + data[4:]


UDP4 = ipv4(udp(b"VPE over IPv4", INNER[4]), UDP)
ECHO6 = ipv6(echo6(b"VPE over IPv6"), ICMPV6)


def traffic_class(datagram):
    return datagram[1] if datagram[0] >> 4 == 4 else (datagram[0] & 15) << 4 | datagram[1] >> 4


def flip(data, offset):
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1:]


def tampered(payload, tamper):
    if tamper is None:
        return payload
    if "length" in tamper:
        return payload[:tamper["length"]]
    changed = bytearray(payload)
    changed[tamper["octet"]] ^= tamper["xor"]
    return bytes(changed)


vectors = []


def vector(name, note, plaintext, verdict="accept", inner=None, algorithm="aes-128-gcm", family=4,
           sender=0, window=1, sequence=1000, spi=SPI, tos=0, tamper=None, addresses=None,
           outer=None, link_padding=b"", sa=None, sealable=True):
    """Seal `plaintext`, wrap it and append the row. `tamper` changes the outer payload after it was
    sealed; `addresses` and `outer` say where the outer header is not as usual, `sa` where the
    receiver's SA differs from the packet; `inner` is what the receiver hands on, by default the
    plaintext. `sealable` is for what this function does not see by itself."""
    aead, key = ALGORITHMS[algorithm]
    nonce = struct.pack("<HHQ", sender, window, sequence)
    sealed = aead(key).encrypt(nonce, plaintext, b"")
    payload = tampered(nonce + struct.pack("<I", spi) + sealed[-16:] + sealed[:-16], tamper)
    source, destination = addresses or OUTER[family]
    head = {"version": family, "source": source, "destination": destination,
            "dscp": tos >> 2, "ecn": tos & 3}
    if family == 4:
        head |= {"ttl": 64, "identification": 0, "dont_fragment": True, **(outer or {})}
        packet = ipv4(payload, ESP, (source, destination), tos, head["identification"],
                      head["ttl"], df=head["dont_fragment"])
    else:
        head |= {"hop_limit": 64, "flow_label": 0x5ab1e, **(outer or {})}
        packet = ipv6(payload, ESP, (source, destination), tos, head["flow_label"],
                      head["hop_limit"])
    if tamper or outer or link_padding or verdict.startswith("inner_"):
        sealable = False
    elif plaintext and tos != (0 if plaintext[0] == 0 else traffic_class(plaintext)):
        sealable = False
    remote, local = OUTER[family]
    vectors.append({
        "name": name, "note": note, "algorithm": algorithm, "key": key.hex(),
        "sender_id": sender, "window_id": window, "sequence": str(sequence), "spi": spi,
        "sa": {"spi": spi, "sender_id": sender, "local": local, "remote": remote,
               "selectors": SELECTORS, **(sa or {})},
        "plaintext": plaintext.hex(), "tamper": tamper, "outer": head,
        "outer_packet": packet.hex(), "link_padding": link_padding.hex(), "sealable": sealable,
        "inner_datagram": (inner or plaintext).hex() if verdict == "accept" else None,
        "verdict": verdict,
    })


def accepted():
    dscp_ef = 46 << 2
    vector("aes-128-gcm-ipv4-in-ipv4", "UDP datagram; the first number one day after the epoch",
           UDP4, sequence=86400 << 30)
    inner = ipv6(echo6(b"VPE over IPv4"), ICMPV6, tclass=dscp_ef | ECT0)
    vector("aes-256-gcm-ipv6-in-ipv4", "ICMPv6 echo request; DSCP EF and ECT(0) copied outwards",
           inner, algorithm="aes-256-gcm", window=0x0102, sequence=0x1112131415161718,
           spi=0xa1a2a3a4, tos=dscp_ef | ECT0)
    vector("chacha20-poly1305-ipv4-in-ipv6", "ICMP echo request; the lowest sequence number",
           ipv4(echo(b"VPE over IPv6"), ICMP), algorithm="chacha20-poly1305", family=6, window=3,
           sequence=1)
    vector("aes-128-gcm-padded", "43 octets of zero padding behind an inner datagram of 41",
           UDP4 + bytes(43), inner=UDP4, sequence=1 << 32)
    vector("aes-256-gcm-fill", "fill packet with the highest sequence number", bytes(64), "fill",
           algorithm="aes-256-gcm", window=2, sequence=2**64 - 2)
    vector("aes-192-gcm-ipv6-in-ipv6", "a Sender ID other than 0", ECHO6, algorithm="aes-192-gcm",
           family=6, sender=0x0107, window=0)
    vector("padding-not-zero", "a receiver does not look at padding", UDP4 + b"\xa5" * 7,
           inner=UDP4, sealable=False)
    vector("fill-one-octet", "33 octets of outer payload, the fewest that are not a runt", b"\0",
           "fill")
    vector("fill-not-zero", "only the first octet of a fill packet counts", b"\0" + b"\xa5" * 31,
           "fill", sealable=False)
    vector("fill-outer-ce", "a fill packet ends before the ECN fields are joined", bytes(64),
           "fill", tos=CE)
    vector("inner-ipv4-options", "options stay as they are",
           ipv4(udp(b"options", INNER[4]), UDP, options=b"\x94\x04\0\0"))
    vector("inner-ipv4-header-only", "total length is 4 x IHL", ipv4(b"", 253))
    header = ipv4(b"", 253)
    zero_sum = ipv4(b"", 253, ident=(0x1234 + int.from_bytes(header[10:12], "big")) & 0xffff)
    assert zero_sum[10:12] == b"\0\0"
    vector("inner-checksum-ffff", "the checksum is computed as 0x0000, and sent as 0xffff",
           zero_sum[:10] + b"\xff\xff" + zero_sum[12:])
    vector("inner-ipv6-empty", "payload length 0 is refused only with next header 0",
           ipv6(b"", NO_NEXT) + bytes(8), inner=ipv6(b"", NO_NEXT))
    vector("second-selector-family", "inner IPv6 matches the second pair of selectors", ECHO6)
    vector("link-padding", "octets behind the outer packet are not part of it", UDP4 + bytes(3),
           inner=UDP4, link_padding=b"\xa5" * 6)
    vector("link-padding-ipv6", "octets behind the outer packet are not part of it", ECHO6,
           family=6, link_padding=b"\xa5" * 6)
    vector("outer-fields-ignored", "identification, DF, TTL and DSCP of the outer header", UDP4,
           tos=dscp_ef, outer={"ttl": 1, "identification": 0x4321, "dont_fragment": False})
    vector("outer-ipv6-fields-ignored", "flow label, hop limit and DSCP of the outer header", UDP4,
           family=6, tos=dscp_ef, outer={"hop_limit": 1, "flow_label": 0})
    for name, ecn, outer, result in (("ect0-ce", ECT0, CE, CE), ("ect0-ect1", ECT0, ECT1, ECT1),
                                     ("not-ect-ect0", NOT_ECT, ECT0, NOT_ECT),
                                     ("ce-not-ect", CE, NOT_ECT, CE),
                                     ("ect1-ect0", ECT1, ECT0, ECT1)):
        body = udp(b"ECN", INNER[4])
        vector(f"ecn-{name}", "the inner field follows RFC 6040, the inner checksum follows it",
               ipv4(body, UDP, tos=ecn), inner=ipv4(body, UDP, tos=result), tos=outer)
    options = b"\x94\x04\0\0"
    vector("ecn-inner-ipv4-options", "the checksum that follows covers the options",
           ipv4(body, UDP, tos=ECT0, options=options),
           inner=ipv4(body, UDP, tos=CE, options=options), tos=CE)
    body = echo6(b"ECN")
    vector("ecn-inner-ipv6-ect1-ce", "the ECN field of IPv6", ipv6(body, ICMPV6, tclass=ECT1),
           inner=ipv6(body, ICMPV6, tclass=CE), family=6, tos=CE)
    vector("ecn-inner-ipv6-in-ipv4", "the field changes across IP versions",
           ipv6(body, ICMPV6, tclass=dscp_ef | ECT0),
           inner=ipv6(body, ICMPV6, tclass=dscp_ef | CE), tos=dscp_ef | CE)


def header_faults():
    """Dropped in steps 1 to 5, alone and several at once."""
    stranger = ("192.0.2.99", OUTER[4][1])
    for octets in (0, 3, 15):
        vector(f"runt-{octets}", "too short to hold an SPI", UDP4, "runt",
               tamper={"length": octets})
    vector("runt-cut", "cut inside the ICV", UDP4, "runt", tamper={"length": 31})
    vector("runt-empty", "32 octets: a right ICV over nothing", b"", "runt", sealable=False)
    vector("runt-spi-unknown", "long enough to hold an SPI: it is looked up before the length",
           UDP4, "no_sa", spi=SPI + 1, sa={"spi": SPI}, tamper={"length": 16})
    vector("runt-id-word-zero", "the length comes before the ID word", UDP4, "runt", window=0,
           tamper={"length": 32})
    vector("spi-unknown", "", UDP4, "no_sa", spi=SPI + 1, sa={"spi": SPI})
    vector("spi-unknown-id-word-zero", "the SA comes before the ID word", UDP4, "no_sa", window=0,
           spi=SPI + 1, sa={"spi": SPI}, sealable=False)
    vector("spi-unknown-sequence-zero", "the SA comes before the sequence number", UDP4, "no_sa",
           sequence=0, spi=SPI + 1, sa={"spi": SPI}, sealable=False)
    vector("outer-source-wrong", "", UDP4, "sa_outer_address", addresses=stranger)
    vector("outer-destination-wrong", "there is an SA with this SPI, but not at this address",
           UDP4, "sa_outer_address", addresses=(OUTER[4][0], "198.51.100.99"))
    vector("outer-ipv6-destination-wrong", "", UDP4, "sa_outer_address", family=6,
           addresses=(OUTER[6][0], "2001:db8:2::99"))
    vector("outer-source-wrong-sender-wrong", "the addresses come before the Sender ID", UDP4,
           "sa_outer_address", addresses=stranger, sa={"sender_id": 7})
    vector("outer-source-wrong-sequence-zero", "the addresses come before the sequence number",
           UDP4, "sa_outer_address", addresses=stranger, sequence=0, sealable=False)
    vector("id-word-zero", "Sender 0, Window 0", UDP4, "vpe_id_zero", window=0, sealable=False)
    vector("id-word-zero-sequence-zero", "the ID word comes before the sequence number", UDP4,
           "vpe_id_zero", window=0, sequence=0, sealable=False)
    vector("id-word-zero-sender-wrong", "the ID word comes before the Sender ID", UDP4,
           "vpe_id_zero", window=0, sa={"sender_id": 7}, sealable=False)
    vector("sequence-zero", "", UDP4, "seq_zero", sequence=0, sealable=False)
    vector("sequence-max", "", UDP4, "seq_max", sequence=2**64 - 1, sealable=False)
    vector("sequence-max-sender-wrong", "the sequence number comes before the Sender ID", UDP4,
           "seq_max", sequence=2**64 - 1, sa={"sender_id": 7}, sealable=False)
    vector("sender-wrong", "the SA's Sender ID is 7", UDP4, "sender_unknown", sa={"sender_id": 7})


def forged():
    for name, offset in (("icv", 16), ("ciphertext", 40), ("window-id", 3), ("sequence", 11)):
        vector(f"tampered-{name}", f"lowest bit of octet {offset} of the outer payload changed",
               UDP4, "icv_failed", tamper={"octet": offset, "xor": 1})
    for name, offset in (("sender-id", 0), ("sender-id-high", 1)):
        vector(f"tampered-{name}", f"lowest bit of octet {offset} of the outer payload changed",
               UDP4, "sender_unknown", tamper={"octet": offset, "xor": 1})
    vector("tampered-spi", "the SPI is not authenticated, but another one finds no SA", UDP4,
           "no_sa", tamper={"octet": 12, "xor": 2})
    vector("tampered-padding", "padding is authenticated", UDP4 + bytes(8), "icv_failed",
           tamper={"octet": 80, "xor": 1})
    vector("tampered-outer-ce", "the ICV comes before the ECN fields", UDP4, "icv_failed", tos=CE,
           tamper={"octet": 31, "xor": 0x80})


def inner_faults():
    vector("inner-version-5", "", b"\x55" + UDP4[1:], "inner_version")
    vector("inner-octet-0x01", "nibble 0, but not a fill packet", b"\x01" + bytes(63),
           "inner_version")
    vector("inner-version-one-octet", "the nibble comes before the length", b"\xf0",
           "inner_version")
    vector("inner-ipv4-19-octets", "", UDP4[:19], "inner_runt")
    vector("inner-ipv6-39-octets", "", ECHO6[:39], "inner_runt")
    body = udp(b"VPE", INNER[4])
    vector("inner-ihl-4", "", ipv4(body, UDP, ihl=4), "inner_ihl")
    vector("inner-total-19", "", ipv4(body, UDP, total=19), "inner_length_short")
    vector("inner-total-under-options", "total length 20, IHL 6",
           ipv4(body, UDP, options=b"\x94\x04\0\0", total=20), "inner_length_short")
    vector("inner-total-beyond", "one octet more than there is",
           ipv4(body, UDP, total=20 + len(body) + 1), "inner_length")
    vector("inner-ihl-beyond", "IHL 15 in 31 octets", ipv4(body, UDP, ihl=15, total=60),
           "inner_length")
    vector("inner-ipv6-length-beyond", "one octet more than there is",
           ipv6(echo6(b"VPE"), ICMPV6, length=12), "inner_length")
    vector("inner-checksum-wrong", "", flip(UDP4, 10), "inner_checksum")
    vector("inner-checksum-wrong-ce", "the inner checksum comes before the ECN fields",
           flip(UDP4, 10), "inner_checksum", tos=CE)
    jumbo = struct.pack("!BBBBI", UDP, 0, 0xc2, 4, 65536)
    vector("inner-jumbogram", "", ipv6(jumbo + bytes(24), 0, length=0), "inner_jumbogram")
    vector("ecn-not-ect-ce", "", UDP4, "ecn_not_ect_ce", tos=CE)
    vector("ecn-inner-ipv6-not-ect-ce", "", ECHO6, "ecn_not_ect_ce", family=6, tos=CE)


def unselected():
    other = "10.9.0.10"
    for name, note, addresses, more in (
            ("selector-wrong", "inner source outside the selectors", (other, INNER[4][1]), {}),
            ("selector-destination-wrong", "inner destination outside the selectors",
             (INNER[4][0], other), {}),
            ("selector-exchanged", "the selectors have a direction", INNER[4][::-1], {}),
            ("selector-mixed", "source from the one pair, destination from the other", INNER[4],
             {"sa": {"selectors": [{"src": "10.1.0.0/16", "dst": "10.4.0.0/16"},
                                   {"src": "10.3.0.0/16", "dst": "10.2.0.0/16"}]}}),
            ("selector-none", "without selectors nothing matches", INNER[4],
             {"sa": {"selectors": []}})):
        vector(name, note, ipv4(udp(b"VPE", addresses), UDP, addresses), "selector_mismatch",
               **more)
    addresses = (other, INNER[4][1])
    vector("selector-wrong-ce", "the ECN fields come before the selectors",
           ipv4(udp(b"VPE", addresses), UDP, addresses), "ecn_not_ect_ce", tos=CE)


# One window each, every packet authentic; steps are (sequence number, verdict) in order of arrival.
REPLAY = [
    ("start anywhere", 64, [(5000, "accept"), (5000, "replay_seen"), (4937, "accept"),
                            (4936, "replay_old"), (4937, "replay_seen")]),
    ("advance by one", 64, [(1, "accept"), (64, "accept"), (2, "accept"), (65, "accept"),
                            (1, "replay_old"), (2, "replay_seen"), (66, "accept"),
                            (2, "replay_old")]),
    ("jump and stragglers", 1024, [(1, "accept"), (100000, "accept"), (98977, "accept"),
                                   (98976, "replay_old"), (99000, "accept"),
                                   (99000, "replay_seen"), (100001, "accept"),
                                   (98977, "replay_old")]),
    ("jump by a multiple of the window", 64, [(10, "accept"), (138, "accept"), (75, "accept"),
                                              (74, "replay_old"), (138, "replay_seen")]),
    ("the example of section 10.3", 64, [(5000, "accept"), (5000, "replay_seen"), (4937, "accept"),
                                         (4936, "replay_old"), (4937, "replay_seen"),
                                         (5064, "accept"), (5001, "accept"),
                                         (5000, "replay_old")]),
    ("no power of two", 100, [(1000, "accept"), (901, "accept"), (900, "replay_old"),
                              (1064, "accept"), (965, "accept"), (964, "replay_old"),
                              (901, "replay_old"), (1000, "replay_seen"), (1001, "accept")]),
    ("no multiple of eight", 1025, [(2000, "accept"), (976, "accept"), (975, "replay_old"),
                                    (3024, "accept"), (2000, "replay_seen"),
                                    (1999, "replay_old"), (3025, "accept"),
                                    (2000, "replay_old"), (2001, "accept")]),
    ("end of the numbers", 64, [(2**64 - 2, "accept"), (2**64 - 65, "accept"),
                                (2**64 - 66, "replay_old"), (2**64 - 2, "replay_seen")]),
]


def document():
    accepted()
    header_faults()
    forged()
    inner_faults()
    unselected()
    return json.dumps({
        "source": "Made by make_packets.py beside this file with Python's cryptography package; "
                  "rules from docs/vpe-protocol.md, where section 14 explains the fields.",
        "vectors": vectors,
        "replay": [{"name": name, "window": size,
                    "steps": [{"sequence": str(n), "verdict": v} for n, v in steps]}
                   for name, size, steps in REPLAY],
    }, indent=1) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if TARGET.read_text() == document() else "packets.json differs")
    TARGET.write_text(document())
