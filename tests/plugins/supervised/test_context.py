"""What the trainer tells a target: sample numbers, a teacher's logits, the time, the validation part; and schedules."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit.data import training_batches
from smoothkit.data.prepare import prepare
from smoothkit.errors import UserError
from smoothkit.prediction import predict
from smoothkit.targets.meta import MetaSmoothing
from smoothkit.targets.schedule import Linear, Scheduled
from smoothkit.targets.wrapper import Wrapper

MIXED = 'train.augment=["crop", "mixup", "cutmix"]'


@pytest.mark.parametrize("augment", ["train.augment=[]", MIXED])
def test_samples_have_numbers(augment, carry_out):
    _, run, trained, _ = carry_out("target=counter", augment)
    batches = training_batches(trained.data, 32, seed=run.seed)
    expected = [batches.indices(step) for step in range(1, 21)]
    given = [call["index"] for call in trained.target.of("loss")]
    assert all(map(torch.equal, given, expected))
    assert all(map(torch.equal, trained.target.of("update"), expected))
    assert len(given) == len(trained.target.of("update")) == 20
    assert trained.target.num_samples == len(trained.data.train) == 320


def test_a_target_that_remembers_samples_must_know_how_many(carry_out, configure):
    run = carry_out("train.epochs=1").run
    config = configure("target=counter").target
    assert run.target(config, 10, 77).num_samples == 77
    with pytest.raises(UserError, match="target 'counter' remembers samples; this scenario has no fixed number"):
        run.target(config, 10)
    # Other targets do not care.
    assert repr(run.target(configure("target=ls").target, 10, 77)) == repr(
        run.target(configure("target=ls").target, 10)
    )


def test_a_target_is_given_what_it_needs_and_no_more(carry_out):
    target = carry_out("target=probe").trained.target
    assert target.of("loss") == [{}] * 20


def test_the_time_is_told_before_each_step_and_at_the_end(carry_out):
    target = carry_out("target=probe").trained.target
    assert target.of("progress") == [step / 20 for step in range(20)] + [1.0]
    assert [name for name, _ in target.calls[:4]] == ["progress", "loss", "update", "progress"]


@pytest.mark.parametrize("every", [1, 2])
def test_the_validation_part_is_told_after_each_evaluation(every, carry_out):
    config, run, trained, _ = carry_out("target=probe", f"evaluate.every={every}", "train.ema=0.9")
    told = trained.target.of("validation")
    assert len(told) == 2 // every
    _, validation = prepare(config.data, run.seed)
    logits, labels = predict(run, trained.model, trained.data, validation)
    assert_close(told[-1][0], logits)
    assert torch.equal(told[-1][1], labels)
    # A target may keep what it is told, and learn through it.
    assert not told[-1][0].is_inference()


# --- a teacher -------------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(carry_out, tmp_path):
    """Carry out a run, in a folder as the command line leaves it."""
    import tomlkit

    from smoothkit.config import dump

    def finished(*overrides, seed=0):
        directory = tmp_path / "base" / f"seed-{seed}"
        directory.mkdir(parents=True)
        done = carry_out(*overrides, seed=seed, directory=directory)
        (directory / "config.toml").write_text(tomlkit.dumps(dump(done.config)))
        (directory / "result.json").write_text("{}")
        return done

    return finished


@pytest.mark.parametrize("ema", ["train.ema=", "train.ema=0.9"])
def test_the_teacher_is_the_network_that_was_evaluated_and_sees_the_mixed_images(ema, finished, carry_out, tmp_path):
    teacher = finished(ema, "model.hidden=[24]").trained.model
    _, run, trained, _ = carry_out("target=follower", f"teacher.run={tmp_path}/base/seed-0", MIXED)
    augment = [each.build() for each in carry_out("target=probe", MIXED).config.train.augment]
    batches = training_batches(trained.data, 32, seed=run.seed, augment=augment)
    told = trained.target.of("loss")
    assert len(told) == 20
    for step in (1, 2, 20):
        assert_close(told[step - 1]["teacher"], teacher(batches.at(step).images).detach())
        assert not told[step - 1]["teacher"].requires_grad


def test_a_teacher_is_frozen_and_draws_nothing_from_the_student(finished, carry_out, tmp_path):
    finished("model.hidden=", "model=shufflenet-v2", "train.epochs=1")
    plain = carry_out("target=probe")
    taught = carry_out("target=follower", f"teacher.run={tmp_path}/base/seed-0")
    assert torch.equal(plain.weights, taught.weights), "a follower that does not listen learns as if alone"


def test_each_seed_may_have_its_own_teacher(finished, carry_out, tmp_path):
    teachers = [finished(seed=seed).trained.model for seed in (0, 1)]
    trained = carry_out("target=follower", f'teacher.run="{tmp_path}/base/seed-{{seed}}"', seed=1).trained
    images = training_batches(trained.data, 32, seed=1).at(1).images
    assert_close(trained.target.of("loss")[0]["teacher"], teachers[1](images).detach())
    assert not torch.allclose(teachers[0](images), teachers[1](images))


def test_a_teacher_works_in_the_precision_of_the_run(finished, carry_out, tmp_path):
    finished()
    trained = carry_out("target=follower", f"teacher.run={tmp_path}/base/seed-0", "run.precision=bfloat16").trained
    assert trained.target.of("loss")[0]["teacher"].dtype == torch.bfloat16


def test_what_does_not_belong_together_is_said_with_the_mend(finished, carry_out, tmp_path):
    with pytest.raises(UserError, match=r"target 'follower' needs a teacher: add a \[teacher\] table with run = "):
        carry_out("target=follower")
    here = f"teacher.run={tmp_path}/base/seed-0"
    with pytest.raises(UserError, match=r"teacher: target 'ls' needs none; remove the \[teacher\] table"):
        carry_out("target=ls", here)
    with pytest.raises(UserError, match=r"base/seed-0 is no folder of a run \(DIR/VARIANT/seed-N\)"):
        carry_out("target=follower", here)
    finished()
    with pytest.raises(UserError, match=r"/bse/seed-0 is no folder of a run .*; did you mean '.*/base/seed-0'"):
        carry_out("target=follower", here.replace("base", "bse"))
    result = tmp_path / "base" / "seed-0" / "result.json"
    result.unlink()
    with pytest.raises(UserError, match=r"teacher: run: .*base/seed-0 has not finished"):
        carry_out("target=follower", here)
    result.touch()
    (tmp_path / "base" / "seed-0" / "checkpoint" / "state.pt").unlink()
    with pytest.raises(UserError, match=r"is no run that trained a \[model\] and kept its checkpoint"):
        carry_out("target=follower", here)


def test_a_teacher_of_other_data_is_refused(finished, carry_out, tmp_path):
    finished("data.image_size=10")
    with pytest.raises(UserError, match=r"its mlp does not fit 10 classes .*trained on other data: size mismatch for"):
        carry_out("target=follower", f"teacher.run={tmp_path}/base/seed-0")


def test_variants_have_teachers_and_paths_hold_from_anywhere(bundled, write, monkeypatch, tmp_path):
    from smoothkit.scenario_file import load_scenario

    text = """
