"""Malformed control messages: structured mutations from many clients at once."""

import json
import pathlib
import random
import threading

import gateway as gw
import traffic
from admin import admin_socket
from sites import B
from test_changes import assert_all_once, steady_to_b

CLIENTS = 8
NUMBERS = [0, -1, 1, 255, 256, 65535, 65536, 2**31, 2**32, 2**63 - 1, -2**63, 1.5, 1e300]
WORDS = ["", "x", "a" * 300, "\u0000", "\u00e4", "%s%n", "../../etc/passwd", "any", "in", "out",
         "10.0.0.0/8", "::/0", "::", "peer", "p0", "0" * 64, "'; DROP", "null",
         "\n", "\ud83d\ude00"]
# Nothing here, however mangled, is about the tunnel and policies that carry the traffic: what is
# asked for is often allowed.
SEEDS = [
    ("hello", {"owner": "fuzz", "instance": "1"}), ("hello", {}), ("begin", {}), ("commit", {}),
    ("abort", {}), ("monitor", {}), ("show-sa", {"name": "x"}), ("show-events", {"since": 3}),
    ("show-policy", {"name": "x"}), ("show-stats", {}), ("alloc-spi", {"protocol": "esp"}),
    ("add-tunnel", {"name": "f1", "local": "192.0.2.1", "remote": "198.51.100.1", "port": "wan",
                    "dscp_map": [{"inner": 1, "outer": 2}], "tcp_mss": 1000}),
    ("del-tunnel", {"name": "f1"}),
    ("add-sa", {"tunnel": "f1", "direction": "in", "protocol": "esp", "spi": 0xc1000001,
                "algorithm": "aes-128-gcm", "key": "01" * 20, "manual_keys": "fresh-each-start",
                "soft_lifetime": {"seconds": 5}, "hard_lifetime": {"seconds": 9}}),
    ("rekey-sa", {"tunnel": "f1", "direction": "out", "spi": 9, "key": "02" * 20}),
    ("update-sa", {"tunnel": "f1", "direction": "in", "spi": 0xc1000001, "remote": "192.0.2.7"}),
    ("del-sa", {"tunnel": "f1", "direction": "in", "spi": 0xc1000001}),
    ("add-policy", {"name": "f2", "src": "10.1.0.0/16", "dst": "10.200.0.0/16",
                    "action": "discard", "protocol": "tcp", "dst_port": "1-5"}),
    ("del-policy", {"name": "f2"}), ("reload", {}),
]
UNTOUCHABLE = ("peer", "p0", "p1")


def mutate(value, noise, depth=0):
    """The value, or something in its place, or the same with a part of it mutated."""
    kind = noise.randrange(10)
    if kind == 0:
        return noise.choice([None, True, False, [], {}, noise.choice(NUMBERS),
                             noise.choice(WORDS)])
    if isinstance(value, dict) and value and kind < 8:
        copy = dict(value)
        key = noise.choice(list(copy))
        what = noise.randrange(4)
        if what == 0:
            del copy[key]
        elif what == 1:
            copy[noise.choice(WORDS + list(copy))] = noise.choice(WORDS)
        else:
            copy[key] = mutate(copy[key], noise, depth + 1)
        return copy
    if isinstance(value, list) and value and kind < 8:
        return [mutate(item, noise, depth + 1) for item in value] * noise.randrange(1, 4)
    if isinstance(value, str) and kind < 8:
        at = noise.randrange(len(value) + 1)
        return value[:at] + noise.choice(WORDS)[:20] + value[at + noise.randrange(3):]
    if isinstance(value, (int, float)):
        return noise.choice(NUMBERS)
    return [value] if depth > 4 else {"x": value}


def message(noise):
    """One line, mostly JSON."""
    request, arguments = noise.choice(SEEDS)
    whole = {"vped": 1, "id": noise.randrange(100), "request": request, "arguments": arguments}
    for _ in range(noise.randrange(1, 4)):
        whole = mutate(whole, noise) if noise.randrange(8) == 0 else {
            **whole, "arguments": mutate(whole.get("arguments"), noise)} \
            if isinstance(whole, dict) else whole
    line = json.dumps(whole).encode()
    if any(f'"{name}"'.encode() in line for name in UNTOUCHABLE):
        return b'{"vped":1}\n'
    if noise.randrange(10) == 0:
        at = noise.randrange(len(line))
        line = line[:at] + noise.randbytes(noise.randrange(4)) + line[at + noise.randrange(4):]
    return line.replace(b"\n", b" ") + b"\n"


class Fuzzer(threading.Thread):
    def __init__(self, path, seed, messages):
        super().__init__(daemon=True)
        self.path = path
        self.noise = random.Random(seed)
        self.messages = messages
        self.answers = 0
        self.failure = None

    def run(self):
        try:
            while self.messages > 0:
                self._connection(min(self.messages, self.noise.randrange(1, 400)))
        except Exception as err:  # pylint: disable=broad-except
            self.failure = repr(err)

    def _connection(self, n):
        with gw.connect(self.path, 30) as client:
            reader = client.makefile("rb")
            for _ in range(n):
                self.messages -= 1
                client.sendall(message(self.noise))
                while True:
                    answer = json.loads(reader.readline())
                    if "event" not in answer:
                        break
                assert ("error" in answer) != ("result" in answer)
                self.answers += 1


def resident_kb(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def test_malformed_messages(sites, count):
    """Each is answered; packets flow on; memory does not grow."""
    a, b = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    total = count(8000, 100000)
    warm = [Fuzzer(admin_socket(a), -i, total // 40) for i in range(1, CLIENTS + 1)]
    fuzzers = [Fuzzer(admin_socket(a), i, total // CLIENTS) for i in range(CLIENTS)]
    for each in (warm, fuzzers):
        if each is fuzzers:
            before = resident_kb(a)
        with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
            with steady_to_b(sites, 500) as steady:
                for fuzzer in each:
                    fuzzer.start()
                for fuzzer in each:
                    fuzzer.join()
            assert_all_once(numbers, steady)
        assert [f.failure for f in each] == [None] * CLIENTS
    assert sum(f.answers for f in fuzzers) == total // CLIENTS * CLIENTS
    assert a.process.running()
    grown = resident_kb(a) - before
    # A sanitizer build keeps what was freed for a while, and says at the end what was not.
    assert gw.sanitized() or grown < 16384, f"{grown} KiB more"
    print(f"{total} messages from {CLIENTS} clients, {steady.sent} datagrams meanwhile, all there; "
          f"{before} KiB, then {grown} more")
    assert a.stop() == 0 and b.stop() == 0
