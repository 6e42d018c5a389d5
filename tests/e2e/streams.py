"""Senders of numbered datagrams that go on in a thread of their own until they are told to stop."""

import collections
import contextlib
import threading
import time

import traffic
from lab import wait_for

# Over so long a rate is measured; what is on its way is let off.
SPAN = 0.5
ENOUGH = 0.9


class Background:
    """What _run() does goes on from the beginning of a block to its end, or to stop()."""

    def __init__(self):
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        self.thread.join()


class Steady(Background):
    """To one address, at a rate. sent: as many as left, numbers from 0."""

    def __init__(self, namespace, address, rate, port=7000):
        super().__init__()
        self.namespace = namespace
        self.address = address
        self.rate = rate
        self.port = port
        self.sent = 0

    def _numbers(self):
        while not self._stop.is_set():
            yield self.sent
            self.sent += 1

    def _run(self):
        traffic.send_numbers(self.namespace, self.address, self._numbers(), rate=self.rate,
                             port=self.port)


class Chatter(Background):
    """From several hosts, v4 and v6. What a sender's own kernel refuses is not sent, and not
    counted."""

    def __init__(self, flows):
        """flows: (namespace, source, destination)."""
        super().__init__()
        self.flows = flows
        self.sent = collections.Counter()  # by source

    def _run(self):
        number = 0
        while not self._stop.wait(0.01):
            for namespace, source, destination in self.flows:
                try:
                    traffic.send_numbers(namespace, destination, [number], source=source)
                    self.sent[source] += 1
                except OSError:
                    pass
            number += 1


class Stream(Background):
    """From one site's host to the other's, whatever dies."""

    def __init__(self, sites, source, destination, rate):
        super().__init__()
        self.namespace = sites.host[source.letter]
        self.address = destination.host[4]
        self.rate = rate
        self.numbers = traffic.Numbers(sites.host[destination.letter], self.address)
        self.sent = 0
        self._go = threading.Event()
        self._go.set()

    def _next(self):
        while self._go.is_set() and not self._stop.is_set():
            yield self.sent
            self.sent += 1
            if self.rate < 1000:
                self._stop.wait(1 / self.rate)

    def _run(self):
        while not self._stop.is_set():
            if not self._go.wait(0.1):
                continue
            try:
                traffic.send_numbers(self.namespace, self.address, self._next(),
                                     rate=max(self.rate, 1000))
            except OSError:  # the gateway is dead: no route, no neighbour
                self.sent += 1
                time.sleep(0.01)

    def __exit__(self, *_):
        super().__exit__()
        self.numbers.close()

    @contextlib.contextmanager
    def paused(self):
        """A capture ends when it has read everything: not while there is more and more of it."""
        self._go.clear()
        try:
            yield
        finally:
            self._go.set()

    def arrives_within(self, seconds, count=10):
        before = len(self.numbers)
        wait_for(f"traffic to {self.address}", lambda: len(self.numbers) > before + count, seconds)

    def is_back_within(self, seconds):
        """Until what is sent arrives again, at the rate it is sent with. How long that took."""
        started = time.monotonic()
        samples = collections.deque()

        def is_back():
            now = time.monotonic()
            samples.append((now, self.sent, len(self.numbers)))
            while samples[0][0] < now - SPAN and len(samples) > 2:
                samples.popleft()
            then, sent, arrived = samples[0]
            return now - then >= SPAN / 2 and self.sent > sent and \
                len(self.numbers) - arrived >= ENOUGH * (self.sent - sent)

        wait_for(f"traffic to {self.address} at its rate before", is_back, seconds)
        return time.monotonic() - started
