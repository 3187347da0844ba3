"""Which agents share a program, and that sharing changes nothing but last digits."""

import pytest
import torch

from smoothkit_policy.population import key
from smoothkit_policy.train import train

TOGETHER = [
    ("exploration.term=none",),
    ("exploration.term=entropy", "exploration.coef=0.3"),
    ("exploration.term=kl_uniform", "exploration.coef=0.1", "exploration.schedule=linear"),
    ("exploration.term=symmetric_kl", "exploration.coef=0.2"),
]


@pytest.mark.parametrize("overrides", TOGETHER)
def test_penalties_of_any_strength_share_a_program(overrides, configure):
    assert key(configure(*overrides)) == key(configure())


@pytest.mark.parametrize(
    "overrides",
    [
        ("exploration.term=mix", "exploration.coef=0.1"),
        ("exploration.term=smoothed_target", "exploration.coef=0.1"),
        ("train.lr=0.02",),
        ("environment.options.switch_after=7",),
    ],
)
def test_nothing_else_does(overrides, configure):
    assert key(configure(*overrides)) != key(configure())


def test_targets_of_one_step_share_a_program(configure):
    weak, strong, other = (
        configure(
            "exploration.term=smoothed_target", f"exploration.coef={coef}", f"exploration.improvement_step={step}"
        )
        for coef, step in ((0.1, 0.1), (0.5, 0.1), (0.1, 0.2))
    )
    assert key(weak) == key(strong) != key(other)


def test_who_shares_a_program_has_no_say_in_minibatches_of_rows_that_count(configure, make_runs, tmp_path):
    """Copies in native form have steps that are only a reset, each agent's at other times."""
    config = configure("environment.id=CartPole-v1", "environment.mode=native", "environment.num_envs=8")
    together = train(config, make_runs(config, range(3), directory=tmp_path / "all"))
    for seed in range(3):
        (alone,) = train(config, make_runs(config, [seed], directory=tmp_path / f"{seed}"))
        torch.testing.assert_close(
            alone.policy.network.flat, together[seed].policy.network.flat, rtol=1e-3, atol=1e-5, check_device=False
        )


def test_agents_in_company_learn_what_they_learn_alone(configure, make_runs, tmp_path):
    """Two seeds of four variants as one program, and each by itself."""
    configs = [configure(*overrides) for overrides in TOGETHER]
    runs = make_runs(configs[0], range(8), directory=tmp_path / "all")
    runs.configs = tuple(config for config in configs for _ in range(2))
    together = train(configs[0], runs)
    for index in (0, 3, 5, 6):
        alone_runs = make_runs(runs.configs[index], [index], directory=tmp_path / f"alone-{index}")
        (alone,) = train(runs.configs[index], alone_runs)
        torch.testing.assert_close(
            alone.policy.network.flat, together[index].policy.network.flat, rtol=1e-4, atol=1e-5, check_device=False
        )
        assert torch.equal(alone.visits, together[index].visits)
