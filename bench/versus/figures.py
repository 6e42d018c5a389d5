"""From the generator's bursts to figures."""

import math
import random
import statistics

ON_THE_WAY = 256  # a program gathers packets before it sends them
RESAMPLES = 2000
# What sample() makes of a burst.
SAMPLE = ("round", "cycles", "mpps_per_cpu_second", "mpps_wall")
CONFIDENCE = 0.95


def bursts_of(result):
    """All bursts of all receive queues, queue by queue."""
    return [[dict(burst, queue=number) for burst in queue["bursts"]]
            for device in result["devices"] for number, queue in enumerate(device["rx"])
            if queue["bursts"]]


def lost(result):
    """Packets that went in and did not come out, beyond what may still be on its way."""
    received = sum(q["received"] for d in result["devices"] for q in d["rx"])
    sent = sum(q["sent"] for d in result["devices"] for q in d["tx"])
    return max(0, received - sent - ON_THE_WAY)


def cycles(bursts):
    """TSC cycles a packet of each burst: the median of its slices. Where not one slice of any burst
    was left alone, the bursts as a whole, interruptions included."""
    found = [burst["slice_median"] for burst in bursts if burst["slices"] > 0]
    return found or [burst["tsc"] / burst["received"] for burst in bursts]


def sample(burst):
    """A burst in short; SAMPLE has the names."""
    return [burst["round"], cycles([burst])[0], burst["received"] / burst["cpu_ns"] * 1000,
            burst["received"] / burst["wall_ns"] * 1000]


def student(freedom):
    """The 97.5 % point of Student's t, from 4 degrees of freedom on to 0.3 % (Abramowitz and Stegun
    26.7.5)."""
    z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return (z + (z ** 3 + z) / (4 * freedom)
            + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
            + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3))


def mean(values):
    """Of two or more, with its 95 % interval: mean plus and minus "half"."""
    half = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return {"n": len(values), "mean": statistics.fmean(values), "half": half}


def spread(values):
    ordered = sorted(values)

    def at(fraction):
        return ordered[round(fraction * (len(ordered) - 1))]
    return {"n": len(ordered), "median": statistics.median(ordered), "min": ordered[0],
            "p10": at(0.1), "p90": at(0.9), "max": ordered[-1]}


def core_rate(bursts):
    """What a core sends that nobody else uses: the rate of the slices without interruption. Where
    there were none, of the CPU time."""
    rates_ = [burst["sent_rate"] * burst["tsc"] / burst["wall_ns"] * 1000 for burst in bursts
              if burst["slices"] > 0]
    return statistics.median(rates_ or [b["sent"] / b["cpu_ns"] * 1000 for b in bursts])


def rates(bursts):
    """Millions of packets: a CPU-second, a second of the wall's clock."""
    cpu = statistics.median(b["received"] / b["cpu_ns"] * 1000 for b in bursts)
    wall = statistics.median(b["received"] / b["wall_ns"] * 1000 for b in bursts)
    share = sum(b["cpu_ns"] for b in bursts) / sum(b["wall_ns"] for b in bursts)
    return {"mpps_per_cpu_second": cpu, "mpps_wall": wall, "mpps_core": core_rate(bursts),
            "cpu_share": share}


def _resample(rounds, generator):
    """Rounds with replacement, and in each its bursts with replacement."""
    chosen = [generator.choice(rounds) for _ in rounds]
    return statistics.median([generator.choice(one) for one in chosen for _ in one])


def net_ratio(theirs, their_floor, ours, our_floor, seed=1):
    """How many times their cycles, net of I/O, are ours; with its confidence interval. Each
    argument is a list of rounds, a round a list of cycles."""
    def flat(rounds):
        return statistics.median([value for one in rounds for value in one])

    generator = random.Random(seed)
    sides = [[one for one in rounds if one] for rounds in (theirs, their_floor, ours, our_floor)]
    if not all(sides):
        return None
    ratios = []
    for _ in range(RESAMPLES):
        theirs_, their_floor_, ours_, our_floor_ = (_resample(s, generator) for s in sides)
        ratios.append((theirs_ - their_floor_) / (ours_ - our_floor_))
    ratios.sort()
    middle = [flat(side) for side in sides]
    tail = (1 - CONFIDENCE) / 2
    return {"ratio": (middle[0] - middle[1]) / (middle[2] - middle[3]),
            "low": ratios[round(tail * (RESAMPLES - 1))],
            "high": ratios[round((1 - tail) * (RESAMPLES - 1))]}
