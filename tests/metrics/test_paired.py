"""Two models on the same rows: identical ones, known differences, and seeds as the outer level."""

import inspect

import numpy as np
import pytest
import scipy.stats
import torch

from smoothkit.metrics import paired
from smoothkit.metrics.bins import equal_mass_edges, reliability_of
from smoothkit.metrics.calibration import debiased_squared_error_of
from smoothkit.metrics.events import Events, top_label
from smoothkit.metrics.paired import paired_difference, paired_mean_difference

MEASURES = ("accuracy", "confidence", "confidence_gap", "brier", "aurc", "debiased_squared_error")


def generator():
    return np.random.default_rng(0)


def models(overconfident):
    logits, labels = overconfident
    return top_label(logits / 1.5, labels), top_label(logits, labels)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seeds", [1, 3])
def test_a_model_does_not_differ_from_itself(overconfident, measure, seeds):
    _, model = models(overconfident)
    assert paired_difference([model] * seeds, [model] * seeds, measure, generator(), resamples=20)[:3] == (0, 0, 0)


@pytest.mark.parametrize("measure", MEASURES)
def test_exchanging_the_models_turns_the_interval(overconfident, measure):
    one, other = models(overconfident)
    forth = paired_difference([one], [other], measure, generator(), resamples=100)
    back = paired_difference([other], [one], measure, generator(), resamples=100)
    assert forth[:3] == pytest.approx((-back.estimate, -back.high, -back.low), abs=1e-12)


def test_means_of_one_seed_are_scipys_paired_test(overconfident):
    one, other = models(overconfident)
    expected = scipy.stats.ttest_rel(one.confidence.numpy(), other.confidence.numpy()).confidence_interval(0.95)
    interval = paired_difference([one], [other], "confidence_gap", generator())
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_temperature_is_seen_at_once(overconfident):
    # Dividing by the true temperature changes no prediction and takes the calibration error away.
    calibrated, plain = models(overconfident)
    assert paired_difference([calibrated], [plain], "accuracy", generator())[:3] == (0, 0, 0)
    interval = paired_difference([calibrated], [plain], "debiased_squared_error", generator(), resamples=300)
    assert interval.high < -0.006
    edges = equal_mass_edges(torch.cat([calibrated.confidence, plain.confidence]))
    errors = [float(debiased_squared_error_of(reliability_of(*model, edges=edges))) for model in (calibrated, plain)]
    assert interval.estimate == pytest.approx(errors[0] - errors[1], abs=1e-12)


def test_pairing_is_far_tighter_than_two_samples(overconfident):
    one, other = models(overconfident)
    paired = paired_difference([one], [other], "brier", generator())
    values = [(model.confidence - model.correctness).square().numpy() for model in (one, other)]
    apart = scipy.stats.ttest_ind(*values, equal_var=False).confidence_interval(0.95)
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


def false_alarms(measure, trials, resamples=200):
    noise = generator()
    found = []
    for _ in range(trials):
        hardness = noise.uniform(0.4, 0.9, size=300)

        def run(hardness=hardness):
            correctness = torch.from_numpy((noise.uniform(size=300) < hardness).astype(float))
            return Events(torch.from_numpy(np.clip(hardness + 0.05 * noise.normal(), 0, 1)), correctness)

        first, second = ([run() for _ in range(4)] for _ in range(2))
        interval = paired_difference(first, second, measure, noise, resamples=resamples)
        found.append(interval.excludes(0.0))
    return np.mean(found)


@pytest.mark.parametrize("measure", ["confidence_gap", "aurc", "debiased_squared_error"])
def test_methods_that_are_alike_are_seldom_told_apart(measure):
    assert false_alarms(measure, 60) <= 0.12


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES)
def test_false_alarms_of_methods_that_are_alike(measure):
    assert false_alarms(measure, 1000) <= 0.07


def test_more_rows_do_not_make_up_for_few_seeds():
    # The first method's gap is 0.1 in one training run and 0 in the other.
    rows = torch.full((5000,), 0.5).double()
    level = [Events(rows, (torch.arange(5000) % 2).double()) for _ in range(2)]
    shifted = [Events(rows + 0.1, level[0].correctness), level[1]]
    interval = paired_difference(shifted, level, "confidence_gap", generator())
    assert interval.estimate == pytest.approx(0.05)
    assert not interval.excludes(0.0)
    assert not paired_difference(shifted, level, "debiased_squared_error", generator(), resamples=50).excludes(0.0)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([], [], "same seeds"), ([4], [4, 4], "same seeds"), ([4], [5], "same rows"), ([4, 5], [4, 5], "same rows")],
)
def test_what_cannot_be_paired_is_refused(first, second, message):
    made = [[Events(torch.full((n,), 0.5).double(), torch.ones(n).double()) for n in rows] for rows in (first, second)]
    with pytest.raises(ValueError, match=message):
        paired_difference(*made, "accuracy", generator())


def test_a_measure_that_there_is_not_and_events_without_a_list_are_refused(overconfident):
    # Beartype would be first to refuse these.
    refuse = inspect.unwrap(paired_difference)
    model, _ = models(overconfident)
    with pytest.raises(ValueError, match=r"measure must be one of accuracy, confidence, .*, got 'ece'"):
        refuse([model], [model], "ece", generator())
    for pair in ((model, model), ([model], model)):
        with pytest.raises(ValueError, match="give each model a list of events, one for each seed"):
            inspect.unwrap(paired._check)(*pair)


def test_values_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="same seeds and rows"):
        paired_mean_difference(torch.zeros(2, 3).double(), torch.zeros(2, 4).double())
