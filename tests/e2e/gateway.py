"""A vped in a namespace: its configuration file, its life, its control socket."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import pathlib
import secrets
import socket
import time

from lab import ROOT, LabError, cpus, wait_for

KEY_OCTETS = {"aes-128-gcm": 16, "aes-192-gcm": 24, "aes-256-gcm": 32, "chacha20-poly1305": 32}
SALT_OCTETS = 4
MEMORY_MB = 256
# What net_af_xdp's rings of one device can hold, and a little more.
BUFFERS_PER_DEVICE = 9216


def build_dir():
    return pathlib.Path(os.environ.get("VPED_BUILD", ROOT / "build"))


def program(name):
    """A program of the build, wherever meson puts it."""
    for place in ("src", "src/vpectl", "bench", "bench/traffic"):
        path = build_dir() / place / name
        if path.is_file():
            return path
    raise LabError(f"{name} is not built in {build_dir()}: meson compile -C {build_dir()}")


@functools.cache
def sanitized():
    """Whether the daemon is a sanitizer build: some times slower, on CPUs that it shares."""
    return b"__asan_init" in program("vped").read_bytes()


@dataclasses.dataclass
class Sa:
    """One direction. A fresh key each time: nothing here ever counts from the start twice."""

    protocol: str
    spi: int
    algorithm: str = "aes-256-gcm"
    esn: bool = False
    replay_window: int = 1024
    key: bytes = b""
    salt: bytes = b""

    def __post_init__(self):
        self.key = self.key or secrets.token_bytes(KEY_OCTETS[self.algorithm])
        if self.protocol == "esp":
            self.salt = self.salt or secrets.token_bytes(SALT_OCTETS)

    def key_file(self):
        return (self.key + self.salt).hex() + "\n"


@dataclasses.dataclass
class Tunnel:
    local: str
    remote: str
    out: Sa
    inbound: Sa
    name: str = "peer"
    port: str = "wan"
    more: str = ""  # further settings as they stand in the file


@dataclasses.dataclass
class Policy:
    src: str
    dst: str
    action: str = "protect"
    tunnel: str = "peer"
    protocol: str = "any"
    more: str = ""  # further settings as they stand in the file

    def text(self, index):
        tunnel = f' tunnel = "{self.tunnel}";' if self.action == "protect" else ""
        return (f'{{ name = "p{index}"; src = "{self.src}"; dst = "{self.dst}"; '
                f'protocol = "{self.protocol}"; action = "{self.action}";{tunnel} {self.more} }}')


@dataclasses.dataclass
class Port:
    name: str
    side: str
    interfaces: list
    addresses: list
    mtu: int = 1500
    host_interface: str = ""
    vdevs: list = dataclasses.field(default_factory=list)  # EAL's devices, instead of interfaces
    parent: str = ""  # and a VLAN of its, instead of either
    vlan: int = 0
    more: str = ""  # further settings as they stand in the file

    def __post_init__(self):
        self.host_interface = self.host_interface or f"vped-{self.name}"


def esp_spi():
    return secrets.randbelow(0x10000000) + 0xc0000000


def vpe_spi():
    return secrets.randbelow(0xffff0000) + 0x1000


def sa(protocol, **kwargs):
    return Sa(protocol, esp_spi() if protocol == "esp" else vpe_spi(), **kwargs)


def connect(path, timeout=5.0):
    """A connection to a control socket; waits while the queue of clients is full."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(timeout)
    end = time.monotonic() + timeout
    while True:
        try:
            client.connect(str(path))
            return client
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


