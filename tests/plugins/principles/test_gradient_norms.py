"""Smoothing shortens early gradients and lengthens late ones, which point the other way."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims import gradient_norms
from smoothkit_principles.claims.gradient_norms import (
    CLAIM,
    crossover,
    even,
    gradients_at,
    kinds,
    length_figure,
    sample_gradients,
    shift,
    training_values,
)
from smoothkit_principles.lab import Lab
from tests.plugins.principles.digit_networks import BRIEF, exchanged, networks
from tests.plugins.principles.judged import certain, judged

VERDICTS = {
    "early": "true for all",
    "early-exact": "true",
    "late": "true",
    "late-length": "true",
    "crossover": "true for others",
    "halfway": "true",
    "upwards": "false",
    "turned": "true",
    "margin": "true for all",
    "margin-exact": "true",
    "untrained": "true",
    "trained": "true",
    "overshot": "false",
}


@pytest.fixture(autouse=True)
def already_trained(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(gradient_norms, "trained", lambda lab: networks(lab.seed))


def test_verdicts():
    assert judged(CLAIM, 3, BRIEF) == VERDICTS


@pytest.mark.slow
def test_verdicts_at_the_default_settings():
    assert judged(CLAIM, 8) == VERDICTS


def test_exchanged_conventions_are_noticed(monkeypatch):
    def wrong(num_classes):
        made = kinds(num_classes)
        return made | {"all": made["others"], "others": made["all"]}

    monkeypatch.setattr(gradient_norms, "kinds", wrong)
    found = judged(CLAIM, 3, BRIEF)
    changed = {
        "early": "true for others",
        "early-exact": "false",
        "late-length": "false",
        "crossover": "true for all",
        "halfway": "false",
        "turned": "false",
        "margin": "true for others",
        "margin-exact": "false",
    }
    assert {key: found[key] for key in changed} == changed


def test_a_smoother_that_does_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(gradient_norms, "kinds", lambda classes: dict.fromkeys(kinds(classes), OneHot(classes)))
    found = judged(certain(CLAIM), 1, BRIEF)
    changed = {
        "early": "false",
        "early-exact": "false",
        "late": "false",
        "late-length": "false",
        "upwards": "true",
        "turned": "false",
        "margin": "false",
        "margin-exact": "false",
        "untrained": "false",
    }
    assert {key: found[key] for key in changed} == changed


def test_gradients_under_wrong_names_are_noticed(monkeypatch):
    found, labels = sample_gradients(Lab(BRIEF, 0))
    names = {"one-hot": "all", "all": "one-hot", "others": "one-hot"}
    wrong = {state: {name: by_name[names[name]] for name in names} for state, by_name in found.items()}
    monkeypatch.setattr(gradient_norms, "sample_gradients", lambda lab: (wrong, labels))
    verdicts = judged(certain(CLAIM), 1, BRIEF)
    assert (verdicts["untrained"], verdicts["trained"]) == ("false", "false")


def test_the_digits_have_as_many_classes_as_is_said():
    assert Lab(BRIEF, 0).data.num_classes == gradient_norms.DIGITS


def test_another_sign_is_noticed(monkeypatch):
    monkeypatch.setattr(gradient_norms, "gradients_at", lambda target, p, rest: -gradients_at(target, p, rest))
    found = judged(CLAIM, 3, BRIEF)
    changed = {"upwards": "true", "turned": "false", "margin": "false", "margin-exact": "false"}
    assert {key: found[key] for key in changed} == changed
    # A length has no sign.
    assert {key: found[key] for key in ("early", "late-length", "halfway")} == {
        key: VERDICTS[key] for key in ("early", "late-length", "halfway")
    }


def test_networks_under_wrong_names_are_noticed(monkeypatch):
    monkeypatch.setattr(gradient_norms, "trained", lambda lab: exchanged(lab.seed))
    # One-hot networks are sure of most samples: against a smoothed target their probabilities are too high.
    assert judged(CLAIM, 3, BRIEF)["overshot"] == "true"


def test_lengths_that_are_known():
    # K = 5, alpha = 0.1: by hand from p - t.
    known = {"one-hot": (0.8944, 0.0112), "all": (0.8050, 0.0783), "others": (0.7826, 0.1006)}
    p_true = torch.tensor([0.2, 0.99], dtype=torch.float64)
    for name, target in kinds(5).items():
        assert gradients_at(target, p_true, even(2)).norm(dim=1).tolist() == pytest.approx(known[name], abs=5e-5)


@given(
    st.floats(0.01, 0.9),
    st.sampled_from(["all", "others"]),
    st.lists(st.floats(0.01, 1), min_size=1, max_size=7),
)
def test_lengths_are_equal_halfway_however_the_rest_is_shared(alpha, convention, shares):
    num_classes = len(shares) + 1
    target = LabelSmoothing(num_classes, alpha, convention)
    rest = torch.tensor([shares], dtype=torch.float64)
    rest = rest / rest.sum()
    halfway = (1 + target.true_mass()[:1].double()) / 2
    smoothed, plain = (gradients_at(each, halfway, rest).norm() for each in (target, OneHot(num_classes)))
    # The mass of the target is known to the precision of float32.
    assert_close(smoothed, plain, rtol=0, atol=1e-6)


def test_the_crossover_is_where_lengths_change_places():
    rest = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.25] * 4], dtype=torch.float64)
    found = crossover(LabelSmoothing(5, 0.1, "others"), rest)
    assert found.tolist() == pytest.approx([0.95, 0.95])
    for offset, longer in ((-1e-6, False), (1e-6, True)):
        lengths = [
            gradients_at(each, found + offset, rest).norm(dim=1)
            for each in (LabelSmoothing(5, 0.1, "others"), OneHot(5))
        ]
        assert (lengths[0] > lengths[1]).tolist() == [longer, longer]


@pytest.mark.parametrize("num_classes", [2, 5, 10])
@pytest.mark.parametrize("convention", ["all", "others"])
def test_the_shift_is_what_the_target_moves(convention, num_classes):
    row = LabelSmoothing(num_classes, 0.1, convention).distribution(torch.tensor([0]))[0]
    assert shift(convention, num_classes) == pytest.approx((1 - row[0] + row[1]).item())


def test_shares_of_samples_are_counted():
    labels = torch.tensor([0, 1])
    gradients = torch.tensor([[0.3, -0.3], [0.4, -0.4]], dtype=torch.float64)
    by_name = {"one-hot": gradients, "all": 2 * gradients, "others": -3 * gradients}
    found = training_values({"untrained": by_name, "trained": by_name}, labels)
    expected = {"untrained/all": 2.0, "trained/others": 3.0, "overshot/all": 0.5, "overshot/others": 0.5}
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    sure = {name: torch.tensor([[0.3, -0.3], [-0.4, 0.4]], dtype=torch.float64) for name in by_name}
    assert training_values({"untrained": sure, "trained": sure}, labels)["overshot/all"] == 1.0


def test_every_training_sample_has_a_gradient():
    lab = Lab(BRIEF, 0)
    found, labels = sample_gradients(lab)
    assert labels.shape == (len(lab.data.train),)
    for by_name in found.values():
        for gradient in by_name.values():
            assert gradient.shape == (len(labels), 10)
            assert gradient.sum(dim=1).abs().max() < 1e-12


def test_the_picture_crosses_once_for_each_convention():
    figure = length_figure()
    for name in ("all", "others"):
        own, plain = (torch.tensor(figure.y[each]) for each in (name, "one-hot"))
        longer = (own > plain).tolist()
        assert longer == sorted(longer)
        assert set(longer) == {False, True}
