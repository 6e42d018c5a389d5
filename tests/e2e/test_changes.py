"""Tunnels, SAs and policies changed while packets flow."""

import grp
import struct
import time

import pytest

import gateway as gw
import peers
import traffic
from admin import Admin, admin_socket, sa_arguments
from capture import Capture, inspect
from changes import reloads, rekeys
from journals import revive
from lab import LabError, wait_for
from sites import A, B, OUTER_ALL, answer_pings, protect
from streams import Steady
from threads import Stopped, worker_threads


def steady_to_b(sites, rate):
    return Steady(sites.host["a"], B.host[4], rate)


def assert_all_once(numbers, steady):
    numbers.settle(steady.sent)
    assert len(numbers) == steady.sent and steady.sent > 0
    assert not numbers.twice


def bare(sites):
    """Both gateways without any tunnel."""
    sites.pair("vpe")
    for site in (A, B):
        gateway = sites.gateway[site.letter]
        gateway.tunnels = []
        gateway.policies = answer_pings(site)
    return sites.gateway["a"], sites.gateway["b"]


def install(admin, site, other, out, inbound, manual=True, tunnel="peer"):
    """A tunnel, its SAs and policies."""
    admin.add_tunnel(name=tunnel, local=site.wan[4], remote=other.wan[4], port="wan")
    admin.add_sa(**sa_arguments(inbound, tunnel, "in", manual))
    admin.add_sa(**sa_arguments(out, tunnel, "out", manual))
    for family, policy in zip((4, 6), protect(site, other, tunnel)):
        admin.add_policy(name=f"to-{other.letter}{family}", src=policy.src, dst=policy.dst,
                         action="protect", tunnel=tunnel)


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_everything_over_the_socket(sites, protocol):
    """From nothing to a tunnel that carries traffic, and back to nothing."""
    a, b = bare(sites)
    sites.start()
    there, back = gw.sa(protocol), gw.sa(protocol)
    with Admin(a) as at_a, Admin(b) as at_b:
        install(at_a, A, B, there, back)
        install(at_b, B, A, back, there)
        sites.wait_reachable()
        # The same again changes nothing.
        again = at_a.add_sa(**sa_arguments(there, "peer", "out"))
        assert again["changed"] is False
        assert not at_a.add_tunnel(name="peer", local=A.wan[4], remote=B.wan[4],
                                   port="wan")["changed"]
        assert {sa["spi"] for sa in at_a.show_sa(name="peer")["sas"]} == {there.spi, back.spi}
        with pytest.raises(LabError, match="protects by tunnel"):
            at_a.del_tunnel(name="peer")
        for family in (4, 6):
            assert at_a.del_policy(name=f"to-b{family}")["deleted"] == 1
            assert at_a.del_policy(name=f"to-b{family}")["deleted"] == 0
        at_a.del_tunnel(name="peer")
        assert not at_a.show_sa()["sas"]
        # What was protected does not go in clear now.
        assert traffic.ping(sites.host["a"], B.host[4], 3, wait=0.5).received == 0
    assert a.stop() == 0 and b.stop() == 0


def test_the_guard_follows_policies(sites):
    """What is protected since a moment ago does not leave by other interfaces either."""
    a, b = bare(sites)
    sites.start()
    gate = sites.gate["a"]

    def guarded():
        rules = gate.run("nft", "list", "chain", "inet", "vped", "policies-vped-lan").stdout
        return rules.count(f"{A.prefixes[4]} ip daddr {B.prefixes[4]} counter"), \
            rules.count(f"{A.prefixes[6]} ip6 daddr {B.prefixes[6]} counter")

    gate.ip("link add third type veth peer name fourth")
    gate.ip("link set third up")
    gate.ip("link set fourth up")
    gate.ip("route add 10.2.7.0/24 dev third")
    assert guarded() == (0, 0)
    with Admin(a) as at_a:
        assert "leads by third" not in a.process.said()
        install(at_a, A, B, gw.sa("vpe"), gw.sa("vpe"))
        assert guarded() == (1, 1)
        wait_for("the warning", lambda: f"policies protect {B.prefixes[4]}, but the kernel's route "
                 "to 10.2.7.0/24 leads by third" in a.process.said())
        at_a.del_policy(name="to-b4")
        assert guarded() == (0, 1)
        assert a.vpectl("host-guard", "status", "--json").returncode == 0
        # Who has removed it does not get it back by a change.
        a.vpectl("host-guard", "off")
        at_a.del_policy(name="to-b6")
        assert "table inet vped" not in gate.run("nft", "list", "tables").stdout


