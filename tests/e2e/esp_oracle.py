"""tshark as a judge of ESP: decrypts a capture and checks every packet's authentication.

tshark shows an inner packet even when its ICV is wrong, so only the field that says "good" counts.
It knows AES-GCM, no ChaCha20-Poly1305 and no extended sequence numbers.
"""

import collections
import os
import subprocess

ALGORITHM = "AES-GCM with 16 octet ICV [RFC4106]"

# Not needed for the verdict, and half of the time it would take.
NOT_WANTED = ("tcp", "udp", "data", "icmp", "icmpv6")


class Verdict:
    def __init__(self):
        self.packets = 0
        self.good = collections.Counter()  # by SPI
        self.bad = collections.Counter()   # bad, or not checked at all

    @property
    def all_good(self):
        return self.packets > 0 and not self.bad


def judge(lab, capture, sas):
    """sas: (outer family, source, destination, Sa) of every ESP SA in the capture."""
    home = lab.dir / "wireshark"
    home.mkdir(mode=0o700, exist_ok=True)
    # In a file that nobody else may read: a command line is seen by all.
    rows = [f'"IPv{family}","{source}","{destination}","0x{sa.spi:08x}","{ALGORITHM}",'
            f'"0x{(sa.key + sa.salt).hex()}","NULL",""' for family, source, destination, sa in sas]
    lab.file("wireshark/esp_sa", "\n".join(rows) + "\n")
    lab.file("wireshark/preferences", "esp.enable_encryption_decode: TRUE\n"
             "esp.enable_authentication_check: TRUE\n")
    argv = ["tshark", "-n", "-r", str(capture), "-Y", "esp", "-T", "fields", "-e", "esp.spi",
            "-e", "esp.icv_good"]
    for protocol in NOT_WANTED:
        argv += ["--disable-protocol", protocol]
    verdict = Verdict()
    environment = dict(os.environ, WIRESHARK_CONFIG_DIR=str(home), LC_ALL="C.UTF-8")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment) as tshark:
        for line in tshark.stdout:
            spi, _, good = line.rstrip("\n").partition("\t")
            verdict.packets += 1
            (verdict.good if good == "1" else verdict.bad)[spi] += 1
        complaint = tshark.stderr.read()
    if tshark.returncode != 0:
        raise RuntimeError(f"tshark: {complaint}")
    for name in ("esp_sa", "preferences"):
        (home / name).unlink()
    return verdict
