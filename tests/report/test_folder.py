"""Reading a study: whatever is missing or damaged is named, and changes no other number."""

import json
import shutil

import numpy as np
import pytest

from smoothkit.errors import OutputError
from smoothkit.files import write_arrays
from smoothkit.report.folder import read_study
from smoothkit.report.page import write_report
from smoothkit.report.recording import parse_metrics


def stored(**changes) -> str:
    """A result of LS with seed 0, changed."""
    content = {"schema": 1, "variant": "LS", "seed": 0, "scalars": {}, "better": {}, "figures": {}, "headline": []}
    return json.dumps(content | changes)


def test_a_finished_study_has_everything_and_misses_nothing(make_study):
    study = read_study(make_study())
    assert study.title == "Digits"
    assert [(run.variant, run.seed) for run in study.runs] == [("hard", 0), ("hard", 1), ("LS", 0), ("LS", 1)]
    assert study.missing() == []
    assert study.summary["variants"]["hard"]["accuracy"]["values"] == pytest.approx([0.9, 0.92])
    assert study.summary["comparisons"]["LS"]["accuracy"]["difference"] == pytest.approx(0.01)
    assert study.summary["environment"] == {"torch": "2.15", "commit": None}
    assert study.runs[1].curves["train/loss"].values.tolist() == [2.0, 1.5, 1 / 3 + 1]


def test_failed_and_unfinished_runs_are_told_apart(make_study):
    study = read_study(make_study(unfinished=True))
    assert study.missing() == ["LS, seed 1: failed: ValueError: broke", "LS, seed 0: not finished"]
    assert study.summary["failures"] == [{"variant": "LS", "seed": 1, "error": "ValueError: broke"}]
    assert study.summary["variants"]["LS"] == {}


def test_runs_that_have_not_begun_are_pending(make_study):
    directory = make_study()
    shutil.rmtree(directory / "ls")
    assert read_study(directory).missing() == ["LS, seed 0: not finished", "LS, seed 1: not finished"]


def test_the_numbers_are_those_of_the_results_whatever_the_summary_says(make_study):
    directory = make_study()
    expected = read_study(directory).summary
    (directory / "summary.json").write_text(
        json.dumps({"schema": 1, "environment": expected["environment"], "variants": {"hard": {"accuracy": "no"}}})
    )
    assert read_study(directory).summary == expected
    (directory / "summary.json").unlink()
    assert read_study(directory).summary == {**expected, "environment": {}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"schema": 1, "vari', "Unterminated string"),
        ("", "Expecting value"),
        ("[]", "it holds list, not a table"),
        ('{"schema": 2}', "its schema is 2; this version of smoothkit reads 1"),
        ('{"schema": 1}', "variant: Field required; seed: Field required; scalars: Field required"),
        (stored(variant="hard", seed=1), "it is of hard, seed 1"),
        (stored(scalars={"accuracy": "0.9"}), "scalars.accuracy: Input should be a valid number"),
        (stored(scalars={"accuracy": True}), "scalars.accuracy: Input should be a valid number"),
        (stored(scalars=[1]), "scalars: Input should be an object"),
        (stored(better={"accuracy": "up"}), "better.accuracy: Input should be 'higher' or 'lower'"),
        (stored(headline=[None]), "headline.0: Input should be a valid string"),
        ("\ud800".encode("utf-8", "surrogatepass"), "can't decode"),
    ],
)
def test_a_damaged_result_is_a_gap_and_no_number(make_study, content, reason):
    directory = make_study()
    content = content if isinstance(content, bytes) else content.encode()
    (directory / "ls" / "seed-0" / "result.json").write_bytes(content)
    study = read_study(directory)
    (line,) = study.missing()
    assert line.startswith("LS, seed 0: result.json cannot be read: ")
    assert reason in line
    assert study.summary["variants"]["LS"]["accuracy"]["seeds"] == [1]
    assert study.summary["comparisons"]["LS"]["accuracy"]["seeds"] == [1]
    assert study.pending == ()


