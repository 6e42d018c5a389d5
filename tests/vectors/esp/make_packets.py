#!/usr/bin/python3
# Writes packets.json, ESP packets (RFC 4303, 4106, 7634) for the unit tests. Needs scapy and
# Python's `cryptography`. What scapy can make is made by scapy, and cryptography must agree. The
# rest is made with cryptography, and scapy must open what of it is authentic. Every octet is fixed,
# so the output is always the same file. `--check` compares, changes nothing.
import json
import logging
import pathlib
import struct
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw, raw

TARGET = pathlib.Path(__file__).with_name("packets.json")

ALGORITHMS = {
    "aes-128-gcm": ("AES-GCM", AESGCM, bytes(range(0x00, 0x10))),
    "aes-192-gcm": ("AES-GCM", AESGCM, bytes(range(0x50, 0x68))),
    "aes-256-gcm": ("AES-GCM", AESGCM, bytes(range(0x10, 0x30))),
    "chacha20-poly1305": ("CHACHA20-POLY1305", ChaCha20Poly1305, bytes(range(0x30, 0x50))),
}
SALT = bytes.fromhex("cafe1234")
OUTER = {4: ("192.0.2.1", "198.51.100.1"), 6: ("2001:db8:1::1", "2001:db8:2::1")}
SPI = 0xc3a50001
NOT_ECT, ECT1, ECT0, CE = range(4)
IPV4, IPV6, NO_NEXT = 4, 41, 59


def inner4(text=b"ESP over", tos=0, **fields):
    return raw(IP(src="10.1.0.10", dst="10.2.0.20", id=0x1234, flags="DF", ttl=63, tos=tos,
                  **fields) / UDP(sport=40000, dport=5001) / Raw(text))


def echo4(text):
    return raw(IP(src="10.1.0.10", dst="10.2.0.20", id=1, ttl=63) / ICMP(id=7, seq=1) / Raw(text))


def inner6(text=b"ESP over", tc=0):
    return raw(IPv6(src="2001:db8:a::10", dst="2001:db8:b::20", hlim=63, tc=tc) /
               ICMPv6EchoRequest(id=7, seq=1, data=text))


def outer_header(family, tos=0):
    source, destination = OUTER[family]
    if family == 4:
        return IP(src=source, dst=destination, id=0, flags="DF", ttl=64, tos=tos)
    return IPv6(src=source, dst=destination, hlim=64, tc=tos, fl=0x5ab1e)


def association(algorithm, family, esn, sequence, tos=0):
    return SecurityAssociation(ESP, spi=SPI, crypt_algo=ALGORITHMS[algorithm][0],
                               crypt_key=ALGORITHMS[algorithm][2] + SALT,
                               tunnel_header=outer_header(family, tos),
                               esn_en=esn, esn=sequence >> 32)


packets = []


def row(name, note, source, algorithm, esn, sequence, outer, plaintext, inner, verdict, top, iv):
    packets.append({
        "name": name, "note": note, "source": source, "algorithm": algorithm,
        "key": ALGORITHMS[algorithm][2].hex(), "salt": SALT.hex(), "esn": esn, "spi": SPI,
        "sequence": str(sequence), "top": str(top), "iv_is_sequence": iv is None,
        "plaintext": plaintext.hex(), "outer_packet": outer.hex(),
        "inner_datagram": inner.hex() if verdict == "accept" else None, "verdict": verdict,
    })


def trailer(data, next_header, pad=None):
    pad = -(len(data) + 2) % 4 if pad is None else pad
    return data + bytes(range(1, pad + 1)) + bytes([pad, next_header])


def by_scapy(name, note, inner, algorithm="aes-128-gcm", family=4, esn=False, sequence=1000, tos=0,
             top=0, iv=None, result=None):
    """A right packet. `top` is the receiver's window top before; `iv` not given is the sequence
    number, as our sender has it; `result` is what the receiver hands on, by default `inner`."""
    datagram = (IP if inner[0] >> 4 == 4 else IPv6)(inner)
    sa = association(algorithm, family, esn, sequence, tos)
    outer = raw(sa.encrypt(datagram, seq_num=sequence & 0xffffffff,
                           iv=iv or struct.pack("!Q", sequence)))
    plaintext = trailer(inner, IPV4 if inner[0] >> 4 == 4 else IPV6)
    # Cryptography's own opinion, so that scapy's cannot be wrong alone.
    assert outer[len(raw(outer_header(family))):] == sealed(algorithm, esn, sequence, plaintext, iv)
    row(name, note, "scapy", algorithm, esn, sequence, outer, plaintext, result or inner, "accept",
        top, iv)


