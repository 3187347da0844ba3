"""Published and independently computed values, to 1e-10."""

import pytest
import torch

from smoothkit import metrics

# Each value was computed by at least two of netcal, p-lambda's verified_calibration, relplot, robustness_metrics,
# MCGrad, scikit-learn, probmetrics and torchmetrics, or is arithmetic on the counts.
OVERCONFIDENT = {
    "accuracy": (metrics.accuracy, 0.6345),
    "nll": (metrics.nll, 1.110395830303),
    "brier": (metrics.brier, 0.510508186112),
    "ece": (metrics.expected_calibration_error, 0.102518669338),
    "confidence_gap": (metrics.confidence_gap, 0.1006541562),
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


@pytest.mark.parametrize("name", OVERCONFIDENT)
def test_overconfident_classifier(overconfident, name):
    function, value = OVERCONFIDENT[name]
    assert float(function(*overconfident)) == pytest.approx(value, abs=1e-10)


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
    diagram = metrics.reliability(*overconfident)
    gaps = ((diagram.confidence - diagram.accuracy) * diagram.counts).nan_to_num() / 2000
    assert float(gaps.clamp(min=0).sum()) == pytest.approx(0.101586412758, abs=1e-10)
    assert float(-gaps.clamp(max=0).sum()) == pytest.approx(0.000932256580, abs=1e-10)
    assert float((diagram.confidence - diagram.accuracy).nan_to_num().abs().max()) == pytest.approx(
        0.253582530080, abs=1e-10
    )


def test_single_precision_logits_lose_only_their_own_rounding(overconfident):
    logits, labels = overconfident
    for function, value in OVERCONFIDENT.values():
        assert float(function(logits.float(), labels)) == pytest.approx(value, abs=1e-6)


def test_exact_fractions(sixteenths):
    assert float(metrics.accuracy(*sixteenths)) == 6 / 8
    assert float(metrics.brier(*sixteenths)) == pytest.approx(0.3154296875, abs=1e-12)
    assert float(metrics.nll(*sixteenths)) == pytest.approx(0.571630177048, abs=1e-12)
    assert float(metrics.expected_calibration_error(*sixteenths, bins=5)) == pytest.approx(0.203125, abs=1e-12)
    diagram = metrics.reliability(*sixteenths, bins=5)
    gaps = (diagram.confidence - diagram.accuracy).nan_to_num().abs()
    assert float(gaps.max()) == pytest.approx(0.3125, abs=1e-12)
    assert (gaps * diagram.counts).tolist() == pytest.approx([0, 0, 8 / 16, 15 / 16, 3 / 16], abs=1e-12)


def test_exact_fractions_by_group(sixteenths):
    logits, labels = sixteenths
    assert float(metrics.confidence_gap(logits[:4], labels[:4])) == pytest.approx(-0.140625, abs=1e-12)
    assert float(metrics.confidence_gap(logits[4:], labels[4:])) == pytest.approx(-0.015625, abs=1e-12)


# Confidence, correctness, bins, error: cases in which the treatment of edges decides. The values are those of the
# right-closed rule, as scikit-learn's calibration_curve and verified_calibration give them.
EDGES = [
    ([0, 0.25, 0.25, 0.5, 0.5, 0.625, 0.75, 0.75, 1, 1], [0, 1, 0, 0, 1, 1, 0, 1, 1, 0], 4, 0.1625),
    ([0.875, 1], [1, 0], 4, 0.4375),
    ([0.5, 0.625], [0, 1], 4, 0.4375),
    ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1], 10, 0.45),
    ([0.95, 1], [1, 0], 15, 0.475),
]


@pytest.mark.parametrize(("confidence", "correctness", "bins", "error"), EDGES)
def test_edges_belong_to_the_bin_below(confidence, correctness, bins, error):
    diagram = metrics.reliability_of(
        torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64), bins
    )
    assert float(diagram.expected_calibration_error) == pytest.approx(error, abs=1e-12)
