"""Tables of docs/benchmarks.md, from the figures that measurements left."""

import report


def table(head, rows):
    """Markdown. Figures stand to the right, the first column to the left."""
    marks = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (head, marks, *rows)) + "\n"


def cell(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def ratio(found):
    return "–" if found is None else \
        f"**{found['ratio']:.2f}** [{found['low']:.2f}–{found['high']:.2f}]"


def machine(described):
    caches = ", ".join(f"{name} {size}" for name, size in described["caches"].items())
    virtual = ", a virtual machine" if described["virtual"] else ""
    packages = ", ".join(f"{name} {version}" for name, version in described["packages"].items())
    return table(("", ""), [
        ("CPU", f"{described['cpu']}, {described['cpus']} CPUs{virtual}"),
        ("Family, model, stepping", described["family_model_stepping"]),
        ("Caches of CPU 0", caches), ("Flags", ", ".join(described["flags"])),
        ("System", f"{described['distribution']}, Linux {described['kernel']}"),
        ("Packages", packages),
    ]).replace("---:", "---")


def results(found):
    """Which file says what, and where it comes from."""
    return table(("result", "CPU", "revision", "load before", "minutes"), [
        (f"[{name}.json](../bench/results/{name}.json)" + (", a short run" if quick(r) else ""),
         f"{r['machine']['cpu']}, {r['machine']['family_model_stepping']}"
         + ("" if "avx512f" in r["machine"]["flags"] else ", no AVX-512"),
         r["machine"]["revision"], cell(r["machine"]["load_average_1min"]),
         cell(r["seconds"] / 60)) for name, r in found.items()])


def quick(result):
    return result.get("quick", False)


def _only(rows, group):
    return [r for r in rows if r["group"] == group]


def _of(rows, row, program, protocol):
    """The row of another program on the same traffic."""
    same = ("direction", "octets", "sas", "flows", "order", "policies", "flow_cache", "crypto",
            "workers")
    return next((r for r in rows if r["program"] == program and r["protocol"] == protocol
                 and all(r[key] == row[key] for key in same)), None)


def _cases(rows):
    return [r for r in rows if r["program"] == "vped" and r["protocol"] == "esp"]


def side_by_side(rows):
    """Net cycles, and how many times fewer ours are."""
    lines = []
    for row in _cases(r for group in ("main", "64 SAs") for r in _only(rows, group)):
        theirs = _of(rows, row, "ipsec-secgw", "esp")
        vpe = _of(rows, row, "vped", "vpe")
        lines.append((report.title(row), cell(theirs and theirs["net"]), cell(row["net"]),
                      ratio(row["ratio"]), cell(vpe["net"]), ratio(vpe["ratio"])))
    return table(("", "ipsec-secgw, ESP", "vped, ESP", "times fewer", "vped, VPE", "times fewer"),
                 lines)


def all_rows(rows):
    lines = []
    for row in (r for r in rows if r["workers"] == 1):
        cycles = row["cycles"]
        lines.append((report.title(row), report.name(row), cycles["n"], cell(cycles["median"]),
                      cell(cycles["min"]), cell(cycles["p10"]), cell(cycles["p90"]),
                      cell(row["net"]), cell(row["mpps_per_cpu_second"], 2),
                      cell(row["mpps_wall"], 2), cell(row["cpu_share"], 2)))
    return table(("", "", "samples", "median", "min", "p10", "p90", "net", "Mpps/CPU-s", "Mpps",
                  "share"), lines)


def no_crypto(rows):
    lines = []
    for row in _cases(_only(rows, "no crypto")):
        vpe = _of(rows, row, "vped", "vpe")
        lines.append((report.title(row), cell(row["net"]), cell(vpe["net"])))
    return table(("", "ESP", "VPE"), lines)


def stages(measured):
    with_stages = [c for c in measured["cases"] if "stages" in c]
    names = list(with_stages[0]["stages"])
    return table(("", *names, "sum"), [
        (f"{c['protocol']} {c['direction']}", *(cell(c["stages"][name]) for name in names),
         cell(sum(c["stages"].values()))) for c in with_stages])


def crypto(measured):
    """Engines beside each other; the last is what the others are compared with."""
    lines = []
    for run in measured:
        pairs = {}
        for case in run["cases"]:
            pairs.setdefault((case["direction"], case["octets"]), []).append(case)
        for (direction, octets), (ours, theirs) in pairs.items():
            lines.append((f"{direction} {octets}, {run['aad_octets']} octets of AAD",
                          cell(ours["median"]), cell(theirs["median"]), cell(ours["min"]),
                          cell(theirs["min"]), cell(theirs["median"] / ours["median"], 2)))
    ours, theirs = (case["engine"] for case in measured[0]["cases"][:2])
    return table(("", f"{ours}, median", f"{theirs}, median", f"{ours}, min", f"{theirs}, min",
                  "ratio of medians"), lines)


def throughput(rows):
    lines = []
    for row in rows:
        cpu, wall = row["goodput_gbps_per_cpu_second"], row["goodput_gbps_wall"]
        lines.append((report.title(row), report.name(row), cpu["n"],
                      f"{cpu['mean']:.2f} ± {cpu['half']:.2f}",
                      f"{wall['mean']:.2f} ± {wall['half']:.2f}",
                      cell(row["mpps_per_cpu_second"], 2), cell(row["cpu_share"], 2)))
    return table(("", "", "samples", "Gbit per CPU-second", "Gbit/s", "Mpps/CPU-s", "share"), lines)


def scaling(rows):
    lines = []
    for row in rows:
        times = [cell(row.get(key), 2) for key in ("scaling_core", "scaling_cpu", "scaling_wall")]
        lines.append((report.title(row), report.name(row), row["workers"],
                      cell(row["mpps_core"], 2), cell(row["mpps_per_cpu_second"], 2),
                      cell(row["mpps_wall"], 2), *times))
    return table(("", "", "workers", "Mpps core", "Mpps/CPU-s", "Mpps", "× core", "× CPU-s",
                  "× wall"), lines)


def lengths(sweep, some=(64, 128, 256, 512, 1024, 1280, 1420, 1500)):
    return _sweep(sweep, "octets", [i for i, at in enumerate(sweep["at"]) if at in some])


def headroom(sweep):
    return _sweep(sweep, "octets further", range(0, len(sweep["at"]), 8))


def _sweep(sweep, axis, places):
    series = sweep["series"]
    return table((axis, *(f"{s['protocol']} {s['direction']}" for s in series)),
                 [(sweep["at"][i], *(cell(s["median"][i]) for s in series)) for i in places])


def matrix(rows, algorithm):
    """Cycles, and how many times plain forwarding's they are."""
    cells = {(r["octets"], r["mode"], r["direction"]): r for r in rows
             if r["algorithm"] == algorithm}
    modes = [("clear", "out"), ("esp", "encrypt"), ("vpe", "encrypt"),
             ("clear", "in"), ("esp", "decrypt"), ("vpe", "decrypt")]
    lines = []
    for octets in sorted({key[0] for key in cells}):
        line = [octets]
        for mode, direction in modes:
            found = cells[octets, mode, direction]
            plain = cells[octets, "clear", "in" if direction == "decrypt" else "out"]
            text = f"{found['mean']:.0f} ± {found['half']:.1f}" + \
                ("" if found["precise"] else "\\*")
            if mode != "clear":
                text += f" ({found['mean'] / plain['mean']:.1f}×)"
            line.append(text)
        lines.append(line)
    return table(("octets", *(f"{mode} {direction}" for mode, direction in modes)), lines)


def tcp(rows):
    protocols = list(dict.fromkeys(r["protocol"] for r in rows))
    by = {(r["mtu"], r["protocol"]): r for r in rows}
    return table(("MTU", "device", "streams", *protocols), [
        (mtu, by[mtu, protocols[0]]["device"], by[mtu, protocols[0]]["gbps"]["n"],
         *(f"{by[mtu, p]['gbps']['median']:.2f} [{by[mtu, p]['gbps']['min']:.2f}–"
           f"{by[mtu, p]['gbps']['max']:.2f}]" for p in protocols))
        for mtu in dict.fromkeys(r["mtu"] for r in rows)])


def chain(rows):
    return table(("", "workers", "octets", "lost at the rate", "p50 µs", "p99 µs",
                  "Gbit/s flat out", "Mpps", "lost"), [
        (r["protocol"], r["workers"], r["frame_octets"],
         f"{r['at_rate']['lost']} at {r['at_rate']['pps']:,.0f}/s",
         *(cell(r["at_rate"]["latency_us"][q], 0) for q in ("p50", "p99")),
         cell(r["flat_out"]["goodput_bps"] / 1e9, 3), cell(r["flat_out"]["pps"] / 1e6, 3),
         f"{100 * r['flat_out']['loss_ratio']:.1f} %") for r in rows])


def loads(rows):
    first = rows[0]
    return table(
        ("SAs", "policies", "asked, s", "put in force, s", "memory, MB", "kB for each SA more"),
        [(f"{r['sas']:,}", f"{r['policies']:,}", cell(r["asking_s"], 2), cell(r["commit_s"], 2),
          cell(r["octets"] / 1e6), "–" if r is first else
          cell((r["octets"] - first["octets"]) / (r["sas"] - first["sas"]) / 1e3))
         for r in rows])


def among(rows):
    engines = [key for key in rows[0] if key != "sas"]
    names = {"null": "without crypto"}
    head = ["inbound SAs"] + [f"{protocol} decrypt, {names.get(engine, 'AES-128-GCM')}"
                              for protocol in ("vpe", "esp") for engine in engines]
    return table(head, [
        [f"{r['sas']:,}"] + [cell(r[engine][protocol]) for protocol in ("vpe", "esp")
                             for engine in engines] for r in rows])
