"""SAs that come to their end, and who is told of what."""

import pytest

import gateway as gw
import lab as laboratory
import traffic
from admin import Admin, sa_arguments
from capture import Capture, inspect
from sites import B, OUTER_ALL


@pytest.mark.parametrize("limit", ["seconds", "packets", "octets"])
def test_an_sa_ends(sites, limit):
    """Soft first, then hard; nothing goes in clear when it is over, and the want of a new SA is
    told."""
    a, b = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    fresh = gw.sa("vpe")
    soft, hard = {"seconds": (1, 3), "packets": (20, 60), "octets": (2000, 6000)}[limit]
    capture = Capture(sites.lab, sites.wan, sites.wan_ends["a"][0], "ends")
    with Admin(a) as admin, Admin(b) as at_b, Admin(a, a.socket) as listener:
        listener.monitor()
        at_b.rekey_sa(tunnel="peer", direction="in", spi=fresh.spi, key=fresh.key.hex())
        admin.rekey_sa(tunnel="peer", direction="out", spi=fresh.spi, key=fresh.key.hex(),
                       soft_lifetime={limit: soft}, hard_lifetime={limit: hard})
        traffic.ping(sites.host["a"], B.host[4], 30, interval=0.01)
        event = listener.event("soft-expire")
        assert (event["tunnel"], event["direction"], event["spi"], event["reason"]) == (
            "peer", "out", fresh.spi, limit)
        if limit != "seconds":
            assert traffic.ping(sites.host["a"], B.host[4], 5).lossless
            traffic.ping(sites.host["a"], B.host[4], 40, interval=0.01)
        assert listener.event("hard-expire")["spi"] == fresh.spi
        laboratory.wait_for("the end", lambda: all(
            sa["direction"] == "in" for sa in a.ask("show-sa")["sas"]))
        assert traffic.ping(sites.host["a"], B.host[4], 3, wait=0.5).received == 0
        wanted = listener.event("acquire")
        assert (wanted["tunnel"], wanted["destination"]) == ("peer", B.host[4])
        again = gw.sa("vpe")
        at_b.add_sa(**sa_arguments(again, "peer", "in"))
        admin.add_sa(**sa_arguments(again, "peer", "out"))
        sites.wait_reachable((4,))
    found = inspect(capture.stop().path, OUTER_ALL)
    assert capture.dropped == 0 and found.in_clear == 0, found.words()


def test_a_new_key_has_the_limits_of_the_old(sites):
    """Where rekey-sa says nothing of lifetimes, and what it says of them counts by itself."""
    a, b = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    with Admin(a) as admin, Admin(b) as at_b, Admin(a, a.socket) as listener:
        listener.monitor()
        for more in ({"soft_lifetime": {"packets": 20}, "hard_lifetime": {"packets": 500}}, {},
                     {"hard_lifetime": {"packets": 30}}):
            fresh = gw.sa("vpe")
            at_b.rekey_sa(tunnel="peer", direction="in", spi=fresh.spi, key=fresh.key.hex())
            admin.rekey_sa(tunnel="peer", direction="out", spi=fresh.spi, key=fresh.key.hex(),
                           **more)
        (shown,) = [sa for sa in a.ask("show-sa")["sas"] if sa["direction"] == "out"]
        assert shown["hard_lifetime"] == {"packets": 30}
        assert f"  hard lifetime: {shown['packets']} of 30 packets\n" in a.vpectl("show-sa").stdout
        assert traffic.ping(sites.host["a"], B.host[4], 40, interval=0.01).received >= 30
        for kind in ("soft-expire", "hard-expire"):
            event = listener.event(kind)
            assert (event["spi"], event["reason"]) == (fresh.spi, "packets")


def test_audited_events_are_told(sites):
    """A replay: everybody who listens hears of it, at either socket."""
    a, b = sites.pair("esp")
    sites.start().wait_reachable((4,))
    with Admin(b, b.socket) as one, Admin(b) as other, Admin(a) as at_a:
        one.monitor()
        other.monitor()
        # An SA that the peer does not know.
        stray = gw.sa("esp")
        at_a.rekey_sa(tunnel="peer", direction="out", spi=stray.spi,
                      key=(stray.key + stray.salt).hex())
        traffic.ping(sites.host["a"], B.host[4], 2, wait=0.2)
        for listener in (one, other):
            event = listener.event("no_sa")
            assert event["spi"] == stray.spi and event["time"] > 0
        # Requests are answered in between.
        assert one.show_events()["events"]


def test_limits_make_sense(sites):
    a, _ = sites.pair("vpe")
    a.start()
    with Admin(a) as admin:
        with pytest.raises(laboratory.LabError, match="does not end before"):
            admin.add_sa(**sa_arguments(gw.sa("vpe"), "peer", "in"),
                         soft_lifetime={"seconds": 10}, hard_lifetime={"seconds": 10})
        # What is there already is the same only if it ends at the same time.
        there = sa_arguments(gw.sa("vpe"), "peer", "in")
        for changed in (True, False):
            assert admin.add_sa(**there, hard_lifetime={"seconds": 1000})["changed"] is changed
        with pytest.raises(laboratory.LabError, match="another key or parameters"):
            admin.add_sa(**there, hard_lifetime={"seconds": 100})
