"""The laboratory itself: the checker finds what it looks for, and nothing stays behind."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import capture
import esp_oracle
import gateway as gw
import lab as laboratory
import nonces
import peers
import traffic
from capture import PATTERN

pytestmark = pytest.mark.one_build("release", "no daemon in it")

OUTER = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")
MAC = bytes.fromhex("020000000001020000000002")


def frame(packet):
    return MAC + peers.ETHERTYPE[packet[0] >> 4].to_bytes(2, "big") + packet


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
        for number, data in enumerate(frames):
            out.write(b"".join(n.to_bytes(4, "little")
                               for n in (number, 0, len(data), len(data))) + data)
    return path


def clear(source="10.1.0.2", destination="10.2.0.2", payload=b"x" * 64):
    return frame(peers.udp_datagram(source, destination, payload))


def tunnel(protocol, family):
    pair = OUTER[:2] if family == 4 else OUTER[2:]
    sa = gw.sa(protocol)
    peer = (peers.ScapyEsp if protocol == "esp" else peers.PythonVpe)(sa, *pair)
    return frame(peer.seal(peers.udp_datagram("10.1.0.2", "10.2.0.2", PATTERN * 4)))


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["esp", "vpe"])
def test_tunnel_packets_are_fine(tmp_path, protocol, family):
    found = capture.inspect(write_pcap(tmp_path / "x.pcap", [tunnel(protocol, family)] * 3), OUTER)
    assert found.kinds == {protocol: 3} and found.in_clear == 0


@pytest.mark.parametrize("bad", [
    clear(),
    clear("fd00:1::2", "fd00:2::2"),
    clear(payload=PATTERN),
    # Between the outer addresses, but not tunnel traffic.
    clear("192.0.2.1", "192.0.2.2"),
    clear("2001:db8::1", "2001:db8::2"),
    # The pattern hidden in what is otherwise a tunnel packet.
    tunnel("vpe", 4) + PATTERN,
    # A tunnel packet of somebody else, a fragment, a frame of an unknown kind, half a frame.
    frame(peers.udp_datagram("198.51.100.1", "192.0.2.2", b"")),
    tunnel("esp", 4)[:20] + b"\x20\x00" + tunnel("esp", 4)[22:],
    MAC + b"\x88\xb5" + bytes(60),
    tunnel("esp", 4)[:22],
])
def test_checker_finds(tmp_path, bad):
    good = [tunnel("esp", 4), tunnel("vpe", 6)]
    found = capture.inspect(write_pcap(tmp_path / "x.pcap", good + [bad]), OUTER)
    assert found.in_clear == 1 and found.total == 3


def numbered(protocol, number, counter=1, source=OUTER[0]):
    """A tunnel packet as far as its nonce goes."""
    nonce = (counter.to_bytes(4, "little") + number.to_bytes(8, "little") if protocol == "vpe"
             else counter.to_bytes(4, "big") + bytes(4) + number.to_bytes(8, "big"))
    return frame(peers.ip_packet_of(source, OUTER[1], peers.TUNNEL, nonce + bytes(40)))


def see(tmp_path, protocol, *captures):
    seen = nonces.Seen(protocol)
    for frames in captures:
        seen.add(write_pcap(tmp_path / "x.pcap", [clear(), *frames]))
    return seen.packets


@pytest.mark.parametrize("protocol", ["esp", "vpe"])
@pytest.mark.parametrize("captures", [
    [[1, 2, 2]], [[2, 1, 3, 1]], [[1, 2, 3], [3]], [[1, 2, 3], [4], [0, 1]], [[5], [4, 5, 6]],
    [[1, 9], [3, 4], [8, 9, 10]], [[1, 2, 3, 4, 5], [7], [2, 3]]])
def test_nonce_twice_is_found(tmp_path, protocol, captures):
    with pytest.raises(AssertionError):
        see(tmp_path, protocol, *([numbered(protocol, n) for n in one] for one in captures))


def test_nonces_once_are_fine(tmp_path):
    """In any order; another sender has another key, another window of VPE another nonce."""
    captures = ([3, 1, 2, 9], [5, 4], [0, 6, 8, 7])
    for protocol in ("esp", "vpe"):
        assert see(tmp_path, protocol, *([numbered(protocol, n) for n in one] for one in captures),
                   [numbered(protocol, 5, source="192.0.2.3")]) == 11
    assert see(tmp_path, "vpe", [numbered("vpe", 5), numbered("vpe", 5, counter=1 << 16)]) == 2


def test_pattern_in_ping_and_file(tmp_path):
    traffic.make_file(tmp_path / "file", 10000)
    content = (tmp_path / "file").read_bytes()
    assert len(content) == 10000
    # Any 1,040 octets in a row hold it, so any packet of a TCP stream does.
    assert all(PATTERN in content[i:i + 1040] for i in range(0, 8960, 7))


def test_tshark_judges(lab):
    """Good is good, one wrong bit is bad, and an unknown SPI is not good."""
    known, unknown = gw.sa("esp"), gw.sa("esp")
    inner = peers.udp_datagram("10.1.0.2", "10.2.0.2", PATTERN * 4)
    packets = [peers.ScapyEsp(sa, *OUTER[:2]).seal(inner) for sa in (known, known, unknown)]
    packets[1] = packets[1][:-1] + bytes([packets[1][-1] ^ 1])
    path = write_pcap(lab.dir / "x.pcap", [frame(p) for p in packets])
    verdict = esp_oracle.judge(lab, path, [(4, *OUTER[:2], known)])
    assert verdict.packets == 3 and not verdict.all_good
    assert sum(verdict.good.values()) == 1 and sum(verdict.bad.values()) == 2
    assert not list((lab.dir / "wireshark").iterdir())  # keys are gone


def namespace_mounts():
    """What `ip netns` would have left; others on this machine may have some."""
    mounts = pathlib.Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return {line for line in mounts if "nsfs" in line or laboratory.TEMP_PREFIX in line}


def ended(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1]
    except FileNotFoundError:
        return True
    return state.split()[0] == "Z"  # an init that does not collect its orphans


CHILD = """
import sys, time
sys.path.insert(0, {path!r})
import lab as laboratory
laboratory.exit_on_signals()
with laboratory.Lab() as lab:
    a, b = lab.namespace("a"), lab.namespace("b")
    lab.wire(a, "eth0", b, "eth0")
    process = lab.spawn(a, "sleep", "300")
    print(process.pid, lab.dir, flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_stays(number):
    """Interrupted in whatever way: no process, no mount, no directory."""
    before = namespace_mounts()
    here = str(pathlib.Path(__file__).resolve().parent)
    child = subprocess.Popen([sys.executable, "-c", CHILD.format(path=here)],
                             stdout=subprocess.PIPE, text=True)
    pid, directory = child.stdout.readline().split()
    child.send_signal(number)
    child.wait(10)
    child.stdout.close()
    laboratory.wait_for("the process to end", lambda: ended(pid), 5)
    if number == signal.SIGKILL:
        # Nobody was left to remove the directory; the next laboratory does.
        assert os.path.exists(directory)
        with laboratory.Lab():
            pass
    assert not os.path.exists(directory)
    assert namespace_mounts() == before


def test_forwarder_shuffles_and_loses_nothing(lab):
    a, w, b = (lab.namespace(n) for n in "awb")
    lab.wire(a, "eth0", w, "l")
    lab.wire(b, "eth0", w, "r")
    for namespace, end in ((a, "eth0"), (b, "eth0"), (w, "l"), (w, "r")):
        namespace.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 1)
    lab.tool(w, "forwarder.py", "--left", "l", "--right", "r", "--shuffle", "16")
    left = peers.Wire(a, "eth0", b.mac("eth0"))
    right = peers.Wire(b, "eth0", a.mac("eth0"))
    time.sleep(0.1)
    sent = [tunnel("vpe", 4)[14:] for _ in range(50)]
    for packet in sent:
        left.send(packet)
    got = right.tunnel_packets(50, timeout=3)
    assert sorted(got) == sorted(sent) and got != sent
    for packet in sent:
        right.send(packet)
    assert left.tunnel_packets(50, timeout=3) == sent  # no fault on the way back


@pytest.mark.parametrize("family", [4, 6])
def test_ping_tells_late_from_lost(lab, family):
    """The fifth answer leaves the far host half a second after the others."""
    near, far = lab.namespace("near"), lab.namespace("far")
    lab.wire(near, "eth0", far, "eth0")
    target = {4: "198.51.100.2", 6: "2001:db8:51::2"}[family]
    lab.host(near, "eth0", ["198.51.100.1/24", "2001:db8:51::1/64"])
    lab.host(far, "eth0", ["198.51.100.2/24", "2001:db8:51::2/64"])
    assert traffic.ping(near, target, size=1000).lossless

    def ping_shaped(count, queue):
        # Four answers of some 1050 octets each pass at once; the queue takes so many octets more.
        far.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "16kbit",
                "burst", "4400", "limit", str(queue))
        done = traffic.ping(near, target, count, size=1000)
        far.run("tc", "qdisc", "del", "dev", "eth0", "root")
        assert "4 received" in done.text
        return done

    assert ping_shaped(5, 9000).lossless
    assert ping_shaped(8, 1500).received == 5
