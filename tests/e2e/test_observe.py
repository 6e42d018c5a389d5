"""Looking into a gateway at work: captures that Wireshark reads, keys for it, the stage profile."""

import json
import os
import re
import stat
import subprocess

import pytest

import traffic
from admin import Admin, admin_socket
from capture import PATTERN
from gateway import program
from lab import LabError
from sites import A, B

PINGS = 20


def captured(sites, name, points, *more, count=PINGS):
    """What vpectl writes while site a's host pings."""
    gateway = sites.gateway["a"]
    file = sites.lab.dir / name
    process = sites.lab.spawn(gateway.namespace, program("vpectl"), "-s", gateway.socket,
                              "capture", "--point", points, "--count", count, *more, file,
                              name=f"capture-{name}")
    process.expected = 0
    while "capture" not in process.said() and process.running():
        assert traffic.ping(sites.host["a"], B.host[4], PINGS).lossless
    assert process.wait() == 0, process.said()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file


def tshark(lab, file, *fields, only=""):
    """Rows of fields, with the keys and preferences of lab.dir / "wireshark"."""
    home = lab.dir / "wireshark"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "preferences").write_text("esp.enable_encryption_decode: TRUE\n"
                                      "esp.enable_authentication_check: TRUE\n",
                                      encoding="ascii")
    argv = ["tshark", "-n", "-r", str(file), "-T", "fields", "-Y", only]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "WIRESHARK_CONFIG_DIR": str(home)})
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.parametrize("outer", [4, 6])
def test_keys_for_wireshark(sites, outer):
    """ESP on the wire both ways, and the file of keys with which tshark reads it."""
    sites.pair("esp", outer=outer)
    sites.start().wait_reachable((4,))
    keys = sites.lab.dir / "wireshark" / "esp_sa"
    keys.parent.mkdir(mode=0o700)
    keys.write_text("somebody's\n", encoding="ascii")
    keys.chmod(0o644)
    file = captured(sites, "wire.pcapng", "wire-in,wire-out", "--filter", "proto 50 or ip6 proto 50",
                    "--reveal-keys", keys)
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    rows = tshark(sites.lab, file, "esp.spi", "esp.icv_good", "data.data", only="icmp")
    assert len(rows) == PINGS
    assert {int(spi, 16) for spi, _, _ in rows} == {sites.a_to_b.spi, sites.b_to_a.spi}
    assert all(good == "1" and PATTERN.hex() in data for _, good, data in rows)
    assert re.search(r"operator \(user 0, process \d+\) was told the keys of 2 SAs\n",
                     sites.gateway["a"].process.said())


def test_points_and_filter(sites):
    """What goes into the tunnel is in clear at the protected port; ports have their names."""
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    file = captured(sites, "in.pcapng", "protected-in", "--filter", f"icmp and dst {B.host[4]}",
                    "--snap", 60)
    rows = tshark(sites.lab, file, "ip.src", "icmp.type", "frame.cap_len", "frame.interface_name")
    assert rows == [[A.host[4], "8", "60", "lan"]] * PINGS


def test_keys_are_for_root_alone(sites):
    sites.pair("esp")
    gateway = sites.gateway["a"].start()
    with Admin(gateway) as root:
        shown = root.reveal_keys(name="peer")["sas"]
        assert {sa["key"] for sa in shown} == {(sa.key + sa.salt).hex()
                                              for sa in (sites.a_to_b, sites.b_to_a)}
    with Admin(gateway, path=gateway.socket) as reader:
        with pytest.raises(LabError, match="is unknown"):
            reader.reveal_keys()
    sites.lab.dir.chmod(0o711)
    admin_socket(gateway).chmod(0o666)
    os.seteuid(65534)
    try:
        somebody = Admin(gateway)
    finally:
        os.seteuid(0)
    with somebody, pytest.raises(LabError, match="root alone"):
        somebody.reveal_keys()


@pytest.mark.one_build("sanitize", "the pings take their time")
def test_profile(sites):
    """Stages are measured while it is on, and the figures stay."""
    sites.pair("vpe")
    sites.start().wait_reachable((4,))
    gateway = sites.gateway["a"]
    assert not json.loads(gateway.vpectl("-j", "profile", "show").stdout)["on"]
    gateway.vpectl("profile", "on")
    for _ in range(10):
        assert traffic.ping(sites.host["a"], B.host[4], PINGS).lossless
    gateway.vpectl("profile", "off")
    shown = json.loads(gateway.vpectl("-j", "profile", "show").stdout)
    assert not shown["on"]
    stages = {s["stage"]: s for w in shown["workers"] for s in w["stages"]}
    assert {"receive", "classify", "headers", "crypto", "transmit"} <= set(stages)
    for stage in stages.values():
        assert 0 < stage["min"] <= stage["average"] <= stage["max"]
        assert sum(bucket["bursts"] for bucket in stage["histogram"]) == stage["bursts"]
    assert "crypto" in gateway.vpectl("profile", "show").stdout
    with Admin(gateway, path=gateway.socket) as reader, pytest.raises(LabError):
        reader.profile_on()
