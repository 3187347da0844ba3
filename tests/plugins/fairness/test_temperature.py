"""Temperatures of all rows and of each group."""

import math

import pytest
import torch

from smoothkit.errors import UserError
from smoothkit.metrics import fit_temperature
from smoothkit_fairness.temperature import LEAST_ROWS, Temperatures, fit_temperatures, stages_of


def drawn(rows, classes, temperature, seed):
    """Logits, and labels that follow softmax(logits / temperature)."""
    stream = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, classes, generator=stream)
    probs = (logits / temperature).softmax(1)
    return logits, torch.multinomial(probs, 1, generator=stream).squeeze(1)


def planted(rows=4000, classes=2):
    """A group whose logits are right as they are, and one for which they are twice too large."""
    first, second = drawn(rows, classes, 1.0, 0), drawn(rows, classes, 2.0, 1)
    groups = torch.arange(2).repeat_interleave(rows)
    return torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]]), groups


@pytest.mark.parametrize("classes", [2, 10])
def test_each_group_has_the_temperature_that_its_labels_were_drawn_with(classes):
    found = fit_temperatures(*planted(classes=classes), ("a", "b"))
    assert found.by_group == pytest.approx({"a": 1.0, "b": 2.0}, rel=0.1)
    assert found.by_group["a"] < found.overall < found.by_group["b"]


def test_they_are_those_of_the_rows_and_not_of_their_order():
    logits, labels, groups = planted()
    found = fit_temperatures(logits, labels, groups, ("a", "b"))
    assert found.overall == fit_temperature(logits, labels).temperature
    assert found.by_group["b"] == fit_temperature(logits[groups == 1], labels[groups == 1]).temperature
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(0))
    shuffled = fit_temperatures(logits[order], labels[order], groups[order], ("a", "b"))
    assert shuffled.overall == pytest.approx(found.overall, rel=1e-9)
    assert shuffled.by_group == pytest.approx(found.by_group, rel=1e-9)


@pytest.mark.parametrize("rows", [0, 1, LEAST_ROWS - 1, LEAST_ROWS])
def test_a_group_of_few_rows_has_that_of_all(rows):
    logits, labels = drawn(2000, 2, 2.0, 0)
    groups = (torch.arange(2000) < rows).long()
    found = fit_temperatures(logits, labels, groups, ("most", "few"))
    assert math.isnan(found.by_group["few"]) == (rows < LEAST_ROWS)
    assert not math.isnan(found.by_group["most"])
    if 0 < rows < LEAST_ROWS:
        few = groups == 1
        torch.testing.assert_close(
            found.scaled_by_group(logits, groups)[few], logits[few].double() / found.overall, rtol=0, atol=0
        )


def test_a_group_whose_predictions_are_all_right_has_that_of_all():
    logits, labels, groups = planted()
    labels[groups == 1] = logits[groups == 1].argmax(1)
    found = fit_temperatures(logits, labels, groups, ("a", "b"))
    assert math.isnan(found.by_group["b"])
    assert found.overall > 0
    torch.testing.assert_close(
        found.scaled_by_group(logits, groups)[groups == 1], found.scaled(logits)[groups == 1], rtol=0, atol=0
    )


def test_scaling_by_group_keeps_predictions_and_the_order_within_groups_only():
    logits, _, groups = planted(rows=50)
    both = Temperatures(overall=1.4, by_group={"a": 0.5, "b": 3.0}).scaled_by_group(logits, groups)
    assert torch.equal(both.argmax(1), logits.argmax(1))
    before, after = (values.double().softmax(1).amax(1) for values in (logits, both))
    for group in (0, 1):
        rows = groups == group
        assert torch.equal(before[rows].argsort(), after[rows].argsort())
    assert not torch.equal(before.argsort(), after.argsort())


def test_the_file_says_which_logits_are_measured():
    logits, _, groups = planted(rows=5)
    temperatures = Temperatures(overall=2.0, by_group={"a": 0.5, "b": math.nan})
    one, each = logits.double() / 2, logits.double() / torch.tensor([0.5, 2.0]).double()[groups, None]
    expected = {
        "none": {"": logits, "_scaled": one, "_scaled_by_group": each},
        "overall": {"": one},
        "by-group": {"": each},
    }
    for asked, stages in expected.items():
        found = stages_of(asked, temperatures, logits, groups)
        assert list(found) == list(stages)
        assert all(torch.equal(found[stage], stages[stage]) for stage in stages)


def test_where_none_is_best_nothing_is_measured_at_one():
    groups = torch.tensor([0, 1, 1])
    nothing = fit_temperatures(torch.eye(3), torch.arange(3), groups, ("a", "b"))
    assert math.isnan(nothing.overall)
    assert list(stages_of("none", nothing, torch.eye(3), groups)) == [""]
    for asked in ("overall", "by-group"):
        with pytest.raises(UserError, match=rf"^evaluate.temperature = '{asked}': no temperature suits .* validation"):
            stages_of(asked, nothing, torch.eye(3), groups)
