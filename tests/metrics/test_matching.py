"""Drawing from bins: subsampled rows, permuted groups, and groups of one curve that are told apart by chance alone."""

import numpy as np
import pytest
import torch

from smoothkit.metrics import matching
from smoothkit.metrics.bins import reliability_of
from smoothkit.metrics.calibration import calibration_error_of, debiased_squared_error_of
from smoothkit.metrics.matching import drawn_accuracy, matched_calibration_error_of, same_curve_p_value


def generator(seed=0):
    return np.random.default_rng(seed)


def events(confidence, correctness):
    return reliability_of(torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64))


def sample(noise, rows, shift=0.0):
    """Bins of events whose accuracy is their confidence less `shift`."""
    confidence = noise.uniform(0.4, 1.0, size=rows)
    correctness = (noise.uniform(size=rows) < confidence - shift).astype(float)
    return reliability_of(torch.from_numpy(confidence), torch.from_numpy(correctness))


def test_matched_error_of_all_rows_is_the_error():
    bins = sample(generator(), 200)
    assert matched_calibration_error_of(bins, 200, generator()) == float(calibration_error_of(bins))
    with pytest.raises(ValueError, match=r"rows must lie in 1\.\.200, got 201"):
        matched_calibration_error_of(bins, 201, generator())


def test_matched_error_is_that_of_subsampled_rows():
    noise = generator()
    confidence = torch.from_numpy(noise.uniform(0.4, 1.0, size=1000))
    correctness = torch.from_numpy((noise.uniform(size=1000) < confidence.numpy()).astype(float))
    chosen = [torch.from_numpy(noise.permutation(1000)[:100]) for _ in range(500)]
    expected = np.mean([float(calibration_error_of(reliability_of(confidence[r], correctness[r]))) for r in chosen])
    found = matched_calibration_error_of(reliability_of(confidence, correctness), 100, noise, draws=2000)
    assert found == pytest.approx(expected, abs=0.004)


def test_drawing_all_of_a_bin_gives_its_accuracy():
    bins = sample(generator(), 300)
    found = drawn_accuracy(bins, bins.counts.numpy()[None], generator())
    assert found[0] == pytest.approx(bins.accuracy.nan_to_num().numpy(), abs=1e-12)


def test_same_curve_of_two_halves_by_hand():
    # One bin: 1 of 2 right against 1 of 1. The one drawn is right in 2 of 3 draws; its distance from the other two is
    # then 1/2, as observed, and else 1: every permutation is as extreme as what was observed.
    one, other = events([0.7, 0.7], [1.0, 0.0]), events([0.7], [1.0])
    assert same_curve_p_value(one, other, generator(), 200) == 1.0
    # The wrong one is drawn in 1 of 3.
    one, other = events([0.7, 0.7], [1.0, 1.0]), events([0.7], [0.0])
    assert same_curve_p_value(one, other, generator(), 20_000) == pytest.approx(1 / 3, abs=0.02)


def test_groups_that_differ_only_in_confidence_have_one_curve():
    noise = generator()
    low, high = noise.uniform(0.4, 0.8, size=3000), noise.uniform(0.6, 1.0, size=3000)
    made = [
        reliability_of(torch.from_numpy(c), torch.from_numpy((noise.uniform(size=3000) < c).astype(float)))
        for c in (low, high)
    ]
    assert same_curve_p_value(*made, noise) > 0.05


def test_opposite_errors_of_one_size_are_seen():
    noise = generator()
    over, under = sample(noise, 2000, 0.08), sample(noise, 2000, -0.08)
    assert same_curve_p_value(over, under, noise, 999) == 1 / 1000
    assert abs(float(debiased_squared_error_of(over) - debiased_squared_error_of(under))) < 0.01


