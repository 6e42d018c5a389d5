"""The host guard: the kernel forwards nothing for us, nor anything of ours when vped is dead."""

import collections
import ipaddress
import json
import shutil
import subprocess
import time

import pytest

import capture
import gateway as gw
import lab as laboratory
import sites as two_sites
import traffic
from admin import Admin
from capture import PATTERN
from gateway import Policy
from sites import A, B
from streams import Chatter

THIRD = {4: ("10.3.0.1", "10.3.0.2", 24), 6: ("fd00:3::1", "fd00:3::2", 64)}
TABLES = {("inet", "vped"), ("netdev", "vped")}

FOREIGN = """
table inet foreign {
	chain forward {
		type filter hook forward priority filter; policy accept;
		counter accept
	}
}
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "eth3" masquerade
	}
}
"""


def ruleset(gate):
    return gate.run("nft", "-s", "list", "ruleset").stdout


def tables(gate):
    listed = json.loads(gate.run("nft", "-j", "list", "tables").stdout)["nftables"]
    return {(t["table"]["family"], t["table"]["name"]) for t in listed if "table" in t}


def status(gateway, expected=0):
    done = gateway.vpectl("--json", "host-guard", "status", check=False)
    assert done.returncode == expected, done.stdout
    return json.loads(done.stdout)


def guard_only(lab, gateway, config, *wrapper):
    """What vped --host-guard says, and its exit status."""
    return gateway.namespace.run(*wrapper, str(gw.program("vped")), "-c", str(config),
                                 "--host-guard", check=False)


def test_only_our_tables_and_an_operator_ends_them(lab, sites):
    """Installed before the daemon's ports open; there when it is gone; removed without a trace."""
    a, _ = sites.pair("vpe")
    gate = sites.gate["a"]
    gate.run("nft", "-f", str(lab.file("foreign.nft", FOREIGN)))
    before = ruleset(gate)
    assert status(a, 1)["installed"] is False
    sites.start().wait_reachable()
    theirs = tables(gate) - TABLES
    assert tables(gate) == TABLES | theirs and theirs == {("inet", "foreign"), ("ip", "nat")}
    now = ruleset(gate)
    assert now.startswith(before)
    shown = status(a)
    assert shown["intact"] and not shown["faults"]
    assert sorted(shown["not_forwarded"]) == ["lan0", "vped-lan", "vped-wan", "wan0"]
    assert sorted(shown["devices"]) == ["lan0", "wan0"]
    # In text, without a daemon, and by whoever comes next.
    assert a.stop() == 0
    assert ruleset(gate) == now
    text = a.vpectl("host-guard", "status").stdout
    assert "host guard: installed" in text and "wan0" in text and "vped-wan" in text
    config = lab.file("gw-a.conf", a.configuration())
    assert guard_only(lab, a, config).returncode == 0
    assert ruleset(gate) == now
    assert "removed" in a.vpectl("host-guard", "off").stdout
    assert ruleset(gate) == before
    assert status(a, 1)["installed"] is False
    # Twice is fine.
    a.vpectl("host-guard", "off")
    assert ruleset(gate) == before


def test_status_tells_a_guard_that_has_holes(sites):
    sites.pair("vpe")
    sites.start()
    a, gate = sites.gateway["a"], sites.gate["a"]
    assert status(a)["intact"]
    gate.run("nft", "delete", "chain", "netdev", "vped", "ingress-wan0")
    assert status(a, 1)["faults"] == ["wan0: the kernel receives what arrives there"]
    gate.run("nft", "insert", "rule", "inet", "vped", "forward", "accept")
    shown = status(a, 1)
    assert shown["installed"] and not shown["intact"] and len(shown["faults"]) == 2
    assert "host guard: incomplete" in a.vpectl("host-guard", "status", check=False).stdout


EGRESS = "add chain netdev vped egress-wan0 { type filter hook egress device lo priority -500; %s }"
IN = ": the kernel receives what arrives there"
OUT = ": what the host has on top of it sends there"
FORWARDS = ": the kernel forwards there"
NOT_FOR_IP = ": the rules for IP do not know it"
IDLE = ": is dormant, or another program's"
WRONG = "the rules are not those that vped installs"
SETS = ("no_forward", "host_interfaces", "port_devices", "port_indexes")

