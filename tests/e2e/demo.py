#!/usr/bin/python3
"""The demo: TCP crosses two gateways, over VPE and then over ESP; nobody on the way can read it.

Started by scripts/demo, which prepares packages, huge pages and the build.
"""

import argparse
import collections
import dataclasses
import sys
import time

import capture
import esp_oracle
import lab as laboratory
import peers
import show as display
import sites as two_sites
import traffic
from sites import A, B

MIB = 1 << 20
OTHERS = "decrypted by others"
PROTOCOLS = ("vpe", "esp")


@dataclasses.dataclass
class Sizes:
    pings: int = 50
    stream: int = 64 * MIB
    file: int = 256 * MIB


QUICK = Sizes(pings=5, stream=16 * MIB, file=8 * MIB)


class Column:
    """The results of one protocol: row label -> (text, good)."""

    def __init__(self, show, protocol):
        self.show = show
        self.protocol = protocol
        self.cells = {}

    def put(self, label, text, good):
        self.cells[label] = (text, good)
        self.show.done(label, text, good is not False)

    @property
    def passed(self):
        return all(good is not False for _, good in self.cells.values())


def rate(gbps):
    return f"{gbps:.2f} Gbit/s" if gbps >= 1 else f"{gbps * 1000:.0f} Mbit/s"


def pings(host, peer, family, sizes, column, direction):
    label = f"ping {direction}, IPv{family}"
    column.show.begin(label)
    result = traffic.ping(host, peer.host[family], sizes.pings)
    column.put(label, f"{result.received}/{result.sent}, {result.rtt_ms:.2f} ms",
               result.lossless)


def streams(lab, sites, sizes, column):
    for family in (4, 6):
        for here, there in ((A, B), (B, A)):
            label = f"TCP {here.letter} → {there.letter}, IPv{family}"
            result = traffic.iperf(lab, sites.host[here.letter], sites.host[there.letter],
                                   there.host[family], sizes.stream, column.show.bar(label))
            column.put(label, rate(result.gbps), True)


def files(lab, sites, sizes, column):
    source, target = lab.dir / "file.sent", lab.dir / "file.received"
    traffic.make_file(source, sizes.file)
    for family in (4, 6):
        label = f"{sizes.file // MIB} MiB file, IPv{family}"
        result = traffic.send_file(source, sites.host["a"], sites.host["b"], B.host[family],
                                   target, column.show.bar(label))
        verdict = "SHA-256 equal" if result.equal else "SHA-256 DIFFERS"
        column.put(label, f"{verdict} ({result.received_sha256[:8]}…), {rate(result.gbps)}",
                   result.equal)
        target.unlink()
    source.unlink()


def checker_sees(lab, sites, column):
    """The checker is worth something only if it finds the pattern where it is in clear."""
    seen = capture.Capture(lab, sites.host["a"], "eth0", "lan")
    traffic.ping(sites.host["a"], B.host[4], 5)
    seen.stop()
    found = capture.inspect(seen.path, two_sites.OUTER_ALL)
    seen.discard()
    column.put("same check on the LAN", f"finds {found.in_clear} in clear, as it must",
               found.with_pattern >= 10)


def judge_capture(lab, sites, wire, column):
    wire.stop()
    column.show.begin("reading the capture")
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    column.put("frames on the wan", found.words(), found.kinds[column.protocol] > 0)
    column.put("of these in clear", f"{found.in_clear}", found.in_clear == 0)
    for sample in found.samples:
        column.show.say(f"      not on the whitelist: {sample}")
    column.put("lost by the capture", f"{wire.dropped}", wire.dropped == 0)
    if column.protocol == "esp":
        tshark_decrypts(lab, sites, wire, found.kinds["esp"], column)
    else:
        python_decrypts(sites, wire, column)
    wire.discard()


def tshark_decrypts(lab, sites, wire, expected, column):
    column.show.begin("tshark decrypts")
    left, right = two_sites.OUTER[sites.outer]
    verdict = esp_oracle.judge(lab, wire.path, [
        (sites.outer, left, right, sites.a_to_b), (sites.outer, right, left, sites.b_to_a)])
    good = sum(verdict.good.values())
    column.put(OTHERS, f"tshark: {good:,} of {verdict.packets:,} good",
               verdict.all_good and good == expected)