@pytest.mark.one_build("sanitize", "both wait alike")
def test_peers_and_mtu_follow_tunnels(sites):
    """IKE of a new tunnel's other end is known, and the link to it; both are forgotten with it."""
    a, b = bare(sites)
    sites.start()
    gate, other = sites.gate["a"], sites.gate["b"]
    gate.ip(f"route add {B.wan[4]}/32 dev vped-wan mtu 1300")

    def ike():
        traffic.echoes(other, B.wan[4], A.wan[4], 500, tries=2)  # nobody answers
        time.sleep(0.5)
        punts = a.stats()["punts"]
        return punts.get("ike", 0), punts.get("ike_peer", 0)

    with Admin(a) as at_a, Admin(b) as at_b:
        # Only an address that tunnels end at is one for IKE.
        at_b.add_tunnel(name="peer", local=B.wan[4], remote=A.wan[4], port="wan")
        at_a.add_tunnel(name="other", local=A.wan[4], remote="192.0.2.77", port="wan")
        strangers, peers = ike()
        assert strangers >= 1 and peers == 0
        at_a.add_tunnel(name="less", local=A.wan[4], remote=B.wan[4], port="wan", mtu=1200)
        still, peers = ike()
        assert still == strangers and peers >= 1
        for name, mtu in (("less", 1200), ("peer", 1300)):
            at_a.add_tunnel(name=name, local=A.wan[4], remote=B.wan[4], port="wan",
                            **({"mtu": mtu} if name == "less" else {}))
            at_a.add_sa(**sa_arguments(gw.sa("vpe"), name, "out"))
            assert [sa["path_mtu"] for sa in at_a.show_sa(name=name)["sas"]] == [mtu]
        gate.ip(f"route replace {B.wan[4]}/32 dev vped-wan mtu 1250")
        wait_for("the new tunnel follows its route",
                 lambda: [sa["path_mtu"] for sa in at_a.show_sa(name="peer")["sas"]] == [1250])
        with pytest.raises(LabError, match="mtu"):
            at_a.add_tunnel(name="more", local=A.wan[4], remote=B.wan[4], port="wan", mtu=9000)
        for name in ("less", "peer"):
            at_a.del_tunnel(name=name)
        again, still = ike()
        assert again > strangers and still == peers


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_rekeys_under_traffic(sites, protocol, count):
    """Both ends, inbound first: nothing lost, nothing twice, nothing in clear."""
    a, b = sites.pair(protocol)
    sites.start().wait_reachable((4,))
    capture = Capture(sites.lab, sites.wan, sites.wan_ends["a"][0], "rekeys")
    with Admin(a) as at_a, Admin(b) as at_b, \
            traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        with steady_to_b(sites, 2000) as steady:
            spis = rekeys(sites, at_a, at_b, protocol, count(60, 1000))
        assert_all_once(numbers, steady)
        assert [sa["spi"] for sa in at_a.show_sa()["sas"] if sa["direction"] == "out"] == spis[:1]
    assert not a.drops().get("no_outbound_sa") and not b.drops().get("no_sa")
    found = inspect(capture.stop().path, OUTER_ALL)
    assert capture.dropped == 0 and found.in_clear == 0, found.words()


def test_reloads_under_traffic(sites, count):
    a, b = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    plain = a.configuration()
    before = a.ask("show-sa", name="peer")["sas"]
    with Admin(a) as at_a, traffic.Numbers(sites.host["b"], B.host[4]) as numbers:
        with steady_to_b(sites, 2000) as steady:
            reloads(a, at_a, count(40, 1000))
        assert_all_once(numbers, steady)
        # A file that is wrong changes nothing, and says where.
        a.lab.file(f"{a.name}.conf", plain.replace("burst = 64", "burts = 64"))
        with pytest.raises(LabError, match=r"\.conf:\d+: .*burts"):
            at_a.reload()
        a.lab.file(f"{a.name}.conf", plain.replace("burst = 64", "burst = 32"))
        with pytest.raises(LabError, match="workers.burst.*restart"):
            at_a.reload()
    after = a.ask("show-sa", name="peer")["sas"]
    assert [sa["spi"] for sa in after] == [sa["spi"] for sa in before]
    assert after[-1]["packets"] >= steady.sent
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless


def test_live_is_what_every_worker_goes_by(sites):
    """A worker that the kernel keeps from its CPU still has the tables before."""
    _, b = sites.pair("vpe")
    sites.start()
    fresh = gw.sa("vpe")
    with Admin(b) as at_b:
        with Stopped(worker_threads(b.process.pid)[0]):
            at_b.send("add-sa", **sa_arguments(fresh, "peer", "in"))
            at_b.client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                at_b.answer()
        at_b.client.settimeout(20)
        assert "error" not in at_b.answer()


