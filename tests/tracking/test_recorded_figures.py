"""`run.record_figures`, from a scenario's loop to the observers, over a whole study."""

import json

SCENARIO = """
from smoothkit import hookimpl
from smoothkit.report.figures import CurvesFigure
from smoothkit.scenario import Result, Scenario, ScenarioConfig

class Config(ScenarioConfig):
    "No options."

def train(config, run):
    run.track()
    for step in run.steps(20):
        run.log(step, loss=1.0)
        if step % 5 == 0:
            values = (float(step),)
            figure = CurvesFigure(title="t", x_label="x", y_label="y", x={"a": values}, y={"a": values})
            run.record_figures(step, "validation", {"curve": figure})

def evaluate(config, run, trained):
    return Result(scalars={"loss": 1.0})

@hookimpl
def smoothkit_scenarios(register):
    register("drawing", f"{__name__}:SCENARIO")

SCENARIO = Scenario(Config, f"{__name__}:train", f"{__name__}:evaluate")
"""
OBSERVER = """
import json
from smoothkit import hookimpl

@hookimpl
def smoothkit_figures(run, step, figures):
    with open(run.directory / "seen.jsonl", "a") as stream:
        stream.write(json.dumps([run.variant, step, {tag: f.to_json()["y"] for tag, f in figures.items()}]) + "\\n")
    THEN
"""


def carry_out(smoothkit, write, tmp_path, then):
    files = write(SCENARIO, "drawing.py"), write(OBSERVER.replace("THEN", then), "observer.py")
    result = smoothkit("run", write("scenario = 'drawing'\n", "s.toml"), "--output", "out", files=files)
    assert result.exit_code == 0, result.stderr
    (seen,) = (tmp_path / "out").rglob("seen.jsonl")
    return result, [json.loads(line) for line in seen.read_text().splitlines()]


def test_observers_see_each_figure_at_its_step(smoothkit, write, tmp_path):
    _, seen = carry_out(smoothkit, write, tmp_path, "pass")
    assert [(step, figures) for _, step, figures in seen] == [
        (step, {"validation/curve": {"a": [step]}}) for step in (5, 10, 15, 20)
    ]


def test_an_observer_that_fails_does_not_stop_the_run(smoothkit, write, tmp_path, capfd):
    result, seen = carry_out(smoothkit, write, tmp_path, "raise ValueError('no room')")
    assert len(seen) == 4
    told = result.stderr + capfd.readouterr().err
    assert told.count("plugin 'observer' failed in smoothkit_figures and was ignored") == 1
