"""Numbered datagrams from one site's host to the other's, until told to stop, whatever dies."""

import collections
import contextlib
import threading
import time

import traffic
from lab import wait_for

# Over so long a rate is measured; what is on its way is let off.
SPAN = 0.5
ENOUGH = 0.9


class Stream:
    def __init__(self, sites, source, destination, rate):
        self.namespace = sites.host[source.letter]
        self.address = destination.host[4]
        self.rate = rate
        self.numbers = traffic.Numbers(sites.host[destination.letter], self.address)
        self.sent = 0
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self.thread = threading.Thread(target=self._run, daemon=True)

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

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.numbers.close()

    def stop(self):
        self._stop.set()
        self.thread.join()

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
