"""One adaptive coefficient, the default's, in two environments whose best coefficients are ten times apart."""

import json

import pytest
from click.testing import CliRunner

from smoothkit.cli import main

STUDY = """
scenario = "policy"
against = "exploration"
baseline = "none"
[run]
seeds = 10
[network]
hidden = [32, 32]
[train]
lr = {lr}
total_timesteps = {steps}
[algorithm]
name = "ppo"
num_steps = {length}
norm_adv = {normalised}
[environment]
id = "{id}"
options = {options}
[grid.exploration]
none = {{}}
adaptive = {{ exploration = {{ term = "kl_uniform", coef = 0.1, adaptive = {{}} }} }}
"""
CORRIDOR = {"id": "smoothkit/SwitchingCorridor-v0", "options": "{}", "normalised": "true", "length": 32}
DEEP_SEA = {"id": "smoothkit/DeepSea-v0", "options": "{ size = 10 }", "normalised": "false", "length": 40}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "steps", "lr"), [(CORRIDOR, 20_480, 0.0025), (DEEP_SEA, 30_720, 0.005)], ids=["corridor", "deep sea"]
)
def test_one_default_solves_what_no_regulariser_does_not(settings, steps, lr, tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(STUDY.format(**settings, steps=steps, lr=lr))
    done = CliRunner().invoke(main, ["run", str(file), "--jobs", "1", "--output", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    solved = {
        variant: sum(
            json.loads(result.read_text())["scalars"]["solved"]
            for result in (tmp_path / "out" / variant).glob("seed-*/result.json")
        )
        for variant in ("none", "adaptive")
    }
    assert solved["none"] <= 4
    assert solved["adaptive"] >= 8
