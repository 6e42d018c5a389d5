#!/usr/bin/python3
"""A wire with faults: forwards Ethernet frames between two sides and mistreats tunnel packets.

    forwarder.py --left IF --right IF[,IF] [--shuffle N | --late EVERY,BY | --spray] [--all]

--shuffle N      collects N tunnel packets, then sends them on in random order
--late EVERY,BY  holds back every EVERYth tunnel packet until BY others have passed
--spray          spreads tunnel packets over the right interfaces, round robin: steering that is
                 as wrong as it can be
--all            what is said of tunnel packets holds for every unicast IP packet

Faults are on the way from left to right. Everything else goes at once, to the first interface of
the other side. What is held back leaves after 100 ms of silence. SIGTERM: prints its counts, ends.
"""

import argparse
import json
import random
import select
import signal
import socket
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
TUNNEL = 50
SILENCE = 0.1


def open_interface(name):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    link.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    link.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    link.bind((name, ETH_P_ALL))
    link.setblocking(False)
    return link


def is_tunnel(frame):
    ethertype = frame[12:14]
    return (ethertype == b"\x08\x00" and frame[23] == TUNNEL
            or ethertype == b"\x86\xdd" and frame[20] == TUNNEL)


def is_unicast_ip(frame):
    if frame[0] & 1 or len(frame) < 34:
        return False
    if frame[12:14] == b"\x86\xdd":
        # Neighbour discovery must find its one way.
        return not (frame[20] == 58 and 133 <= frame[54] <= 137)
    return frame[12:14] == b"\x08\x00"


class Straight:
    """No fault."""

    def __init__(self, out):
        self.out = out

    def take(self, frame):
        self.send(frame)

    def send(self, frame, link=0):
        try:
            self.out[link].send(frame)
        except BlockingIOError:
            select.select([], [self.out[link]], [], 1)
            self.out[link].send(frame)

    def flush(self):
        pass


class Shuffle(Straight):
    def __init__(self, out, count, seed):
        super().__init__(out)
        self.count = count
        self.random = random.Random(seed)
        self.held = []

    def take(self, frame):
        self.held.append(frame)
        if len(self.held) >= self.count:
            self.flush()

    def flush(self):
        self.random.shuffle(self.held)
        for frame in self.held:
            self.send(frame)
        self.held.clear()


class Late(Straight):
    def __init__(self, out, every, by):
        super().__init__(out)
        self.every, self.by = every, by
        self.passed = self.seen = 0
        self.held = []  # (when it may go, frame)

    def take(self, frame):
        self.seen += 1
        if self.seen % self.every == 0:
            self.held.append((self.passed + self.by, frame))
            return
        self.send(frame)
        self.passed += 1
        while self.held and self.held[0][0] <= self.passed:
            self.send(self.held.pop(0)[1])

    def flush(self):
        for _, frame in self.held:
            self.send(frame)
        self.held.clear()


class Spray(Straight):
    def __init__(self, out):
        super().__init__(out)
        self.next = 0

    def take(self, frame):
        self.send(frame, self.next)
        self.next = (self.next + 1) % len(self.out)


def make_fault(arguments, right):
    if arguments.shuffle:
        return Shuffle(right, arguments.shuffle, arguments.seed)
    if arguments.late:
        return Late(right, *map(int, arguments.late.split(",")))
    if arguments.spray:
        return Spray(right)
    return Straight(right)


class Forwarder:
    def __init__(self, arguments):
        self.left = open_interface(arguments.left)
        self.right = [open_interface(name) for name in arguments.right.split(",")]
        self.fault = make_fault(arguments, self.right)
        self.straight = Straight(self.right)
        self.back = Straight([self.left])
        self.concerned = is_unicast_ip if arguments.all else is_tunnel
        self.counts = {"to_right": 0, "to_left": 0, "mistreated": 0}

    def pump(self, link, handle):
        """Everything that waits at one interface, within limits."""
        for _ in range(256):
            try:
                frame = link.recv(65536)
            except BlockingIOError:
                return
            handle(frame)

    def to_right(self, frame):
        self.counts["to_right"] += 1
        if self.concerned(frame):
            self.counts["mistreated"] += 1
            self.fault.take(frame)
        else:
            self.straight.send(frame)

    def to_left(self, frame):
        self.counts["to_left"] += 1
        self.back.send(frame)

    def run(self):
        poll = select.poll()
        for link in (self.left, *self.right):
            poll.register(link, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poll.poll(SILENCE * 1000)}
            if not ready:
                self.fault.flush()
            if self.left.fileno() in ready:
                self.pump(self.left, self.to_right)
            for link in self.right:
                if link.fileno() in ready:
                    self.pump(link, self.to_left)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--left", required=True)
    parser.add_argument("--right", required=True)
    parser.add_argument("--shuffle", type=int)
    parser.add_argument("--late")
    parser.add_argument("--spray", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    forwarder = Forwarder(parser.parse_args())

    def stop(*_):
        print(json.dumps(forwarder.counts), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    forwarder.run()


if __name__ == "__main__":
    main()
