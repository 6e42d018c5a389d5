"""Traffic between hosts: ping, iperf3, files, and datagrams that each carry a number."""

import dataclasses
import hashlib
import itertools
import json
import re
import secrets
import socket
import struct
import threading
import time

import gateway
from capture import PATTERN
from echo_replies import EchoReplies
from lab import LabError, wait_for

NUMBER = struct.Struct("!16sQ")
NUMBER_MAGIC = PATTERN
NON_ESP_MARKER = bytes(4)  # tells IKE from ESP on port 4500
IN_FLIGHT = 8 << 20  # octets that the sockets of a TCP stream may hold
SANITIZER_SLOWDOWN = 3


@dataclasses.dataclass
class Ping:
    sent: int
    received: int
    rtt_ms: float
    text: str

    @property
    def lossless(self):
        return self.sent == self.received > 0


_identifiers = itertools.count(1)


def ping(namespace, address, count=5, interval=0.02, size=56, more=(), wait=2):
    """ping with the pattern as payload.

    -W is about the first answer. For the last one ping waits no longer than its interval or twice
    the longest round trip that it has seen, so that a host that pauses would look like a loss.
    """
    identifier = next(_identifiers)
    with EchoReplies(namespace, 6 if ":" in address else 4, identifier) as replies:
        # -p wants at most 16 octets in hex.
        done = namespace.run("ping", "-n", "-q" if "-v" not in more else "-v", "-c", str(count),
                             "-i", str(interval), "-s", str(size), "-p", PATTERN.hex(), "-W",
                             str(wait), "-e", str(identifier), *more, address, check=False,
                             timeout=count * interval + wait + 30)
        match = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
        if not match:
            raise LabError(f"ping {address}: {done.stdout}")
        sent, received = map(int, match.groups())
        if 0 < received < sent:
            received = replies.count(sent, wait)
    rtt = re.search(r"rtt [^=]*= [\d.]+/([\d.]+)/", done.stdout)
    return Ping(sent, received, float(rtt.group(1)) if rtt else 0.0, done.stdout)


def wait_reachable(namespace, address, timeout=10.0, wait=0.2):
    """Until neighbours are known and the first answer is back: each has so many seconds to come."""
    wait_for(f"{namespace.name} to reach {address}",
             lambda: ping(namespace, address, 1, wait=wait).received, timeout)


def wait_refused(namespace, address, timeout=10.0):
    """Until an ICMP error is back: the gateway's data path knows its neighbour, to tell it more."""
    wait_for(f"{namespace.name} to be refused {address}",
             lambda: re.search(r"\+\d+ errors", ping(namespace, address, 1, wait=0.5).text),
             timeout)


@dataclasses.dataclass
class Iperf:
    octets: int
    seconds: float
    gbps: float
    retransmits: int


def iperf(lab, client, server, address, octets, progress=None):
    """One TCP stream that carries the pattern only, of so many octets."""
    source = lab.dir / "iperf.payload"
    if not source.exists() or source.stat().st_size != octets:
        with open(source, "wb") as out:
            block = PATTERN * 65536
            left = octets
            while left > 0:
                left -= out.write(block[:left])
    listener = lab.spawn(server, "iperf3", "-s", "-1", "-B", address, "--forceflush",
                         name="iperf3-server")
    wait_for("iperf3 to listen", lambda: "listening" in listener.said())
    log = lab.dir / f"iperf-{secrets.token_hex(4)}.json"
    process = lab.spawn(client, "iperf3", "-c", address, "-F", source, "-n", octets, "-J",
                        "--logfile", log, name="iperf3-client")
    started = time.monotonic()
    before = None
    while process.running():
        time.sleep(0.1)
        if time.monotonic() - started > 120:
            raise LabError("iperf3 takes more than two minutes")
        if progress:
            now = _tcp_octets(client)
            before = now if before is None else before
            progress(min(now - before, octets), octets)
    lab.processes.remove(process)
    listener.wait(10)
    lab.processes.remove(listener)
    result = json.loads(log.read_text(encoding="ascii"))
    if "error" in result:
        raise LabError(f"iperf3: {result['error']}")
    sent, received = result["end"]["sum_sent"], result["end"]["sum_received"]
    # What is still in the sockets when iperf3 says stop, it does not count.
    if not 0 < received["bytes"] >= octets - IN_FLIGHT:
        raise LabError(f"iperf3: {received['bytes']} of {sent['bytes']} octets arrived")
    return Iperf(received["bytes"], received["seconds"], received["bits_per_second"] / 1e9,
                 sent.get("retransmits", 0))


