"""A study: the variants of a scenario file, each with several seeds, carried out, summarised and compared."""

import functools
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomlkit
import torch

import smoothkit
from smoothkit.conclusion import Findings, conclude, with_runs
from smoothkit.config import dump
from smoothkit.distributed import choose_device, process_group
from smoothkit.errors import OutputError, SmoothkitError
from smoothkit.execution import Console, Outcome, Task, Unit, execute, lock, prepare_process
from smoothkit.files import ERROR, RESULT, ROWS, STUDY, SUMMARY, write_json, write_text
from smoothkit.plugins import PluginHost, host
from smoothkit.report.folder import seeds_of
from smoothkit.report.recording import last_line
from smoothkit.report.run_result import UNREADABLE, describe_error, parse_result, with_rows
from smoothkit.report.summary import summarise
from smoothkit.scenario import Result
from smoothkit.scenario_file import ScenarioFile, Variant, load_scenario
from smoothkit.stopping import StopRequest
from smoothkit.units import number_of_units, units
from smoothkit.workers import execute_in_workers

SUMMARY_SECONDS, SUMMARY_SHARE = 5.0, 0.02
"""What summaries may take while a study runs: so many seconds, and this share of its time."""


@dataclass(frozen=True)
class Study:
    """What is to be run, and where its results lie."""

    directory: Path
    file: ScenarioFile

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Every run, all variants of one seed before the next seed, so that a comparison can be seen early."""
        seeds = {seed: None for variant in self.file.variants for seed in seeds_of(variant.config.run.seeds)}
        return tuple(
            Task(variant.name, seed, self.directory / variant.slug / f"seed-{seed}", self.file.scenario, variant.config)
            for seed in seeds
            for variant in self.file.variants
            if seed in seeds_of(variant.config.run.seeds)
        )

    @staticmethod
    def create(directory: Path, file: ScenarioFile, at_work: int) -> "Study":
        """Begin a study in `directory`, which must be empty or not exist, for `at_work` processes at a time.

        Raises:
            OutputError: it is not empty, not a folder, or cannot be written.
        """
        study = Study(directory, _with_threads(file, at_work))
        if study.is_main:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                with lock(directory):
                    _check_empty(directory)
                    write_text(directory / STUDY, _study_toml(study.file))
            except OSError as error:
                raise OutputError(f"{directory}: cannot be written: {error}") from error
        return study

    @staticmethod
    def load(directory: Path, host: PluginHost) -> "Study":
        """The study that was begun in `directory`.

        Raises:
            OutputError: there is none.
        """
        if not (directory / STUDY).is_file():
            raise OutputError(f"{directory}: is not the folder of a study (it has no {STUDY})")
        return Study(directory, load_scenario(directory / STUDY, host))

    @property
    def is_main(self) -> bool:
        """Whether this process writes; the others that torchrun started only compute."""
        return int(os.environ.get("RANK", 0)) == 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other smoothkit processes out of the folder for the length of the block.

        Raises:
            OutputError: one is there already.
        """
        with lock(self.directory) if self.is_main else nullcontext():
            yield

    def execute(self, jobs: int, console: Console, stop: StopRequest) -> list[Outcome]:
        """Carry out every run that has no result yet, and keep `summary.json` about as new as the results are."""
        outcomes: list[Outcome] = []
        began, spent = time.monotonic(), 0.0
        for ended in self._outcomes(units(self.tasks), jobs, console, stop):
            outcomes.extend(ended)
            now = time.monotonic()
            # Of a thousand runs it takes seconds, and after each of them it would take hours.
            if self.is_main and spent <= SUMMARY_SECONDS + SUMMARY_SHARE * (now - began):
                self.summarise()
                spent += time.monotonic() - now
        return outcomes

    def _outcomes(
        self, waiting: Sequence[Unit], jobs: int, console: Console, stop: StopRequest
    ) -> Iterator[list[Outcome]]:
        if jobs > 1:
            yield from execute_in_workers(waiting, jobs, console, stop)
            return
        with process_group(choose_device(waiting[0][0].config.run.device if waiting else "cpu")) as group:
            for unit in waiting:
                if stop.is_set():
                    return
                prepare_process(unit[0].config.run.threads)
                yield execute(unit, group, console, stop)

    def summarise(self, *, ended: bool = False) -> dict[str, Any]:
        """Read all results there are, write `summary.json`, return its content: with the conclusion if it has `ended`.

        Observers are told of the conclusion once it is written.

        Raises:
            SmoothkitError: a result is damaged, or the summary cannot be written.
        """
        results, failures = self._read()
        variants = self.file.variants
        against, baselines = self.file.against, self.file.baselines
        computed = summarise(results, baselines)
        findings = Findings(
            configs={variant.name: variant.config for variant in variants},
            baseline=self.file.baseline if against is None else None,
            results=results,
            levels=self.file.levels,
            baselines=baselines,
            comparisons=computed["comparisons"],
        )
        conclusion = conclude(self.file.scenario, findings) if ended else None
        summary = {
            "schema": 1,
            "scenario": variants[0].config.scenario,
            "title": self.file.title,
            "baseline": self.file.baseline,
            "against": against,
            "levels": self.file.levels,
            "environment": environment(variants[0].config.run.device),
            **computed,
            "conclusion": with_runs(conclusion, results) if conclusion else None,
            "failures": failures,
        }
        try:
            write_json(self.directory / SUMMARY, summary)
        except OSError as error:
            raise SmoothkitError(
                f"{self.directory / SUMMARY}: cannot be written: {error.strerror}; make room, then "
                f"`smoothkit resume {self.directory}`"
            ) from error
        if conclusion:
            host().notify("smoothkit_concluded", directory=self.directory, conclusion=conclusion)
        return summary

    def _read(self) -> tuple[dict[str, dict[int, Result]], list[dict[str, Any]]]:
        """The results by variant and seed, and the runs that failed, with the last line of each error."""
        results: dict[str, dict[int, Result]] = {variant.name: {} for variant in self.file.variants}
        failures = []
        for task in self.tasks:
            if task.is_done:
                modified = (task.directory / RESULT).stat().st_mtime_ns
                results[task.variant][task.seed] = _read_result(task.directory, task.variant, task.seed, modified)
            elif (error := task.directory / ERROR).exists():
                failures.append({"variant": task.variant, "seed": task.seed, "error": last_line(error)})
        return results, failures


