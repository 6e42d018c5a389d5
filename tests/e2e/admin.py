"""The admin socket: a connection that asks, gathers batches and listens."""

import json
import time

import gateway as gw
from lab import LabError


def admin_socket(gateway):
    return gateway.socket.with_name(gateway.socket.stem + "-admin.sock")


class Admin:
    """One connection. Requests are methods: admin.add_sa(tunnel=...) is add-sa."""

    def __init__(self, gateway, path=None, timeout=20.0):
        self.client = gw.connect(path or admin_socket(gateway), timeout)
        self.rest = b""
        self.events = []

    def line(self):
        while b"\n" not in self.rest:
            piece = self.client.recv(65536)
            if not piece:
                raise LabError("the daemon closed the connection")
            self.rest += piece
        first, self.rest = self.rest.split(b"\n", 1)
        return json.loads(first)

    def answer(self):
        while True:
            message = self.line()
            if "event" not in message:
                return message
            self.events.append(message["event"])

    def send(self, request, **arguments):
        message = {"vped": 1, "request": request, "arguments": arguments}
        self.client.sendall((json.dumps(message) + "\n").encode())

    def ask(self, request, **arguments):
        self.send(request, **arguments)
        answer = self.answer()
        if "error" in answer:
            raise LabError(f"{request}: {answer['error']['text']}")
        return answer["result"]

    def __getattr__(self, name):
        return lambda **arguments: self.ask(name.replace("_", "-"), **arguments)

    def event(self, kind, timeout=10.0):
        """The next event of this kind."""
        end = time.monotonic() + timeout
        while True:
            for at, event in enumerate(self.events):
                if event["kind"] == kind:
                    return self.events.pop(at)
            self.client.settimeout(max(end - time.monotonic(), 0.01))
            try:
                self.events.append(self.line()["event"])
            except TimeoutError:
                raise LabError(f"waited {timeout:g} s in vain: event {kind}") from None

    def close(self):
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def sa_arguments(sa, tunnel, direction, manual=True):
    arguments = {"tunnel": tunnel, "direction": direction, "protocol": sa.protocol,
                 "spi": sa.spi, "algorithm": sa.algorithm, "key": (sa.key + sa.salt).hex()}
    if manual:
        arguments["manual_keys"] = "fresh-each-start"
    if sa.protocol == "esp":
        arguments["esn"] = sa.esn
    if direction == "in":
        arguments["replay_window"] = sa.replay_window
    return arguments


def rekey(a, b, tunnel, protocol, spis, **more):
    """Both directions of a tunnel between two admin connections, inbound first. spis: of a's and
    b's outbound SAs until now; returns the new ones."""
    fresh = gw.sa(protocol, **more), gw.sa(protocol, **more)
    keys = [(sa.key + sa.salt).hex() for sa in fresh]
    for here, there, sa, key, old in ((a, b, fresh[0], keys[0], spis[0]),
                                      (b, a, fresh[1], keys[1], spis[1])):
        there.rekey_sa(tunnel=tunnel, direction="in", spi=sa.spi, key=key)
        here.rekey_sa(tunnel=tunnel, direction="out", spi=sa.spi, key=key)
    return [sa.spi for sa in fresh]
