"""What a scenario concludes: drawn once at the end of a study, kept with what it was drawn from, and read back."""

import json
import shutil

import pytest

from smoothkit.conclusion import Findings, conclude, read_stored, with_runs
from smoothkit.plugins import host
from smoothkit.report.folder import read_study
from smoothkit.report.markdown import markdown_page
from smoothkit.report.page import write_report
from smoothkit.scenario import Scenario, ScenarioConfig

from .conclusions import CONCLUSION, concluded
from .conftest import result
from .test_page import words

# --- drawn at the end of a study --------------------------------------------------------------------------------------

PLUGIN = """
from pathlib import Path

from smoothkit import hookimpl
from smoothkit.conclusion import Conclusion
from smoothkit.report.figures import Figure
from smoothkit.scenario import Scenario
from tests.core.quadratic import QuadraticConfig

SCENARIO = Scenario(
    QuadraticConfig, "tests.core.quadratic:train", "tests.core.quadratic:evaluate", f"{__name__}:conclude"
)

class Own(Figure):
    def to_json(self):
        return {"kind": "own", "title": object()}

@hookimpl
def smoothkit_scenarios(register):
    register("concluding", f"{__name__}:SCENARIO")

def conclude(findings):
    with open("calls", "a") as calls:
        calls.write("called\\n")
    found = {name: sorted(by_seed) for name, by_seed in findings.results.items()}
    BODY
    targets = [config.target.name for config in findings.configs.values()]
    return Conclusion(words=(f"baseline {findings.baseline}, targets {targets}", f"results {found}"))
"""
SMALL = ("--jobs", "1", "--quiet")
STUDY = "scenario = 'concluding'\nrun.device = 'cpu'\nrun.threads = 1\nrun.seeds = 2\nsteps = 6\n"
TWO = "[variants.hard]\n[variants.LS]\ntarget = 'ls'\n"


@pytest.fixture
def study(smoothkit, write, tmp_path):
    """Run, or resume, a study whose scenario concludes; `body` is what its function does first."""

    def run(*arguments, body="pass", text=TWO, observer="", **options):
        plugin = write(PLUGIN.replace("BODY", body), "concluding.py")
        extra = [write(observer, "observer.py")] if observer else []
        if "resume" not in arguments:
            arguments = ("run", write(STUDY + text, "study.toml"), "--output", "out", *arguments)
        return smoothkit(*arguments, *SMALL, files=(plugin, *extra), **options)

    run.directory = tmp_path / "out"
    run.calls = lambda: len((tmp_path / "calls").read_text().splitlines()) if (tmp_path / "calls").exists() else 0
    run.stored = lambda: json.loads((tmp_path / "out" / "summary.json").read_text())["conclusion"]
    return run


def test_a_conclusion_is_drawn_once_from_all_results_and_kept(study):
    done = study()
    assert done.exit_code == 0, done.stderr
    assert study.calls() == 1
    assert study.stored() == {
        "words": ["baseline hard, targets ['onehot', 'ls']", "results {'hard': [0, 1], 'LS': [0, 1]}"],
        "tables": [],
        "details": [],
        "figures": {},
        "runs": {"hard": [0, 1], "LS": [0, 1]},
    }
    record = read_study(study.directory)
    assert record.missing() == []
    assert record.conclusion is not None
    assert list(record.conclusion.words) == study.stored()["words"]


def test_it_stands_last_on_the_terminal_and_as_data_under_json(study):
    lines = [line.rstrip() for line in study().stdout.splitlines() if line.strip()]
    assert lines[-3:] == [
        "Conclusion",
        "• baseline hard, targets ['onehot', 'ls']",
        "• results {'hard': [0, 1], 'LS': [0, 1]}",
    ]
    printed = json.loads(study("resume", "out", "--json").stdout)
    assert printed["conclusion"] == study.stored()


def test_a_study_that_was_interrupted_concludes_from_what_there_is_and_anew_when_resumed(study):
    assert study("signal_at=5", "signal=SIGINT", "run.seeds=1").exit_code == 130
    assert study.calls() == 0  # there is no result yet
    assert study.stored() is None
    assert study("resume", "out").exit_code == 130  # the first run ends, the second is interrupted
    assert study.calls() == 1
    assert study.stored()["runs"] == {"hard": [0]}
    assert study("resume", "out").exit_code == 0
    assert study.calls() == 2
    assert study.stored()["runs"] == {"hard": [0], "LS": [0]}
    assert study("resume", "out").exit_code == 0  # with nothing left to do
    assert study.calls() == 3
    assert study.stored()["runs"] == {"hard": [0], "LS": [0]}


