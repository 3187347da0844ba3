"""What is measured after training."""

import math
from functools import partial

import pytest
import torch

from smoothkit import metrics
from smoothkit.prediction import predict
from smoothkit.run import Run
from smoothkit_supervised.evaluate import (
    calibration_by_prediction,
    class_means,
    early_and_late,
    fitted_temperature,
    selected_accuracies,
)

# A golden run: scenario, seed and numbers. Another number means that runs are no longer comparable with older ones.
GOLDEN = {
    "onehot": {"accuracy": 0.602778, "nll": 1.829965},
    "ls": {"accuracy": 0.561111, "nll": 1.89097},
    "ls++": {"accuracy": 0.563889, "nll": 1.896633},
    "ols": {"accuracy": 0.341667, "nll": 2.10029},
}


@pytest.fixture
def carry_out(carry_out):
    """With everything that is measured where a scenario file does not say what."""
    return partial(carry_out, "evaluate.metrics=", "evaluate.after_temperature=")


@pytest.mark.parametrize("target", GOLDEN)
def test_golden_numbers(target, carry_out):
    scalars = carry_out(f"target={target}").result.scalars
    assert {name: scalars[name] for name in GOLDEN[target]} == pytest.approx(GOLDEN[target], abs=1e-4)


def test_scalars_are_the_metrics_of_the_test_logits(carry_out):
    _, run, trained, result = carry_out("train.ema=0.9")
    logits, labels = predict(run, trained.model, trained.data, trained.data.test)
    assert len(logits) == 360
    assert result.scalars["accuracy"] == metrics.accuracy(logits, labels).item()
    assert result.scalars["nll"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), abs=1e-6)
    assert result.scalars["weight_norm"] == pytest.approx(
        torch.cat([p.flatten() for p in trained.model.parameters()]).norm().item(), rel=1e-6
    )
    assert set(result.headline) <= set(result.scalars)
    assert set(result.better) <= set(result.scalars)


def test_the_last_accuracy_is_the_last_recorded(carry_out):
    _, run, _, result = carry_out("train.epochs=4")
    assert run.history("test/accuracy")[-1] == (40, result.scalars["accuracy"])
    assert [step for step, _ in run.history("validation/accuracy")] == [10, 20, 30, 40]


def test_the_best_on_test_is_never_below_the_others(carry_out):
    for seed in range(3):
        scalars = carry_out("train.epochs=4", "train.lr=0.4", seed=seed).result.scalars
        assert scalars["accuracy_best_on_test"] >= scalars["accuracy_validation_selected"]
        assert scalars["accuracy_best_on_test"] >= scalars["accuracy"]


class History(Run):
    """A run of which nothing is known but what was recorded."""

    def __init__(self, **tags):
        self.tags = tags

    def history(self, tag):
        return self.tags[tag.replace("/", "_")]


def test_selection_looks_at_validation_and_takes_the_first_of_equals():
    run = History(
        validation_accuracy=[(10, 0.5), (20, 0.9), (30, 0.9), (40, 0.8)],
        test_accuracy=[(10, 0.7), (20, 0.6), (30, 0.8), (40, 0.95)],
    )
    assert selected_accuracies(run) == {"accuracy_validation_selected": 0.6, "accuracy_best_on_test": 0.95}


def test_early_and_late_are_the_first_and_the_last_tenth():
    assert early_and_late([(step, float(step)) for step in range(1, 101)]) == {
        "gradient_norm_early": 5.5,
        "gradient_norm_late": 95.5,
    }
    # Steps that the gradient scaler skips in float16 are left out, and where nothing is left there is no value.
    late = [early_and_late(points)["gradient_norm_late"] for points in ([(1, 1.0), (100, math.inf)], [(9, math.inf)])]
    assert all(map(math.isnan, late))
    # A run so short that no record lies in the first tenth has its first one.
    assert early_and_late([(5, 1.0), (10, 3.0)]) == {"gradient_norm_early": 1.0, "gradient_norm_late": 3.0}


def test_class_means_are_means_of_probabilities():
    logits = torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    means = class_means(logits, torch.tensor([0, 0, 2]))
    torch.testing.assert_close(means[0], logits[:2].double().softmax(1).mean(0))
    torch.testing.assert_close(means[2], logits[2].double().softmax(0))
    assert means[1].isnan().all()


@pytest.mark.parametrize(
    ("target", "figures"),
    [
        ("onehot", {"target"}),
        ("ls++", {"target", "C"}),
        ("ols", {"target"}),
    ],
)
def test_the_figures_fit_the_target(target, figures, carry_out):
    result = carry_out(f"target={target}", "train.epochs=1").result
    assert set(result.figures) == figures | {
        *("reliability", "reliability_scaled", "reliability_by_class", "gaps", "risk_coverage", "probabilities")
    }
    rows = result.figures["target"].values
    assert all(math.isclose(sum(row), 1, abs_tol=1e-5) for row in rows)
    reliability = result.figures["reliability"]
    assert sum(reliability.counts) == 360
    assert reliability.ece == pytest.approx(result.scalars["ece"], abs=1e-12)
    assert reliability.null_ece == pytest.approx(result.scalars["ece_null"], abs=1e-12)
    assert (reliability.gap_low, reliability.gap_high) == pytest.approx(result.intervals["confidence_gap"], abs=1e-9)
    risk = result.figures["risk_coverage"].y["by confidence"]
    assert risk[-1] == pytest.approx(1 - result.scalars["accuracy"], abs=1e-12)


