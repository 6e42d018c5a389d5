"""Auditable events: a burst of packets is one event, with what RFC 4301 and RFC 4303 want of it."""

import time

import pytest

import lab as laboratory
import peers
import traffic
from meeting import Meeting
from sites import A, B

N = 100
STRANGER = {4: "192.0.2.9", 6: "2001:db8::9"}
OUTSIDE = {4: "10.9.0.5", 6: "fd00:9::5"}
LABEL = 0x54321


def flipped(packet, at):
    return packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1:]


def labelled(packet):
    """With a flow label, where there is one."""
    if packet[0] >> 4 == 4:
        return packet
    word = int.from_bytes(packet[:4], "big") & 0xfff00000 | LABEL
    return word.to_bytes(4, "big") + packet[4:]


class Auditor:
    """Sends bursts to a gateway and reads what it says of them."""

    def __init__(self, meeting, protocol):
        self.meeting, self.protocol = meeting, protocol
        self.gateway, self.outer = meeting.gateway, meeting.outer
        self.l4 = 20 if self.outer == 4 else 40
        self.spi_at = self.l4 + (0 if protocol == "esp" else 12)
        self.before = self.gateway.drops()
        self.sent = {}

    def datagram(self, number, source=None):
        return labelled(peers.udp_datagram(source or B.host[self.outer], A.host[self.outer],
                                           traffic.numbered(number, 100), 7000))

    def seal(self, datagram):
        return labelled(self.meeting.sealer.seal(datagram))

    def sequence(self, packet):
        """As it stands in the header."""
        at = self.l4 + 4
        if self.protocol == "esp":
            return int.from_bytes(packet[at:at + 4], "big")
        return int.from_bytes(packet[at:at + 8], "little")

    def spi(self, packet):
        order = "big" if self.protocol == "esp" else "little"
        return int.from_bytes(packet[self.spi_at:self.spi_at + 4], order)

    def events(self, since=0):
        return self.gateway.ask("show-events", since=since)["events"]

    def said(self, text):
        return sum(text in line for line in self.gateway.process.said().splitlines())

    def burst(self, kind, packets):
        """Sends them; judge() tells what became of them."""
        self.sent[kind] = packets
        pace = traffic.Pace(2000)
        for packet in packets:
            self.meeting.wire.send(packet)
            pace.step()

    def judge(self):
        """By kind, the event of its burst. All packets were dropped, each as its kind."""
        laboratory.wait_for("the end of the bursts", lambda: len(
            [e for e in self.events() if "more" in e]) >= len(self.sent))
        time.sleep(0.3)
        assert self.gateway.drops_since(self.before) == dict.fromkeys(self.sent, N)
        shown = self.gateway.vpectl("show-events").stdout
        return {kind: self._only_event(kind, shown) for kind in self.sent}

    def _only_event(self, kind, shown):
        """And the count of the others."""
        first, rest = [e for e in self.events() if e["kind"] == kind]
        assert "more" not in first and rest["more"] == N - 1
        assert first["port"] == "wan" and abs(first["time"] - time.time()) < 60
        assert self.said(f"audit: {kind}: ") == 2
        assert self.said(f"audit: {kind}: {N - 1} more") == 1
        assert f"{kind}, {N - 1} more" in shown and first["source"] in shown
        return first

    def expect_tunnel(self, event, packet, source=None, tunnel=True):
        assert event["spi"] == self.spi(packet)
        assert event["sequence"] == str(self.sequence(packet))
        assert event["source"] == (source or self.meeting.there)
        assert event["destination"] == self.meeting.here
        assert event["protocol"] == peers.TUNNEL
        assert event.get("flow_label") == (LABEL if self.outer == 6 else None)
        assert event.get("tunnel") == ("peer" if tunnel else None)
        assert self.said(f"SPI 0x{event['spi']:08x}, sequence {event['sequence']}, ") >= 1

    def expect_inner(self, event, source):
        assert (event["source"], event["destination"]) == (source, A.host[self.outer])
        assert (event["protocol"], event["destination_port"]) == (peers.UDP, 7000)
        assert event["source_port"] == 40000
        assert event.get("flow_label") == (LABEL if self.outer == 6 else None)


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("protocol", ["esp", "vpe"])
def test_each_kind_once_per_burst(lab, protocol, outer):
    meeting = Meeting(lab, protocol, outer, "aes-256-gcm", replay_window=64)
    auditor = Auditor(meeting, protocol)
    assert not auditor.events()

    auditor.burst("no_sa", [
        flipped(auditor.seal(auditor.datagram(n)), auditor.spi_at + 1) for n in range(N)])
    auditor.burst("sa_outer_address", [
        labelled(peers.ip_packet_of(STRANGER[outer], meeting.here, peers.TUNNEL,
                                    auditor.seal(auditor.datagram(n))[auditor.l4:]))
        for n in range(N)])
    auditor.burst("icv_failed", [
        flipped(p, len(p) - 1) for p in (auditor.seal(auditor.datagram(n)) for n in range(N))])
    good = [auditor.seal(auditor.datagram(n)) for n in range(200)]
    with traffic.Numbers(meeting.sites.host["a"], A.host[outer]) as numbers:
        for packet in good:
            meeting.wire.send(packet)
            time.sleep(0.001)
        assert numbers.settle(len(good)) == len(good)
    auditor.burst("replay_seen", good[-1:] * N)
    auditor.burst("replay_old", good[:1] * N)
    auditor.burst("selector_mismatch", [
        auditor.seal(auditor.datagram(n, OUTSIDE[outer])) for n in range(N)])
    auditor.burst("clear_protected", [auditor.datagram(n) for n in range(N)])

    event, sent = auditor.judge(), {kind: packets[0] for kind, packets in auditor.sent.items()}
    auditor.expect_tunnel(event["no_sa"], sent["no_sa"], tunnel=False)
    auditor.expect_tunnel(event["sa_outer_address"], sent["sa_outer_address"],
                          source=STRANGER[outer], tunnel=False)
    for kind in ("icv_failed", "replay_seen", "replay_old"):
        auditor.expect_tunnel(event[kind], sent[kind])
    auditor.expect_inner(event["selector_mismatch"], OUTSIDE[outer])
    assert event["selector_mismatch"]["spi"] == auditor.spi(sent["selector_mismatch"])
    assert event["selector_mismatch"]["tunnel"] == "peer"
    auditor.expect_inner(event["clear_protected"], B.host[outer])
    assert "spi" not in event["clear_protected"]
    assert len(auditor.events()) == 14


