"""What surrounds one run: streams, steps, records, checkpoints."""

import json
import math
import time
from collections.abc import Mapping

import pytest
import torch
from torch import nn

from smoothkit.checkpoint import load_checkpoint
from smoothkit.distributed import Group
from smoothkit.errors import OutputError, TrainingError
from smoothkit.report.figures import CurvesFigure, Figure
from smoothkit.run import Run
from smoothkit.scenario import RunInfo, RunSettings
from smoothkit.stopping import Stopped, StopRequest


class Watching:
    """A watcher that remembers."""

    def __init__(self):
        self.seen: list[tuple[int, dict[str, float]]] = []
        self.drawn: list[tuple[int, dict[str, Figure]]] = []
        self.shown: list[tuple[int, int]] = []
        self.told: list[str] = []

    def progress(self, step: int, total: int, values: Mapping[str, float]) -> None:
        self.shown.append((step, total))

    def noted(self, text: str) -> None:
        self.told.append(text)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.seen.append((step, dict(values)))

    def figures(self, step: int, figures: Mapping[str, Figure]) -> None:
        self.drawn.append((step, dict(figures)))


@pytest.fixture
def make(tmp_path):
    """A run in the test's folder, from its checkpoint if there is one."""

    def make(stop=None, watcher=None, seed=3, **settings):
        saved = load_checkpoint(tmp_path)
        info = RunInfo("quadratic", "LS", seed, tmp_path, {"use": []}, saved["step"] if saved else 0)
        settings = RunSettings(**{"log_every": 5, "checkpoint_every": 10, "device": "cpu", **settings})
        return Run(info, settings, Group(), saved, watcher or Watching(), stop or StopRequest())

    return make


def drive(run, total, body):
    """Do `body` in each of the run's steps."""
    for step in run.steps(total):
        body(step)


def rows(tmp_path):
    return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_depends_on_seed_and_name_alone(make):
    def draw(seed, name):
        return torch.rand(4, generator=make(seed=seed).stream(name)).tolist()

    assert draw(3, "latent") == draw(3, "latent")
    assert len({tuple(draw(seed, name)) for seed in (3, 4) for name in ("latent", "labels")}) == 4


def test_a_stream_goes_on_and_its_order_of_creation_does_not_matter(make):
    one, other = make(), make()
    first = torch.rand(2, generator=one.stream("a"))
    assert one.stream("a") is one.stream("a")
    torch.rand(7, generator=other.stream("b"))
    assert torch.equal(torch.rand(2, generator=other.stream("a")), first)
    assert not torch.equal(torch.rand(2, generator=one.stream("a")), first)


def test_streams_leave_the_global_generator_alone(make):
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    torch.rand(2, generator=make().stream("a"))
    assert torch.equal(torch.rand(2), expected)


# --- steps and records -----------------------------------------------------------------------------------------------


def test_steps_count_from_one_and_the_last_is_recorded(make, tmp_path):
    run = make()
    assert list(run.steps(12)) == list(range(1, 13))
    assert [step for step in range(1, 13) if run.is_logging(step)] == [5, 10, 12]
    assert load_checkpoint(tmp_path)["step"] == 12


def test_what_is_logged_is_the_mean_since_the_last_record(make, tmp_path):
    watcher = Watching()
    run = make(watcher=watcher)
    for step in run.steps(7):
        run.log(step, loss=torch.tensor(float(step)), rate=step / 2)
        if step % 2:
            run.log(step, odd=float(step))
    expected = [
        {"step": 5, "train/loss": 3.0, "train/rate": 1.5, "train/odd": 3.0},
        {"step": 7, "train/loss": 6.5, "train/rate": 3.25, "train/odd": 7.0},
    ]
    assert rows(tmp_path) == expected
    assert [{"step": step, **values} for step, values in watcher.seen] == expected
    assert run.history("train/loss") == [(5, 3.0), (7, 6.5)]


