"""How often a study speaks of what is not there: measured, not planted, and read as a user reads it."""

import re

import numpy as np
import pytest
import torch

from smoothkit.conclusion import Conclusion
from smoothkit.scenario import Result
from smoothkit_fairness.by_group import grouped_rows, measure_by_group
from smoothkit_fairness.conclude import conclude
from smoothkit_fairness.names import of_group

from .studies import config, findings, smoothed

CONFIGS = {
    "hard labels": config(),
    "LS 0.05": smoothed(0.05),
    "LS 0.2": smoothed(0.2),
    "hard labels, temperature": config(temperature="overall"),
}

CLAIMS = r"fell|rose|came nearer|moved|changed|turns|Beyond|lies|Signed gaps change"

# The groups' confidence does move, and so do their signed gaps, in a study whose variants are smoothed for good.
OF_PAIRS = r"fell|rose|came nearer|moved away|changed|Beyond|lies"

CLASSES = 4


def study(noise: np.random.Generator, sizes: dict[str, int], scales: tuple[float, ...], own: float) -> Conclusion:
    """What is concluded of groups of one law, whose logits the variants multiply by these scales.

    Every seed has the same rows with noise of its own, so that what is hard for one model is hard for the others.
    """
    groups = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor([*sizes.values()]))
    truth = 2.5 * noise.normal(size=(len(groups), CLASSES))
    shares = torch.tensor(truth).softmax(1).cumsum(1).numpy()
    labels = torch.tensor((shares < noise.random((len(groups), 1))).sum(1).clip(max=CLASSES - 1))
    results: dict[str, dict[int, Result]] = {name: {} for name in CONFIGS}
    for seed in range(4):
        learnt = truth + own * noise.normal(size=truth.shape)
        for name, scale in zip(CONFIGS, scales, strict=True):
            logits = scale * (1 + 0.02 * noise.normal()) * (learnt + 0.4 * own * noise.normal(size=truth.shape))
            rows = grouped_rows(torch.tensor(logits), labels, groups, [*sizes], bins=15, binning="mass")
            found = measure_by_group(rows, 100)
            counts = {of_group("rows", group): float(size) for group, size in sizes.items()}
            nll = {"nll": float(rows.nll.mean())}
            results[name][seed] = Result(scalars={**found.scalars, **counts, **nll}, rows=found.rows)
    return conclude(findings(CONFIGS, results))


def claims(conclusion: Conclusion, pattern: str) -> bool:
    """Whether a sentence, or a table's verdict on a pair, says that there is something."""
    verdicts = [
        row[-1].verdict
        for table in (*conclusion.tables, *conclusion.details)
        if table.columns[-1] == "verdict"
        for section in table.sections
        for row in section.rows
        if " vs " in row[0].text
    ]
    return "different" in verdicts or any(re.search(pattern, word) for word in conclusion.words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "scales", "own", "pattern"),
    [
        ({"a": 1000, "b": 400}, (1.35, 1.1, 0.7, 1.0), 0.5, OF_PAIRS),
        ({"a": 1500, "b": 100}, (1.35, 1.1, 0.7, 1.0), 0.15, OF_PAIRS),
        ({"a": 600, "b": 400, "c": 200}, (1.0, 1.0, 1.0, 1.0), 0.5, CLAIMS),
    ],
    ids=["smoothed alike", "seeds that hardly differ", "nothing changes"],
)
def test_at_most_seven_of_a_hundred_studies_speak_of_what_is_not_there(sizes, scales, own, pattern):
    studies = 150
    found = [claims(study(np.random.default_rng(place), sizes, scales, own), pattern) for place in range(studies)]
    assert np.mean(found) <= 0.07


def test_where_there_is_something_it_is_said():
    # Groups of one law still, yet the largest alpha turns both from one side to the other.
    found = study(np.random.default_rng(0), {"a": 3000, "b": 1000}, (1.6, 1.1, 0.5, 1.0), 0.3)
    assert {"turns", "moved"} <= set(re.findall(CLAIMS, " ".join(found.words)))
