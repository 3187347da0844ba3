"""Accumulators: batches, groups and processes add up to what one call gives."""

import itertools
import json
import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit import metrics
from smoothkit.distributed import Group
from smoothkit.metrics import boundary
from smoothkit.metrics.bins import BINS
from smoothkit.metrics.streaming import Accumulator, CalibrationAccumulator, ClasswiseAccumulator

few_examples = settings(max_examples=20, deadline=None)
EXACT = {"rtol": 1e-12, "atol": 1e-12, "equal_nan": True}
MEASURES = {
    "ece": metrics.calibration_error_of,
    "gap": metrics.confidence_gap_of,
    "debiased": metrics.debiased_squared_error_of,
    "null": metrics.null_calibration_error_of,
    "brier": lambda bins: metrics.brier_parts_of(bins).total,
}


def classifier(rows: int, classes: int, seed: int, soft: bool) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, classes, generator=generator)
    if soft:
        return logits, torch.randn(rows, classes, generator=generator).softmax(dim=1)
    return logits, torch.randint(classes, (rows,), generator=generator)


classifiers = st.builds(
    classifier,
    rows=st.integers(1, 60),
    classes=st.integers(2, 8),
    seed=st.integers(0, 2**31),
    soft=st.booleans(),
)


def same(one: Accumulator, other: Accumulator) -> None:
    """All sums are equal: counts exactly, the others but for their last digits."""
    assert one.state.keys() == other.state.keys()
    for name, tensor in one.state.items():
        torch.testing.assert_close(tensor, other.state[name], **EXACT)


# One pass gives what the functions give.


@few_examples
@given(classifiers, st.integers(1, 20), st.sampled_from(["right", "left"]), st.booleans())
def test_one_pass_gives_what_the_functions_give(data, bins, closed, from_logits):
    outputs, labels = data[0] if from_logits else data[0].softmax(dim=1), data[1]
    accumulator = CalibrationAccumulator(outputs.shape[1], bins, closed=closed, from_logits=from_logits)
    accumulator.update(outputs, labels)
    found = accumulator.compute().overall()
    assert found.accuracy.dtype == found.nll.dtype == found.brier.dtype == torch.float64
    for name in ("accuracy", "nll", "brier"):
        expected = getattr(metrics, name)(outputs, labels, from_logits=from_logits)
        torch.testing.assert_close(getattr(found, name), expected, **EXACT)
    diagram = metrics.reliability(outputs, labels, bins, closed=closed, from_logits=from_logits)
    for measure in MEASURES.values():
        torch.testing.assert_close(measure(found.reliability), measure(diagram), **EXACT)


@few_examples
@given(classifiers, st.integers(1, 20), st.sampled_from(["right", "left"]))
def test_classwise_one_pass_gives_what_the_function_gives(data, bins, closed):
    accumulator = ClasswiseAccumulator(data[0].shape[1], bins, closed=closed)
    accumulator.update(*data)
    error = metrics.calibration_error_of(accumulator.compute()).mean()
    expected = metrics.classwise_calibration_error(*data, bins, closed=closed)
    torch.testing.assert_close(error, expected, **EXACT)


@few_examples
@given(classifiers, st.integers(0, 2**31))
def test_each_group_is_what_its_rows_give_alone(data, seed):
    logits, labels = data
    groups = torch.randint(4, (len(logits),), generator=torch.Generator().manual_seed(seed))
    accumulator = CalibrationAccumulator(logits.shape[1], groups=4)
    accumulator.update(logits, labels, groups.int())
    found = accumulator.compute()
    for index in range(4):
        own, group = groups == index, found.group(index)
        assert int(group.reliability.total) == int(own.sum())
        if own.any():
            torch.testing.assert_close(group.nll, metrics.nll(logits[own], labels[own]), **EXACT)
            error = metrics.expected_calibration_error(logits[own], labels[own])
            torch.testing.assert_close(metrics.calibration_error_of(group.reliability), error, **EXACT)
            torch.testing.assert_close(metrics.calibration_error_of(found.reliability)[index], error, **EXACT)
        else:
            assert all(value.isnan() for value in (group.accuracy, group.nll, group.brier))