def test_a_copied_folder_is_no_second_run(make_study):
    directory = make_study()
    shutil.copytree(directory / "ls" / "seed-1", directory / "ls" / "seed-2")
    shutil.copytree(directory / "ls", directory / "ls-backup")
    (directory / "ls" / "seed-old").mkdir()
    (directory / "ls" / "seed-old" / "config.toml").write_text("")
    study = read_study(directory)
    assert study.missing() == [
        f"{folder}: belongs to no run of this study, left out"
        for folder in ("ls/seed-2", "ls/seed-old", *(f"ls-backup/seed-{seed}" for seed in (0, 1, 2)))
    ]
    assert study.summary["variants"]["LS"]["accuracy"]["seeds"] == [0, 1]


def test_a_result_of_another_run_is_no_result_of_this_one(make_study):
    directory = make_study()
    shutil.rmtree(directory / "ls" / "seed-0")
    shutil.copytree(directory / "ls" / "seed-1", directory / "ls" / "seed-0")
    assert read_study(directory).missing() == ["LS, seed 0: result.json cannot be read: it is of LS, seed 1"]


@pytest.mark.parametrize("name", ["seed-01", "seed-7", "seed-1_0", "seed-\u0661"])
def test_only_the_seeds_that_were_asked_for_count(make_study, name):
    directory = make_study()
    content = json.loads((directory / "ls" / "seed-1" / "result.json").read_text())
    shutil.copytree(directory / "ls" / "seed-1", directory / "ls" / name)
    (directory / "ls" / name / "result.json").write_text(json.dumps({**content, "seed": 7}))
    study = read_study(directory)
    assert study.summary["variants"]["LS"]["accuracy"]["seeds"] == [0, 1]
    assert study.missing() == [f"ls/{name}: belongs to no run of this study, left out"]


def test_damaged_lines_of_a_log_are_left_out_and_counted(make_study):
    directory = make_study()
    log = directory / "hard" / "seed-0" / "metrics.jsonl"
    log.write_text('{"step": 1, "a": 1.0}\n{"step": 2, "a"\n{"step": 3, "a": "4"}\n{"step": 4, "a": 2.0}\n{"step": 5')
    study = read_study(directory)
    assert study.missing() == ["hard, seed 0: metrics.jsonl: 2 damaged lines left out"]
    assert study.runs[0].curves["a"].steps.tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    "line",
    ['{"a": 1}', '{"step": null, "a": 1}', '{"step": "1", "a": 1}', '{"step": 1, "a": true}', "3", "[]", "{", "nul"],
)
def test_a_line_that_is_no_row_is_damaged(line):
    curves, damaged = parse_metrics(f'{{"step": 1, "b": 2.5}}\n{line}\n'.encode())
    assert damaged == 1
    assert curves["b"].values.tolist() == [2.5]


def test_values_that_are_not_finite_leave_a_gap_in_a_curve():
    curves, damaged = parse_metrics(b'{"step": 1, "a": null}\n{"step": 2, "a": NaN}\n{"step": 3, "a": 1}\n')
    assert (curves["a"].steps.tolist(), curves["a"].values.tolist(), damaged) == ([3.0], [1.0], 0)


@pytest.mark.parametrize("content", [b"", b"\n", b'{"step": 1, "a"'])
def test_a_log_without_a_whole_line_is_empty(content):
    assert parse_metrics(content) == ({}, 0)


def test_blank_lines_are_no_damage():
    curves, damaged = parse_metrics(b'{"step": 1, "a": 1}\n\n  \n{"step": 2, "a": 3}\n')
    assert (curves["a"].values.tolist(), damaged) == ([1.0, 3.0], 0)


def test_half_a_character_costs_its_line_alone(make_study):
    directory = make_study()
    log = directory / "hard" / "seed-0" / "metrics.jsonl"
    log.write_bytes('{"step": 1, "é": 1.0}\n{"step": 2, "é'.encode()[:-1])
    study = read_study(directory)
    assert study.missing() == []
    assert study.runs[0].curves["é"].values.tolist() == [1.0]
    log.write_bytes(b'{"step": 1, "a": 1.0}\n{"step": 2, "a\xce": 1}\n{"step": 3, "a": 2.0}\n')
    study = read_study(directory)
    assert study.missing() == ["hard, seed 0: metrics.jsonl: 1 damaged line left out"]
    assert study.runs[0].curves["a"].values.tolist() == [1.0, 2.0]


