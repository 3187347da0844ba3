"""Event files, read back through TensorBoard's own loader."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginEventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from smoothkit.report.figures import Figure, MatrixFigure, figure_from_json
from smoothkit.scenario import Result, RunInfo
from smoothkit.tracking import tensorboard
from tests.tracking.two_runs import matrix

CONFIG = {
    "scenario": "supervised",
    "target": {"name": "ls", "alpha": 0.1, "extra": None},
    "model": {"name": "mlp", "hidden": 64},
    "data": {"name": "digits"},
    "train": {"epochs": 3, "amp": False, "milestones": [1, 2]},
    "run": {"device": "cpu", "seeds": [3, 4]},
}
RESULT = Result(
    scalars={"accuracy": 0.9, "risk": float("nan")},
    figures={
        "matrix": MatrixFigure(
            title="t", values=((1.0, 0.0),), rows=("a",), columns=("a", "b"), row_label="l", column_label="c"
        )
    },
)


@pytest.fixture
def run(tmp_path: Path) -> RunInfo:
    (tmp_path / "config.toml").write_text("scenario = 'supervised'\n")
    return RunInfo("supervised", "LS", 3, tmp_path, CONFIG)


def carry_out(run: RunInfo, steps, outcome: str = "finished", sign: float = 1.0) -> None:
    tensorboard.smoothkit_run_started(run)
    for step in steps:
        tensorboard.smoothkit_logged(run, step, {"train/loss": sign * step})
    tensorboard.smoothkit_logged(run, steps[-1], {"validation/loss": 1.0, "validation/accuracy": 0.5})
    if outcome == "finished":
        tensorboard.smoothkit_evaluated(run, RESULT)
    tensorboard.smoothkit_run_finished(run, outcome)


def event_files(run: RunInfo) -> list[Path]:
    return sorted(path for path in run.directory.rglob("*tfevents*"))


def load(run: RunInfo) -> EventAccumulator:
    return EventAccumulator(str(run.directory)).Reload()


def session_record(run: RunInfo, which: str) -> HParamsPluginData:
    content = load(run).SummaryMetadata(f"_hparams_/session_{which}_info").plugin_data.content
    return HParamsPluginData.FromString(content)


def test_one_event_file_with_all_tags(run):
    carry_out(run, [10, 20])
    assert len(event_files(run)) == 1
    assert event_files(run)[0].parent == run.directory
    events = load(run)
    scalars = ["final/accuracy", "final/risk", "train/loss", "validation/accuracy", "validation/loss"]
    assert sorted(events.Tags()["scalars"]) == scalars
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(10, 10.0), (20, 20.0)]
    assert [event.step for event in events.Scalars("final/accuracy")] == [20]
    assert np.isnan(events.Scalars("final/risk")[0].value)


def test_figures_are_png_images_of_their_stated_size(run):
    carry_out(run, [10])
    (image,) = load(run).Images("figures/matrix")
    assert image.encoded_image_string.startswith(b"\x89PNG")
    width, height = (int.from_bytes(image.encoded_image_string[at : at + 4], "big") for at in (16, 20))
    assert (image.width, image.height) == (width, height)


def test_of_other_seeds_figures_are_in_the_tab_alone(run):
    """Drawing one takes longer than many a run; a study may have thousands."""
    other = replace(run, seed=4)
    carry_out(other, [10])
    assert load(other).Tags()["images"] == []
    assert "_targets_/final/matrix" in load(other).Tags()["tensors"]


@dataclass(frozen=True, kw_only=True)
class Broken(Figure):
    """A plugin's own kind, whose code fails."""

    def draw(self):
        raise ValueError("no room")


def test_a_figure_that_cannot_be_drawn_takes_no_other_along(run):
    broken, sound = Broken(title="b"), RESULT.figures["matrix"]
    tensorboard.smoothkit_run_started(run)
    # A number as a title, which JSON has no word for.
    tensorboard.smoothkit_figures(run, 10, {"a": Broken(title=np.float32(1)), "b": sound})  # pyright: ignore
    tensorboard.smoothkit_evaluated(run, Result(scalars={}, figures={"a": broken, "b": sound, "c": broken}))
    # Read before the stream is closed: the evaluation has written all it has.
    events = load(run)
    assert events.Tags()["images"] == ["figures/b"]
    for name in "ac":
        (event,) = events.Tensors(f"figures/{name}/text_summary")
        assert (event.step, event.tensor_proto.string_val[0]) == (10, b"cannot be drawn: ValueError: no room")
    (event,) = events.Tensors("a/text_summary")
    assert event.tensor_proto.string_val[0].startswith(b"cannot be drawn: TypeError: ")
    assert figures_of(run, "b") == figures_of(run, "final/b") == [(10, sound)]
    tensorboard.smoothkit_run_finished(run, "finished")


