"""A small study on disk, as a run of the toolkit leaves it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smoothkit.files import write_json
from smoothkit.report.figures import (
    CurvesFigure,
    Figure,
    GroupReliabilityFigure,
    IntervalsFigure,
    MatrixFigure,
    ReliabilityFigure,
)
from smoothkit.scenario import Result

RELIABILITY = ReliabilityFigure(
    title="Reliability",
    edges=(0.0, 0.5, 0.75, 1.0),
    counts=(0, 10, 30),
    confidence=(None, 0.6, 0.9),
    accuracy=(None, 0.8, 0.7),
    low=(None, 0.49, 0.52),
    high=(None, 0.94, 0.83),
    null_ece=0.05,
    gap_low=-0.05,
    gap_high=0.25,
)
FIGURES: dict[str, Figure] = {
    "target_matrix": MatrixFigure(
        title="Target & matrix",
        values=((0.9, 0.1), (0.2, None)),
        rows=("real", "fake"),
        columns=("real", "fake"),
        row_label="label",
        column_label="class",
    ),
    "reliability": RELIABILITY,
    "groups": GroupReliabilityFigure(title="Reliability by group", groups={"one": RELIABILITY, "two": RELIABILITY}),
    "gaps": IntervalsFigure(
        title="Signed gap by group",
        names=("one", "two", "nobody"),
        estimates=(0.012, -0.2, None),
        low=(-0.03, -0.25, None),
        high=(0.05, -0.15, None),
        counts=(400, 50, 0),
        x_label="confidence minus accuracy",
    ),
    "risk": CurvesFigure(
        title="Risk against coverage",
        x_label="coverage",
        y_label="risk",
        x={"model": (0.0, 0.5, 1.0)},
        y={"model": (0.0, 0.04, 0.1)},
        low={"model": (0.0, 0.03, 0.08)},
        high={"model": (0.01, 0.05, 0.12)},
        marks={"half is kept": 0.5},
    ),
}
"""One of each kind."""


def result(accuracy: float, nll: float = 0.5) -> Result:
    return Result(
        scalars={"accuracy": accuracy, "nll": nll, "weight_norm": 3.0},
        better={"accuracy": "higher", "nll": "lower"},
        figures=FIGURES,
        headline=("accuracy", "nll"),
    )


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Write a study of two variants to a folder of the test; the options are those of `write_study`."""

    def make(*, name: str = "study", **options: Any) -> Path:
        return write_study(tmp_path / name, **options)

    return make


def write_study(directory: Path, *, hostile: str = "", unfinished: bool = False, seeds: int = 2) -> Path:
    """Write a study of two variants; `hostile` puts markup into every text that a report shows.

    An `unfinished` one has no result of its second variant, whose second seed failed.
    """
    names = [f"hard{hostile}", f"LS{hostile}"]
    directory.mkdir()
    variants = "\n".join(f"[variants.{json.dumps(name)}]" for name in names)
    (directory / "study.toml").write_text(
        f"scenario = 'supervised'\ntitle = {json.dumps('Digits' + hostile)}\nbaseline = {json.dumps(names[0])}\n"
        f"[run]\nseeds = {seeds}\n{variants}\n"
    )
    for place, variant in enumerate(names):
        for seed in range(seeds):
            folder = directory / slug(variant) / f"seed-{seed}"
            folder.mkdir(parents=True)
            (folder / "config.toml").write_text(f"scenario = 'supervised'\n# {hostile}\n")
            rows = [{"step": step, f"train/loss{hostile}": 1 / step + seed} for step in (1, 2, 3)]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4, "tr')
            if not (unfinished and place == 1):
                found = result(0.9 + 0.01 * place + 0.02 * seed).to_json()
                write_json(folder / "result.json", {"schema": 1, "variant": variant, "seed": seed, **found})
            elif seed == 1:
                (folder / "error.txt").write_text(f"Traceback\nValueError: broke{hostile}\n")
    summary = {"schema": 1, "environment": {"torch": f"2.15{hostile}", "commit": None}}
    write_json(directory / "summary.json", summary)
    return directory


def slug(variant: str) -> str:
    from smoothkit.scenario_file import folder_name

    return folder_name(variant)
