"""What the figures come from."""

import os
import pathlib
import platform
import subprocess

FLAGS = ("aes", "pclmulqdq", "avx2", "avx512f", "vaes", "vpclmulqdq", "gfni", "hypervisor")
PACKAGES = ("dpdk-dev", "libdpdk-dev", "libipsec-mb1", "gcc", "libssl3")


def _cpu():
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines():
        if not line:
            break
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return fields


def _caches():
    found = {}
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        def read(name, index=index):
            return (index / name).read_text(encoding="ascii").strip()
        found[f"L{read('level')} {read('type').lower()}"] = read("size")
    return found


def _said(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _packages():
    versions = {}
    for package in PACKAGES:
        version = _said("dpkg-query", "-W", "-f", "${Version}", package)
        if version:
            versions[package] = version
    return versions


def describe(root):
    cpu = _cpu()
    flags = cpu.get("flags", "").split()
    return {
        "cpu": cpu.get("model name", ""),
        "family_model_stepping": "/".join(cpu.get(n, "?") for n in
                                          ("cpu family", "model", "stepping")),
        "cpus": len(os.sched_getaffinity(0)),
        "caches": _caches(),
        "flags": [flag for flag in FLAGS if flag in flags],
        "virtual": "hypervisor" in flags,
        "kernel": platform.release(),
        "distribution": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "packages": _packages(),
        "revision": _said("git", "-c", "safe.directory=*", "-C", str(root), "describe",
                          "--always", "--dirty", "--exclude=*"),
        "load_average_1min": os.getloadavg()[0],
    }
