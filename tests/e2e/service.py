"""A daemon as systemd would start it: with the user, the capabilities and the system calls that the
unit leaves it, its credentials and its socket. systemd itself is not needed.
"""

import collections
import os
import pathlib
import shutil
import socket
import subprocess

from lab import ROOT

UNIT = ROOT / "config/vped.service"
DROP_INS = ROOT / "config/vped.service.d"
# Nobody's on an ordinary host: user and group "vped", and the group "vped-admin" that it is in.
USER = 64247
ADMIN_GROUP = 64248
GROUPS = f"root:x:0:\nvped:x:{USER}:\nvped-admin:x:{ADMIN_GROUP}:vped\n"


def directives(*files):
    """Name -> values of [Service], as the files add them one behind the other."""
    found = collections.defaultdict(list)
    for file in files:
        section = None
        for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                section = line
            elif "=" in line and not line.startswith("#") and section == "[Service]":
                name, value = line.split("=", 1)
                found[name].append(value)
    return found


def expand(name):
    """The system calls of a set such as @file-system."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                          stdout=subprocess.PIPE, text=True, timeout=60).stdout
    calls = set()
    for line in text.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            calls |= expand(word)
    return calls


def system_calls(filters):
    """An allow-list, as SystemCallFilter= builds it up line by line."""
    calls = expand("@default")
    for line in filters:
        named = set().union(*map(expand, line.removeprefix("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


class Service:
    """What a Gateway needs to be started by; heard() is what it told its manager."""

    def __init__(self, lab, name, drop_ins=(), watchdog_us=None, system_calls_too=True):
        self.lab = lab
        self.name = name
        self.unit = directives(UNIT, *(DROP_INS / f"{d}.conf" for d in drop_ins))
        self.confined = system_calls_too
        # As RuntimeDirectory=, LoadCredential= and StateDirectory= make them.
        self.runtime = self._directory(lab.dir / f"{name}-runtime", 0o755)
        self.credentials = self._directory(lab.dir / f"{name}-credentials", 0o500)
        self.state = self._directory(lab.dir / f"{name}-state", 0o700)
        # Others that the drop-ins add, by their place in /run.
        self.others = {other: self._directory(lab.dir / f"{name}-run-{other}", 0o755)
                       for other in self.values("RuntimeDirectory") if other != "vped"}
        self.groups = lab.file(f"{name}-group", GROUPS, 0o644)
        # To be looked through, not into.
        lab.dir.chmod(0o711)
        self.watchdog_us = watchdog_us
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.address = lab.dir / f"{name}-notify"
        self.socket.bind(str(self.address))
        os.chown(self.address, USER, USER)
        self.messages = []

    @staticmethod
    def _directory(path, mode):
        path.mkdir(mode=mode)
        os.chown(path, USER, USER)
        return path

    def values(self, name):
        return " ".join(self.unit[name]).split()

    def credential(self, file):
        """The name in the configuration of a key file that systemd hands over."""
        target = self.credentials / file.name
        shutil.copy(file, target)
        target.chmod(0o400)
        os.chown(target, USER, USER)
        file.unlink()
        return f"credential:{target.name}"

    def _reachable(self, program):
        """A copy where the user may go: the checkout may be below root's home."""
        copy = self.lab.dir / f"{self.name}-{program.name}"
        shutil.copy(program, copy)
        copy.chmod(0o755)
        return copy

    def command(self, program):
        """What stands before the program's arguments."""
        def listed(names):
            return ",".join(["-all"] + [f"+{n.removeprefix('CAP_').lower()}" for n in names])

        ambient = listed(self.values("AmbientCapabilities"))
        command = ["unshare", "--mount", "sh", "-c", " && ".join(
            [*(f"mkdir -p /run/{name} && mount --bind {place} /run/{name}"
               for name, place in self.others.items()),
             f"mount --bind {self.groups} /etc/group", 'exec "$@"']), "sh",
                   "setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={ADMIN_GROUP}",
                   f"--inh-caps={ambient}", f"--ambient-caps={ambient}",
                   f"--bounding-set={listed(self.values('CapabilityBoundingSet'))}",
                   "--no-new-privs", "--pdeathsig=KILL"]
        program = self._reachable(program)
        if not self.confined:
            return [*command, program]
        calls = ",".join(sorted(system_calls(self.unit["SystemCallFilter"])))
        families = ",".join(self.values("RestrictAddressFamilies"))
        return [*command, "/usr/bin/python3", self._reachable(ROOT / "tests/tools/confine.py"),
                "--calls", calls, "--families", families, program]

    def environment(self):
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.address),
                       "CREDENTIALS_DIRECTORY": str(self.credentials),
                       "RUNTIME_DIRECTORY": ":".join(
                           [str(self.runtime), *(f"/run/{name}" for name in self.others)])}
        if self.watchdog_us:
            environment["WATCHDOG_USEC"] = str(self.watchdog_us)
        return environment

    def heard(self):
        """All messages so far."""
        while True:
            try:
                self.messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.messages
