"""X5: size by algorithm by mode, with plain forwarding as the reference. Whole runs of the program
are repeated until the 95 % interval of each cell's mean is within 3 % of it."""

import figures
import prepare

ALGORITHMS = ("aes-128-gcm", "aes-192-gcm", "aes-256-gcm", "chacha20-poly1305")
SIZES = (64, 128, 256, 512, 1024, 1280, 1420, 1514)
LEAST_RUNS = 6
WITHIN = 0.03


def _run(args, algorithm, sizes):
    found = prepare.vpebench(args, "path", "--algorithm", algorithm, "--sizes",
                             ",".join(map(str, sizes)), "--samples", "3" if args.quick else "41",
                             "--packets", "64" if args.quick else "512")
    return [case for case in found["cases"] if case["protocol"]]


def _is_precise(values):
    if len(values) < LEAST_RUNS:
        return False
    found = figures.mean(values)
    return found["half"] <= WITHIN * found["mean"]


def measure(args, say):
    """A cell's values are its median in each run: what a run's memory happens to be like is among
    what they differ by."""
    most_runs = 2 if args.quick else args.runs
    sizes = (64, 1420) if args.quick else SIZES
    cells = {}
    for number in range(most_runs):
        open_ = [a for a in ALGORITHMS if number == 0 or not all(
            _is_precise(values) for cell, values in cells.items() if cell[0] == a)]
        if not open_:
            break
        say(f"run {number + 1}: {', '.join(open_)}")
        for algorithm in open_:
            for case in _run(args, algorithm, sizes):
                cell = (algorithm, case["protocol"], case["direction"], case["frame_octets"])
                cells.setdefault(cell, []).append(case["median"])
    names = ("algorithm", "mode", "direction", "octets")
    return {"within": WITHIN, "rows": [
        {**dict(zip(names, cell)), **figures.mean(values), "precise": _is_precise(values)}
        for cell, values in cells.items()]}