# What somebody does to the tables, and what the status says then.
HOLES = {
    "another device": (["delete chain netdev vped egress-wan0", EGRESS % "policy drop;"],
                       {"wan0" + OUT}),
    "lets out": (["add chain netdev vped egress-wan0 { policy accept; }"], {"wan0" + OUT}),
    "lets in": (["add chain netdev vped ingress-lan0 { policy accept; }"], {"lan0" + IN}),
    "no names": ([f"flush set inet vped {name}" for name in SETS] +
                 ["delete chain netdev vped egress-wan0"],
                 {"no interface is guarded", "lan0" + NOT_FOR_IP, "wan0" + NOT_FOR_IP}),
    "TAPs": (['delete element inet vped no_forward { "vped-wan", "vped-lan" }'],
             {"vped-wan" + FORWARDS, "vped-lan" + FORWARDS}),
    "device": (['delete element inet vped no_forward { "wan0" }'], {"wan0" + FORWARDS}),
    "no set": (["flush chain inet vped forward", "delete set inet vped no_forward"],
               {WRONG} | {x + FORWARDS for x in ("lan0", "vped-lan", "vped-wan", "wan0")}),
    "dormant devices": (["add table netdev vped { flags dormant; }"], {"table netdev vped" + IDLE}),
    "dormant": (["add table inet vped { flags dormant; }"], {"table inet vped" + IDLE}),
    "both dormant": ([f"add table {x} vped {{ flags dormant; }}" for x in ("inet", "netdev")],
                     {"table inet vped" + IDLE, "table netdev vped" + IDLE}),
    "policies": (["delete chain inet vped policies-vped-lan"], {WRONG}),
    "a policy more": (["insert rule inet vped policies-vped-lan accept"], {WRONG}),
    "a way out": (["insert rule inet vped policies-vped-lan oifname nosuch accept"], {WRONG}),
    "all ways out": (["insert rule inet vped policies-vped-lan oifname != nosuch accept"], {WRONG}),
    "a policy twice": (["insert rule inet vped policies-vped-lan ip saddr 10.1.0.0/16 "
                        "ip daddr 10.2.0.0/16 accept"], {WRONG}),
    "a rule behind": (["add rule inet vped policies-vped-lan counter drop"], {WRONG}),
    "no policies": (["flush chain inet vped policies-vped-lan"], {WRONG}),
    "one table": (["delete table inet vped"], {WRONG, "no interface is guarded",
                                               "lan0" + NOT_FOR_IP, "wan0" + NOT_FOR_IP}),
}


@pytest.mark.one_build("release", "libnftables takes its time under sanitizers")
def test_status_sees_every_hole_and_installing_mends_it(lab, sites):
    a, gate = sites.pair("vpe")[0], sites.gate["a"]
    # Nobody else's table is in the way.
    gate.run("nft", "add table ip foreign { flags dormant; }")
    sites.start()
    config = lab.file("gw-a.conf", a.configuration())
    for hole, (commands, faults) in HOLES.items():
        assert status(a)["intact"], hole
        for command in commands:
            gate.run("nft", command)
        shown = status(a, 1)
        assert shown["installed"] and set(shown["faults"]) == faults, hole
        assert len(shown["faults"]) == len(faults), hole
        done = guard_only(lab, a, config)
        assert done.returncode == 0, (hole, done.stdout)
    assert status(a)["intact"]
    assert tables(gate) == TABLES | {("ip", "foreign")}


@pytest.mark.one_build("release", "libnftables takes its time under sanitizers")
def test_many_policies(lab, sites):
    """They are in several chains, all of which are looked at, and follow changes."""
    a, gate = sites.pair("vpe")[0], sites.gate["a"]
    a.policies += [Policy(A.prefixes[4], f"10.{100 + i // 256}.{i % 256}.0/24")
                   for i in range(2000)]
    sites.start()

    def parts():
        shown = gate.run("nft", "list", "chain", "inet", "vped", "policies-vped-lan").stdout
        return [line.split()[1] for line in shown.splitlines() if line.split()[0] == "jump"]

    assert status(a)["intact"] and len(parts()) > 5
    last = parts()[-1]
    config = lab.file("gw-a.conf", a.configuration())
    for hole in (f"flush chain inet vped {last}", f"insert rule inet vped {last} accept",
                 f"add rule inet vped policies-vped-lan jump {last}",
                 "flush chain inet vped policies-vped-lan"):
        gate.run("nft", hole)
        assert status(a, 1)["faults"] == [WRONG], hole
        assert guard_only(lab, a, config).returncode == 0
        assert status(a)["intact"], hole
    before = parts()
    with Admin(a) as admin:
        admin.add_policy(name="more", src=A.prefixes[4], dst="10.200.0.0/16", action="protect",
                         tunnel="peer", before="p1000")
        assert status(a)["intact"]
        assert 1 <= len(set(parts()) ^ set(before)) <= 6
        assert "ip daddr 10.200.0.0/16 counter" in gate.run("nft", "list", "table", "inet",
                                                            "vped").stdout
        admin.flush(what="policies")
        assert status(a)["intact"] and not parts()


