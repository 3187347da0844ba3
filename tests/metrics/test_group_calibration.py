"""Group gaps of calibration: golden groups, groups of one size and law, and groups too small to say anything of."""

import inspect
import math

import numpy as np
import pytest
import torch

from smoothkit.metrics.bins import equal_mass_edges, reliability_of
from smoothkit.metrics.calibration import debiased_squared_error_of
from smoothkit.metrics.events import top_label
from smoothkit.metrics.gap_difference import detectable_gap_of, gap_difference_interval_of, gap_difference_p_value_of
from smoothkit.metrics.group_calibration import bins_by_group, calibration_by_group, compare_groups, worst_group


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def groups():
    stream = np.random.RandomState(12345)
    stream.standard_normal((2000, 10))
    stream.random_sample(2000)
    return torch.from_numpy(np.digitize(stream.random_sample(2000), [0.80, 0.95]))


@pytest.fixture(scope="module")
def golden(overconfident, groups):
    return bins_by_group(*top_label(*overconfident), groups, names=("most", "some", "few"))


def sample(noise, rows, shift=0.0):
    """Bins of events whose accuracy is their confidence less `shift`."""
    confidence = noise.uniform(0.4, 1.0, size=rows)
    correctness = (noise.uniform(size=rows) < confidence - shift).astype(float)
    return reliability_of(torch.from_numpy(confidence), torch.from_numpy(correctness))


def test_golden_groups(golden):
    found = calibration_by_group(golden, generator())
    assert [group.rows for group in found.values()] == [1585, 308, 107]
    gaps, errors = [group.gap.estimate for group in found.values()], [group.ece for group in found.values()]
    assert gaps == pytest.approx([0.1007681180, 0.1184389813, 0.0477723282], abs=1e-10)
    assert errors == pytest.approx([0.107147410801, 0.118438981330, 0.084200382991], abs=1e-10)
    assert all(
        group.null_ece == pytest.approx(null, rel=0.05)
        for group, null in zip(found.values(), (0.0255, 0.0582, 0.0949), strict=True)
    )
    assert [group.note for group in found.values()] == ["", "", ""]


def test_golden_debiased_squares_in_each_groups_own_bins(overconfident, groups):
    confidence, correctness = top_label(*overconfident)
    for group, root in enumerate((0.114423130218, 0.126784242272, 0.0)):
        rows = groups == group
        edges = equal_mass_edges(confidence[rows])
        square = debiased_squared_error_of(reliability_of(confidence[rows], correctness[rows], edges=edges))
        assert float(square.clamp(min=0).sqrt()) == pytest.approx(root, abs=1e-10)


def test_groups_add_up_to_all(overconfident, groups):
    confidence, correctness = top_label(*overconfident)
    for binning, edges in (("width", None), ("mass", equal_mass_edges(confidence))):
        found = bins_by_group(confidence, correctness, groups, binning=binning)
        whole = reliability_of(confidence, correctness, edges=edges)
        assert torch.equal(sum(bins.counts for bins in found.values()), whole.counts)
        assert torch.allclose(sum(bins.product_sum for bins in found.values()), whole.product_sum, atol=1e-10)
        assert all(torch.equal(bins.edges, whole.edges) for bins in found.values())


