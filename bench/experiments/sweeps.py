"""X3 and X4: cycles by length of the frame and by its place in the buffer, as in figures 7 and 8 of
the VPE paper."""

import prepare


def _sweep(args, axis, *more):
    samples = "2" if args.quick else "51"
    packets = "64" if args.quick else "512"
    return prepare.vpebench(args, "sweep", axis, "--samples", samples, "--packets", packets, *more)


def measure_lengths(args, say):
    say("lengths")
    return {"lengths": _sweep(args, "lengths", *(["--step", "100"] if args.quick else []))}


def measure_headroom(args, say):
    found = []
    for octets in (64, 1420):
        say(f"headroom of frames of {octets} octets")
        found.append(_sweep(args, "headroom", "--octets", str(octets)))
    return {"headroom": found}