def figures_of(run: RunInfo, tag: str) -> list[tuple[int, MatrixFigure]]:
    """The steps and figures of a tag that the Targets tab would read."""
    events = PluginEventAccumulator(str(run.directory)).Reload().Tensors(f"_targets_/{tag}")
    return [(event.step, figure_from_json(json.loads(event.tensor_proto.string_val[0]))) for event in events]


def test_figures_of_training_and_of_the_evaluation_go_to_the_tab(run):
    tensorboard.smoothkit_run_started(run)
    for step in (10, 20):
        tensorboard.smoothkit_figures(run, step, {"target/matrix": matrix(step), "validation/m": matrix(step + 1)})
    tensorboard.smoothkit_logged(run, 15, {"train/loss": 1.0})
    tensorboard.smoothkit_evaluated(run, RESULT)
    tensorboard.smoothkit_run_finished(run, "finished")
    assert figures_of(run, "target/matrix") == [(10, matrix(10)), (20, matrix(20))]
    assert figures_of(run, "validation/m") == [(10, matrix(11)), (20, matrix(21))]
    # The evaluation stands at the last step of all, whatever was written there.
    assert figures_of(run, "final/matrix") == [(20, RESULT.figures["matrix"])]
    # Only the evaluation's figures are drawn here: drawing takes a hundred times as long as writing numbers.
    assert load(run).Tags()["images"] == ["figures/matrix"]


@pytest.mark.parametrize("checkpoint", [0, 20])
def test_resumed_run_withdraws_figures_beyond_its_checkpoint(run, checkpoint):
    def carry_on(run: RunInfo, steps: range, offset: int) -> None:
        tensorboard.smoothkit_run_started(run)
        for step in steps:
            tensorboard.smoothkit_figures(run, step, {"target/matrix": matrix(step + offset)})
        tensorboard.smoothkit_run_finished(run, "interrupted")

    carry_on(run, range(10, 40, 10), 0)
    time.sleep(1.01 - time.time() % 1)  # see below: the names of event files hold whole seconds
    carry_on(resumed(run, checkpoint), range(checkpoint + 10, 50, 10), 1)
    assert figures_of(run, "target/matrix") == [(step, matrix(step + (step > checkpoint))) for step in (10, 20, 30, 40)]


def test_configuration_is_text(run):
    carry_out(run, [10])
    (event,) = load(run).Tensors("config/text_summary")
    assert event.tensor_proto.string_val[0] == b"```toml\nscenario = 'supervised'\n\n```"


def test_hyperparameters_keep_their_types_and_leave_the_rest_out(run):
    carry_out(run, [10])
    values = session_record(run, "start").session_start_info.hparams
    assert {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()} == {
        "variant": "LS",
        "seed": 3.0,
        "target.name": "ls",
        "target.alpha": 0.1,
        "model.name": "mlp",
        "model.hidden": 64.0,
        "data.name": "digits",
        "train.epochs": 3.0,
        "train.amp": False,
        "train.milestones": "[1, 2]",
    }
    # An experiment record would hide the columns of runs with other keys.
    assert "_hparams_/experiment" not in load(run).Tags()["tensors"]
    with pytest.raises(KeyError):
        load(run).SummaryMetadata("_hparams_/experiment")


@pytest.mark.parametrize(("outcome", "status"), [("finished", STATUS_SUCCESS), ("failed", STATUS_FAILURE)])
def test_end_is_marked(run, outcome, status):
    carry_out(run, [10], outcome)
    assert session_record(run, "end").session_end_info.status == status


@pytest.mark.parametrize("outcome", ["interrupted", "out of time"])
def test_run_that_can_be_resumed_is_not_marked_as_ended(run, outcome):
    carry_out(run, [10], outcome)
    with pytest.raises(KeyError):
        session_record(run, "end")


