"""A study: its folder, its summary, and its runs side by side."""

import errno
import json
import os

import pytest

from smoothkit import files
from smoothkit.report.folder import read_study

SMALL = ("--jobs", "1", "--quiet")
QUADRATIC = "scenario = 'quadratic'\nrun.threads = 1\nrun.device = 'cpu'\n"


def summary(tmp_path, folder="out"):
    return json.loads((tmp_path / folder / "summary.json").read_text())


def contents(folder, *names):
    """What the runs of a study left, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name in (names or ("result.json", "metrics.jsonl", "config.toml"))
    }


# --- the folder ------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_empty_is_refused(smoothkit, quadratic, write, tmp_path):
    write("precious", "out/thesis.tex")
    result = smoothkit("run", quadratic, "--output", "out", *SMALL)
    assert result.exit_code == 2
    assert result.stderr == "smoothkit: out: is not empty; choose another --output\n"
    assert (tmp_path / "out" / "thesis.tex").read_text() == "precious"


def test_a_study_that_exists_is_refused_with_the_way_on(smoothkit, quadratic, tmp_path):
    assert smoothkit("run", quadratic, "--output", "out", *SMALL).exit_code == 0
    before = contents(tmp_path / "out")
    result = smoothkit("run", quadratic, "steps=7", "--output", "out", *SMALL)
    assert result.exit_code == 2
    assert "holds a study already; `smoothkit resume out` goes on with it, or choose another --output" in result.stderr
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("command", ["resume", "report"])
def test_what_is_no_study_is_refused(command, smoothkit):
    result = smoothkit(command, ".")
    assert result.exit_code == 2
    assert result.stderr == "smoothkit: .: is not the folder of a study (it has no study.toml)\n"


def test_a_file_in_the_way_is_named(smoothkit, quadratic, write):
    write("", "out")
    result = smoothkit("run", quadratic, "--output", "out", *SMALL)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("smoothkit: out: cannot be written")


# --- seeds, threads, summary -----------------------------------------------------------------------------------------


def test_every_variant_runs_with_every_seed_of_its_own(smoothkit, write, tmp_path):
    text = QUADRATIC + "run.seeds = 2\n[variants.a]\n[variants.b]\nrun.seeds = [5, 1]\n"
    assert smoothkit("run", write(text), "--output", "out", *SMALL).exit_code == 0
    runs = {(run.variant, run.seed) for run in read_study(tmp_path / "out").runs}
    assert runs == {("a", 0), ("a", 1), ("b", 5), ("b", 1)}
    # Only the seed that both have is compared.
    assert summary(tmp_path)["comparisons"]["b"]["norm"]["seeds"] == [1]


def test_the_summary_says_what_was_found_and_where(smoothkit, quadratic, tmp_path):
    assert smoothkit("run", quadratic, "--output", "out", "--seeds", "2", *SMALL).exit_code == 0
    found = summary(tmp_path)
    assert (found["schema"], found["scenario"], found["title"], found["baseline"]) == (
        1,
        "quadratic",
        "quadratic",
        "hard",
    )
    assert found["failures"] == []
    assert found["better"] == {"norm": "lower"}
    assert {"smoothkit", "commit", "python", "torch", "torchvision", "platform", "device", "cores"} == set(
        found["environment"]
    )
    values = {}
    for variant, slug in (("hard", "hard"), ("LS", "ls")):
        results = [
            json.loads((tmp_path / "out" / slug / f"seed-{seed}" / "result.json").read_text()) for seed in (0, 1)
        ]
        values[variant] = [result["scalars"]["norm"] for result in results]
        assert found["variants"][variant]["norm"]["values"] == values[variant]
        assert found["variants"][variant]["norm"]["seeds"] == [0, 1]
    difference = sum(values["LS"]) / 2 - sum(values["hard"]) / 2
    assert found["comparisons"]["LS"]["norm"]["difference"] == pytest.approx(difference, rel=1e-12)
    assert "hard" not in found["comparisons"]


def test_the_threads_that_a_study_began_with_are_kept(smoothkit, write, tmp_path):
    text = write("scenario = 'quadratic'\nrun.device = 'cpu'\n")
    smoothkit("run", text, "--output", "one", *SMALL)
    smoothkit("run", text, "run.threads=2", "--output", "two", *SMALL)
    import torch

    threads = {name: read_study(tmp_path / name).runs[0].config for name in ("one", "two")}
    assert f"threads = {torch.get_num_threads()}\n" in threads["one"] or "threads = 1\n" in threads["one"]
    assert "threads = 2\n" in threads["two"]


# --- failures and resuming -------------------------------------------------------------------------------------------


def test_a_failed_run_does_not_stop_the_others(smoothkit, write, tmp_path):
    text = QUADRATIC + "[variants.a]\nfail_at = 7\n[variants.b]\n"
    result = smoothkit("run", write(text), "--output", "out", "--jobs", "1", report=True)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "[1/2] a · seed 0: failed: RuntimeError: as told",
        "[2/2] b · seed 0: finished",
    ]
    assert summary(tmp_path)["failures"] == [{"variant": "a", "seed": 0, "error": "RuntimeError: as told"}]
    assert list(summary(tmp_path)["variants"]["b"]) == ["norm", "undefined"]
    assert "as told" in (tmp_path / "out" / "report.md").read_text()


def test_resuming_a_study_that_is_done_changes_nothing(smoothkit, quadratic, tmp_path):
    assert smoothkit("run", quadratic, "--output", "out", *SMALL).exit_code == 0
    before = contents(
        tmp_path / "out", "result.json", "metrics.jsonl", "config.toml", "state.pt", "summary.json", "study.toml"
    )
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("seed-*/*")}
    result = smoothkit("resume", "out", "--jobs", "1")
    assert result.exit_code == 0
    assert (
        contents(
            tmp_path / "out", "result.json", "metrics.jsonl", "config.toml", "state.pt", "summary.json", "study.toml"
        )
        == before
    )
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("seed-*/*")} == stamps


def test_a_study_resumes_wherever_the_file_went(smoothkit, quadratic, tmp_path):
    one = (*SMALL, "--variants", "LS")
    smoothkit("run", quadratic, "--output", "reference", *one)
    assert smoothkit("run", quadratic, "signal_at=13", "signal=SIGINT", "--output", "out", *one).exit_code == 130
    quadratic.unlink()
    (tmp_path / "out").rename(tmp_path / "moved")
    assert smoothkit("resume", "moved", *SMALL).exit_code == 0
    assert contents(tmp_path / "moved", "metrics.jsonl") == contents(tmp_path / "reference", "metrics.jsonl")


ANOTHER = {"schema": 1, "variant": "hard", "seed": 0, "scalars": {}, "better": {}, "figures": {}, "headline": []}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name"),
        ("null", "it holds NoneType, not a table"),
        ('{"schema": 2}', "its schema is 2; this version of smoothkit reads 1"),
        (json.dumps(ANOTHER), "it is of hard, seed 0"),
        (json.dumps({**ANOTHER, "variant": "LS", "scalars": {"norm": "3"}}), "scalars.norm: Input should be a valid"),
    ],
)
def test_a_damaged_result_is_named_as_in_the_report(smoothkit, quadratic, tmp_path, content, reason):
    smoothkit("run", quadratic, "--output", "out", *SMALL)
    (tmp_path / "out" / "ls" / "seed-0" / "result.json").write_text(content)
    (gap,) = read_study(tmp_path / "out").missing()
    assert gap.startswith(f"LS, seed 0: result.json cannot be read: {reason}")
    result = smoothkit("resume", "out", *SMALL)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"smoothkit: out/ls/seed-0/result.json: cannot be read: {reason}")
    assert line.endswith("; delete out/ls/seed-0/result.json, and `smoothkit resume` makes it anew")
    (tmp_path / "out" / "ls" / "seed-0" / "result.json").unlink()
    assert smoothkit("resume", "out", *SMALL).exit_code == 0


def test_damaged_rows_are_named_with_the_mend(smoothkit, quadratic, tmp_path):
    smoothkit("run", quadratic, "--output", "out", *SMALL)
    folder = tmp_path / "out" / "ls" / "seed-0"
    (folder / "rows.npz").write_bytes(b"PK")
    os.utime(folder / "result.json")  # results are read once, until they change
    result = smoothkit("resume", "out", *SMALL)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("smoothkit: out/ls/seed-0/rows.npz: cannot be read: ")
    assert line.endswith("; delete out/ls/seed-0/result.json, and `smoothkit resume` makes it anew")


@pytest.mark.parametrize("content", [b"", b"half a character: \xce"])
def test_an_error_of_any_kind_goes_into_the_summary(smoothkit, write, tmp_path, content):
    text = QUADRATIC + "[variants.a]\nfail_at = 7\n[variants.b]\n"
    smoothkit("run", write(text), "--output", "out", *SMALL)
    folder = tmp_path / "out" / "b" / "seed-0"
    folder.joinpath("result.json").unlink()
    folder.joinpath("error.txt").write_bytes(content)
    # After the run of `a`, which fails again, the summary tells of `b`, which is still to come.
    smoothkit("resume", "out", *SMALL)
    assert folder.joinpath("result.json").exists()


def test_a_full_disk_is_one_line_for_each_run_and_nothing_is_lost(smoothkit, quadratic, tmp_path, monkeypatch):
    real, full = os.fsync, []

    def fsync(descriptor):
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        full.append(real(descriptor))

    monkeypatch.setattr(os, "fsync", fsync)
    result = smoothkit("run", quadratic, "--output", "out", "--variants", "LS", *SMALL)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "out/ls/seed-0/checkpoint/state.pt: the checkpoint cannot be written: the disk is full" in line
    assert smoothkit("resume", "out", *SMALL).exit_code == 0
    smoothkit("run", quadratic, "--output", "reference", "--variants", "LS", *SMALL)
    assert contents(tmp_path / "out") == contents(tmp_path / "reference")


def test_a_summary_that_cannot_be_written_is_named(smoothkit, quadratic, monkeypatch):
    real = files.os.replace

    def replace(source, goal):
        if str(goal).endswith("summary.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, goal)

    monkeypatch.setattr(files.os, "replace", replace)
    result = smoothkit("run", quadratic, "--output", "out", *SMALL)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("smoothkit: out/summary.json: cannot be written: No space left on device; make room, then")


# --- a plugin in a file ----------------------------------------------------------------------------------------------

PLUGIN = """
import torch
from smoothkit import hookimpl
from smoothkit.targets import ClassMatrix

