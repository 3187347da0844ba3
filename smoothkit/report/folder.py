"""A study's folder, read back: what was asked for, its summary, and what each run left, finished or not."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smoothkit.baselines import Levels, baselines_of
from smoothkit.conclusion import Conclusion, read_stored
from smoothkit.errors import OutputError, nearest
from smoothkit.files import CONFIG, METRICS, RESULT, STUDY, SUMMARY, finite
from smoothkit.report.figures import UnreadableFigure
from smoothkit.report.numbers import count
from smoothkit.report.recording import RunRecord, read_run, seed_of
from smoothkit.report.run_result import UNREADABLE, describe_error, parse_json
from smoothkit.report.stored import read_as
from smoothkit.report.summary import Results, summarise
from smoothkit.scenario import Result
from smoothkit.scenario_file import folder_name

KNOWN = ("scenario", "title", "baseline", "against", "levels")
"""What a `study.toml` has of a plan besides its seeds."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a `study.toml` asks for."""

    scenario: str
    seeds: dict[str, int | tuple[int, ...]]
    """How many seeds each variant has, or which."""
    title: str = ""
    baseline: str | None = None
    against: str | None = None
    """The axis along which variants are compared; then `baseline` is a level of it."""
    levels: dict[str, dict[str, str]] = field(default_factory=dict)
    """The level of each variant on each axis, in a study of a grid."""

    @property
    def runs(self) -> tuple[tuple[str, int], ...]:
        """Variant and seed of every run."""
        return tuple((variant, seed) for variant, asked in self.seeds.items() for seed in seeds_of(asked))

    @property
    def levels_of_all(self) -> Levels:
        """The levels of every variant, empty ones where none are known."""
        return {variant: self.levels.get(variant, {}) for variant in self.seeds}

    def gaps(self) -> list[str]:
        """What the comparison is to be with, and is not there."""
        if self.baseline is None:
            return []
        kind, known = "variant", set(self.seeds)
        if self.against is not None:
            kind = f"level of {self.against!r}"
            known = {level for own in self.levels.values() for axis, level in own.items() if axis == self.against}
        if self.baseline in known:
            return []
        return [f"{STUDY}: baseline: no {kind} is called {self.baseline!r}; {nearest(self.baseline, known)}"]


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """What a study left in its folder."""

    directory: Path
    title: str
    summary: Mapping[str, Any]
    runs: tuple[RunRecord, ...]
    """Those that began, by variant in the study's order, then by seed."""
    pending: tuple[tuple[str, int], ...]
    """Variant and seed of every run that was asked for and has neither a result, nor an error, nor a damaged result."""
    gaps: tuple[str, ...]
    """What could not be read besides runs, and why."""
    conclusion: Conclusion | None = None
    """What the scenario concluded from just these results; None while the study runs, and where it draws none."""

    def by_variant(self) -> dict[str, list[RunRecord]]:
        """The runs of each variant."""
        groups: dict[str, list[RunRecord]] = {}
        for run in self.runs:
            groups.setdefault(run.variant, []).append(run)
        return groups

    def missing(self) -> list[str]:
        """One line per run without a result, and per thing that could not be read."""
        failed = [(run, run.error) for run in self.runs if run.error]
        return [
            *self.gaps,
            *(f"{run.variant}, seed {run.seed}: failed: {error}" for run, error in failed),
            *self._gaps_of_runs(),
            *(f"{variant}, seed {seed}: not finished" for variant, seed in self.pending),
        ]

    def _gaps_of_runs(self) -> Iterator[str]:
        """One line per gap, however many runs have it."""
        runs: dict[str, list[RunRecord]] = {}
        for run in self.runs:
            for gap in run.gaps:
                runs.setdefault(gap, []).append(run)
        for gap, (first, *others) in runs.items():
            more = f" and {count(len(others), 'more run')}" if others else ""
            yield f"{first.variant}, seed {first.seed}{more}: {gap}"


