"""TensorBoard: every run writes its scalars, figures, configuration and hyperparameters to one event stream.

An observer plugin: it reads what the host logs and changes nothing. Tags are those of the host (`train/loss`), then
`final/<name>` for the evaluation's scalars. Figures go to the Targets tab, those of training under the host's tags
(`validation/matrix`), those of the evaluation as `final/<name>`; of each variant's first seed these are also pictures,
`figures/<name>`. What a
scenario concludes from the whole study is a run of its own, `study`: its words as the text `conclusion`, its figures as
`conclusion/<name>` in the Targets tab and `figures/<name>` as pictures.
"""

# Protocol buffers build their classes at run time, where a type checker cannot see them.
# pyright: reportAttributeAccessIssue=false

# This module is imported whenever smoothkit starts, so what its annotations name is imported for type checkers alone.
from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smoothkit import hookimpl
from smoothkit.files import CONFIG, METRICS

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

    from smoothkit.conclusion import Conclusion
    from smoothkit.report.figures import Figure
    from smoothkit.scenario import Result, RunInfo

smoothkit_api = 1

LEFT_OUT = ("scenario", "use", "run", "evaluate")
"""The parts of a configuration that the HParams table does not show: how a run is carried out and measured."""

CONCLUSION = "study"
"""The run of what is concluded."""

_writers: dict[Path, EventStream] = {}


@hookimpl
def smoothkit_run_started(run: RunInfo) -> None:
    """Open the run's event stream, with its configuration as text and hyperparameters."""
    _writers[run.directory] = EventStream(run)


@hookimpl
def smoothkit_logged(run: RunInfo, step: int, values: Mapping[str, float]) -> None:
    """Write the values as scalars."""
    # A run whose stream could not be opened has said so once; it is trained without TensorBoard.
    if stream := _writers.get(run.directory):
        stream.scalars(step, values)


@hookimpl
def smoothkit_figures(run: RunInfo, step: int, figures: Mapping[str, Figure]) -> None:
    """Write the figures for the Targets tab."""
    if stream := _writers.get(run.directory):
        stream.figures(step, figures)


@hookimpl
def smoothkit_evaluated(run: RunInfo, result: Result) -> None:
    """Write the evaluation at the last step that was logged."""
    if stream := _writers.get(run.directory):
        stream.evaluation(result)


@hookimpl
def smoothkit_run_finished(run: RunInfo, outcome: str) -> None:
    """Say how the run ended, and close its stream."""
    if stream := _writers.pop(run.directory, None):
        stream.finish(outcome)


@hookimpl
def smoothkit_concluded(directory: Path, conclusion: Conclusion) -> None:
    """Write the conclusion at the last step of any run; it withdraws what a former one said."""
    from torch.utils.tensorboard.writer import SummaryWriter

    from smoothkit.report.markdown import markdown_conclusion
    from smoothkit.tracking.figure_summary import figure_summary

    step = last_step(directory)
    with SummaryWriter(str(directory / CONCLUSION), purge_step=0) as writer:
        writer.add_text("conclusion", markdown_conclusion(conclusion), step)
        for name, figure in conclusion.figures.items():
            add_figure(writer, figure_summary, f"conclusion/{name}", figure, step)
            add_figure(writer, _image, f"figures/{name}", figure, step)


def last_step(directory: Path) -> int:
    """The last step at which a run of the study recorded something; 0 if none did."""
    from smoothkit.report.recording import parse_metrics

    found = (parse_metrics(path.read_bytes())[0] for path in directory.glob(f"*/seed-*/{METRICS}"))
    return max((int(curve.steps[-1]) for curves in found for curve in curves.values() if len(curve.steps)), default=0)


class EventStream:
    """The event file of one run.

    A run that is resumed goes on in a second file of the same folder, whose first record withdraws what the first file
    holds beyond the checkpoint; TensorBoard shows both as one run.
    """

    def __init__(self, run: RunInfo):
        from torch.utils.tensorboard.writer import SummaryWriter

        from smoothkit.report.folder import seeds_of

        config = (run.directory / CONFIG).read_text(encoding="utf-8")
        self._step = max(run.resumed_from, run.recorded_to)
        # A fresh run withdraws nothing, but TensorBoard takes only the second start it reads for a restart.
        self._writer = SummaryWriter(str(run.directory), purge_step=self._step + 1, flush_secs=10)
        self._tags: set[str] = set()
        # Drawing takes longer than many a small run.
        self._draws = run.seed == seeds_of(run.config.get("run", {}).get("seeds", 1))[0]
        self._writer.add_text("config", f"```toml\n{config}\n```", self._step)
        self._add(_session_start(run))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write values of one step."""
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, step)
        self._step = max(self._step, step)
        if not self._tags.issuperset(values):
            # TensorBoard reads a run's last layout, so writing it anew as tags appear serves a run in progress too.
            self._tags.update(values)
            self._writer.add_custom_scalars(layout(self._tags))

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        """Write figures of one step, as numbers: drawing them is the tab's work."""
        from smoothkit.tracking.figure_summary import figure_summary

        for tag, figure in figures.items():
            add_figure(self._writer, figure_summary, tag, figure, step)
        self._step = max(self._step, step)

    def evaluation(self, result: Result) -> None:
        """Write final scalars and figures. They have one point each, so the layout of charts leaves them out."""
        for name, value in result.scalars.items():
            self._writer.add_scalar(f"final/{name}", value, self._step)
        self.figures(self._step, {f"final/{name}": figure for name, figure in result.figures.items()})
        for name, figure in result.figures.items() if self._draws else ():
            add_figure(self._writer, _image, f"figures/{name}", figure, self._step)
        self._writer.flush()

    def finish(self, outcome: str) -> None:
        """Write success or failure, and close.

        TensorBoard keeps the first status it reads. A run that was interrupted or ran out of time is therefore given
        none before it ends for good; one that failed stays marked so, even if it is taken up again and succeeds.
        """
        if outcome in ("finished", "failed"):
            self._add(_session_end(success=outcome == "finished"))
        self._writer.close()

    def _add(self, summary: Any) -> None:
        _write(self._writer, summary, None)


