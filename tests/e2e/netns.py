"""Network namespaces without names.

A namespace here is a file descriptor. It has no entry in /run/netns and needs no mounts, so it
works in a chroot as well, and the kernel removes it with all its interfaces when the last process
that uses it is gone: even a kill -9 of the tests leaves nothing behind.
"""

import ctypes
import os
import pathlib
import shlex
import subprocess
import threading

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_entered = threading.local()


def _check(result, what):
    if result != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{what}: {os.strerror(errno)}")


def _current():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Namespace:
    """`with namespace:` moves the calling thread, and what it starts, into the namespace."""

    def __init__(self, name):
        self.name = name
        before = _current()
        try:
            _check(_libc.unshare(CLONE_NEWNET), f"unshare for {name}")
            try:
                self.fd = _current()
                # ::1 and 127.0.0.1 work as anywhere else.
                subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            finally:
                _check(_libc.setns(before, CLONE_NEWNET), "setns back")
        finally:
            os.close(before)

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    @property
    def path(self):
        """For others' eyes: `nsenter --net=PATH`, `ip link set X netns PATH`."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def __enter__(self):
        stack = _entered.__dict__.setdefault("stack", [])
        stack.append(_current())
        _check(_libc.setns(self.fd, CLONE_NEWNET), f"setns to {self.name}")
        return self

    def __exit__(self, *_):
        before = _entered.stack.pop()
        try:
            _check(_libc.setns(before, CLONE_NEWNET), "setns back")
        finally:
            os.close(before)

    def run(self, *argv, check=True, timeout=60, **kwargs):
        """Runs a program to its end; what it says is in the result, or in the exception."""
        with self:
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, text=True, timeout=timeout,
                                  check=False, **kwargs)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {shlex.join(argv)}: exit status "
                               f"{done.returncode}\n{done.stdout}")
        return done

    def ip(self, arguments, check=True):
        """ip(8) with arguments in one string."""
        return self.run("ip", *shlex.split(arguments), check=check).stdout

    def sysctl(self, name, value):
        with self:
            pathlib.Path("/proc/sys", *name.split("/")).write_text(f"{value}\n", encoding="ascii")

    def mac(self, interface):
        # ip, not /sys: the sysfs that is mounted shows the namespace it was mounted in.
        return self.ip(f"-br link show dev {interface}").split()[2]

    def has(self, interface):
        return self.run("ip", "link", "show", "dev", interface, check=False).returncode == 0
