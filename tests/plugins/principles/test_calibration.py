"""On digits smoothing makes confidence too low, which a temperature mends, and does not spoil the order."""

from math import isnan

import pytest
import torch
from torch.testing import assert_close

from smoothkit.metrics import Events, confidence_gap, fit_temperature, top_label
from smoothkit.report.numbers import listed
from smoothkit_principles.claims import calibration
from smoothkit_principles.claims.calibration import (
    CLAIM,
    PLAIN,
    SWEEP,
    by_score,
    numbers,
    sweep,
    sweep_figure,
    tempered,
)
from tests.plugins.principles.brief_labs import brief_lab, judged_briefly
from tests.plugins.principles.judged import judged

ALL = listed(list(SWEEP))
STURDY = {
    "under-confident": "true",
    "ece": "false",
    "squared": "false",
    "instead": "true",
    "both": "true",
    "aurc": "true",
    "order": "false",
}
"""Verdicts that do not need all epochs."""


def test_verdicts():
    found = judged_briefly(CLAIM)
    assert {key: found[key] for key in STURDY} == STURDY
    assert found["beyond chance"] in ("true", f"true for {ALL}")


@pytest.mark.slow
def test_verdicts_at_the_default_settings():
    assert judged(CLAIM, 8) == STURDY | {
        "over-confident": "false for 20 % wrong labels; not shown for right labels",
        "beyond chance": f"true for {ALL}; not shown for one-hot",
        "brier": f"false for {listed(list(SWEEP)[1:])}; not shown for alpha = 0.05",
        "temperature": "true",
        "score": "not shown",
    }


def test_a_smoother_that_does_nothing_is_noticed(monkeypatch):
    def plain(lab):
        outputs, labels = sweep(lab)
        return dict.fromkeys(outputs, outputs[PLAIN]), labels

    monkeypatch.setattr(calibration, "sweep", plain)
    found = judged_briefly(CLAIM)
    assert {found[key] for key in ("ece", "squared", "brier", "both", "aurc", "order")} == {"false"}
    # A network without smoothing is nearly as confident as it is right.
    gaps = [value for where, value in calibration.measure(brief_lab(0)).values.items() if "under-confident" in where]
    assert gaps == pytest.approx([0.0] * len(SWEEP), abs=0.03)


def test_networks_in_the_reverse_order_are_noticed(monkeypatch):
    def exchanged(lab):
        outputs, labels = sweep(lab)
        return {key: outputs[PLAIN] if key != PLAIN else outputs["alpha = 0.5"] for key in outputs}, labels

    monkeypatch.setattr(calibration, "sweep", exchanged)
    found = judged_briefly(CLAIM)
    expected = {"ece": "true", "squared": "true", "brier": "true", "both": "false", "aurc": "false", "order": "true"}
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(("factor", "verdict"), [(10.0, "true"), (0.1, "false")])
def test_the_size_of_logits_makes_a_network_sure_of_itself(factor, verdict, monkeypatch):
    monkeypatch.setattr(calibration, "confidence_gap", lambda logits, labels: confidence_gap(factor * logits, labels))
    assert judged_briefly(CLAIM)["over-confident"] == verdict


def test_calibration_errors_of_chance_alone_are_noticed(monkeypatch):
    monkeypatch.setattr(calibration, "null_calibration_error_of", calibration.calibration_error_of)
    assert judged_briefly(CLAIM)["beyond chance"] == "false"


@pytest.mark.parametrize(("sign", "verdict"), [(1, "true"), (-1, "false")])
def test_a_score_that_knows_the_answer_is_noticed(sign, verdict, monkeypatch):
    def informed(logits, labels):
        correctness = top_label(logits, labels).correctness
        return Events(0.5 + sign * (correctness - 0.5), correctness)

    monkeypatch.setattr(calibration, "by_score", informed)
    assert judged_briefly(CLAIM)["score"] == verdict


def test_a_wrong_temperature_is_noticed(monkeypatch):
    monkeypatch.setattr(calibration, "tempered", lambda logits, labels, halves: 0.01 * logits.double())
    found = judged_briefly(CLAIM)
    assert (found["temperature"], found["instead"]) == ("false", "false")


