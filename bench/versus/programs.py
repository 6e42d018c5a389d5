"""The programs under test: each is told the same case in its own words."""

import ipaddress
import json
import os
import time

import cases

STREAM_DEVICE = "net_null0"
SINK_DEVICE = "net_null1"
LAN_HOP = ("10.99.0.1/24", "10.99.0.2")
MAC = "02:00:00:00:00:02"
REPLAY_WINDOW = 1024
# Seconds that a gateway may take to start.
PATIENCE_S = 120
# How many tunnels the gateway's configuration may have.
TUNNELS_MAX = 16384


def far_prefix(first, count):
    """The far hosts of SAs first .. first+count-1; count is a power of two that divides first."""
    return ipaddress.ip_network((cases.FAR_FIRST + first, 33 - count.bit_length()))


def far_of_all(case):
    return ipaddress.ip_network((cases.FAR_FIRST, 15)) if case.sas == 1 else None


class Testpmd:
    """Plain forwarding: the floor that everything else stands on."""

    name = "testpmd"

    def __init__(self, options):
        self.options = options

    def prepare(self, case, protocol, directory):
        pass

    def argv(self, case, protocol, directory):
        return ["dpdk-testpmd", "--no-pci", "--no-telemetry", *self.options.memory(512),
                "--lcores", self.options.lcores(case.workers),
                f"--force-max-simd-bitwidth={self.options.simd_bits}",
                "--vdev", STREAM_DEVICE, "--vdev", SINK_DEVICE, "--",
                "--forward-mode=io", "--auto-start", "--no-flush-rx",
                f"--nb-cores={case.workers}", f"--rxq={case.workers}", f"--txq={case.workers}",
                f"--burst={self.options.burst}", "--total-num-mbufs=16384",
                "--stats-period=3600"]

    def configure(self, namespace, directory, running):
        pass


class Secgw:
    """DPDK's example gateway: ESP alone."""

    name = "ipsec-secgw"
    hops = 0  # it does not lower the inner packet's hop limit
    # librte_ipsec 22.11 keeps the window's bit in 32 bits of 64 (esn_inb_update_sqn), so of two
    # copies with a number whose bit is one of the upper 32 both pass.
    passes_of_copies = 0.75

    def __init__(self, options, path):
        self.options = options
        self.path = path

    def prepare(self, case, protocol, directory):
        way, near, far = ("out", "src", "dst") if case.encrypts else ("in", "dst", "src")
        ends = (cases.GATEWAY, cases.PEER) if case.encrypts else (cases.PEER, cases.GATEWAY)
        make_key = cases.key_of_gateway if case.encrypts else cases.key
        lines = []
        for sa in range(case.sas):
            prefix = far_of_all(case) or far_prefix(sa, 1)
            lines.append(f"sp ipv4 {way} esp protect {cases.ESP_SPI_FIRST + sa} pri 1 "
                         f"{far} {prefix} {near} {cases.NEAR} sport 0:65535 dport 0:65535")
        for sa in range(case.sas):
            octets = ":".join(f"{octet:02x}" for octet in make_key(sa) + cases.SALT)
            lines.append(f"sa {way} {cases.ESP_SPI_FIRST + sa} aead_algo aes-128-gcm "
                         f"aead_key {octets} mode ipv4-tunnel src {ends[0]} dst {ends[1]} "
                         f"type no-offload")
        lines.append(f"rt ipv4 dst {cases.PEER + '/32' if case.encrypts else cases.NEAR} port 1")
        (directory / "secgw.cfg").write_text("\n".join(lines) + "\n", encoding="ascii")

    def argv(self, case, protocol, directory):
        inbound = [] if case.encrypts else ["-u", "0x1"]
        return [str(self.path), "--no-pci", "--no-telemetry", *self.options.memory(1024),
                "-l", str(self.options.worker_cpu),
                f"--force-max-simd-bitwidth={self.options.simd_bits}",
                "--vdev", STREAM_DEVICE, "--vdev", SINK_DEVICE, "--vdev", "crypto_aesni_gcm0",
                "--", "-p", "0x3", "-P", "-l", "-w", str(REPLAY_WINDOW), "-s", "16384",
                *inbound, f"--config=(0,0,{self.options.worker_cpu})",
                "-f", str(directory / "secgw.cfg")]

    def configure(self, namespace, directory, running):
        pass


