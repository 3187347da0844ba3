"""The loss has its minimum at a finite margin, which the convention decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims import optimum
from smoothkit_principles.claims.optimum import ALPHA, CLAIM, entropy, gap, margin_all, margin_others
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.lab import Lab
from tests.plugins.principles.altered import Altered
from tests.plugins.principles.judged import judged


def test_verdicts():
    assert judged(CLAIM) == {
        "endless": "true for one-hot",
        "margin": "true for others",
        "margin of all": "true for all",
        "binary": "true for others",
        "binary of all": "true for all",
        "classes": "true",
        "equal": "true",
        "loss": "true",
    }


@pytest.fixture
def confused(monkeypatch):
    """A toolkit in which each convention means the other one."""
    other = {"all": "others", "others": "all"}
    monkeypatch.setattr(
        optimum, "LabelSmoothing", lambda classes, alpha, convention: LabelSmoothing(classes, alpha, other[convention])
    )


@pytest.mark.usefixtures("confused")
def test_exchanged_conventions_exchange_the_verdicts():
    found = judged(CLAIM, seeds=1)
    assert found["margin"] == found["binary"] == "true for all"
    assert found["margin of all"] == found["binary of all"] == "true for others"
    assert found["classes"] == found["loss"] == "false"


def test_another_alpha_makes_every_number_wrong(monkeypatch):
    monkeypatch.setattr(
        optimum, "LabelSmoothing", lambda classes, _, convention: LabelSmoothing(classes, 0.11, convention)
    )
    found = judged(CLAIM, seeds=1)
    assert {found[key] for key in ("margin", "margin of all", "binary", "binary of all", "loss")} == {"false"}
    assert found["equal"] == "true"


def test_a_smoother_that_does_nothing_has_no_optimum(monkeypatch):
    monkeypatch.setattr(optimum, "LabelSmoothing", lambda classes, *_: OneHot(classes))
    found = judged(CLAIM, seeds=1)
    assert found["endless"] == "true"
    assert {found[key] for key in ("margin", "margin of all", "binary", "binary of all", "loss")} == {"false"}


def test_one_hot_labels_that_are_smoothed_have_one(monkeypatch):
    monkeypatch.setattr(optimum, "OneHot", LabelSmoothing)
    assert judged(CLAIM, seeds=1)["endless"] == "false"


def test_a_wrong_class_with_more_mass_than_the_others_is_noticed(monkeypatch):
    def lopsided(classes, alpha, convention):
        even = LabelSmoothing(classes, alpha, convention)
        return Altered(
            classes,
            lambda logits, labels: even(logits, labels, reduction="none") - 0.05 * logits.log_softmax(dim=1)[:, -1],
        )

    monkeypatch.setattr(optimum, "LabelSmoothing", lopsided)
    assert judged(CLAIM, seeds=1)["equal"] == "false"


@given(st.floats(0.01, 0.9), st.integers(2, 1000))
def test_the_formulas_are_those_of_the_targets(alpha, classes):
    assert margin_all(alpha, classes) == pytest.approx(
        LabelSmoothing(classes, alpha, "all").margin()[0].item(), rel=1e-5
    )
    assert margin_others(alpha, classes) == pytest.approx(
        LabelSmoothing(classes, alpha, "others").margin()[0].item(), rel=1e-5, abs=1e-5
    )
    assert gap(alpha, classes) == pytest.approx(margin_all(alpha, classes) - margin_others(alpha, classes), abs=1e-9)


def test_the_entropy_is_that_of_torch():
    target = LabelSmoothing(10, ALPHA, "all").matrix()[0].double()
    assert entropy(0.91, 10) == pytest.approx(-(target * target.log()).sum().item(), abs=1e-6)


def test_the_picture_of_the_loss_is_lowest_where_it_says():
    figure = CLAIM.measure(Lab(NetworksConfig(), 0)).figures["loss"]
    lowest = {name: figure.x[name][losses.index(min(losses))] for name, losses in figure.y.items()}
    assert lowest["all: lowest at ln 19"] == pytest.approx(2.944, abs=0.05)
    assert lowest["others: lowest at ln 9"] == pytest.approx(2.197, abs=0.05)
    assert lowest["one-hot"] == 6
