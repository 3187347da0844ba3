"""Several runs at a time: the same numbers, and no run lost with another."""

import json
import signal
import time

import pytest

QUIET = ("--quiet",)


def left(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.name in ("result.json", "metrics.jsonl", "config.toml", "summary.json", "study.toml")
    }


def test_two_at_a_time_give_the_bytes_of_one_at_a_time(smoothkit, quadratic, write, tmp_path):
    # A one-file plugin has to reach the workers too.
    write("from smoothkit import hookimpl\n@hookimpl\ndef smoothkit_wrap_target(target): return None\n", "mine.py")
    text = quadratic.read_text().replace("[run]", "use = ['mine.py']\n[run]")
    path = write(text + "[variants.OLS]\ntarget = 'ols'\n[variants.'LS++']\ntarget = 'ls++'\n")
    for jobs in ("1", "2"):
        result = smoothkit("run", path, "--seeds", "2", "--jobs", jobs, "--output", f"jobs-{jobs}")
        assert result.exit_code == 0, result.stderr
        assert sum(line.endswith(": finished") for line in result.stderr.splitlines()) == 8
    assert left(tmp_path / "jobs-1") == left(tmp_path / "jobs-2")
    assert len(left(tmp_path / "jobs-1")) == 2 + 3 * 8


def test_a_worker_that_is_killed_takes_only_the_runs_at_work_with_it(smoothkit, quadratic, write, tmp_path):
    killed = "[variants.killed]\nsignal_at = 13\n"
    path = write(quadratic.read_text().replace("[variants.hard]", killed + "[variants.hard]"))
    result = smoothkit("run", path, "--seeds", "2", "--jobs", "2", "--output", "out", *QUIET)
    assert result.exit_code == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    failures = {(failure["variant"], failure["seed"]) for failure in summary["failures"]}
    assert ("killed", 0) in failures
    assert len(failures) <= 4
    assert all("a worker process was killed" in line for line in result.stderr.splitlines())
    assert len(result.stderr.splitlines()) == len(failures)
    # Whatever was not at work when the worker died was carried out.
    done = {
        (variant, seed)
        for variant, values in summary["variants"].items()
        for seed in values.get("norm", {"seeds": []})["seeds"]
    }
    assert len(done | failures) == 6

    # A run that went down with the pool before it came to its own signal must not send it now, to this very process.
    for seed in (0, 1):
        folder = tmp_path / "out" / "killed" / f"seed-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "signalled").touch()
    assert smoothkit("resume", "out", "--jobs", "1", *QUIET).exit_code == 0
    smoothkit("run", quadratic, "--seeds", "2", "--jobs", "1", "--output", "reference", *QUIET)
    for variant, seed in failures:
        run = f"{variant.lower()}/seed-{seed}/metrics.jsonl"
        # `killed` is `hard` but for the signal.
        reference = tmp_path / "reference" / run.replace("killed", "hard")
        assert (tmp_path / "out" / run).read_bytes() == reference.read_bytes()


@pytest.mark.slow
def test_the_second_ctrl_c_ends_workers_that_are_stuck(smoothkit_process, quadratic, tmp_path):
    started = smoothkit_process("run", quadratic, "stall_at=3", "--jobs", "2", "--output", "out")
    while len(list((tmp_path / "out").glob("*/seed-0/stalled"))) < 2:
        time.sleep(0.2)
        assert started.poll() is None
    started.send_signal(signal.SIGINT)
    time.sleep(1)
    assert started.poll() is None
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=30)
    assert started.returncode == 130
