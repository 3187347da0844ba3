"""What is measured of a trained policy."""

import math

import pytest
import torch
from scipy.stats import sem, t

from smoothkit_policy.acting import Stage, acted
from smoothkit_policy.config import EnvironmentConfig
from smoothkit_policy.desmoothing import desmoothed
from smoothkit_policy.evaluate import evaluate, goal_of
from smoothkit_policy.exact.occupancy import occupancy
from smoothkit_policy.exact.optimum import optimal_policy
from smoothkit_policy.exact.returns import expected_return
from smoothkit_policy.openness import openness
from smoothkit_policy.quantities import BETTER, HEADLINE, QUANTITIES
from tests.plugins.policy.given import given_trained

LAKE = ("environment.id=FrozenLake-v1", "environment.options.is_slippery=false")
CART = ("environment.id=CartPole-v1", "environment.mode=sync", "environment.num_envs=2")


@pytest.fixture
def evaluated(configure, make_runs):
    """The result of a policy that is given, of a run with these records."""

    def evaluated(chances, *overrides, records=(), seed=0, **given):
        config = configure(*overrides)
        (run,) = make_runs(config, (seed,))
        for step, prefix, values in records:
            run.record(step, prefix, values)
        chances = chances(config) if callable(chances) else chances
        return evaluate(config, run, given_trained(config.environment, chances, **given))

    return evaluated


def tilted(states, best=0.7):
    """Action 2 with a chance of `best`, the others alike: FrozenLake's way to the right."""
    return torch.full((states, 4), (1 - best) / 3, dtype=torch.float64).index_fill(1, torch.tensor([2]), best)


def corridor_tables():
    return given_trained(EnvironmentConfig(), [[1.0]]).tables


def optimal(config):
    return optimal_policy(given_trained(config.environment, [[1.0]]).tables)


def test_exact_returns_of_every_manner(evaluated):
    chances = torch.randn(6, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64).mul(2).softmax(-1)
    result = evaluated(chances, smoothing=0.2)
    tables = corridor_tables()
    greedy = torch.nn.functional.one_hot(chances.argmax(1), 4).double()
    for manner, policy in (("greedy", greedy), ("sampled", chances), ("desmoothed", desmoothed(chances, 0.2))):
        assert result.scalars[f"return_{manner}"] == pytest.approx(float(expected_return(tables, policy)), abs=1e-12)
    assert result.scalars["sampling_cost"] == pytest.approx(
        result.scalars["return_greedy"] - result.scalars["return_sampled"]
    )
    assert result.scalars["shortfall_sampled"] == pytest.approx(1 - result.scalars["return_sampled"], abs=1e-12)
    assert result.intervals == {}


def test_what_is_taken_off_may_be_asked_for(evaluated):
    chances = tilted(6)
    as_trained, asked, nothing = (
        evaluated(chances, *overrides, smoothing=0.1).scalars["return_desmoothed"]
        for overrides in ((), ("evaluate.smoothing=0.3",), ("evaluate.smoothing=0",))
    )
    tables = corridor_tables()
    for value, share in ((as_trained, 0.1), (asked, 0.3), (nothing, 0.0)):
        assert value == pytest.approx(float(expected_return(tables, desmoothed(chances, share))), abs=1e-12)


def test_the_optimal_policy_solves_it_and_falls_short_of_nothing(evaluated):
    scalars = evaluated(optimal, *LAKE).scalars
    assert scalars["return_greedy"] == scalars["return_sampled"] == scalars["optimum"] == 1
    assert scalars["solved"] == 1
    assert scalars["shortfall_greedy"] == scalars["shortfall_sampled"] == scalars["sampling_cost"] == 0
    assert scalars["entropy"] == scalars["min_probability"] == 0
    assert scalars["collapsed_share"] == pytest.approx(1)
    # It has collapsed, and that is no fault of a policy that has arrived.
    assert scalars["premature"] == 0


def test_a_policy_that_settled_too_early_is_premature(evaluated):
    scalars = evaluated(torch.eye(4, dtype=torch.float64)[[0] * 16], *LAKE).scalars
    assert (scalars["solved"], scalars["premature"], scalars["shortfall_greedy"]) == (0, 1, 1)
    undecided = evaluated(tilted(16, 0.3), *LAKE).scalars
    assert (undecided["solved"], undecided["premature"]) == (0, 0)


@pytest.mark.parametrize(("asked", "solved"), [(0.7, 1), (0.8, 0)])
def test_solved_may_be_set(evaluated, asked, solved):
    # Right in four of six states after the switch, and as before in the others: (4 + 2 / 3) / 6 = 0.778.
    tables = corridor_tables()
    chances = optimal_policy(tables)
    chances[:2] = optimal_policy(tables, 0)[:2]
    scalars = evaluated(chances, f"evaluate.solved={asked}").scalars
    assert scalars["return_greedy"] == pytest.approx(7 / 9)
    assert scalars["solved"] == solved


def test_the_greedy_policy_is_what_solves(evaluated):
    scalars = evaluated(lambda config: (optimal(config) + 1) / 8).scalars
    assert scalars["solved"] == 1
    assert scalars["return_greedy"] == pytest.approx(1)
    assert scalars["return_sampled"] < 0.5


def test_goals():
    assert goal_of(None, 1.0, 5.0) == pytest.approx(0.8)
    assert goal_of(None, -13.0, None) == pytest.approx(-15.6)
    assert goal_of(None, None, 475.0) == 475
    assert goal_of(3.0, 1.0, 475.0) == 3
    assert goal_of(None, None, None) is None


