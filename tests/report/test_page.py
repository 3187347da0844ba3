"""The report: whole, harmless and self-contained, whatever stands in a study's files."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from smoothkit.errors import OutputError
from smoothkit.report.folder import read_study
from smoothkit.report.page import write_report

HOSTILE = " <script>alert('x')</script> & \" ' <img src=http://example.com/x.png> |*_`"


def words(page) -> str:
    root = ET.fromstring(page.read_text(encoding="utf-8").removeprefix("<!DOCTYPE html>"))
    return " ".join(" ".join(root.itertext()).split())


class Elements(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_page_shows_tables_pictures_curves_and_configurations(make_study):
    page = write_report([make_study()])
    text = words(page)
    assert page.name == "report.html"
    for part in ("Digits", "0.910 ± 0.014", "no difference shown", "Target matrix", "hard, seed 0", "LS, seed 0"):
        assert part in text
    for part in ("Learning curves", "Resolved configurations", "scenario = 'supervised'", "Environment", "2.15"):
        assert part in text
    assert "None" not in text
    # Three figures of two variants, and one learning curve.
    assert Elements(page.read_text()).tags.count("img") == 7
    assert "All scalars" in text  # weight_norm is not in the headline


def test_hostile_text_stays_text(make_study):
    page = write_report([make_study(hostile=HOSTILE, unfinished=True)])
    elements = Elements(page.read_text())
    assert "script" not in elements.tags
    assert all(address.startswith("data:image/svg+xml;base64,") for address in elements.addresses)
    assert HOSTILE.split(" |")[0].strip() in words(page)


def test_page_is_well_formed_and_loads_nothing(make_study):
    source = write_report([make_study()]).read_text()
    ET.fromstring(source.removeprefix("<!DOCTYPE html>"))
    assert not re.search(r"https?://|url\(|@import|<script|<link", source)
    assert "default-src 'none'" in source


def test_pictures_inside_load_nothing_either(make_study):
    from base64 import b64decode

    source = write_report([make_study()]).read_text()
    for picture in re.findall(r"base64,([^']+)'", source):
        drawing = b64decode(picture).decode()
        assert "<script" not in drawing
        assert not re.search(r'href="(?!#)', drawing.replace('href="data:image/png', 'href="#'))


def test_same_study_same_report(make_study):
    directory = make_study()
    first = write_report([directory]).read_bytes()
    assert write_report([directory]).read_bytes() == first


def test_missing_runs_are_named(make_study):
    page = write_report([make_study(unfinished=True)])
    assert "LS, seed 1: failed: broke" in words(page)
    assert "LS, seed 0: not finished" in words(page)
    assert "- LS, seed 0: not finished" in page.with_suffix(".md").read_text()


def test_study_killed_before_its_summary_is_summarised_from_its_results(make_study):
    directory = make_study(summary=False)
    study = read_study(directory)
    assert study.summary["comparisons"]["LS"]["accuracy"]["difference"] == pytest.approx(0.01)
    assert study.title == "Digits"
    assert "0.910 ± 0.014" in words(write_report([directory]))


def test_half_a_line_at_the_end_of_the_metrics_is_ignored(make_study):
    assert [len(run.rows) for run in read_study(make_study()).runs] == [3, 3, 3, 3]


def test_markdown_goes_beside_the_page(make_study, tmp_path):
    page = write_report([make_study(hostile=HOSTILE)], tmp_path / "else" / "where")
    text = (tmp_path / "else" / "where" / "report.md").read_text()
    assert page.parent == tmp_path / "else" / "where"
    assert "# Digits" in text
    assert "<" not in text


def test_several_studies_share_a_page(make_study, tmp_path):
    directory = make_study()
    page = write_report([directory, directory], tmp_path)
    assert Elements(page.read_text()).tags.count("section") == 2


def test_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"is not the folder of a study \(it has no study\.toml\)"):
        write_report([tmp_path])


def test_damaged_and_newer_files_are_named(make_study):
    directory = make_study()
    (directory / "summary.json").write_text(json.dumps({"schema": 2}))
    with pytest.raises(OutputError, match=r"summary\.json: cannot be read: .*schema is 2"):
        write_report([directory])
    (directory / "hard" / "seed-0" / "result.json").write_text("{")
    with pytest.raises(OutputError, match=r"result\.json: cannot be read"):
        write_report([directory])


def test_unwritable_output_is_one_error(make_study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="the report cannot be written"):
        write_report([make_study()], tmp_path / "file")
