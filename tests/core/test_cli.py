"""The command line: light, quiet where asked, and with the right exit code."""

import json
import re
import subprocess
import sys
import tomllib

import pytest

from smoothkit import __version__

HEAVY = ("torch", "numpy", "sklearn", "matplotlib", "scipy", "torchvision")


# --- light -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list", "targets"],
        ["list"],
        ["plugins"],
        ["plugins", "core", "--json"],
        ["run", "--help"],
    ],
    ids=" ".join,
)
def test_what_only_lists_imports_nothing_heavy(arguments):
    code = (
        "import sys\nfrom smoothkit.cli import main\n"
        f"try:\n    main({arguments!r}, prog_name='smoothkit')\nfinally:\n"
        f"    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stderr == "[]\n"
    assert child.stdout


def test_importing_the_package_or_a_plugin_imports_nothing_heavy():
    own = ("supervised", "fairness", "principles", "gan", "federated", "policy", "selftrain")
    plugins = ", ".join(f"smoothkit_{name}" for name in own)
    modules = f"smoothkit, {plugins}, smoothkit.builtin, smoothkit.tracking.tensorboard, smoothkit.cli"
    code = f"import sys, {modules}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "[]\n"


def test_the_version_is_that_of_the_package(smoothkit):
    from importlib.metadata import version

    assert smoothkit("--version").stdout == f"smoothkit, version {__version__}\n"
    assert version("smoothkit") == __version__


@pytest.mark.parametrize("command", ["run", "resume", "check", "schema", "list", "show", "plugins", "report"])
def test_every_command_explains_itself(command, smoothkit):
    assert f"  {command} " in smoothkit("--help").stdout
    assert smoothkit(command, "-h").exit_code == 0


# --- run -------------------------------------------------------------------------------------------------------------


def test_a_run_ends_with_the_comparison_and_where_things_lie(smoothkit, quadratic, tmp_path):
    result = smoothkit("run", quadratic, "--output", "out", "--jobs", "1", "--seeds", "2", report=True)
    assert result.exit_code == 0
    printed = " ".join(result.stdout.split())
    assert "Results: mean ± standard deviation over 2 seeds" in printed
    assert "Difference from “hard”, paired by seed" in printed
    places = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[-3:])
    assert places == {
        "results": "out",
        "report": "out/report.html",
        "TensorBoard": places["TensorBoard"],
    }
    assert (tmp_path / places["report"]).is_file()
    assert [line.partition(": ")[2] for line in result.stderr.splitlines()] == ["finished"] * 4


