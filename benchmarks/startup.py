"""How long the command line takes to say something, against the imports that it cannot do without.

CPU time of child processes, interleaved in random order, the smallest of several runs each: start-up has no upper
bound on a busy machine, but its floor is stable.

    python benchmarks/startup.py
"""

import random
import resource
import subprocess
import sys
from typing import NamedTuple

ROUNDS = 9
BASELINE = "import pluggy, rich.console, pydantic"
COMMANDS = {
    BASELINE: ("-c", BASELINE),
    "smoothkit --help": ("-m", "smoothkit", "--help"),
    "smoothkit list targets": ("-m", "smoothkit", "list", "targets"),
}


class Row(NamedTuple):
    """One line of the table."""

    command: str
    seconds: float
    ratio: float
    """To the imports alone."""


def measure() -> list[Row]:
    """Time every command."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name in random.sample(list(COMMANDS), len(COMMANDS)):
            times[name].append(cpu_seconds(*COMMANDS[name]))
    floor = min(times[BASELINE])
    return [Row(name, min(values), min(values) / floor) for name, values in times.items()]


def cpu_seconds(*arguments: str) -> float:
    """The CPU time of Python with these arguments, in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Print the table."""
    for row in measure():
        print(f"{row.command:<40}{row.seconds:>8.3f} s{row.ratio:>8.2f} times")


if __name__ == "__main__":
    main()
