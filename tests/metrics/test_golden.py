"""Published and independently computed values, to 1e-10.

Each was computed by at least one of netcal, p-lambda's verified_calibration, relplot, robustness_metrics, MCGrad,
focal_calibration, scikit-learn, probmetrics, torch-uncertainty and torchmetrics in double precision, most of them by
several, or is arithmetic on the counts.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from smoothkit import metrics
from smoothkit.metrics import (
    average_calibration_error_of,
    brier_parts_of,
    calibration_error_of,
    confidence_gap_of,
    debiased_calibration_error_of,
    debiased_squared_error_of,
    equal_mass_edges,
    one_class,
    reliability_of,
    sides_of,
    top_label,
)


def _rms(logits, labels, **options):
    return metrics.expected_calibration_error(logits, labels, norm="l2", **options)


OVERCONFIDENT = {
    "accuracy": (metrics.accuracy, 0.6345),
    "nll": (metrics.nll, 1.110395830303),
    "brier": (metrics.brier, 0.510508186112),
    "confidence gap": (metrics.confidence_gap, 0.1006541562),
    "ECE": (metrics.expected_calibration_error, 0.102518669338),
    "RMS": (_rms, 0.116845397084),
    "MCE": (lambda z, y: metrics.expected_calibration_error(z, y, norm="max"), 0.253582530080),
    "average": (lambda z, y: average_calibration_error_of(metrics.reliability(z, y)), 0.113458719906),
    "RMS debiased": (lambda z, y: metrics.debiased_calibration_error(z, y, binning="width"), 0.110943213255),
    "ECE equal mass": (lambda z, y: metrics.expected_calibration_error(z, y, binning="mass"), 0.103890630106),
    "RMS equal mass": (lambda z, y: _rms(z, y, binning="mass"), 0.120601594899),
    "RMS equal mass debiased": (metrics.debiased_calibration_error, 0.114573885147),
    "classwise": (metrics.classwise_calibration_error, 0.026901959614),
    "classwise equal mass": (
        lambda z, y: metrics.classwise_calibration_error(z, y, binning="mass"),
        0.022026832550,
    ),
    "marginal RMS equal mass debiased": (
        lambda z, y: debiased_squared_error_of(metrics.classwise_reliability(z, y, binning="mass")).mean().sqrt(),
        0.035861340437,
    ),
}
COUNTS = [0, 0, 0, 4, 23, 84, 136, 178, 178, 165, 167, 177, 174, 233, 481]
MEAN_CONFIDENCES = [
    *(0.2464174699, 0.3037875253, 0.3671778493, 0.4349251247, 0.5021927050, 0.5653203919),
    *(0.6323718476, 0.6976121181, 0.7683388292, 0.8364869987, 0.9002789628, 0.9774909655),
]
ACCURACIES = [
    *(0.5, 0.2608695652, 0.3452380952, 0.4411764706, 0.3876404494, 0.4606741573),
    *(0.4363636364, 0.5449101796, 0.6158192090, 0.6896551724, 0.7768240343, 0.9313929314),
]
ECE_BY_BINS = {
    5: 0.10065416,
    10: 0.10312856,
    15: 0.10251867,
    20: 0.10343395,
    30: 0.10487482,
    50: 0.11104903,
    100: 0.12067040,
}


def test_the_generator_is_the_one_the_values_were_computed_on(overconfident):
    logits, labels = overconfident
    assert logits[0, :3].tolist() == [-0.8188306379388518, 1.915773352230193, -2.0777548602269524]
    assert labels.bincount().tolist() == [178, 212, 220, 185, 189, 198, 202, 202, 190, 224]
    assert float(logits.square().sum()) == pytest.approx(318596.7376991180, abs=1e-8)
    confidence, correctness = top_label(logits, labels)
    assert float(confidence.sum()) == pytest.approx(1470.3083123546, abs=1e-9)
    assert float(correctness.sum()) == 1269
    assert (float(confidence.amin()), float(confidence.amax())) == pytest.approx((0.216478, 0.9999953703), abs=5e-7)


@pytest.mark.parametrize("name", OVERCONFIDENT)
def test_overconfident_classifier(overconfident, name):
    function, value = OVERCONFIDENT[name]
    assert float(function(*overconfident)) == pytest.approx(value, abs=1e-10)


@pytest.mark.parametrize("name", OVERCONFIDENT)
def test_single_precision_logits_lose_only_their_own_rounding(overconfident, name):
    logits, labels = overconfident
    function, value = OVERCONFIDENT[name]
    assert float(function(logits.float(), labels)) == pytest.approx(value, abs=1e-6)


def test_overconfident_classifier_bin_by_bin(overconfident):
    diagram = metrics.reliability(*overconfident)
    filled = diagram.counts > 0
    assert diagram.counts.tolist() == COUNTS
    assert diagram.confidence[filled].tolist() == pytest.approx(MEAN_CONFIDENCES, abs=1e-10)
    assert diagram.accuracy[filled].tolist() == pytest.approx(ACCURACIES, abs=1e-10)
    assert diagram.confidence[~filled].isnan().all()
    assert diagram.accuracy[~filled].isnan().all()


@pytest.mark.parametrize("bins", ECE_BY_BINS)
def test_calibration_error_for_other_numbers_of_bins(overconfident, bins):
    error = metrics.expected_calibration_error(*overconfident, bins=bins)
    assert float(error) == pytest.approx(ECE_BY_BINS[bins], abs=5e-9)


def test_over_and_under_confident_parts_make_up_error_and_gap(overconfident):
    sides = sides_of(metrics.reliability(*overconfident))
    assert float(sides.over) == pytest.approx(0.101586412758, abs=1e-10)
    assert float(sides.under) == pytest.approx(0.000932256580, abs=1e-10)


def test_the_parts_of_the_brier_score_of_the_predicted_class(overconfident):
    parts = brier_parts_of(metrics.reliability(*overconfident))
    assert float(parts.reliability) == pytest.approx(0.013652846820, abs=1e-10)
    assert float(parts.resolution) == pytest.approx(0.043573394209, abs=1e-10)
    assert float(parts.uncertainty) == pytest.approx(0.231909750000, abs=1e-10)
    # The variance of confidence within bins, less twice its covariance with correctness.
    assert float(parts.within_bins) == pytest.approx(0.000368742511 - 0.000416702100, abs=1e-10)
    assert float(parts.total) == pytest.approx(0.201941243022, abs=1e-10)


# Other rules for the edges of equal-mass bins, each a table of edges.


def _ordered(confidence: Tensor, bins: int) -> tuple[np.ndarray, np.ndarray]:
    return np.sort(confidence.numpy()), np.arange(1, bins) / bins


def _quantiles(confidence: Tensor, bins: int) -> Tensor:
    ordered, shares = _ordered(confidence, bins)
    return _between_0_and_1(np.quantile(ordered, shares))


def _rounded_quantiles(confidence: Tensor, bins: int) -> Tensor:
    return _between_0_and_1(_quantiles(confidence, bins)[1:-1].numpy().round(3))


def _rounded_ranks(confidence: Tensor, bins: int) -> Tensor:
    ordered, shares = _ordered(confidence, bins)
    return _between_0_and_1(ordered[np.round(shares * len(ordered)).astype(int)])


def _between_0_and_1(inner: np.ndarray) -> Tensor:
    return torch.from_numpy(np.concatenate([[0.0], inner, [1.0]]))


@pytest.mark.parametrize(
    ("edges", "closed", "error"),
    [
        (_quantiles, "left", 0.104368113402),  # netcal: numpy's quantiles
        (_rounded_quantiles, "left", 0.103911608423),  # MCGrad: pandas' qcut, which rounds them to three digits
        (_rounded_ranks, "left", 0.103957099775),  # robustness_metrics: the rank i N / B, rounded
    ],
)
def test_the_edge_rules_of_other_libraries_are_tables_of_edges(overconfident, edges, closed, error):
    confidence, correctness = top_label(*overconfident)
    found = reliability_of(confidence, correctness, edges=edges(confidence, 15), closed=closed)
    assert float(calibration_error_of(found)) == pytest.approx(error, abs=1e-10)


def test_the_edge_rule_that_leaves_out_the_smallest_confidence(overconfident):
    # focal_calibration interpolates at the ranks i N / B and begins above the smallest confidence, in single precision.
    confidence, correctness = top_label(*overconfident)
    ordered, shares = _ordered(confidence, 15)
    inner = np.interp(shares * len(ordered), np.arange(len(ordered)), ordered)
    edges = _between_0_and_1(np.concatenate([ordered[:1], inner]))
    found = reliability_of(confidence, correctness, edges=edges)
    assert int(found.counts[0]) == 1
    assert float((found.weights * found.gaps.abs())[1:].sum()) == pytest.approx(0.104759879410, abs=1e-8)


@pytest.mark.parametrize(("threshold", "error"), [(-1.0, 0.022182457149), (0.01, 0.060618215989)])
def test_the_adaptive_errors_of_robustness_metrics(overconfident, threshold, error):
    """ACE and TACE: classwise, bins by rounded ranks, of the probabilities above a threshold."""
    errors = []
    for index in range(10):
        given, mass = one_class(*overconfident, index)
        given, mass = given[given > threshold], mass[given > threshold]
        found = reliability_of(given, mass, edges=_rounded_ranks(given, 15), closed="left")
        errors.append(float(calibration_error_of(found)))
    assert np.mean(errors) == pytest.approx(error, abs=1e-10)


# Groups, and one class against the rest.

GROUPS = [
    # Signed gap, ECE, debiased equal-mass RMS.
    (1585, 0.1007681180, 0.107147410801, 0.114423130218),
    (308, 0.1184389813, 0.118438981330, 0.126784242272),
    (107, 0.0477723282, 0.084200382991, 0.0),
]


@pytest.fixture(scope="module")
def groups() -> Tensor:
    stream = np.random.RandomState(12345)
    stream.standard_normal((2000, 10))
    stream.random_sample(2000)
    draws = stream.random_sample(2000)
    return torch.from_numpy(np.where(draws < 0.8, 0, np.where(draws < 0.95, 1, 2)))


@pytest.mark.parametrize("group", range(3))
def test_groups(overconfident, groups, group):
    size, gap, ece, rms = GROUPS[group]
    logits, labels = (each[groups == group] for each in overconfident)
    assert len(labels) == size
    assert float(metrics.confidence_gap(logits, labels)) == pytest.approx(gap, abs=1e-10)
    assert float(metrics.expected_calibration_error(logits, labels)) == pytest.approx(ece, abs=1e-10)
    assert float(metrics.debiased_calibration_error(logits, labels)) == pytest.approx(rms, abs=1e-10)


def test_one_class_against_the_rest(overconfident):
    given, mass = one_class(*overconfident, 0)
    found = reliability_of(given, mass)
    assert float(given.sum()) == pytest.approx(192.4605540443, abs=1e-9)
    assert float(calibration_error_of(found)) == pytest.approx(0.024455125534, abs=1e-10)
    assert float(brier_parts_of(found).total) == pytest.approx(0.045002139899, abs=1e-10)
    found = reliability_of(given, mass, edges=equal_mass_edges(given))
    assert float(debiased_calibration_error_of(found)) == pytest.approx(0.042232570477, abs=1e-10)
    binary = torch.stack([1 - given, given], dim=1)
    assert float(metrics.nll(binary, mass.long(), from_logits=False)) == pytest.approx(0.155196519214, abs=1e-10)
    assert float(metrics.brier(binary, mass.long(), from_logits=False)) == pytest.approx(2 * 0.045002139899, abs=1e-10)


# Exact fractions.


def test_exact_fractions(sixteenths):
    assert float(metrics.accuracy(*sixteenths)) == 6 / 8
    assert float(metrics.brier(*sixteenths)) == pytest.approx(0.3154296875, abs=1e-12)
    assert float(metrics.nll(*sixteenths)) == pytest.approx(0.571630177048, abs=1e-12)
    assert float(metrics.classwise_calibration_error(*sixteenths, bins=5)) == pytest.approx(1 / 6, abs=1e-12)
    diagram = metrics.reliability(*sixteenths, bins=5)
    assert float(calibration_error_of(diagram)) == pytest.approx(0.203125, abs=1e-12)
    assert float(calibration_error_of(diagram, "max")) == pytest.approx(0.3125, abs=1e-12)
    # Gaps of 1/6, 5/16 and 3/32 in bins of 3, 3 and 2 events; 0.22188966 in single precision.
    square = 3 / 8 * (1 / 6) ** 2 + 3 / 8 * (5 / 16) ** 2 + 2 / 8 * (3 / 32) ** 2
    assert float(calibration_error_of(diagram, "l2").square()) == pytest.approx(square, abs=1e-14)
    assert square**0.5 == pytest.approx(0.221889659762, abs=2e-8)
    assert float(debiased_calibration_error_of(diagram)) == pytest.approx(0.086996318169, abs=1e-12)
    gaps = diagram.gaps.nan_to_num().abs() * diagram.counts
    assert gaps.tolist() == pytest.approx([0, 0, 8 / 16, 15 / 16, 3 / 16], abs=1e-12)
    error = metrics.expected_calibration_error(*sixteenths, bins=4, binning="mass")
    assert float(error) == pytest.approx(0.125, abs=1e-12)


def test_exact_fractions_by_group(sixteenths):
    logits, labels = sixteenths
    assert float(metrics.confidence_gap(logits[:4], labels[:4])) == pytest.approx(-0.140625, abs=1e-12)
    assert float(metrics.confidence_gap(logits[4:], labels[4:])) == pytest.approx(-0.015625, abs=1e-12)


# Confidence, correctness, bins, and the error with right-closed bins (scikit-learn's calibration_curve,
# verified_calibration) and with left-closed ones (netcal, MCGrad): cases in which the treatment of edges decides.
EDGES = [
    ([0, 0.25, 0.25, 0.5, 0.5, 0.625, 0.75, 0.75, 1, 1], [0, 1, 0, 0, 1, 1, 0, 1, 1, 0], 4, 0.1625, 0.2375),
    ([0.875, 1], [1, 0], 4, 0.4375, 0.4375),
    ([0.5, 0.625], [0, 1], 4, 0.4375, 0.0625),
    ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1], 10, 0.45, None),
    ([0.95, 1], [1, 0], 15, 0.475, 0.475),
]


@pytest.mark.parametrize(("confidence", "correctness", "bins", "right", "left"), EDGES)
def test_edges_belong_to_the_bin_that_is_asked_for(confidence, correctness, bins, right, left):
    events = torch.tensor([confidence, correctness], dtype=torch.float64)
    assert float(calibration_error_of(reliability_of(*events, bins))) == pytest.approx(right, abs=1e-12)
    if left is not None:
        error = calibration_error_of(reliability_of(*events, bins, closed="left"))
        assert float(error) == pytest.approx(left, abs=1e-12)


def test_decimal_edges_are_decimals_here_and_spaced_ones_elsewhere():
    """Ten bins: i / 10 is its own edge. numpy's linspace has 0.30000000000000004, so 0.3 changes sides there."""
    confidence, correctness = torch.tensor(EDGES[3][:2], dtype=torch.float64)
    spaced = torch.from_numpy(np.linspace(0, 1, 11))
    elsewhere = reliability_of(confidence, correctness, edges=spaced, closed="left")
    assert float(calibration_error_of(elsewhere)) == pytest.approx(0.31, abs=1e-12)
    here = reliability_of(confidence, correctness, 10, closed="left")
    assert here.counts.tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    gaps = [0.8, 0.3, 0.6, 0.5, 0.4, 0.7, 0.2, abs(0.9 + 1.0 - 1)]
    assert float(calibration_error_of(here)) == pytest.approx((0.1 + sum(gaps)) / 10, abs=1e-12)


def test_ties_are_one_bin():
    # 50 events of confidence 0.9, of which 45 came true, and 50 of 0.6, of which 20 did: |0.9 - 0.9|, |0.6 - 0.4|.
    confidence = torch.tensor([0.9] * 50 + [0.6] * 50, dtype=torch.float64)
    correctness = torch.tensor([1.0] * 45 + [0.0] * 5 + [1.0] * 20 + [0.0] * 30, dtype=torch.float64)
    for order in (slice(None), torch.randperm(100, generator=torch.Generator().manual_seed(3))):
        found = reliability_of(confidence[order], correctness[order], edges=equal_mass_edges(confidence[order]))
        assert sorted(found.counts[found.counts > 0].tolist()) == [50, 50]
        assert float(calibration_error_of(found)) == pytest.approx(0.1, abs=1e-12)
        assert float(confidence_gap_of(found)) == pytest.approx(0.1, abs=1e-12)