def test_soft_labels_that_are_indices_change_nothing():
    hard = sample(generator(), 300)
    drawn = np.tile(hard.counts.numpy() // 2, (5, 1))
    shares = drawn_accuracy(hard, drawn, generator()) * drawn
    assert shares == pytest.approx(shares.round(), abs=1e-9)


@pytest.mark.parametrize("level", [0.0004, 0.3])
def test_soft_labels_vary_as_draws_without_replacement_do(level):
    noise = generator()
    correctness = torch.from_numpy(level + level * noise.uniform(size=41))
    bins = reliability_of(torch.full((41,), 0.5).double(), correctness)
    drawn = np.where(bins.counts.numpy() > 0, 11, 0)
    found = drawn_accuracy(bins, np.tile(drawn, (20_000, 1)), noise)[:, drawn > 0]
    assert found.mean() == pytest.approx(float(correctness.mean()), rel=0.01)
    # Of n from N: v (N - n) / ((N - 1) n).
    assert found.var() == pytest.approx(float(correctness.var(correction=0)) * 30 / 40 / 11, rel=0.05)


def test_where_all_are_right_nothing_tells_the_curves_apart():
    noise = generator()
    groups = [events(noise.uniform(low, 1, size=300).tolist(), [1.0] * 300) for low in (0.9, 0.95)]
    assert same_curve_p_value(*groups, noise) == 1.0


def test_slope_is_that_of_least_squares_with_a_level_for_each_bin():
    noise = generator()
    confidence, group = noise.uniform(0.4, 1, size=200), np.arange(200) % 3 == 0
    correctness = (noise.uniform(size=200) < confidence**2).astype(float)
    made = [
        reliability_of(torch.from_numpy(confidence[rows]), torch.from_numpy(correctness[rows]), 5)
        for rows in (group, ~group)
    ]
    cells = np.digitize(confidence, made[0].edges[1:-1].numpy(), right=True) + 5 * group
    levels = (cells[:, None] == np.unique(cells)).astype(float)
    design = np.column_stack([confidence, levels])
    values, residual, *_ = np.linalg.lstsq(design, correctness)
    variance = residual[0] / (200 - design.shape[1]) * np.linalg.inv(design.T @ design)[0, 0]
    assert matching._slope(*made) == pytest.approx((values[0], variance**0.5), rel=1e-9)


# Groups of one curve that differ in how confident they are: rows, the law of confidence, and the curve. One that
# takes accuracy as it is tells the groups of the steep curve apart nearly always, one that compares gaps those that
# are nearly all right; soft labels were never permuted where they add up to less than 1/2 in a bin.
LAWS = {
    "steep": ((30_000, 30_000), (lambda noise, n: noise.beta(8, 1, n), lambda noise, n: noise.beta(30, 1, n)), "cube"),
    "right": ((300, 300), (lambda noise, n: noise.uniform(0.8, 1, n), lambda noise, n: noise.beta(30, 1, n)), "right"),
    "few": ((40, 20), (lambda noise, n: noise.beta(2, 2, n), lambda noise, n: noise.beta(6, 2, n)), "same"),
    "soft": ((60, 60), (lambda noise, n: noise.uniform(0.3, 1, n),) * 2, "soft"),
}
CURVES = {
    "cube": lambda noise, c: (noise.uniform(size=len(c)) < c**3).astype(float),
    "right": lambda noise, c: (noise.uniform(size=len(c)) < 0.997).astype(float),
    "same": lambda noise, c: (noise.uniform(size=len(c)) < c).astype(float),
    "soft": lambda noise, c: noise.uniform(0, 0.12, size=len(c)),
}


def false_alarms(name, trials):
    noise = generator()
    rows, laws, curve = LAWS[name]
    found = []
    for _ in range(trials):
        confidences = [law(noise, count) for law, count in zip(laws, rows, strict=True)]
        groups = [reliability_of(*map(torch.from_numpy, (c, CURVES[curve](noise, c)))) for c in confidences]
        found.append(same_curve_p_value(*groups, noise, 199) <= 0.05)
    return np.mean(found)


@pytest.mark.parametrize("name", LAWS)
def test_groups_of_one_curve_are_seldom_told_apart(name):
    assert false_alarms(name, 60) <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_false_alarms_of_groups_of_one_curve(name):
    assert false_alarms(name, 1000) <= 0.075