def test_another_sign_of_the_gap_is_noticed(monkeypatch):
    gap = calibration.confidence_gap_of
    monkeypatch.setattr(calibration, "confidence_gap_of", lambda bins: -gap(bins))
    assert judged_briefly(CLAIM)["under-confident"] == "false"


def test_without_a_temperature_smoothed_networks_are_not_calibrated(monkeypatch):
    monkeypatch.setattr(calibration, "tempered", lambda logits, labels, halves: logits.double())
    found = judged_briefly(CLAIM)
    assert found["temperature"] == "false"
    assert found["both"] != "true"


def test_each_half_is_divided_by_the_temperature_of_the_other():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(40, 5, generator=generator), torch.arange(40) % 5
    logits[torch.arange(40), labels] += 1
    halves = torch.arange(0, 40, 2), torch.arange(1, 40, 2)
    found = tempered(logits, labels, halves)
    assert found is not None
    for fitted, measured in (halves, halves[::-1]):
        temperature = fit_temperature(logits[fitted], labels[fitted]).temperature
        assert_close(found[measured] * temperature, logits[measured].double())


def test_a_half_without_errors_leaves_the_temperature_open(monkeypatch):
    lab = brief_lab(0)
    labels = lab.data.test.labels
    perfect = 3 * torch.nn.functional.one_hot(labels, 10).float()
    assert tempered(perfect, labels, (torch.arange(180), torch.arange(180, 360))) is None
    monkeypatch.setattr(calibration, "sweep", lambda lab: (dict.fromkeys((PLAIN, *SWEEP), perfect), labels))
    evidence = calibration.measure(lab)
    assert isnan(evidence.values["temperature/alpha = 0.1"])
    assert isnan(evidence.values["both/alpha = 0.1"])
    assert evidence.figures["gap"].to_json()["y"]["after temperature"] == ()


def test_numbers_of_a_known_prediction():
    # Four predictions at confidence 3/4: three are right, so the network is calibrated; the order tells nothing.
    logits = torch.tensor([[3.0, 1.0]]).log().expand(4, 2)
    found = numbers(logits, torch.tensor([0, 0, 0, 1]))
    assert found["gap"] == pytest.approx(0, abs=1e-7)
    assert found["error"] == pytest.approx(0, abs=1e-7)
    assert found["brier"] == pytest.approx((3 * 2 * 0.25**2 + 2 * 0.75**2) / 4)
    assert found["aurc"] == pytest.approx(0.25)
    # In the best order only the fourth is wrong: risks of 0, 0, 0 and 1/4.
    assert found["excess"] == pytest.approx(0.25 - 0.25 / 4)


def test_another_score_leaves_right_and_wrong_as_they_are():
    logits = torch.randn(30, 4, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(30) % 4
    scored, confident = by_score(logits, labels), top_label(logits, labels)
    assert_close(scored.correctness, confident.correctness)
    assert_close(by_score(7 * logits, labels).confidence, scored.confidence)
    assert not torch.equal(scored.confidence.argsort(), confident.confidence.argsort())


def test_every_sweep_but_that_of_the_ece_has_bands():
    figures = calibration.measure(brief_lab(0)).figures
    for name in ("squared", "gap", "brier", "order"):
        figure = figures[name].to_json()
        for curve, low in figure["low"].items():
            bounds = zip(low, figure["y"][curve], figure["high"][curve], strict=True)
            assert all(below < value < above for below, value, above in bounds), (name, curve)
        assert set(figure["low"]) == set(figure["y"]), name
    assert figures["ece"].to_json()["low"] == {}


def test_bands_stand_where_there_are_intervals():
    outputs, labels = sweep(brief_lab(0))
    intervals = {key: calibration.brier_interval(logits, labels) for key, logits in outputs.items()}
    figure = sweep_figure("Both", "score", {"bare": dict.fromkeys(outputs, 0.5), "banded": intervals})
    assert figure.x["bare"] == figure.x["banded"] == (0.0, *SWEEP.values())
    assert set(figure.low) == set(figure.high) == {"banded"}
    assert figure.y["banded"][0] == pytest.approx(numbers(outputs[PLAIN], labels)["brier"])
    low, high = figure.low["banded"][0], figure.high["banded"][0]
    assert low == intervals[PLAIN].low
    assert high == intervals[PLAIN].high