def test_no_start_without_it(lab, sites):
    """A daemon that may not install it does not start, unless told that it need not."""
    a, _ = sites.pair("vpe")
    config = lab.file("a.conf", a.configuration())
    less = ("setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin")
    done = guard_only(lab, a, config, *less)
    assert done.returncode == 1 and "host guard: nftables" in done.stdout, done.stdout
    done = a.namespace.run(*less, str(gw.program("vped")), "-c", str(config), check=False)
    assert done.returncode == 1 and "host guard: nftables" in done.stdout, done.stdout
    assert not tables(a.namespace)
    a.settings["host_guard"] = False
    done = guard_only(lab, a, lab.file("b.conf", a.configuration()))
    assert done.returncode == 1 and "host_guard = false" in done.stdout
    a.start()
    assert "control.host_guard is false" in a.process.said()
    assert not tables(a.namespace)


def test_daemons_share_it(lab, sites):
    """One that starts or stops takes nothing from another in the same namespace."""
    a, _ = sites.pair("vpe")
    gate = sites.gate["a"]
    sites.start()
    lab.wire(gate, "more0", gate, "more1")
    other = lab.file("other.conf", a.configuration().replace("iface=lan0", "iface=more0")
                     .replace("iface=wan0", "iface=more1").replace("vped-", "other-"))
    done = guard_only(lab, a, other)
    assert done.returncode == 0, done.stdout
    both = ["lan0", "more0", "more1", "other-lan", "other-wan", "vped-lan", "vped-wan", "wan0"]
    assert sorted(status(a)["not_forwarded"]) == both
    assert a.stop() == 0
    assert sorted(status(a)["not_forwarded"]) == both
    assert sorted(status(a)["devices"]) == ["lan0", "more0", "more1", "wan0"]


def third_interface(lab, gate):
    """A host behind another interface of the gateway, whose kernel routes for it."""
    third = lab.namespace("third")
    lab.wire(third, "eth0", gate, "eth3")
    lab.host(gate, "eth3", [f"{THIRD[f][0]}/{THIRD[f][2]}" for f in (4, 6)])
    lab.host(third, "eth0", [f"{THIRD[f][1]}/{THIRD[f][2]}" for f in (4, 6)],
             [THIRD[f][0] for f in (4, 6)])
    return third


