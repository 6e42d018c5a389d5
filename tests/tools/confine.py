#!/usr/bin/python3
"""Runs a program with only those system calls that a systemd unit leaves it.

    confine.py --calls READ,WRITE,... --families AF,AF,... PROGRAM [ARGUMENT...]

Others fail with EPERM. socket(2) takes the families alone; memory is never writable and executable
(MemoryDenyWriteExecute=).
"""

import argparse
import mmap
import os
import socket

import seccomp

CONDITIONAL = {"socket", "mmap", "mprotect", "pkey_mprotect"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", required=True)
    parser.add_argument("--families", required=True)
    parser.add_argument("program", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    calls = set(options.calls.split(","))
    rules = seccomp.SyscallFilter(seccomp.ERRNO(1))
    for call in sorted(calls - CONDITIONAL):
        # Negative: another architecture's, or newer than the library.
        if seccomp.resolve_syscall(seccomp.Arch(), call) >= 0:
            rules.add_rule(seccomp.ALLOW, call)
    for family in options.families.split(","):
        # Python has no name for AF_XDP.
        number = 44 if family == "AF_XDP" else getattr(socket, family)
        rules.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, int(number)))
    both = mmap.PROT_WRITE | mmap.PROT_EXEC
    for wanted in (0, mmap.PROT_WRITE, mmap.PROT_EXEC):
        rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, wanted))
    for call in ("mprotect", "pkey_mprotect"):
        rules.add_rule(seccomp.ALLOW, call,
                       seccomp.Arg(2, seccomp.MASKED_EQ, mmap.PROT_EXEC, 0))
    rules.load()
    os.execv(options.program[0], options.program)


if __name__ == "__main__":
    main()
