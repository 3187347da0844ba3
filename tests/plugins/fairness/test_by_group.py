"""What one stage shows of groups and pairs."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit import metrics
from smoothkit.metrics.metric import SEED
from smoothkit_fairness.by_group import gap_difference_rows, grouped_rows, measure_by_group
from smoothkit_fairness.names import AGGREGATED, GROUP_QUANTITIES, PAIR_QUANTITIES, of_all, of_group, of_pair

STAGES = ("", "_scaled", "_scaled_by_group")
NAMES = ("most", "some", "few")


def classifier(rows=900, classes=2, seed=0):
    """Over-confident logits with labels, in three groups of falling size."""
    stream = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, classes, generator=stream)
    labels = torch.multinomial((logits / 1.5).softmax(1), 1, generator=stream).squeeze(1)
    groups = torch.bucketize(torch.rand(rows, generator=stream), torch.tensor([0.6, 0.9]))
    return logits, labels, groups


def measured(logits, labels, groups, names=NAMES, *, stage="", bins=15, binning="mass", resamples=100):
    rows = grouped_rows(logits, labels, groups, names, stage=stage, bins=bins, binning=binning)
    return measure_by_group(rows, resamples)


@pytest.mark.parametrize("stage", STAGES)
def test_the_scalars_are_those_of_the_list_of_names(stage):
    found = measured(*classifier(), stage=stage)
    pairs = list(itertools.combinations(NAMES, 2))
    assert set(found.scalars) == {
        *(of_group(quantity, name, stage) for quantity in GROUP_QUANTITIES for name in NAMES),
        *(of_pair(quantity, *pair, stage) for quantity in PAIR_QUANTITIES for pair in pairs),
        *(of_all(name, against, stage) for name in AGGREGATED for against in ("between_groups", "to_overall")),
    }
    assert not [name for name, value in found.scalars.items() if math.isnan(value)]
    of_groups = ("gap", "squared_error", "accuracy", "nll", "brier")
    assert set(found.intervals) == {
        *(of_group(quantity, name, stage) for quantity in of_groups for name in NAMES),
        *(of_pair(f"{quantity}_difference", *pair, stage) for quantity in ("gap", "squared_error") for pair in pairs),
    }
    assert set(found.rows) == {
        *(of_group(quantity, name, stage) for quantity in ("gap", "accuracy", "nll", "brier") for name in NAMES),
        *(of_pair("gap_difference", *pair, stage) for pair in pairs),
    }
    assert set(found.better) < set(found.scalars)


def test_a_case_by_hand():
    # Confidence 3/4 throughout; of the four rows of a group three are right, of the other one is.
    logits = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64).repeat(8, 1)
    labels = torch.tensor([0, 0, 0, 1, 0, 1, 1, 1])
    found = measured(logits, labels, torch.arange(2).repeat_interleave(4), ("a", "b"), binning="width").scalars
    by_hand = {
        "accuracy": (3 / 4, 1 / 4),
        "confidence": (3 / 4, 3 / 4),
        "gap": (0, 1 / 2),
        "squared_error": (-3 / 16 / 3, 1 / 4 - 3 / 16 / 3),
        "miscalibration": (0, 1 / 4),
        "ece": (0, 1 / 2),
        "ece_null": (math.sqrt(2 / math.pi * 3 / 16 / 4),) * 2,
        "nll": ((3 * math.log(4 / 3) + math.log(4)) / 4, (math.log(4 / 3) + 3 * math.log(4)) / 4),
        "brier": ((3 / 8 + 9 / 8) / 4, (1 / 8 + 27 / 8) / 4),
        # In a tie of all rows the risk is the same at each coverage; the best order has its wrong rows last.
        "aurc": (1 / 4, 3 / 4),
        "excess_aurc": (1 / 4 - 1 / 16, 3 / 4 - (1 / 2 + 2 / 3 + 3 / 4) / 4),
    }
    for quantity, values in by_hand.items():
        assert [found[of_group(quantity, name)] for name in "ab"] == pytest.approx(values, abs=1e-12), quantity
    differences = {"gap_difference": 1 / 2, "squared_error_difference": 1 / 4, "ece_difference": 1 / 2}
    assert {name: found[of_pair(name, "a", "b")] for name in differences} == pytest.approx(differences, abs=1e-12)
    assert found[of_pair("matched_ece_difference", "a", "b")] == pytest.approx(1 / 2, abs=1e-12)
    assert found[of_all("gap", "between_groups")] == pytest.approx(1 / 2, abs=1e-12)
    assert found[of_all("ece", "to_overall")] == pytest.approx(1 / 4, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 10])
def test_a_group_has_the_metrics_of_its_rows(classes):
    logits, labels, groups = classifier(classes=classes)
    found = measured(logits, labels, groups)
    edges = metrics.equal_mass_edges(metrics.top_label(logits, labels).confidence, 15)
    for index, name in enumerate(NAMES):
        own = logits[groups == index], labels[groups == index]
        events = metrics.top_label(*own)
        bins = metrics.reliability_of(*events, edges=edges)
        expected = {
            "accuracy": metrics.accuracy(*own),
            "confidence": events.confidence.mean(),
            "gap": metrics.confidence_gap(*own),
            "squared_error": metrics.debiased_squared_error_of(bins),
            "miscalibration": metrics.score_decomposition(*own).miscalibration,
            "ece": metrics.calibration_error_of(bins),
            "ece_null": metrics.null_calibration_error_of(bins),
            "nll": metrics.nll(*own),
            "brier": metrics.brier(*own),
            "aurc": metrics.aurc(*own),
            "excess_aurc": metrics.excess_aurc(*own),
        }
        assert {quantity: found.scalars[of_group(quantity, name)] for quantity in expected} == pytest.approx(
            {quantity: float(value) for quantity, value in expected.items()}, abs=1e-12
        )
        intervals = {
            "gap": metrics.mean_interval(events.confidence - events.correctness),
            "accuracy": metrics.share_interval(float(events.correctness.sum()), len(events.correctness)),
        }
        for quantity, interval in intervals.items():
            assert found.intervals[of_group(quantity, name)] == pytest.approx(interval[1:3], abs=1e-12)


def test_pairs_are_those_of_the_comparison_of_groups():
    logits, labels, groups = classifier()
    found = measured(logits, labels, groups)
    bins = metrics.bins_by_group(*metrics.top_label(logits, labels), groups, names=NAMES, binning="mass")
    generator = np.random.default_rng(SEED)
    of_groups = metrics.calibration_by_group(bins, generator, 100)
    for pair in metrics.compare_groups(bins, generator, 100):
        expected = {
            "gap_difference": pair.gap.estimate,
            "gap_difference_p": pair.gap_p_holm,
            "squared_error_difference": pair.squared_error.estimate,
            "ece_difference": of_groups[pair.second].ece - of_groups[pair.first].ece,
            "matched_ece_difference": pair.matched_ece,
            "same_curve_p": pair.p_holm,
            "detectable_gap": pair.detectable,
        }
        names = pair.first, pair.second
        assert {quantity: found.scalars[of_pair(quantity, *names)] for quantity in PAIR_QUANTITIES} == expected
        assert found.intervals[of_pair("gap_difference", *names)] == pair.gap[1:3]
        assert found.intervals[of_pair("squared_error_difference", *names)] == pair.squared_error[1:3]


def test_rows_are_what_the_scalars_are_means_of():
    found = measured(*classifier(classes=10))
    assert found.rows.keys() < found.scalars.keys()
    for name, values in found.rows.items():
        assert np.mean(values) == pytest.approx(found.scalars[name], abs=1e-12)
    logits, labels, groups = classifier(classes=10)
    right = (logits.argmax(1) == labels)[groups == 1]
    assert found.rows["accuracy/some"].tolist() == right.double().tolist()


def test_the_rows_of_a_pair_give_the_interval_of_its_difference():
    found = measured(*classifier())
    name = of_pair("gap_difference", "most", "some")
    interval = metrics.mean_interval(torch.from_numpy(found.rows[name]))
    assert interval[1:3] == pytest.approx(found.intervals[name], abs=2e-4)


values = st.lists(st.floats(-1, 1), min_size=2, max_size=30)


@given(values, values)
def test_rows_of_a_difference_have_its_mean_and_its_variance(first, second):
    found = gap_difference_rows(*(torch.tensor(group, dtype=torch.float64) for group in (first, second))).numpy()
    assert found.mean() == pytest.approx(np.mean(second) - np.mean(first), abs=1e-10)
    variance = np.var(first) / len(first) + np.var(second) / len(second)
    assert found.var() / len(found) == pytest.approx(variance, abs=1e-10)


def test_a_row_of_the_first_group_that_is_below_its_mean_raises_the_difference():
    values = gap_difference_rows(torch.tensor([0.0, 1.0]).double(), torch.tensor([1.0, 1.0]).double())
    assert values.tolist() == [1.5, -0.5, 0.5, 0.5]


def test_the_rows_of_a_pair_are_those_of_the_first_group_and_then_of_the_second():
    columns = classifier()
    columns[2][:] = columns[2].flip(0)
    found = measured(*columns).rows
    values, first, second = (found[name] for name in ("gap_difference/few vs most", "gap/most", "gap/few"))
    # What lies above its group's mean lowers the difference in the first group and raises it in the second.
    assert np.corrcoef(values[: len(first)], first)[0, 1] == pytest.approx(-1)
    assert np.corrcoef(values[len(first) :], second)[0, 1] == pytest.approx(1)


def test_the_order_of_rows_changes_nothing():
    columns = classifier()
    order = torch.randperm(len(columns[0]), generator=torch.Generator().manual_seed(1))
    found, shuffled = measured(*columns), measured(*(column[order] for column in columns))
    assert shuffled.scalars == pytest.approx(found.scalars, abs=1e-9)
    assert shuffled.intervals.keys() == found.intervals.keys()
    for name, bounds in found.intervals.items():
        assert shuffled.intervals[name] == pytest.approx(bounds, abs=1e-9)
    for name, values in found.rows.items():
        assert np.sort(shuffled.rows[name]) == pytest.approx(np.sort(values), abs=1e-9)
    inside = (columns[2] == 2).numpy()
    moved = inside[order].nonzero()[0]
    back = {int(row): value for row, value in zip(order[moved], shuffled.rows["nll/few"], strict=True)}
    assert [back[int(row)] for row in inside.nonzero()[0]] == found.rows["nll/few"].tolist()


@pytest.mark.parametrize("size", [0, 1])
def test_a_group_without_two_rows_says_nothing(size):
    logits, labels, groups = classifier()
    groups = (groups > 0).long()
    groups[:size] = 2
    found = measured(logits, labels, groups, binning="width")
    about_few = {name for name in found.scalars if "few" in name}
    assert len(about_few) == len(GROUP_QUANTITIES) + 2 * len(PAIR_QUANTITIES)
    assert all(math.isnan(found.scalars[name]) for name in about_few)
    assert not about_few & (found.intervals.keys() | found.rows.keys())
    others = measured(logits[size:], labels[size:], groups[size:], NAMES[:2], binning="width")
    kept = {name: value for name, value in found.scalars.items() if "few" not in name and "to_overall" not in name}
    assert kept == pytest.approx({name: others.scalars[name] for name in kept}, abs=1e-12)


def test_where_no_group_has_two_rows_all_is_undefined():
    found = measured(torch.randn(2, 3), torch.tensor([0, 2]), torch.tensor([0, 1]), NAMES)
    assert all(map(math.isnan, found.scalars.values()))
    assert not found.intervals
    assert not found.rows


def test_a_group_that_is_always_right_has_no_bounds_that_show_no_chance():
    logits, labels, groups = classifier()
    labels[groups == 2] = logits[groups == 2].argmax(1)
    found = measured(logits, labels, groups)
    assert found.scalars["accuracy/few"] == 1.0
    assert found.scalars["excess_aurc/few"] == 0.0
    assert "squared_error/few" not in found.intervals
    low, high = found.intervals["accuracy/few"]
    assert low < high == 1.0


def test_the_second_group_is_compared_with_the_first():
    logits, labels, groups = classifier()
    found, swapped = measured(logits, labels, groups), measured(logits, labels, 2 - groups, NAMES[::-1])
    for quantity in ("gap_difference", "ece_difference", "squared_error_difference"):
        there, back = of_pair(quantity, "most", "few"), of_pair(quantity, "few", "most")
        assert swapped.scalars[back] == pytest.approx(-found.scalars[there], abs=1e-12)
    assert found.scalars[of_pair("gap_difference", "most", "few")] == pytest.approx(
        found.scalars["gap/few"] - found.scalars["gap/most"], abs=1e-12
    )


def test_distances_are_those_of_the_groups():
    logits, labels, groups = classifier()
    found = measured(logits, labels, groups).scalars
    events = metrics.top_label(logits, labels)
    overall = {
        "accuracy": metrics.accuracy(logits, labels),
        "gap": metrics.confidence_gap(logits, labels),
        "ece": metrics.expected_calibration_error(logits, labels, binning="mass"),
        "nll": metrics.nll(logits, labels),
        "brier": metrics.brier(logits, labels),
    }
    assert len(events.confidence) == 900
    for quantity, value in overall.items():
        of_groups = [found[of_group(quantity, name)] for name in NAMES]
        assert found[of_all(quantity, "between_groups")] == max(of_groups) - min(of_groups)
        furthest = max(abs(each - float(value)) for each in of_groups)
        assert found[of_all(quantity, "to_overall")] == pytest.approx(furthest, abs=1e-12)


def test_every_option_changes_something():
    columns = classifier()
    standard = measured(*columns)
    for options in ({"bins": 10}, {"binning": "width"}):
        assert measured(*columns, **options).scalars["ece/few"] != standard.scalars["ece/few"]
    more = measured(*columns, resamples=200)
    assert more.intervals["squared_error/few"] != standard.intervals["squared_error/few"]
    assert more.scalars["squared_error/few"] == standard.scalars["squared_error/few"]
    assert measured(*columns).intervals == standard.intervals


def test_soft_labels_that_are_one_hot_give_what_their_indices_give():
    logits, labels, groups = classifier(classes=4)
    soft = torch.nn.functional.one_hot(labels, 4).float()
    assert measured(logits, soft, groups).scalars == pytest.approx(measured(logits, labels, groups).scalars, abs=1e-9)


def test_an_id_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"ids must lie in 0\.\.1, got 0\.\.2"):
        measured(*classifier(), NAMES[:2])