def open_every_way(sites):
    """All that an operator can do wrong: the kernel forwards, and has a way past the tunnel."""
    gate, a, b = sites.gate["a"], sites.gateway["a"], sites.gateway["b"]
    for name in ("lan0", "wan0"):
        gate.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 0)
    gate.sysctl("net/ipv4/ip_forward", 1)
    gate.sysctl("net/ipv6/conf/all/forwarding", 1)
    for family, far in ((4, B.wan[4]), (6, "fe80::b")):
        mac = b.mac(b.ports[1])
        for address in {far, B.wan[family]}:
            gate.ip(f"-{family} neigh replace {address} lladdr {mac} dev wan0 nud permanent")
        # Behind those over the host interface, which go with it.
        net = str(ipaddress.ip_interface(B.wan_addresses[family // 6]).network)
        gate.ip(f"-{family} route append {net} dev wan0 metric 4000")
        gate.ip(f"-{family} route append {B.prefixes[family]} via {far} dev wan0 onlink "
                "metric 4000")
        # The host goes on although nobody answers its questions any more.
        sites.host["a"].ip(f"neigh replace {A.router[family]} lladdr {a.mac(a.ports[0])} "
                           "dev eth0 nud permanent")
    # These values came over the ones that vped had set.
    for interface in ("vped-lan", "vped-wan"):
        assert forwards(gate, interface) == {4: "1", 6: "1"}


def forwards(gate, interface):
    def value(family):
        path = f"/proc/sys/net/ipv{family}/conf/{interface}/forwarding"
        with gate, open(path, encoding="ascii") as file:
            return file.read().strip()
    return {family: value(family) for family in (4, 6)}


def sources_in_clear(path):
    """Source addresses of frames with the pattern."""
    found = collections.Counter()
    for _, frame in capture.frames(path):
        if PATTERN in frame:
            octets = bytes(frame[26:30] if frame[12:14] == b"\x08\x00" else frame[22:38])
            found[str(ipaddress.ip_address(octets))] += 1
    return found


@pytest.mark.parametrize("device", ["af_xdp", "af_packet"])
def test_nothing_in_clear_alive_or_dead(lab, count, device):
    """The daemon runs, then is killed; hosts, a third network and the gateway itself keep sending.

    In the end the guard is taken away, and the same traffic is seen in clear.
    """
    if device == "af_xdp" and lab.device != "af_xdp":
        pytest.skip("no AF_XDP here")
    lab.device = device
    sites = two_sites.Sites(lab)
    a, _ = sites.pair("vpe")
    gate = sites.gate["a"]
    third = third_interface(lab, gate)
    sites.start().wait_reachable()
    assert forwards(gate, "vped-lan") == forwards(gate, "vped-wan") == {4: "0", 6: "0"}
    open_every_way(sites)
    flows = [flow for f in (4, 6) for flow in (
        (sites.host["a"], A.host[f], B.host[f]),
        (third, THIRD[f][1], B.host[f]),
        (third, THIRD[f][1], B.wan[f]),
        (gate, A.router[f], B.host[f]),
        (gate, THIRD[f][0], B.host[f]))]
    hosts = {A.host[f] for f in (4, 6)} | {THIRD[f][1] for f in (4, 6)}
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "guarded")
    with Chatter(flows) as chatter:
        for f in (4, 6):
            traffic.wait_reachable(sites.host["b"], A.router[f])
            assert traffic.ping(sites.host["b"], A.router[f], 10).lossless
            assert traffic.ping(gate, B.host[f], 10, more=("-I", A.router[f])).lossless
            # From its wan address, for which there is no policy: answered or dropped.
            traffic.ping(gate, B.host[f], 3, wait=0.3)
        a.kill()
        laboratory.wait_for("the interfaces to vanish", lambda: not gate.has("vped-wan"), 5)
        # All ways lead there now.
        for family in (4, 6):
            assert "dev wan0" in gate.ip(f"-{family} route get {B.host[family]}")
        before = chatter.sent.copy()
        laboratory.wait_for("all hosts to have sent enough",
                            lambda: min(chatter.sent[s] - before[s] for s in hosts) > 50, 60)
        time.sleep(count(1, 30))
        sent = chatter.sent - before
    wire.stop()
    found = capture.inspect(wire.path, two_sites.OUTER_ALL)
    assert wire.dropped == 0
    assert found.in_clear == 0, found.samples
    assert found.kinds["vpe"] > 80
    assert set(sent) >= hosts
    assert status(a)["intact"]
    # Proof that there was something to keep back: from everybody, the gateway too.
    a.vpectl("host-guard", "off")
    wire = capture.Capture(lab, sites.wan, sites.wan_ends["a"][0], "bare")
    with Chatter(flows):
        time.sleep(1)
    wire.stop()
    assert set(sources_in_clear(wire.path)) == hosts | {THIRD[f][0] for f in (4, 6)}


# Where the kernel's answers to the other site would go: by the default route of a third interface,
# or by a route of its own there.
AWAY = {
    "default": [("-4 route del {0}",), ("-6 route del {1}",),
                ("-4 route add default via {2}",), ("-6 route add default via {3}",)],
    "specific": [("-4 route add 10.2.0.0/24 via {2}",), ("-6 route add fd00:2::/64 via {3}",)],
}


def ask_for_answers(sites):
    """Echoes and closed ports at gw-a's LAN address, from the other site."""
    for f in (4, 6):
        traffic.ping(sites.host["b"], A.router[f], 3, wait=0.3)
        traffic.send_numbers(sites.host["b"], A.router[f], range(3))
    time.sleep(0.5)


def everything_protected(here, there):
    """The whole of both families, as of a site that has its Internet by the tunnel."""
    return [Policy("0.0.0.0/0", "0.0.0.0/0", "protect", "peer"),
            Policy("::/0", "::/0", "protect", "peer")]


def everything_to_there(here, there):
    """What the other site gets, whoever sends it."""
    return [Policy(all_, there.prefixes[f], "protect", "peer")
            for f, all_ in ((4, "0.0.0.0/0"), (6, "::/0"))]


@pytest.mark.parametrize("way", AWAY)
@pytest.mark.parametrize("policies", [two_sites.protect, everything_protected, everything_to_there])
def test_answers_do_not_leave_by_a_third_interface(lab, sites, policies, way):
    """What came out of a tunnel is neither answered nor quoted there; the management goes on."""
    a, _ = sites.pair("vpe", policies=policies)
    gate = sites.gate["a"]
    third = third_interface(lab, gate)
    sites.start().wait_reachable()
    for (command,) in AWAY[way]:
        gate.ip(command.format(B.prefixes[4], B.prefixes[6], THIRD[4][1], THIRD[6][1]))
    for f in (4, 6):
        traffic.wait_reachable(third, THIRD[f][0])  # neighbours are known
    wire = capture.Capture(lab, third, "eth0", "guarded")
    ask_for_answers(sites)
    wire.stop()
    assert wire.dropped == 0
    assert not sources_in_clear(wire.path)
    # The gateway and an address of its own there.
    for f in (4, 6):
        assert traffic.ping(third, THIRD[f][0], 3).lossless
        assert traffic.ping(gate, THIRD[f][1], 3).lossless
        gate.ip(f"-{f} neigh flush dev eth3")
        traffic.wait_reachable(third, THIRD[f][0])
    assert status(a)["intact"]
    a.vpectl("host-guard", "off")
    wire = capture.Capture(lab, third, "eth0", "bare")
    ask_for_answers(sites)
    wire.stop()
    assert {A.router[4], A.router[6]} <= set(sources_in_clear(wire.path))


def test_host_interfaces_get_other_names(lab, sites):
    """What the guard has of the configuration before is in nobody's way."""
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable()
    a.stop()
    for port in a.ports:
        port.host_interface = f"in-{port.name}"
    a.start()
    for f in (4, 6):
        a.route(B.prefixes[f], B.wan[f])
    sites.wait_reachable()
    for f in (4, 6):
        assert traffic.ping(sites.gate["a"], B.host[f], 5, more=("-I", A.router[f])).lossless
    assert status(a)["intact"]


@pytest.mark.one_build("release", "it is the kernel that is watched")
def test_arrivals_are_not_the_kernels(lab):
    """AF_PACKET only watches: what is for us must not be the kernel's as well, ARP included."""
    lab.device = "af_packet"
    sites = two_sites.Sites(lab)
    sites.pair("vpe")
    sites.start().wait_reachable()
    host, gate = sites.host["a"], sites.gate["a"]
    for _ in range(3):
        host.run("ip", "neigh", "flush", "dev", "eth0")
        wire = capture.Capture(lab, host, "eth0", "lan")
        assert traffic.ping(host, A.router[4], 5).lossless
        wire.stop()
        answers = [f for _, f in capture.frames(wire.path)
                   if f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2"
                   and f[28:32] == bytes([10, 1, 0, 1])]
        echoes = [f for _, f in capture.frames(wire.path)
                  if f[12:14] == b"\x08\x00" and f[23] == 1 and f[34] == 0]
        assert len(answers) == 1 and len(echoes) == 5
    assert not gate.ip("neigh show dev lan0").strip()


def test_a_device_that_comes_later(lab, sites):
    """The guard was there first: by name it keeps IP out, and status tells what it lacks."""
    a, _ = sites.pair("vpe")
    gate = sites.gate["a"]
    config = lab.file("a.conf", a.configuration())
    gate.ip("link del wan0")
    done = guard_only(lab, a, config)
    assert done.returncode == 0 and "there is no interface wan0 yet; when it comes" in done.stdout
    assert status(a, 1)["faults"] == ["wan0: there is no interface of this name"]
    lab.wire(sites.wan, "new0", gate, "wan0")
    gate.ip("addr add 198.51.100.1/24 dev wan0")
    sites.wan.ip("addr add 198.51.100.2/24 dev new0")
    assert traffic.ping(sites.wan, "198.51.100.1", 3, wait=1).received == 0
    with pytest.raises(PermissionError):
        traffic.send_numbers(gate, "198.51.100.2", [1])
    assert status(a, 1)["faults"] == ["wan0: is not the interface that was guarded",
                                      "wan0: the kernel receives what arrives there",
                                      "wan0: what the host has on top of it sends there"]
    a.vpectl("host-guard", "off")
    assert traffic.ping(sites.wan, "198.51.100.1", 3, wait=1).lossless
    gate.ip("addr flush dev wan0")
    done = guard_only(lab, a, config)
    assert done.returncode == 0 and "there is no interface" not in done.stdout
    assert status(a)["intact"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here")
def test_unit_file(lab):
    """What systemd thinks of it, with the program of this build in it."""
    text = (laboratory.ROOT / "config/vped-guard.service").read_text(encoding="utf-8")
    unit = lab.file("vped-guard.service", text.replace("=vped ", f"={gw.program('vped')} "))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0 and not done.stdout, done.stdout
