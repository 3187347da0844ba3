"""Colours of the page, light and dark: everything that is read stands out from what it stands on."""

import re

import pytest

from smoothkit.report.heat import NEGATIVE, POSITIVE, STRONG
from smoothkit.report.html.document import css
from smoothkit.report.pictures.reliability import BAR, OVER, SHARE, UNDER
from smoothkit.report.pictures.style import DARK_INK, INK
from smoothkit.report.svg.canvas import CURVES

TEXT, GRAPHIC = 4.5, 3.0
"""Least contrasts of WCAG 2.2, success criteria 1.4.3 and 1.4.11."""


def themes() -> dict[str, dict[str, str]]:
    light, dark = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", part)) for part in css().split("@media", 2)[:2])
    return {"light": light, "dark": {**light, **dark}}


THEMES = themes()
Colour = tuple[float, float, float]


def colour(text: str) -> Colour:
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def luminance(value: Colour) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in value]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(paper: Colour, ink: Colour, opacity: float) -> Colour:
    red, green, blue = ((1 - opacity) * below + opacity * above for below, above in zip(paper, ink, strict=True))
    return red, green, blue


def test_contrast_of_black_on_white_is_21():
    assert contrast(colour("#000000"), colour("#ffffff")) == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ink", ["ink", "quiet", "link", "better", "worse", "different"])
@pytest.mark.parametrize("paper", ["paper", "soft"])
def test_text_can_be_read(theme, ink, paper):
    assert contrast(colour(THEMES[theme][ink]), colour(THEMES[theme][paper])) >= TEXT


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ink", [*(f"c{place}" for place in range(CURVES)), "over", "under", "share"])
def test_lines_and_bars_can_be_seen(theme, ink):
    assert contrast(colour(THEMES[theme][ink]), colour(THEMES[theme]["paper"])) >= GRAPHIC


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_entries_can_be_read_on_every_shade(theme, kind):
    names = THEMES[theme]
    for step in range(1001):
        strength = step / 1000
        shade = over(colour(names["paper"]), colour(names[kind]), strength)
        ink = names["cell-strong" if strength >= STRONG else "cell-ink"]
        assert contrast(colour(ink), shade) >= TEXT, strength


def test_there_is_a_class_for_every_curve():
    assert set(re.findall(r"^\.(c\d) ", css(), re.MULTILINE)) == {f"c{place}" for place in range(CURVES)}


def test_plugins_pictures_have_the_ink_of_the_page():
    assert (THEMES["light"]["ink"], THEMES["dark"]["ink"]) == (INK, DARK_INK)


def test_pictures_have_the_colours_of_the_page():
    names = ("bar", "share", "over", "under", "positive", "negative")
    assert [THEMES["light"][name] for name in names] == [BAR, SHARE, OVER, UNDER, POSITIVE, NEGATIVE]


def test_print_is_light_whatever_the_screen():
    assert "@media screen and (prefers-color-scheme: dark)" in css()
    assert css().count("prefers-color-scheme") == 1
