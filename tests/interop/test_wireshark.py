"""Wireshark's dissector for VPE (config/wireshark/vpe.lua), by tshark, against the test vectors and
against headers that are written here."""

import json
import pathlib
import shutil
import struct
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP
from scapy.packet import Raw

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DISSECTOR = ROOT / "config" / "wireshark" / "vpe.lua"
VECTORS = json.loads((ROOT / "tests/vectors/vpe/packets.json").read_text())["vectors"]
FIELDS = ("vpe.sender", "vpe.window", "vpe.sequence", "vpe.spi", "vpe.icv", "vpe.ciphertext",
          "esp.spi", "_ws.col.Protocol", "_ws.expert.message")
RAW_IP = 101

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def dissect(path, packets, senders=""):
    """A row of FIELDS for each packet, as dictionaries."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, RAW_IP))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)
    argv = ["tshark", "-n", "-X", f"lua_script:{DISSECTOR}", "-r", str(path), "-T", "fields",
            "-o", f"vpe.senders:{senders}", "-E", "separator=|"]
    for field in FIELDS:
        argv += ["-e", field]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    assert "Lua" not in done.stderr, done.stderr
    rows = [dict(zip(FIELDS, line.split("|"))) for line in done.stdout.splitlines()]
    assert len(rows) == len(packets)
    return rows


def ipv4(payload):
    return bytes(IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / Raw(payload))


def header(sender, window, sequence, spi):
    return struct.pack("<HHQI", sender, window, sequence, spi)


def expected(payload):
    sender, window, sequence, spi = struct.unpack_from("<HHQI", payload)
    return {"vpe.sender": str(sender), "vpe.window": str(window), "vpe.sequence": str(sequence),
            "vpe.spi": f"0x{spi:08x}", "vpe.icv": payload[16:32].hex(),
            "vpe.ciphertext": payload[32:].hex(), "esp.spi": "", "_ws.col.Protocol": "VPE",
            "_ws.expert.message": ""}


def test_vectors(tmp_path):
    """Every packet of the vectors, right or wrong: what stands where it should is shown."""
    packets = [bytes.fromhex(v["outer_packet"]) for v in VECTORS]
    senders = ",".join(sorted({str(v["sender_id"]) for v in VECTORS}))
    seen = 0
    for vector, packet, row in zip(VECTORS, packets, dissect(tmp_path / "v.pcap", packets,
                                                             senders)):
        payload = packet[20 if packet[0] >> 4 == 4 else 40:]
        if vector["verdict"] != "accept":
            continue
        del row["_ws.expert.message"]  # Wireshark's about the outer IP header, too
        assert row == {k: v for k, v in expected(payload).items() if k in row}, vector["name"]
        assert row["vpe.sender"] == str(vector["sender_id"])
        assert row["vpe.window"] == str(vector["window_id"])
        assert row["vpe.sequence"] == vector["sequence"]
        assert row["vpe.spi"] == f"0x{vector['spi']:08x}"
        seen += 1
    assert seen >= 5


def test_split_by_value(tmp_path):
    """Section 7: Sender 0, the Sender IDs of the preference, all else ESP."""
    rest = bytes(range(32))
    vpe = [header(0, 1, 1, 0xa1a2a3a4), header(0, 0x1234, 2**64 - 2, 1),
           header(7, 0, 5, 0xffffffff), header(0x0102, 3, 2**63, 0)]
    esp = [bytes(ESP(spi=spi, seq=1, data=rest)) for spi in (0xc0000001, 0x00010000, 0x09000100)]
    rows = dissect(tmp_path / "s.pcap", [ipv4(p + rest) for p in vpe] + [ipv4(p) for p in esp],
                   "7, 0x0102")
    assert rows[:4] == [expected(p + rest) for p in vpe]
    assert [r["esp.spi"] for r in rows[4:]] == ["0xc0000001", "0x00010000", "0x09000100"]
    assert all(r["vpe.spi"] == "" and r["_ws.col.Protocol"] == "ESP" for r in rows[4:])
    # Without the preference, Senders 7 and 0x0102 are ESP.
    rows = dissect(tmp_path / "n.pcap", [ipv4(p + rest) for p in vpe])
    assert [r["_ws.col.Protocol"] for r in rows] == ["VPE", "VPE", "ESP", "ESP"]


def test_what_is_wrong_is_said(tmp_path):
    rest = bytes(17)
    packets = [header(0, 0, 5, 1) + rest, header(0, 1, 0, 1) + rest,
               header(0, 1, 2**64 - 1, 1) + rest, header(0, 1, 1, 1) + bytes(16),
               header(0, 1, 1, 1)[:4]]
    rows = dissect(tmp_path / "w.pcap", [ipv4(p) for p in packets])
    assert [r["_ws.expert.message"] for r in rows] == [
        "ID word is zero", "Sequence number is zero", "Sequence number is 2^64-1",
        "Payload under 33 octets", "Payload under 33 octets"]


def test_udp(tmp_path):
    payload = header(0xc1, 9, 77, 0xabcdef01) + bytes(range(40))
    packets = [bytes(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=50000, dport=14500) /
                     Raw(p)) for p in (payload, b"\xff")]
    rows = dissect(tmp_path / "u.pcap", packets)
    assert rows[0] == expected(payload)
    assert rows[1]["_ws.col.Protocol"] == "VPE" and rows[1]["vpe.spi"] == ""
