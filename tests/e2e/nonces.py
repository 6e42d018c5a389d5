"""What was seen on the wire under each key: no nonce twice, over any number of captures."""

import bisect
import collections

import capture
import peers


def tunnel_packets(path):
    """(time, frame, outer packet) of each."""
    for when, frame in capture.frames(path):
        packet = peers.ip_packet(frame)
        if packet and peers.protocol_of(packet) == peers.TUNNEL:
            yield when, frame, packet


def nonce_of(packet, protocol):
    """(counter, number): the two halves of the nonce. ESP's salt is the key file's."""
    body = packet[20:]
    if protocol == "vpe":
        return body[:4], int.from_bytes(body[4:12], "little")
    return b"", int.from_bytes(body[8:16], "big")


class Seen:
    """Each way has one key, so who has sent says which. Numbers are kept as ranges."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.packets = 0
        self._ranges = collections.defaultdict(list)  # (who, counter): [(first, last)], sorted

    def add(self, path):
        """Fails with the first nonce that was there before."""
        numbers = collections.defaultdict(list)
        for _, _, packet in tunnel_packets(path):
            counter, number = nonce_of(packet, self.protocol)
            numbers[peers.addresses_of(packet)[0], counter].append(number)
        for name, found in numbers.items():
            self.packets += len(found)
            for first, last in ranges(sorted(found), name):
                self._insert(name, first, last)
        return self.packets

    def _insert(self, name, first, last):
        known = self._ranges[name]
        at = bisect.bisect(known, (first, last))
        for before, after in known[max(0, at - 1):at + 1]:
            assert last < before or after < first, (name, first, last, before, after)
        known.insert(at, (first, last))


def ranges(numbers, name):
    """Sorted numbers as (first, last); none may be there twice."""
    first = last = numbers[0]
    for number in numbers[1:]:
        assert number != last, (name, number)
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
