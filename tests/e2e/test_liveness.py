"""Whether a tunnel's other end answers: states, events, metrics, and routes that follow."""

import re

import pytest

import gateway as gw
import traffic
from admin import Admin
from capture import Capture
from lab import wait_for
from sites import A, B, nothing_in_clear
from test_metrics import LISTEN, samples, value

INTERVAL_MS = 300  # three of them are more than a busy machine stands still
METRIC = 50
PROTOCOL = 86  # of the routes that vped makes


def probe(here, there, family, routes=True, more=""):
    """Settings of the tunnel at `here`."""
    text = (f'peer = "{there.router[family]}"; local = "{here.router[family]}"; '
            f"interval_ms = {INTERVAL_MS}; {more}")
    if routes:
        listed = ", ".join(
            f'{{ prefix = "{there.prefixes[f]}"; via = "{there.wan[f]}"; metric = {METRIC}; }}'
            for f in (4, 6))
        text += f" routes = ( {listed} );"
    return f"probe = {{ {text} }};"


def state(gateway):
    return gateway.ask("show-tunnels")["tunnels"][0]["probe"]["state"]


def wait_state(gateway, expected):
    wait_for(f"the tunnel at {gateway.name} to be {expected}",
             lambda: state(gateway) == expected, timeout=20)


def routes(gateway):
    """To the other site, of vped's making, that the kernel has."""
    found = [gateway.namespace.ip(f"-{f} route show proto {PROTOCOL} metric {METRIC}")
             for f in (4, 6)]
    return [line.split()[0] for text in found for line in text.splitlines()]


def all_routes(there):
    return [there.prefixes[4], there.prefixes[6]]


def cut(sites):
    """The wan takes nothing more from or to gw-b, and no link goes down."""
    sites.wan.ip("link set dev b0 nomaster")


def mend(sites):
    sites.wan.ip("link set dev b0 master br0")


def without_static_routes(sites):
    """No way to the other site but by vped's own routes, and the kernel's to nowhere."""
    for site, other in ((A, B), (B, A)):
        for family in (4, 6):
            sites.gate[site.letter].ip(f"-{family} route del {other.prefixes[family]} "
                                       f"via {other.wan[family]}")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_both_ends_withdraw(sites, protocol, family):
    """Down at both ends, routes away, nothing in clear; then up again, although neither kernel has
    a way back to the other end."""
    a, b = sites.pair(protocol)
    for here, there, gateway in ((A, B, a), (B, A, b)):
        gateway.tunnels[0].more = probe(here, there, family)
    a.settings["more"] = f'metrics = {{ listen = "{LISTEN}"; }};'
    sites.start()
    without_static_routes(sites)
    for gateway in (a, b):
        wait_state(gateway, "up")
    wait_for("the routes", lambda: routes(a) == all_routes(B) and routes(b) == all_routes(A))
    sites.wait_reachable((4, 6))
    wire = Capture(sites.lab, sites.wan, "a0", "liveness")
    with Admin(a) as admin:
        admin.monitor()
        wait_state(a, "up")  # a busy machine may have kept an answer too long
        cut(sites)
        event = admin.event("tunnel-down")
        assert (event["tunnel"], event["peer"]) == ("peer", B.router[family])
        assert routes(a) == []  # before anybody is told
        wait_state(b, "down")
        assert routes(b) == []
        assert re.search(r"tunnel peer is down: \S+ has not answered 3 times", a.process.said())
        found = wait_for("the metrics", lambda: (now := samples(a)) if value(
            now := samples(a), "vped_tunnel_up", tunnel="peer") == 0 else None)
        assert value(found, "vped_tunnel_probe_state", tunnel="peer", state="down") == 1
        assert value(found, "vped_tunnel_probe_state", tunnel="peer", state="up") == 0
        # What goes all the same is still the tunnel's.
        for f in (4, 6):
            assert traffic.ping(sites.host["a"], B.host[f], 3, wait=0.3).received == 0
        mend(sites)
        assert admin.event("tunnel-up", timeout=20)["tunnel"] == "peer"
        assert routes(a) == all_routes(B)
    wait_state(b, "up")
    assert routes(b) == all_routes(A)
    sites.wait_reachable((4, 6))
    for f in (4, 6):
        assert traffic.ping(sites.host["a"], B.host[f], 10).lossless
    shown = a.ask("show-tunnels", name="peer")["tunnels"][0]
    assert shown["probe"]["rtt_ms"] > 0
    assert 0 < shown["probe"]["answered"] <= shown["probe"]["asked"]
    assert [r["present"] for r in shown["probe"]["routes"]] == [True, True]
    assert " up " in a.vpectl("show-tunnels").stdout
    # Questions go all the time, and a capture ends when nothing more comes.
    assert a.stop() == 0 and b.stop() == 0
    nothing_in_clear(wire)


