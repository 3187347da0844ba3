"""The page of all targets: its study holds every bundled one and runs, its Python runs."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from smoothkit import builtin, plugins
from smoothkit.scenario_file import load_scenario

PAGE = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
(STUDY,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = re.findall(r"^python -c (.*)$", PAGE, flags=re.MULTILINE)
SMALL = """
[run]
device = "cpu"
threads = 1
[model]
name = "mlp"
hidden = [16]
[train]
epochs = 2
batch_size = 64
lr = 0.01
[evaluate]
metrics = ["accuracy", "nll"]
after_temperature = []
"""
ELSEWHERE = {"binary", "matrix"}
"""Targets of other numbers of labels than the study's ten classes."""


@pytest.fixture
def study(write):
    text = STUDY.replace('name = "digits"', 'name = "digits"\ntrain_limit = 320').replace(
        "[variants]", f"{SMALL}\n[variants]"
    )
    return write(text, "study.toml")


def test_the_study_names_every_bundled_target(study):
    variants = load_scenario(study, plugins.host()).variants
    assert {variant.config.target.name for variant in variants} | ELSEWHERE == set(builtin.TARGETS)


def test_every_target_trains_from_the_file(smoothkit, study, tmp_path):
    teacher = ["run", study, "--variants", "hard labels,LS++", "--output", "teacher", "--quiet"]
    assert smoothkit(*teacher).exit_code == 0
    result = smoothkit("run", study, "--output", "all", "--jobs", "1", "--quiet")
    assert result.exit_code == 0, result.output[-2000:]
    for variant in load_scenario(study, plugins.host()).variants:
        assert (tmp_path / "all" / variant.slug / "seed-0" / "result.json").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_run(command, capsys):
    (code,) = shlex.split(command)
    exec(code, {})
    assert "tensor" in capsys.readouterr().out


def test_its_python_runs():
    torch.manual_seed(0)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(code, names)
    assert names["loss"].isfinite()
    assert names["head"].grad.isfinite().all()
    assert names["annealed"].target.alpha == 0.1
    runner = names["Runner"](3, alpha=0.2).distribution(torch.tensor([0]), torch.tensor([[5.0, 1.0, 2.0]]))
    torch.testing.assert_close(runner, torch.tensor([[0.8, 0.0, 0.2]]))
