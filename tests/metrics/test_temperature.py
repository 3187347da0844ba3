"""Temperature scaling: the optimum, whatever the scale, and a named error where there is none."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from smoothkit.metrics import expected_calibration_error, nll
from smoothkit.metrics.temperature import Temperature, after_temperature, fit_temperature

# The root of the derivative in 30-digit arithmetic (mpmath); scikit-learn finds 1.470265333, scipy 1.470265347.
OPTIMUM = 1.47026533942952426

few_examples = settings(max_examples=25, deadline=None)


def classifier(rows: int, classes: int, seed: int, truth: float = 2.0) -> tuple[Tensor, Tensor]:
    """Logits, and labels drawn from softmax(logits / truth)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial((logits / truth).softmax(1), 1, generator=generator).squeeze(1)


def slope(logits: Tensor, labels: Tensor, temperature: float) -> float:
    """The derivative of the NLL by log T, by automatic differentiation."""
    log_temperature = torch.tensor(math.log(temperature), dtype=torch.float64, requires_grad=True)
    F.cross_entropy(logits / log_temperature.exp(), labels).backward()
    assert log_temperature.grad is not None
    return log_temperature.grad.item()


def test_golden(overconfident):
    found = fit_temperature(*overconfident)
    assert found.temperature == pytest.approx(OPTIMUM, rel=1e-11)
    assert found.nll == pytest.approx(1.037131883174, abs=1e-11)
    assert found.rows == 2000
    assert float(nll(found.apply(overconfident[0]), overconfident[1])) == pytest.approx(found.nll, abs=1e-12)
    error = after_temperature(expected_calibration_error, found)(*overconfident, bins=15)
    assert float(error) == pytest.approx(0.0335261, abs=5e-8)


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e-3, 0.5, 4.0, 1e3, 1e8, 1e30])
def test_the_scale_of_the_logits_is_the_scale_of_the_temperature(overconfident, scale):
    logits, labels = overconfident
    assert fit_temperature(scale * logits, labels).temperature == pytest.approx(scale * OPTIMUM, rel=1e-10)


@few_examples
@given(st.integers(2, 300), st.integers(2, 20), st.integers(0, 2**31))
def test_the_derivative_vanishes_at_the_optimum_and_nowhere_near_it(rows, classes, seed):
    logits, labels = classifier(rows, classes, seed)
    try:
        best = fit_temperature(logits, labels).temperature
    except ValueError as error:
        assert "no temperature is best" in str(error)  # noqa: PT017 - few rows often leave no optimum.
        return
    assert best > 0
    assert abs(slope(logits, labels, best)) < 1e-9
    assert slope(logits, labels, best * 0.999) < 0 < slope(logits, labels, best * 1.001)


def test_closed_form_of_two_classes():
    # Of rows with the margin m, the share s is right: sigmoid(m / T) = s.
    logits = torch.tensor([[3.0, 0.0]]).repeat(10, 1)
    labels = torch.tensor([0] * 7 + [1] * 3)
    assert fit_temperature(logits, labels).temperature == pytest.approx(3 / math.log(0.7 / 0.3), rel=1e-12)


def test_a_hundredfold_confident_model_and_a_shy_one_are_put_right():
    logits, labels = classifier(20_000, 5, seed=0, truth=1.0)
    for scale in (100.0, 0.01):
        assert fit_temperature(scale * logits, labels).temperature == pytest.approx(scale, rel=0.05)


@few_examples
@given(st.floats(0.05, 20), st.integers(0, 2**31))
def test_soft_labels_that_are_a_tempered_prediction_give_that_temperature_back(truth, seed):
    logits, _ = classifier(40, 6, seed)
    found = fit_temperature(logits, (logits / truth).softmax(1))
    assert found.temperature == pytest.approx(truth, rel=1e-8)


def test_one_hot_labels_and_probabilities_and_ignored_rows_change_nothing(overconfident):
    logits, labels = overconfident
    one_hot = F.one_hot(labels, 10).double()
    assert fit_temperature(logits, one_hot).temperature == pytest.approx(OPTIMUM, rel=1e-12)
    probabilities = logits.softmax(1)
    assert fit_temperature(probabilities, labels, from_logits=False).temperature == pytest.approx(OPTIMUM, rel=1e-11)
    padded = torch.cat([logits, torch.zeros(5, 10).double()]), torch.cat([labels, torch.full((5,), -100)])
    found = fit_temperature(*padded, ignore_index=-100)
    assert (found.temperature, found.rows) == (pytest.approx(OPTIMUM, rel=1e-12), 2000)


def test_the_order_of_rows_and_a_shift_of_each_row_change_nothing(overconfident):
    logits, labels = overconfident
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(2000, generator=generator)
    assert fit_temperature(logits[order], labels[order]).temperature == pytest.approx(OPTIMUM, rel=1e-12)
    shifts = 100 * torch.randn(2000, 1, generator=generator, dtype=torch.float64)
    assert fit_temperature(logits + shifts, labels).temperature == pytest.approx(OPTIMUM, rel=1e-11)


def test_ruled_out_classes_are_not_there(overconfident):
    logits, labels = overconfident
    nowhere = torch.full((2000, 1), -math.inf, dtype=torch.float64)
    assert fit_temperature(torch.cat([logits, nowhere], 1), labels).temperature == pytest.approx(OPTIMUM, rel=1e-12)
    q = F.one_hot(labels, 11).double()
    assert fit_temperature(torch.cat([logits, nowhere], 1), q).temperature == pytest.approx(OPTIMUM, rel=1e-12)


