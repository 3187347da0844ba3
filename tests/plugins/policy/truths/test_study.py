"""A study of truths from end to end: results, resumption, the conclusion; and the form of every subject."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from smoothkit.checkpoint import load_checkpoint
from smoothkit.claims.claim import place
from smoothkit.cli import main
from smoothkit.conclusion import Findings, conclude
from smoothkit.stopping import Stopped
from smoothkit_policy.truths import TRUTHS
from smoothkit_policy.truths.catalogue import load_truth
from smoothkit_policy.truths.config import SCENARIO, TruthsConfig
from smoothkit_policy.truths.evaluate import evaluate
from smoothkit_policy.truths.train import train
from tests.claims.studies import After, make_run

ROOT = Path(__file__).parents[4]
NAMES = ["improvement", "escape", "recovery"]
BRIEF = {"agents": 2, "updates": 3}


def config(**tables):
    return TruthsConfig.model_validate(
        {"scenario": "policy-truths", "recovery": BRIEF, "truths": {"names": NAMES}, **tables}
    )


def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path):
    settings = config()
    whole = evaluate(settings, run := make_run(tmp_path / "whole", settings, "truths"), train(settings, run))
    with pytest.raises(Stopped):
        train(settings, make_run(tmp_path / "parts", settings, "truths", stop=After(1)))
    saved = load_checkpoint(tmp_path / "parts")
    assert saved is not None
    assert 0 < saved["step"] < len(NAMES)
    parts = evaluate(
        settings, run := make_run(tmp_path / "parts", settings, "truths", saved=saved), train(settings, run)
    )
    assert parts.to_json() == whole.to_json()


def test_a_conclusion_has_a_line_for_each_statement_and_a_row_for_each_subject(tmp_path):
    settings = config()
    results = {}
    for seed in (0, 1):
        run = make_run(tmp_path / str(seed), settings, "truths", seed)
        results[seed] = evaluate(settings, run, train(settings, run))
    concluded = conclude(SCENARIO, Findings(configs={"truths": settings}, baseline=None, results={"truths": results}))
    assert concluded is not None
    truths = [load_truth(name) for name in NAMES]
    statements = [statement for truth in truths for statement in truth.statements]
    first, *lines = concluded.words
    assert first.startswith(f"Of {len(statements)} statements: ")
    for line, statement in zip(lines, statements, strict=True):
        # Two seeds show nothing of training.
        assert line.startswith("NOT SHOWN: ") or not statement.of_training
        assert statement.text in line
    (table,) = concluded.tables
    assert [row[0].text for row in table.sections[0].rows] == [truth.title for truth in truths]
    assert [each.title for each in concluded.details] == [truth.title for truth in truths]
    assert {name.partition("/")[0] for name in results[0].figures} == {"escape", "recovery"}


def test_a_result_that_contradicts_a_formula_is_loud(tmp_path):
    settings = config(truths={"names": ["improvement"]})
    run = make_run(tmp_path, settings, "truths")
    notebook = train(settings, run)
    notebook.evidence["improvement"].values["gradient/A < 0, coef 1"] = 2.0  # pyright: ignore[reportIndexIssue]
    result = evaluate(settings, run, notebook)
    found = Findings(configs={"truths": settings}, baseline=None, results={"truths": {0: result}})
    concluded = conclude(SCENARIO, found)
    assert concluded is not None
    assert concluded.words[0] == "Of 5 statements: 2 true, 2 true in part, 1 false."
    assert sum(line.startswith("TRUE for ") for line in concluded.words) == 2, "one that is, and this one"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"truths": {"names": ["escapes"]}}, "there is no subject 'escapes'; did you mean 'escape'"),
        ({"truths": {"names": ["naive", "escape", "naive"]}}, "subject 'naive' is named 2 times; name it once"),
        ({"truths": {"names": []}}, "names"),
        ({"target": {"name": "ls"}}, "has no use here, where every truth names its own targets; leave it out"),
        ({"use": ["wrapper"]}, "has no use here, where every truth names its own targets; leave it out"),
        ({"recovery": {"agents": 0}}, "agents"),
        ({"recovery": {"lr": 0.0}}, "lr"),
    ],
)
def test_what_makes_no_sense_is_refused(tables, message):
    with pytest.raises(ValueError, match=message):
        TruthsConfig.model_validate({"scenario": "policy-truths", **tables})


@pytest.mark.parametrize("name", TRUTHS)
def test_a_subject_is_well_formed(name):
    truth = load_truth(name)
    assert truth.name == name
    assert truth.title
    assert truth.source
    places = [place(statement.key, case.key) for statement in truth.statements for case in statement.cases]
    assert len(set(places)) == len(places) > 0
    for statement in truth.statements:
        assert statement.text.endswith(".")
        for case in statement.cases:
            assert (case.relation == "equals") or not case.within


def test_the_command_prints_statement_expected_measured_and_verdict(tmp_path):
    file = str(ROOT / "scenarios" / "smoke" / "policy-truths.toml")
    arguments = [
        "run",
        file,
        'truths.names=["improvement"]',
        "--seeds",
        "1",
        "--jobs",
        "1",
        "--output",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Of 5 statements: 3 true, 1 true in part, 1 false." in said
    assert "FALSE: So is that of the smoothed label of the action taken" in said
    assert "Expected 0, within 1e-12; measured" in said