def test_figures_go_to_who_watches_under_their_tags_and_are_not_kept(make, tmp_path):
    watcher, figure = Watching(), CurvesFigure(title="t", x_label="x", y_label="y", x={}, y={})
    run = make(watcher=watcher)
    drive(run, 10, lambda step: run.record_figures(step, "validation", {"curves": figure}) if step == 4 else None)
    assert watcher.drawn == [(4, {"validation/curves": figure})]
    assert rows(tmp_path) == []
    assert load_checkpoint(tmp_path)["rows"] == []


def test_what_is_logged_is_what_it_was_at_its_step(make, tmp_path):
    """A parameter moves on before it is fetched."""
    run, weight = make(), torch.zeros((), requires_grad=True)
    for step in run.steps(5):
        weight.data += 1
        run.log(step, weight=weight)
    assert rows(tmp_path) == [{"step": 5, "train/weight": 3.0}]


def test_what_is_noted_reaches_who_watches(make):
    watcher = Watching()
    make(watcher=watcher).note("alpha is 0.1")
    run = make(watcher=watcher)
    run.group.rank = 1
    run.note("alpha is 0.1")
    assert watcher.told == ["alpha is 0.1"]


def test_a_recorded_value_stands_at_its_own_step(make, tmp_path):
    run = make()
    for step in run.steps(6):
        if step == 3:
            run.record(step, "test", {"accuracy": 0.5, "nll": math.nan})
    assert rows(tmp_path) == [{"step": 3, "test/accuracy": 0.5, "test/nll": None}]
    assert run.history("test/accuracy") == [(3, 0.5)]
    assert run.history("nothing") == []