def test_sighup_reloads(sites):
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    a.policies.append(gw.Policy("10.1.0.0/16", "10.99.0.0/16", "discard"))
    a.lab.file(f"{a.name}.conf", a.configuration())
    a.process.send(1)
    wait_for("the policy", lambda: len(a.ask("show-policy")["policies"]) == len(a.policies))
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless
    a.lab.file(f"{a.name}.conf", "nonsense")
    a.process.send(1)
    wait_for("the refusal", lambda: "SIGHUP" in a.process.said() and
             "nonsense" not in a.process.said() and ":1:" in a.process.said())
    assert len(a.ask("show-policy")["policies"]) == len(a.policies)
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless


def test_a_peer_that_moves(sites):
    """Who listens is told where it is now. Outer addresses change, keys and counters stay."""
    a, b = sites.pair("esp")
    sites.start().wait_reachable((4,))
    b.namespace.ip(f"address add 192.0.2.22/24 dev {b.ports[1].host_interface}")
    sent = a.sa("out")["packets"]
    with Admin(a) as at_a, Admin(b) as at_b:
        at_a.monitor()
        # Anybody can claim that.
        wire = peers.Wire(sites.wan, sites.wan_ends["a"][0], a.mac(a.ports[1]))
        header = struct.pack("!II", sites.b_to_a.spi, 1 << 20)
        for _ in range(20):
            wire.send(peers.ip_packet_of("192.0.2.33", A.wan[4], peers.TUNNEL, header + bytes(64)))
        wire.close()
        with pytest.raises(LabError, match="in vain"):
            at_a.event("peer-address", timeout=1.5)
        assert a.drops()["sa_outer_address"] == 20
        at_b.update_sa(tunnel="peer", direction="in", spi=sites.a_to_b.spi, local="192.0.2.22")
        at_b.update_sa(tunnel="peer", direction="out", spi=sites.b_to_a.spi, local="192.0.2.22")
        traffic.send_numbers(sites.host["b"], A.host[4], range(20), rate=100)
        moved = at_a.event("peer-address")
        assert (moved["tunnel"], moved["spi"]) == ("peer", sites.b_to_a.spi)
        assert (moved["source"], moved["destination"]) == ("192.0.2.22", A.wan[4])
        at_a.update_sa(tunnel="peer", direction="in", spi=sites.b_to_a.spi, remote="192.0.2.22")
        at_a.update_sa(tunnel="peer", direction="out", spi=sites.a_to_b.spi, remote="192.0.2.22")
    a.route(B.prefixes[4], "192.0.2.22")
    sites.wait_reachable((4,))
    assert traffic.ping(sites.host["a"], B.host[4], 20).lossless
    out = a.sa("out")
    assert out["packets"] > sent and out["remote"] == "192.0.2.22"
    assert int(out["lanes"][0]["next"]) == out["packets"] + 1


def test_keys_are_used_once(sites):
    """In either direction, in another protocol, after it was deleted, by its old name or a new."""
    a, _ = sites.pair("vpe")
    a.start()
    esp = gw.Sa("esp", gw.esp_spi(), key=sites.a_to_b.key)
    with Admin(a) as admin:
        for direction in ("in", "out"):
            with pytest.raises(LabError, match="key"):
                admin.add_sa(**sa_arguments(esp, "peer", direction))
        fresh = gw.sa("vpe")
        admin.rekey_sa(tunnel="peer", direction="out", spi=fresh.spi, key=fresh.key.hex())
        for sa in (sites.a_to_b, esp):
            with pytest.raises(LabError, match="was in use since the daemon started"):
                admin.add_sa(**sa_arguments(sa, "peer", "out"))
        # The file still has the first key: it does not come back.
        admin.reload()
        assert a.sa("out")["spi"] == fresh.spi
        with pytest.raises(LabError, match="all zeros"):
            admin.add_sa(**sa_arguments(gw.Sa("vpe", 77, key=bytes(32)), "peer", "in"))
        with pytest.raises(LabError, match="manual_keys"):
            admin.add_sa(**sa_arguments(gw.sa("vpe"), "peer", "in", manual=False))
    said = a.process.said()
    for key in (fresh.key, sites.a_to_b.key):
        assert key.hex() not in said


