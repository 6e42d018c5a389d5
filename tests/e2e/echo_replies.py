"""Echo replies as they reach a namespace, whether ping still waits for them or not."""

import socket
import struct
import time


class EchoReplies:
    """What comes for the pings with one identifier."""

    # Level of ICMP_FILTER and ICMPV6_FILTER, octets of the set of types that it blocks, the one
    # type that is left out of it.
    FILTERS = {4: (255, 4, 0), 6: (socket.IPPROTO_ICMPV6, 32, 129)}  # 255: SOL_RAW
    FILTER = 1
    FIELDS = struct.Struct("!4xHH")

    def __init__(self, namespace, family, identifier):
        self.family, self.identifier = family, identifier
        kind, protocol = {4: (socket.AF_INET, socket.IPPROTO_ICMP),
                          6: (socket.AF_INET6, socket.IPPROTO_ICMPV6)}[family]
        with namespace:
            self.socket = socket.socket(kind, socket.SOCK_RAW, protocol)
        level, octets, reply = self.FILTERS[family]
        blocked = (1 << 8 * octets) - 1 ^ 1 << reply
        self.socket.setsockopt(level, self.FILTER, blocked.to_bytes(octets, "little"))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE

    def count(self, expected, wait):
        """Different ones; until so many have come, or time is over."""
        seen = set()
        end = time.monotonic() + wait
        while len(seen) < expected and (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                message = self.socket.recv(65536)
            except TimeoutError:
                break
            at = (message[0] & 15) * 4 if self.family == 4 else 0
            identifier, number = self.FIELDS.unpack_from(message, at)
            if identifier == self.identifier:
                seen.add(number)
        return len(seen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
