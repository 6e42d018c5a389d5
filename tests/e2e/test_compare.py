"""bench/compare: that it runs and finds what is wrong. Nothing here is a measurement."""

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from scapy.all import IP, UDP, Ether

from gateway import build_dir
from lab import ROOT

sys.path.insert(0, str(ROOT / "bench" / "versus"))

import cases  # noqa: E402
import figures  # noqa: E402
import outputs  # noqa: E402
import source  # noqa: E402

pytestmark = pytest.mark.one_build("release", "no daemon in it")

needs_bench = pytest.mark.skipif(not (build_dir() / "bench" / "genport").is_dir(),
                                 reason="this build has no measuring programs")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "quick.json"
    done = subprocess.run(
        [ROOT / "bench" / "compare", "--quick", "--no-secgw", "--no-huge", "--no-build",
         "--build", build_dir(), "--out", out], capture_output=True, text=True, timeout=300,
        check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text(encoding="utf-8")), out.with_suffix(".txt").read_text("utf-8")


@needs_bench
def test_every_row_is_there(measured):
    result, table = measured
    rows = {(r["group"], r["direction"], r["program"], r["protocol"]) for r in result["rows"]}
    for group in ("main", "no crypto"):
        for direction in ("encrypt", "decrypt"):
            assert (group, direction, "testpmd", "esp") in rows
            for protocol in ("esp", "vpe"):
                assert (group, direction, "vped", protocol) in rows
    assert ("workers", "encrypt", "vped", "vpe") in rows
    assert all(r["cycles"]["median"] > 0 and r["cycles"]["n"] > 0 for r in result["rows"])
    assert "encrypt 64" in table and "I/O floor" in table and "no flow cache" in table
    assert all(sum(c["stages"].values()) > 0 for c in result["stages"]["cases"] if "stages" in c)


@needs_bench
def test_copies_do_not_pass(measured):
    assert measured[0]["replay_control"] == {
        "vped esp": pytest.approx(0.5, abs=0.002), "vped vpe": pytest.approx(0.5, abs=0.002)}


@needs_bench
def test_the_machine_is_described(measured):
    machine = measured[0]["machine"]
    assert machine["cpu"] and machine["flags"] and machine["packages"]["libdpdk-dev"]


def esp_frame(case, sequence):
    """A frame as a gateway of the case would send it."""
    inner = IP(src="10.1.1.1", dst="10.2.0.0", ttl=63) / UDP(sport=10000, dport=5001)
    inner /= bytes(case.octets - 14 - 28)
    pad = (-len(inner) - 2) % 4
    plain = bytes(inner) + bytes(range(1, 1 + pad)) + bytes((pad, 4))
    header = (cases.ESP_SPI_FIRST).to_bytes(4, "big") + sequence.to_bytes(4, "big")
    iv = sequence.to_bytes(8, "big")
    sealed = AESGCM(cases.key_of_gateway(0)).encrypt(cases.SALT + iv, plain, header)
    return bytes(Ether() / IP(src=cases.GATEWAY, dst=cases.PEER, proto=50) / (header + iv + sealed))


def result_of(*frames):
    return {"devices": [{"tx": [{"captured": [frame.hex() for frame in frames]}]}]}


def test_right_output_passes():
    case = cases.Case("main", "encrypt", 64)
    assert outputs.check(result_of(esp_frame(case, 1), esp_frame(case, 2)), case, "esp", 1) == 2


@pytest.mark.parametrize("wrong", ["tag", "repeated number", "hop limit", "nothing"])
def test_wrong_output_is_found(wrong):
    case = cases.Case("main", "encrypt", 64)
    frames = [esp_frame(case, 1), esp_frame(case, 2)]
    hops = 1
    if wrong == "tag":
        frames[1] = frames[1][:-1] + bytes((frames[1][-1] ^ 1,))
    elif wrong == "repeated number":
        frames[1] = frames[0]
    elif wrong == "hop limit":
        hops = 0
    else:
        frames = []
    with pytest.raises(outputs.WrongOutput):
        outputs.check(result_of(*frames), case, "esp", hops)


def test_a_ratio_of_net_cycles():
    rounds = [[201.0, 199.0, 200.0]] * 3
    floor = [[20.0, 20.0]] * 3
    ratio = figures.net_ratio(rounds, floor, [[110.0, 110.0]] * 3, floor)
    assert ratio["ratio"] == pytest.approx(2.0)
    assert ratio["low"] <= 2.0 <= ratio["high"]
    assert figures.net_ratio([], floor, rounds, floor) is None


def test_slices_that_were_interrupted_do_not_count():
    burst = {"slices": 0, "slice_median": 0.0, "tsc": 700, "received": 100}
    assert figures.cycles([burst, {"slices": 3, "slice_median": 5.0}]) == [5.0]
    assert figures.cycles([burst]) == [7.0]


def test_package_sources_become_source_packages():
    one_line = "deb [signed-by=/k] http://mirror.example/debian bookworm main\n# deb-src x\n" \
        "deb http://mirror.example/other stable main\n"
    assert source.deb_src_of(one_line) == \
        "deb-src [signed-by=/k] http://mirror.example/debian bookworm main"
    deb822 = "Types: deb\n# old\nURIs: http://mirror.example/debian-security\nSuites: s\n\n" \
        "Types: deb\nURIs: http://mirror.example/other\nSuites: s\n"
    assert source.deb_src_of(deb822) == \
        "Types: deb-src\nURIs: http://mirror.example/debian-security\nSuites: s"
