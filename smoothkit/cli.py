"""The command line. Nothing heavy is imported before a command needs it."""

import dataclasses
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smoothkit import __version__
from smoothkit.errors import INTERRUPTED, SmoothkitError
from smoothkit.report.command import report
from smoothkit.tracking.board import board

if TYPE_CHECKING:
    from smoothkit.plugins import PluginHost
    from smoothkit.scenario_file import ScenarioFile
    from smoothkit.stopping import StopRequest
    from smoothkit.study import Study


class _Group(click.Group):
    """Turns our errors into one line each and the right exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SmoothkitError as error:
            for line in str(error).splitlines():
                click.echo(f"smoothkit: {line}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="smoothkit")
@click.option("--no-plugin", "blocked", multiple=True, metavar="NAME", help="Do not load this plugin.")
@click.option("--plugin", "files", multiple=True, metavar="FILE.py", help="Load a one-file plugin as well.")
@click.option("--strict-plugins", is_flag=True, help="A broken plugin is an error even where nothing needs it.")
def main(blocked: tuple[str, ...], files: tuple[str, ...], strict_plugins: bool) -> None:
    """Target distributions as first-class objects: train, compare, report."""
    from smoothkit import plugins

    options = plugins.PluginOptions.from_environment()
    plugins.configure(dataclasses.replace(options, blocked=blocked, files=files, strict=strict_plugins))


def _host() -> "PluginHost":
    from smoothkit import plugins

    return plugins.host()


_file = click.argument("file")
_overrides = click.argument("overrides", nargs=-1, metavar="[KEY.PATH=VALUE]...")
_profile = click.option("--profile", metavar="NAME", help="Apply a profile of the file, such as `full`.")
_nproc = click.option("--nproc", type=click.IntRange(min=1), default=1, help="Processes that train one model together.")
_jobs = click.option("--jobs", type=click.IntRange(min=1), help="Runs at a time; by default one a core on a CPU.")
_quiet = click.option("--quiet", is_flag=True, help="No progress, only the comparison.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
_directory = click.argument("directory", type=click.Path(path_type=Path))


@main.command()
@_file
@_overrides
@click.option("--seeds", type=click.IntRange(min=1), help="Number of seeds for each variant.")
@click.option(
    "--variants",
    multiple=True,
    metavar="A,B",
    help="Only these: names, or patterns such as '*, tau 0.8'; may be given several times.",
)
@_profile
@click.option("--device", help="auto, cpu, cuda or cuda:1.")
@_nproc
@_jobs
@click.option(
    "--output", type=click.Path(path_type=Path), help="Folder for the results; runs/SCENARIO-TIME if not given."
)
@_quiet
@_json
def run(
    file: str,
    overrides: tuple[str, ...],
    seeds: int | None,
    variants: tuple[str, ...],
    profile: str | None,
    device: str | None,
    nproc: int,
    jobs: int | None,
    output: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train, evaluate and compare variants.

    FILE is a scenario file, or the name of one that ships with smoothkit. An override such as `train.lr=0.1` holds for
    every variant; `train.lr=` asks for the default.
    """
    overrides += tuple(
        f"run.{key}={value}" for key, value in (("seeds", seeds), ("device", device)) if value is not None
    )
    scenario_file = _load(file, overrides, profile)
    if variants:
        scenario_file = scenario_file.only(variants)
    if lone := scenario_file.uncompared:
        names = "; ".join([*lone[:3], *([f"and {len(lone) - 3} more"] if len(lone) > 3 else [])])
        click.echo(f"smoothkit: compared with nothing, as their counterparts are not chosen: {names}", err=True)
    output = output or Path("runs", f"{scenario_file.variants[0].config.scenario}-{time.strftime('%Y%m%d-%H%M%S')}")
    from smoothkit.study import Study, choose_jobs

    jobs = choose_jobs(scenario_file, jobs) if nproc == 1 else 1
    study = Study.create(output, scenario_file, at_work=jobs * nproc)
    _carry_out(study, jobs, nproc, quiet, as_json)


@main.command()
@_directory
@_nproc
@_jobs
@_quiet
@_json
def resume(directory: Path, nproc: int, jobs: int | None, quiet: bool, as_json: bool) -> None:
    """Go on with a study where it stood.

    Runs with a result are left alone; the others go on from their last checkpoints, or begin.
    """
    from smoothkit.study import Study, choose_jobs

    study = Study.load(directory, _host())
    _carry_out(study, choose_jobs(study.file, jobs) if nproc == 1 else 1, nproc, quiet, as_json)


