#!/usr/bin/python3
"""Sends one frame over and over, as fast as it can.

    flood.py --interface IF --frame HEX --seconds N [--vary AT ...]

--vary: the four octets there are others in each frame. The sums of IPv4 headers and of ICMPv6 are
made anew.
Says "ready" before it begins, and at the end how many frames left. SIGTERM ends it earlier.
"""

import argparse
import itertools
import json
import signal
import socket
import struct
import time

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
BATCH = 256
ICMPV6 = 58
KNUTH = 2654435761  # odd: no number twice


def folded(total):
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4_sum(frame):
    return folded(sum(struct.unpack_from("!10H", frame, 14)) - int.from_bytes(frame[24:26], "big"))


def icmpv6_sum(frame):
    """With addresses, length and protocol in front; of a whole number of words."""
    words = struct.unpack_from(f"!{(len(frame) - 22) // 2}H", frame, 22)
    return folded(sum(words) - int.from_bytes(frame[56:58], "big") + len(frame) - 54 + ICMPV6)


def variants(frame, places):
    """BATCH frames of their own numbers at a time, for ever."""
    for first in itertools.count(0, BATCH):
        batch = []
        for number in range(first, first + BATCH):
            varied = bytearray(frame)
            for at in places:
                struct.pack_into("!I", varied, at, number * KNUTH & 0xffffffff)
            if varied[12:14] == b"\x08\x00":
                struct.pack_into("!H", varied, 24, ipv4_sum(varied))
            if varied[12:14] == b"\x86\xdd" and varied[20] == ICMPV6:
                struct.pack_into("!H", varied, 56, icmpv6_sum(varied))
            batch.append(bytes(varied))
        yield batch


def flood(link, batches, seconds):
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end:
        for frame in next(batches):
            try:
                link.send(frame)
                sent += 1
            except OSError:  # the queue is full: what a flood is there for
                pass
    return sent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--interface", required=True)
    parser.add_argument("--frame", required=True, type=bytes.fromhex)
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--vary", type=int, nargs="*", default=[])
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    link.bind((options.interface, 0))
    if options.vary:
        batches = variants(options.frame, options.vary)
    else:
        batches = itertools.repeat([options.frame] * BATCH)
    print("ready", flush=True)
    start = time.monotonic()
    sent = flood(link, batches, options.seconds)
    print(json.dumps({"sent": sent, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    main()
