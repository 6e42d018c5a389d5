"""docs/benchmarks.md: what is said of the figures. Every number comes from a result."""

import matrix
import plots
import report
import tables

HEAD = """# Benchmarks

Made by `bench/document` from the files in [bench/results](../bench/results): `bench/compare` and
`bench/recipes` write those. [bench/README.md](../bench/README.md) says how they measure.

Unless said otherwise: AES-128-GCM, replay protection on, one SA, 64 UDP flows, one policy, one
worker. "64 octets" is the frame in the buffer, Ethernet header included, frame check sequence not.
Cycles are those of the time stamp counter, per packet.

## The machine

That of the first result below; the table says which results come from another one.

"""

LIMITS = """## What a NIC would change

- PCIe, DMA, descriptors and doorbells are not paid for. Against that, the CPU writes the frames
  itself; that is the I/O floor, which net figures are without. So net figures compare gateways;
  neither they nor the rates are what a NIC would show.
- The first touch of a frame comes from the second-level cache, not from the third or from memory.
  Long frames gain most by that.
- Steering is by queue and perfect. A NIC that hashes ESP's first 32 bits spreads VPE's windows like
  that; where it cannot, workers hand packets to each other.
- Checksums could be left to the NIC; `vped` computes its own here and there.

## What this machine cannot show

- More workers than CPUs: {cpus} here. With as many workers as CPUs the control thread and all else
  share them, so that wall-clock rates are too low; rates of undisturbed slices and of CPU time are
  not.
- Turbo, power and heat: {virtual}.
- Latency under load: on shared CPUs it is the scheduler's.
- 100 Gbit/s, or any other line rate.
"""


def _compare(result, draw):
    rows = result["rows"]
    main = [r for r in rows if r["group"] == "main" and r["program"] == "vped"
            and r["protocol"] == "esp"]
    same = {(r["program"], r["protocol"], r["direction"], r["octets"]): r for r in rows
            if r["group"] == "main"}
    who = [("ipsec-secgw", "esp"), ("vped", "esp"), ("vped", "vpe")]
    who = [w for w in who if any(key[:2] == w for key in same)]
    draw("compare", plots.bars, "Cycles per packet, net of I/O", "TSC cycles",
         [" ".join(w) for w in who], [report.title(r) for r in main],
         [[same[(*w, r["direction"], r["octets"])]["net"] for w in who] for r in main])
    yield f"""## Side by side with ipsec-secgw

Both on the same generator ports, in turns. Net: the median less the median of plain forwarding
(`testpmd`) of the same stream. *Times fewer*: ipsec-secgw's net cycles by ours, with a 95 %
interval. ipsec-secgw has no VPE; its ESP stands against it. {result["rounds"]} runs of each, of
{result['settings']['bursts']} bursts.

![net cycles](benchmarks/compare.svg)

{tables.side_by_side(rows)}
Everything, I/O included; *Mpps/CPU-s* is millions of packets per second of the worker's CPU time,
*Mpps* by the wall's clock, *share* the CPU time that the worker had of it:

{tables.all_rows(rows)}
### Everything but crypto and I/O

The gateway with an engine that does nothing, less the I/O floor of the same stream:

{tables.no_crypto(rows)}
By stage, on memory ports, the clock's own cost (nine readings for each burst) included:

{tables.stages(result['stages'])}
### Crypto alone

Messages in place, {result['settings']['burst']} at a time, one key:

{tables.crypto(result['crypto'])}"""


def _compare_avx2(result, draw):
    yield f"""## Side by side without AVX-512

The same on a CPU that shows none: {', '.join(result['machine']['flags'])}. intel-ipsec-mb has only
its AVX2 code there, in ipsec-secgw as well, and `vped` takes its engine for AVX2.

{tables.side_by_side(result['rows'])}
Crypto alone:

{tables.crypto(result['crypto'])}"""


def _x1(result, draw):
    rows = result["rows"]
    titles = list(dict.fromkeys(report.title(r) for r in rows))
    who = list(dict.fromkeys(report.name(r) for r in rows))
    by = {(report.title(r), report.name(r)): r["goodput_gbps_per_cpu_second"] for r in rows}
    draw("x1", plots.bars, "Goodput of one worker", "Gbit per CPU-second", who, titles,
         [[by[t, w]["mean"] for w in who] for t in titles],
         [[by[t, w]["half"] for w in who] for t in titles])
    yield f"""## X1: one worker

As in figure 5 of the VPE paper: samples of {result['settings']['burst_ms'] / 1000:g} s, means with
their 95 % intervals. Goodput is of inner packets. One direction at a time: each worker of the
paper's gateways has one.

![goodput](benchmarks/x1.svg)

{tables.throughput(rows)}"""


def _x2(result, draw):
    rows = result["rows"]
    counts = sorted({r["workers"] for r in rows})
    titles = list(dict.fromkeys((report.title(r), report.name(r)) for r in rows))
    by = {(report.title(r), report.name(r), r["workers"]): r for r in rows}
    draw("x2", plots.bars, "One SA on more workers", "times one worker's packets",
         [f"{n} worker{'s' if n > 1 else ''}" for n in counts],
         [f"{title}\\n{name}" for title, name in titles],
         [[by[title, name, n]["mpps_core"] / by[title, name, 1]["mpps_core"] for n in counts]
          for title, name in titles])
    yield f"""## X2: one SA on more workers

As in figure 6 of the VPE paper. VPE gives each worker a window of its own; ESP has one counter and
one window, so one worker numbers, encrypts and judges all packets (`single`), and what the others
do is hand packets over. *Core*: the sum of what each worker sends in slices in which nobody else
used its CPU; *CPU-s*: by CPU time; *wall*: by the clock, on CPUs that everything shares.

![scaling](benchmarks/x2.svg)

{tables.scaling(rows)}"""


