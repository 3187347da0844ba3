"""The page: whole, harmless and self-contained, whatever stands in a study's files."""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest

from smoothkit.errors import OutputError
from smoothkit.report.figures import Figure, figure_from_json
from smoothkit.report.html.figures import html_figures
from smoothkit.report.page import write_report

from .conftest import FIGURES

HOSTILE = " <script>alert('x')</script> & \" ' <img src=http://example.com/x.png> |*_`"
VOID = {"meta", "img"}


@dataclass(frozen=True, kw_only=True)
class Waterfall(Figure):
    """What a plugin may bring."""

    falls: tuple[float, ...]

    def draw(self):
        from matplotlib.figure import Figure as Picture

        picture = Picture(figsize=(3, 2))
        picture.add_subplot().set(title=self.title, xlabel="</svg><script>alert(1)</script>")
        return picture

    def describe(self):
        if not self.falls:
            raise ValueError("it never falls")
        return f'{self.title}: {", ".join(map(str, self.falls))} <"&'


class Elements(HTMLParser):
    """Every element with its attributes, and that each is closed in the right place."""

    def __init__(self, source: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


def source_of(page) -> str:
    return page.read_text(encoding="utf-8")


def root_of(page) -> ET.Element:
    return ET.fromstring(source_of(page).removeprefix("<!DOCTYPE html>"))


def words(page) -> str:
    return " ".join(" ".join(root_of(page).itertext()).split())


def with_figure(directory, name: str, figure: dict, slug: str = "*") -> None:
    for file in directory.glob(f"{slug}/seed-*/result.json"):
        content = json.loads(file.read_text())
        content["figures"][name] = figure
        file.write_text(json.dumps(content))


# --- Contents ---------------------------------------------------------------------------------------------------------


def test_page_shows_tables_pictures_curves_and_configurations(make_study):
    page = write_report([make_study(seeds=3)])
    text = words(page)
    assert page.name == "report.html"
    for part in ("Digits", "0.920 ± 0.020", "no spread: more seeds", "Target matrix", "hard, seed 0", "LS, seed 0"):
        assert part in text
    for part in ("train/loss", "Configurations", "scenario = 'supervised'", "Environment", "2.15"):
        assert part in text
    for part in ("ECE 0.200 (null 0.050)", "gap +0.100 [−0.050, +0.250]", "n 40", "two · LS, seed 0"):  # noqa: RUF001
        assert part in text
    assert "None" not in text
    assert "nan" not in text
    assert "cannot be drawn" not in text
    assert "3 scalars, with p-values and bootstrap intervals" in text  # weight_norm is not in the headline


def test_curves_of_all_variants_share_a_picture(make_study):
    root = root_of(write_report([make_study()]))
    labels = [element.get("aria-label", "") for element in root.iter("svg")]
    (risk,) = [label for label in labels if label.startswith("Risk against coverage")]
    assert "hard, seed 0: from 0 at coverage 0 to 0.1" in risk
    assert "LS, seed 0: from 0 at coverage 0 to 0.1" in risk


def test_curves_over_different_axes_stay_apart(make_study):
    directory = make_study()
    figure = {"kind": "curves", "title": "Other", "x_label": "x", "y_label": "y", "x": {"a": [0.0]}, "y": {"a": [1.0]}}
    with_figure(directory, "risk", figure, "ls")
    labels = [element.get("aria-label", "") for element in root_of(write_report([directory])).iter("svg")]
    assert sum(label.startswith(("Other", "Risk against coverage")) for label in labels) == 2


def test_intervals_for_other_test_rows_are_shown(make_study):
    directory = make_study()
    path = directory / "ls" / "seed-0" / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "intervals": {"accuracy": [0.885, 0.9312]}}))
    text = words(write_report([directory]))
    assert "95 % intervals for other test rows, each of one model hard, seed 0 LS, seed 0 accuracy ↑" in text
    assert "[0.885, 0.931]" in text


@pytest.mark.parametrize("names", [("results", "Results"), ("risk_coverage", "risk coverage")])
def test_a_figure_of_any_name_stands_beside_the_other_parts(make_study, names):
    directory = make_study()
    for place, name in enumerate(names):
        with_figure(directory, name, {**FIGURES["target_matrix"].to_json(), "title": f"Matrix number {place}"})
    page = write_report([directory])
    assert "Results: mean ± standard deviation" in words(page)
    labels = [element.get("aria-label", "") for element in root_of(page).iter("svg")]
    for place in range(2):
        assert sum(label.startswith(f"Matrix number {place}") for label in labels) == 2


def test_pictures_whose_keys_differ_have_one_each(make_study):
    directory = make_study()
    for slug, curve in (("hard", "first"), ("ls", "second")):
        names = [f"{curve} curve", f"other {curve} curve"]
        curves = {part: {name: [0.0, 1.0] for name in names} for part in ("x", "y")}
        labels = {"title": "Curves", "x_label": "x", "y_label": "y"}
        with_figure(directory, "curves", {"kind": "curves", **labels, **curves}, slug)
    figures = [
        figure
        for figure in root_of(write_report([directory])).iter("figure")
        if any(element.get("aria-label", "").startswith("Curves.") for element in figure.iter("svg"))
    ]
    keys = [["".join(item.itertext()) for item in figure.iter("li")] for figure in figures]
    assert keys == [["first curve", "other first curve"], ["second curve", "other second curve"]]