def test_temperature_scaling_is_fitted_on_validation_and_changes_no_prediction(carry_out):
    _, run, trained, result = carry_out("target=ls", 'evaluate.after_temperature=["nll", "accuracy"]')
    temperature = result.scalars["temperature"]
    held_out = predict(run, trained.model, trained.data, trained.validation)
    nll = {
        factor: metrics.nll(held_out[0].double() / (factor * temperature), held_out[1]) for factor in (0.99, 1, 1.01)
    }
    assert nll[1] < min(nll[0.99], nll[1.01])
    assert result.scalars["accuracy_scaled"] == result.scalars["accuracy"]
    logits, labels = predict(run, trained.model, trained.data, trained.data.test)
    assert result.scalars["nll_scaled"] == pytest.approx(float(metrics.nll(logits / temperature, labels)), abs=1e-12)


def test_no_temperature_is_made_up_where_none_is_best():
    assert math.isnan(fitted_temperature(torch.eye(3), torch.arange(3)))
    with pytest.raises(ValueError, match="logits hold NaN"):
        fitted_temperature(torch.tensor([[math.nan, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))


def test_without_a_temperature_nothing_is_measured_at_one(carry_out, monkeypatch):
    monkeypatch.setattr("smoothkit_supervised.evaluate.fitted_temperature", lambda logits, labels: math.nan)
    result = carry_out("train.epochs=1").result
    assert math.isnan(result.scalars["temperature"])
    assert not [name for name in (*result.scalars, *result.rows, *result.figures) if name.endswith("_scaled")]


def test_calibration_by_prediction_groups_by_what_was_predicted():
    logits = torch.tensor([[2.0, 0, 0], [2.0, 0, 0], [0, 3.0, 0]])
    figures = calibration_by_prediction(logits, torch.tensor([0, 1, 1]), ("a", "b", "c"))
    gaps = figures["gaps"]
    assert (gaps.names, gaps.counts) == (("a", "b", "c"), (2, 1, 0))
    assert gaps.estimates[0] == pytest.approx(logits[0].double().softmax(0)[0].item() - 0.5)
    assert gaps.estimates[2] is None
    assert {name: sum(each.counts) for name, each in figures["reliability_by_class"].groups.items()} == {
        "a": 2,
        "b": 1,
        "c": 0,
    }


def test_rows_are_what_the_scalars_are_means_of(carry_out):
    result = carry_out("train.epochs=1").result
    assert set(result.rows) >= {"accuracy", "nll", "brier", "confidence_gap"}
    for name, values in result.rows.items():
        assert len(values) == 360
        assert sum(values) / 360 == pytest.approx(result.scalars[name], abs=1e-9)


def test_two_classes_of_one_name_are_two_groups():
    figures = calibration_by_prediction(torch.eye(3), torch.tensor([0, 1, 1]), ("a", "b", "a"))
    assert figures["gaps"].names == tuple(figures["reliability_by_class"].groups) == ("0 a", "1 b", "2 a")


def test_figures_are_recorded_at_evaluations_and_not_too_often(carry_out, monkeypatch):
    recorded = []
    monkeypatch.setattr(Run, "record_figures", lambda self, step, prefix, figures: recorded.append((step, prefix)))
    monkeypatch.setattr("smoothkit_supervised.train.MOST_FIGURES", 2)
    carry_out("train.epochs=4")
    assert recorded == [(step, prefix) for step in (20, 40) for prefix in ("validation", "target")]


def test_figures_are_recorded_where_there_is_an_evaluation(carry_out, monkeypatch):
    recorded = []
    monkeypatch.setattr(Run, "record_figures", lambda self, step, prefix, figures: recorded.append(step))
    monkeypatch.setattr("smoothkit_supervised.train.MOST_FIGURES", 2)
    carry_out("train.epochs=8", "evaluate.every=3")
    # Evaluations after 3, 6 and 8 epochs of 10 steps; every second one of them and the last.
    assert sorted(set(recorded)) == [60, 80]


def test_a_result_survives_its_file(carry_out):
    import json

    from smoothkit.files import finite
    from smoothkit.scenario import Result

    result = carry_out("train.epochs=1").result
    again = Result.from_json(json.loads(json.dumps(finite(result.to_json()))))
    assert again.scalars == pytest.approx(dict(result.scalars), nan_ok=True)
    assert again.intervals == dict(result.intervals)
    assert (again.better, again.headline) == (dict(result.better), result.headline)
    assert set(again.figures) == set(result.figures)
