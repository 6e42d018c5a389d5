"""Nothing twice: replayed streams and reordered ones."""

import time

import pytest

import capture
import peers
import sites as two_sites
import traffic
from sites import B


def replay_into_b(sites, path, rate=8000):
    """Sends every tunnel packet of a capture once more towards gateway b. How many."""
    wire = peers.Wire(sites.wan, sites.wan_ends["b"][0], sites.gateway["b"].mac(
        sites.gateway["b"].ports[1]))
    pace = traffic.Pace(rate)
    sent = 0
    for _, frame in capture.frames(path):
        packet = peers.ip_packet(frame)
        if packet and peers.protocol_of(packet) == peers.TUNNEL:
            wire.send_frame(frame)
            pace.step()
            sent += 1
    wire.close()
    return sent


def settled_drops(gateway, reasons, count):
    """The drop counters, once the reasons' sum has reached count or stands still."""
    last = -1
    while True:
        drops = gateway.drops()
        now = sum(drops.get(r, 0) for r in reasons)
        if now >= count or now == last:
            return drops
        last = now
        time.sleep(0.5)


@pytest.mark.parametrize("protocol,esn", [("vpe", False), ("esp", False), ("esp", True)],
                         ids=["vpe", "esp", "esp-esn"])
def test_replay_of_a_captured_stream(lab, sites, protocol, esn):
    """10,000 packets, all of them again: none is accepted, each is counted."""
    count = 10000
    # The wire shows the lower half of an extended number only. One left of the window is taken for
    # one of the next 2^32 (RFC 4303 appendix A2.2), which makes the ICV wrong: that packet never
    # comes as far as the window.
    old, other = ("icv_failed", "replay_old") if esn else ("replay_old", "icv_failed")
    _, b = sites.pair(protocol, esn=esn)
    sites.start().wait_reachable((4,))
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        wire = capture.Capture(lab, sites.wan, sites.wan_ends["b"][0], "stream")
        traffic.send_numbers(sites.host["a"], B.host[4], range(count), receiver=numbers)
        arrived = numbers.settle(count, timeout=10)
        assert arrived == count, [gateway.drops() for gateway in sites.gateway.values()]
        wire.stop()
        assert wire.dropped == 0
        before = b.drops()
        assert not {"replay_old", "replay_seen", "icv_failed"} & set(before), before
        again = replay_into_b(sites, wire.path)
        assert again == count
        drops = settled_drops(b, (old, "replay_seen"), count)
        assert drops.get(old, 0) + drops.get("replay_seen", 0) == count, drops
        assert other not in drops, drops
        assert drops.get("replay_seen", 0) > 0  # the last window's worth
        assert len(numbers) == count and not numbers.twice and not numbers.strange
    print(f"{count} replayed, 0 accepted: {old} {drops.get(old, 0)}, "
          f"replay_seen {drops.get('replay_seen', 0)}")


def reordered(lab, protocol, window, fault, count):
    sites = two_sites.Sites(lab, wan_switch=False)
    _, b = sites.pair(protocol, replay_window=window)
    lab.tool(sites.wan, "forwarder.py", "--left", sites.wan_ends["a"][0],
             "--right", sites.wan_ends["b"][0], *fault)
    sites.start().wait_reachable((4,))
    before = b.drops()
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        # The forwarder holds hundreds back.
        traffic.send_numbers(sites.host["a"], B.host[4], range(count), receiver=numbers,
                             under_way=1000)
        arrived = numbers.settle(count, timeout=10, quiet=1)
        assert not numbers.twice
    return arrived, b.drops_since(before)


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_reordering_inside_the_window(lab, protocol, count):
    """A shuffle of 500 in a window of 1,024: everything arrives."""
    packets = count(5000, 50000)
    arrived, drops = reordered(lab, protocol, 1024, ("--shuffle", "500"), packets)
    assert arrived == packets, drops
    assert not drops, drops


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_reordering_outside_the_window(lab, protocol, count):
    """Every tenth packet 400 late in a window of 64: these are lost, with the right reason."""
    packets = count(5000, 50000)
    arrived, drops = reordered(lab, protocol, 64, ("--late", "10,400"), packets)
    assert set(drops) == {"replay_old"}, drops
    assert arrived + drops["replay_old"] == packets
    # The last few are held back until nothing comes any more: they are late by less than 400.
    assert packets // 10 - 45 <= drops["replay_old"] <= packets // 10 + 1, drops
