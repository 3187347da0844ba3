"""A small study on disk, as a run of the toolkit leaves it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smoothkit.files import write_json
from smoothkit.report.figures import CurvesFigure, MatrixFigure, ReliabilityFigure
from smoothkit.report.statistics import summarise
from smoothkit.scenario import Result

FIGURES = {
    "target_matrix": MatrixFigure(
        title="Target & matrix",
        values=((0.9, 0.1), (0.2, 0.8)),
        rows=("real", "fake"),
        columns=("real", "fake"),
        row_label="label",
        column_label="class",
    ),
    "reliability": ReliabilityFigure(
        title="Reliability",
        edges=(0.0, 0.5, 1.0),
        counts=(0, 40),
        confidence=(None, 0.8),
        accuracy=(None, 0.75),
    ),
    "risk": CurvesFigure(
        title="Risk against coverage",
        x_label="coverage",
        y_label="risk",
        x={"model": (0.0, 0.5, 1.0)},
        y={"model": (0.0, 0.04, 0.1)},
    ),
}


def result(accuracy: float, nll: float = 0.5) -> Result:
    return Result(
        scalars={"accuracy": accuracy, "nll": nll, "weight_norm": 3.0},
        better={"accuracy": "higher", "nll": "lower"},
        figures=FIGURES,
        headline=("accuracy", "nll"),
    )


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Path]:
    """Write a study of two variants with two seeds; `hostile` puts markup into every text that a page shows."""

    def make(*, hostile: str = "", unfinished: bool = False, summary: bool = True) -> Path:
        directory = tmp_path / "study"
        names = {f"hard{hostile}": "hard", f"LS{hostile}": "ls"}
        baseline = next(iter(names))
        variants = "\n".join(f"[variants.{json.dumps(name)}]" for name in names)
        directory.mkdir()
        (directory / "study.toml").write_text(
            f"scenario = 'supervised'\ntitle = {json.dumps('Digits' + hostile)}\nbaseline = {json.dumps(baseline)}\n"
            f"[run]\nseeds = 2\n{variants}\n"
        )
        results: dict[str, dict[int, Result]] = {name: {} for name in names}
        for place, (name, slug) in enumerate(names.items()):
            for seed in range(2):
                folder = directory / slug / f"seed-{seed}"
                folder.mkdir(parents=True)
                (folder / "config.toml").write_text(f"scenario = 'supervised'\n# {hostile}\n")
                rows = [{"step": step, f"train/loss{hostile}": 1 / step + seed} for step in (1, 2, 3)]
                (folder / "metrics.jsonl").write_text(
                    "".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4, "tr'
                )
                if not (unfinished and slug == "ls"):
                    results[name][seed] = result(0.9 + 0.01 * place + 0.02 * seed)
                    content = {"schema": 1, "variant": name, "seed": seed, **results[name][seed].to_json()}
                    write_json(folder / "result.json", content)
        if summary:
            failures = [{"variant": f"LS{hostile}", "seed": 1, "error": f"broke{hostile}"}] if unfinished else []
            content: dict[str, Any] = {
                "schema": 1,
                "scenario": "supervised",
                "title": f"Digits{hostile}",
                "baseline": baseline,
                "environment": {"torch": f"2.15{hostile}", "commit": None},
                **summarise(results, baseline),
                "failures": failures,
            }
            write_json(directory / "summary.json", content)
        return directory

    return make
