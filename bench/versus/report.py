"""Tables for people, from what goes into the JSON file."""

import json
import statistics

import figures


def name(row):
    if row["program"] != "testpmd":
        return f"{row['program']} {row['protocol']}"
    return "I/O floor" if row["direction"] == "encrypt" else f"I/O floor {row['protocol']}"


def _rounded(value):
    """No more digits than a measurement has."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(member) for key, member in value.items()}
    return [_rounded(member) for member in value] if isinstance(value, list) else value


def as_json(result):
    """A line for each member, and for each row: for diff and for eyes."""
    rows = ",\n".join("  " + json.dumps(_rounded(row)) for row in result.get("rows", []))
    members = [f' "{member}": ' + (f"[\n{rows}\n ]" if member == "rows"
                                else json.dumps(_rounded(value)))
               for member, value in result.items()]
    return "{\n" + ",\n".join(members) + "\n}\n"


def _cell(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def title(row):
    sas = f", {row['sas']:,} SAs" if row["sas"] > 1 else ""
    order = " at random" if row["order"] == "random" else ""
    shape = f", {row['flows']:,} flows" if row["flows"] not in (64, row["sas"]) else ""
    shape += f", {row['policies']:,} policies" if row["policies"] > 1 else ""
    shape += "" if row["flow_cache"] else ", no flow cache"
    shape += "" if row["crypto"] else ", no crypto"
    return f"{row['direction']} {row['octets']}{sas}{order}{shape}"


def _ratio(ratio):
    if ratio is None:
        return ""
    return f"{ratio['ratio']:.2f} [{ratio['low']:.2f}-{ratio['high']:.2f}]"


def one_worker(rows):
    """Cycles a packet, and how many times ours ipsec-secgw's are."""
    head = (f"{'':44} {'':16} {'median':>8} {'min':>8} {'p10':>8} {'p90':>8} {'net':>8} "
            f"{'Mpps/CPU-s':>10} {'Mpps':>7} {'share':>5}  secgw's net / this net")
    lines = [head]
    before = None
    for row in (r for r in rows if r["workers"] == 1):
        shown = title(row)
        cycles = row["cycles"]
        lines.append(
            f"{shown if shown != before else '':44} {name(row):16} {cycles['median']:8.1f} "
            f"{cycles['min']:8.1f} {cycles['p10']:8.1f} {cycles['p90']:8.1f} "
            f"{_cell(row['net']):>8} {row['mpps_per_cpu_second']:10.2f} {row['mpps_wall']:7.2f} "
            f"{row['cpu_share']:5.2f}  {_ratio(row['ratio'])}".rstrip())
        before = shown
    return "\n".join(lines)


def more_workers(rows):
    """What more workers add: packets sent, as sums over the workers."""
    lines = [f"{'':44} {'':16} {'Mpps core':>10} {'Mpps/CPU-s':>10} {'Mpps wall':>10}   "
             "times one worker: core, CPU-s, wall"]
    for row in (r for r in rows if r["workers"] > 1):
        shown = f"{title(row)}, {row['workers']} workers"
        lines.append(
            f"{shown:44} {name(row):16} {row['mpps_core']:10.2f} "
            f"{row['mpps_per_cpu_second']:10.2f} {row['mpps_wall']:10.2f}   "
            f"{_cell(row['scaling_core'], 2)} {_cell(row['scaling_cpu'], 2)} "
            f"{_cell(row['scaling_wall'], 2)}")
    return "\n".join(lines)


def crypto(measured):
    lines = [f"{'engine':12} {'':20} {'median':>8} {'min':>8} {'p10':>8} {'p90':>8}"]
    for run in measured:
        for case in run["cases"]:
            shown = f"{run['protocol']} {case['direction']} {case['octets']}"
            lines.append(f"{case['engine']:12} {shown:20} {case['median']:8.1f} "
                         f"{case['min']:8.1f} {case['p10']:8.1f} {case['p90']:8.1f}")
    return "\n".join(lines)


def stages(measured):
    names = list(measured["cases"][0]["stages"])
    lines = [f"{'':16}" + "".join(f"{stage:>9}" for stage in names) + f"{'sum':>9}"]
    for case in (c for c in measured["cases"] if "stages" in c):
        lines.append(f"{case['protocol'] + ' ' + case['direction']:16}"
                     + "".join(f"{case['stages'][stage]:9.1f}" for stage in names)
                     + f"{sum(case['stages'].values()):9.1f}")
    return "\n".join(lines)


def of_workers(rounds):
    """Sums over the workers: of each one's undisturbed rate, and of all in each burst."""
    each = {}
    cpu, wall = [], []
    for result in rounds:
        queues = figures.bursts_of(result)
        for number, bursts in enumerate(queues):
            each.setdefault(number, []).extend(bursts)
        for together in zip(*queues):
            cpu.append(sum(b["sent"] / b["cpu_ns"] * 1000 for b in together))
            wall.append(sum(b["sent"] / b["wall_ns"] * 1000 for b in together))
    core = sum(figures.core_rate(bursts) for bursts in each.values())
    return {"mpps_core": core, "mpps_per_cpu_second": statistics.median(cpu),
            "mpps_wall": statistics.median(wall)}
