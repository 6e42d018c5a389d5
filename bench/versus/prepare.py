"""What has to be there before anything is measured: packages, a build, ipsec-secgw, memory."""

import json
import os
import pathlib
import subprocess
import sys
import time

import programs
import rig
import source

ROOT = rig.ROOT
MEMORY_MB = 1400
STARTED = time.monotonic()


class Talker:
    """Progress, with the seconds since the start."""

    def __init__(self, name):
        self.name = name

    def __call__(self, text):
        seconds = time.monotonic() - STARTED
        print(f"{self.name}: {seconds:4.0f} s  {text}", file=sys.stderr, flush=True)


def seconds_so_far():
    return round(time.monotonic() - STARTED)


def add_options(parser):
    """Those of every program that measures on the generator ports."""
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-compare",
                        help="meson build directory, made where it is not there")
    parser.add_argument("--no-build", action="store_true", help="take --build as it is")
    parser.add_argument("--secgw", type=pathlib.Path, help="an ipsec-secgw that is built already")
    parser.add_argument("--no-secgw", action="store_true", help="only vped: no network needed")
    parser.add_argument("--no-huge", action="store_true", help="ordinary memory")
    parser.add_argument("--quick", action="store_true", help="that everything works, in seconds")
    parser.add_argument("--burst", type=int, default=32,
                        help="packets that a worker takes at a time, in all programs")
    parser.add_argument("--simd-bits", type=int, default=512,
                        help="EAL's --force-max-simd-bitwidth, in all programs")
    parser.add_argument("--engine", default="auto", help="vped's AEAD engine")
    parser.add_argument("--ring", type=int, default=256, help="descriptors of the generator's queues")


def _compile(build, say):
    say(f"building vped in {build.name}")
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, ROOT, "--buildtype=release", "-Dtests=false"],
                       check=True, stdout=sys.stderr)
    subprocess.run(["ninja", "-C", build], check=True, stdout=sys.stderr)


def make(args, say):
    """Packages and programs, as the options want them."""
    if os.geteuid() != 0:
        raise rig.RunError("must be root, for network namespaces and huge pages")
    # The programs run in directories of their own.
    args.build = args.build.resolve()
    args.secgw = args.secgw.resolve() if args.secgw else None
    if args.no_build:
        return
    subprocess.run([ROOT / "scripts" / "setup", "--no-huge"], check=True, stdout=sys.stderr)
    _compile(args.build, say)


def options_of(args, **more):
    """The generator's options; more: how long it measures."""
    return rig.Options(
        genport=args.build / "bench" / "genport" / "genport.so", huge=not args.no_huge,
        burst=args.burst, simd_bits=args.simd_bits, engine=args.engine, ring=args.ring,
        cpus=sorted(os.sched_getaffinity(0)), **more)


def programs_of(args, options, say, secgw=True):
    """By name: all that can be measured; secgw: if it is among them."""
    known = {"testpmd": programs.Testpmd(options),
             "vped": programs.Vped(options, args.build / "src" / "vped",
                                   args.build / "bench" / "vped-null")}
    if secgw and not args.no_secgw:
        known["ipsec-secgw"] = programs.Secgw(
            options, args.secgw or source.build(args.build / "ipsec-secgw", args.burst, say))
    return known


def memory(args):
    """A context in which programs find the memory that they want."""
    return rig.OrdinaryMemory() if args.no_huge else rig.HugePages(MEMORY_MB)


def vpebench(args, *argv, engine=None):
    """What one run of it found, on the same kind of memory as every other program here."""
    with memory(args) as pages:
        pages.ensure()
        done = subprocess.run([args.build / "bench" / "vpebench", *argv, "--engine",
                               engine or args.engine, "--json",
                               *([] if args.no_huge else ["--huge"])],
                              stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)