def test_what_is_not_finite_is_null_and_what_is_printed_is_json(study):
    body = """
    from math import nan
    from smoothkit.report.figures import CurvesFigure
    curves = CurvesFigure(title="", x_label="", y_label="", x={"a": (0.0,)}, y={"a": (nan,)})
    return Conclusion(figures={"curves": curves})"""
    printed = json.loads(study("--json", body=body).stdout, parse_constant=pytest.fail)
    assert printed["conclusion"]["figures"]["curves"]["y"] == {"a": [None]}
    assert printed["conclusion"] == study.stored()


def test_while_a_study_runs_there_is_none(study, monkeypatch):
    from smoothkit import study as module

    real, seen = module.write_json, []
    monkeypatch.setattr(
        module, "write_json", lambda path, content: (seen.append(content["conclusion"]), real(path, content))
    )
    study()
    assert [conclusion is None for conclusion in seen] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no group\\nhas rows')", "ValueError: no group has rows"),
        ("raise ValueError('\\x1b[31mred\\ud800')", "ValueError: red"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return 'words'", "AttributeError: 'str' object has no attribute 'to_json'"),
        ("return Conclusion(words=('half a character: \\ud800',))", "ValueError: Invalid JSON: "),
        (
            "return Conclusion(figures={'a': Own(title='')})",
            "TypeError: Object of type object is not JSON",
        ),
        ("import missing_package", "ModuleNotFoundError: No module named 'missing_package'"),
    ],
)
def test_a_conclusion_that_fails_is_a_sentence_and_costs_no_result(study, body, reason):
    done = study(body=body)
    assert done.exit_code == 0, done.stderr
    (sentence,) = study.stored()["words"]
    assert sentence.startswith(f"No conclusion could be drawn: {reason}")
    assert "\n" not in sentence
    assert f"No conclusion could be drawn: {reason.split()[0]}" in done.stdout
    record = read_study(study.directory)
    assert record.missing() == []
    assert record.summary["variants"]["LS"]["norm"]["seeds"] == [0, 1]


def test_a_baseline_without_results_is_told_to_the_scenario(study):
    done = study(text="[variants.hard]\nfail_at = 3\n[variants.LS]\n")
    assert done.exit_code == 1
    assert study.stored()["words"][1] == "results {'hard': [], 'LS': [0, 1]}"
    assert study.stored()["runs"] == {"LS": [0, 1]}
    assert read_study(study.directory).conclusion is not None


def test_the_comparisons_that_are_stored_are_those_that_a_scenario_reads(study):
    body = "import json; Path('read.json').write_text(json.dumps(dict(findings.comparisons)))"
    assert study(body=body).exit_code == 0
    read = json.loads((study.directory.parent / "read.json").read_text())
    assert list(read) == ["LS"]
    assert read == json.loads((study.directory / "summary.json").read_text())["comparisons"]


def test_a_variant_alone_has_no_comparisons_to_read(study):
    assert study(text="", body="assert findings.comparisons == {}").exit_code == 0
    assert study.stored()["words"][0].startswith("baseline")


def test_a_study_without_any_result_concludes_nothing(study):
    assert study("fail_at=3").exit_code == 1
    assert study.calls() == 0
    assert study.stored() is None


def test_a_scenario_that_does_not_conclude_says_nothing():
    scenario = Scenario(ScenarioConfig, "a:b", "a:c")
    assert conclude(scenario, Findings(configs={}, baseline=None, results={"a": {0: result(0.9)}})) is None


OBSERVER = """
from smoothkit import hookimpl

@hookimpl
def smoothkit_concluded(directory, conclusion):
    assert (directory / "summary.json").read_text().count(conclusion.words[0]) == 1
    print("observed", directory, len(conclusion.words))
    raise RuntimeError("as told")
"""


def test_observers_are_told_once_it_is_written_and_their_errors_are_isolated(study):
    done = study(observer=OBSERVER)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("observed out 2") == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("smoothkit: plugin 'observer' failed in smoothkit_concluded and was ignored")


