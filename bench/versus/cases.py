"""What is measured: one traffic in one direction, and who carries it."""

import dataclasses

GATEWAY = "192.0.2.1"
PEER = "192.0.2.2"
NEAR = "10.1.0.0/16"
FAR_FIRST = 0x0a020000  # 10.2.0.0: the far host of SA 0; see bench/genport/frame.c
ESP_SPI_FIRST = 0x00100000
VPE_SPI_FIRST = 0x00001001
SAS_MAX = 65536
ETHER_OCTETS = 14
SALT = bytes.fromhex("deadbeef")


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table, whoever runs it."""

    group: str
    direction: str  # "encrypt" or "decrypt"
    octets: int  # of the clear frame in the buffer, Ethernet header included, no FCS
    sas: int = 1
    flows: int = 64
    order: str = "turn"
    workers: int = 1
    policies: int = 1
    flow_cache: int = 32768  # flows that a worker of vped remembers; its default
    crypto: bool = True

    @property
    def encrypts(self):
        return self.direction == "encrypt"

    def stream(self, protocol):
        """What the generator sends: protocol's packets, or the clear ones for both."""
        return "plain" if self.encrypts else protocol

    def describe(self):
        return {**dataclasses.asdict(self)}


def main_cases():
    return [Case("main", direction, octets)
            for octets in (64, 1420) for direction in ("encrypt", "decrypt")]


def many_sa_cases():
    return [Case("64 SAs", direction, 64, sas=64) for direction in ("encrypt", "decrypt")]


def most_sa_cases(outbound, inbound):
    return [Case("most SAs", "encrypt", 64, sas=outbound, flows=outbound, order="random"),
            Case("most SAs", "decrypt", 64, sas=inbound, flows=inbound, order="random")]


def path_cases():
    """Everything but crypto."""
    shapes = [{}, {"flows": 4096}, {"flows": 1 << 20}, {"policies": 1000},
              {"flow_cache": 0}]
    return [Case("no crypto", direction, 64, crypto=False, **shape)
            for shape in shapes for direction in ("encrypt", "decrypt")]


def worker_cases(counts):
    return [Case("workers", direction, octets, workers=workers) for workers in counts
            for octets in (64, 1420) for direction in ("encrypt", "decrypt")]


def key(sa):
    """The generator's cipher key of an SA; bench/genport/frame.c has the same."""
    return sa.to_bytes(4, "big") + bytes(0xa5 ^ i for i in range(4, 16))


def key_of_gateway(sa):
    """The key that a gateway encrypts with: another one, each SA has its own."""
    return sa.to_bytes(4, "big") + bytes(0x5a ^ i for i in range(4, 16))