def test_ruled_out_classes_do_not_make_logits_look_informative_or_not():
    # Three of five have the larger of two possible classes: sigmoid(1 / T) = 0.6.
    logits = torch.tensor([[0.0, -1.0, -math.inf]]).repeat(5, 1)
    assert fit_temperature(logits, torch.tensor([0, 0, 0, 1, 1])).temperature == pytest.approx(1 / math.log(1.5))


def test_rows_with_equal_logits_say_nothing():
    logits, labels = classifier(500, 4, seed=1)
    padded = torch.cat([logits, torch.ones(100, 4).double()]), torch.cat([labels, torch.arange(100) % 4])
    assert fit_temperature(*padded).temperature == pytest.approx(fit_temperature(logits, labels).temperature, rel=1e-12)


def test_one_wrong_row_in_many_has_an_optimum():
    # 9999 margins of 5 and one of -5: sigmoid(5 / T) = 0.9999.
    logits = torch.tensor([[5.0, 0.0]]).repeat(10_000, 1)
    labels = torch.zeros(10_000, dtype=torch.int64)
    labels[7] = 1
    assert fit_temperature(logits, labels).temperature == pytest.approx(5 / math.log(9999), rel=1e-10)


def test_all_right_is_named():
    with pytest.raises(ValueError, match=r"the label has the largest logit in all 3 rows, so .* T falls to 0"):
        fit_temperature(torch.eye(3), torch.arange(3))
    with pytest.raises(ValueError, match="in all 2 rows"):
        fit_temperature(torch.tensor([[1.0, 1.0, 0.0], [2.0, 0.0, 0.0]]), torch.tensor([1, 0]))


def test_uninformative_logits_are_named():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match=r"no larger than those of all classes \(by 0\), so .* T goes to infinity"):
        fit_temperature(logits, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="check that labels and logits belong together"):
        fit_temperature(logits, torch.tensor([1, 1]))


def test_equal_logits_are_named():
    with pytest.raises(ValueError, match="the logits of each row are equal, so every temperature gives the same"):
        fit_temperature(torch.ones(4, 3), torch.tensor([0, 1, 2, 0]))


def test_labels_that_are_ruled_out_are_named():
    logits = torch.tensor([[0.0, -math.inf, 1.0], [0.0, 1.0, 1.0]])
    with pytest.raises(ValueError, match="in 1 of 2 rows the label is a class that the logits rule out"):
        fit_temperature(logits, torch.tensor([1, 0]))


def test_the_boundary_names_the_function():
    with pytest.raises(ValueError, match=r"^fit_temperature: .*hold NaN"):
        fit_temperature(torch.tensor([[math.nan, 0.0]]), torch.tensor([0]))


def test_rows_that_were_fitted_on_are_refused(overconfident):
    logits, labels = overconfident
    found = fit_temperature(logits[:1000], labels[:1000], ids=torch.arange(1000))
    found.apply(logits[1000:], torch.arange(1000, 2000))
    with pytest.raises(ValueError, match="temperature: 3 of 1003 rows are among those it was fitted on"):
        found.apply(logits[997:], torch.arange(997, 2000))
    with pytest.raises(ValueError, match="1000 of 1000 rows"):
        after_temperature(nll, found)(logits[:1000], labels[:1000], ids=torch.arange(1000))


def test_ignored_rows_were_not_fitted_on_and_may_be_measured():
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    found = fit_temperature(logits, torch.tensor([0, 1, -100, 0]), ignore_index=-100, ids=torch.tensor([7, 8, 9, 10]))
    assert found.ids.tolist() == [7, 8, 10]
    found.apply(logits[2:3], torch.tensor([9]))
    with pytest.raises(ValueError, match="1 of 2 rows are among those it was fitted on"):
        found.apply(logits[2:], torch.tensor([9, 10]))


def test_ids_that_only_one_side_has_check_nothing_and_are_refused(overconfident):
    logits, labels = overconfident
    found = fit_temperature(logits, labels)
    with pytest.raises(ValueError, match=r"ids were given here but not to fit_temperature.*give them to both"):
        after_temperature(nll, found)(logits, labels, ids=torch.arange(2000))


def test_ids_that_are_not_one_for_each_row_are_refused(overconfident, without_shape_checks):
    with pytest.raises(ValueError, match="ids must hold one number per row, got 3 for 2000 rows"):
        fit_temperature(*overconfident, ids=torch.arange(3))


def test_applying_keeps_precision_and_predictions(overconfident):
    logits, _ = overconfident
    scaled = Temperature(3.0, 0.0, 1).apply(logits.float())
    assert scaled.dtype == torch.float32
    assert torch.equal(scaled.argmax(1), logits.float().argmax(1))


def test_metrics_after_temperature_take_logits_or_probabilities(overconfident):
    logits, labels = overconfident
    measured = after_temperature(nll, Temperature(1.7, 0.0, 1))
    expected = float(F.cross_entropy(logits / 1.7, labels))
    assert float(measured(logits, labels)) == pytest.approx(expected, rel=1e-12)
    assert float(measured(logits.softmax(1), labels, from_logits=False)) == pytest.approx(expected, rel=1e-11)
