"""Programs on the same traffic, in turns, and what that gives: one row for each."""

import figures
import outputs
import report
import rig


class Comparison:
    """plan: (case, [(program, protocol), ...]) in the order of the table."""

    def __init__(self, plan, options, known, say):
        self.plan = plan
        self.options = options
        self.programs = known
        self.say = say
        self.results = {}  # (case, program, protocol) -> one result for each round

    def run_all(self, rounds, pages):
        for number in range(rounds):
            self.say(f"round {number + 1} of {rounds}")
            # Whoever comes first in one round comes last in the next.
            order = self.plan if number % 2 == 0 else [(c, r[::-1]) for c, r in self.plan[::-1]]
            for case, runs in order:
                for name, protocol in runs:
                    self._run(case, name, protocol, pages)

    def _run(self, case, name, protocol, pages):
        try:
            result = rig.run(self.programs[name], case, protocol, self.options, pages)
        except rig.RunError as err:
            # Someone else took our memory, say.
            self.say(f"once more: {str(err).splitlines()[0]}")
            result = rig.run(self.programs[name], case, protocol, self.options, pages)
        if name != "testpmd":
            outputs.check(result, case, protocol, self.programs[name].hops)
        lost = figures.lost(result)
        # ESP keeps an SA on one worker: what the other ones hand over is more than that can do.
        if case.workers == 1 and lost > 0:
            raise rig.RunError(f"{name} {protocol} lost {lost} packets: {case.describe()}")
        self.results.setdefault((case, name, protocol), []).append(result)

    def replay_control(self, case, pages):
        """Each sequence number twice: the second copy must not come out. Replay protection is on."""
        shares = {}
        for name, protocol in dict(self.plan).get(case, []):
            if name == "testpmd":
                continue
            result = rig.run(self.programs[name], case, protocol, self.options, pages, copies=2)
            received = sum(q["received"] for d in result["devices"] for q in d["rx"])
            share = (received - figures.lost(result)) / received
            expected = self.programs[name].passes_of_copies
            if abs(share - expected) > 0.002:
                raise outputs.WrongOutput(f"{name} {protocol}: {share:.3f} of packets that each "
                                          f"came twice went out; {expected} was expected")
            shares[f"{name} {protocol}"] = round(share, 4)
        return shares

    def _rounds(self, case, name, protocol):
        return [[cycles for queue in figures.bursts_of(result) for cycles in figures.cycles(queue)]
                for result in self.results.get((case, name, protocol), [])]

    def _floor(self, case, protocol):
        return self._rounds(case, "testpmd", "esp" if case.encrypts else protocol)

    def _row(self, case, name, protocol):
        results = self.results[case, name, protocol]
        bursts = [{"round": number, **burst} for number, result in enumerate(results)
                  for queue in figures.bursts_of(result) for burst in queue]
        rounds = self._rounds(case, name, protocol)
        floor = self._floor(case, protocol)
        cycles = figures.spread([value for one in rounds for value in one])
        row = {**case.describe(), "program": name, "protocol": protocol, "cycles": cycles,
               "net": None, "ratio": None, **figures.rates(bursts)}
        if case.workers > 1:
            row |= report.of_workers(results)
        elif name != "testpmd" and floor:
            row["net"] = cycles["median"] - figures.spread(
                [value for one in floor for value in one])["median"]
        if name == "vped" and floor and (case, "ipsec-secgw", "esp") in self.results:
            row["ratio"] = figures.net_ratio(
                self._rounds(case, "ipsec-secgw", "esp"), self._floor(case, "esp"), rounds, floor)
        return {**row, "samples": [figures.sample(burst) for burst in bursts]}

    def rows(self):
        rows = [self._row(case, *run) for case, runs in self.plan for run in runs]
        for row in (r for r in rows if r["workers"] > 1):
            one = [r for r in rows if r["workers"] == 1 and r["group"] == "main" and
                   all(r[k] == row[k] for k in ("program", "protocol", "direction", "octets"))]
            for name, rate in (("scaling_core", "mpps_core"),
                               ("scaling_cpu", "mpps_per_cpu_second"),
                               ("scaling_wall", "mpps_wall")):
                row[name] = row[rate] / one[0][rate] if one else None
        return rows
