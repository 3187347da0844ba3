"""One run: what it leaves, whom it tells, and how it fails."""

import json
import subprocess
import sys
import textwrap
import tomllib

import pytest
import torch

from smoothkit.errors import OutputError
from smoothkit.execution import lock, prepare_process

OBSERVER = """
import json
from pathlib import Path
from smoothkit import hookimpl

def tell(run, *what):
    with open(run.directory.parent.parent / "{name}.jsonl", "a") as stream:
        stream.write(json.dumps([run.variant, run.seed, *what]) + "\\n")
    {then}

@hookimpl
def smoothkit_run_started(run):
    tell(run, "started", run.resumed_from, run.config["target"]["name"])

@hookimpl
def smoothkit_logged(run, step, values):
    tell(run, "logged", step, sorted(values), all(type(value) is float for value in values.values()))

@hookimpl
def smoothkit_evaluated(run, result):
    tell(run, "evaluated", sorted(result.scalars))

@hookimpl
def smoothkit_run_finished(run, outcome):
    tell(run, "finished", outcome)
"""


@pytest.fixture
def observer(write, tmp_path):
    """A one-file observer, and what it was told."""

    def make(name, then="pass"):
        path = write(OBSERVER.format(name=name, then=then), f"{name}.py")
        return path, lambda: [
            json.loads(line) for line in (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines()
        ]

    return make


LOGGED = ["train/doubled", "train/loss"]


def test_what_a_run_leaves(smoothkit, quadratic, tmp_path):
    result = smoothkit("run", quadratic, "--output", "out", "--jobs", "1", "--variants", "LS")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "out" / "ls" / "seed-0"
    assert {path.name for path in folder.iterdir()} - {".lock"} == {
        "checkpoint",
        "config.toml",
        "metrics.jsonl",
        "result.json",
    }
    config = tomllib.loads((folder / "config.toml").read_text())
    assert config["target"] == {
        "name": "ls",
        "alpha": 0.1,
        "convention": "all",
        "ignore_index": -100,
        "weight_mode": "sample",
    }
    assert config["steps"] == 30
    stored = json.loads((folder / "result.json").read_text())
    assert stored["schema"] == 1
    assert (stored["variant"], stored["seed"]) == ("LS", 0)
    assert stored["scalars"]["undefined"] is None
    assert stored["better"] == {"norm": "lower"}


def test_observers_are_told_everything_in_order(smoothkit, quadratic, observer):
    path, told = observer("listener")
    assert (
        smoothkit("run", quadratic, "--output", "out", "--jobs", "1", "--variants", "LS", files=(path,)).exit_code == 0
    )
    seen = [what for _, _, *what in told()]
    assert {(variant, seed) for variant, seed, *_ in told()} == {("LS", 0)}
    assert seen[0] == ["started", 0, "ls"]
    assert seen[1:4] == [["logged", 5, LOGGED, True], ["logged", 10, ["test/norm"], True], ["logged", 10, LOGGED, True]]
    assert seen[-2:] == [["evaluated", ["norm", "undefined"]], ["finished", "finished"]]


@pytest.mark.parametrize("then", ["1 / 0", "raise SystemExit(3)"])
def test_an_observer_that_raises_disturbs_neither_the_run_nor_the_others(
    then, smoothkit, quadratic, observer, tmp_path
):
    command = ("run", quadratic, "--jobs", "1", "--variants", "LS", "--output")
    assert smoothkit(*command, "quiet").exit_code == 0
    bad, _ = observer("bad", then)
    first, told_first = observer("a_first")
    last, told_last = observer("z_last")
    result = smoothkit(*command, "out", files=(first, bad, last))
    assert result.exit_code == 0
    assert told_first() == told_last()
    assert len(told_first()) == 12
    run = "ls/seed-0/"
    for name in ("result.json", "metrics.jsonl"):
        assert (tmp_path / "out" / run / name).read_bytes() == (tmp_path / "quiet" / run / name).read_bytes()
    # One line for each of its four hooks, however often they were called.
    assert sum("plugin 'bad' failed in" in line for line in result.stderr.splitlines()) == 4


def test_a_failed_run_is_an_outcome_with_its_traceback(smoothkit, quadratic, observer, tmp_path):
    path, told = observer("listener")
    result = smoothkit(
        "run", quadratic, "fail_at=13", "--output", "out", "--jobs", "1", "--variants", "LS", files=(path,)
    )
    assert result.exit_code == 1
    assert "LS · seed 0: failed: RuntimeError: as told" in result.stderr
    error = (tmp_path / "out" / "ls" / "seed-0" / "error.txt").read_text().splitlines()
    assert error[0].startswith("Traceback")
    assert error[-1] == "RuntimeError: as told"
    assert told()[-1] == ["LS", 0, "finished", "failed"]


def test_a_failed_run_is_tried_again_from_its_checkpoint(smoothkit, quadratic, observer, tmp_path):
    path, told = observer("listener")
    smoothkit("run", quadratic, "fail_at=23", "--output", "out", "--jobs", "1", "--variants", "LS")
    study = tmp_path / "out" / "study.toml"
    study.write_text(study.read_text().replace("fail_at = 23\n", ""))
    assert smoothkit("resume", "out", "--jobs", "1", files=(path,)).exit_code == 0
    assert told()[0][2:] == ["started", 20, "ls"]
    assert not (tmp_path / "out" / "ls" / "seed-0" / "error.txt").exists()
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["failures"] == []


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("nan_at=13", "the loss is not finite at step 13; the last good checkpoint is kept, out/ls/seed-0/checkpoint"),
        ("explode_at=10", "the weights are not finite after step 10; there is no checkpoint yet"),
    ],
)
def test_a_run_that_diverges_says_at_which_step(override, error, smoothkit, quadratic):
    result = smoothkit("run", quadratic, override, "--output", "out", "--jobs", "1", "--variants", "LS", "--quiet")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"LS · seed 0: failed: LS, seed 0: {error}")