def test_quiet_says_the_comparison_alone(smoothkit, quadratic):
    result = smoothkit("run", quadratic, "--output", "out", "--jobs", "1", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "Results" in result.stdout
    assert "report.html" not in result.stdout


@pytest.mark.parametrize("command", ["run", "resume"])
def test_json_prints_json_and_nothing_else(command, smoothkit, quadratic, tmp_path):
    result = smoothkit("run", quadratic, "--output", "out", "--jobs", "1", "--json")
    if command == "resume":
        result = smoothkit("resume", "out", "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_json_stays_json_when_a_run_fails(smoothkit, quadratic):
    result = smoothkit("run", quadratic, "fail_at=3", "--output", "out", "--jobs", "1", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["failures"]) == 2
    assert result.stderr.splitlines() == [
        f"{variant} · seed 0: failed: RuntimeError: as told" for variant in ("hard", "LS")
    ]


def test_without_an_output_folder_each_study_gets_one_of_its_own(smoothkit, quadratic, tmp_path):
    result = smoothkit("run", quadratic, "--jobs", "1")
    assert result.exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"quadratic-\d{8}-\d{6}", folder.name)
    assert f"results      runs/{folder.name}" in result.stdout


def test_a_bundled_scenario_runs_by_name_from_anywhere(smoothkit, tmp_path):
    result = smoothkit(
        "run",
        "supervised",
        "train.epochs=1",
        "data.train_limit=64",
        "run.threads=1",
        *("--seeds", "1", "--variants", "LS", "--device", "cpu", "--output", "out", "--jobs", "1"),
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["baseline"] == "LS"


def test_options_override_the_file(smoothkit, quadratic, tmp_path):
    smoothkit(
        "run",
        quadratic,
        "steps=5",
        "run.log_every=",
        "--seeds",
        "2",
        "--device",
        "cpu",
        "--output",
        "out",
        "--jobs",
        "1",
    )
    study = tomllib.loads((tmp_path / "out" / "study.toml").read_text())
    assert (study["steps"], study["run"]["seeds"], study["run"]["log_every"]) == (5, 2, 20)


# --- exit codes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "supervisde"], "no scenario file ships under the name 'supervisde'"),
        (["run", "nothing.toml"], "nothing.toml: there is no such file"),
        (["run", "quadratic.toml", "steps"], "command line: 'steps' is not of the form key.path=value"),
        (["run", "quadratic.toml", "stepz=3"], "command line: stepz: unknown key; did you mean 'steps'?"),
        (
            ["run", "quadratic.toml", "--variants", "har"],
            "--variants: no variant is called 'har'; did you mean 'hard'?",
        ),
        (["run", "quadratic.toml", "--profile", "full"], "--profile: quadratic.toml has no profile 'full'"),
        (
            ["run", "quadratic.toml", "--device", "gpu"],
            "command line: run.device: is no device: write auto, cpu, mps, cuda or cuda:0",
        ),
        (
            ["run", "quadratic.toml", "--device", "cuda:99"],
            "run.device: 'cuda:99' asks for GPU 99, but this machine shows",
        ),
        (
            ["check", "quadratic.toml", "run.seeds=0"],
            "command line: run.seeds: input should be greater than or equal to 1",
        ),
        (["list", "tragets"], "list: there is no kind 'tragets'; did you mean 'targets'?"),
        (["show", "target", "ls+"], "no target is called 'ls+'; did you mean 'ls"),
        (["plugins", "croe"], "no plugin is called 'croe'; did you mean 'core'?"),
        (["schema", "gna"], "no scenario is called 'gna'"),
        (["resume", "nowhere"], "nowhere: is not the folder of a study (it has no study.toml)"),
        (["report", "nowhere"], "nowhere: is not the folder of a study"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message, smoothkit, quadratic):
    result = smoothkit(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"smoothkit: {message}")


@pytest.mark.parametrize(
    "arguments", [["rnu"], ["run"], ["run", "x.toml", "--seeds", "0"], ["run", "x.toml", "--jbos", "2"]], ids=" ".join
)
def test_a_wrong_option_exits_with_2_too(arguments, smoothkit):
    assert smoothkit(*arguments).exit_code == 2


def test_a_file_on_the_command_line_that_is_not_there_is_an_error(smoothkit):
    result = smoothkit("list", files=("missing.py",))
    assert result.exit_code == 2
    assert "plugin 'missing.py': there is no such file" in result.stderr


def test_a_blocked_plugin_is_named_where_it_is_missed(smoothkit, tiny, monkeypatch):
    result = smoothkit("--no-plugin", "supervised", "check", tiny)
    assert result.exit_code == 2
    assert "not loaded: plugin 'supervised' (blocked: --no-plugin)" in result.stderr
    monkeypatch.setenv("SMOOTHKIT_PLUGINS", "quadratic")
    assert "plugin 'supervised' (blocked: not in SMOOTHKIT_PLUGINS)" in smoothkit("check", tiny).stderr


def test_a_broken_plugin_is_a_line_and_strictly_an_error(smoothkit, quadratic, write):
    broken = write("import no_such_module", "broken.py")
    result = smoothkit("check", quadratic, files=(broken,))
    assert result.exit_code == 0
    assert len(result.stderr.splitlines()) == 1
    result = smoothkit("--strict-plugins", "check", quadratic, files=(broken,))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "is broken: ModuleNotFoundError: No module named 'no_such_module'" in result.stderr


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_ctrl_c_writes_a_checkpoint_and_exits_with_130(signal, smoothkit, quadratic, tmp_path):
    out = ("--output", "out", "--jobs", "1", "--variants", "LS")
    result = smoothkit("run", quadratic, "signal_at=13", f"signal={signal}", *out)
    assert result.exit_code == 130
    assert "stopping after a checkpoint; again to stop at once" in result.stderr
    assert "LS · seed 0: interrupted" in result.stderr
    assert result.stderr.splitlines()[-1] == "smoothkit: stopped; `smoothkit resume out` goes on from the checkpoints"
    assert smoothkit("resume", "out", "--jobs", "1").exit_code == 0
    smoothkit("run", quadratic, "--output", "reference", "--jobs", "1", "--variants", "LS")
    metrics = "ls/seed-0/metrics.jsonl"
    assert (tmp_path / "out" / metrics).read_bytes() == (tmp_path / "reference" / metrics).read_bytes()


def test_a_run_that_is_out_of_time_exits_with_1_and_says_how_to_go_on(smoothkit, quadratic):
    result = smoothkit("run", quadratic, "run.max_minutes=1e-9", "--output", "out", "--jobs", "1", "--variants", "LS")
    assert result.exit_code == 1
    assert "LS · seed 0: out of time" in result.stderr
    assert "`smoothkit resume out` goes on" in result.stderr


# --- the other commands ----------------------------------------------------------------------------------------------


def test_check_prints_every_variant_as_toml(smoothkit, quadratic):
    result = smoothkit("check", quadratic, "steps=7")
    assert result.exit_code == 0
    hard, ls = result.stdout.split("# variant: ")[1:]
    assert tomllib.loads("# " + hard)["target"]["name"] == "onehot"
    assert tomllib.loads("# " + ls)["steps"] == 7
    assert "steps = 7 # command line" in ls


def test_report_reads_finished_and_unfinished_studies(smoothkit, quadratic, tmp_path):
    smoothkit("run", quadratic, "--output", "done", "--jobs", "1")
    smoothkit("run", quadratic, "signal_at=13", "signal=SIGINT", "--output", "stopped", "--jobs", "1")
    (tmp_path / "stopped" / "summary.json").unlink()
    result = smoothkit("report", "done", "stopped", "--output", "both", report=True)
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"report.html", "report.md"}
    assert "not finished" in (tmp_path / "both" / "report.md").read_text()
    printed = " ".join(result.stdout.split())
    assert "Results of one seed" in printed
    assert "not finished" in printed
    assert result.stdout.splitlines()[-2:] == ["report       both/report.html", "report       both/report.md"]


def test_report_writes_the_formats_that_are_asked_for_and_prints_no_others(smoothkit, quadratic, tmp_path):
    smoothkit("run", quadratic, "--output", "done", "--jobs", "1")
    result = smoothkit("report", "done", "--output", "out", "--format", "csv", "--format", "latex", report=True)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == ["report       out/report.csv", "report       out/report.tex"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.csv", "report.tex"}
    result = smoothkit("report", "done", "--output", "none", "--format", "terminal")
    assert "Results of one seed" in result.stdout
    assert "report" not in result.stdout.splitlines()[-1]
    assert not (tmp_path / "none").exists()


def test_report_names_what_is_damaged_and_goes_on(smoothkit, quadratic, tmp_path):
    smoothkit("run", quadratic, "--output", "out", "--jobs", "1", "--seeds", "2")
    (tmp_path / "out" / "ls" / "seed-1" / "result.json").write_text('{"schema": 1, "varia')
    result = smoothkit("report", "out", "--format", "terminal")
    assert result.exit_code == 0
    assert "LS, seed 1: result.json cannot be read: Unterminated string" in " ".join(result.stdout.split())


def test_schema_prints_json_or_what_there_is(smoothkit):
    assert json.loads(smoothkit("schema", "supervised").stdout)["title"] == "smoothkit scenario: supervised"
    scenarios = ["fairness", "fairness-null", "federated", "federated-truths", "gan", "gan-truths", "policy"]
    others = ["policy-truths", "principles", "quadratic", "selftrain", "supervised"]
    assert smoothkit("schema").stdout.splitlines() == [*scenarios, *others]
