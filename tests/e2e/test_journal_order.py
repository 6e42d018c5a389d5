"""strace beside a capture: each number leaves after the fdatasync of its lease has returned."""

import os
import pathlib
import re
import signal

import pytest

import capture
import journals
import nonces
import peers
import traffic
from journals import journaled, revive
from lab import wait_for
from sites import A, B

CALL = re.compile(r"^(\d+) +(\d+\.\d+) (.*)$")
# A slow disk: who does not wait for it is seen. The slower sender of sanitizer builds takes longer to
# use up a lease.
DELAY_US = 3000000 if traffic.gateway.sanitized() else 1500000
# LeakSanitizer traces the process itself, which only one can.
NO_LEAKS = f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"
STRACE = ("env", NO_LEAKS, "strace", "-f", "--seccomp-bpf", "-qq", "-ttt", "-T", "-xx", "-s",
          "5000", "-e", "trace=pwrite64,fdatasync", "-e",
          f"inject=fdatasync:delay_enter={DELAY_US}")


def stop_traced(gateway):
    """strace itself ends with the program that it traces."""
    pid = gateway.process.pid
    child = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    os.kill(int(child), signal.SIGTERM)
    assert gateway.process.wait(60) == 0
    gateway.lab.processes.remove(gateway.process)


def written_page(call):
    data = re.search(r'"((?:\\x[0-9a-f]{2})*)"', call).group(1)
    return journals.records(bytes.fromhex(data.replace("\\x", "")))


def durable_edges(log, name):
    """[(time, {ID word: edge})]: what was durable when, of a key's outbound counters."""
    written, edges, timeline = [], {}, []
    for line in log.read_text(encoding="ascii", errors="replace").splitlines():
        match = CALL.match(line)
        if not match:
            continue
        _, when, call = match.groups()
        if call.startswith("pwrite64("):
            written.append(written_page(call))
        elif call.startswith("fdatasync(") and "= 0" in call:
            took = float(re.search(r"<(\d+\.\d+)>", call).group(1))
            for (key, kind, id_word), edge in [i for page in written for i in page.items()]:
                if kind == journals.OUT and key == name:
                    edges[id_word] = edge
            written.clear()
            timeline.append((float(when) + took, dict(edges)))
    return timeline


def sent(path, protocol):
    """(time, ID word, number) of each tunnel packet that A has sent."""
    for when, _, packet in nonces.tunnel_packets(path):
        if peers.addresses_of(packet)[0] == A.wan[4]:
            counter, number = nonces.nonce_of(packet, protocol)
            yield when, int.from_bytes(counter, "little"), number


def assert_leased(path, protocol, timeline):
    """How many packets were checked."""
    checked = at = 0
    edges = {}
    for when, id_word, number in sent(path, protocol):
        while at < len(timeline) and timeline[at][0] <= when:
            edges = timeline[at][1]
            at += 1
        assert number < edges.get(id_word, 0), (number, id_word, edges, when)
        checked += 1
    return checked


# ESP's lease of 65,536 is used up before the next is on the slow disk; VPE's is longer.
@pytest.mark.parametrize("protocol, packets", [("esp", 90000), ("vpe", 20000)])
def test_no_number_before_its_lease(lab, sites, protocol, packets):
    a, _ = journaled(lab, sites, protocol, esn=False)
    wire = capture.Capture(lab, sites.wan, "a0", "order")
    log = lab.dir / "calls.strace"
    sites.gateway["b"].start()
    sites.gateway["b"].route(A.prefixes[4], A.wan[4])
    revive(sites, A, wrapper=(*STRACE, "-o", log, "--"), timeout=60)
    # The first answer waits for its edge to be on disk, perhaps behind another write.
    traffic.wait_reachable(sites.host["a"], B.host[4], 180, wait=2 * DELAY_US / 1e6 + 1)
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        traffic.send_numbers(sites.host["a"], B.host[4], range(packets), rate=40000)
        if protocol == "esp":
            wait_for("a lease to run out", lambda: a.drops().get("lease_wait", 0) > 0, 5)
        assert len(numbers) > 0
    wire.stop()
    stop_traced(a)
    timeline = durable_edges(log, journals.fingerprint(a.tunnels[0].out.key))
    checked = assert_leased(wire.path, protocol, timeline)
    assert checked > packets / 2
    print(f"{protocol}: {checked} packets, {len(timeline)} syncs")
