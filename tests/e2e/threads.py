"""The threads of a daemon, and one of them that stands still."""

import ctypes
import os
import pathlib


def status(pid, thread):
    text = pathlib.Path(f"/proc/{pid}/task/{thread}/status").read_text(encoding="ascii")
    return dict(line.split(":\t", 1) for line in text.splitlines())


def threads(pid):
    return sorted(int(entry) for entry in os.listdir(f"/proc/{pid}/task"))


def worker_threads(pid):
    """EAL's names for its lcores' threads."""
    return [t for t in threads(pid) if "worker" in status(pid, t)["Name"]]


class Stopped:
    """One thread of a process stands still, as if it hung."""

    PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long] * 4

    def __enter__(self):
        assert self.libc.ptrace(self.PTRACE_ATTACH, self.thread, 0, 0) == 0
        os.waitpid(self.thread, self.WALL)

    def __exit__(self, *_):
        assert self.libc.ptrace(self.PTRACE_DETACH, self.thread, 0, 0) == 0
