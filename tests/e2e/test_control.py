"""The control socket and the command line, friendly and hostile."""

import json
import os
import random
import re
import stat

import pytest

import gateway as gw
import traffic
from gateway import program
from lab import ROOT
from sites import B

REQUESTS = ("show-stats", "show-sa", "show-policy", "show-tunnels", "show-ports", "show-workers")


def vped(lab, *argv):
    namespace = lab.namespaces[0] if lab.namespaces else lab.namespace("here")
    return namespace.run(str(program("vped")), *map(str, argv), check=False)


def test_check_accepts_what_is_shipped(lab):
    shipped = ROOT / "config" / "vped.conf"
    if not shipped.exists():
        pytest.skip("config/vped.conf is not there")
    done = vped(lab, "-c", shipped, "--check")
    assert done.returncode == 0, done.stdout


def test_check_accepts_the_readme(lab):
    """The walked-through configuration is not only for reading; site b's is its mirror image."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(b for b in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
                 if b.startswith("ports = ("))
    for name in ("a-to-b.key", "b-to-a.key"):
        lab.file(name, gw.Sa("vpe", 1).key_file())
    done = vped(lab, "-c", lab.file("readme.conf", block), "--check")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("site", ["site-a", "site-b"])
def test_check_accepts_the_example(lab, site):
    example = ROOT / "config" / "examples" / "two-sites" / f"{site}.conf"
    for name in re.findall(r'key_file = "([^"]+)"', example.read_text(encoding="utf-8")):
        lab.file(name, gw.Sa(name.split("-")[0], 1).key_file())
    path = lab.file("example.conf", example.read_text(encoding="utf-8"))
    done = vped(lab, "-c", path, "--check")
    assert done.returncode == 0, done.stdout


def test_check_says_file_and_line(lab, sites):
    a, _ = sites.pair("vpe")
    text = a.configuration()
    good = lab.file("good.conf", text)
    assert vped(lab, "-c", good, "--check").returncode == 0
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith("workers"))
    bad = lab.file("bad.conf", text.replace("burst = 64", "burts = 64"))
    done = vped(lab, "-c", bad, "--check")
    assert done.returncode != 0
    assert re.search(rf"bad\.conf:{line}: .*burts.*burst", done.stdout), done.stdout
    for sa in (sites.a_to_b, sites.b_to_a):
        assert sa.key.hex() not in done.stdout


@pytest.mark.parametrize("argv", [(), ("-c",), ("-c", "/nonexistent"), ("--nonsense",),
                                  ("-c", "/dev/null", "--check")])
def test_bad_command_lines(lab, argv):
    done = vped(lab, *argv)
    assert done.returncode not in (0, -11, 139) and done.stdout.strip()


def test_open_key_file_is_refused(lab, sites):
    a, _ = sites.pair("vpe")
    path = lab.file("x.conf", a.configuration())
    os.chmod(lab.dir / "gw-a-peer.out.key", 0o640)
    done = vped(lab, "-c", path, "--check")
    assert done.returncode != 0 and "gw-a-peer.out.key" in done.stdout
    assert "chmod 600" in done.stdout


def test_same_key_twice_is_refused(lab, sites):
    """An ESP SA with the VPE SA's key, salt left aside."""
    a, _ = sites.pair("vpe")
    tunnel = a.tunnels[0]
    tunnel.inbound = gw.Sa("esp", gw.esp_spi(), key=tunnel.out.key)
    done = vped(lab, "-c", lab.file("x.conf", a.configuration()), "--check")
    assert done.returncode != 0 and "key" in done.stdout


def test_vpectl_shows(sites):
    """Every table for people and for programs; the socket is not for everyone."""
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    for request in REQUESTS:
        text = a.vpectl(request).stdout
        assert text.strip() and not text.lstrip().startswith("{")
        assert json.loads(a.vpectl(request, "--json").stdout)
    assert "peer" in a.vpectl("show-sa").stdout
    mode = stat.S_IMODE(a.socket.stat().st_mode)
    assert mode & 0o007 == 0, oct(mode)
    assert a.vpectl("show-nonsense", check=False).returncode != 0
    a.stop()
    gone = a.vpectl("show-stats", check=False)
    assert gone.returncode != 0 and str(a.socket) in gone.stdout


def answer_of(client):
    data = b""
    try:
        while not data.endswith(b"\n"):
            piece = client.recv(65536)
            if not piece:
                break
            data += piece
    except (TimeoutError, ConnectionError):
        pass
    return data


HOSTILE = [
    b"\n", b"{}\n", b"[]\n", b"null\n", b"not json\n", b"{\"vped\":1}\n", b"{\"vped\":2}\n",
    b"\x00\xff\xfe\n", b"{\"vped\":1,\"request\":\"show-sa\",\"arguments\":[]}\n",
    b"{\"vped\":1,\"request\":\"show-sa\",\"arguments\":{\"name\":7}}\n",
    b"{\"vped\":1,\"request\":\"rm -rf\"}\n", b"[" * 60000 + b"\n",
    b"{\"vped\":1,\"request\":\"" + b"A" * 60000 + b"\"}\n",
]


def test_hostile_client(sites):
    """Each gets an error or is cut off; traffic and the next client do not notice."""
    a, _ = sites.pair("vpe")
    sites.start().wait_reachable((4,))
    for request in HOSTILE:
        with gw.connect(a.socket) as client:
            client.sendall(request)
            answer = answer_of(client)
            assert not answer or "error" in json.loads(answer), request[:80]
    # Longer than a request may be, and never ending.
    with gw.connect(a.socket) as client:
        try:
            for _ in range(64):
                client.sendall(b"A" * 65536)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
    # Asks and never listens.
    with gw.connect(a.socket) as deaf:
        deaf.setblocking(False)
        try:
            for _ in range(100000):
                deaf.send(b'{"vped":1,"request":"show-stats"}\n')
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        assert traffic.ping(sites.host["a"], B.host[4], 10).lossless
        assert a.stats()["uptime_s"] > 0
    # Half a request, then silence; many at once.
    crowd = [gw.connect(a.socket) for _ in range(8)]
    for client in crowd:
        client.sendall(b'{"vped":1,')
    assert a.stats()["uptime_s"] > 0
    for client in crowd:
        client.close()
    noise = random.Random(1)
    for _ in range(200):
        with gw.connect(a.socket) as client:
            try:
                client.sendall(noise.randbytes(noise.randrange(1, 4000)) + b"\n")
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert traffic.ping(sites.host["a"], B.host[4], 10).lossless
    assert a.stop() == 0
