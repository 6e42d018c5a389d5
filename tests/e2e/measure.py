"""vpegen and vpereflect in a laboratory, and a chain of gateways that they measure.

    vpegen ---- gw-a ==== gw-b ---- vpereflect
      10.1.0.2  .1  192.0.2.1/.2  .1  10.2.0.2      (and IPv6, as in sites.py)

The lines are net_memif links, memory that two processes share: neither a kernel nor a NIC stands
between them. Routes and neighbours of the gateways are their kernels' business, as anywhere.
"""

import hashlib
import json

import gateway as gw
from gateway import Gateway, Policy, Port, Tunnel
from lab import LabError, cpus, wait_for
from sites import A, B, protect

MEMORY_MB = 128  # for each worker; jumbo frames want more


def mac(name):
    octets = b"\x02" + hashlib.sha256(name.encode()).digest()[:5]
    return octets.hex(":")


def memif(lab, name, role, index=0):
    """One end of the link `name`, as EAL's device number `index`; the same station each time."""
    # Sockets in files, because abstract ones do not reach into other namespaces. Buffers that hold
    # the largest frames.
    return (f"net_memif{index},role={role},id=0,socket={lab.dir}/{name}.memif,"
            f"socket-abstract=no,bsize=10240,mac={mac(name + role)}")


def bypass(here, there):
    """Traffic between two sites in clear, both ways."""
    return [Policy(a.prefixes[f], b.prefixes[f], "bypass") for f in (4, 6)
            for a, b in ((here, there), (there, here))]


class Program:
    """vpegen or vpereflect, running."""

    def __init__(self, lab, name, vdev, *options, cpu=None, workers=1, idle="backoff",
                 namespace=None, huge=False, memory_mb=MEMORY_MB):
        available = cpus()
        first = next(Gateway.cpu) if cpu is None else cpu
        lcores = [f"0@({','.join(map(str, available))})"] + [
            f"{i + 1}@{available[(first + i) % len(available)]}" for i in range(workers)]
        memory = ["--in-memory"] if huge else ["--no-huge", "--no-shconf"]
        self.lab = lab
        self.json = lab.file(f"{name}-{len(list(lab.dir.iterdir()))}.json", "")
        self.process = lab.spawn(
            namespace, gw.program(name), *memory, "--no-telemetry", "--no-pci", "-m",
            memory_mb * workers, "--log-level", "*:error", "--lcores", ",".join(lcores),
            "--vdev", vdev, "--", "--idle", idle, "--json", self.json, *options, name=name)
        if name == "vpereflect":
            wait_for("vpereflect to be ready", lambda: not self.process.running() or
                     "ready" in self.process.said())

    def result(self, timeout=60.0):
        """Waits for its end and reads what it found."""
        if self.process in self.lab.processes:
            self.lab.processes.remove(self.process)
        if self.process.wait(timeout) != 0:
            raise LabError(f"{self.process.name}: {self.process.tail()}")
        return json.loads(self.json.read_text(encoding="ascii"))

    def stop(self):
        """SIGTERM, then the same."""
        self.process.stop()
        return self.result()


class Chain:
    """The two gateways; start() starts them, then reflect() the far end, then generate().

    protocol "clear": no tunnel, the gateways only forward.
    """

    def __init__(self, lab, protocol, outer=4, algorithm="aes-128-gcm", workers=("both",),
                 mtu=1500, **settings):
        self.lab = lab
        common = {"algorithm": algorithm, "esn": protocol == "esp"}
        keys = [gw.sa(protocol, **common) for _ in "ab"] if protocol != "clear" else None
        if mtu > 1500:
            settings.setdefault("buffer_octets", mtu + 256)
        self.gateway = {}
        for here, there, turn in ((A, B, 1), (B, A, -1)):
            x = here.letter
            tunnels = [Tunnel(here.wan[outer], there.wan[outer], *keys[::turn])] if keys else []
            policies = protect(here, there) if keys else bypass(here, there)
            self.gateway[x] = Gateway(lab, lab.namespace(f"gw-{x}"), self._ports(here, mtu),
                                      tunnels, policies, workers, **settings)
            for _ in workers[1:]:
                next(Gateway.cpu)
        self.cpu = {name: next(Gateway.cpu) for name in ("vpegen", "vpereflect")}

    def _ports(self, site, mtu):
        wan = memif(self.lab, "wan", "server" if site is A else "client", 1)
        return [Port("lan", "protected", [], site.lan_addresses, mtu,
                     vdevs=[memif(self.lab, f"lan-{site.letter}", "server")]),
                Port("wan", "unprotected", [], site.wan_addresses, mtu, vdevs=[wan])]

    def start(self):
        for here, there in ((A, B), (B, A)):
            gateway = self.gateway[here.letter].start()
            for family in (4, 6):
                gateway.route(there.prefixes[family], there.wan[family])
        return self

    def reflect(self, *options, **kwargs):
        return Program(self.lab, "vpereflect", memif(self.lab, "lan-b", "client"), "--answer",
                       B.host[4], "--answer", B.host[6], *options, cpu=self.cpu["vpereflect"],
                       **kwargs)

    def generate(self, family, *options, **kwargs):
        return Program(self.lab, "vpegen", memif(self.lab, "lan-a", "client"), "--source",
                       A.host[family], "--destination", B.host[family], "--gateway",
                       A.router[family], *options, cpu=self.cpu["vpegen"], **kwargs)

    def drops(self):
        """What the gateways dropped, but for what their kernels sent before anybody was there."""
        return {(x, reason): n for x, gateway in self.gateway.items()
                for reason, n in gateway.drops().items()
                if reason not in ("neighbour_pending", "tx_full")}
