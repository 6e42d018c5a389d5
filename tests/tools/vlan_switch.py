#!/usr/bin/python3
"""A switch with one trunk: frames of each access port have a VLAN of their own on the trunk.

    vlan_switch.py --trunk IF --access IF:VLAN ...

VLAN 0 stands for frames without a tag. For kernels without VLANs of their own. What the trunk brings
for no access port is counted and goes nowhere. SIGTERM: prints its counts, ends.
"""

import argparse
import json
import select
import signal
import socket
import struct
import sys

from forwarder import SOL_PACKET, open_interface

PACKET_AUXDATA = 8
AUXDATA = struct.Struct("IIIHHHH")  # status, lengths, offsets, tag, its type
VLAN_VALID = 1 << 4
VLAN_ID = 0xfff
TAG_TYPE = b"\x81\x00"
ADDRESSES = 12
TAG = 4
FRAME_MAX = 65536


def receive(link):
    """A frame and its tag, or None; the kernel takes tags off and tells them beside the frame."""
    frame, beside, _, _ = link.recvmsg(FRAME_MAX, socket.CMSG_SPACE(AUXDATA.size))
    for level, kind, data in beside:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, *_, tag, _ = AUXDATA.unpack(data[:AUXDATA.size])
            if status & VLAN_VALID:
                return frame, tag
    if frame[ADDRESSES:ADDRESSES + 2] == TAG_TYPE:
        tag, = struct.unpack_from("!H", frame, ADDRESSES + 2)
        return frame[:ADDRESSES] + frame[ADDRESSES + TAG:], tag
    return frame, None


class Switch:
    def __init__(self, arguments):
        self.trunk = open_interface(arguments.trunk)
        self.trunk.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.access = {}
        for text in arguments.access:
            name, vlan = text.split(":")
            self.access[int(vlan)] = open_interface(name)
        self.counts = {"to_trunk": 0, "from_trunk": 0, "nowhere": 0}

    def send(self, link, frame):
        try:
            link.send(frame)
        except OSError:
            pass  # full, or longer than the link takes: lost, as on any switch

    def to_trunk(self, vlan):
        frame = self.access[vlan].recv(FRAME_MAX)
        if vlan:
            frame = (frame[:ADDRESSES] + TAG_TYPE + struct.pack("!H", vlan) + frame[ADDRESSES:])
        self.counts["to_trunk"] += 1
        self.send(self.trunk, frame)

    def from_trunk(self):
        frame, tag = receive(self.trunk)
        link = self.access.get(tag & VLAN_ID if tag is not None else 0)
        if link is None:
            self.counts["nowhere"] += 1
            return
        self.counts["from_trunk"] += 1
        self.send(link, frame)

    def run(self):
        poll = select.poll()
        poll.register(self.trunk, select.POLLIN)
        vlan_of = {}
        for vlan, link in self.access.items():
            vlan_of[link.fileno()] = vlan
            poll.register(link, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                try:
                    while True:
                        if fd == self.trunk.fileno():
                            self.from_trunk()
                        else:
                            self.to_trunk(vlan_of[fd])
                except BlockingIOError:
                    pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trunk", required=True)
    parser.add_argument("--access", action="append", required=True)
    switch = Switch(parser.parse_args())

    def stop(*_):
        print(json.dumps(switch.counts), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    switch.run()


if __name__ == "__main__":
    main()
