"""Several seeds in one model that are killed, stopped or fail: each comes to the end that it comes to alone."""

import importlib
import time
import weakref

import pytest

from smoothkit import execution
from smoothkit.execution import Outcome, lock
from smoothkit.history import History
from smoothkit.runs import Runs
from smoothkit.stopping import StopRequest
from smoothkit.units import units
from tests.core import stacked
from tests.core.stacked import Lines
from tests.core.test_members import same
from tests.core.together import checkpoint, ends, finished, tasks_in

# --- ended before the end --------------------------------------------------------------------------------------------


class Killer:
    """Kills the process, as far as files can tell, before or after it writes for the `count`th time."""

    def __init__(self, monkeypatch, after):
        self.left: int | None = None
        self.count = 0
        for owner, name in (
            ("smoothkit.run", "write_checkpoint"),
            ("smoothkit.lockstep", "keep_checkpoint"),
            ("smoothkit.execution", "write_json"),
            ("smoothkit.execution", "write_text"),
            (History, "_write"),
        ):
            monkeypatch.setattr(
                *((f"{owner}.{name}",) if isinstance(owner, str) else (owner, name)), self.wrapped(owner, name, after)
            )

    def wrapped(self, owner, name, after):
        write = getattr(importlib.import_module(owner) if isinstance(owner, str) else owner, name)

        def wrapped(*arguments, **options):
            self.count += 1
            if after:
                write(*arguments, **options)
            if self.left is not None:
                self.left -= 1
                if not self.left:
                    raise KeyboardInterrupt
            if not after:
                write(*arguments, **options)

        return wrapped


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_write_the_runs_come_to_the_same_end(after, carry_out, tmp_path, monkeypatch):
    """Between the checkpoints of two members, between a result and the next: wherever files change."""
    options = {"seeds": (0, 1), "steps": 13, "run": {"checkpoint_every": 5}}
    assert finished(carry_out("whole", **options))
    whole = ends(tmp_path / "whole", (0, 1))
    killer = Killer(monkeypatch, after)
    carry_out("counted", **options)
    writes = killer.count
    assert writes > 20
    for write in range(1, writes + 1):
        killer.left = write
        with pytest.raises(KeyboardInterrupt):
            carry_out(f"killed-{write}", **options)
        killer.left = None
        results = list((tmp_path / f"killed-{write}").glob("*/result.json"))
        stamps = [path.stat().st_mtime_ns for path in results]
        assert finished(carry_out(f"killed-{write}", **options) or {0: Outcome("finished")})
        assert same(ends(tmp_path / f"killed-{write}", (0, 1)), whole), write
        assert [path.stat().st_mtime_ns for path in results] == stamps


def test_killed_again_and_again_the_runs_come_to_the_same_end(carry_out, alone, tmp_path, monkeypatch):
    killer = Killer(monkeypatch, after=True)
    kills, done = 0, False
    while not done:
        killer.left = 20
        try:
            carry_out()
            done = True
        except KeyboardInterrupt:
            kills += 1
            assert kills < 100
    assert kills > 2
    assert same(ends(tmp_path / "together"), alone)


class After(StopRequest):
    """A stop that is asked for at the step `at`, or in the evaluation of the seed `seed`."""

    def __init__(self, monkeypatch, at=None, seed=None):
        super().__init__()
        log, evaluate = Runs.log, stacked.evaluate

        def logged(runs, step, **values):
            if step == at:
                self.set()
            return log(runs, step, **values)

        def evaluated(config, run, trained):
            if run.seed == seed:
                self.set()
            return evaluate(config, run, trained)

        monkeypatch.setattr(Runs, "log", logged)
        monkeypatch.setattr(stacked, "evaluate", evaluated)