def test_coverage_is_that_of_training(evaluated):
    visits = torch.zeros(16, dtype=torch.int64)
    visits[[0, 1, 4, 5]] = 10
    scalars = evaluated(tilted(16), *LAKE, visits=visits).scalars
    # State 5 is a hole: nobody acts there, so it is not among the eleven states.
    assert scalars["coverage"] == pytest.approx(3 / 11)
    assert scalars["visitation_entropy"] == pytest.approx(math.log(3) / math.log(11))
    assert "coverage" not in evaluated(tilted(16), *LAKE).scalars


def test_training_is_told_by_its_records(evaluated):
    records = [
        (64 * place, "eval", {"return_greedy": greedy, "return_sampled": sampled})
        for place, (greedy, sampled) in enumerate([(0.0, 0.0), (0.9, 0.4), (0.5, 0.4), (1.0, 0.6)], 1)
    ]
    scalars = evaluated(tilted(6), records=records).scalars
    assert scalars["timesteps_to_solved"] == 128
    assert scalars["area_under_curve"] == pytest.approx((0.2 + 0.4 + 0.5) / 3)
    never = evaluated(tilted(6), "evaluate.solved=2", records=records).scalars
    assert math.isnan(never["timesteps_to_solved"])


def test_only_the_first_seed_has_pictures(evaluated):
    assert set(evaluated(tilted(6), "run.seeds=[4, 7]", seed=4).figures) == {"policy"}
    assert evaluated(tilted(6), "run.seeds=[4, 7]", seed=7).figures == {}


def test_episodes_have_intervals_and_no_optimum(evaluated, configure, make_runs):
    chances = torch.tensor([[0.6, 0.4]], dtype=torch.float64)
    result = evaluated(chances, *CART, "evaluate.episodes=20", smoothing=0.5)
    config = configure(*CART)
    given = given_trained(config.environment, chances)
    stage = Stage(config.environment, 0, "evaluation", torch.device("cpu"))
    for manner in ("greedy", "sampled", "desmoothed"):
        returns = stage.play(given.policy, manner, 0.5, 20).returns
        mean = float(returns.mean())
        assert result.scalars[f"return_{manner}"] == pytest.approx(mean)
        expected = t.interval(0.95, 19, mean, sem(returns.numpy()))
        assert result.intervals[f"return_{manner}"] == pytest.approx(expected)
    assert result.scalars["entropy"] == pytest.approx(float(openness(chances, torch.ones(1).double()).entropy))
    assert result.scalars["solved"] == 0
    assert not {"optimum", "shortfall_greedy", "coverage"} & set(result.scalars)


def test_episodes_tell_what_tables_tell(evaluated):
    # A walk that lingers at the beginning, where the policy is undecided, and then goes straight to the far end.
    right = torch.tensor([0.55] * 6 + [0.98] * 11, dtype=torch.float64)
    chances = torch.stack([1 - right, right], 1)
    chain = ("environment.id=smoothkit/Chain-v0",)
    exact = evaluated(chances, *chain, smoothing=0.1)
    # No tables are read through a wrapper.
    wrapped = (*chain, 'environment.wrappers=["RecordEpisodeStatistics"]', "environment.mode=sync")
    played = evaluated(chances, *wrapped, "evaluate.episodes=500", smoothing=0.1)
    assert set(exact.scalars) - set(played.scalars) == {"optimum", "shortfall_greedy", "shortfall_sampled"}
    for manner in ("greedy", "sampled", "desmoothed"):
        value = exact.scalars[f"return_{manner}"]
        error = (max(value * (1 - value), 0) / 500) ** 0.5
        assert played.scalars[f"return_{manner}"] == pytest.approx(value, abs=4 * error + 1e-6)
    tables = given_trained(EnvironmentConfig(id="smoothkit/Chain-v0"), chances).tables
    greedy, sampled = (
        float(openness(chances, occupancy(tables, acted(chances, manner, 0.0)).visits).entropy)
        for manner in ("greedy", "sampled")
    )
    assert exact.scalars["entropy"] == pytest.approx(sampled)
    assert played.scalars["entropy"] == pytest.approx(sampled, abs=0.04)
    assert sampled - greedy > 0.2


def test_one_episode_has_no_interval_and_nothing_taken_off_is_not_played_twice(evaluated):
    result = evaluated(torch.tensor([[0.6, 0.4]]), *CART, "evaluate.episodes=1")
    assert result.intervals == {}
    assert result.scalars["return_desmoothed"] == result.scalars["return_sampled"]


def test_what_training_came_to_is_evaluated_alike_each_time_and_moves_no_stream(learned):
    trained = learned("environment.id=smoothkit/SwitchingCorridor-v0", seeds=(0, 1))
    run = trained.runs[1]
    streams = [run.stream(name) for name in ("actions", "minibatches")]
    before = [stream.get_state() for stream in streams]
    first, again = (evaluate(trained.config, run, trained.trained[1]) for _ in range(2))
    assert first.scalars == pytest.approx(again.scalars, nan_ok=True)
    assert all(stream.get_state().equal(state) for stream, state in zip(streams, before, strict=True))
    assert set(first.scalars) == {each.name for each in QUANTITIES}
    assert set(first.better) <= set(BETTER)
    assert first.headline == HEADLINE
    # The last measurement of training is of the same policy.
    assert first.scalars["return_sampled"] == pytest.approx(run.history("eval/return_sampled")[-1][1], abs=1e-12)
    assert 0 < first.scalars["coverage"] <= 1


def test_results_are_small(learned):
    trained = learned("environment.id=smoothkit/SwitchingCorridor-v0", seeds=(0, 1))
    result = evaluate(trained.config, trained.runs[1], trained.trained[1])
    assert len(str(result.to_json())) < 2500
