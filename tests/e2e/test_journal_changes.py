"""SAs with journaled keys that come, move and go over the admin socket."""

import time

import pytest

import gateway as gw
import traffic
from admin import Admin, sa_arguments
from journals import journaled, raise_edges, refused, revive
from lab import LabError
from sites import A, B, answer_pings


def arguments(sa, direction):
    return {**sa_arguments(sa, "peer", direction), "manual_keys": "journaled"}


def next_of(gateway):
    return int(gateway.sa("out")["lanes"][0]["next"])


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_a_key_comes_over_the_socket(lab, sites, protocol):
    """It is registered while the daemon has the journal, has its lease before the first packet, keeps
    it where it moves to, and goes on behind it after a crash. One that the journal does not know is
    refused, and nothing changes."""
    a, b = journaled(lab, sites, protocol)
    before = a.tunnels[0].out
    fresh = gw.sa(protocol)
    sites.start().wait_reachable((4,))
    for gateway in (a, b):
        assert ": registered" in gateway.register_key(fresh).stdout
        assert ": has a record already" in gateway.register_key(fresh).stdout
    with Admin(a) as at_a, Admin(b) as at_b:
        with pytest.raises(LabError, match="no record in the journal"):
            at_a.add_sa(**arguments(gw.sa(protocol), "out"))
        assert traffic.ping(sites.host["a"], B.host[4], 5).lossless
        at_b.add_sa(**arguments(fresh, "in"))
        key = lab.dir / f"{a.name}-{fresh.spi}.key"
        said = a.vpectl("rekey-sa", "tunnel=peer", "direction=out", f"spi={fresh.spi}",
                        f"key_file={key}", "manual_keys=journaled").stdout
        assert said.endswith("until restart\n")
        assert traffic.ping(sites.host["a"], B.host[4], 20).lossless
        at_b.del_sa(tunnel="peer", direction="in", spi=before.spi)
        with pytest.raises(LabError, match="does not come back"):
            at_b.add_sa(**arguments(before, "in"))
        sent = next_of(a)
        at_a.update_sa(tunnel="peer", direction="out", spi=fresh.spi, remote="192.0.2.99")
        assert next_of(a) == sent
        at_a.update_sa(tunnel="peer", direction="out", spi=fresh.spi, remote=B.wan[4])
        assert traffic.ping(sites.host["a"], B.host[4], 20).lossless
        sent = next_of(a)
    time.sleep(1.5)  # the edges come down: what is slow again is soon beyond them
    a.kill()
    a.tunnels[0].out = fresh
    revive(sites, A)
    assert next_of(a) > sent
    sites.wait_reachable((4,))


def test_an_sa_that_moves_before_it_is_there(lab, sites):
    """A batch that adds an SA and moves it is no way past the journal."""
    a, b = journaled(lab, sites, "esp")
    before, recorded = a.tunnels[0].out, gw.sa("esp")
    sites.start().wait_reachable((4,))
    for gateway in (a, b):
        gateway.register_key(recorded)

    def add_and_move(admin, sa, **more):
        admin.begin()
        admin.del_sa(tunnel="peer", direction="out", spi=before.spi)
        admin.add_sa(**{**arguments(sa, "out"), **more, "remote": "192.0.2.99"})
        admin.update_sa(tunnel="peer", direction="out", spi=sa.spi, remote=B.wan[4])
        admin.commit()

    with Admin(a) as admin, Admin(b) as at_b:
        at_b.add_sa(**arguments(recorded, "in"))
        with pytest.raises(LabError, match="no record in the journal"):
            add_and_move(admin, gw.sa("esp"))
        with pytest.raises(LabError, match="has a record in the journal, so it is not fresh"):
            add_and_move(admin, recorded, manual_keys="fresh-each-start")
        add_and_move(admin, recorded)
        admin.update_sa(tunnel="peer", direction="out", spi=recorded.spi, remote="192.0.2.99")
        admin.update_sa(tunnel="peer", direction="out", spi=recorded.spi, remote=B.wan[4])
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless
    sent = next_of(a)
    a.kill()
    a.tunnels[0].out = recorded
    revive(sites, A)
    assert next_of(a) > sent


