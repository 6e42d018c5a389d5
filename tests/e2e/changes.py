"""Changes in a row, while packets flow: rekeys of both ends, and reloads of one."""

import time

import gateway as gw
from admin import rekey
from sites import A

# Inbound SAs that stay while packets of theirs may be on their way, on CPUs that others use too.
OLD_KEPT = 4
WAIT_S = 0.05


def rekeys(sites, at_a, at_b, protocol, times):
    """Inbound first, with a moment for what is on its way; returns the last SPIs, of a's and
    b's outbound SAs."""
    spis, old = [sites.a_to_b.spi, sites.b_to_a.spi], []
    for _ in range(times):
        old.append(spis)
        spis = rekey(at_a, at_b, "peer", protocol, spis)
        time.sleep(WAIT_S)
        if len(old) > OLD_KEPT:
            to_b, to_a = old.pop(0)
            at_a.del_sa(tunnel="peer", direction="in", spi=to_a)
            at_b.del_sa(tunnel="peer", direction="in", spi=to_b)
    return spis


def reloads(a, at_a, times):
    """The file changes each time: a policy and a tunnel come and go, those in use stay."""
    extra = gw.Tunnel(A.wan[4], "192.0.2.77", gw.sa("esp"), gw.sa("esp"), name="extra")
    for i in range(times):
        a.tunnels = a.tunnels[:1]
        a.policies = a.policies[:2]
        if i % 2 == 0:
            extra.out, extra.inbound = gw.sa("esp"), gw.sa("esp")
            a.tunnels.append(extra)
            a.policies.append(gw.Policy("10.1.0.0/16", "10.77.0.0/16", tunnel="extra"))
        a.lab.file(f"{a.name}.conf", a.configuration())
        assert at_a.reload()["tunnels"] == len(a.tunnels)
