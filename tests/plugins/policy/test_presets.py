"""Scenario files for well-known environments: what they ask for, and, slowly, what they reach."""

import json
from pathlib import Path
from statistics import fmean
from typing import cast

import pytest
from click.testing import CliRunner

from smoothkit import plugins
from smoothkit.cli import main
from smoothkit.scenario_file import load_scenario
from smoothkit_policy.config import PolicyConfig, PPOConfig

SCENARIOS = Path(__file__).parents[3] / "scenarios"

BUDGETS = {
    "policy-cartpole": {"CleanRL's, 500,000 steps": 500_000, "tuned, 100,000 steps": 100_000},
    "policy-cartpole-fast": {"critic clipped": 150_000, "critic free": 150_000},
    "policy-acrobot": {"none": 500_000, "entropy 0.01": 500_000, "kl_uniform 0.01": 500_000},
    "policy-mountain-car": {"as they come": 1_000_000, "normalised": 1_000_000},
    "policy-doorkey": {"none": 100_000, "entropy 0.01": 100_000, "kl_uniform 0.01": 100_000},
}

GOALS = {
    ("policy-cartpole", "tuned, 100,000 steps"): 500.0,
    ("policy-cartpole-fast", "critic free"): 500.0,
    ("policy-acrobot", "entropy 0.01"): -80.0,
    ("policy-mountain-car", "normalised"): -115.0,
    ("policy-doorkey", "none"): 0.96,
}


def variants(name: str) -> dict[str, PolicyConfig]:
    file = load_scenario(SCENARIOS / f"{name}.toml", plugins.host())
    return {each.name: cast(PolicyConfig, each.config) for each in file.variants}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_preset_trains_for_the_steps_that_it_is_compared_at(name):
    configs = variants(name)
    assert {variant: config.train.total_timesteps for variant, config in configs.items()} == BUDGETS[name]
    assert {config.run.seeds for config in configs.values()} == {10}


def test_the_recipe_of_cleanrl_is_what_it_publishes():
    config = variants("policy-cartpole")["CleanRL's, 500,000 steps"]
    algorithm, train = config.algorithm, config.train
    assert isinstance(algorithm, PPOConfig)
    assert (config.environment.num_envs, algorithm.num_steps) == (4, 128)
    assert (algorithm.update_epochs, algorithm.num_minibatches) == (4, 4)
    assert (algorithm.gamma, algorithm.gae_lambda, algorithm.clip_coef, algorithm.vf_coef) == (0.99, 0.95, 0.2, 0.5)
    assert (algorithm.clip_vloss, algorithm.norm_adv, algorithm.target_kl) == (True, True, None)
    assert (config.exploration.term, config.exploration.coef) == ("entropy", 0.01)
    assert (train.lr, train.schedule, train.max_grad_norm) == (2.5e-4, "linear", 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), GOALS)
def test_the_greedy_policy_reaches_what_is_published(name, variant, tmp_path):
    if name == "policy-doorkey":
        pytest.importorskip("minigrid")
    file, folder = str(SCENARIOS / f"{name}.toml"), tmp_path / "out"
    chosen = ["--variants", variant.partition(",")[0] + "*", "--seeds", "3", "--jobs", "1", "--quiet"]
    done = CliRunner().invoke(main, ["run", file, *chosen, "--output", str(folder)])
    assert done.exit_code == 0, done.output
    results = [json.loads(path.read_text(encoding="utf-8")) for path in folder.rglob("result.json")]
    assert len(results) == 3
    assert fmean(result["scalars"]["return_greedy"] for result in results) >= GOALS[name, variant]
