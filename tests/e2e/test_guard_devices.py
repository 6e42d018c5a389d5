"""The host guard at the ports' own devices: interfaces on top of them, and devices that change."""

import json

import pytest

import capture
import lab as laboratory
import sites as two_sites
import traffic
from capture import PATTERN

STACKED = {4: ("198.51.100.1", "198.51.100.2", 24), 6: ("fd00:9::1", "fd00:9::2", 64)}
ON_TOP = {
    "macvlan": ("link add link wan0 name top0 type macvlan mode bridge",),
    "vlan": ("link add link wan0 name top0 type vlan id 7",),
    "bridge": ("link add top0 type bridge", "link set dev wan0 master top0"),
}


def status(gateway, expected=0):
    done = gateway.vpectl("--json", "host-guard", "status", check=False)
    assert done.returncode == expected, done.stdout
    return json.loads(done.stdout)


@pytest.fixture(name="sites", params=["af_xdp", "af_packet"])
def by_device(request, lab):
    if request.param == "af_xdp" and lab.device != "af_xdp":
        pytest.skip("no AF_XDP here")
    lab.device = request.param
    sites = two_sites.Sites(lab)
    sites.pair("vpe")
    sites.start().wait_reachable()
    return sites


def stack(gate, kind):
    """An interface on top of the wan's device, with addresses and somebody to send to."""
    for command in ON_TOP[kind]:
        if gate.run("ip", *command.split(), check=False).returncode != 0:
            pytest.skip(f"this kernel has no {kind}")
    gate.ip("link set dev top0 up")
    for near, far, bits in STACKED.values():
        nodad = " nodad" if ":" in near else ""
        gate.ip(f"addr add {near}/{bits} dev top0{nodad}")
        gate.ip(f"neigh replace {far} lladdr 02:00:00:00:00:99 dev top0 nud permanent")


def in_clear(lab, sites, name):
    """Frames on the wan with what is sent by way of the interface on top: of 20 datagrams."""
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], name)
    for near, far, _ in STACKED.values():
        traffic.send_numbers(sites.gate["a"], far, range(10), source=near)
    wire.stop()
    assert wire.dropped == 0
    return sum(PATTERN in frame for _, frame in capture.frames(wire.path))


@pytest.mark.parametrize("kind", ON_TOP)
def test_interfaces_on_top_send_nothing(lab, sites, kind):
    """Alive and dead; without the chain that does it they send, and the status says so."""
    a, gate = sites.gateway["a"], sites.gate["a"]
    stack(gate, kind)
    if kind != "bridge":  # a bridge takes what comes by af_packet's device, and nothing else
        assert traffic.ping(sites.host["a"], two_sites.B.host[4], 10).lossless
    assert in_clear(lab, sites, "alive") == 0
    assert status(a)["intact"]
    a.kill()
    laboratory.wait_for("the interfaces to vanish", lambda: not gate.has("vped-wan"), 5)
    assert in_clear(lab, sites, "dead") == 0
    gate.run("nft", "delete", "chain", "netdev", "vped", "egress-wan0")
    assert in_clear(lab, sites, "bare") == 20
    assert status(a, 1)["faults"] == ["wan0: what the host has on top of it sends there"]


def faults_are(gateway, faults):
    laboratory.wait_for(f"faults {faults}", lambda: sorted(json.loads(gateway.vpectl(
        "--json", "host-guard", "status", check=False).stdout)["faults"]) == faults)


def test_a_new_name(lab, sites):
    """The daemon guards it again; without one, rules by index keep IP out and status tells."""
    a, gate = sites.gateway["a"], sites.gate["a"]
    gone = "wan0: there is no interface of this name"
    stack(gate, "macvlan")
    gate.ip("link set dev wan0 name wan9")
    # The configuration is wrong now, the guard is not.
    faults_are(a, [gone])
    assert a.process.said().count("interface wan0 is wan9 now") == 1
    assert in_clear(lab, sites, "alive") == 0
    a.kill()
    laboratory.wait_for("the interfaces to vanish", lambda: not gate.has("vped-wan"), 5)
    gate.ip("link del top0")
    gate.ip("link set dev wan9 name wan8")
    faults_are(a, [gone, "wan8: had another name when it was guarded",
                   "wan9: there is no interface of this name"])
    # A route of the kernel's own, by the device; without the rules it leads out.
    near, far, _ = STACKED[4]
    gate.ip(f"addr add {near}/32 dev lo")
    gate.ip(f"route add {far}/32 dev wan8")
    gate.ip(f"neigh replace {far} lladdr 02:00:00:00:00:99 dev wan8 nud permanent")
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "dead")
    with pytest.raises(PermissionError):
        traffic.send_numbers(gate, far, range(10), source=near)
    gate.run("nft", "flush", "chain", "inet", "vped", "output")
    traffic.send_numbers(gate, far, range(10), source=near)
    wire.stop()
    assert sum(PATTERN in frame for _, frame in capture.frames(wire.path)) == 10


def test_made_anew(lab, sites):
    a, gate = sites.gateway["a"], sites.gate["a"]
    gate.ip("link del wan0")
    faults_are(a, ["wan0: there is no interface of this name"])
    lab.wire(sites.wan, "new0", gate, "wan0")
    faults_are(a, [])
    assert a.process.said().count("interface wan0 was made anew") == 1


def test_removed_it_stays_away(lab, sites):
    """Whatever becomes of the interfaces; where half of it is left, it is made whole."""
    a, gate = sites.gateway["a"], sites.gate["a"]
    gate.run("nft", "delete", "table", "netdev", "vped")
    gate.ip("link del wan0")
    lab.wire(sites.wan, "new0", gate, "wan0")
    faults_are(a, [])
    assert "at its next start" in a.vpectl("host-guard", "off").stdout
    told = a.process.said().count("somebody has removed it")
    gate.ip("link del wan0")
    lab.wire(sites.wan, "newer0", gate, "wan0")
    laboratory.wait_for("the daemon to notice",
                        lambda: a.process.said().count("somebody has removed it") > told)
    assert status(a, 1)["installed"] is False
    assert not gate.run("nft", "list", "tables").stdout.strip()