class Vped:
    """Our gateway, complete: host interfaces, routes from the kernel, control socket."""

    name = "vped"
    hops = 1
    passes_of_copies = 0.5

    def __init__(self, options, path, path_without_crypto):
        self.options = options
        self.path = path
        self.path_without_crypto = path_without_crypto

    def _sa(self, case, protocol, sa):
        first = cases.ESP_SPI_FIRST if protocol == "esp" else cases.VPE_SPI_FIRST
        more = "" if case.encrypts else f" replay_window = {REPLAY_WINDOW};"
        if protocol == "esp":
            more += " esn = false;"
        return (f'{{ protocol = "{protocol}"; spi = 0x{first + sa:x}; algorithm = "aes-128-gcm"; '
                f'manual_keys = "fresh-each-start"; key_file = "keys/{sa}";{more} }}')

    def _tunnel(self, case, protocol, tunnel, each):
        sas = [self._sa(case, protocol, tunnel * each + i) for i in range(each)]
        side = f"out = {sas[0]};" if case.encrypts else f"in = ( {', '.join(sas)} );"
        return (f'{{ name = "t{tunnel}"; local = "{cases.GATEWAY}"; remote = "{cases.PEER}"; '
                f'port = "wan"; {side} }}')

    def _policies(self, case, each):
        """Those that never match stand first, so all of them are looked at by a plain search."""
        others = [f'{{ name = "other{i}"; src = "172.{16 + i // 256}.{i % 256}.0/24"; '
                  f'dst = "198.18.0.0/15"; action = "discard"; }}'
                  for i in range(case.policies - 1)]
        return others + [
            f'{{ name = "p{i}"; src = "{cases.NEAR}"; '
            f'dst = "{far_of_all(case) or far_prefix(i * each, each)}"; '
            f'action = "protect"; tunnel = "t{i}"; }}' for i in range(case.sas // each)]

    def prepare(self, case, protocol, directory):
        make_key = cases.key_of_gateway if case.encrypts else cases.key
        keys = directory / "keys"
        keys.mkdir(mode=0o700)
        salt = cases.SALT if protocol == "esp" else b""
        for sa in range(case.sas):
            with open(keys / str(sa), "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(make_key(sa) + salt)
        each = max(1, case.sas // TUNNELS_MAX)
        lan, wan = ((STREAM_DEVICE, SINK_DEVICE) if case.encrypts
                    else (SINK_DEVICE, STREAM_DEVICE))
        roles = ", ".join(f'{{ lcore = {i + 1}; role = "both"; }}' for i in range(case.workers))
        text = [
            f"eal = {{ huge = {str(self.options.huge).lower()}; memory_mb = 1024; "
            f"simd_bits = {self.options.simd_bits}; "
            f'lcores = "{self.options.lcores(case.workers)}"; }};',
            f'control = {{ socket = "{directory}/vped.sock"; host_guard = false; }};',
            f'crypto = "{self.options.engine if case.crypto else "null"}";',
            "buffers = { count = 16384; };",
            f"replay = {{ pool_kb = {max(4096, case.sas)}; }};",
            f'workers = {{ burst = {self.options.burst}; idle = "poll"; '
            f"flow_cache = {case.flow_cache}; roles = ( {roles} ); }};",
            f'ports = ( {{ name = "lan"; side = "protected"; vdev = "{lan}"; '
            f'host_interface = "vped-lan"; }},\n'
            f'  {{ name = "wan"; side = "unprotected"; vdev = "{wan}"; '
            f'host_interface = "vped-wan"; }} );',
            f'neighbours = ( {{ port = "lan"; address = "{LAN_HOP[1]}"; mac = "{MAC}"; }},\n'
            f'  {{ port = "wan"; address = "{cases.PEER}"; mac = "{MAC}"; }} );',
            "tunnels = (\n  " + ",\n  ".join(
                self._tunnel(case, protocol, i, each) for i in range(case.sas // each)) + " );",
            "policies = (\n  " + ",\n  ".join(self._policies(case, each)) + " );", ""]
        (directory / "vped.conf").write_text("\n".join(text), encoding="ascii")

    def argv(self, case, protocol, directory):
        path = self.path if case.crypto else self.path_without_crypto
        return [str(path), "-c", str(directory / "vped.conf")]

    def _publications(self, namespace, directory):
        """How many forwarding tables the workers have been given; None: it does not answer."""
        said = namespace.run(str(self.path.parent / "vpectl" / "vpectl"), "-s",
                             f"{directory}/vped.sock", "--json", "show-stats", check=False)
        return json.loads(said.stdout)["mirror"]["publications"] if said.returncode == 0 else None

    def configure(self, namespace, directory, running):
        """Addresses and the way to the near networks, as an operator gives them."""
        end = time.monotonic() + PATIENCE_S
        before = None
        while before is None:
            if time.monotonic() > end or not running():
                raise RuntimeError("vped does not answer")
            time.sleep(0.05)
            if (directory / "vped.sock").exists():
                before = self._publications(namespace, directory)
        for interface, address in (("vped-lan", LAN_HOP[0]), ("vped-wan", cases.GATEWAY + "/24")):
            namespace.ip(f"address add {address} dev {interface}")
            namespace.ip(f"link set {interface} up")
        namespace.ip(f"route add {cases.NEAR} via {LAN_HOP[1]}")
        self._wait_for_routes(namespace, directory, before)

    def _wait_for_routes(self, namespace, directory, before):
        """Until the last of them is in the workers' tables: no new table for a while."""
        end = time.monotonic() + PATIENCE_S
        last = before
        while time.monotonic() < end:
            time.sleep(0.3)
            now = self._publications(namespace, directory)
            if now == last and now > before:
                return
            last = now
        raise RuntimeError("vped does not follow the kernel's routes")
