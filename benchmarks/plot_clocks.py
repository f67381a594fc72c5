"""Draws a run of the clocks from its samples.

python -m tests.processes.clocks --minutes 10 --csv run.csv
python -m benchmarks.plot_clocks run.csv docs/clocks.png

Needs matplotlib (the extra ``docs``).
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

Samples = dict[str, list[tuple[float, ...]]]

REFERENCE = "reference"
LABELS = {"server1": "server1: +5 s, +200 ppm", "server2": "server2", "server3": "server3: −3 s, −200 ppm"}


def read(path: Path) -> Samples:
    """Each clock's samples: seconds, and correction, bound and rate where it has them."""
    samples: Samples = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            values = tuple(float(row[field] or "nan") for field in ("seconds", "correction", "bound", "rate"))
            samples[row["clock"]].append(values)
    return samples


def draw(samples: Samples, path: Path) -> None:
    """How far each clock is from the board's time, within its bound; and the rate that it has learnt."""
    board = {values[0]: values[1] for values in samples.pop(REFERENCE)}
    figure = Figure(figsize=(10, 6), layout="constrained")
    offsets, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name, taken in samples.items():
        values = [value for value in taken if value[0] in board]
        seconds = [value[0] for value in values]
        offset = [1000 * (value[1] - board[value[0]]) for value in values]
        (line,) = offsets.plot(seconds, offset, linewidth=1, label=LABELS.get(name, name))
        bound = [1000 * value[2] for value in values]
        for sign in (1, -1):
            offsets.plot(
                seconds, [sign * value for value in bound], color=line.get_color(), alpha=0.25, linewidth=0.6
            )
        rates.plot(seconds, [value[3] for value in values], color=line.get_color(), linewidth=1)
    offsets.set_ylabel("from the board's time, ms\n(pale: ± its bound)")
    offsets.axhline(0, color="black", linewidth=0.5)
    offsets.legend(loc="upper right")
    offsets.set_title("Three wrong clocks in step, one machine")
    rates.set_ylabel("learnt rate, ppm")
    rates.set_xlabel("seconds since the start")
    figure.savefig(path, dpi=80)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("samples", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    draw(read(arguments.samples), arguments.picture)


if __name__ == "__main__":
    main()