def choose_jobs(file: ScenarioFile, asked: int | None) -> int:
    """How many units of runs to carry out at a time: what was asked for, or on a CPU one a core, on a GPU one.

    Raises:
        UserError: a device that a variant asks for is not there.
    """
    configs = [variant.config for variant in file.variants]
    runs = ((variant.name, variant.config, len(seeds_of(variant.config.run.seeds))) for variant in file.variants)
    number = number_of_units(file.scenario, runs)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        return 1
    on_cpu = {choose_device(config.run.device).type for config in configs} == {"cpu"}
    if asked is None:
        asked = min(os.cpu_count() or 1, 8) if on_cpu else 1
    return min(asked, number)


# The summary is written anew after every run: without this, n runs would be read n * n / 2 times.
@functools.cache
def _read_result(folder: Path, variant: str, seed: int, modified: int) -> Result:
    """The result in a run's folder, with its rows, as of the time that it was `modified`."""
    path = folder / RESULT
    try:
        result = parse_result(path.read_text(encoding="utf-8"), variant, seed)
        path = folder / ROWS
        return with_rows(result, folder)
    except UNREADABLE as error:
        raise OutputError(
            f"{path}: cannot be read: {describe_error(error)}; delete {folder / RESULT}, and `smoothkit resume` makes "
            "it anew"
        ) from error


@functools.cache
def environment(device_name: str) -> dict[str, Any]:
    """What a number may depend on besides the scenario."""
    device = choose_device(device_name)
    return {
        "smoothkit": smoothkit.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }


def _commit() -> str | None:
    """The commit of the checkout that smoothkit runs from, if it does."""
    folder = Path(smoothkit.__file__).parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _with_threads(file: ScenarioFile, at_work: int) -> ScenarioFile:
    """The file with its number of threads settled: results depend on it, so a resumed study keeps it."""
    alone = at_work == 1 and int(os.environ.get("LOCAL_WORLD_SIZE", 1)) == 1
    threads = torch.get_num_threads() if alone else 1

    def settle(variant: Variant) -> Variant:
        run = variant.config.run
        settled = run.model_copy(update={"threads": run.threads or threads})
        return replace(variant, config=variant.config.model_copy(update={"run": settled}))

    return replace(file, variants=tuple(settle(variant) for variant in file.variants))


def _check_empty(directory: Path) -> None:
    found = {path.name for path in directory.iterdir()} - {".lock"}
    if STUDY in found:
        raise OutputError(
            f"{directory}: holds a study already; `smoothkit resume {directory}` goes on with it, or choose another "
            "--output"
        )
    if found:
        raise OutputError(f"{directory}: is not empty; choose another --output")


def _study_toml(file: ScenarioFile) -> str:
    """A scenario file that needs no other: running it anywhere repeats the study."""
    configs = {variant.name: dump(variant.config) for variant in file.variants}
    first, *others = configs.values()
    common = {key: value for key, value in first.items() if all(config.get(key) == value for config in others)}
    content = {
        "scenario": first["scenario"],
        "title": file.title,
        **({"against": file.against} if file.against else {}),
        "baseline": file.baseline,
        **({"plugins": list(file.plugins)} if file.plugins else {}),
        **common,
        # Some combinations of a grid may have been chosen, so that it cannot be written as one.
        **({"levels": file.levels} if all(file.levels.values()) else {}),
        "variants": {
            name: {key: value for key, value in config.items() if key not in common} for name, config in configs.items()
        },
    }
    return tomlkit.dumps(content)