def sealed(algorithm, esn, sequence, plaintext, iv=None):
    _, aead, key = ALGORITHMS[algorithm]
    iv = iv or struct.pack("!Q", sequence)
    head = struct.pack("!II", SPI, sequence & 0xffffffff)
    aad = struct.pack("!IQ", SPI, sequence) if esn else head
    return head + iv + aead(key).encrypt(SALT + iv, plaintext, aad)


def by_hand(name, note, plaintext, verdict, inner=None, algorithm="aes-128-gcm", family=4,
            esn=False, sequence=1000, tos=0, top=0, tamper=None):
    """Any plaintext, trailer included. `tamper` changes the payload after it was sealed."""
    payload = sealed(algorithm, esn, sequence, plaintext)
    header = outer_header(family, tos)
    if tamper:
        payload = tamper(payload)
    elif len(payload) >= 36:
        sa = association(algorithm, family, esn, sequence)
        opened = sa.crypt_algo.decrypt(sa, ESP(payload), sa.crypt_key, 16, esn_en=esn, esn=sa.esn)
        assert (opened.padlen, opened.nh) == tuple(plaintext[-2:])
    if family == 4:
        header.proto = 50
    else:
        header.nh = 50
    row(name, note, "cryptography", algorithm, esn, sequence, raw(header / Raw(payload)), plaintext,
        inner, verdict, top, None)


def flip(payload, offset):
    payload = bytearray(payload)
    payload[offset] ^= 1
    return bytes(payload)


def accepted():
    for algorithm in ALGORITHMS:
        for esn in (False, True):
            for family in (4, 6):
                for version, inner in ((4, inner4()), (6, inner6())):
                    by_scapy(f"{algorithm}{'-esn' if esn else ''}-ipv{version}-in-ipv{family}", "",
                             inner, algorithm, family, esn)
    for pad in range(4):
        by_scapy(f"padding-{pad}", "octets of padding", echo4(b"x" * (6 - pad)))
        by_scapy(f"padding-{pad}-chacha", "octets of padding", echo4(b"x" * (6 - pad)),
                 "chacha20-poly1305", 6, True)
    by_scapy("first-number", "", inner4(), sequence=1)
    by_scapy("last-number", "without ESN", inner4(), sequence=0xffffffff)
    by_scapy("upper-half", "ESN, the upper half told by the window", inner6(), "aes-256-gcm", 4,
             True, 0x123456789a, top=0x1234567890)
    by_scapy("over-the-border", "ESN, the top is shortly before a multiple of 2^32", inner4(),
             "aes-256-gcm", 6, True, 0x300000005, top=0x2fffffff0)
    by_scapy("behind-the-border", "ESN, the top is shortly behind a multiple of 2^32", inner4(),
             "chacha20-poly1305", 4, True, 0x2fffffff8, top=0x300000005)
    by_scapy("another-iv", "the IV is the sender's choice", inner4(),
             iv=bytes.fromhex("0123456789abcdef"))
    by_scapy("another-iv-chacha", "", inner6(), "chacha20-poly1305", 6,
             iv=bytes.fromhex("ffeeddccbbaa9988"))
    by_scapy("class-copied", "DSCP EF and ECT(0) on both", inner4(tos=0xba), tos=0xba)
    by_scapy("class-copied-ipv6", "", inner6(tc=0xba), family=6, tos=0xba)
    by_scapy("ect0-ce", "RFC 6040", inner4(tos=ECT0), tos=CE, result=inner4(tos=CE))
    by_scapy("ect0-ect1-ipv6", "RFC 6040", inner6(tc=ECT0), family=6, tos=ECT1,
             result=inner6(tc=ECT1))
    tfc = inner4() + bytes(37)
    by_hand("tfc-padding", "octets between the datagram and ESP's padding", trailer(tfc, IPV4),
            "accept", inner4())
    by_hand("tfc-padding-ipv6", "not zero", trailer(inner6() + b"\xa5" * 9, IPV6), "accept",
            inner6(), "aes-256-gcm", 6, True)
    by_hand("most-padding", "254 octets", trailer(inner4(), IPV4, 254), "accept", inner4())


