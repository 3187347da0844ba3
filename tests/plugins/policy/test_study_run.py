"""The bundled study from end to end, briefly: the command line ends with windows, peaks and a verdict on both."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from smoothkit.cli import main

ROOT = Path(__file__).parents[3]
CHOSEN = ("none", "entropy 0.2", "entropy 0.5", "kl_uniform 0.2", "kl_uniform 0.5")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "out"
    file = str(ROOT / "scenarios" / "smoke" / "policy.toml")
    chosen = [part for name in CHOSEN for part in ("--variants", name)]
    done = CliRunner().invoke(main, ["run", file, *chosen, "--seeds", "4", "--jobs", "1", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split()), json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_the_command_ends_with_the_windows(study):
    said, summary = study
    assert "coefficient entropy kl_uniform" in said
    assert "had the same 2 coefficients, 0.2 to 0.5; the best one is picked on seeds 0 and 1 and measured on" in said
    titles = [table["title"].partition(":")[0] for table in summary["conclusion"]["tables"]]
    assert titles == ["Coefficients", "Methods"]


def test_pictures_of_all_coefficients_are_stored(study):
    figures = study[1]["conclusion"]["figures"]
    assert {"solved by coefficient", "return by coefficient"} <= figures.keys()
    assert set(figures["return by coefficient"]["y"]) == {"entropy", "kl_uniform"}
