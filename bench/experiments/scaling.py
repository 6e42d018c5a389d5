"""X2: what more workers add on one SA, as in figure 6 of the VPE paper: VPE's windows against ESP,
whose packets are all numbered and judged by one worker."""

import cases
import comparison
import figures
import prepare

ROUNDS = 8


def counts(cpus, wanted):
    """1, 2, 4 and on, up to as many workers as there are CPUs or as were asked for."""
    most = min(cpus, wanted or cpus)
    found = [1]
    while found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found + ([most] if most > found[-1] else [])


def measure(args, say):
    options = prepare.options_of(
        args, bursts=2 if args.quick else 5, burst_ms=20 if args.quick else 100,
        rest_ms=10 if args.quick else 60, slice=128 if args.quick else 512)
    rounds = 1 if args.quick else ROUNDS
    wanted = cases.main_cases() + cases.worker_cases(counts(len(options.cpus), args.workers)[1:])
    plan = [(case, [("vped", "esp"), ("vped", "vpe")]) for case in wanted
            if case.octets == 64 or not args.quick]
    known = prepare.programs_of(args, options, say, secgw=False)
    measured = comparison.Comparison(plan, options, known, say)
    with prepare.memory(args) as pages:
        measured.run_all(rounds, pages)
    return {"settings": options.describe(), "rounds": rounds, "sample": list(figures.SAMPLE),
            "rows": measured.rows()}
