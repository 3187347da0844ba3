"""The page in the documentation: every statement is there, and every verdict follows from the numbers beside it."""

import re
from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path
from statistics import stdev

import pytest
from scipy import stats

from smoothkit.claims.claim import place
from smoothkit.claims.finding import expected_words, tolerance_words
from smoothkit.claims.verdict import KINDS, kind, verdict
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claims import CLAIMS

PAGE = (Path(__file__).parents[3] / "docs" / "principles.md").read_text(encoding="utf-8")
NUMBER = r"-?[\d.]+(?:e[-+]\d+)?"
MEASURED = rf"({NUMBER})(?: ± ({NUMBER}))?(?: \((\d+) of \d+ seeds\))?"
STATEMENTS = [(name, statement) for name in CLAIMS for statement in load_claim(name).statements]


def table_rows():
    """The cells of each statement's row as plain text, by claim and statement."""
    found, claim = {}, None
    titles = {load_claim(name).title: name for name in CLAIMS}
    for line in PAGE.splitlines():
        if line.startswith("## "):
            claim = titles[line.removeprefix("## ")]
        elif line.startswith("| ") and not line.startswith(("| verdict", "| ---")):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            words, statement, *numbers = (unescape(re.sub(r"\\(.)", r"\1", cell)) for cell in cells)
            assert (claim, statement) not in found
            found[claim, statement] = (words, *numbers)
    return found


ROWS = table_rows()


def seeds() -> int:
    """How many seeds the page rests on."""
    found = re.search(r"Seeds: (\d+);", PAGE)
    assert found
    return int(found[1])


def by_case(statement, cell):
    """What a cell says of each case: one text for all of them, or each its own."""
    keys = [case.key for case in statement.cases]
    if not cell.endswith(f" ({keys[-1]})"):
        return dict.fromkeys(keys, cell)
    parts = cell.split("; ")
    assert len(parts) == len(keys)
    return {key: part.removesuffix(f" ({key})") for key, part in zip(keys, parts, strict=True)}


def values_of(text, error):
    """Seeds with the mean and the 95 % interval of a cell, whose last digit may be off by `error` halves."""
    mean, half, count = re.fullmatch(MEASURED, text).groups()
    number = int(count or seeds())
    if half is None:
        return [float(mean)] * number
    unit = 10.0 ** -(len(half.partition("e")[0].partition(".")[2])) * 10.0 ** int(half.partition("e")[2] or 0)
    half = float(half) + error * unit / 2
    spread = [place - (number - 1) / 2 for place in range(number)]
    scale = half / stats.t.ppf(0.975, number - 1) * number**0.5 / stdev(spread)
    return [float(mean) + scale * each for each in spread]


def test_it_has_every_statement_and_no_other():
    assert list(ROWS) == [(name, statement.text) for name, statement in STATEMENTS]
    for name in CLAIMS:
        assert f"\nSource: {load_claim(name).source}.\n" in unescape(PAGE.replace("\\", ""))


@pytest.mark.parametrize(("claim", "statement"), STATEMENTS, ids=[f"{name}-{each.key}" for name, each in STATEMENTS])
def test_its_numbers_have_its_verdicts(claim, statement):
    words, expected, within, measured = ROWS[claim, statement.text]
    assert by_case(statement, expected) == {case.key: expected_words(case) for case in statement.cases}
    assert by_case(statement, within) == {case.key: tolerance_words(case) for case in statement.cases}
    found = by_case(statement, measured)
    # What was measured is rounded to four digits on the page, and so is held against what is rounded alike.
    rounded = replace(
        statement, cases=tuple(replace(case, expected=float(f"{case.expected:.4g}")) for case in statement.cases)
    )
    possible = {
        verdict(rounded, {place(statement.key, key): values_of(text, error) for key, text in found.items()})
        for error in (-1, 0, 1)
    }
    assert words in possible


def test_its_counts_are_those_of_its_verdicts():
    counts = Counter(kind(words) for words, *_ in ROWS.values())
    said = ", ".join(f"{counts[each]} {each}" for each in KINDS if counts[each])
    assert f"\nOf {len(ROWS)} statements: {said}. Seeds: {seeds()};" in PAGE