def test_a_request_to_stop_ends_all_of_them_with_checkpoints(carry_out, alone, following, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        outcomes = carry_out(stop=After(patch, at=13))
    assert {outcome.status for outcome in outcomes.values()} == {"interrupted"}
    assert {checkpoint(tmp_path / "together", seed)["step"] for seed in range(3)} == {13}
    assert [following.observed_of(seed, "finished")[-1] for seed in range(3)] == [("finished", "interrupted")] * 3
    assert following.console[-3:] == [("interrupted", seed) for seed in range(3)]
    assert finished(carry_out())
    assert same(ends(tmp_path / "together"), alone)


def test_a_request_to_stop_waits_for_one_evaluation_only(carry_out, alone, following, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        outcomes = carry_out(stop=After(patch, seed=1))
    assert [outcome.status for outcome in outcomes.values()] == ["finished", "finished", "interrupted"]
    assert {checkpoint(tmp_path / "together", seed)["step"] for seed in range(3)} == {30}
    following.observed.clear()
    assert finished(carry_out())
    assert following.observed == [("started", 2, 30), ("evaluated", 2, 30), ("finished", 2, "finished")]
    assert same(ends(tmp_path / "together"), alone)


def test_the_time_budget_ends_all_of_them_at_one_step(carry_out, alone, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        clock = iter(range(0, 10_000, 10))
        patch.setattr(time, "monotonic", lambda: next(clock))
        outcomes = carry_out(run={"max_minutes": 2.0})
    assert {outcome.status for outcome in outcomes.values()} == {"out of time"}
    (step,) = {checkpoint(tmp_path / "together", seed)["step"] for seed in range(3)}
    assert 1 < step < 20
    assert finished(carry_out())
    assert same(ends(tmp_path / "together"), alone)


# --- one that fails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize(
    ("how", "step", "what"),
    [
        ("nan_at", 13, "the loss is not finite at step 13"),
        ("nan_at", 3, "the loss is not finite at step 3"),
        ("explode_at", 20, "the weights are not finite after step 20"),
        ("explode_at", 8, "the loss is not finite at step 9"),
    ],
)
def test_a_seed_that_diverges_fails_alone(bad, how, step, what, carry_out, alone, following, tmp_path):
    following.notes.clear()
    outcomes = carry_out(bad_seed=bad, **{how: step})
    assert outcomes[bad].status == "failed"
    assert f"LS, seed {bad}: {what};" in outcomes[bad].error
    others = {seed: outcome for seed, outcome in outcomes.items() if seed != bad}
    assert finished(others)
    assert same(ends(tmp_path / "together", others), {seed: alone[seed] for seed in others})
    error = (tmp_path / "together" / f"seed-{bad}" / "error.txt").read_text()
    assert error.count("Traceback") == 1
    assert [path.parent.name for path in (tmp_path / "together").glob("*/error.txt")] == [f"seed-{bad}"]
    # Whoever follows hears once why it takes longer, and of one end of each run.
    (why,) = {text for _, text in following.notes if "one by one" in text}
    assert f"seed {bad}" in why
    ended = [(status, seed) for status, seed in following.console if status != "started"][-3:]
    assert ended == [("failed" if seed == bad else "finished", seed) for seed in range(3)]
    for seed in range(3):
        told = [hook for hook, _ in following.observed_of(seed, "started", "finished")]
        assert told == ["started", "finished"] * (len(told) // 2)


def test_what_failed_together_is_gone_from_memory_when_the_first_goes_on_alone(carry_out, monkeypatch):
    made, alive = [], []

    class Watched(Lines):
        def __init__(self, streams):
            alive.append(sum(each() is not None for each in made))
            super().__init__(streams)
            made.append(weakref.ref(self))

    monkeypatch.setattr(stacked, "Lines", Watched)
    carry_out(nan_at=13)
    assert len(alive) == 4
    assert alive[1] == 0


def test_what_fails_for_all_fails_each(carry_out, tmp_path):
    outcomes = carry_out(fail_at=13)
    assert [outcome.error for outcome in outcomes.values()] == ["RuntimeError: as told"] * 3
    assert {checkpoint(tmp_path / "together", seed)["step"] for seed in range(3)} == {10}
    # Without what stood in the way they go on together.
    assert len(units(tasks_in(tmp_path / "together", range(3)))) == 1


def test_an_evaluation_that_fails_takes_no_other_result_with_it(carry_out, alone, following, tmp_path, monkeypatch):
    following.observed.clear()
    outcomes = carry_out(bad_evaluation=True)
    assert [outcome.status for outcome in outcomes.values()] == ["finished", "failed", "finished"]
    assert outcomes[1].error == "RuntimeError: the evaluation fails as told"
    assert same(ends(tmp_path / "together", (0, 2)), {seed: alone[seed] for seed in (0, 2)})
    # None was trained again.
    assert [(hook, seed) for hook, seed, _ in following.observed if hook == "started"] == [
        ("started", seed) for seed in range(3)
    ]
    assert following.observed_of(1, "finished") == [("finished", "failed")]
    assert (tmp_path / "together" / "seed-1" / "error.txt").exists()
    assert list(carry_out()) == [1]
    assert not (tmp_path / "together" / "seed-1" / "error.txt").exists()
    assert same(ends(tmp_path / "together"), alone)


def test_a_request_to_stop_ends_those_that_would_go_on_one_by_one(carry_out, alone, following, tmp_path, monkeypatch):
    """Seed 0 goes on alone first, and is stopped at its step 17; the others do not begin."""
    with monkeypatch.context() as patch:
        outcomes = carry_out(stop=After(patch, at=17), nan_at=13)
    assert {outcome.status for outcome in outcomes.values()} == {"interrupted"}
    steps = [checkpoint(tmp_path / "together", seed)["step"] for seed in range(3)]
    assert steps == [17, 10, 10]
    assert finished(carry_out())
    assert same(ends(tmp_path / "together"), alone)


def test_a_folder_that_another_process_holds_fails_its_own_run(carry_out, alone, tmp_path):
    (tmp_path / "together" / "seed-1").mkdir(parents=True)
    with lock(tmp_path / "together" / "seed-1"):
        outcomes = carry_out()
    assert [outcome.status for outcome in outcomes.values()] == ["finished", "failed", "finished"]
    assert "another smoothkit process is writing there" in outcomes[1].error
    assert finished(carry_out())
    assert same(ends(tmp_path / "together"), alone)


def test_a_full_disk_at_one_checkpoint_costs_no_other_run(carry_out, alone, tmp_path, monkeypatch):
    write = execution.Run.write_checkpoint

    def written(run, **options):
        if run.seed == 1 and run.step == 20:
            raise OSError(28, "No space left on device")
        write(run, **options)

    with monkeypatch.context() as patch:
        patch.setattr(execution.Run, "write_checkpoint", written)
        outcomes = carry_out()
    assert [outcome.status for outcome in outcomes.values()] == ["finished", "failed", "finished"]
    assert finished(carry_out())
    assert same(ends(tmp_path / "together"), alone)


def test_a_trainer_that_loses_a_model_is_found_out(carry_out):
    outcomes = carry_out(short=True)
    assert {outcome.error for outcome in outcomes.values()} == {
        "RuntimeError: tests.core.stacked:train: returned 0 models for 1 runs"
    }
