"""vpegen and vpereflect measure what is there: through gateways, over net_memif and over wires."""

import json
import socket
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6  # noqa: F401  (so that Ether knows it)
from scapy.layers.l2 import Ether

import measure
import sites as two_sites
from gateway import sanitized
from lab import ROOT
from sites import A, B

pytestmark = pytest.mark.alone

# No more than any ring holds while a CPU is elsewhere.
RATE = 1200 if sanitized() else 5000
FAULTS = ("--lose-every", 10, "--double-every", 7, "--swap-every", 11)


def pair(lab, family, *faults):
    """A generator's options and a reflector, face to face."""
    reflector = measure.Program(lab, "vpereflect", measure.memif(lab, "link", "server"), "--answer",
                                B.host[family], *faults)
    return reflector, ("--source", A.host[family], "--destination", B.host[family])


def lossless(found, packets):
    received = found["received"]
    assert found["sent"]["packets"] == packets
    assert received["packets"] == received["once"] == packets, found["received"]
    assert received["goodput_octets"] == found["sent"]["octets"]
    for trouble in ("reordered", "duplicates", "beyond_window", "corrupt"):
        assert received[trouble] == 0, trouble
    assert found["lost"] == 0
    assert found["latency_us"]["packets"] == packets


def exact(found, faults, packets):
    """What the reflector did on purpose is what the generator found."""
    received = found["received"]
    # The packet before those that count is one too.
    assert packets // 10 <= faults["lost"] <= packets // 10 + 1
    assert faults["swapped"] > 0 and faults["doubled"] > 0
    assert found["lost"] == faults["lost"]
    assert received["duplicates"] == faults["doubled"]
    assert received["reordered"] == faults["swapped"]
    assert received["packets"] == packets - faults["lost"] + faults["doubled"]
    # Two where the next one is lost.
    assert found["flows"]["farthest"] == 2
    assert sum(i["received"]["duplicates"] for i in found["intervals"]) == faults["doubled"]


@pytest.mark.parametrize("family", [4, 6])
def test_faults_are_found_exactly(lab, family):
    packets = RATE
    reflector, options = pair(lab, family, *FAULTS)
    found = measure.Program(lab, "vpegen", measure.memif(lab, "link", "client"), *options,
                            "--count", packets, "--rate", RATE, "--verify").result()
    exact(found, reflector.stop()["faults"], packets)


def test_flat_out_nothing_is_lost_unseen(lab):
    """A port that is always full: what the reflector could not send is what is missing."""
    reflector, options = pair(lab, 4)
    generator = measure.Program(lab, "vpegen", measure.memif(lab, "link", "client"), *options,
                                "--flows", 64, "--duration", 1, "--drain", 5, "--verify")
    found = generator.result()
    far = reflector.stop()
    assert found["sent"]["packets"] > 10 * RATE
    assert found["lost"] == far["port_full"]
    assert found["received"]["corrupt"] == found["received"]["reordered"] == 0
    print(f"{found['sent']['pps']:.0f} packets per second sent, "
          f"{found['received']['pps']:.0f} back")


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_chain(lab, protocol, count):
    """Two gateways: not a packet is lost, and each program has counted the same."""
    packets = count(2 * RATE, 20 * RATE)
    chain = measure.Chain(lab, protocol).start()
    for family in (4, 6):
        reflector = chain.reflect()
        before = {x: chain.gateway[x].sa("out")["packets"] for x in "ab"}
        found = chain.generate(family, "--count", packets, "--rate", RATE, "--flows", 1000,
                               "--sources", 1, "--sizes", "80:7,590:4,1434:1", "--dscp", "0,10,46",
                               "--verify").result()
        lossless(found, packets)
        far = reflector.stop()
        assert far["reflected"] >= packets
        for x in "ab":
            # Packets that made the neighbours known are more.
            assert packets <= chain.gateway[x].sa("out")["packets"] - before[x] < packets + 100
    assert not chain.drops()