def test_a_receiver_that_moves_before_it_is_there(lab, sites):
    """What the journal knows of extended numbers is known where it moves to, too."""
    a, b = journaled(lab, sites, "esp", esn=True)
    recorded = b.tunnels[0].inbound
    sites.start().wait_reachable((4,))
    for gateway in (a, b):
        assert gateway.stop() == 0
        raise_edges(gateway.settings["journal"], 5 << 32)
    b.tunnels[0].inbound = gw.sa("esp", esn=True)
    b.register_key(b.tunnels[0].inbound)
    for site in (A, B):
        revive(sites, site)
    assert next_of(a) > 5 << 32
    with Admin(b) as admin:
        admin.begin()
        admin.add_sa(**{**arguments(recorded, "in"), "remote": "192.0.2.99"})
        admin.update_sa(tunnel="peer", direction="in", spi=recorded.spi, remote=A.wan[4])
        admin.commit()
    sites.wait_reachable((4,))
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless


def test_a_sender_has_counters_of_its_own(lab, sites):
    """A key in the journal does not go on as another sender's: nobody would know how far that got."""
    a, _ = journaled(lab, sites, "vpe")
    out = a.tunnels[0].out
    sites.start().wait_reachable((4,))
    with Admin(a) as admin:
        with pytest.raises(LabError, match="if it is in the journal, 'sender_id'"):
            admin.add_sa(**{**arguments(out, "out"), "spi": gw.sa("vpe").spi, "sender_id": 7})
    assert traffic.ping(sites.host["a"], B.host[4], 5).lossless


def test_a_life_that_is_over(lab, sites):
    """A key that has come to the end of its life does not come back, with another start either. The
    daemon starts without its SA."""
    a, _ = journaled(lab, sites, "vpe")
    a.start()
    fresh = gw.sa("vpe")
    a.register_key(fresh)
    with Admin(a) as admin, Admin(a, a.socket) as listener:
        listener.monitor()
        admin.rekey_sa(tunnel="peer", direction="out", spi=fresh.spi, key=fresh.key.hex(),
                       manual_keys="journaled", hard_lifetime={"seconds": 1})
        assert listener.event("hard-expire")["spi"] == fresh.spi
    assert a.stop() == 0
    a.tunnels[0].out = fresh
    a.start()
    assert 'the life of the key of its SA "out" is over, for good' in a.process.said()
    with Admin(a) as admin:
        assert [sa["direction"] for sa in admin.show_sa()["sas"]] == ["in"]
        with pytest.raises(LabError, match="the life of its key is over"):
            admin.add_sa(**arguments(fresh, "out"))
        admin.reload()
        assert [sa["direction"] for sa in admin.show_sa()["sas"]] == ["in"]
    assert "its life is over" in a.register_key(fresh).stdout


@pytest.mark.parametrize("opened", [True, False])
def test_a_recorded_key_is_not_fresh(lab, sites, opened):
    """Whether the daemon has the journal open or not, in the file and over the socket, from the
    operator and from an owner."""
    a, _ = journaled(lab, sites, "vpe")
    recorded, tunnels = gw.sa("vpe"), a.tunnels
    a.register_key(recorded)
    if not opened:
        a.tunnels = []
        a.policies = answer_pings(A)
    a.start()
    with Admin(a) as admin:
        admin.add_tunnel(name="other", local=A.wan[4], remote=B.wan[4], port="wan")
        for owner in (False, True):
            if owner:
                admin.hello(owner="ike", instance="one")
                admin.add_tunnel(name="its", local=A.wan[4], remote=B.wan[4], port="wan")
            tunnel = "its" if owner else "other"
            for direction in ("in", "out"):
                with pytest.raises(LabError, match="has a record in the journal"):
                    admin.add_sa(**sa_arguments(recorded, tunnel, direction, not owner))
            admin.add_sa(**sa_arguments(gw.sa("vpe"), tunnel, "out", not owner))
    assert a.stop() == 0
    a.tunnels = tunnels
    a.settings["manual_keys"] = "fresh-each-start"
    refused(a, "peer (in|out): its key has a record in the journal, so it is not fresh")
