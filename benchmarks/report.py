"""How long a report on a large study takes, and how big its page is: 200 runs of 10,000 logged steps with four tags.

The study is made up in a temporary folder: 20 variants with 10 seeds, each with figures and 30 scalars. CPU time of
the command in a process of its own, against reading the same lines with `json.loads` one by one and nothing else.

    python benchmarks/report.py
"""

import json
import random
import tempfile
from pathlib import Path
from typing import NamedTuple

from startup import cpu_seconds

VARIANTS, SEEDS, STEPS, TAGS, SCALARS, CLASSES = 20, 10, 10_000, 4, 30, 10
READ = (
    "import json, pathlib, sys\n"
    "for path in pathlib.Path(sys.argv[1]).rglob('metrics.jsonl'):\n"
    "    rows = [json.loads(line) for line in path.open()]\n"
)


class Row(NamedTuple):
    """One line of the table."""

    what: str
    seconds: float
    """CPU seconds."""
    megabytes: float
    """Of `report.html`; 0 where there is none."""


def measure() -> list[Row]:
    """Make the study, read its logs, report on it."""
    with tempfile.TemporaryDirectory() as name:
        study = Path(name, "study")
        make_study(study)
        floor = cpu_seconds("-c", READ, str(study))
        seconds = cpu_seconds("-m", "smoothkit", "report", str(study), "--format", "html", "--format", "markdown")
        size = (study / "report.html").stat().st_size / 1e6
    return [Row("reading the logs line by line", floor, 0.0), Row("the report", seconds, size)]


def make_study(folder: Path, variants: int = VARIANTS, seeds: int = SEEDS, steps: int = STEPS) -> None:
    """Write a study as `smoothkit run` leaves it."""
    names = [f"variant {place}" for place in range(variants)]
    tables = "".join(f"[variants.{json.dumps(name)}]\n" for name in names)
    folder.mkdir()
    (folder / "study.toml").write_text(
        f"scenario = 'supervised'\ntitle = 'Many runs'\nbaseline = 'variant 0'\n[run]\nseeds = {seeds}\n{tables}"
    )
    logs = [_log(random.Random(place), steps) for place in range(10)]
    for place, name in enumerate(names):
        for seed in range(seeds):
            run = folder / name.replace(" ", "-") / f"seed-{seed}"
            run.mkdir(parents=True)
            (run / "config.toml").write_text("scenario = 'supervised'\n")
            (run / "metrics.jsonl").write_text(logs[(place + seed) % len(logs)])
            (run / "result.json").write_text(json.dumps(_result(name, seed, random.Random(f"{place} {seed}"))))


def _log(generator: random.Random, steps: int) -> str:
    tags = [f"train/value_{place}" for place in range(TAGS)]
    rows = (
        {"step": 20 * step, **{tag: generator.random() + 100 / (step + 50) for tag in tags}} for step in range(steps)
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


def _result(variant: str, seed: int, generator: random.Random) -> dict[str, object]:
    scalars = {f"scalar_{place}": generator.gauss(place, 0.1) for place in range(SCALARS)}
    return {
        "schema": 1,
        "variant": variant,
        "seed": seed,
        "scalars": scalars,
        "better": dict.fromkeys(scalars, "higher"),
        "figures": {"reliability": _reliability(generator), "target": _matrix(generator), "risk": _risk(generator)},
        "headline": list(scalars)[:6],
    }


def _reliability(generator: random.Random) -> dict[str, object]:
    edges = [place / 15 for place in range(16)]
    middle = [place / 15 + 1 / 30 for place in range(15)]
    accuracy = [min(max(value - generator.uniform(-0.1, 0.2), 0.0), 1.0) for value in middle]
    return {
        "kind": "reliability",
        "title": "Reliability",
        "edges": edges,
        "counts": [generator.randrange(1, 500) for _ in middle],
        "confidence": middle,
        "accuracy": accuracy,
        "low": [max(value - 0.05, 0.0) for value in accuracy],
        "high": [min(value + 0.05, 1.0) for value in accuracy],
        "null_ece": 0.01,
    }


def _matrix(generator: random.Random) -> dict[str, object]:
    names = [f"class {place}" for place in range(CLASSES)]
    values = [
        [0.9 if row == column else generator.random() / 50 for column in range(CLASSES)] for row in range(CLASSES)
    ]
    labels = {"rows": names, "columns": names, "row_label": "true class", "column_label": "class"}
    return {"kind": "matrix", "title": "Target", "values": values, **labels}


def _risk(generator: random.Random) -> dict[str, object]:
    coverage = [place / 200 for place in range(1, 201)]
    rate = generator.uniform(0.05, 0.15)
    curve = {"x": {"model": coverage}, "y": {"model": [rate * value**2 for value in coverage]}}
    return {"kind": "curves", "title": "Risk against coverage", "x_label": "coverage", "y_label": "risk", **curve}


def main() -> None:
    """Print the table."""
    for row in measure():
        size = f"{row.megabytes:>8.2f} MB" if row.megabytes else ""
        print(f"{row.what:<40}{row.seconds:>8.2f} s{size}")


if __name__ == "__main__":
    main()
