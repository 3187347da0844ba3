"""A study of principles from end to end: results, resumption, the conclusion, the page; and every claim's form."""

import re
from pathlib import Path

import pytest

from smoothkit.claims.claim import place
from smoothkit.claims.finding import Finding, findings_of
from smoothkit.claims.study import measured_in
from smoothkit.conclusion import Findings, conclude
from smoothkit.errors import OutputError
from smoothkit.report.folder import read_study
from smoothkit.scenario import Result
from smoothkit.stopping import Stopped
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claims import CLAIMS
from smoothkit_principles.config import SCENARIO, PrinciplesConfig
from smoothkit_principles.evaluate import evaluate
from smoothkit_principles.page import principles_page
from smoothkit_principles.train import train
from tests.claims.studies import After, make_run

ROOT = Path(__file__).parents[3]
FAST = ("gradient", "optimum", "decomposition")


def config(names=FAST, **tables):
    return PrinciplesConfig.model_validate({"scenario": "principles", "claims": {"names": names}, **tables})


def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path):
    from smoothkit.checkpoint import load_checkpoint

    settings = config()
    whole = evaluate(settings, run := make_run(tmp_path / "whole", settings, "digits"), train(settings, run))
    with pytest.raises(Stopped):
        train(settings, make_run(tmp_path / "parts", settings, "digits", stop=After(1)))
    saved = load_checkpoint(tmp_path / "parts")
    assert saved is not None
    assert 0 < saved["step"] < len(FAST)
    parts = evaluate(
        settings, run := make_run(tmp_path / "parts", settings, "digits", saved=saved), train(settings, run)
    )
    assert parts.to_json() == whole.to_json()


def test_a_conclusion_has_a_line_for_each_statement_and_a_table_for_each_claim(tmp_path):
    settings = config()
    results = {}
    for seed in (0, 1):
        run = make_run(tmp_path / str(seed), settings, "digits", seed)
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
    found = findings_of(claims[0], measured_in(results, ["gradient"])["gradient"])
    assert found[1] == Finding(
        statement="It is (sum of t) p - t, whatever the target sums to.",
        source="the derivative of log-softmax",
        expected="0",
        tolerance="1e-12",
        measured="0",
        verdict="true",
    )


def test_a_run_counts_what_one_seed_decides(tmp_path):
    settings = config(names=["gradient", "dynamics"], networks={"epochs": 1})
    run = make_run(tmp_path, settings, "digits")
    result = evaluate(settings, run, train(settings, run))
    # Of training one seed shows nothing, and so nothing is counted as not shown.
    assert {name: result.scalars[name] for name in result.headline} == {
        "formulas true": 1,
        "formulas true in part": 1,
        "formulas false": 0,
    }


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
    assert "| true | It is (sum of t) p - t, whatever the target sums to. | 0 | 1e-12 | 0 |" in page


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


def test_every_variant_is_judged_and_the_page_is_of_the_first(tmp_path):
    folder = two_variants(tmp_path / "study")
    study = read_study(folder)
    assert study.conclusion is not None
    short, *lines = study.conclusion.words
    assert short.startswith("short: Of ")
    place_of_long = next(number for number, words in enumerate(lines) if words.startswith("long: Of "))
    assert lines[place_of_long].endswith("Only verdicts that differ from those of short follow.")
    assert {words.partition(": ")[0] for words in lines[:place_of_long]} == {"short"}
    # One seed shows nothing of training, whatever the variant.
    assert len(lines) == place_of_long + 1
    assert [table.title for table in study.conclusion.details] == [
        "Course of training, short",
        "Course of training, long",
    ]
    page = principles_page(folder)
    assert "\nshort: Of " in page
    results = {run.variant: run.result for run in study.runs}
    values = {variant: result.scalars["dynamics/gradient-late/all"] for variant, result in results.items() if result}
    assert f"{values['short']:.4g}" != f"{values['long']:.4g}"
    row = next(line for line in page.splitlines() if " | In the last epoch it is larger. | " in line)
    line = next(words for words in lines if "In the last epoch it is larger." in words)
    for found in (row, line):
        assert f"{values['short']:.4g} (all)" in found
        assert f"{values['long']:.4g} (all)" not in found
    assert row.startswith("| not shown |"), "one seed shows nothing of training"


def test_of_a_later_variant_only_other_verdicts_are_said():
    values = {"gradient/usual": 0.0, "gradient/general": 0.0}
    kinds = ("smoothed", "unnormalised", "signed")
    exact = {f"{name}/{kind}": value for name, value in values.items() for kind in kinds}
    results = {
        variant: {0: Result(scalars=exact | wrong)}
        for variant, wrong in (("right", {}), ("wrong", {"gradient/general/signed": 1.0}))
    }
    settings = config(names=["gradient"])
    found = Findings(configs=dict.fromkeys(results, settings), baseline=None, results=results)
    concluded = conclude(SCENARIO, found)
    assert concluded is not None
    assert [words[:24] for words in concluded.words] == [
        "right: Of 2 statements: ",
        "right: TRUE: The gradien",
        "right: TRUE: It is (sum ",
        "wrong: Of 2 statements: ",
        "wrong: TRUE for smoothed",
    ]


def test_a_study_without_a_result_has_no_page(tmp_path):
    folder = two_variants(tmp_path / "study")
    for result in folder.glob("*/*/result.json"):
        result.unlink()
    with pytest.raises(OutputError, match="no run has a result"):
        principles_page(folder)