def test_a_policy_has_its_place(sites):
    """The first that matches decides: one that is there moves where it is wanted, or that is
    refused."""
    a, _ = sites.pair("vpe")
    a.start()

    def order():
        return [policy["name"] for policy in a.ask("show-policy")["policies"]]

    moved = {"name": "moved", "src": A.prefixes[4], "dst": "10.9.0.0/16", "action": "discard"}
    with Admin(a) as admin:
        assert admin.add_policy(**moved)["changed"] and order()[-1] == "moved"
        first = order()[0]
        with pytest.raises(LabError, match="in another place"):
            admin.add_policy(**moved, before=first)
        with pytest.raises(LabError, match='no policy "nobody"'):
            admin.add_policy(**moved, before="nobody")
        assert order()[-1] == "moved"
        assert admin.add_policy(**moved, before=first, replace=True)["changed"]
        assert order()[:2] == ["moved", first]
        assert not admin.add_policy(**moved, before=first)["changed"]
        assert not admin.add_policy(**moved)["changed"]
        assert order()[:2] == ["moved", first]


def test_batches_are_all_or_nothing(sites):
    a, _ = sites.pair("vpe")
    a.start()
    before = a.ask("show-policy")["policies"]
    with Admin(a) as admin:
        admin.begin()
        for i in range(200):
            admin.add_policy(name=f"x{i}", src=f"10.1.{i}.0/24", dst="10.50.0.0/16",
                             action="discard")
        admin.add_policy(name="bad", src="10.1.0.1/16", dst="10.50.0.0/16", action="discard")
        with pytest.raises(LabError, match="request 201 of the batch, add-policy: .*host bits"):
            admin.commit()
        assert a.ask("show-policy")["policies"] == before
        admin.begin()
        for i in range(200):
            admin.add_policy(name=f"x{i}", src=f"10.1.{i}.0/24", dst="10.50.0.0/16",
                             action="discard")
        assert len(admin.commit()["results"]) == 200
        assert len(a.ask("show-policy")["policies"]) == len(before) + 200
        admin.begin()
        admin.flush(what="policies")
        assert admin.abort()["dropped"] == 1
        assert len(a.ask("show-policy")["policies"]) == len(before) + 200


@pytest.mark.one_build("sanitize", "thousands of requests")
def test_one_clients_fault_is_its_own(sites):
    """What cannot be put in force takes nothing with it of what others ask for at the same moment."""
    a, _ = sites.pair("vpe")
    a.start()
    gate = sites.gate["a"]
    # The guard's rules about policies cannot be written any more: their chain is at another hook.
    gate.run("nft", "delete", "chain", "inet", "vped", "policies-vped-lan")
    gate.run("nft", "add chain inet vped policies-vped-lan { type filter hook input priority 0; }")
    before = len(a.ask("show-policy")["policies"])
    with Admin(a) as bad, Admin(a) as good, Admin(a) as other:
        for i in range(50):
            bad.send("add-policy", name=f"x{i}", src=f"10.1.{i}.0/24", dst="10.50.0.0/16",
                     action="discard")
            good.send("add-tunnel", name=f"t{i}", local=A.wan[4], remote=B.wan[4], port="wan")
            other.send("alloc-spi", protocol="esp")
            assert "nftables" in bad.answer()["error"]["text"]
            assert good.answer()["result"] == {"changed": True}
            assert other.answer()["result"]["spi"] >= 0xc0000000
        for i in range(50):
            good.del_tunnel(name=f"t{i}")
    assert len(a.ask("show-policy")["policies"]) == before


