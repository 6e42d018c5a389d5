"""Plots of docs/benchmarks.md, drawn by gnuplot."""

import subprocess

COLOURS = ("#7f7f7f", "#1f77b4", "#d62728", "#8fbbd9", "#eb9394")


class PlotError(Exception):
    """gnuplot is not there, or does not like what it is told."""


def _quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _block(name, rows):
    return [f"${name} << END", *(" ".join(map(str, row)) for row in rows), "END"]


def _draw(lines, title, y):
    script = ["set terminal svg size 860,420 background '#ffffff' font 'sans-serif,12'",
              f"set title {_quoted(title)} noenhanced", f"set ylabel {_quoted(y)}", "set grid y",
              "set key outside bottom center horizontal noenhanced", *lines, ""]
    try:
        done = subprocess.run(["gnuplot"], input="\n".join(script), capture_output=True, text=True,
                              check=False)
    except FileNotFoundError as err:
        raise PlotError("gnuplot is not installed: scripts/setup") from err
    if done.returncode != 0 or not done.stdout:
        raise PlotError(done.stderr)
    return done.stdout


def bars(title, y, series, groups, values, errors=None):
    """values[group][series], None where there is none; errors likewise, half an interval."""
    rows = []
    for number, group in enumerate(groups):
        row = [_quoted(group)]
        for s in range(len(series)):
            value = values[number][s]
            error = errors[number][s] if errors else 0
            row += ["NaN", "NaN"] if value is None else [f"{value:.4g}", f"{error:.4g}"]
        rows.append(row)
    parts = [f"$data using {2 * s + 2}:{2 * s + 3}:xtic(1) title {_quoted(name)} "
             f"linecolor rgb '{COLOURS[s]}'" for s, name in enumerate(series)]
    return _draw([*_block("data", rows), "set style data histogram",
                  "set style histogram errorbars gap 1 linewidth 1", "set style fill solid",
                  "set boxwidth 0.9", "set yrange [0:*]",
                  "plot " + ", \\\n  ".join(parts)], title, y)


def curves(title, x, y, at, series, from_zero=True):
    """series: (name, medians, lower, upper); a band between the last two. Medians set the scale."""
    medians = [value for _, median, _, _ in series for value in median]
    lines = [f"set xlabel {_quoted(x)}", f"set xrange [{at[0]}:{at[-1]}]",
             f"set yrange [{0 if from_zero else 0.9 * min(medians):g}:{1.1 * max(medians):g}]"]
    bands, curves_ = [], []
    for number, (name, median, low, high) in enumerate(series):
        lines += _block(f"s{number}", zip(at, median, low, high))
        colour = COLOURS[number + 1]
        bands.append(f"$s{number} using 1:3:4 with filledcurves notitle linecolor rgb '{colour}' "
                     "fillstyle transparent solid 0.15")
        curves_.append(f"$s{number} using 1:2 with lines title {_quoted(name)} "
                       f"linecolor rgb '{colour}' linewidth 1.5")
    return _draw([*lines, "plot " + ", \\\n  ".join(bands + curves_)], title, y)