def _tcp_octets(namespace):
    """Octets that left the namespace's interfaces: near enough for a progress bar."""
    links = json.loads(namespace.ip("-j -s link show"))
    return sum(link["stats64"]["tx"]["bytes"] for link in links if link["ifname"] != "lo")


@dataclasses.dataclass
class Transfer:
    octets: int
    seconds: float
    sent_sha256: str
    received_sha256: str

    @property
    def equal(self):
        return self.sent_sha256 == self.received_sha256

    @property
    def gbps(self):
        return self.octets * 8 / self.seconds / 1e9


def make_file(path, octets):
    """Noise, with the pattern in every 1024 octets, so that each packet carries it."""
    with open(path, "wb") as out:
        while octets > 0:
            noise = secrets.token_bytes(1 << 20)
            block = b"".join(noise[i:i + 1008] + PATTERN for i in range(0, 1 << 20, 1024))
            octets -= out.write(block[:octets])


def hash_file(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def send_file(path, client, server, address, received_path, progress=None, port=9000,
              source=None):
    """Sends a file over TCP and compares what lies on disk at both ends."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    total = path.stat().st_size
    arrived = 0
    trouble = []
    with server:
        listener = socket.create_server((address, port), family=family)
    with client:
        sender = socket.socket(family, socket.SOCK_STREAM)
        if source:
            sender.bind((source, 0))

    def receive():
        nonlocal arrived
        try:
            listener.settimeout(20)
            connection, _ = listener.accept()
            with connection, open(received_path, "wb") as out:
                connection.settimeout(20)
                while block := connection.recv(1 << 18):
                    out.write(block)
                    arrived += len(block)
        except OSError as err:
            trouble.append(f"receiver: {err}")

    def send():
        try:
            sender.settimeout(20)
            sender.connect((address, port))
            with open(path, "rb") as file:
                sender.sendfile(file)
            sender.shutdown(socket.SHUT_WR)
        except OSError as err:
            trouble.append(f"sender: {err}")

    started = time.monotonic()
    threads = [threading.Thread(target=f, daemon=True) for f in (receive, send)]
    with listener, sender:
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads):
            threads[0].join(0.1)
            if progress:
                progress(arrived, total)
    seconds = time.monotonic() - started
    if trouble:
        raise LabError("; ".join(trouble))
    return Transfer(arrived, seconds, hash_file(path), hash_file(received_path))


class Numbers:
    """Receives datagrams that carry numbers; tells which came, and which came twice."""

    def __init__(self, namespace, address, port=7000):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with namespace:
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind((address, port))
        self.socket.settimeout(0.2)
        self.seen = {}
        self.strange = 0
        self.last = 0.0  # time.monotonic() of the last that came
        self._stop = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self._stop:
            try:
                datagram = self.socket.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                return
            self.last = time.monotonic()
            if len(datagram) >= NUMBER.size and datagram.startswith(NUMBER_MAGIC):
                number = NUMBER.unpack_from(datagram)[1]
                self.seen[number] = self.seen.get(number, 0) + 1
            else:
                self.strange += 1

    @property
    def twice(self):
        return [n for n, count in self.seen.copy().items() if count > 1]  # more may be coming

    def __len__(self):
        return len(self.seen)

    def settle(self, expected, timeout=5.0, quiet=0.5):
        """Until so many have come, or nothing comes any more."""
        end = time.monotonic() + timeout
        last, since = -1, time.monotonic()
        while time.monotonic() < end and len(self.seen) < expected:
            if len(self.seen) != last:
                last, since = len(self.seen), time.monotonic()
            elif time.monotonic() - since > quiet:
                break
            time.sleep(0.02)
        time.sleep(0.1)
        return len(self.seen)

    def close(self):
        self._stop = True
        self.thread.join()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Echo:
    """Sends every datagram back to where it came from."""

    def __init__(self, namespace, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with namespace:
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.socket.settimeout(0.2)
        self._stop = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self._stop:
            try:
                datagram, peer = self.socket.recvfrom(65536)
                self.socket.sendto(datagram, peer)
            except OSError:  # nothing came; or nobody there to send it back to
                continue

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop = True
        self.thread.join()
        self.socket.close()


def echoes(namespace, local, remote, port, tries=6, wait=0.5):
    """Whether a datagram from port to port comes back from an Echo."""
    with namespace:
        client = socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET,
                               socket.SOCK_DGRAM)
    with client:
        client.bind((local, port))
        client.settimeout(wait)
        for _ in range(tries):
            client.sendto(NON_ESP_MARKER + PATTERN, (remote, port))
            try:
                # The echo of an earlier try is one too.
                return client.recv(256) == NON_ESP_MARKER + PATTERN
            except TimeoutError:
                continue
    return False


def numbered(number, size=64):
    """The payload of one such datagram."""
    head = NUMBER.pack(NUMBER_MAGIC, number)
    return head + (PATTERN * (size // 16 + 1))[:max(0, size - len(head))]


class Window:
    """Holds a sender back while too much is on its way, however slow the way is just now.

    What does not come for a while is lost: the window goes on without it.
    """

    SIZE = 192  # a veth's ring holds 256, and a stall may outlast the patience more than once
    PATIENCE = 0.25

    def __init__(self, receiver, size=SIZE):
        self.receiver = receiver
        self.size = size
        self.sent = 0
        self.gone = len(receiver)  # received before, or given up

    def step(self):
        self.sent += 1
        arrived, since = len(self.receiver), time.monotonic()
        while self.sent + self.gone - arrived > self.size:
            time.sleep(0.0005)
            now = len(self.receiver)
            if now != arrived:
                arrived, since = now, time.monotonic()
            elif time.monotonic() - since > self.PATIENCE:
                self.gone = arrived - self.sent


def send_numbers(namespace, address, numbers, size=64, rate=8000, port=7000, source=None,
                 receiver=None, under_way=Window.SIZE):
    """Sends one datagram for each number, at about `rate` a second.

    receiver: the Numbers that they go to; no more than so many are under way, which is fewer than
    any ring there holds unless said.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with namespace:
        sender = socket.socket(family, socket.SOCK_DGRAM)
    with sender:
        if source:
            sender.bind((source, 0))
        pace = Pace(rate)
        window = Window(receiver, under_way) if receiver is not None else None
        for number in numbers:
            sender.sendto(numbered(number, size), (address, port))
            pace.step()
            if window:
                window.step()


def rate_of_build(rate):
    """Sanitizer builds get a third of the rate: they must lose nothing either."""
    return rate / SANITIZER_SLOWDOWN if gateway.sanitized() else rate


class Pace:
    """Keeps a loop at a rate, of this build, in bursts short enough for any ring on the way."""

    def __init__(self, rate, burst=16):
        self.rate = rate_of_build(rate)
        self.burst = burst
        self.done = 0
        self.start = time.monotonic()

    def step(self):
        self.done += 1
        if self.done % self.burst == 0:
            ahead = self.start + self.done / self.rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)


class Stream:
    """Numbers at a steady rate while something else goes on."""

    def __init__(self, sender, receiver, address, seconds, rate=200):
        self.count = int(seconds * rate_of_build(rate))
        self.numbers = Numbers(receiver, address)
        self.thread = threading.Thread(target=send_numbers, args=(
            sender, address, range(self.count)), kwargs={"rate": rate})
        self.thread.start()

    def lost(self):
        self.thread.join()
        with self.numbers:
            return self.count - self.numbers.settle(self.count)