def test_edges_may_be_given(overconfident):
    confidence, _ = metrics.top_label(*overconfident)
    accumulator = CalibrationAccumulator(10, edges=metrics.equal_mass_edges(confidence))
    accumulator.update(*overconfident)
    error = metrics.calibration_error_of(accumulator.compute().overall().reliability)
    assert float(error) == pytest.approx(0.103890630106, abs=1e-10)


# Any division of the rows adds up to the same.


@few_examples
@given(classifiers, st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_batches_and_merged_accumulators_add_up(data, cuts, merge):
    logits, labels = data
    groups = torch.arange(len(logits)) % 3
    places = [0, *sorted(min(cut, len(logits)) for cut in cuts), len(logits)]
    for make, own in (
        (lambda: CalibrationAccumulator(logits.shape[1], groups=3), groups),
        (lambda: ClasswiseAccumulator(logits.shape[1]), None),
    ):
        whole, parts = make(), [make()]
        whole.update(logits, labels, own)
        for start, stop in itertools.pairwise(places):
            if merge:
                parts.append(make())
            rows = slice(start, stop)
            parts[-1].update(logits[rows], labels[rows], None if own is None else own[rows])
        for part in parts[1:]:
            parts[0].merge_state(part)
        same(parts[0], whole)


@pytest.mark.parametrize("soft", [False, True])
def test_blocks_do_not_matter(soft, monkeypatch):
    logits, labels = classifier(57, 5, 0, soft)
    one, other = CalibrationAccumulator(5), CalibrationAccumulator(5)
    one.update(logits, labels)
    monkeypatch.setattr(boundary, "BLOCK_ENTRIES", 20)
    other.update(logits, labels)
    same(one, other)


def test_merging_beyond_2_to_the_24_is_exact():
    """Doubled 25 times: sums of 2^25 rows that each lie in one bin, 55 % of them right at a confidence of 0.55."""
    probs = torch.tensor([[0.55, 0.45]], dtype=torch.float64).expand(20, 2)
    labels = (torch.arange(20) >= 11).long()
    accumulator = CalibrationAccumulator(2, from_logits=False)
    accumulator.update(probs, labels)
    for _ in range(25):
        copy = CalibrationAccumulator(2, from_logits=False)
        copy.merge_state(accumulator)
        accumulator.merge_state(copy)
    found = accumulator.compute().overall()
    assert int(found.reliability.total) == 20 * 2**25
    assert float(metrics.calibration_error_of(found.reliability)) == pytest.approx(0, abs=1e-12)


def test_state_is_small_whatever_the_rows():
    accumulator = CalibrationAccumulator(10, groups=100)
    for _ in range(3):
        accumulator.update(*classifier(5000, 10, 0, soft=False), torch.arange(5000) % 100)
    size = sum(tensor.numel() * tensor.element_size() for tensor in accumulator.state.values())
    assert BINS == 15
    assert size < 64 * 1024


# Nothing is read back.


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("ignore_index", [None, -1])
def test_updating_reads_nothing_back(soft, from_logits, ignore_index):
    """Tensors on the meta device have no values: whatever asks for one fails."""
    options = {"from_logits": from_logits, "ignore_index": ignore_index}
    outputs = torch.empty(50, 7, device="meta")
    labels = torch.empty(50, 7, device="meta") if soft else torch.empty(50, dtype=torch.int64, device="meta")
    groups = torch.empty(50, dtype=torch.int64, device="meta")
    calibration = CalibrationAccumulator(7, groups=3, **options)
    calibration.to("meta").update(outputs, labels, groups)
    classwise = ClasswiseAccumulator(7, **options)
    classwise.to("meta").update(outputs, labels)
    assert calibration.device.type == classwise.device.type == "meta"
    with pytest.raises((RuntimeError, NotImplementedError)):
        calibration.compute().overall().accuracy.item()


@pytest.mark.parametrize("kind", [CalibrationAccumulator, ClasswiseAccumulator])
def test_faulty_rows_are_left_out_and_told_at_the_end(kind):
    logits, labels = classifier(9, 3, 0, soft=False)
    spoilt, wrong = logits.clone(), labels.clone()
    spoilt[2], spoilt[5, 1], wrong[7], wrong[8] = math.nan, math.inf, 3, -1
    accumulator, clean = kind(3, ignore_index=-1), kind(3)
    accumulator.update(spoilt, wrong)
    kept = torch.tensor([0, 1, 3, 4, 6])
    clean.update(logits[kept], labels[kept])
    assert int(accumulator.state["rows"]) == 5
    with pytest.raises(ValueError, match=r"^\w+Accumulator: in 1 row labels lie .*; in 2 rows logits hold .*reset\(\)"):
        accumulator.compute()
    for name in ("counts", "sums"):
        own, expected = accumulator.state[name], clean.state[name]
        if kind is CalibrationAccumulator:  # Its last cell is where faulty rows went.
            own, expected = own[..., :-1], expected[..., :-1]
        torch.testing.assert_close(own, expected, **EXACT)
    accumulator.reset()
    accumulator.update(logits, labels)
    clean.reset()
    clean.update(logits, labels)
    same(accumulator, clean)


def test_groups_that_are_none_are_told_at_the_end():
    accumulator = CalibrationAccumulator(3, groups=2)
    accumulator.update(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.tensor([0, 2, 1, -1]))
    with pytest.raises(ValueError, match=r"CalibrationAccumulator: in 2 rows groups lie outside 0\.\.1"):
        accumulator.compute()


def test_no_rows_have_no_result():
    accumulator = CalibrationAccumulator(3, ignore_index=-1)
    accumulator.update(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    accumulator.update(torch.zeros(2, 3), torch.tensor([-1, -1]))
    with pytest.raises(ValueError, match="CalibrationAccumulator: no rows have been counted; call update"):
        accumulator.compute()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (None, "there are 2 groups; give each row's as groups="),
        (torch.zeros(3, dtype=torch.int64), r"groups must be 4 integers, one per row, got torch.int64 of the shape"),
        (torch.zeros(4), r"groups must be 4 integers, one per row, got torch.float32"),
    ],
)
def test_groups_that_do_not_fit_are_refused(groups, message):
    from jaxtyping import config

    config.update("jaxtyping_disable", True)  # Its own check, which only tests have, would answer first.
    try:
        with pytest.raises(ValueError, match=message):
            CalibrationAccumulator(3, groups=2).update(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), groups)
    finally:
        config.update("jaxtyping_disable", False)


