"""A study of principles from end to end: results, resumption, the conclusion, the page; and every claim's form."""

import re
from pathlib import Path

import pytest
import torch

from smoothkit.conclusion import Findings, conclude
from smoothkit.config import dump
from smoothkit.distributed import Group
from smoothkit.errors import OutputError
from smoothkit.report.folder import read_study
from smoothkit.run import Run
from smoothkit.scenario import RunInfo
from smoothkit.stopping import Stopped, StopRequest
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claim import place
from smoothkit_principles.claims import CLAIMS
from smoothkit_principles.conclude import expected_words, measured_in, statement_cells
from smoothkit_principles.config import SCENARIO, PrinciplesConfig
from smoothkit_principles.evaluate import evaluate
from smoothkit_principles.page import principles_page
from smoothkit_principles.train import train
from smoothkit_principles.verdict import KINDS, kind

ROOT = Path(__file__).parents[3]
FAST = ("gradient", "optimum", "decomposition")


class Silent:
    def progress(self, step, total, values): ...

    def logged(self, step, values): ...

    def figures(self, step, figures): ...


class After(StopRequest):
    """A stop that comes after some steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def is_set(self):
        self.steps -= 1
        return self.steps < 0


def config(**claims):
    return PrinciplesConfig.model_validate({"scenario": "principles", "claims": claims or {"names": FAST}})


def make_run(directory, settings, seed=0, saved=None, stop=None):
    info = RunInfo("principles", "digits", seed, directory, dump(settings), saved["step"] if saved else 0)
    directory.mkdir(parents=True, exist_ok=True)
    group = Group(device=torch.device("cpu"))
    return Run(info, settings.run, group, saved, Silent(), stop or StopRequest())


def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path):
    from smoothkit.checkpoint import load_checkpoint

    settings = config()
    whole = evaluate(settings, run := make_run(tmp_path / "whole", settings), train(settings, run))
    with pytest.raises(Stopped):
        train(settings, make_run(tmp_path / "parts", settings, stop=After(1)))
    saved = load_checkpoint(tmp_path / "parts")
    assert saved is not None
    assert 0 < saved["step"] < len(FAST)
    parts = evaluate(settings, run := make_run(tmp_path / "parts", settings, saved=saved), train(settings, run))
    assert parts.to_json() == whole.to_json()


def test_a_conclusion_has_a_line_for_each_statement_and_a_table_for_each_claim(tmp_path):
    settings = config()
    results = {}
    for seed in (0, 1):
        run = make_run(tmp_path / str(seed), settings, seed)
        results[seed] = evaluate(settings, run, train(settings, run))
    concluded = conclude(SCENARIO, Findings(configs={"digits": settings}, baseline=None, results={"digits": results}))
    assert concluded is not None
    claims = [load_claim(name) for name in FAST]
    statements = [statement for claim in claims for statement in claim.statements]
    assert len(concluded.words) == 1 + len(statements)
    assert concluded.words[0].startswith(f"Of {len(statements)} statements: ")
    for line, statement in zip(concluded.words[1:], statements, strict=True):
        assert re.match(r"(TRUE|FALSE|NOT SHOWN|TRUE for .*|FALSE for .*): ", line)
        assert statement.text in line
    assert [table.title for table in concluded.details] == [claim.title for claim in claims]
    assert {name.partition("/")[0] for name in results[0].figures} == set(FAST), "a picture for each claim"
    # What is said on the page is what was measured.
    cells = list(statement_cells(claims[0], measured_in(results)))
    assert cells[1][0] == "true"
    assert cells[1][3] == "0"


def test_an_unknown_claim_is_refused_by_name():
    with pytest.raises(ValueError, match="there is no claim 'gradeint'; did you mean 'gradient'"):
        config(names=["gradeint"])


def test_a_claim_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match="claim 'gradient' is named 2 times; name it once"):
        config(names=["gradient", "optimum", "gradient"])


def test_networks_without_a_hidden_layer_are_refused():
    with pytest.raises(ValueError, match="hidden"):
        PrinciplesConfig.model_validate({"scenario": "principles", "networks": {"hidden": []}})


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_is_well_formed(name):
    claim = load_claim(name)
    assert claim.name == name
    assert claim.title
    assert claim.source
    places = [place(statement.key, case.key) for statement in claim.statements for case in statement.cases]
    assert len(set(places)) == len(places) > 0
    for statement in claim.statements:
        assert statement.text.endswith(".")
        assert statement.cases
        for case in statement.cases:
            assert case.within >= 0
            assert (case.relation == "equals") or not case.within


def test_the_documentations_page_has_every_statement_of_every_claim():
    page = (ROOT / "docs" / "principles.md").read_text(encoding="utf-8")
    from smoothkit.report.markdown import markdown_text

    statements = [statement for name in CLAIMS for statement in load_claim(name).statements]
    for statement in statements:
        row = next(line for line in page.splitlines() if f" | {markdown_text(statement.text)} | " in line)
        words, rest = row.removeprefix("| ").split(f" | {markdown_text(statement.text)} | ")
        expected, measured = (cell.strip() for cell in re.split(r"(?<!\\)\|", rest)[:2])
        keys = [case.key for case in statement.cases]
        by_key = {case.key: expected_words(case) for case in statement.cases}
        alike = len(set(by_key.values())) == 1
        said = next(iter(by_key.values())) if alike else "; ".join(f"{by_key[key]} ({key})" for key in keys)
        assert expected == markdown_text(said)
        assert measured
        # The verdict is one of a kind, or each of its parts names cases of the statement, and none twice.
        if words not in KINDS:
            named = []
            for part in words.split("; "):
                found = re.fullmatch(r"(true|false|not shown) for (.+)", part)
                assert found, words
                named += found[2].split(" and ")
            assert set(named) <= {markdown_text(key) for key in keys}
            assert len(set(named)) == len(named)
            assert kind(words) in KINDS
    assert len(re.findall(r"^\| (?!verdict|---)", page, flags=re.MULTILINE)) == len(statements)


def test_the_page_is_made_from_a_study(tmp_path):
    from click.testing import CliRunner

    from smoothkit.cli import main

    arguments = [
        "run",
        str(ROOT / "scenarios" / "smoke" / "principles.toml"),
        'claims.names=["gradient"]',
        "--seeds",
        "1",
    ]
    done = CliRunner().invoke(main, [*arguments, "--jobs", "1", "--quiet", "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    page = principles_page(tmp_path / "out")
    assert "## Gradient of the loss" in page
    assert "| true | It is (sum of t) p - t, whatever the target sums to. | 0 ± 1e-12 | 0 |" in page


def two_variants(directory):
    """A study of one claim about training, whose variants are trained for one epoch and for three."""
    from click.testing import CliRunner

    from smoothkit.cli import main

    directory.mkdir()
    (directory / "two.toml").write_text(
        """
        scenario = "principles"
        [run]
        seeds = 1
        [claims]
        names = ["dynamics"]
        [variants.short.networks]
        epochs = 1
        [variants.long.networks]
        epochs = 3
        """,
        encoding="utf-8",
    )
    arguments = ["run", str(directory / "two.toml"), "--jobs", "1", "--quiet", "--output", str(directory / "out")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return directory / "out"


def test_page_and_conclusion_are_of_the_same_variant(tmp_path):
    folder = two_variants(tmp_path / "study")
    study = read_study(folder)
    assert study.conclusion is not None
    assert study.conclusion.words[0].startswith("short: Of ")
    page = principles_page(folder)
    results = {run.variant: run.result for run in study.runs}
    values = {variant: result.scalars["dynamics/gradient-late/all"] for variant, result in results.items() if result}
    assert f"{values['short']:.4g}" != f"{values['long']:.4g}"
    row = next(line for line in page.splitlines() if " | In the last epoch it is larger. | " in line)
    line = next(words for words in study.conclusion.words if "In the last epoch it is larger." in words)
    for found in (row, line):
        assert f"{values['short']:.4g} (all)" in found
        assert f"{values['long']:.4g} (all)" not in found
    assert row.startswith("| not shown |"), "one seed shows nothing of training"


def test_a_study_without_a_result_has_no_page(tmp_path):
    folder = two_variants(tmp_path / "study")
    for result in folder.glob("*/*/result.json"):
        result.unlink()
    with pytest.raises(OutputError, match="no run has a result"):
        principles_page(folder)
