"""Gateway a with one tunnel, whose far end is a program with raw frames at the wan."""

import gateway as gw
import lab as laboratory
import peers
import sites as two_sites
import traffic
from gateway import Tunnel
from sites import A, B


class Meeting:
    """Gateway a with one tunnel to a peer that we play."""

    def __init__(self, lab, protocol, outer, algorithm, esn=False, replay_window=1024, first=1,
                 settings=""):
        """settings: further ones of the tunnel."""
        self.lab, self.outer = lab, outer
        self.sites = two_sites.Sites(lab, wan_switch=False)
        self.out = gw.sa(protocol, algorithm=algorithm, esn=esn)
        self.back = gw.sa(protocol, algorithm=algorithm, esn=esn, replay_window=replay_window)
        self.here, self.there = A.wan[outer], B.wan[outer]
        self.gateway = self.sites.add(
            A, [Tunnel(self.here, self.there, self.out, self.back, more=settings)],
            two_sites.protect(A, B))
        self.sites.start()
        end = self.sites.wan_ends["a"][0]
        # The kernel at the peer's place answers ARP and ND, and nothing else.
        self.sites.wan.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 0)
        lab.host(self.sites.wan, end, B.wan_addresses)
        peers.silence_kernel(self.sites.wan)
        self.wire = peers.Wire(self.sites.wan, end, self.gateway.mac(self.gateway.ports[1]))
        make = peers.ScapyEsp if protocol == "esp" else peers.PythonVpe
        self.opener = make(self.out, self.here, self.there)
        self.sealer = make(self.back, self.there, self.here, first=first)
        self.wait_neighbours()

    def wait_neighbours(self):
        """Until the first packet of each family comes through in each direction."""
        host = self.sites.host["a"]
        for family in (4, 6):
            laboratory.wait_for("something to come out", lambda f=family: self._comes_out(host, f))
            with traffic.Numbers(host, A.host[family], port=7001) as numbers:
                laboratory.wait_for("something to come in",
                                    lambda f=family, n=numbers: self._comes_in(f, n))
        while self.wire.tunnel_packets(1, timeout=0.2):
            pass

    def _comes_out(self, host, family):
        traffic.send_numbers(host, B.host[family], [10**9])
        return self.wire.tunnel_packets(1, timeout=0.2)

    def _comes_in(self, family, numbers):
        self.send_in(family, 10**9, port=7001)
        return numbers.settle(1, timeout=0.2)

    def datagram(self, family, number, port=7000, **more):
        return peers.udp_datagram(B.host[family], A.host[family], traffic.numbered(number, 100),
                                  port, **more)

    def send_in(self, family, number, **more):
        self.wire.send(self.sealer.seal(self.datagram(family, number, **more)))

    def check_out(self, family, count):
        """The host sends; the peer opens all of it and finds what was sent."""
        host = self.sites.host["a"]
        traffic.send_numbers(host, B.host[family], range(count), size=100, rate=2000)
        packets = self.wire.tunnel_packets(count, timeout=3)
        seen = set()
        for packet in packets:
            assert peers.addresses_of(packet) == (self.here, self.there)
            inner = self.opener.open(packet)
            assert peers.addresses_of(inner) == (A.host[family], B.host[family])
            assert peers.ttl_of(inner) == 63
            magic, number = traffic.NUMBER.unpack_from(peers.udp_payload(inner))
            assert magic == traffic.NUMBER_MAGIC
            assert peers.udp_payload(inner) == traffic.numbered(number, 100)
            seen.add(number)
        assert seen == set(range(count))

    def check_in(self, family, count):
        """The peer sends; the host gets every number once."""
        with traffic.Numbers(self.sites.host["a"], A.host[family]) as numbers:
            pace = traffic.Pace(2000)
            for number in range(count):
                self.send_in(family, number)
                pace.step()
            assert numbers.settle(count) == count, self.gateway.drops()
            assert not numbers.twice and not numbers.strange