def test_values_come_to_the_host_at_logging_steps_only(make):
    """On a GPU each transfer stalls the device: one for each name, when it is written."""
    transfers = []

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, kinds, arguments=(), named=None):
            if function.__name__ in ("tolist", "item", "__bool__", "__float__", "cpu", "numpy"):
                transfers.append(function.__name__)
            return super().__torch_function__(function, kinds, arguments, named or {})

    run = make(checkpoint_every=100)
    counts = []
    for step in run.steps(20):
        counts.append(len(transfers))
        run.log(step, loss=torch.ones(()).as_subclass(Watched), norm=torch.ones(()).as_subclass(Watched))
    # The count at the start of step k is what steps 1 … k - 1 cost: two names at 5, 10, 15.
    assert counts == [2 * ((step - 1) // 5) for step in range(1, 21)]


def test_a_graph_is_not_kept_alive_by_what_is_logged(make):
    import weakref

    run = make()
    for step in run.steps(1):
        activations = torch.ones(3, requires_grad=True) * 2
        run.log(step, loss=activations.sum())
        ghost = weakref.ref(activations)
        del activations
        assert ghost() is None


def test_progress_ends_with_the_last_step(make):
    watcher = Watching()
    drive(make(watcher=watcher), 9, lambda step: None)
    assert watcher.shown[-1] == (9, 9)


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("as_tensor", [True, False])
@pytest.mark.parametrize("bad", [1, 12, 14, 15, 20])
def test_a_loss_that_is_not_finite_is_named_by_its_step(value, as_tensor, bad, make, tmp_path):
    run = make()
    run.track(model=nn.Linear(2, 2))

    def body(step):
        loss = value if step >= bad else 1.0
        run.log(step, loss=torch.tensor(loss) if as_tensor else loss)

    with pytest.raises(TrainingError, match=rf"LS, seed 3: the loss is not finite at step {bad};") as caught:
        drive(run, 30, body)
    kept = f"the last good checkpoint is kept, {tmp_path / 'checkpoint' / 'state.pt'}"
    assert (kept if bad > 10 else "there is no checkpoint yet") in str(caught.value)
    saved = load_checkpoint(tmp_path)
    assert (saved["step"] if saved else 0) == (bad - 1) // 10 * 10
    assert all(row["train/loss"] == 1.0 for row in rows(tmp_path)) if bad > 5 else True


@pytest.mark.parametrize("name", ["generator_loss", "critic_loss"])
def test_every_loss_is_watched(name, make):
    with pytest.raises(TrainingError, match=f"the {name.replace('_', ' ')} is not finite at step 3;"):
        drive(run := make(), 10, lambda step: run.log(step, **{name: math.nan if step == 3 else 1.0}))


def test_losses_may_be_checked_before_something_costly(make):
    run = make()

    def body(step):
        run.log(step, loss=torch.tensor(math.nan if step == 2 else 1.0))
        if step == 3:
            run.check_losses()
            pytest.fail("the evaluation was reached")

    with pytest.raises(TrainingError, match="the loss is not finite at step 2;"):
        drive(run, 10, body)


def test_a_run_has_one_loop(make):
    run = make()
    drive(run, 3, lambda step: None)
    with pytest.raises(RuntimeError, match=r"run\.steps was called twice"):
        drive(run, 3, lambda step: None)


def test_other_values_may_be_undefined(make, tmp_path):
    run = make()
    for step in run.steps(5):
        run.log(step, loss=1.0, purity=math.nan)
    assert rows(tmp_path) == [{"step": 5, "train/loss": 1.0, "train/purity": None}]


@pytest.mark.parametrize("bad", [10, 13, 30])
def test_weights_that_are_not_finite_are_not_saved(bad, make, tmp_path):
    run = make()
    model = nn.Linear(2, 2)
    run.track(model=model)

    def body(step):
        run.log(step, loss=1.0)
        if step == bad:
            nn.init.constant_(model.bias, math.nan)

    with pytest.raises(TrainingError, match=r"the weights are not finite after step \d+;"):
        drive(run, 30, body)
    saved = load_checkpoint(tmp_path)
    assert (saved["step"] if saved else 0) == (bad - 1) // 10 * 10
    assert saved is None or saved["tracked"]["model"]["bias"].isfinite().all()


def test_a_request_to_stop_ends_after_the_step_with_a_checkpoint(make, tmp_path):
    stop = StopRequest()
    seen = []

    def body(step):
        seen.append(step)
        if step == 13:
            stop.set()

    with pytest.raises(Stopped, match="interrupted"):
        drive(make(stop=stop), 30, body)
    assert seen[-1] == 13 == load_checkpoint(tmp_path)["step"]


def test_a_request_during_the_last_step_lets_the_run_finish(make):
    stop = StopRequest()
    steps = [step for step in make(stop=stop).steps(4) if step < 4 or stop.set() is None]
    assert steps == [1, 2, 3, 4]


def test_the_time_budget_ends_a_run_with_a_checkpoint(make, tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with pytest.raises(Stopped, match="out of time"):
        drive(make(max_minutes=2.0), 1000, lambda step: None)
    assert 1 < load_checkpoint(tmp_path)["step"] < 20


# --- resuming --------------------------------------------------------------------------------------------------------


def train(run, total, until=None):
    """A trainer with every kind of state: weights, momentum, a stream, the global generator, a window, rows."""
    torch.manual_seed(run.seed)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    run.track(model=model, optimizer=optimizer)
    for step in run.steps(total):
        inputs = torch.randn(4, 3, generator=run.stream("inputs"))
        loss = nn.functional.dropout(model(inputs), 0.5).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(step, loss=loss)
        if step % 3 == 0:
            run.record(step, "test", {"norm": model.weight.norm().item()})
        if step == until:
            raise InterruptedError
    return model


@pytest.mark.parametrize("until", [3, 6, 9, 10, 11, 13, 29])
def test_a_killed_run_goes_on_to_the_same_end(until, make, tmp_path):
    """The kill loses what came after the last checkpoint, the middle of a window included."""
    uninterrupted = train(make(checkpoint_every=7), 30).state_dict()
    metrics = (tmp_path / "metrics.jsonl").read_bytes()
    (tmp_path / "checkpoint" / "state.pt").unlink()
    (tmp_path / "metrics.jsonl").unlink()

    with pytest.raises(InterruptedError):
        train(make(checkpoint_every=7), 30, until)
    torch.rand(5)
    run = make(checkpoint_every=7)
    assert run.info.resumed_from == (until - 1) // 7 * 7
    resumed = train(run, 30).state_dict()
    assert all(torch.equal(resumed[name], uninterrupted[name]) for name in uninterrupted)
    assert (tmp_path / "metrics.jsonl").read_bytes() == metrics
    # The history reaches across the resumption.
    assert [step for step, _ in run.history("test/norm")] == list(range(3, 31, 3))
    assert [step for step, _ in run.history("train/loss")] == list(range(5, 31, 5))


def test_a_run_that_is_done_yields_nothing_and_keeps_its_history(make, tmp_path):
    train(make(), 20)
    metrics = (tmp_path / "metrics.jsonl").read_bytes()
    run = make()
    run.track(model=nn.Linear(3, 2))
    assert list(run.steps(20)) == []
    assert len(run.history("train/loss")) == 4
    assert (tmp_path / "metrics.jsonl").read_bytes() == metrics


def test_what_is_tracked_is_restored_there_and_then(make):
    weight = train(make(), 10).weight
    model = nn.Linear(3, 2)
    make().track(model=model)
    assert torch.equal(model.weight, weight)


def test_what_is_drawn_before_the_loop_is_drawn_alike_by_a_resumed_run(make):
    def start(run):
        before = torch.rand(2, generator=run.stream("weights"))
        within = [torch.rand(1, generator=run.stream("weights")).item() for _ in run.steps(20)]
        return before, within

    before, within = start(make(checkpoint_every=20))
    (make().directory / "checkpoint" / "state.pt").unlink()

    def body(step):
        torch.rand(1, generator=run.stream("weights"))
        if step == 15:
            raise InterruptedError

    run = make(checkpoint_every=10)
    torch.rand(2, generator=run.stream("weights"))
    with pytest.raises(InterruptedError):
        drive(run, 20, body)
    again, rest = start(make(checkpoint_every=10))
    assert torch.equal(again, before)
    assert rest == within[10:]


def test_a_stream_that_nobody_asks_for_between_two_interruptions_stands_where_it_was(make):
    """Drawn from in the steps up to 3 and from 17 on, with a run in between that is resumed and stopped."""

    def body(run, until):
        drawn = []
        for step in run.steps(20):
            if step <= 3 or step > 17:
                drawn.append(torch.rand((), generator=run.stream("rare")).item())
            if step == until:
                return drawn
        return drawn

    whole = body(make(checkpoint_every=4), None)
    (make().directory / "checkpoint" / "state.pt").unlink()
    parts = [body(make(checkpoint_every=4), until) for until in (5, 10, None)]
    assert parts[0] + parts[2] == whole
    assert parts[1] == []


def test_a_checkpoint_of_another_version_of_the_scenario_is_refused(make, tmp_path):
    train(make(), 10)
    with pytest.raises(OutputError, match=f"{tmp_path}: the checkpoint has no 'critic'.*delete the folder"):
        make().track(critic=nn.Linear(2, 2))


def test_another_number_of_processes_is_another_run(make, tmp_path):
    train(make(), 10)
    run = make()
    run.group.size = 2
    with pytest.raises(OutputError, match="was trained by 1 processes, not 2; resume with --nproc 1"):
        next(run.steps(20))


# --- the rest --------------------------------------------------------------------------------------------------------


def test_one_process_keeps_its_gradients(make):
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.arange(3.0)
    before = parameter.grad
    make().sync_grads([parameter, nn.Parameter(torch.ones(2))])
    assert parameter.grad is before
    assert before.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_forward_pass_has_the_precision_of_the_file(precision, dtype, make):
    with make(precision=precision).autocast():
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


@pytest.mark.parametrize(("precision", "enabled"), [("float32", False), ("bfloat16", False), ("float16", True)])
def test_gradients_are_scaled_for_float16_only(precision, enabled, make):
    assert make(precision=precision).grad_scaler().is_enabled() == enabled