def _carry_out(study: "Study", jobs: int, nproc: int, quiet: bool, as_json: bool) -> None:
    if nproc > 1:
        from smoothkit.distributed import launch

        flags = [flag for flag, given in (("--quiet", quiet), ("--json", as_json)) if given]
        sys.exit(launch(nproc, [*_plugin_arguments(), "resume", str(study.directory), *flags]))

    from rich.console import Console

    from smoothkit.report.page import write_report
    from smoothkit.report.terminal import terminal_table
    from smoothkit.tracking.console import console_for

    waiting = [task for task in study.tasks if not task.is_done]
    with study.locked(), _stop_on_signals() as stop, console_for(len(waiting), quiet or as_json) as console:
        outcomes = study.execute(jobs, console, stop)
    if not study.is_main:
        return
    summary = study.summarise(ended=True)
    page = write_report([study.directory])
    if as_json:
        click.echo(json.dumps(summary, indent=1))
    else:
        Console().print(terminal_table(summary))
        if not quiet:
            click.echo(f"results      {study.directory}\nreport       {page}")
            click.echo(f"TensorBoard  smoothkit board {study.directory}")
    if stop.is_set() or any(outcome.status == "out of time" for outcome in outcomes):
        click.echo(f"smoothkit: stopped; `smoothkit resume {study.directory}` goes on from the checkpoints", err=True)
        sys.exit(INTERRUPTED if stop.is_set() else 1)
    # The user's input is at fault (exit code 2) only if nothing else went wrong as well.
    if codes := [outcome.exit_code for outcome in outcomes if outcome.status == "failed"]:
        sys.exit(min(codes))


@contextmanager
def _stop_on_signals() -> "Iterator[StopRequest]":
    """The first Ctrl-C (or SIGTERM) asks for a checkpoint and an end, the second ends at once."""
    from smoothkit.stopping import StopRequest

    stop = StopRequest()

    def handle(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        click.echo("\nsmoothkit: stopping after a checkpoint; again to stop at once", err=True)

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _plugin_arguments() -> list[str]:
    """The options about plugins, for processes that are to load the same ones."""
    options = _host().options
    blocked, files = (f"--no-plugin={name}" for name in options.blocked), (f"--plugin={file}" for file in options.files)
    return [*blocked, *files, *(["--strict-plugins"] if options.strict else [])]


def _load(file: str, overrides: tuple[str, ...], profile: str | None) -> "ScenarioFile":
    from smoothkit.scenario_file import find_scenario, load_scenario

    return load_scenario(find_scenario(file), _host(), overrides, profile)


@main.command()
@_file
@_overrides
@_profile
def check(file: str, overrides: tuple[str, ...], profile: str | None) -> None:
    """Validate FILE; show each value's origin.

    Prints what each variant comes to, as TOML with the line, or the default, that every value is from.
    """
    from smoothkit.explain import explain

    for variant in _load(file, overrides, profile).variants:
        click.echo(explain(variant))


@main.command()
@click.argument("scenario", required=False)
def schema(scenario: str | None) -> None:
    """Print the JSON Schema of scenario files.

    Editors complete and check a file whose first line is `#:schema FILE.json`. Without a SCENARIO, the names of all.
    """
    from smoothkit.schema import scenario_schema

    if scenario is None:
        click.echo("\n".join(_host().registry.names("scenarios")))
    else:
        click.echo(json.dumps(scenario_schema(scenario, _host().registry), indent=1))


@main.command("list")
@click.argument("kind", required=False)
@_json
def list_(kind: str | None, as_json: bool) -> None:
    """List what there is, and from whom.

    KIND is targets, scenarios, datasets, models, augmentations or metrics; without it, all of them.
    """
    from smoothkit.listing import list_entries

    list_entries(_host(), kind, as_json)


@main.group()
def show() -> None:
    """Show one thing in full."""


@show.command("target")
@click.argument("name")
def show_target(name: str) -> None:
    """Formula, parameters, source and matrix of the target NAME."""
    from smoothkit.listing import show_target

    show_target(_host(), name)


@show.command("metric")
@click.argument("name")
def show_metric(name: str) -> None:
    """Definition, options, direction and source of the metric NAME."""
    from smoothkit.listing import show_metric

    show_metric(_host(), name)


@main.command("plugins")
@click.argument("name", required=False)
@_json
def plugins_(name: str | None, as_json: bool) -> None:
    """List plugins and their states.

    With NAME, everything about one, the traceback of a broken one included.
    """
    from smoothkit.listing import list_plugins

    list_plugins(_host(), name, as_json)


main.add_command(board)
main.add_command(report)
