"""The page as everybody can use it: headings, landmarks, names, and pictures that say their numbers."""

import re
from itertools import pairwise

import pytest

from smoothkit.report.page import write_report

from .test_page import Elements, source_of


@pytest.fixture(params=[1, 2], ids=["one study", "two studies"])
def elements(request, make_study, tmp_path) -> Elements:
    directories = [make_study(name=f"study {place}", unfinished=place == 1) for place in range(request.param)]
    return Elements(source_of(write_report(directories, tmp_path / "out")))


def test_headings_begin_with_one_and_skip_no_level(elements):
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_page_has_landmarks_a_language_and_a_way_past_the_contents(elements):
    assert elements.all("html")[0]["lang"] == "en"
    assert [attributes.get("id") for attributes in elements.all("main")] == ["main"]
    assert elements.all("nav")[0]["aria-label"] == "Contents"
    assert elements.all("a")[0] == {"class": "skip", "href": "#main"}


def test_every_link_has_a_goal_and_every_name_is_used_once(elements):
    names = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(names) == len(set(names))
    goals = {(attributes.get("href") or "").removeprefix("#") for attributes in elements.all("a", "use")}
    labels = {attributes["aria-labelledby"] for _, attributes in elements.found if "aria-labelledby" in attributes}
    assert goals | labels <= set(names)
    assert labels <= goals | {name for name in names if name and re.fullmatch(r"study-\d", name)}


def test_every_picture_has_a_name_that_says_numbers(elements):
    for picture in elements.all("svg"):
        if picture.get("aria-hidden") != "true":
            assert picture["role"] == "img"
            assert re.search(r"\d", picture["aria-label"] or "")


def test_tables_have_captions_and_their_cells_headers(elements):
    assert len(elements.all("table")) == len(elements.all("caption"))
    assert {attributes.get("scope") for attributes in elements.all("th")} == {"col", "row", "rowgroup"}
    for region in [attributes for attributes in elements.all("div") if attributes.get("class") == "scroll"]:
        assert region["tabindex"] == "0"
        assert region["role"] == "region"
        assert region["aria-label"]