@pytest.mark.one_build("sanitize", "the flood takes its time")
def test_a_flood_does_not_hide_the_others(lab):
    """Strangers with ever new SPIs, and among them one forged packet of an SA."""
    meeting = Meeting(lab, "esp", 4, "aes-256-gcm")
    auditor = Auditor(meeting, "esp")
    stranger = auditor.seal(auditor.datagram(0))
    forged = flipped(auditor.seal(auditor.datagram(1)), len(stranger) - 1)
    pace = traffic.Pace(8000)
    total = 20000
    for number in range(total):
        spi = (0xd0000000 + number).to_bytes(4, "big")
        meeting.wire.send(stranger[:20] + spi + stranger[24:])
        if number == total // 2:
            meeting.wire.send(forged)
        pace.step()
        if number % 400 == 399:  # no more than a ring holds while the gateway waits for a CPU
            laboratory.wait_for("the gateway", lambda: auditor.gateway.drops().get(
                "no_sa", 0) > number - 200)
    laboratory.wait_for("the count", lambda: sum(
        e.get("more", 1) for e in auditor.events() if e["kind"] == "no_sa") == total, 20)
    events = auditor.events()
    assert [e["sequence"] for e in events if e["kind"] == "icv_failed"] == [
        str(auditor.sequence(forged))]
    assert len(events) < 100
    assert auditor.said("audit: ") == len(events)