def read_study(directory: Path) -> StudyRecord:
    """Read a study that has ended, was stopped, or is still running.

    Whatever is damaged, half-written or from another version within it becomes a line in `StudyRecord.missing`.

    Raises:
        OutputError: the folder holds no study, or the file that says what was asked for is damaged.
    """
    plan = _read_plan(directory)
    gaps = plan.gaps()
    runs = _read_runs(directory, plan, gaps)
    results: dict[str, dict[int, Result]] = {variant: {} for variant in plan.seeds}
    for run in runs:
        if run.result:
            results[run.variant][run.seed] = run.result
    failures = [{"variant": run.variant, "seed": run.seed, "error": run.error} for run in runs if run.error]
    # A run that left a result, an error, or something unreadable is told of as such.
    told = {(run.variant, run.seed) for run in runs if run.result or run.error or _has_damaged_result(run)}
    environment, stored = _read_summary(directory, gaps)
    conclusion = _read_conclusion(stored, results, directory, gaps)
    return StudyRecord(
        directory=directory,
        title=plan.title or directory.resolve().name,
        # Computed anew: a summary may be older than the results, or than the statistics of this version.
        summary={
            "scenario": plan.scenario,
            "baseline": plan.baseline,
            "against": plan.against,
            "levels": plan.levels_of_all,
            "environment": environment,
            **finite(summarise(results, baselines_of(plan.levels_of_all, plan.against, plan.baseline))),
            "failures": failures,
        },
        runs=tuple(runs),
        pending=tuple(run for run in plan.runs if run not in told),
        gaps=tuple(gaps),
        conclusion=conclusion,
    )


def seeds_of(asked: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds that `run.seeds` means: a number of them, or which.

    >>> seeds_of(3), seeds_of([5, 1])
    ((0, 1, 2), (5, 1))
    """
    return tuple(range(asked) if isinstance(asked, int) else asked)


def _read_plan(directory: Path) -> Plan:
    path = directory / STUDY
    if not path.is_file():
        raise OutputError(f"{directory}: is not the folder of a study (it has no {STUDY})")
    try:
        study = tomllib.loads(path.read_text(encoding="utf-8"))
        common = study.get("run", {})
        seeds = {
            variant: {**common, **changes.get("run", {})}.get("seeds", 1)
            for variant, changes in study["variants"].items()
        }
        known = {key: study[key] for key in KNOWN if key in study}
        plan: Plan = read_as(Plan, {**known, "seeds": seeds})
        if not plan.runs:
            raise ValueError("it asks for no run")
    except UNREADABLE as error:
        raise OutputError(f"{path}: cannot be read: {describe_error(error)}") from error
    return plan


def _read_runs(directory: Path, plan: Plan, gaps: list[str]) -> list[RunRecord]:
    """Every run that began; folders that belong to no run of the study are told of in `gaps`."""
    by_folder = {folder_name(variant): variant for variant in plan.seeds}
    asked, runs = set(plan.runs), []
    for folder in sorted(directory.glob("*/seed-*")):
        if not any((folder / name).exists() for name in (CONFIG, METRICS, RESULT)):
            continue
        variant, seed = by_folder.get(folder.parent.name), seed_of(folder)
        if variant is None or seed is None or (variant, seed) not in asked:
            gaps.append(f"{folder.relative_to(directory)}: belongs to no run of this study, left out")
        else:
            runs.append(read_run(folder, variant, seed))
    variants = list(plan.seeds)
    return sorted(runs, key=lambda run: (variants.index(run.variant), run.seed))


def _read_summary(directory: Path, gaps: list[str]) -> tuple[dict[str, Any], Any]:
    """What the summary says that the results do not, environment and conclusion; nothing if there is none yet."""
    path = directory / SUMMARY
    if not path.exists():
        return {}, None
    try:
        summary = parse_json(path.read_text(encoding="utf-8"))
        return dict(summary["environment"]), summary.get("conclusion")
    except UNREADABLE as error:
        gaps.append(
            f"{SUMMARY} cannot be read: {describe_error(error)}; the tables are computed from the results, and a "
            f"conclusion, where the scenario draws one, by `smoothkit resume {directory}`"
        )
        return {}, None


def _read_conclusion(stored: Any, results: Results, directory: Path, gaps: list[str]) -> Conclusion | None:
    """The conclusion that the summary has, unless it is damaged or about other results."""
    if stored is None:
        return None
    try:
        conclusion = read_stored(stored, results)
    except UNREADABLE as error:
        mend = f"`smoothkit resume {directory}` draws it anew"
        gaps.append(f"{SUMMARY}: the conclusion is left out: {describe_error(error)}; {mend}")
        return None
    figures = conclusion.figures.items()
    gaps += [f"conclusion, figure “{name}”: {f.reason}" for name, f in figures if isinstance(f, UnreadableFigure)]
    return conclusion


def _has_damaged_result(run: RunRecord) -> bool:
    return any(gap.startswith(RESULT) for gap in run.gaps)
