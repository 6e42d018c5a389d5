"""Whether a program did its work: what it sent, taken apart by code that is none of the programs'."""

import ipaddress
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import cases

IPV4 = 20
TAG = 16
PROTOCOL_UDP = 17
PROTOCOL_ESP = 50
PORT_FAR = 5001


class WrongOutput(Exception):
    """The program is fast and wrong."""


def _require(condition, what, frame):
    if not condition:
        raise WrongOutput(f"{what}: {frame[:96].hex()}")


def _check_inner(ip, case, frame, hops):
    """A clear packet of the stream after `hops` gateways."""
    near, far = (ip[12:16], ip[16:20]) if case.encrypts else (ip[16:20], ip[12:16])
    _require(ip[0] == 0x45 and ip[9] == PROTOCOL_UDP, "no IPv4 and UDP", frame)
    octets = struct.unpack(">H", ip[2:4])[0]
    _require(octets == case.octets - cases.ETHER_OCTETS, "inner length", frame)
    _require(ip[8] == 64 - hops, "inner hop limit", frame)
    _require(ipaddress.ip_address(near) in ipaddress.ip_network(cases.NEAR), "near host", frame)
    sa = int.from_bytes(far, "big") - cases.FAR_FIRST
    _require(0 <= sa < case.sas, "far host", frame)
    ports = struct.unpack(">HH", ip[20:24])
    _require(PORT_FAR in ports, "ports", frame)
    words = struct.unpack(">10H", ip[:20])
    total = sum(words)
    _require((total & 0xffff) + (total >> 16) == 0xffff, "inner header checksum", frame)
    return sa


def _open_esp(outer, frame, crypto):
    spi, sequence = struct.unpack(">II", outer[IPV4:IPV4 + 8])
    sa = spi - cases.ESP_SPI_FIRST
    nonce = cases.SALT + outer[IPV4 + 8:IPV4 + 16]
    try:
        plain = outer[IPV4 + 16:-TAG] if not crypto else AESGCM(cases.key_of_gateway(sa)).decrypt(
            nonce, outer[IPV4 + 16:], outer[IPV4:IPV4 + 8])
    except InvalidTag as err:
        raise WrongOutput(f"ESP does not open: {frame[:96].hex()}") from err
    return sa, sequence, plain[:len(plain) - 2 - plain[-2]]


def _open_vpe(outer, frame, crypto):
    header = outer[IPV4:IPV4 + 32]
    sequence, spi = struct.unpack("<QI", header[4:16])
    sa = spi - cases.VPE_SPI_FIRST
    try:
        plain = outer[IPV4 + 32:] if not crypto else AESGCM(cases.key_of_gateway(sa)).decrypt(
            header[:12], outer[IPV4 + 32:] + header[16:], None)
    except InvalidTag as err:
        raise WrongOutput(f"VPE does not open: {frame[:96].hex()}") from err
    return sa, (header[:4], sequence), plain


def _check_tunnel(frame, case, protocol, seen):
    outer = frame[cases.ETHER_OCTETS:]
    _require(outer[9] == PROTOCOL_ESP and str(ipaddress.ip_address(outer[16:20])) == cases.PEER,
             "no tunnel packet to the peer", frame)
    outer = outer[:struct.unpack(">H", outer[2:4])[0]]
    sa, sequence, inner = (_open_esp if protocol == "esp" else _open_vpe)(outer, frame, case.crypto)
    _require((sa, sequence) not in seen, "a sequence number twice", frame)
    seen.add((sa, sequence))
    return sa, inner


def check(result, case, protocol, hops):
    """Every captured frame. hops: by how many the program lowers the inner hop limit. Returns how
    many frames that were."""
    frames = [bytes.fromhex(text) for device in result["devices"] for queue in device["tx"]
              for text in queue["captured"]]
    seen = set()
    for frame in frames:
        if case.encrypts:
            sa, inner = _check_tunnel(frame, case, protocol, seen)
            found = _check_inner(inner, case, frame, hops)
            _require(case.sas == 1 or found == sa, "SA and far host", frame)
        else:
            _check_inner(frame[cases.ETHER_OCTETS:], case, frame, hops)
    if not frames:
        raise WrongOutput(f"{protocol} {case.describe()}: nothing came out")
    return len(frames)