class SoftEnds(ClassMatrix):
    \"\"\"Some mass on the neighbour.\"\"\"

    def __init__(self, num_classes: int, mass: float = 0.9):
        matrix = torch.eye(num_classes) * mass
        matrix += torch.eye(num_classes).roll(1, 0) * (1 - mass)
        super().__init__(num_classes, matrix)
        self.mass = mass

@hookimpl
def smoothkit_targets(register):
    register("soft-ends", f"{__name__}:SoftEnds")
"""
HALVED = """
from smoothkit import hookimpl
from smoothkit.targets import LabelSmoothing

@hookimpl
def smoothkit_wrap_target(target, run):
    return LabelSmoothing(target.num_classes, 0.5)
"""


def test_a_target_of_a_one_file_plugin_runs_by_name(smoothkit, quadratic, write, tmp_path):
    write(PLUGIN, "plugins/soft.py")
    text = (
        quadratic.read_text().replace("[run]", "use = ['plugins/soft.py']\n[run]")
        + "[variants.soft]\ntarget = { name = 'soft-ends', mass = 1.0 }\n"
    )
    assert smoothkit("run", write(text), "--output", "out", *SMALL).exit_code == 0
    # All mass on the label is the hard target.
    found = summary(tmp_path)["variants"]
    assert found["soft"]["norm"]["values"] == pytest.approx(found["hard"]["norm"]["values"], rel=1e-5)
    # The study's own file knows where the plugin lies.
    (tmp_path / "out" / "soft" / "seed-0" / "result.json").unlink()
    assert smoothkit("resume", "out", *SMALL).exit_code == 0


def test_a_study_knows_the_plugins_of_the_command_line_that_began_it(smoothkit, quadratic, write, tmp_path):
    write(PLUGIN, "soft.py")
    text = quadratic.read_text() + "[variants.soft]\ntarget = { name = 'soft-ends', mass = 1.0 }\n"
    assert smoothkit("--plugin", "soft.py", "run", write(text), "--output", "out", *SMALL).exit_code == 0
    (tmp_path / "out" / "soft" / "seed-0" / "result.json").unlink()
    resumed = smoothkit("resume", "out", *SMALL)
    assert resumed.exit_code == 0, resumed.stderr
    assert (tmp_path / "out" / "soft" / "seed-0" / "result.json").exists()


def test_a_wrapper_acts_where_it_is_used_and_nowhere_else(smoothkit, quadratic, write, tmp_path):
    halved = write(HALVED, "halved.py")
    text = (
        quadratic.read_text()
        + "[variants.half]\ntarget = { name = 'ls', alpha = 0.5 }\n[variants.wrapped]\nuse = ['halved.py']\n"
    )
    assert smoothkit("run", write(text), "--output", "out", *SMALL, files=(halved,)).exit_code == 0
    norms = {name: values["norm"]["values"] for name, values in summary(tmp_path)["variants"].items()}
    assert norms["wrapped"] == norms["half"]
    assert len({tuple(value) for value in norms.values()}) == 3