def test_batches_that_do_not_fit_are_refused():
    accumulator, labels = CalibrationAccumulator(3), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match="outputs must have 3 classes, got 4"):
        accumulator.update(torch.zeros(4, 4), labels)
    with pytest.raises(ValueError, match=r"the sums are on cpu, the outputs on meta; accumulator.to\('meta'\)"):
        accumulator.update(torch.zeros(4, 3, device="meta"), labels.to("meta"))
    with pytest.raises(ValueError, match="num_classes and groups must be at least 1, got 0 and 1"):
        CalibrationAccumulator(0)


# Saved, loaded, merged.


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", [CalibrationAccumulator, ClasswiseAccumulator])
def test_a_saved_accumulator_goes_on_where_it_stood(kind, soft, tmp_path):
    logits, labels = classifier(40, 4, 0, soft)
    whole, half = kind(4), kind(4)
    whole.update(logits, labels)
    half.update(logits[:15], labels[:15])
    torch.save(half.state_dict(), tmp_path / "state.pt")
    restored = kind(4)
    restored.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    half.update(logits[15:], labels[15:])  # What was saved and loaded is a copy.
    restored.update(logits[15:], labels[15:])
    same(restored, whole)
    same(half, whole)


def test_accumulators_that_count_something_else_do_not_mix():
    one = CalibrationAccumulator(3)
    for other in (
        CalibrationAccumulator(3, bins=10),
        CalibrationAccumulator(3, closed="left"),
        ClasswiseAccumulator(3),
    ):
        with pytest.raises(ValueError, match="CalibrationAccumulator: cannot merge"):
            one.merge_state(other)  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match="CalibrationAccumulator: the state is of"):
            one.load_state_dict(other.state_dict())