def test_exact_groups(sixteenths):
    found = calibration_by_group(bins_by_group(*top_label(*sixteenths), torch.arange(8) // 4, bins=5), generator())
    assert [group.gap.estimate for group in found.values()] == pytest.approx([-0.140625, -0.015625])


def test_golden_comparisons_show_nothing(golden):
    for pair in compare_groups(golden, generator(), 300):
        assert pair.verdict == "open"
        assert pair.words.startswith("no difference shown: groups of")
        assert pair.gap.low < 0 < pair.gap.high
        assert pair.squared_error.low < 0 < pair.squared_error.high
        assert pair.p_value > 0.05
        assert pair.p_holm >= pair.p_value


def test_a_large_difference_in_large_groups_is_shown():
    noise = generator()
    groups = {"a": sample(noise, 4000), "b": sample(noise, 1000, 0.15), "c": sample(noise, 500)}
    pairs = {(pair.first, pair.second): pair for pair in compare_groups(groups, noise, 999)}
    found = pairs["a", "b"]
    assert (found.verdict, found.words) == ("higher", "b is more over-confident than a")
    assert found.gap.estimate == pytest.approx(0.15, abs=0.04)
    assert found.squared_error.low > 0
    assert found.matched_ece > 0.05
    assert found.p_value == 1 / 1000
    assert found.p_holm == pytest.approx(3 / 1000)
    assert pairs["b", "c"].verdict == "lower"
    assert pairs["a", "c"].verdict == "open"
    assert worst_group(calibration_by_group(groups, noise)) == "b"


def test_a_difference_below_what_can_be_seen_is_no_verdict():
    noise = generator()
    for _ in range(200):
        groups = {"a": sample(noise, 2000), "b": sample(noise, 200, 0.08)}
        interval = gap_difference_interval_of(*groups.values())
        if interval.excludes(0.0) and abs(interval.estimate) < detectable_gap_of(*groups.values()):
            (pair,) = compare_groups(groups, noise, 50)
            assert pair.verdict == "open"
            assert pair.words.startswith("too few rows for a verdict: groups of 2000 and 200 rows show differences")
            return
    pytest.fail("no such pair was drawn")


def test_a_difference_that_many_comparisons_explain_is_no_verdict():
    # The same two groups: shown by themselves, not shown among 21 pairs.
    noise = generator(1)
    for _ in range(1000):
        pair = {"a": sample(noise, 400), "b": sample(noise, 400, 0.1)}
        if 0.0026 < gap_difference_p_value_of(*pair.values()) < 0.0045:
            break
    else:
        pytest.fail("no such pair was drawn")
    (alone,) = compare_groups(pair, noise, 20)
    assert alone.verdict == "higher"
    others = {str(index): sample(noise, 400, 0.05) for index in range(5)}
    among = compare_groups({**pair, **others}, noise, 20)[0]
    assert (among.first, among.second) == ("a", "b")
    assert among.gap == alone.gap
    assert among.gap_p_holm > 0.05 > alone.gap_p_holm
    assert among.words.startswith("no difference shown, corrected for 21 pairs: groups of 400 and 400 rows")
    assert among.verdict == "open"


def told_apart(groups, rows, trials):
    """How often any pair of calibrated groups gets a verdict."""
    noise = generator(2)
    alarms = []
    for _ in range(trials):
        alike = {str(index): sample(noise, rows) for index in range(groups)}
        alarms.append(any(pair.verdict != "open" for pair in compare_groups(alike, noise, 1)))
    return np.mean(alarms)


def named_worst(groups, rows, trials):
    """How often one of so many calibrated groups is named the worst."""
    noise = generator(2)
    drawn = ({str(index): sample(noise, rows) for index in range(groups)} for _ in range(trials))
    return np.mean([worst_group(calibration_by_group(alike, noise, 1)) is not None for alike in drawn])


def test_many_groups_that_are_alike_are_seldom_told_apart():
    assert told_apart(6, 100, 15) <= 0.14
    # Each by itself, four in ten.
    assert named_worst(10, 100, 50) <= 0.14


@pytest.mark.slow
@pytest.mark.parametrize("groups", [3, 10])
def test_false_alarms_do_not_grow_with_the_number_of_groups(groups):
    assert told_apart(groups, 100, 100) <= 0.11
    assert named_worst(groups, 100, 1000) <= 0.07


def test_groups_in_different_bins_are_refused():
    half = torch.full((4,), 0.5).double()
    groups = {"a": reliability_of(half, half, 10), "b": reliability_of(half, half, 15)}
    with pytest.raises(ValueError, match="must have the same bins"):
        compare_groups(groups, generator())


def test_no_group_is_worst_where_none_is_shown_to_be_off():
    noise = generator(3)
    assert worst_group(calibration_by_group({"a": sample(noise, 300), "b": sample(noise, 30)}, noise)) is None


def lone(confidence, correctness):
    ids = torch.zeros(len(confidence), dtype=torch.int64)
    events = torch.tensor(confidence).double(), torch.tensor(correctness).double()
    return bins_by_group(*events, ids, names=("small",))["small"]


@pytest.mark.parametrize(
    ("confidence", "correctness", "note"),
    [
        ([0.7], [1.0], "one row"),
        ([0.7], [0.0], "one row"),
        ([0.7, 0.9, 1.0], [1.0, 1.0, 1.0], "all predictions are right"),
        ([0.0, 0.9, 1.0], [0.0, 0.0, 0.0], "no prediction is right"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 0.0], ""),
        ([0.7], [0.4], "one row"),
    ],
)
def test_small_groups_are_defined(confidence, correctness, note):
    noise = generator()
    groups = {"small": lone(confidence, correctness), "large": sample(noise, 500)}
    found = calibration_by_group(groups, noise, 100)["small"]
    assert found.note == note
    assert found.rows == len(confidence)
    assert found.gap.estimate == pytest.approx(np.mean(confidence) - np.mean(correctness))
    assert found.gap.low != found.gap.high
    assert found.squared_error.is_defined == (note == "")
    (pair,) = compare_groups(groups, noise, 100)
    assert 0 < pair.p_value <= 1
    assert pair.detectable > 0.2
    assert math.isfinite(pair.matched_ece)
    if note == "one row":
        assert pair.words == "no comparison: small has 1 of the 2 rows it takes"
        assert pair.verdict == "open"


def test_an_empty_group_is_a_named_gap():
    noise = generator()
    confidence, correctness = torch.tensor([0.6, 0.7, 0.8]).double(), torch.tensor([1.0, 0.0, 1.0]).double()
    groups = bins_by_group(confidence, correctness, torch.zeros(3, dtype=torch.int64), names=("all", "none"))
    found = calibration_by_group(groups, noise, 50)["none"]
    assert (found.rows, found.note) == (0, "no rows")
    values = (found.ece, found.null_ece, found.accuracy, found.confidence, *found.gap[:3], *found.squared_error[:3])
    assert all(map(math.isnan, values))
    (pair,) = compare_groups(groups, noise, 50)
    assert all(map(math.isnan, (pair.matched_ece, pair.p_value, pair.p_holm, *pair.gap[:3], *pair.squared_error[:3])))
    assert pair.detectable == math.inf
    assert (pair.verdict, pair.words) == ("open", "no comparison: none has 0 of the 2 rows it takes")


def test_all_rows_alike_in_both_groups():
    one, other = lone([0.9] * 20, [1.0] * 20), lone([0.8] * 30, [1.0] * 30)
    (pair,) = compare_groups({"a": one, "b": other}, generator(), 50)
    assert pair.gap.estimate == pytest.approx(-0.1)
    assert pair.gap.method == "Newcombe"
    assert pair.verdict == "open"
    assert pair.p_value == 1.0


@pytest.mark.parametrize(
    ("rows", "ids", "message"), [(3, [0, 0], "2 ids for 3 rows"), (2, [0, 5], r"ids must lie in 0\.\.1, got 0\.\.5")]
)
def test_ids_that_do_not_fit_are_refused(rows, ids, message):
    half = torch.full((rows,), 0.5).double()
    with pytest.raises(ValueError, match=message):
        bins_by_group(half, half, torch.tensor(ids), names=("a", "b"))


def test_bins_that_there_are_not_are_refused():
    half = torch.full((2,), 0.5).double()
    with pytest.raises(ValueError, match="binning must be one of width, mass, got 'equal_mass'"):
        # Beartype would be first to refuse it.
        inspect.unwrap(bins_by_group)(half, half, torch.tensor([0, 1]), binning="equal_mass")