@pytest.mark.parametrize(("other", "code"), [("bad_data_at = 4", 2), ("fail_at = 3", 1)])
def test_bad_data_are_the_users_to_mend_unless_more_went_wrong(other, code, smoothkit, write):
    head = "scenario = 'quadratic'\nrun.threads = 1\nrun.device = 'cpu'\n"
    text = f"{head}[variants.a]\nbad_data_at = 3\n[variants.b]\n{other}\n"
    result = smoothkit("run", write(text, "bad.toml"), "--output", "out", "--jobs", "1", "--quiet")
    assert result.exit_code == code
    assert "a · seed 0: failed: mine.npz: train_images: holds NaN" in result.stderr.splitlines()


def test_a_damaged_checkpoint_fails_its_run_and_names_the_mend(smoothkit, quadratic, tmp_path):
    smoothkit("run", quadratic, "fail_at=23", "--output", "out", "--jobs", "1", "--variants", "LS")
    (tmp_path / "out" / "ls" / "seed-0" / "checkpoint" / "state.pt").write_bytes(b"damaged")
    result = smoothkit("resume", "out", "--jobs", "1", "--quiet")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "delete the folder out/ls/seed-0 to start this run anew" in line


# --- a process at a time ---------------------------------------------------------------------------------------------


def test_a_folder_belongs_to_one_at_a_time(tmp_path):
    again = lock(tmp_path)
    with lock(tmp_path), pytest.raises(OutputError, match="another smoothkit process is writing there"):
        again.__enter__()
    with lock(tmp_path):
        pass


HOLDER = """
    import sys, time
    from pathlib import Path
    from filelock import FileLock
    with FileLock(Path(sys.argv[1]) / ".lock"):
        print("held", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """Another process at work in the folder `out`."""
    (tmp_path / "out").mkdir(exist_ok=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), tmp_path / "out"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    yield holder
    holder.kill()
    holder.wait()
    holder.stdout.close()


def test_the_second_process_on_a_folder_is_refused(smoothkit, quadratic, tmp_path, held):
    result = smoothkit("run", quadratic, "--output", "out", "--jobs", "1")
    assert result.exit_code == 2
    assert result.stderr == (
        "smoothkit: out: another smoothkit process is writing there; wait for it, or choose another --output\n"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
    held.kill()
    held.wait()
    # The system lets go of the lock, however the process ended.
    assert smoothkit("run", quadratic, "--output", "out", "--jobs", "1").exit_code == 0


def test_a_study_that_another_process_carries_out_cannot_be_resumed(smoothkit, quadratic, request):
    assert smoothkit("run", quadratic, "--output", "out", "--jobs", "1").exit_code == 0
    request.getfixturevalue("held")
    result = smoothkit("resume", "out", "--jobs", "1")
    assert result.exit_code == 2
    assert "another smoothkit process is writing there" in result.stderr


def test_a_process_has_the_threads_that_were_asked_for():
    before = torch.get_num_threads()
    prepare_process(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)
