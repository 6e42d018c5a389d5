"""Ports of several devices that are bonded: what one loses another carries."""

import pytest

import sites as two_sites
import traffic
from admin import Admin
from gateway import Port
from lab import cpus, wait_for
from sites import A, B
from test_metrics import LISTEN, samples, value

MEMBERS = 2
MEMORY_MB = 384  # buffers of three devices, and three routing tables while routes change


def ports(gateway):
    return {port["name"]: port for port in gateway.ask("show-ports")["ports"]}


def states(gateway):
    """Of the wan's members, in their order."""
    return [member["state"] for member in ports(gateway)["wan"]["bond"]["members"]]


def member_goes(admin, device, up):
    """The next event of this member of the wan's."""
    while True:
        event = admin.event("member", timeout=30)
        if event["member"] == device:
            assert (event["port"], event["up"]) == ("wan", up)
            return


def wan_goes(admin, up):
    """The next event of the wan's link. Other links may have theirs."""
    while True:
        event = admin.event("link", timeout=30)
        if event["port"] == "wan":
            assert event["up"] == up
            return


class BondedSites(two_sites.Sites):
    """The wan of site a has two wires, from which adapters lead to the members of a bond.

    A member is a virtio-user device, the only virtual one whose link is gone with the other end,
    and the other end is a program that copies frames between it and the wire.
    """

    def __init__(self, lab, mode):
        super().__init__(lab, wires={"a": (1, MEMBERS)})
        self.mode = mode
        self.adapter = [None] * MEMBERS
        for i in range(MEMBERS):
            lab.give_to_daemon(self.gate["a"], f"wan{i}")

    def ports(self, site):
        lan, wan = super().ports(site)
        if site is B:
            return [lan, wan]
        # Without a MAC address given, the driver lets none be set.
        vdevs = [f"net_virtio_user{i},path={self._socket(i)},server=1,mac=02:00:00:00:00:0{i}"
                 for i in range(MEMBERS)]
        return [lan, Port("wan", "unprotected", [], site.wan_addresses, vdevs=vdevs,
                          more=f'bond = {{ mode = "{self.mode}"; }};')]

    def _socket(self, i):
        return self.lab.dir / f"member{i}.sock"

    def plug(self, i):
        """Devices of AF_PACKET want a number of their own and take the process id exclusive or the
        interface's index for it, which two adapters can have in common. Then it is another one's
        turn, with another id."""
        self._start_adapter(i)
        wait_for("an adapter", lambda: self._joins(i))

    def _joins(self, i):
        said = self.adapter[i].said()
        if "could not set PACKET_FANOUT" in said:
            self.pull(i)
            self._start_adapter(i)
        return "Configuring Port 1" in said

    def _start_adapter(self, i):
        everywhere = ",".join(map(str, cpus()))
        self.adapter[i] = self.lab.spawn(
            self.gate["a"], "dpdk-testpmd", "--no-huge", "-m", "128", "--no-pci", "--no-shconf",
            "--no-telemetry", "--lcores", f"0@({everywhere}),1@({everywhere})",
            "--vdev", f"net_vhost0,iface={self._socket(i)},client=1",
            "--vdev", f"net_af_packet0,iface=wan{i}",
            "--", "--disable-link-check", "--total-num-mbufs=8192", "--stats-period=3600",
            name=f"adapter{i}")

    def pull(self, i):
        self.adapter[i].kill()
        self.lab.processes.remove(self.adapter[i])


@pytest.mark.alone
@pytest.mark.parametrize("mode", ["active-backup", "balance-xor"])
def test_a_member_goes(lab, mode):
    """Traffic goes on by the other one; the port is down when both are."""
    sites = BondedSites(lab, mode)
    a, _ = sites.pair("vpe", memory_mb=MEMORY_MB)
    # The other process sees no huge pages that are in many pieces, and the guard wants to know of
    # an interface that virtio-user makes.
    a.settings.update(huge=False, host_guard=False,
                      more=f'metrics = {{ listen = "{LISTEN}"; }};')
    for i in range(MEMBERS):
        sites.plug(i)
    sites.start().wait_reachable()
    usual = ["active", "standby" if mode == "active-backup" else "active"]
    wait_for("both members", lambda: sorted(states(a)) == sorted(usual))
    with Admin(a) as admin:
        admin.monitor()
        gone = states(a).index("active")
        sites.pull(gone)
        wait_for("the other member",
                 lambda: states(a) == ["down" if i == gone else "active" for i in range(MEMBERS)])
        member_goes(admin, f"net_virtio_user{gone}", up=False)
        for family in (4, 6):
            wait_for("traffic by the other member", lambda f=family: traffic.ping(
                sites.host["a"], B.host[f], 5, wait=1).lossless)
            assert traffic.ping(sites.host["b"], A.host[family], 20).lossless
        assert ports(a)["wan"]["link"]
        found = samples(a)
        assert value(found, "vped_port_members", port="wan") == MEMBERS
        assert value(found, "vped_port_active_members", port="wan") == 1
        assert [value(found, "vped_port_member_up", port="wan", member=f"net_virtio_user{i}")
                for i in range(MEMBERS)] == [i != gone for i in range(MEMBERS)]
        assert f"port wan: member net_virtio_user{gone} is down" in a.process.said()
        assert "port wan: the link is down" not in a.process.said()
        sites.pull(1 - gone)
        wan_goes(admin, up=False)
        assert states(a) == ["down", "down"]
        sites.plug(gone)
        wan_goes(admin, up=True)
        assert states(a)[gone] == "active"
    said = f"net_virtio_user{gone} active"
    assert [line for line in a.vpectl("show-ports").stdout.splitlines()
            if line.startswith(f"  bond            {mode}: ") and said in line]
    wait_for("traffic again",
             lambda: traffic.ping(sites.host["a"], B.host[4], 5, wait=1).lossless)
    assert a.stop() == 0


class LacpSites(two_sites.Sites):
    """Two wires from gateway to gateway, with nothing between that would keep LACP to itself."""

    def __init__(self, lab):
        super().__init__(lab, wan_switch=False, wires={"a": (1, MEMBERS), "b": (1, MEMBERS)})
        for i in range(MEMBERS):
            lab.tool(self.wan, "forwarder.py", "--left", f"a{i}", "--right", f"b{i}")

    def ports(self, site):
        lan, wan = super().ports(site)
        vdevs = [f"net_af_packet{10 + i},iface={name}" for i, name in enumerate(wan.interfaces)]
        for name in wan.interfaces:
            self.lab.give_to_daemon(self.gate[site.letter], name)
        return [lan, Port("wan", "unprotected", [], site.wan_addresses, vdevs=vdevs,
                          more='bond = { mode = "802.3ad"; };')]


def test_partners_agree(lab):
    """Nothing leaves by members whose partner does not answer, and the port says so."""
    sites = LacpSites(lab)
    a, b = sites.pair("vpe", memory_mb=MEMORY_MB)
    a.start()
    wait_for("members", lambda: states(a) == ["standby"] * MEMBERS)
    assert not ports(a)["wan"]["link"]
    with Admin(a) as admin:
        admin.monitor()
        b.start()
        wan_goes(admin, up=True)
    for gateway, other in ((a, B), (b, A)):
        wait_for("all members", lambda g=gateway: states(g) == ["active"] * MEMBERS, timeout=30)
        for family in (4, 6):
            gateway.route(other.prefixes[family], other.wan[family])
    sites.wait_reachable()
    for family in (4, 6):
        assert traffic.ping(sites.host["a"], B.host[family], 20).lossless
    assert a.stop() == 0 and b.stop() == 0