def python_decrypts(sites, wire, column, sample=50000):
    """tshark knows no VPE; the implementation that was written from the manual does."""
    column.show.begin("Python's VPE decrypts")
    left, right = two_sites.OUTER[sites.outer]
    openers = {left: peers.PythonVpe(sites.a_to_b, left, right),
               right: peers.PythonVpe(sites.b_to_a, right, left)}
    good = seen = 0
    for _, frame in capture.frames(wire.path):
        packet = peers.ip_packet(frame)
        if packet and peers.protocol_of(packet) == peers.TUNNEL:
            seen += 1
            try:
                openers[peers.addresses_of(packet)[0]].open(packet)
                good += 1
            except ValueError:
                pass
        if seen == sample:
            break
    column.put(OTHERS, f"Python: {good:,} of first {seen:,} good", 0 < good == seen)


def dropped(sites, column):
    """What the gateways say they dropped. Packets over the MTU are how TCP finds it out."""
    drops = collections.Counter()
    for gateway in sites.gateway.values():
        drops.update(gateway.drops())
    words = ", ".join(f"{n} {reason}" for reason, n in drops.most_common()) or "none"
    column.cells["dropped by gateways"] = (words, None)


def run_protocol(lab, protocol, sizes, column, pause):
    sites = two_sites.Sites(lab)
    algorithm = "aes-256-gcm"
    column.cells["tunnel"] = (f"{algorithm}, fresh keys", None)
    column.show.begin("two gateways start")
    started = time.monotonic()
    # Without ESN, because tshark could not check the ICV otherwise.
    sites.pair(protocol, outer=4, algorithm=algorithm, esn=False)
    sites.start()
    sites.wait_reachable()
    column.show.done("two gateways start", f"{time.monotonic() - started:.1f} s")
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], f"wan-{protocol}",
                           buffer_mib=256)
    for family in (4, 6):
        pings(sites.host["a"], B, family, sizes, column, "a → b")
    streams(lab, sites, sizes, column)
    files(lab, sites, sizes, column)
    judge_capture(lab, sites, wire, column)
    checker_sees(lab, sites, column)
    dropped(sites, column)
    if pause:
        wait_for_person(lab, column.show)
    for gateway in sites.gateway.values():
        status = gateway.stop()
        if status != 0:
            column.put(f"{gateway.name} ends", f"exit status {status}", False)


def wait_for_person(lab, show):
    show.say("\n    Look around; everything still runs:")
    for namespace in lab.namespaces:
        show.say(f"      {namespace.name:<8} nsenter --net={namespace.path}")
    input("    Enter goes on. ")


PICTURE = """\
    host-a ──── gw-a ════ wan ════ gw-b ──── host-b
     10.1.0.2   192.0.2.1     192.0.2.2   10.2.0.2
     fd00:1::2                            fd00:2::2
"""


def introduce(show, lab):
    show.heading("vped: two sites, one tunnel, an eavesdropper in between")
    show.say()
    show.say(PICTURE)
    memory = "huge pages" if lab.huge else "ordinary memory (no huge pages)"
    show.say(f"    ports: net_{lab.device} on veth; {memory}; {len(laboratory.cpus())} CPUs")


def finish(show, columns, seconds):
    labels = list(dict.fromkeys(label for c in columns for label in c.cells))
    rows = [(label, [c.cells.get(label, ("–", None)) for c in columns]) for label in labels]
    show.table(["", *(c.protocol.upper() for c in columns)], rows)
    passed = all(c.passed for c in columns)
    words = (show.paint("passed", display.GREEN, display.BOLD) if passed
             else show.paint("FAILED", display.RED, display.BOLD))
    show.say(f"demo {words} in {seconds:.0f} s")
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--no-huge", action="store_true", help="use ordinary memory")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a first look")
    parser.add_argument("--pause", action="store_true", help="stop before each teardown")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else Sizes()
    laboratory.exit_on_signals()
    show = display.Show()
    started = time.monotonic()
    columns = []
    for protocol in PROTOCOLS:
        column = Column(show, protocol)
        columns.append(column)
        # A lab of its own for each: namespaces, keys and daemons are new.
        with laboratory.Lab(huge=False if arguments.no_huge else None) as lab:
            if len(columns) == 1:
                introduce(show, lab)
            show.heading(f"  {protocol.upper()}")
            try:
                run_protocol(lab, protocol, sizes, column, arguments.pause)
            except (laboratory.LabError, RuntimeError, OSError) as err:
                column.put("stopped", str(err).splitlines()[0][:60], False)
                show.say(str(err))
    return finish(show, columns, time.monotonic() - started)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything is taken down", file=sys.stderr)
        sys.exit(130)