def test_pictures_with_one_key_share_it(make_study):
    source = source_of(write_report([make_study()]))
    assert source.count("over-confident by so much") == 2  # of the reliability diagram, and of those of groups


def test_missing_runs_are_named(make_study):
    page = write_report([make_study(unfinished=True)])
    assert "LS, seed 1: failed: ValueError: broke" in words(page)
    assert "LS, seed 0: not finished" in words(page)
    assert "- LS, seed 0: not finished" in page.with_suffix(".md").read_text()


def test_a_study_without_any_result_is_a_page(make_study):
    directory = make_study()
    for file in directory.glob("*/seed-*/result.json"):
        file.unlink()
    text = words(write_report([directory]))
    assert "LS, seed 1: not finished" in text
    assert "train/loss" in text


def test_several_studies_share_a_page(make_study, tmp_path):
    page = write_report([make_study(name="one"), make_study(name="two", unfinished=True)], tmp_path)
    elements = Elements(source_of(page))
    assert len(elements.all("article")) == 2
    assert "Report on 2 studies" in words(page)


def test_markdown_goes_beside_the_page(make_study, tmp_path):
    page = write_report([make_study(hostile=HOSTILE)], tmp_path / "else" / "where")
    text = (tmp_path / "else" / "where" / "report.md").read_text()
    assert page.parent == tmp_path / "else" / "where"
    assert "# Digits" in text
    assert "<" not in text


def test_all_formats_are_written(make_study, tmp_path):
    formats = ["csv", "latex", "markdown", "html"]
    assert write_report([make_study()], tmp_path / "out", formats).name == "report.csv"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html",
        "report.md",
        "report.tex",
        "report.csv",
    }


def test_same_study_same_report(make_study):
    directory = make_study()
    first = write_report([directory]).read_bytes()
    assert write_report([directory]).read_bytes() == first


def test_unwritable_output_is_one_error(make_study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="the report cannot be written"):
        write_report([make_study()], tmp_path / "file")


# --- Plugins' figures -------------------------------------------------------------------------------------------------


def test_a_plugins_own_figure_is_an_image_with_its_description(make_study):
    directory = make_study()
    with_figure(directory, "waterfall", Waterfall(title="Loss", falls=(1.0, 0.5)).to_json())
    images = Elements(source_of(write_report([directory]))).all("img")
    assert [image["alt"] for image in images] == ['Loss: 1.0, 0.5 <"&'] * 2
    drawing = base64.b64decode((images[0]["src"] or "").removeprefix("data:image/svg+xml;base64,")).decode()
    root = ET.fromstring(drawing)
    assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "prefers-color-scheme" in drawing


def test_a_figure_that_fails_is_a_gap_and_no_crash(make_study):
    directory = make_study()
    with_figure(directory, "waterfall", Waterfall(title="Loss", falls=()).to_json())
    with_figure(directory, "radar", {"kind": "gone:Radar", "title": "Radar"})
    target = {"kind": "matrix", "title": "", "values": [[1.0]], "rows": ["a"], "columns": [], "row_label": "a"}
    with_figure(directory, "target", target)
    page = write_report([directory])
    text = words(page)
    assert "hard, seed 0 and 1 more: cannot be drawn: it never falls" in text
    assert "hard, seed 0 and 1 more: cannot be drawn: no plugin here provides the figure 'gone:Radar'" in text
    assert "what is stored does not fit the figure 'matrix'" in text
    assert "Reliability" in text


@pytest.mark.parametrize("name", FIGURES)
def test_no_damage_to_a_figure_stops_the_page(name):
    stored = json.loads(json.dumps(FIGURES[name].to_json()))
    for key in stored:
        for junk in (None, "x", -1, [], {}):
            found = figure_from_json({**stored, key: junk})
            source = html_figures({"LS, seed 0": found}, "figure")
            ET.fromstring(f"<div>{source}</div>")
            assert key == "title" or "LS, seed 0: cannot be drawn: " in source or "<svg" in source


# --- Safety -----------------------------------------------------------------------------------------------------------


def test_hostile_text_stays_text(make_study):
    page = write_report([make_study(hostile=HOSTILE, unfinished=True)])
    elements = Elements(source_of(page))
    assert not elements.all("script")
    assert not elements.all("img")
    assert HOSTILE.split(" |")[0].strip() in words(page)


def test_page_is_well_formed_and_loads_nothing(make_study):
    page = write_report([make_study()])
    source = source_of(page)
    root_of(page)
    assert not re.search(r"https?://|url\((?!#)|@import|<script|<link|<iframe|javascript:", source)
    addresses = [
        value
        for _, attributes in Elements(source).found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "xlink:href")
    ]
    assert addresses
    assert all((address or "").startswith(("#", "data:image/")) for address in addresses)


def test_the_policy_allows_this_style_sheet_and_no_other(make_study):
    source = source_of(write_report([make_study()]))
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in Elements(source).all("meta") if "http-equiv" in meta]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert not [attributes for _, attributes in Elements(source).found if "style" in attributes]
