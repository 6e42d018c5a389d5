"""X1: one worker against ipsec-secgw, as in figure 5 of the VPE paper: samples of one second."""

import cases
import comparison
import figures
import prepare

SAMPLES_OF_A_RUN = 10


def measure(args, say):
    options = prepare.options_of(
        args, bursts=2 if args.quick else SAMPLES_OF_A_RUN, burst_ms=20 if args.quick else 1000,
        rest_ms=10 if args.quick else 200, slice=128 if args.quick else 8192)
    rounds = 1 if args.quick else max(1, args.samples // SAMPLES_OF_A_RUN)
    others = [] if args.no_secgw else [("ipsec-secgw", "esp")]
    plan = [(case, others + [("vped", "esp"), ("vped", "vpe")]) for case in cases.main_cases()]
    measured = comparison.Comparison(plan, options, prepare.programs_of(args, options, say), say)
    with prepare.memory(args) as pages:
        measured.run_all(rounds, pages)
    rows = measured.rows()
    for row in rows:
        # Of the inner packets, as the paper has it.
        bits = (row["octets"] - cases.ETHER_OCTETS) * 8
        for name, place in (("goodput_gbps_per_cpu_second", 2), ("goodput_gbps_wall", 3)):
            row[name] = figures.mean([sample[place] * bits / 1000 for sample in row["samples"]])
    return {"settings": options.describe(), "rounds": rounds, "sample": list(figures.SAMPLE),
            "rows": rows}
