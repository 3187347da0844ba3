"""What a generator gains: the numbers that were derived by hand, and losses with mistakes in them."""

import pytest
import torch

from smoothkit_gan.losses import generator_loss
from smoothkit_gan.truths import gains
from smoothkit_gan.truths.gains import CLAIM, PLAIN, TURNED, gain, gain_by_formula, pull
from smoothkit_gan.truths.labels import LABELS, Labels, optimal_logit
from tests.plugins.gan.truths.judged import judged

# Ratio of densities; without smoothing, one-sided 0.1, two-sided 0.1; saturating without smoothing and one-sided.
TABLE = [
    (1e-6, 1.0, 1.0, 8.0e-6, 1.0e-6, 9.0e-7),
    (1e-4, 1.0, 1.0, 8.0e-4, 1.0e-4, 9.0e-5),
    (1e-2, 0.99, 0.99, 0.073, 9.9e-3, 8.9e-3),
    (1.0, 0.5, 0.5, 0.4, 0.5, 0.41),
    (1e2, 9.9e-3, 9.9e-3, 8.8e-3, 0.99, 0.081),
]
COLUMNS = [
    ("none", PLAIN),
    ("one-sided 0.1", PLAIN),
    ("two-sided 0.1", PLAIN),
    ("none", TURNED),
    ("one-sided 0.1", TURNED),
]


def test_verdicts():
    assert set(judged(CLAIM).values()) == {"true"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]:g}")
def test_the_table_of_gains(row):
    ratio, *expected = row
    found = [gain(name, ratio, loss) for name, loss in COLUMNS]
    assert found == pytest.approx(expected, rel=0.02)
    assert found == pytest.approx([gain_by_formula(LABELS[name], ratio, loss) for name, loss in COLUMNS], rel=1e-6)


def test_the_force_is_the_derivative_in_x():
    """By central differences, through densities from torch.distributions."""
    x, step = torch.tensor([-2.0, -1.0, 0.5], dtype=torch.float64), 1e-5
    data, model = (torch.distributions.Normal(*map(x.new_tensor, law)) for law in (gains.DATA, gains.MODEL))

    def loss(at):
        logit = optimal_logit(LABELS["two-sided 0.1"], data.log_prob(at) - model.log_prob(at))
        return torch.nn.functional.softplus(-logit)

    slope = (loss(x - step) - loss(x + step)) / (2 * step)
    torch.testing.assert_close(pull("two-sided 0.1", x), slope, rtol=1e-4, atol=1e-9)


def with_losses(monkeypatch, exchanged):
    def altered(loss, target, levels, fake_logits):
        return generator_loss(exchanged.get(loss, loss), target, levels, fake_logits)

    monkeypatch.setattr(gains, "generator_loss", altered)


def test_the_saturating_loss_in_place_of_the_other_is_noticed(monkeypatch):
    with_losses(monkeypatch, {PLAIN: TURNED})
    found = judged(CLAIM)
    assert {found[key] for key in ("no-op", "content", "asks", "away")} == {"false"}
    assert found["fakes"] == "false"
    assert found["example"] == "true for saturating, none and saturating, one-sided 0.1"


def test_the_other_loss_in_place_of_the_saturating_one_is_noticed(monkeypatch):
    with_losses(monkeypatch, {TURNED: PLAIN})
    found = judged(CLAIM)
    assert found["turned"] == "false"
    assert found["rare"] == "true for two-sided 0.1"


def test_smoothed_fakes_in_place_of_one_sided_smoothing_are_noticed(monkeypatch):
    monkeypatch.setattr(gains, "optimal_logit", lambda labels, at: optimal_logit(Labels(labels.real, 0.05), at))
    found = judged(CLAIM)
    assert (found["no-op"], found["fakes"], found["asks"]) == ("false", "false", "false")


def test_one_sided_smoothing_in_place_of_smoothed_fakes_is_noticed(monkeypatch):
    monkeypatch.setattr(gains, "optimal_logit", lambda labels, at: optimal_logit(Labels(labels.real), at))
    found = judged(CLAIM)
    assert found["fakes"] == "false"
    assert found["content"] == "true for none, one-sided 0.1 and one-sided 0.25"


def test_a_generator_that_asks_for_1_drives_nothing_away(monkeypatch):
    def asking_for_1(loss, target, levels, fake_logits):
        return generator_loss(loss, target, type(levels)(levels.real, levels.fake, 1.0), fake_logits)

    monkeypatch.setattr(gains, "generator_loss", asking_for_1)
    found = judged(CLAIM)
    assert {found[key] for key in ("content", "asks", "away")} == {"false"}
