"""Whole gateways on one machine: TCP between two hosts behind them, and a generator and a reflector
in the hosts' place. Everything shares the CPUs, so these show that it works and about how fast."""

import json
import pathlib
import subprocess
import tempfile

import figures
import gateway
import lab as laboratory
import traffic
from gateway import Gateway, Port, Tunnel
from measure import bypass
from sites import A, B, protect

PROTOCOLS = ("clear", "esp", "vpe")
MTUS = (1500, 9000)
ALGORITHM = "aes-128-gcm"
# net_af_packet takes frames as long as one slot of its ring; a buffer holds a whole slot.
SLOT = 16384
HEADROOM = 256  # of a buffer, and what the driver keeps of it


def _vdev(lab, mtu, index, interface):
    if mtu <= 1500:
        return lab.vdev(index, interface)
    return (f"net_af_packet{index},iface={interface},blocksz={SLOT},framesz={SLOT},framecnt=512")


class Row:
    """host-a, gw-a, gw-b and host-b, each wired to the next."""

    def __init__(self, lab, protocol, mtu):
        self.lab = lab
        self.mtu = mtu
        self.host, self.gateway = {}, {}
        gates = {site.letter: lab.namespace(f"gw-{site.letter}") for site in (A, B)}
        lab.wire(gates["a"], "wan0", gates["b"], "wan0", mtu)
        keys = [gateway.sa(protocol, algorithm=ALGORITHM) for _ in "ab"] \
            if protocol != "clear" else None
        for here, there, turn in ((A, B, 1), (B, A, -1)):
            x = here.letter
            self.host[x] = lab.namespace(f"host-{x}")
            lab.wire(self.host[x], "eth0", gates[x], "lan0", mtu)
            lab.host(self.host[x], "eth0", here.host_addresses, here.router.values())
            tunnels = [Tunnel(here.wan[4], there.wan[4], *keys[::turn])] if keys else []
            self.gateway[x] = self._gateway(
                gates[x], here, tunnels, protect(here, there) if keys else bypass(here, there))

    def _gateway(self, namespace, site, tunnels, policies):
        ports = []
        for index, (name, side, addresses) in enumerate((
                ("lan", "protected", site.lan_addresses),
                ("wan", "unprotected", site.wan_addresses))):
            self.lab.give_to_daemon(namespace, f"{name}0")
            ports.append(Port(name, side, [], addresses, self.mtu,
                              vdevs=[_vdev(self.lab, self.mtu, index, f"{name}0")]))
        more = {} if self.mtu <= 1500 else {"buffer_octets": SLOT + HEADROOM, "memory_mb": 768}
        return Gateway(self.lab, namespace, ports, tunnels, policies, **more)

    def start(self):
        for here, there in ((A, B), (B, A)):
            started = self.gateway[here.letter].start()
            started.route(there.prefixes[4], there.wan[4])
        traffic.wait_reachable(self.host["a"], B.host[4])
        return self


def _stream(row, seconds):
    """One TCP stream from host to host: what arrived, in Gbit/s."""
    lab = row.lab
    listener = lab.spawn(row.host["b"], "iperf3", "-s", "-1", "-B", B.host[4], "--forceflush")
    laboratory.wait_for("iperf3 to listen", lambda: "listening" in listener.said())
    done = row.host["a"].run("iperf3", "-c", B.host[4], "-t", str(seconds), "-J", check=False,
                             timeout=seconds + 60)
    listener.wait(10)
    lab.processes.remove(listener)
    result = json.loads(done.stdout)
    if "error" in result:
        raise laboratory.LabError(f"iperf3: {result['error']}")
    return result["end"]["sum_received"]["bits_per_second"] / 1e9


def measure_tcp(args, say):
    streams, seconds = (1, 1) if args.quick else (5, 4)
    rows = []
    for mtu in MTUS:
        for protocol in PROTOCOLS:
            say(f"TCP, {protocol}, MTU {mtu}")
            with laboratory.Lab(huge=False) as lab:
                row = Row(lab, protocol, mtu).start()
                rates = [_stream(row, seconds) for _ in range(streams)]
                device = "af_packet" if mtu > 1500 else lab.device
            rows.append({"mtu": mtu, "protocol": protocol, "device": device,
                         "seconds": seconds, "gbps": figures.spread(rates)})
    return {"algorithm": ALGORITHM, "rows": rows}


def _chain(args, workers):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "chain.json"
        done = subprocess.run(
            [laboratory.ROOT / "bench" / "chain", "--protocol", "vpe,esp,clear", "--family", "4",
             "--no-huge", "--workers", str(workers), "--sizes", "80" if args.quick else "80,1420",
             "--rate", "1k" if args.quick else "2k", "--seconds", "0.5" if args.quick else "3",
             "--json", file],
            capture_output=True, text=True, check=False)
        # Losses at the rate are in the file; anything else leaves none.
        if not file.exists():
            raise laboratory.LabError(f"bench/chain: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return json.loads(file.read_text(encoding="ascii"))


def _chain_row(run, case):
    calm, full = case["at_rate"], case["flat_out"]
    return {"workers": run["workers"], "protocol": case["protocol"],
            "frame_octets": case["frame_octets"],
            "at_rate": {"pps": calm["sent"]["pps"], "lost": calm["lost"],
                        "latency_us": {q: calm["latency_us"][q] for q in ("p50", "p99", "p99.9")}},
            "flat_out": {"goodput_bps": full["received"]["goodput_bps"],
                         "pps": full["received"]["pps"], "loss_ratio": full["loss_ratio"]}}


def measure_chain(args, say):
    """bench/chain, with one worker in each gateway and with two."""
    runs = []
    for workers in (1, 2):
        say(f"chain, {workers} worker{'s' if workers > 1 else ''} each")
        runs.append(_chain(args, workers))
    return {"rows": [_chain_row(run, case) for run in runs for case in run["cases"]],
            "idle": runs[0]["idle"], "algorithm": runs[0]["algorithm"]}