# Several processes.

PROCESS = """
import json, sys
import torch, torch.distributed as dist
from smoothkit.distributed import Group
from smoothkit.metrics.streaming import CalibrationAccumulator, ClasswiseAccumulator

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
group = Group(rank, 2)
sent = []
reduce = dist.all_reduce
dist.all_reduce = lambda tensor, **options: (sent.append(tensor.numel()), reduce(tensor, **options))[1]
data = torch.load(f"{folder}/data.pt")
rows = slice(0, 700) if rank == 0 else slice(700, None)
for name, labels in (("hard", data["labels"]), ("mixed", data["labels"] if rank else data["soft"])):
    calibration, classwise = CalibrationAccumulator(10, groups=3), ClasswiseAccumulator(10)
    calibration.update(data["logits"][rows], labels[rows], data["groups"][rows])
    classwise.update(data["logits"][rows], labels[rows])
    for accumulator in (calibration, classwise):
        accumulator.synchronise(group)
    torch.save([calibration.state_dict(), classwise.state_dict()], f"{folder}/{name}-{rank}.pt")
numbers = torch.arange(3) + rank
group.add_up([numbers])
print(json.dumps({"sent": sum(sent), "numbers": numbers.tolist()}))
dist.destroy_process_group()
"""


def test_two_processes_give_what_one_gives(overconfident, tmp_path):
    logits, labels = overconfident
    groups = torch.arange(2000) % 3
    soft = logits.flip(0).softmax(dim=1)
    torch.save({"logits": logits, "labels": labels, "groups": groups, "soft": soft}, tmp_path / "data.pt")
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    command = [sys.executable, str(script)]
    processes = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    outcomes = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outcomes
    for name, first in (("hard", labels), ("mixed", soft)):
        whole = CalibrationAccumulator(10, groups=3), ClasswiseAccumulator(10)
        for part, (rows, own) in enumerate(((slice(0, 700), first), (slice(700, None), labels))):
            whole[0].update(logits[rows], own[rows], groups[rows])
            whole[1].update(logits[rows], own[rows])
            states = torch.load(tmp_path / f"{name}-{part}.pt", weights_only=True)
            found = CalibrationAccumulator(10, groups=3), ClasswiseAccumulator(10)
            for accumulator, state in zip(found, states, strict=True):
                accumulator.load_state_dict(state)
        for accumulator, expected in zip(found, whole, strict=True):
            same(accumulator, expected)
            with pytest.raises(RuntimeError, match=r"the sums are those of all processes already; reset\(\)"):
                accumulator.update(logits, labels)
    said = [json.loads(out) for out, _ in outcomes]
    assert [each["numbers"] for each in said] == [[1, 3, 5], [1, 3, 5]]
    # What is sent is the state, with a few numbers about its size: 2000 rows have twenty times as many entries.
    state = sum(tensor.numel() for accumulator in whole for tensor in accumulator.state.values())
    assert max(each["sent"] for each in said) < 2 * state + 100 < 2 * logits.numel()


def test_a_process_alone_adds_nothing():
    accumulator, tensor = CalibrationAccumulator(3), torch.arange(3)
    Group().add_up([tensor])
    assert tensor.tolist() == [0, 1, 2]
    accumulator.update(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64))
    accumulator.synchronise(Group())
    assert int(accumulator.compute().reliability.total) == 4
    with pytest.raises(RuntimeError, match="all processes already"):
        accumulator.synchronise(Group())
