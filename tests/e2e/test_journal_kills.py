"""Static keys across crashes: no number under a key twice, nothing delivered twice."""

import random
import time

import pytest

import capture
import nonces
import peers
import sites as two_sites
import traffic
from journals import journaled, revive
from lab import wait_for
from sites import A, B
from streams import Stream

PROTOCOLS = pytest.mark.parametrize("protocol", ["vpe", "esp"])
FIRST_WITHIN = 0.01


def back_within():
    return 3.0 + 7 * traffic.gateway.sanitized()


def inject_again(sites, *paths):
    """Everything that was captured, to the gateway that it was for."""
    wires = {}
    for site in (A, B):
        gateway = sites.gateway[site.letter]
        wires[site.wan[4]] = peers.Wire(sites.wan, f"{site.letter}0", gateway.mac(gateway.ports[1]))
    pace = traffic.Pace(8000)
    for path in paths:
        for _, frame, packet in nonces.tunnel_packets(path):
            wires[peers.addresses_of(packet)[1]].send_frame(frame)
            pace.step()
    for wire in wires.values():
        wire.close()


def assert_sound(wire, seen):
    """Ends the capture: nothing missed, nothing in clear, no nonce that was there before."""
    wire.stop()
    assert wire.dropped == 0
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert not found.in_clear, (found.words(), found.samples)
    seen.add(wire.path)


@PROTOCOLS
def test_kills_under_traffic(lab, sites, protocol, count):
    """kill -9 at random moments, both ways busy, everything captured injected again."""
    journaled(lab, sites, protocol)
    sites.start().wait_reachable((4,))
    dice = random.Random(protocol)
    seen = nonces.Seen(protocol)
    slowest, before = 0, None
    with Stream(sites, A, B, 2000) as ab, Stream(sites, B, A, 2000) as ba:
        for turn in range(count(4, 150)):
            wire = capture.Capture(lab, sites.wan, "a0", f"kill-{turn}")
            victim = dice.choice((A, B))
            time.sleep(dice.uniform(0, 1))
            sites.gateway[victim.letter].kill()
            revive(sites, victim)
            slowest = max(slowest, *(s.is_back_within(back_within()) for s in (ab, ba)))
            with ab.paused(), ba.paused():
                assert_sound(wire, seen)
            inject_again(sites, *([before] if before else []), wire.path)
            assert not ab.numbers.twice and not ba.numbers.twice
            if before:
                before.unlink()
            before = wire.path
    print(f"{protocol}: {turn + 1} kills, {seen.packets} packets, {len(ab.numbers)} and "
          f"{len(ba.numbers)} delivered, slowest back after {slowest:.1f} s")


@PROTOCOLS
def test_numbers_go_on_over_all_lives(lab, sites, protocol):
    """One capture over kills and orderly stops of both ends."""
    a, b = journaled(lab, sites, protocol)
    sites.start().wait_reachable((4,))
    seen = nonces.Seen(protocol)
    wire = capture.Capture(lab, sites.wan, "a0", "lives")
    with Stream(sites, A, B, 2000) as ab, Stream(sites, B, A, 2000) as ba:
        for site, end in ((A, a.kill), (B, b.kill), (A, a.stop), (B, b.stop)):
            ab.arrives_within(20)
            ba.arrives_within(20)
            end()
            revive(sites, site)
        ab.arrives_within(20)
        ba.arrives_within(20)
        ab.stop()
        ba.stop()
        assert_sound(wire, seen)
        inject_again(sites, wire.path)
        time.sleep(0.5)
        assert not ab.numbers.twice and not ba.numbers.twice
    assert seen.packets > 1000


@PROTOCOLS
def test_slow_again_before_the_kill(lab, sites, protocol):
    """The edge comes down with the rate: the receiver is back soon at the low one."""
    _, b = journaled(lab, sites, protocol)
    sites.start().wait_reachable((4,))
    with Stream(sites, A, B, 4000) as ab:
        ab.is_back_within(20)
        time.sleep(1)
        ab.rate = 10
        time.sleep(1)
        b.kill()
        revive(sites, B)
        ab.arrives_within(back_within(), count=0)


@PROTOCOLS
def test_slow_window_loses_few(lab, sites, protocol, count):
    """A window of a packet a second is back within 32 of them."""
    _, b = journaled(lab, sites, protocol)
    sites.start().wait_reachable((4,))
    time.sleep(1.5)  # what made it reachable is forgotten
    b.kill()
    revive(sites, B)
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        for number in range(33):
            traffic.send_numbers(sites.host["a"], B.host[4], [number])
            time.sleep(count(0.1, 1))
            if numbers.seen:
                break
        assert numbers.seen and min(numbers.seen) <= 32, numbers.seen
    print(f"{protocol}: {min(numbers.seen)} lost")


def kill_at_the_first(sites, numbers, number):
    """Sends until one arrives, and kills both. Seconds from its arrival."""
    before = len(numbers)
    while len(numbers) == before:
        traffic.send_numbers(sites.host["a"], B.host[4], [number])
        number += 1
        end = time.monotonic() + 0.05
        while len(numbers) == before and time.monotonic() < end:
            time.sleep(0.0002)
    for letter in "ba":
        sites.gateway[letter].process.popen.kill()
    killed = time.monotonic()
    for letter in "ba":
        sites.gateway[letter].kill()
    return killed - numbers.last, number


@PROTOCOLS
def test_kill_at_the_first_packet(lab, sites, protocol, count):
    """Both die within 10 ms of a window's first packet; what was captured comes again."""
    journaled(lab, sites, protocol)
    sites.start()
    seen = nonces.Seen(protocol)
    number, soon = 0, 0
    with traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        for turn in range(count(4, 40)):
            wire = capture.Capture(lab, sites.wan, "a0", f"first-{turn}")
            took, number = kill_at_the_first(sites, numbers, number)
            soon += took < FIRST_WITHIN
            revive(sites, B)
            revive(sites, A)
            assert_sound(wire, seen)
            inject_again(sites, wire.path)
            time.sleep(0.2)
            assert numbers.seen and not numbers.twice
    assert soon > 0
    print(f"{protocol}: {turn + 1} kills, {soon} of them within 10 ms")