def add_figure(
    writer: SummaryWriter, summarise: Callable[[str, Figure], Any], tag: str, figure: Figure, step: int
) -> None:
    """Write what `summarise` makes of a figure, or a text that says why it cannot."""
    # A plugin's own kind may fail in its own code, which must not take the figures after it along.
    try:
        summary = summarise(tag, figure)
    except Exception as error:
        writer.add_text(tag, f"cannot be drawn: {type(error).__name__}: {error}", step)
    else:
        _write(writer, summary, step)


def _write(writer: SummaryWriter, summary: Any, step: int | None) -> None:
    file = writer.file_writer
    assert file is not None, "the stream is closed"
    file.add_summary(summary, step)


def layout(tags: Iterable[str]) -> dict[str, dict[str, list[Any]]]:
    """Charts for the Custom Scalars tab, in the form that `SummaryWriter.add_custom_scalars` takes.

    One category per prefix has a chart per tag, in which all runs are drawn together. Names that stand under several
    prefixes also share a chart, so that training can be held against validation.

    >>> {category: list(charts) for category, charts in layout(["train/loss", "validation/loss"]).items()}
    {'Compared': ['loss'], 'Train': ['train/loss'], 'Validation': ['validation/loss']}
    """
    groups: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    for tag in sorted(tags):
        prefix, _, name = tag.rpartition("/")
        groups.setdefault(prefix.partition("/")[0].capitalize() or "Other", []).append(tag)
        names.setdefault(name, []).append(tag)
    shared = {name: _chart(together) for name, together in names.items() if len(together) > 1}
    charts = {group: {tag: _chart([tag]) for tag in members} for group, members in groups.items()}
    return {**({"Compared": shared} if shared else {}), **charts}


def _chart(tags: list[str]) -> list[Any]:
    # TensorBoard takes each entry for a regular expression that a tag has to begin with.
    return ["Multiline", [f"{re.escape(tag)}$" for tag in tags]]


def hyperparameters(run: RunInfo) -> dict[str, bool | float | str]:
    """The choices that tell runs apart, under dotted keys: numbers stay numbers, and what is not set is left out.

    >>> from smoothkit.scenario import RunInfo
    >>> config = {"target": {"name": "ls", "alpha": 0.1}, "run": {"threads": 1}}
    >>> hyperparameters(RunInfo("supervised", "LS", 3, Path("out"), config))
    {'variant': 'LS', 'seed': 3, 'target.name': 'ls', 'target.alpha': 0.1}
    """
    shown = {part: value for part, value in run.config.items() if part not in LEFT_OUT}
    return {"variant": run.variant, "seed": run.seed, **dict(_flatten(shown))}


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | float | str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        elif value is not None:  # a None would turn the column's numbers into text
            yield prefix + key, value if isinstance(value, bool | int | float | str) else str(value)


# `SummaryWriter.add_hparams` opens a second run, and its experiment record hides the columns of runs with other keys.
# The session records alone, in the run's own stream, do neither: TensorBoard then finds all columns by itself.


def _session_start(run: RunInfo) -> Any:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

    info = SessionStartInfo(start_time_secs=time.time())
    for name, value in hyperparameters(run).items():
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, str):
            info.hparams[name].string_value = value
        else:
            info.hparams[name].number_value = value
    return _session_record("start", HParamsPluginData(session_start_info=info))


def _session_end(*, success: bool) -> Any:
    from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    info = SessionEndInfo(status=STATUS_SUCCESS if success else STATUS_FAILURE, end_time_secs=time.time())
    return _session_record("end", HParamsPluginData(session_end_info=info))


def _session_record(which: str, data: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

    content = data.SerializeToString()
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="hparams", content=content))
    return Summary(value=[Summary.Value(tag=f"_hparams_/session_{which}_info", metadata=metadata)])


def _image(tag: str, figure: Figure) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    from smoothkit.report.pictures import draw, png

    # The picture goes in as the PNG that it is; decoding it to pixels for `add_image` would encode it again.
    picture = draw(figure)
    width, height = (round(side * picture.dpi) for side in picture.get_size_inches())
    image = Summary.Image(encoded_image_string=png(picture), width=width, height=height, colorspace=4)
    return Summary(value=[Summary.Value(tag=tag, image=image)])
