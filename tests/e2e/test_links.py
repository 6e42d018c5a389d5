"""Links of ports: what is told when one goes and comes back."""

import pytest

import lab as laboratory
import traffic
from admin import Admin
from lab import wait_for
from sites import B, Sites


def link(gateway, port):
    return {p["name"]: p["link"] for p in gateway.ask("show-ports")["ports"]}[port]


@pytest.mark.parametrize("device", ["af_xdp", "af_packet"])
def test_a_link_goes_and_comes(monkeypatch, device):
    monkeypatch.setenv("VPED_LAB_DEVICE", device)
    with laboratory.Lab() as lab:
        if device == "af_xdp" and not af_xdp_here(monkeypatch):
            pytest.skip("no AF_XDP here")
        sites = Sites(lab)
        a, _ = sites.pair("vpe")
        sites.start().wait_reachable((4,))
        # The kernel takes a moment to say so of interfaces that it has just made.
        wait_for("the links", lambda: link(a, "wan") and link(a, "lan"))
        with Admin(a) as admin:
            admin.monitor()
            sites.wan.ip("link set dev a0 down")
            event = admin.event("link")
            assert (event["port"], event["up"]) == ("wan", False)
            assert not link(a, "wan") and link(a, "lan")
            assert "port wan: the link is down" in a.process.said()
            sites.wan.ip("link set dev a0 up")
            event = admin.event("link")
            assert (event["port"], event["up"]) == ("wan", True)
        wait_for("traffic", lambda: traffic.ping(sites.host["a"], B.host[4], 5, wait=0.5).lossless,
                 timeout=20)
        assert a.stop() == 0


def af_xdp_here(monkeypatch):
    with monkeypatch.context() as auto:
        auto.setenv("VPED_LAB_DEVICE", "auto")
        return laboratory.af_xdp_works()
