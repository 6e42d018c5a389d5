"""Two sites and what lies between them.

    host-a ---- gw-a ==== wan ==== gw-b ---- host-b
       10.1.0.2  .1   192.0.2.1   192.0.2.2   .1  10.2.0.2
      fd00:1::2  ::1  2001:db8::1 2001:db8::2 ::1  fd00:2::2

Five namespaces, one-queue veth pairs, a vped in each gw. The wan is a switch, unless a test puts a
program of tests/tools in its place.
"""

import dataclasses

import capture
import gateway as gw
import traffic
from gateway import Gateway, Policy, Port, Tunnel

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
WAN_BITS = {4: 24, 6: 64}
OUTER_ALL = [a for pair in OUTER.values() for a in pair]


@dataclasses.dataclass
class Site:
    letter: str
    number: int

    @property
    def prefixes(self):
        return {4: f"10.{self.number}.0.0/16", 6: f"fd00:{self.number}::/32"}

    @property
    def host(self):
        return {4: f"10.{self.number}.0.2", 6: f"fd00:{self.number}::2"}

    @property
    def router(self):
        return {4: f"10.{self.number}.0.1", 6: f"fd00:{self.number}::1"}

    @property
    def wan(self):
        return {4: f"192.0.2.{self.number}", 6: f"2001:db8::{self.number}"}

    @property
    def host_addresses(self):
        return [f"{self.host[4]}/24", f"{self.host[6]}/64"]

    @property
    def lan_addresses(self):
        return [f"{self.router[4]}/24", f"{self.router[6]}/64"]

    @property
    def wan_addresses(self):
        return [f"{self.wan[f]}/{WAN_BITS[f]}" for f in (4, 6)]


A, B = Site("a", 1), Site("b", 2)
DISTANCE_TTL = 64 - 2  # of a packet that crossed both gateways


def nothing_in_clear(wire, others=(), fragments=False):
    """What a capture of the wan found, which ends here; others: addresses that may speak there."""
    wire.stop()
    found = capture.inspect(wire.path, [*OUTER_ALL, *others], fragments=fragments)
    assert wire.dropped == 0
    assert found.in_clear == 0, found.samples
    return found


def protect(here, there, tunnel="peer"):
    """All traffic between two sites, as the gateway at `here` sees it."""
    return [Policy(here.prefixes[f], there.prefixes[f], "protect", tunnel) for f in (4, 6)]


def answer_pings(here):
    """ICMP of the gateway's own addresses on the wan, in clear."""
    return [Policy(here.wan[f], prefix, "bypass", protocol=protocol)
            for f, prefix, protocol in ((4, "0.0.0.0/0", "icmp"), (6, "::/0", "icmpv6"))]


class Sites:
    """Builds the namespaces; start() starts the gateways."""

    def __init__(self, lab, wan_switch=True, wires=None, lan_mtu=None):
        """By letter: how many wires each gateway has as (lan, wan), one each by default; the MTU of
        its LAN."""
        self.lab = lab
        wires = wires or {}
        self.lan_mtu = {"a": 1500, "b": 1500, **(lan_mtu or {})}
        self.host, self.gate = {}, {}
        self.gateway = {}
        self.wan = lab.namespace("wan")
        self.wan_ends = {}
        self.lan_ends = {}
        for site in (A, B):
            x = site.letter
            lan_n, wan_n = wires.get(x, (1, 1))
            self.host[x] = lab.namespace(f"host-{x}")
            self.gate[x] = lab.namespace(f"gw-{x}")
            self.lan_ends[x] = [f"eth{i}" for i in range(lan_n)]
            self.wan_ends[x] = [f"{x}{i}" for i in range(wan_n)]
            self._lan(x)
            for i, end in enumerate(self.wan_ends[x]):
                lab.wire(self.wan, end, self.gate[x], f"wan{i}")
            lab.host(self.host[x], "eth0", site.host_addresses, site.router.values())
        if wan_switch:
            lab.switch(self.wan, self.wan_ends["a"] + self.wan_ends["b"])
        else:
            for end in self.wan_ends["a"] + self.wan_ends["b"]:
                self.wan.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 1)

    def _lan(self, x):
        """One wire, or several with a program that spreads what the host sends over them."""
        ends = self.lan_ends[x]
        if len(ends) == 1:
            self.lab.wire(self.host[x], ends[0], self.gate[x], "lan0", self.lan_mtu[x])
            return
        between = self.lab.namespace(f"lan-{x}")
        self.lab.wire(self.host[x], "eth0", between, "host")
        for i, end in enumerate(ends):
            self.lab.wire(between, end, self.gate[x], f"lan{i}")
        for end in ("host", *ends):
            between.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 1)
        self.lab.tool(between, "forwarder.py", "--left", "host", "--right", ",".join(ends),
                      "--spray", "--all")

    def ports(self, site):
        x = site.letter
        return [Port("lan", "protected", [f"lan{i}" for i in range(len(self.lan_ends[x]))],
                     site.lan_addresses, self.lan_mtu[x]),
                Port("wan", "unprotected", [f"wan{i}" for i in range(len(self.wan_ends[x]))],
                     site.wan_addresses)]

    def add(self, site, tunnels, policies, **settings):
        """A gateway that is not started yet."""
        x = site.letter
        self.gateway[x] = Gateway(self.lab, self.gate[x], self.ports(site), tunnels, policies,
                                  **settings)
        return self.gateway[x]

    def pair(self, protocol, outer=4, algorithm="aes-256-gcm", esn=False, replay_window=1024,
             workers=None, policies=protect, more=None, services=None, **settings):
        """Both gateways with one tunnel between them, not started yet.

        policies: of a site towards the other; more: of a site alone; workers, services: by letter.
        """
        workers = workers or {}
        common = {"algorithm": algorithm, "esn": esn, "replay_window": replay_window}
        a_to_b, b_to_a = gw.sa(protocol, **common), gw.sa(protocol, **common)
        self.a_to_b, self.b_to_a, self.outer = a_to_b, b_to_a, outer
        for here, there, out, back in ((A, B, a_to_b, b_to_a), (B, A, b_to_a, a_to_b)):
            tunnel = Tunnel(here.wan[outer], there.wan[outer], out, back)
            self.add(here, [tunnel], policies(here, there) + (more(here) if more else []),
                     workers=workers.get(here.letter, ("both",)),
                     service=(services or {}).get(here.letter), **settings)
        return self.gateway["a"], self.gateway["b"]

    def start(self):
        """Those that were not started yet, side by side."""
        fresh = [(self.gateway[site.letter], other) for site, other in ((A, B), (B, A))
                 if site.letter in self.gateway and not self.gateway[site.letter].process]
        for gateway, _ in fresh:
            gateway.launch()
        for gateway, other in fresh:
            gateway.ready()
            for family in (4, 6):
                gateway.route(other.prefixes[family], other.wan[family])
        return self

    def newcomer(self, name, addresses=()):
        """Somebody else's host on the wan's switch."""
        namespace = self.lab.namespace(name)
        self.lab.wire(self.wan, name, namespace, "eth0")
        self.wan.ip(f"link set dev {name} master br0")
        self.wan.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)
        self.lab.host(namespace, "eth0", addresses)
        return namespace

    def wait_reachable(self, families=(4, 6)):
        for family in families:
            traffic.wait_reachable(self.host["a"], B.host[family])
        return self
