"""On separable data weights grow like the logarithm of the steps, and settle with smoothing."""

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from smoothkit.seeding import derived_generator
from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims import weights
from smoothkit_principles.claims.weights import (
    CLAIM,
    SMALL,
    STEPS,
    descend,
    growth,
    kinds,
    largest_margin,
    separable,
    settled,
)
from tests.plugins.principles.judged import judged

VERDICTS = {
    "endless": "true for one-hot",
    "rate": "true",
    "settles": "true",
    "bound": "false",
    "product": "true",
}


def test_verdicts():
    assert judged(CLAIM) == VERDICTS


@pytest.mark.parametrize(("name", "impostor"), [("one-hot", LabelSmoothing(2, 0.1)), ("all", OneHot(2))])
def test_targets_under_a_wrong_name_are_noticed(name, impostor, monkeypatch):
    monkeypatch.setattr(weights, "kinds", lambda: kinds() | {name: impostor})
    monkeypatch.setattr(weights, "STEPS", dict.fromkeys(STEPS, 500.0))
    found = judged(CLAIM, seeds=1)
    all_ = {"endless": "true for one-hot and all", "settles": "true for others", "product": "true for others"}
    changed = {"one-hot": {"endless": "false", "rate": "false"}, "all": all_}[name]
    assert {key: found[key] for key in changed} == changed


def test_features_that_are_as_large_as_before_are_noticed(monkeypatch):
    monkeypatch.setattr(weights, "SHRINK", 1.0)
    monkeypatch.setattr(weights, "STEPS", dict.fromkeys(STEPS, 50.0))
    found = judged(CLAIM, seeds=1)
    assert (found["bound"], found["product"]) == ("true", "false")


def test_a_wrong_margin_makes_the_rate_wrong(monkeypatch):
    monkeypatch.setattr(weights, "largest_margin", lambda features, labels: 1.1 * largest_margin(features, labels))
    assert judged(CLAIM, seeds=1)["rate"] == "false"


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_margin_is_that_of_a_support_vector_machine(seed):
    features, labels = separable(derived_generator(seed, "margin"))
    mirrored = (features * (2 * labels - 1).unsqueeze(1)).numpy()
    # Every point twice, once mirrored, so that the machine's bias is 0.
    both, sides = np.vstack([mirrored, -mirrored]), np.repeat([1, 0], len(mirrored))
    machine = SVC(C=1e8, kernel="linear").fit(both, sides)
    assert largest_margin(features, labels) == pytest.approx(1 / np.linalg.norm(machine.coef_), rel=1e-3)


def test_both_classes_are_drawn_and_apart():
    features, labels = separable(derived_generator(0, "separable"))
    assert labels.bincount().tolist() == [6, 6]
    assert largest_margin(features, labels) >= weights.LEAST


def test_long_steps_go_where_short_ones_go():
    features, labels = separable(derived_generator(1, "descent"))
    long_steps, long_norms = descend(OneHot(2), features, labels, 3000.0)
    short_steps, short_norms = descend(OneHot(2), features, labels, 3000.0, small=0.0)
    assert len(long_steps) < 200
    assert len(short_steps) == 3000
    # Where the long path ends, to within the discretisation of its first long steps.
    assert growth(long_steps, long_norms)[0] == pytest.approx(growth(short_steps, short_norms)[0], rel=0.05)
    assert long_norms[-1] == pytest.approx(short_norms[-1], rel=0.03)


def test_smoothed_losses_are_never_small_enough_for_long_steps():
    features, labels = separable(derived_generator(2, "descent"))
    for name in ("all", "others"):
        steps, norms = descend(kinds()[name], features, labels, 50.0, small=SMALL)
        assert steps == list(map(float, range(1, 51)))
        assert norms == descend(kinds()[name], features, labels, 50.0, small=0.0)[1]


def test_the_settled_weights_have_no_gradient():
    features, labels = separable(derived_generator(3, "descent"))
    target = LabelSmoothing(2, 0.1, "all")
    # One point alone: the margin is ln 19, so the weights are ln 19 over its length.
    length = features[:1].norm().item()
    assert settled(target, features[:1], labels[:1]) == pytest.approx(np.log(19) / length, rel=1e-6)
    assert torch.isfinite(torch.tensor(settled(target, features, labels)))
