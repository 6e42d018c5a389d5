"""Several workers: wrong steering costs a hand-over, never a packet and never a rule."""

import os
import signal

import pytest

import capture
import lab as laboratory
import peers
import sites as two_sites
import traffic
from sites import A, B


def broken_steering(lab, protocol):
    """Gateway b has a wan port of two devices, and tunnel packets come in on either by turns."""
    sites = two_sites.Sites(lab, wan_switch=False, wires={"b": (1, 2)})
    sites.pair(protocol, workers={"b": ("both", "both")})
    ends = sites.wan_ends["b"]
    # One port, one station.
    mac = sites.gate["b"].mac("wan0")
    sites.gate["b"].ip(f"link set dev wan1 address {mac}")
    lab.tool(sites.wan, "forwarder.py", "--left", sites.wan_ends["a"][0],
             "--right", ",".join(ends), "--spray")
    sites.start().wait_reachable()
    return sites


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_broken_steering(lab, protocol, count):
    """Half of a window's packets reach the wrong worker: all arrive, in hand-over, once."""
    packets = count(5000, 50000)
    sites = broken_steering(lab, protocol)
    b = sites.gateway["b"]
    before, handed = b.drops(), b.total("handed_out")
    for family in (4, 6):
        with traffic.Numbers(sites.host["b"], B.host[family]) as numbers:
            traffic.send_numbers(sites.host["a"], B.host[family], range(packets),
                                 receiver=numbers)
            assert numbers.settle(packets, timeout=20, quiet=1) == packets, b.drops_since(before)
            assert not numbers.twice
    assert not b.drops_since(before)
    handed = b.total("handed_out") - handed
    # One worker owns the window; the other got every second packet.
    assert 0.8 * packets < handed < 1.2 * packets
    assert b.total("handed_in") == b.total("handed_out")
    print(f"{2 * packets} packets, {handed} handed over, 0 lost")


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_no_unauthentic_packet_is_handed_over(lab, protocol, count):
    """Packets with a wrong ICV end where they arrive, whoever owns the window they claim."""
    packets = count(1000, 10000)
    sites = broken_steering(lab, protocol)
    b = sites.gateway["b"]
    host = sites.host["a"]
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "stream")
        traffic.send_numbers(host, B.host[4], range(packets), rate=5000, receiver=numbers)
        assert numbers.settle(packets, timeout=20, quiet=1) == packets
        wire.stop()
        before, handed = b.drops(), b.total("handed_out")
        # The sequence numbers are new, so that nothing but the ICV can stop them.
        ends = [peers.Wire(sites.wan, end, b.mac(b.ports[1])) for end in sites.wan_ends["b"]]
        pace = traffic.Pace(5000)
        sent = 0
        for _, frame in capture.frames(wire.path):
            packet = peers.ip_packet(frame)
            if packet and peers.protocol_of(packet) == peers.TUNNEL:
                ends[sent % 2].send_frame(forged(frame, protocol))
                pace.step()
                sent += 1
        assert sent == packets
        numbers.settle(packets + 1, timeout=2)
        assert b.drops_since(before) == {"icv_failed": sent}
        assert b.total("handed_out") == handed
        assert len(numbers) == packets and not numbers.twice
    print(f"{sent} forged packets over both devices: 0 in a ring")


def forged(frame, protocol):
    """The packet with a number far ahead; its ICV no longer fits."""
    # ESP: 32 bits, big-endian, at 4. VPE: 64 bits, little-endian, at 4; the clock, from which its
    # numbers start, does not reach the upper octet.
    at = 34 + (4 + 1 if protocol == "esp" else 4 + 7)
    return frame[:at] + bytes([frame[at] ^ 0x40]) + frame[at + 1:]


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_two_encrypt_one_decrypt(lab, protocol, count):
    """More windows than decrypting workers. ESP: clear packets reach the one that encrypts."""
    packets = count(5000, 50000)
    sites = two_sites.Sites(lab, wires={"a": (2, 1)})
    mac = sites.gate["a"].mac("lan0")
    sites.gate["a"].ip(f"link set dev lan1 address {mac}")
    a, b = sites.pair(protocol, workers={"a": ("encrypt", "encrypt", "decrypt"),
                                         "b": ("encrypt", "decrypt")})
    sites.start().wait_reachable()
    before = {g: g.drops() for g in (a, b)}
    for here, there in ((A, B), (B, A)):
        with traffic.Numbers(sites.host[there.letter], there.host[4]) as numbers:
            traffic.send_numbers(sites.host[here.letter], there.host[4], range(packets),
                                 rate=3000, receiver=numbers)
            assert numbers.settle(packets, timeout=20, quiet=1) == packets, \
                [g.drops_since(before[g]) for g in (a, b)]
            assert not numbers.twice
    for gateway in (a, b):
        assert not gateway.drops_since(before[gateway])
    windows = b.sa("in")["windows"]
    if protocol == "vpe":
        assert windows["used"] == 2
        assert sorted(w["window_id"] for w in windows["list"]) == [1, 2]
        assert all(w["accepted"] > 0.4 * packets for w in windows["list"])
    else:
        assert windows["used"] == 1
        assert a.total("encap_out") == a.total("encap_in") > 0.4 * packets


def lan_arrivals(gateway):
    """Frames that the workers got, and all that came."""
    lan = next(port for port in gateway.ask("show-ports")["ports"] if port["name"] == "lan")
    return lan["rx_packets"], lan["rx_packets"] + sum(lan["device_losses"].values())


def test_what_a_worker_misses_is_counted(lab, sites):
    """It stands still for as long as its device has more than it can hold."""
    if lab.device != "af_xdp":
        pytest.skip("no AF_XDP here")
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    a = sites.gateway["a"]
    packets = 20000
    taken, arrived = lan_arrivals(a)
    os.kill(a.process.pid, signal.SIGSTOP)
    try:
        traffic.send_numbers(sites.host["a"], B.host[4], range(packets), rate=20000)
    finally:
        os.kill(a.process.pid, signal.SIGCONT)
    laboratory.wait_for("all of them to be counted",
                        lambda: lan_arrivals(a)[1] - arrived >= packets)
    assert lan_arrivals(a)[0] - taken < packets / 2
    assert lan_arrivals(a)[1] - arrived < packets + 100