scenario = "supervised"
[variants.alone]
[variants.taught]
teacher = { run = "runs/base/seed-{seed}" }
"""
    monkeypatch.chdir(tmp_path)
    alone, taught = (variant.config for variant in load_scenario(write(text), bundled).variants)
    assert alone.teacher is None
    assert taught.teacher.run == tmp_path / "runs" / "base" / "seed-{seed}"


# --- schedules -------------------------------------------------------------------------------------------------------

SCHEDULE = 'target={name="ls", schedule={alpha={shape="linear", start=0.0, end=0.4}}}'


def test_a_schedule_moves_the_option(carry_out):
    _, _, trained, result = carry_out(SCHEDULE)
    assert isinstance(trained.target, Scheduled)
    assert trained.target.schedules == {"alpha": Linear(0.0, 0.4)}
    # When training is over, so is the schedule, and what is drawn is where it has led.
    assert trained.target.target.alpha == 0.4
    assert result.figures["target"].values[0][1] == pytest.approx(0.04)


def test_a_schedule_that_stands_still_is_no_schedule(carry_out):
    still = SCHEDULE.replace("start=0.0", "start=0.4")
    assert torch.equal(carry_out(still).weights, carry_out('target={name="ls", alpha=0.4}').weights)
    assert not torch.equal(carry_out(SCHEDULE).weights, carry_out(still).weights)


def test_plugins_wrap_what_is_scheduled(carry_out):
    target = carry_out(SCHEDULE, 'use=["probes"]', "train.epochs=1").trained.target
    assert isinstance(target, Wrapper)
    assert isinstance(target.target, Scheduled)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (SCHEDULE.replace("alpha=", "alhpa="), "target 'ls': schedule: alhpa is no number .*; expected alpha"),
        (SCHEDULE.replace("0.4", "1.5"), "target 'ls': schedule: .*alpha is 1.5; expected a number from 0 to 1"),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused(target, message, carry_out):
    with pytest.raises(UserError, match=message):
        carry_out(target)


# --- resuming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        SCHEDULE,
        'target={name="ls", schedule={alpha={shape="alternate", values=[0.0, 0.3]}}}',
        'target={name="held-out", lr=0.05}',
        'target={name="cals", margin=1.0}',
        "target=ps-kd",
        "target=probe",
    ],
)
def test_a_resumed_run_comes_to_the_same_end(target, carry_out, tmp_path):
    overrides = (target, "train.epochs=4", 'train.augment=["crop"]' if "ps-kd" in target else MIXED)
    whole = carry_out(*overrides, directory=tmp_path / "whole")
    resumed = carry_out(*overrides, directory=tmp_path / "resumed", stop_after=15)
    assert torch.equal(whole.weights, resumed.weights)
    assert whole.result == resumed.result
    states = [run.trained.target.state_dict() for run in (whole, resumed)]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]) if isinstance(value, torch.Tensor) else value == states[1][name]
    if target == "target=probe":
        assert resumed.trained.target.of("progress") == [step / 40 for step in range(15, 40)] + [1.0]
    if isinstance(whole.trained.target, MetaSmoothing):
        assert whole.trained.target.amount.count_nonzero() > 0