def test_one_reason_of_many_runs_is_one_line(make_study):
    directory = make_study()
    for file in directory.glob("*/seed-*/result.json"):
        content = json.loads(file.read_text())
        content["figures"]["radar"] = {"kind": "gone:Radar", "title": "Radar"}
        file.write_text(json.dumps(content))
    study = read_study(directory)
    (line,) = study.missing()
    assert line.startswith("hard, seed 0 and 3 more runs: figure “radar”: no plugin here provides")
    assert all(run.result for run in study.runs)


def test_rows_of_a_test_part_are_compared_and_damaged_ones_named(make_study):
    directory = make_study()
    for slug, shift in (("hard", 0.0), ("ls", 0.5)):
        for seed in range(2):
            rows = np.arange(10.0) + shift * (1 + np.arange(10.0) % 2)
            write_arrays(directory / slug / f"seed-{seed}" / "rows.npz", {"nll": rows})
    found = read_study(directory).summary["comparisons"]["LS"]["nll"]["ci95_rows"]
    assert found[0] < 0.75 < found[1]
    (directory / "ls" / "seed-1" / "rows.npz").write_bytes(b"PK")
    study = read_study(directory)
    (line,) = study.missing()
    assert line.startswith("LS, seed 1: rows.npz cannot be read: ")
    assert study.summary["comparisons"]["LS"]["nll"]["ci95_rows"] is None
    assert study.summary["comparisons"]["LS"]["nll"]["seeds"] == [0, 1]


def test_a_damaged_summary_or_configuration_is_named(make_study):
    directory = make_study()
    (directory / "summary.json").write_text('{"schema": 2}')
    (directory / "ls" / "seed-1" / "config.toml").write_text("scenario = ")
    first, second = read_study(directory).missing()
    assert first.startswith("summary.json cannot be read: its schema is 2")
    assert second.startswith("LS, seed 1: config.toml cannot be read: ")


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"is not the folder of a study \(it has no study\.toml\)"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("scenario = ", "Invalid value"),
        ("scenario = 's'\n", "it has no 'variants'"),
        ("scenario = 's'\nvariants = 3\n", "no attribute"),
        ("[variants.a]\n", "scenario: Field required"),
        ("scenario = 's'\n[variants]\n", "it asks for no run"),
        ("scenario = 's'\ntitle = 3\n[variants.a]\n", "title: Input should be a valid string"),
        ("scenario = 's'\nbaseline = ['a']\n[variants.a]\n", "baseline: Input should be a valid string"),
        ("scenario = 's'\nrun.seeds = '12'\n[variants.a]\n", "seeds.a"),
    ],
)
def test_a_damaged_plan_is_refused(tmp_path, plan, reason):
    (tmp_path / "study.toml").write_text(plan)
    with pytest.raises(OutputError, match=r"study\.toml: cannot be read: ") as caught:
        read_study(tmp_path)
    assert reason in str(caught.value)


def test_a_baseline_that_is_no_variant_is_named(make_study):
    directory = make_study()
    plan = directory / "study.toml"
    plan.write_text(plan.read_text().replace('baseline = "hard"', 'baseline = "haard"'))
    study = read_study(directory)
    assert study.missing() == ["study.toml: baseline: no variant is called 'haard'; did you mean 'hard'?"]
    assert study.summary["comparisons"] == {}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("values", [(1e308, 1e308), (1e308, -1e308), (-1e308, 0.5), (5e-324, 0.5), (5e-324, 5e-324)])
def test_numbers_at_the_ends_of_what_there_is_make_a_report(make_study, values, seed):
    directory = make_study()
    for slug, value in zip(("hard", "ls"), values, strict=True):
        path = directory / slug / f"seed-{seed}" / "result.json"
        content = json.loads(path.read_text())
        scalars = {**content["scalars"], "accuracy": value}
        path.write_text(json.dumps(content | {"scalars": scalars, "intervals": {"accuracy": [-1e308, value]}}))
    write_report([directory], formats=("html", "markdown", "latex", "csv"))
    assert str(values[0]) in (directory / "report.csv").read_text()