def resumed(run: RunInfo, step: int, recorded: int = 0) -> RunInfo:
    return replace(run, resumed_from=step, recorded_to=recorded)


def test_records_that_count_other_things_than_steps_are_kept(run):
    """Of a run whose steps each are ten of its records."""
    carry_out(run, [100, 200, 300], "interrupted")
    time.sleep(1.01 - time.time() % 1)
    carry_out(resumed(run, 20, recorded=200), [300, 400], sign=-1.0)
    found = [(event.step, event.value) for event in load(run).Scalars("train/loss")]
    assert found == [(100, 100), (200, 200), (300, -300), (400, -400)]


@pytest.mark.parametrize("accumulator", [EventAccumulator, PluginEventAccumulator])
@pytest.mark.parametrize("checkpoint", [0, 20])
def test_resumed_run_withdraws_what_lies_beyond_its_checkpoint(run, accumulator, checkpoint):
    carry_out(run, [10, 20, 30], "interrupted")
    # A file's name holds the second it was made in; two of one second are read in no certain order.
    time.sleep(1.01 - time.time() % 1)
    carry_out(resumed(run, checkpoint), list(range(checkpoint + 10, 50, 10)), sign=-1.0)
    events = accumulator(str(run.directory)).Reload()
    if accumulator is EventAccumulator:
        found = [(event.step, event.value) for event in events.Scalars("train/loss")]
    else:
        found = [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors("train/loss")]
    assert found == [(step, step if step <= checkpoint else -step) for step in (10, 20, 30, 40)]
    assert session_record(run, "end").session_end_info.status == STATUS_SUCCESS


def read_layout(run: RunInfo) -> dict[str, dict[str, list[str]]]:
    event = load(run).Tensors("custom_scalars__config__")[-1]
    stored = Layout.FromString(event.tensor_proto.string_val[0])
    return {part.title: {chart.title: list(chart.multiline.tag) for chart in part.chart} for part in stored.category}


def test_layout_groups_every_tag_that_was_logged(run):
    carry_out(run, [10, 20])
    assert read_layout(run) == {
        "Compared": {"loss": ["train/loss$", "validation/loss$"]},
        "Train": {"train/loss": ["train/loss$"]},
        "Validation": {"validation/accuracy": ["validation/accuracy$"], "validation/loss": ["validation/loss$"]},
    }


def test_layout_takes_any_tag():
    assert tensorboard.layout(["epsilon", "group/a+b/ece"]) == {
        "Other": {"epsilon": ["Multiline", ["epsilon$"]]},
        "Group": {"group/a+b/ece": ["Multiline", [r"group/a\+b/ece$"]]},
    }
    assert tensorboard.layout([]) == {}


def test_two_runs_at_once_do_not_mix(run, tmp_path):
    other = RunInfo("supervised", "hard", 0, tmp_path / "other", {})
    other.directory.mkdir()
    (other.directory / "config.toml").write_text("")
    tensorboard.smoothkit_run_started(run)
    tensorboard.smoothkit_run_started(other)
    tensorboard.smoothkit_logged(run, 1, {"a": 1.0})
    tensorboard.smoothkit_logged(other, 2, {"b": 1.0})
    for info in (run, other):
        tensorboard.smoothkit_run_finished(info, "finished")
    assert load(other).Tags()["scalars"] == ["b"]
    assert load(run).Tags()["scalars"] == ["a"]


def test_run_whose_stream_did_not_open_goes_on_without(tmp_path):
    run = RunInfo("supervised", "LS", 0, tmp_path, CONFIG)
    with pytest.raises(FileNotFoundError):
        tensorboard.smoothkit_run_started(run)  # there is no config.toml
    tensorboard.smoothkit_logged(run, 1, {"a": 1.0})
    tensorboard.smoothkit_figures(run, 1, RESULT.figures)
    tensorboard.smoothkit_evaluated(run, RESULT)
    tensorboard.smoothkit_run_finished(run, "failed")
    assert event_files(run) == []


def test_importing_the_plugin_is_light():
    code = (
        "import sys, smoothkit.tracking.tensorboard as plugin; assert plugin.smoothkit_api == 1;"
        "assert not {'torch', 'tensorboard', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
