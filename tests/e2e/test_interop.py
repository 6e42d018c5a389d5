"""Other people's implementations at the wan: scapy's ESP, and the VPE written from the manual.

The gateway of site b is not there; a program with raw frames stands in its place. Each case sends
packets both ways and opens every one.
"""

import time

import pytest

import gateway as gw
import peers
import traffic
from meeting import Meeting
from sites import A

ESP_CASES = [("aes-128-gcm", False), ("aes-128-gcm", True), ("aes-192-gcm", False),
             ("aes-256-gcm", False), ("aes-256-gcm", True), ("chacha20-poly1305", False),
             ("chacha20-poly1305", True)]
FAMILIES = [(outer, inner) for outer in (4, 6) for inner in (4, 6)]


def both_ways(meeting, inner, count):
    meeting.check_out(inner, count)
    meeting.check_in(inner, count)
    drops = meeting.gateway.drops()
    assert "icv_failed" not in drops and "replay_seen" not in drops, drops
    print(f"{count} packets out, {count} in, inner IPv{inner}: all agree")


@pytest.mark.parametrize("algorithm,esn", ESP_CASES)
@pytest.mark.parametrize("outer", [4, 6])
def test_esp_with_scapy(lab, outer, algorithm, esn, count):
    meeting = Meeting(lab, "esp", outer, algorithm, esn)
    for inner in (4, 6):
        both_ways(meeting, inner, count(50, 1000))


@pytest.mark.parametrize("algorithm", gw.KEY_OCTETS)
@pytest.mark.parametrize("outer", [4, 6])
def test_vpe_with_python(lab, outer, algorithm, count):
    meeting = Meeting(lab, "vpe", outer, algorithm)
    for inner in (4, 6):
        both_ways(meeting, inner, count(50, 1000))


def test_esn_crosses_32_bits(lab, count):
    """The upper half of the number is never sent; the gateway has to follow it."""
    packets = count(50, 1000)
    meeting = Meeting(lab, "esp", 4, "aes-256-gcm", esn=True, first=1 << 31)
    # Up to the edge in steps that stay below half the number space, then across.
    meeting.sealer.next = (1 << 32) - packets // 2
    meeting.check_in(4, packets)
    assert meeting.sealer.next > 1 << 32


@pytest.mark.parametrize("protocol", ["esp", "vpe"])
def test_peer_that_lies(lab, protocol):
    """Wrong ICVs, foreign SPIs, cut packets: each has its reason, nothing is delivered."""
    meeting = Meeting(lab, protocol, 4, "aes-256-gcm")
    before = meeting.gateway.drops()
    n = 20
    with traffic.Numbers(meeting.sites.host["a"], A.host[4]) as numbers:
        for number in range(n):
            good = meeting.sealer.seal(meeting.datagram(4, number))
            meeting.wire.send(good[:-1] + bytes([good[-1] ^ 1]))
            spi_at = 20 + (0 if protocol == "esp" else 12)
            meeting.wire.send(good[:spi_at + 1] + bytes([good[spi_at + 1] ^ 1])
                              + good[spi_at + 2:])
            length = 20 + 20
            short = bytearray(good[:length])
            short[2:4] = length.to_bytes(2, "big")
            short[10:12] = b"\0\0"
            short[10:12] = peers.checksum(bytes(short[:20])).to_bytes(2, "big")
            meeting.wire.send(bytes(short))
            time.sleep(0.002)
        assert numbers.settle(1, timeout=1) == 0
        drops = meeting.gateway.drops()

        def more(reason):
            return drops.get(reason, 0) - before.get(reason, 0)

        assert (more("icv_failed"), more("no_sa"), more("runt")) == (n, n, n), drops
        # The gateway is none the worse.
        meeting.send_in(4, 777)
        assert numbers.settle(1) == 1