class Gateway:
    """One daemon and everything that belongs to it."""

    cpu = itertools.count()  # the next CPU that nobody has been given

    def __init__(self, lab, namespace, ports, tunnels, policies, workers=("both",), **settings):
        self.lab = lab
        self.namespace = namespace
        self.name = namespace.name
        self.ports = ports
        self.tunnels = tunnels
        self.policies = policies
        self.workers = list(workers)
        self.settings = settings
        self.service = settings.get("service")  # that starts it, instead of root
        self.socket = (self.service.runtime if self.service else lab.dir) / f"{self.name}.sock"
        self.process = None
        # Gateways start on different CPUs where there are several.
        self.first_cpu = next(Gateway.cpu)
        for port in ports:
            for interface in port.interfaces:
                lab.give_to_daemon(namespace, interface)

    # The configuration file.

    def _lcores(self):
        available = cpus()
        ours = [available[(self.first_cpu + i) % len(available)] for i in range(len(self.workers))]
        control = ",".join(map(str, available))
        return ",".join([f"0@({control})"] + [f"{i + 1}@{cpu}" for i, cpu in enumerate(ours)])

    def _sa(self, sa_, name, inbound):
        path = self.lab.file(f"{self.name}-{name}.key", sa_.key_file())
        key_file = self.service.credential(path) if self.service else path.name
        rest = f" replay_window = {sa_.replay_window};" if inbound else ""
        if sa_.protocol == "esp":
            rest += f" esn = {str(sa_.esn).lower()};"
        return (f'{{ protocol = "{sa_.protocol}"; spi = 0x{sa_.spi:x}; '
                f'algorithm = "{sa_.algorithm}"; key_file = "{key_file}"; '
                f'manual_keys = "{self._manual_keys()}";{rest} }}')

    def _manual_keys(self):
        usual = "journaled" if self.settings.get("journal") else "fresh-each-start"
        return self.settings.get("manual_keys", usual)

    def key_files(self):
        return [self.lab.dir / f"{self.name}-{tunnel.name}.{way}.key"
                for tunnel in self.tunnels for way in ("out", "in")]

    def _journal(self):
        file = self.settings.get("journal")
        # A laboratory may lie on what forgets; what the daemon thinks of that has its own test.
        unsafe = str(self.settings.get("journal_unsafe", True)).lower()
        return f'journal = {{ file = "{file}"; unsafe = {unsafe}; }};' if file else ""

    def _register(self, files):
        return self.namespace.run(
            str(program("vpectl")), "-s", str(self.socket), "--journal",
            str(self.settings["journal"]), "--journal-unsafe", "key-register", *map(str, files))

    def register_keys(self):
        """Makes the journal too, where there is none."""
        self.configuration()  # writes the key files
        return self._register(self.key_files())

    def register_key(self, sa_):
        """Of an SA that comes later."""
        return self._register([self.lab.file(f"{self.name}-{sa_.spi}.key", sa_.key_file())])

    def _tunnel(self, tunnel):
        out = self._sa(tunnel.out, f"{tunnel.name}.out", False)
        inbound = self._sa(tunnel.inbound, f"{tunnel.name}.in", True)
        return (f'{{ name = "{tunnel.name}"; local = "{tunnel.local}"; '
                f'remote = "{tunnel.remote}"; port = "{tunnel.port}"; {tunnel.more}\n'
                f"    out = {out};\n    in = ( {inbound} ); }}")

    def _port(self, port, device):
        devices = port.vdevs or [self.lab.vdev(next(device), i) for i in port.interfaces]
        vdevs = ", ".join(f'"{d}"' for d in devices)
        place = (f'parent = "{port.parent}"; vlan = {port.vlan};' if port.parent
                 else f"vdev = [ {vdevs} ];")
        return (f'{{ name = "{port.name}"; side = "{port.side}"; {place} mtu = {port.mtu}; '
                f'host_interface = "{port.host_interface}"; {port.more} }}')

    def configuration(self):
        def items(texts):
            return "(\n  " + ",\n  ".join(texts) + "\n)"

        device = itertools.count()
        roles = [f'{{ lcore = {i + 1}; role = "{role}"; }}' for i, role in enumerate(self.workers)]
        huge = self.settings.get("huge", self.lab.huge)
        memory = self.settings.get("memory_mb", MEMORY_MB)
        idle = self.settings.get("idle", "backoff")
        guard = self.settings.get("host_guard", True)
        devices = sum(len(port.vdevs or port.interfaces) for port in self.ports)
        return "\n".join([
            f'eal = {{ huge = {str(huge).lower()}; memory_mb = {memory}; '
            f'lcores = "{self._lcores()}"; }};',
            f'control = {{ socket = "{self.socket}"; host_guard = {str(guard).lower()}; }};',
            f'workers = {{ burst = 64; idle = "{idle}"; roles = ( {", ".join(roles)} ); }};',
            f"buffers = {{ count = {BUFFERS_PER_DEVICE * devices}; "
            f"octets = {self.settings.get('buffer_octets', 2176)}; }};",
            f"ports = {items([self._port(p, device) for p in self.ports])};",
            f"tunnels = {items([self._tunnel(t) for t in self.tunnels])};" if self.tunnels else "",
            f"policies = {items([p.text(i) for i, p in enumerate(self.policies)])};",
            self._journal(), self.settings.get("more", ""), ""])

    # Its life.

    def start(self, timeout=30.0, wrapper=()):
        return self.launch(wrapper).ready(timeout)

    def launch(self, wrapper=()):
        """Begins to start; ready() waits for the rest."""
        config = self.lab.file(f"{self.name}.conf", self.configuration(), 0o644)
        self.socket.unlink(missing_ok=True)
        self.process = self.lab.spawn(
            self.namespace, *wrapper,
            *(self.service.command(program("vped")) if self.service else (program("vped"),)),
            "-c", config, name=f"vped-{self.name}",
            env=self.service.environment() if self.service else None)
        # A crash, or a sanitizer's report at the end, is the test's failure.
        self.process.expected = 0
        return self

    def ready(self, timeout=30.0):
        try:
            wait_for(f"vped on {self.name} to answer", self._answers, timeout)
        except LabError as err:
            raise LabError(f"{err}\n{self.process.tail()}") from None
        for port in self.ports:
            self.lab.host(self.namespace, port.host_interface, port.addresses)
        return self

    def _answers(self):
        if not self.process.running():
            raise LabError(f"vped on {self.name} ended with {self.process.popen.returncode}")
        try:
            self.ask("show-workers")
            return all(self.namespace.has(p.host_interface) for p in self.ports)
        except OSError:
            return False

    def stop(self):
        """SIGTERM. The exit status."""
        status = self.process.stop()
        self.lab.processes.remove(self.process)
        return status

    def kill(self):
        """SIGKILL: no chance to clean up."""
        self.process.kill()
        self.lab.processes.remove(self.process)

    def route(self, prefix, via):
        family = "-6" if ":" in prefix else "-4"
        self.namespace.ip(f"{family} route replace {prefix} via {via}")

    @contextlib.contextmanager
    def routes_follow(self, more):
        """Around what adds so many routes: until the data path goes by them."""
        def known():
            return self.stats()["mirror"]["routes"]

        before = known()
        yield
        wait_for("the routes to be followed", lambda: known() >= before + more)

    def mac(self, port):
        return self.namespace.mac(port.host_interface)

    # The control socket.

    def ask(self, request, **arguments):
        line = {"vped": 1, "id": 1, "request": request}
        if arguments:
            line["arguments"] = arguments
        answer = json.loads(self.say((json.dumps(line) + "\n").encode()))
        if "error" in answer:
            raise LabError(f"{request}: {answer['error']['text']}")
        return answer["result"]

    def say(self, octets, timeout=5.0):
        """Sends octets as they are, returns one line (or what came until the end)."""
        with connect(self.socket, timeout) as client:
            client.sendall(octets)
            answer = b""
            while not answer.endswith(b"\n"):
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
            return answer

    def vpectl(self, *argv, check=True):
        return self.namespace.run(str(program("vpectl")), "-s", str(self.socket), *argv,
                                  check=check)

    # Statistics. Names as in src/proto/drop.h and src/dataplane/stats.h.

    def stats(self):
        return self.ask("show-stats")

    def drops(self):
        """Reason -> packets. Reasons never seen are left out."""
        return {row["reason"]: row["packets"] for row in self.stats()["drops"]}

    def drops_since(self, before):
        """What came on top of an earlier drops()."""
        return {reason: packets - before.get(reason, 0) for reason, packets in self.drops().items()
                if packets != before.get(reason, 0)}

    def worker_counters(self):
        return self.ask("show-workers")["workers"]

    def total(self, name):
        """A counter of show-workers, summed up."""
        return sum(worker[name] for worker in self.worker_counters())

    def sa(self, direction):
        """The only SA of that direction."""
        found = [s for s in self.ask("show-sa")["sas"] if s["direction"] == direction]
        assert len(found) == 1
        return found[0]