@pytest.mark.parametrize("protocol", ["vpe", "esp"])
def test_faults_behind_gateways(lab, protocol):
    """Copies and reordering on the far LAN are not the tunnel's: all of it is seen through it."""
    packets = RATE
    chain = measure.Chain(lab, protocol).start()
    reflector = chain.reflect()
    # Afterwards all neighbours are known.
    chain.generate(4, "--count", 1).result()
    reflector.stop()
    reflector = chain.reflect(*FAULTS)
    found = chain.generate(4, "--count", packets, "--rate", RATE, "--verify").result()
    exact(found, reflector.stop()["faults"], packets)


def test_jumbo_frames(lab):
    """MTU 9000 over net_memif."""
    packets = RATE // 2
    chain = measure.Chain(lab, "vpe", mtu=9000, memory_mb=512, huge=False).start()
    chain.reflect("--frame", 9014, memory_mb=256)
    found = chain.generate(4, "--count", packets, "--rate", RATE, "--sizes", "64,8000,8962",
                           "--verify", memory_mb=256).result()
    lossless(found, packets)
    assert not chain.drops()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("offload", [True, False])
def test_checksums(lab, family, offload):
    """On a port that can compute them, by the port and by us: as scapy computes them."""
    packets = 200
    namespace = lab.namespace("alone")
    with namespace:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    with link:
        link.settimeout(0.5)
        link.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        measure.Program(lab, "vpegen", "net_tap0,iface=gen0", "--source", A.host[family],
                        "--destination", B.host[family], "--gateway-mac", "02:00:00:00:00:01",
                        "--flows", 7, "--sizes", "80,81,590,1421", "--dscp", "0,46", "--count",
                        packets, "--rate", RATE, "--no-probe", "--drain", 0,
                        *(["--offload"] if offload else []), namespace=namespace).result()
        frames = received_udp(link)
    assert len(frames) == packets
    for frame in frames:
        parsed = Ether(frame)
        if family == 4:
            del parsed[IP].chksum
        del parsed[UDP].chksum
        assert bytes(parsed) == frame
        assert len(parsed[UDP].payload) == parsed[UDP].len - 8


def received_udp(link):
    frames = []
    try:
        while True:
            frame = link.recv(65536)
            if UDP in Ether(frame):
                frames.append(frame)
    except TimeoutError:
        return frames


@pytest.mark.one_build("release", "it is the program that is tried")
def test_chain_program(tmp_path):
    """bench/chain: what it says and what it writes."""
    found = tmp_path / "found.json"
    done = subprocess.run(
        [ROOT / "bench/chain", "--protocol", "clear", "--family", "4", "--sizes", "80,1420",
         "--rate", str(RATE // 2), "--seconds", "1", "--json", found],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "\n0 packets lost" in done.stdout
    cases = json.loads(found.read_text(encoding="ascii"))["cases"]
    assert [case["frame_octets"] for case in cases] == [80, 1420]
    assert all(case["flat_out"]["received"]["goodput_bps"] > 0 for case in cases)


def test_over_wires(lab):
    """In the place of the hosts of two sites, on the devices that the gateways use."""
    packets = 2 * RATE
    sites = two_sites.Sites(lab)
    sites.pair("vpe")
    for site in (A, B):
        host = sites.host[site.letter]
        host.ip("addr flush dev eth0")
        lab.give_to_daemon(host, "eth0")
    sites.start()
    measure.Program(lab, "vpereflect", lab.vdev(0, "eth0"), "--answer", B.host[4],
                    namespace=sites.host["b"])
    found = measure.Program(lab, "vpegen", lab.vdev(0, "eth0"), "--source", A.host[4],
                            "--destination", B.host[4], "--gateway", A.router[4], "--flows", 100,
                            "--count", packets, "--rate", RATE, "--verify",
                            namespace=sites.host["a"]).result()
    lossless(found, packets)
