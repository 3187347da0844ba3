"""Colours of the Targets tab, light and dark: what is read stands out, and means what it means in reports."""

import re

import pytest

from smoothkit.report.heat import STRONG
from smoothkit.tracking.tab.plugin import STATIC
from tests.report.test_style import GRAPHIC, TEXT, THEMES, colour, contrast, over

SHEET = (STATIC / "style.css").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^:root[^{]*\{(.*?)\}", SHEET, re.DOTALL | re.MULTILINE)
TAB = dict(
    zip(
        ("light", "dark"),
        (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block)) for block in BLOCKS),
        strict=True,
    )
)


@pytest.mark.parametrize("theme", TAB)
@pytest.mark.parametrize("ink", ["ink", "muted", "error", "accent"])
@pytest.mark.parametrize("paper", ["card", "side", "page"])
def test_text_can_be_read(theme, ink, paper):
    assert contrast(colour(TAB[theme][ink]), colour(TAB[theme][paper])) >= TEXT


@pytest.mark.parametrize("theme", TAB)
@pytest.mark.parametrize(
    "ink", [*(name for name in TAB["light"] if re.fullmatch(r"(series|run)-\d", name)), "share", "over", "under"]
)
def test_lines_and_bars_can_be_seen(theme, ink):
    assert contrast(colour(TAB[theme][ink]), colour(TAB[theme]["card"])) >= GRAPHIC


@pytest.mark.parametrize("theme", TAB)
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_entries_can_be_read_on_every_shade(theme, kind):
    names = TAB[theme]
    for step in range(1001):
        strength = step / 1000
        shade = over(colour(names["cells"]), colour(names[kind]), strength)
        ink = names["cell-strong" if strength >= STRONG else "cell-ink"]
        assert contrast(colour(ink), shade) >= TEXT, strength


@pytest.mark.parametrize("theme", TAB)
def test_the_same_is_shown_in_the_colours_of_the_report(theme):
    report = {**THEMES[theme], "cells": THEMES[theme]["paper"]}
    for name in ("over", "under", "cells", "positive", "negative", "cell-ink", "cell-strong"):
        assert TAB[theme][name] == report[name], name
    assert f"STRONG = {STRONG};" in (STATIC / "shades.js").read_text(encoding="utf-8")


def test_every_colour_that_is_named_is_there():
    sources = [path.read_text(encoding="utf-8") for path in STATIC.iterdir()]
    named = {name for source in sources for name in re.findall(r"var\(--([a-z0-9-]+)\)", source)}
    assert named <= set(TAB["light"])
    assert set(TAB["light"]) == set(TAB["dark"])