def test_an_owner_that_starts_anew(sites):
    """A key daemon's session dies while a bypass lies below: nothing goes in clear."""
    a, b = bare(sites)
    for gateway in (a, b):
        gateway.policies += [gw.Policy("10.0.0.0/8", "10.0.0.0/8", "bypass")]
    sites.start()
    there, back = gw.sa("esp"), gw.sa("esp")
    capture = Capture(sites.lab, sites.wan, sites.wan_ends["a"][0], "owner")

    def below(admin, site, other, out, inbound):
        admin.add_tunnel(name="ike", local=site.wan[4], remote=other.wan[4], port="wan")
        admin.add_sa(**sa_arguments(inbound, "ike", "in", False))
        admin.add_sa(**sa_arguments(out, "ike", "out", False))
        admin.add_policy(name="ike", src=site.prefixes[4], dst=other.prefixes[4],
                         action="protect", tunnel="ike", before="p2")

    with Admin(a) as at_a, Admin(b) as at_b:
        for admin in (at_a, at_b):
            assert "withdrawn" not in admin.hello(owner="ike", instance="one")
        below(at_a, A, B, there, back)
        below(at_b, B, A, back, there)
        sites.wait_reachable((4,))
        with steady_to_b(sites, 500), Admin(a) as second:
            with pytest.raises(LabError, match="belongs to somebody else"):
                second.hello(owner="other", instance="x")
                second.del_policy(name="ike")
            gone = second.hello(owner="ike", instance="two")["withdrawn"]
            assert gone == {"sas": 2, "policies": 1}
            assert not a.ask("show-sa")["sas"]
            with pytest.raises(LabError, match="another instance"):
                at_a.flush(what="all")
            assert traffic.ping(sites.host["a"], B.host[4], 3, wait=0.5).received == 0
            # Its keys do not come back, whoever says that they are new.
            for sa, direction in ((there, "out"), (back, "in")):
                for spi in (sa.spi, sa.spi + 1):
                    again = gw.Sa("esp", spi, key=sa.key, salt=sa.salt)
                    with pytest.raises(LabError, match="was in use since the daemon started"):
                        second.add_sa(**sa_arguments(again, "ike", direction, False))
            fresh = gw.sa("esp"), gw.sa("esp")
            at_b.add_sa(**sa_arguments(fresh[0], "ike", "in", False))
            at_b.add_sa(**sa_arguments(fresh[1], "ike", "out", False))
            second.add_sa(**sa_arguments(fresh[1], "ike", "in", False))
            second.add_sa(**sa_arguments(fresh[0], "ike", "out", False))
            assert traffic.ping(sites.host["a"], B.host[4], 3, wait=0.5).received == 0
            second.add_policy(name="ike", src=A.prefixes[4], dst=B.prefixes[4],
                              action="protect", tunnel="ike")
            sites.wait_reachable((4,))
    found = inspect(capture.stop().path, OUTER_ALL)
    assert capture.dropped == 0 and found.in_clear == 0, found.words()


def test_a_restart_waits_for_the_owner(sites):
    """A discard below an owner's policies, and above a bypass, decides until the owner is back."""
    a, b = bare(sites)
    for site, other, gateway in ((A, B, a), (B, A, b)):
        gateway.policies += [gw.Policy(site.prefixes[4], other.prefixes[4], "discard"),
                             gw.Policy("10.0.0.0/8", "10.0.0.0/8", "bypass")]
    sites.start()
    capture = Capture(sites.lab, sites.wan, sites.wan_ends["a"][0], "restart")

    def make(out, back):
        for gateway, site, other, ours, theirs in ((a, A, B, out, back), (b, B, A, back, out)):
            with Admin(gateway) as admin:
                admin.hello(owner="ike", instance=f"{out.spi}")
                admin.add_tunnel(name="ike", local=site.wan[4], remote=other.wan[4], port="wan")
                admin.add_sa(**sa_arguments(theirs, "ike", "in", False))
                admin.add_sa(**sa_arguments(ours, "ike", "out", False))
                admin.add_policy(name="ike", src=site.prefixes[4], dst=other.prefixes[4],
                                 action="protect", tunnel="ike", before="p2")

    make(gw.sa("esp"), gw.sa("esp"))
    sites.wait_reachable((4,))
    a.kill()
    revive(sites, A)
    assert traffic.ping(sites.host["a"], B.host[4], 3, wait=0.5).received == 0
    make(gw.sa("esp"), gw.sa("esp"))
    sites.wait_reachable((4,))
    found = inspect(capture.stop().path, OUTER_ALL)
    assert capture.dropped == 0 and found.in_clear == 0, found.words()


def test_the_read_only_socket_changes_nothing(sites):
    a, _ = sites.pair("vpe")
    a.start()
    with Admin(a, a.socket) as reader, pytest.raises(LabError, match="is unknown; known:"):
        assert "reload" not in reader.hello()["requests"]
        reader.flush(what="all")
    with Admin(a) as admin:
        assert "reload" in admin.hello()["requests"]
        spi = admin.alloc_spi(protocol="esp")["spi"]
        assert 0xc0000000 <= spi <= 0xcfffffff
        assert admin.alloc_spi(protocol="esp")["spi"] != spi
        admin.hello(owner="ike", instance="1")
        with Admin(a) as other, pytest.raises(LabError, match="reserved for somebody else"):
            other.add_sa(**sa_arguments(gw.Sa("esp", admin.alloc_spi(protocol="esp")["spi"]),
                                        "peer", "in"))
    # Without its group it is nobody else's.
    there = any(group.gr_name == "vped-admin" for group in grp.getgrall())
    assert admin_socket(a).stat().st_mode & 0o7777 == (0o660 if there else 0o600)
