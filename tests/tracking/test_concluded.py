"""What is concluded from a whole study, in TensorBoard: a run of its own."""

import json
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginEventAccumulator

from smoothkit.conclusion import Conclusion
from smoothkit.report.figures import figure_from_json
from smoothkit.report.table import Cell, Section, Table
from smoothkit.tracking import tensorboard
from tests.tracking.test_tensorboard import Broken
from tests.tracking.two_runs import matrix

CONCLUSION = Conclusion(
    words=("The gap fell, by | 0.1.", "<b>It</b> *flips*."),
    tables=(Table(title="Gaps", columns=("a",), numeric=(False,), sections=(Section(rows=((Cell(text="x"),),)),)),),
    figures={"matrix": matrix(30)},
)


def test_a_conclusion_is_a_run_of_its_own_at_the_last_step(tmp_path):
    for seed, last in enumerate((30, 20)):
        folder = tmp_path / "ls" / f"seed-{seed}"
        folder.mkdir(parents=True)
        rows = [{"step": step, "train/loss": 1.0} for step in (10, last)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tensorboard.smoothkit_concluded(tmp_path, CONCLUSION)
    events = EventAccumulator(str(tmp_path / "study")).Reload()
    (event,) = events.Tensors("conclusion/text_summary")
    assert event.step == 30
    assert event.tensor_proto.string_val[0].decode() == (
        "### Conclusion\n\n- The gap fell, by \\| 0.1.\n- &lt;b&gt;It&lt;/b&gt; \\*flips\\*.\n\n"
        "### Gaps\n\n| a |\n| --- |\n| x |\n"
    )
    (image,) = events.Images("figures/matrix")
    assert image.step == 30
    assert image.encoded_image_string.startswith(b"\x89PNG")
    (event,) = PluginEventAccumulator(str(tmp_path / "study")).Reload().Tensors("_targets_/conclusion/matrix")
    assert figure_from_json(json.loads(event.tensor_proto.string_val[0])) == CONCLUSION.figures["matrix"]


def test_a_later_conclusion_withdraws_the_former(tmp_path):
    tensorboard.smoothkit_concluded(tmp_path, CONCLUSION)
    time.sleep(1.01 - time.time() % 1)  # the names of event files hold whole seconds
    tensorboard.smoothkit_concluded(tmp_path, Conclusion(words=("Nothing did.",), figures={"matrix": matrix(40)}))
    events = PluginEventAccumulator(str(tmp_path / "study")).Reload()
    (event,) = events.Tensors("conclusion/text_summary")
    assert event.step == 0  # there was no run
    assert event.tensor_proto.string_val[0] == b"### Conclusion\n\n- Nothing did.\n"
    (event,) = events.Tensors("_targets_/conclusion/matrix")
    assert figure_from_json(json.loads(event.tensor_proto.string_val[0])) == matrix(40)


def test_a_figure_of_a_conclusion_that_cannot_be_drawn_takes_no_other_along(tmp_path):
    figures = {"broken": Broken(title="b"), "sound": matrix(30)}
    tensorboard.smoothkit_concluded(tmp_path, Conclusion(figures=figures))
    events = EventAccumulator(str(tmp_path / "study")).Reload()
    assert events.Tags()["images"] == ["figures/sound"]
    (event,) = events.Tensors("figures/broken/text_summary")
    assert event.tensor_proto.string_val[0] == b"cannot be drawn: ValueError: no room"
