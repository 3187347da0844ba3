"""The page on groups: its Python runs, its files load, and it knows every data set."""

import re
from pathlib import Path

import pytest

from smoothkit import plugins
from smoothkit.scenario_file import load_scenario

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "fairness.md").read_text(encoding="utf-8")
FILES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_code_of_the_page_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})
    said = capsys.readouterr().out
    assert "women" in said
    assert "ece_null" in said


@pytest.mark.parametrize("text", FILES, ids=["study", "table"])
def test_the_files_of_the_page_are_understood(text, tmp_path):
    whole = text if "scenario" in text else f'scenario = "fairness"\n{text}'
    (tmp_path / "study.toml").write_text(whole, encoding="utf-8")
    variants = load_scenario(tmp_path / "study.toml", plugins.host()).variants
    assert {variant.config.data.name for variant in variants} <= {"adult", "csv"}


def test_every_table_of_people_is_on_the_page():
    registry = plugins.host().registry
    people = {entry.name for entry in registry.entries("datasets") if "smoothkit_fairness.data.people" in entry.path}
    assert len(people) == 11
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, flags=re.MULTILINE)) == people


def test_every_scenario_file_that_the_page_names_is_there():
    named = set(re.findall(r"\]\(\.\./(scenarios/fairness[a-z-]*\.toml)\)", PAGE))
    there = {f"scenarios/{path.name}" for path in (ROOT / "scenarios").glob("fairness*.toml")}
    assert named == there