def _x3(result, draw):
    sweep = result["lengths"]
    for direction in ("encrypt", "decrypt"):
        draw(f"x3-{direction}", plots.curves, f"Cycles by length, {direction}",
             "octets of the frame", "TSC cycles per packet", sweep["at"],
             _of_direction(sweep, direction))
    yield f"""## X3: length

As in figure 7 of the VPE paper: every {sweep['at'][1] - sweep['at'][0]} octets, worker and rings in
memory, medians of {sweep['samples']} samples and the band from the first to the last tenth.

![encrypt](benchmarks/x3-encrypt.svg)
![decrypt](benchmarks/x3-decrypt.svg)

{tables.lengths(sweep)}"""


def _of_direction(sweep, direction):
    return [(s["protocol"], s["median"], s["p10"], s["p90"]) for s in sweep["series"]
            if s["direction"] == direction]


def _x4(result, draw):
    yield """## X4: headroom

As in figure 8 of the VPE paper: frames that begin so many octets behind the place where a NIC would
put them, the end of the 128 octets of headroom."""
    for sweep in result["headroom"]:
        octets = sweep["frame_octets"]
        draw(f"x4-{octets}", plots.curves, f"Cycles by place in the buffer, encrypt {octets}",
             "octets further", "TSC cycles per packet", sweep["at"],
             _of_direction(sweep, "encrypt"), False)
        yield f"""Frames of {octets} octets:

![headroom](benchmarks/x4-{octets}.svg)

{tables.headroom(sweep)}"""


def _x5(result, draw):
    rows = result["rows"]
    sizes = sorted({r["octets"] for r in rows})
    by = {(r["algorithm"], r["octets"], r["mode"], r["direction"]): r for r in rows}
    for mode in ("esp", "vpe"):
        draw(f"x5-{mode}", plots.bars, f"{mode.upper()}, encrypt", "TSC cycles per packet",
             ["plain", *matrix.ALGORITHMS], sizes,
             *([[by[matrix.ALGORITHMS[0], size, "clear", "out"][what]]
                + [by[a, size, mode, "encrypt"][what] for a in matrix.ALGORITHMS]
                for size in sizes] for what in ("mean", "half")))
    runs = max(r["n"] for r in rows)
    yield f"""## X5: size, algorithm, mode

On memory ports. Plain: the gateway forwards by a `bypass` policy; in brackets how many times that a
tunnel takes. Whole runs are repeated until the 95 % interval of each mean is within
{100 * result['within']:g} %, here up to {runs} times; figures that are not stand with a star.

![ESP](benchmarks/x5-esp.svg)
![VPE](benchmarks/x5-vpe.svg)
"""
    for algorithm in dict.fromkeys(r["algorithm"] for r in rows):
        yield f"""### {algorithm}

{tables.matrix(rows, algorithm)}"""


def _tcp(result, draw):
    yield f"""## TCP through the tunnel

One iperf3 stream from host to host through two gateways, in namespaces on this machine;
{result['algorithm']}. Gbit/s, medians with the least and the most. Hosts, kernels and both gateways
share the CPUs: it says that it works, and about how fast, not how fast a gateway is.

{tables.tcp(result['rows'])}"""


def _chain(result, draw):
    yield f"""## Generator, two gateways, reflector

The VPE paper's set-up in a chain of `net_memif` links (`bench/chain`), {result['algorithm']}. At a
rate first, which must lose nothing, then flat out; goodput is of inner packets, there and back.
All of it shares the CPUs (`idle = "{result['idle']}"`): with a core for each worker and NICs
between them it becomes a measurement.

{tables.chain(result['rows'])}"""


def _scale(result, draw):
    yield f"""## Many SAs, many policies

Loaded into a running gateway in one batch over the admin socket, VPE, one worker, replay windows of
{result['replay_window']:,}; every tunnel has one outbound SA and up to three inbound ones. *Asked*:
until every request has its answer, which a program in Python writes and reads; *put in force*: from
`commit` to its answer. Memory is what the daemon has more of than before, tunnels, policies and all.

{tables.loads(result['loads'])}
What a packet from the wire costs among them, in cycles of the worker on memory ports; each packet is
of another SA, at random:

{tables.among(result['cycles'])}"""


CHAPTERS = {"compare": _compare, "compare-avx2": _compare_avx2, "x1": _x1, "x2": _x2, "x3": _x3,
            "x4": _x4, "x5": _x5, "tcp": _tcp, "chain": _chain, "scale": _scale}


def write(results, draw):
    """The whole page. draw(name, kind, ...): a plot of that kind is wanted by that name."""
    described = next(iter(results.values()))["machine"]
    parts = [HEAD + tables.machine(described), tables.results(results)]
    for name, result in results.items():
        first, *others = CHAPTERS[name](result, draw)
        if tables.quick(result):
            title, _, rest = first.partition("\n\n")
            first = f"{title}\n\n*A short run, to show that it works: no measurement.*\n\n{rest}"
        parts += [first, *others]
    parts.append(LIMITS.format(
        cpus=described["cpus"], virtual="the CPU is shared with other virtual machines"
        if described["virtual"] else "frequencies are what they are in one run"))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
