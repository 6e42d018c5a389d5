#!/usr/bin/python3
"""Sends one frame over and over, as fast as it can.

    flood.py --interface IF --frame HEX --seconds N

Says "ready" before it begins, and at the end how many frames left. SIGTERM ends it earlier.
"""

import argparse
import json
import signal
import socket
import time

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
BATCH = 256


def flood(link, frame, seconds):
    end = time.monotonic() + seconds
    sent = 0
    while time.monotonic() < end:
        for _ in range(BATCH):
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
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    link.bind((options.interface, 0))
    print("ready", flush=True)
    start = time.monotonic()
    sent = flood(link, options.frame, options.seconds)
    print(json.dumps({"sent": sent, "seconds": time.monotonic() - start}), flush=True)


if __name__ == "__main__":
    main()