def dropped():
    inner = inner4()
    for octets in (0, 15, 16, 31, 35):
        by_hand(f"runt-{octets}", "cut", trailer(inner, IPV4), "runt",
                tamper=lambda p, n=octets: p[:n])
    by_hand("runt-no-trailer", "an ICV over nothing", b"", "runt")
    for octets in (1, 2, 3):
        by_hand(f"length-{octets}", "a right ICV, but no multiple of 4", bytes(4 + octets),
                "esp_length")
    by_hand("sequence-zero", "", trailer(inner, IPV4), "seq_zero", sequence=0)
    by_hand("sequence-zero-esn", "", trailer(inner, IPV4), "seq_zero", esn=True, sequence=0)
    by_hand("esn-of-another-half", "the window is elsewhere", trailer(inner, IPV4), "icv_failed",
            esn=True, sequence=0x500000005, top=0x100000000)
    for name, offset in (("sequence", 7), ("iv", 8), ("ciphertext", 20), ("icv", -1)):
        by_hand(f"tampered-{name}", "one bit", trailer(inner, IPV4), "icv_failed",
                tamper=lambda p, at=offset: flip(p, at % len(p)))
    for position in (0, 1, 4):
        plain = bytearray(trailer(inner, IPV4, 8 - (len(inner) + 2) % 4))
        plain[len(inner) + position] ^= 0x40
        by_hand(f"padding-octet-{position + 1}", "wrong", bytes(plain), "esp_padding")
    by_hand("padding-zeros", "not 1, 2, 3 ...", inner + bytes(-(len(inner) + 2) % 4 + 4) +
            bytes([-(len(inner) + 2) % 4 + 4, IPV4]), "esp_padding")
    by_hand("pad-length-255", "longer than the payload", trailer(inner, IPV4)[:-2] + b"\xff\x04",
            "esp_pad_length")
    by_hand("pad-length-one-too-many", "", bytes(range(1, 7)) + b"\x07\x04", "esp_pad_length")
    by_hand("only-padding", "no datagram", bytes(range(1, 7)) + b"\x06\x04", "inner_version")
    by_hand("dummy", "RFC 4303 section 2.6", trailer(b"anything", NO_NEXT), "dummy")
    by_hand("dummy-empty", "", trailer(b"", NO_NEXT), "dummy")
    by_hand("dummy-wrong-padding", "", bytes([9, 9, 9, 9, 2, 3, 2, NO_NEXT]), "esp_padding")
    by_hand("next-header-ipv6-of-ipv4", "", trailer(inner, IPV6), "esp_next_header")
    by_hand("next-header-ipv4-of-ipv6", "", trailer(inner6(), IPV4), "esp_next_header")
    by_hand("next-header-udp", "transport mode", trailer(inner[20:], 17), "esp_next_header")
    by_hand("version-5", "", trailer(b"\x55" + inner[1:], IPV6), "inner_version")
    by_hand("inner-cut", "", trailer(inner[:-1], IPV4), "inner_length")
    by_hand("inner-runt", "", trailer(inner[:19], IPV4), "inner_runt")
    by_hand("inner-runt-ipv6", "", trailer(inner6()[:39], IPV6), "inner_runt")
    by_hand("inner-checksum", "", trailer(flip(inner, 10), IPV4), "inner_checksum")
    by_hand("not-ect-ce", "RFC 6040", trailer(inner, IPV4), "ecn_not_ect_ce", tos=CE)


def document():
    accepted()
    dropped()
    return json.dumps({
        "source": "Made by make_packets.py beside this file, each with the library that its "
                  "\"source\" names: scapy's ipsec layer or Python's cryptography.",
        "packets": packets,
    }, indent=1) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if TARGET.read_text() == document() else "packets.json differs")
    TARGET.write_text(document())