def test_observers_hear_nothing_where_nothing_is_concluded(smoothkit, quadratic, write):
    done = smoothkit("run", quadratic, "--output", "out", *SMALL, files=(write(OBSERVER, "observer.py"),))
    assert "observed" not in done.stdout


# --- read back --------------------------------------------------------------------------------------------------------


def test_reading_gives_what_was_stored(make_study):
    study = read_study(concluded(make_study()))
    assert study.conclusion == CONCLUSION
    assert study.missing() == []


def test_a_summary_of_before_there_were_conclusions_misses_none(make_study):
    study = read_study(make_study())
    assert study.conclusion is None
    assert study.missing() == []


@pytest.mark.parametrize("change", ["fewer", "more", "other"])
def test_a_conclusion_about_other_results_is_left_out_and_named(make_study, change):
    directory = make_study(seeds=3)
    if change != "fewer":
        shutil.move(directory / "ls" / "seed-2", directory / "kept")
    concluded(directory)
    if change != "fewer":
        shutil.move(directory / "kept", directory / "ls" / "seed-2")
    if change != "more":
        shutil.rmtree(directory / "ls" / "seed-1")
    study = read_study(directory)
    assert study.conclusion is None
    counts = {"fewer": "6 then, 5 now", "more": "5 then, 6 now", "other": "5 then, 5 now"}[change]
    assert study.missing()[0] == (
        f"summary.json: the conclusion is left out: it was drawn from other results ({counts}); "
        f"`smoothkit resume {directory}` draws it anew"
    )
    assert "Beyond" not in markdown_page([study])


RAGGED = json.loads(json.dumps(CONCLUSION.to_json()["tables"]))
RAGGED[0]["sections"][0]["rows"][0].pop()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"words": "a sentence"}, "words: Input should be a valid"),
        ({"words": [3]}, "words.0: Input should be a valid string"),
        ({"tables": [{"title": "no columns"}]}, "tables.0.columns: Field required"),
        ({"tables": RAGGED}, "needs 3 entries in `numeric` and every row"),
        ({"figures": [1]}, "figures: Input should be an object"),
        ({"words": ["\ud800"]}, "Invalid JSON: "),
        ({"runs": None}, "it does not say which results it was drawn from"),
    ],
)
def test_a_damaged_conclusion_is_a_gap_and_no_crash(make_study, changes, reason):
    directory = concluded(make_study(), **changes)
    study = read_study(directory)
    (line,) = study.missing()
    assert line.startswith("summary.json: the conclusion is left out: ")
    assert reason in line
    assert line.endswith(f"; `smoothkit resume {directory}` draws it anew")
    assert study.conclusion is None
    assert reason.split("`")[0] in words(write_report([directory]))


@pytest.mark.parametrize("stored", ["words", 3, [], ["words"], True])
def test_something_else_in_its_place_is_a_gap(make_study, stored):
    directory = make_study()
    (directory / "summary.json").write_text(json.dumps({"schema": 1, "environment": {}, "conclusion": stored}))
    (line,) = read_study(directory).missing()
    assert line.startswith("summary.json: the conclusion is left out: ")


def test_a_summary_of_another_version_says_how_to_get_one(make_study):
    directory = concluded(make_study())
    path = directory / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    (line,) = read_study(directory).missing()
    assert line.startswith("summary.json cannot be read: its schema is 2")
    assert line.endswith(f"a conclusion, where the scenario draws one, by `smoothkit resume {directory}`")


def test_the_stored_form_survives_json():
    results = {"a": {3: result(0.9), 1: result(0.8)}, "b": {}}
    stored = json.loads(json.dumps(with_runs(CONCLUSION, results)))
    assert stored["runs"] == {"a": [1, 3]}
    assert read_stored(stored, results) == CONCLUSION
    with pytest.raises(ValueError, match=r"other results \(2 then, 1 now\)"):
        read_stored(stored, {"a": {1: result(0.8)}})


def test_the_report_needs_no_plugin_that_concluded(smoothkit, study):
    study()
    assert "concluding" in host().plugins
    done = smoothkit("report", "out", "--format", "terminal", report=True)
    assert done.exit_code == 0, done.stderr
    assert "concluding" not in host().plugins
    assert "results {'hard': [0, 1], 'LS': [0, 1]}" in done.stdout
