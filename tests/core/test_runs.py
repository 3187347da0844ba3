"""Several seeds in one model: the numbers of each alone, and what a trainer has of them."""

import json
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from smoothkit import execution
from smoothkit.distributed import Group
from smoothkit.errors import TrainingError
from smoothkit.run import Run
from smoothkit.runs import Runs
from smoothkit.scenario import RunInfo
from smoothkit.stopping import StopRequest
from smoothkit.workers import _ended
from tests.core import stacked
from tests.core.stacked import Lines
from tests.core.test_members import same
from tests.core.together import ENDS, checkpoint, ends, finished, tasks_in

STACKED = Path(stacked.__file__)

# --- the same numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [2, 3, 8])
def test_together_each_seed_is_what_it_is_alone(together, carry_out, alone, following, tmp_path):
    assert finished(carry_out(run={"together": together}))
    assert same(ends(tmp_path / "together"), alone)
    result = json.loads(alone[1][0])
    assert (result["variant"], result["seed"]) == ("LS", 1)
    # What an evaluation draws from torch's own generator does not depend on the evaluations before it.
    scalars = [json.loads(result)["scalars"] for result, *_ in alone.values()]
    assert all(len({values[name] for values in scalars}) == 3 for name in ("slope", "drawn", "global"))


def test_the_checkpoint_of_a_member_holds_its_own_slice(carry_out, alone, tmp_path):
    carry_out()
    states = [checkpoint(tmp_path / "together", seed)["tracked"]["model"] for seed in range(3)]
    assert [tuple(state["slopes"].shape) for state in states] == [(1,)] * 3
    assert len({state["slopes"].item() for state in states}) == 3
    assert {state["steps"].item() for state in states} == {30}


def test_who_follows_is_told_of_each_seed_as_if_it_were_alone(carry_out, following):
    carry_out("alone", run={"together": 1})
    one, following.observed = following.observed, []
    told, following.console = following.console, []
    carry_out()
    hooks = ("started", "logged", "evaluated", "finished")
    for seed in range(3):
        together = following.observed_of(seed, *hooks)
        assert together == [(hook, said) for hook, each, said in one if each == seed]
        assert together[0] == ("started", 0)
        assert together[-2:] == [("evaluated", 0), ("finished", "finished")]
    assert sorted(following.console) == sorted(told)
    assert following.console[:3] == [("started", seed) for seed in range(3)]


# --- what a trainer has ----------------------------------------------------------------------------------------------


@pytest.fixture
def make(following, tmp_path):
    """Runs of some seeds, at the steps at which they stand."""

    def make(*steps):
        runs = []
        for seed, step in enumerate(steps):
            info = RunInfo("stacked", "LS", seed, tmp_path, {}, step)
            task = tasks_in(tmp_path, (seed,))[0]
            watcher = execution._Watcher(task, info, following)
            runs.append(Run(info, task.config.run, Group(), None, watcher, StopRequest()))
        return Runs(runs, [tasks_in(tmp_path, (0,))[0].config] * len(runs))

    return make


def test_runs_are_a_sequence_of_runs(make):
    runs = make(0, 0, 0)
    assert len(runs) == 3
    assert [run.seed for run in runs] == [0, 1, 2]
    assert [run.seed for run in runs[1:]] == [1, 2]
    assert runs.first is runs[0]
    drawn = [torch.rand((), generator=stream).item() for stream in runs.streams("a")]
    assert drawn == [torch.rand((), generator=run.stream("a")).item() for run in make(0, 0, 0)]
    assert len(set(drawn)) == 3


def test_runs_at_different_steps_cannot_be_trained_together(make):
    with pytest.raises(RuntimeError, match="must go on from the same step"):
        make(0, 10)


def test_what_has_no_axis_of_members_is_refused(make):
    runs = make(0, 0)
    runs.track(model=Lines(runs.streams("weights")))
    with pytest.raises(ValueError, match=r"target: a tensor of shape \(4, 4\) has not the 2 members"):
        runs.track(target=torch.nn.Linear(4, 4))


def test_losses_of_all_may_be_checked_before_something_costly(make):
    runs = make(0, 0)
    runs.log(3, loss=torch.tensor([1.0, float("inf")]))
    with pytest.raises(TrainingError, match="LS, seed 1: the loss is not finite at step 3"):
        runs.check_losses()


# --- through the command line ----------------------------------------------------------------------------------------

FILE = """
scenario = "stacked"
[run]
device = "cpu"
threads = 1
log_every = 4
checkpoint_every = 10
seeds = 4
together = 2
[variants.a]
[variants.b]
steps = 20
"""


def left(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name in (*ENDS, "summary.json")
    }


def test_two_units_at_a_time_give_the_bytes_of_one_at_a_time(smoothkit, write, tmp_path):
    path = write(FILE)
    for folder, jobs, together in (("one", "1", 1), ("two", "2", 2), ("four", "1", 4)):
        result = smoothkit(
            "run", path, f"run.together={together}", "--jobs", jobs, "--output", folder, files=(STACKED,)
        )
        assert result.exit_code == 0, result.stderr
        lines = result.stderr.splitlines()
        assert sorted(line.partition("] ")[2] for line in lines if line.startswith("[")) == [
            f"{variant} · seed {seed}: finished" for variant in "ab" for seed in range(4)
        ]
        # What every seed notes is said once by each variant.
        assert sorted(line for line in lines if not line.startswith("[")) == ["a: 30 steps", "b: 20 steps"]
    assert left(tmp_path / "one") == left(tmp_path / "two") == left(tmp_path / "four")
    assert len(left(tmp_path / "one")) == 1 + 2 * 8


@pytest.mark.slow
def test_a_killed_worker_takes_its_units_with_it_and_they_go_on(smoothkit, write, tmp_path):
    path = write(FILE.replace("[variants.b]\n", "[variants.b]\nkill_at = 17\n"))
    result = smoothkit("run", path, "--jobs", "2", "--output", "out", "--quiet", files=(STACKED,))
    assert result.exit_code == 1
    failures = json.loads((tmp_path / "out" / "summary.json").read_text())["failures"]
    failed = {(failure["variant"], failure["seed"]) for failure in failures}
    assert {("b", 0), ("b", 1)} <= failed
    assert len(failed) in (2, 4)
    assert all("a worker process was killed" in line for line in result.stderr.splitlines())
    assert len(result.stderr.splitlines()) == len(failed)
    # A run that went down before it came to its own death must not die now, with this very process.
    (tmp_path / "out" / "b" / "seed-0" / "killed").touch()
    assert smoothkit("resume", "out", "--jobs", "1", "--quiet", files=(STACKED,)).exit_code == 0
    smoothkit("run", write(FILE), "--jobs", "1", "--output", "whole", "--quiet", files=(STACKED,))
    assert left(tmp_path / "out") == left(tmp_path / "whole")


def test_a_result_stays_where_the_worker_died_of_another(tmp_path, following):
    unit = tasks_in(tmp_path, (0, 1))
    unit[0].directory.mkdir()
    (unit[0].directory / "result.json").write_text("{}")
    future = Future()
    future.set_exception(BrokenProcessPool())
    assert [outcome.status for outcome in _ended(future, unit, following)] == ["finished", "failed"]
    assert following.console == [("failed", 1)]
    assert [path.parent.name for path in tmp_path.glob("*/error.txt")] == ["seed-1"]
