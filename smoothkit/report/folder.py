"""A study's folder, read back: what was asked for, its summary, and what each run left, finished or not."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smoothkit.errors import OutputError
from smoothkit.files import CONFIG, METRICS, RESULT, STUDY, SUMMARY
from smoothkit.report.statistics import summarise
from smoothkit.scenario import Result

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What one run left in its folder."""

    variant: str
    """The variant's name, or its folder's as long as none of its runs has finished."""
    seed: int
    config: str
    """The resolved scenario, in TOML."""
    rows: tuple[Mapping[str, Any], ...]
    """What was logged: `{"step": 20, "train/loss": 1.2}`, None where a value was not finite."""
    result: Result | None


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """What a study left in its folder."""

    directory: Path
    title: str
    summary: Mapping[str, Any]
    runs: tuple[RunRecord, ...]
    """Those that began, by variant in the study's order, then by seed."""
    pending: tuple[tuple[str, int], ...]
    """Variant and seed of every run that was asked for and has neither finished nor failed."""

    def by_variant(self) -> dict[str, list[RunRecord]]:
        """The runs of each variant."""
        groups: dict[str, list[RunRecord]] = {}
        for run in self.runs:
            groups.setdefault(run.variant, []).append(run)
        return groups


def read_study(directory: Path) -> StudyRecord:
    """Read a study that has ended, was stopped, or is still running.

    Raises:
        OutputError: the folder holds no study, or a file in it is damaged or written by another version.
    """
    asked_for = directory / STUDY
    if not asked_for.is_file():
        raise OutputError(f"{directory}: is not the folder of a study (it has no {asked_for.name})")
    study = _read(asked_for, tomllib.loads)
    folders = sorted(path.parent for path in directory.glob(f"*/seed-*/{CONFIG}"))
    files = {folder: folder / RESULT for folder in folders}
    stored = {folder: _read(file, _parse_result) for folder, file in files.items() if file.exists()}
    names = {folder.parent: variant for folder, (variant, _) in stored.items()}
    runs = [
        _read_run(folder, names.get(folder.parent, folder.parent.name), stored[folder][1] if folder in stored else None)
        for folder in folders
    ]
    order = {variant: place for place, variant in enumerate(study["variants"])}
    runs.sort(key=lambda run: (order.get(run.variant, len(order)), run.variant, run.seed))
    summary_file = directory / SUMMARY
    summary = _read(summary_file, _parse) if summary_file.exists() else _summary(study, runs)
    done = {(run.variant, run.seed) for run in runs if run.result}
    done |= {(failure["variant"], failure["seed"]) for failure in summary["failures"]}
    return StudyRecord(
        directory=directory,
        title=study.get("title") or directory.resolve().name,
        summary=summary,
        runs=tuple(runs),
        pending=tuple(run for run in _asked_for(study) if run not in done),
    )


def _read(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError) as error:
        raise OutputError(f"{path}: cannot be read: {error!r}") from error


def _parse(text: str) -> dict[str, Any]:
    content = json.loads(text)
    if content.get("schema") != SCHEMA:
        raise ValueError(f"its schema is {content.get('schema')!r}; this version of smoothkit reads {SCHEMA}")
    return content


def _parse_result(text: str) -> tuple[str, Result]:
    content = _parse(text)
    return content["variant"], Result.from_json(content)


def _read_run(folder: Path, variant: str, result: Result | None) -> RunRecord:
    metrics = folder / METRICS
    return RunRecord(
        variant=variant,
        seed=int(folder.name.removeprefix("seed-")),
        config=(folder / CONFIG).read_text(encoding="utf-8"),
        rows=_read(metrics, _parse_rows) if metrics.exists() else (),
        result=result,
    )


def _parse_rows(text: str) -> tuple[dict[str, Any], ...]:
    # A run that is being written, or was killed, may end in half a line.
    return tuple(json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))


def _summary(study: Mapping[str, Any], runs: list[RunRecord]) -> dict[str, Any]:
    """What `summary.json` would say, had the study come to write it."""
    results: dict[str, dict[int, Result]] = {variant: {} for variant in study["variants"]}
    for run in runs:
        if run.result:
            results[run.variant][run.seed] = run.result
    return {
        "scenario": study["scenario"],
        "baseline": study["baseline"],
        "environment": {},
        **summarise(results, study["baseline"]),
        "failures": [],
    }


def _asked_for(study: Mapping[str, Any]) -> list[tuple[str, int]]:
    runs = []
    for variant, changes in study["variants"].items():
        seeds = {**study.get("run", {}), **changes.get("run", {})}.get("seeds", 1)
        runs += [(variant, seed) for seed in (range(seeds) if isinstance(seeds, int) else seeds)]
    return runs