def test_the_other_end_needs_nothing(sites):
    """Its kernel answers; pings of its own between the same addresses are answered too."""
    a, b = sites.pair("vpe")
    a.tunnels[0].more = probe(A, B, 4, routes=False)
    sites.start()
    wait_state(a, "up")
    assert b.ask("show-tunnels")["tunnels"][0]["probe"] is None
    for here, there in ((A, B), (B, A)):
        assert traffic.ping(sites.gate[here.letter], there.router[4], 10,
                            more=("-I", here.router[4])).lossless
    # A kernel that answers no pings looks like a tunnel that is down.
    sites.gate["b"].sysctl("net/ipv4/icmp_echo_ignore_all", 1)
    wait_state(a, "down")
    sites.wait_reachable((4,))
    assert traffic.ping(sites.host["a"], B.host[4], 10).lossless
    sites.gate["b"].sysctl("net/ipv4/icmp_echo_ignore_all", 0)
    wait_state(a, "up")
    # So does one direction that fails.
    with Admin(b) as admin:
        out = b.tunnels[0].out
        admin.del_sa(tunnel="peer", direction="out", spi=out.spi)
    wait_state(a, "down")


def test_answers_of_others_do_not_count(sites):
    """In clear, from the wire, whatever addresses they have; and from inside the other site."""
    a, _ = sites.pair("vpe")
    a.tunnels[0].more = probe(A, B, 4, routes=False)
    sites.start()
    wait_state(a, "up")
    cut(sites)
    wait_state(a, "down")
    stranger = sites.newcomer("stranger", [f"{B.router[4]}/32", "192.0.2.77/24"])
    stranger.ip(f"route add {A.router[4]} via {A.wan[4]}")
    answered = a.ask("show-tunnels")["tunnels"][0]["probe"]["answered"]
    traffic.ping(stranger, A.router[4], 20, more=("-I", B.router[4]), wait=0.3)
    shown = a.ask("show-tunnels")["tunnels"][0]["probe"]
    assert (shown["state"], shown["answered"]) == ("down", answered)


def test_unknown_until_it_can_ask(sites):
    """At start there may be no address to ask from. Nothing is withdrawn for that."""
    a, _ = sites.pair("vpe")
    a.tunnels[0].more = probe(A, B, 4)
    port = a.ports[0]
    addresses, port.addresses = port.addresses, []
    sites.start()
    wait_for("the routes", lambda: routes(a) == all_routes(B))
    shown = a.ask("show-tunnels")["tunnels"][0]["probe"]
    assert (shown["state"], shown["asked"]) == ("unknown", 0)
    assert "no address of this gateway" in shown["hindered"]
    sites.lab.host(sites.gate["a"], port.host_interface, addresses)
    wait_state(a, "up")
    # The kernel drops routes with the interface; vped puts them back.
    sites.gate["a"].ip("link set vped-wan down")
    assert routes(a) == []
    sites.gate["a"].ip("link set vped-wan up")
    sites.lab.host(sites.gate["a"], "vped-wan", [f"{A.wan[6]}/64"])
    wait_for("the routes again", lambda: routes(a) == all_routes(B), timeout=20)


def test_changes(sites):
    """Probes come, change and go with the configuration and over the socket."""
    a, _ = sites.pair("vpe")
    sites.start()

    def reload(settings):
        a.tunnels[0].more = settings
        sites.lab.file(f"{a.name}.conf", a.configuration(), 0o644)
        with Admin(a) as admin:
            admin.reload()
        return a.ask("show-tunnels")["tunnels"][0]["probe"]

    assert a.ask("show-tunnels")["tunnels"][0]["probe"] is None
    reload(probe(A, B, 4))
    wait_state(a, "up")
    wait_for("the routes", lambda: routes(a) == all_routes(B))
    # Other numbers: what is known stays, and so do the routes.
    assert reload(probe(A, B, 4, more="misses = 9;"))["state"] == "up"
    assert routes(a) == all_routes(B)
    assert reload(probe(A, B, 4, routes=False))["state"] == "up"
    assert routes(a) == []
    assert reload("") is None
    with Admin(a) as admin:
        again = {"name": "more", "local": A.wan[4], "remote": "192.0.2.77", "port": "wan",
                 "probe": {"peer": "10.7.0.1", "local": A.router[4],
                           "routes": [{"prefix": "10.7.0.0/16"}]}}
        assert admin.add_tunnel(**again)["changed"]
        assert not admin.add_tunnel(**again)["changed"]
        wait_for("the route", lambda: "10.7.0.0/16" in sites.gate["a"].ip("route show proto 86"))
        shown = a.ask("show-tunnels", name="more")["tunnels"][0]["probe"]
        assert shown["state"] == "unknown"
        assert "no policy" in shown["hindered"]
        with pytest.raises(gw.LabError, match="other settings"):
            admin.add_tunnel(**{**again, "probe": {"peer": "10.7.0.2", "local": A.router[4]}})
        admin.del_tunnel(name="more")
    assert sites.gate["a"].ip("route show proto 86") == ""
    assert a.stop() == 0
