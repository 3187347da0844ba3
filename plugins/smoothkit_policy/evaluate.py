"""What is measured of a trained policy: what it returns in every manner of acting, and how open it still is."""

from collections.abc import Mapping
from math import isnan, nan

import torch

from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit.scenario import Result
from smoothkit.statistics.interval import student_interval
from smoothkit_policy.acting import MANNERS, Played, Stage
from smoothkit_policy.config import PolicyConfig
from smoothkit_policy.environments.tables import Tables
from smoothkit_policy.exact.judgement import Judgement
from smoothkit_policy.exact.occupancy import coverage, reachable_states, shortfall, visitation_entropy
from smoothkit_policy.exact.optimum import optimal_return
from smoothkit_policy.figures.learning import learning_figure
from smoothkit_policy.figures.policy import policy_figure
from smoothkit_policy.learning import first_reached, mean_over_time, returns_over_training
from smoothkit_policy.openness import openness
from smoothkit_policy.pictured import is_pictured
from smoothkit_policy.quantities import BETTER, COLLAPSED, ENOUGH, HEADLINE, QUANTITIES
from smoothkit_policy.rendered import strip_figure
from smoothkit_policy.trained import Trained

SLACK = 1e-9
"""Share of the optimum by which a return may miss what is enough, through rounding."""


def evaluate(config: PolicyConfig, run: Run, trained: Trained) -> Result:
    """Returns of the greedy, the sampled and the de-smoothed policy, what they fall short of, and how training went.

    Exact, under the last law of the environment, where tables tell its transitions. Otherwise means over
    `evaluate.episodes` episodes for each manner of acting, with 95 % intervals.
    """
    asked = config.evaluate.smoothing
    smoothing = trained.smoothing if asked is None else asked
    if trained.tables is not None:
        found = told_by_tables(trained.tables, trained, smoothing)
    else:
        found = told_by_episodes(config, run, trained, smoothing)
    scalars = dict(found.scalars)
    goal = goal_of(config.evaluate.solved, scalars.get("optimum"), trained.spec.reward_threshold)
    scalars |= verdicts(scalars, goal)
    scalars["timesteps_to_solved"] = first_reached(returns_over_training(run.history, "greedy"), goal)
    scalars["area_under_curve"] = mean_over_time(returns_over_training(run.history, "sampled"))
    scalars["sampling_cost"] = scalars["return_greedy"] - scalars["return_sampled"]
    return Result(
        scalars={each.name: scalars[each.name] for each in QUANTITIES if each.name in scalars},
        better={name: better for name, better in BETTER.items() if name in scalars},
        figures=figures(config, run, trained),
        headline=tuple(name for name in HEADLINE if name in scalars),
        intervals=found.intervals,
    )


def told_by_tables(tables: Tables, trained: Trained, smoothing: float) -> Result:
    """Exact values."""
    judgement = Judgement(tables, trained.policy.table().cpu()[None], [smoothing], MANNERS)
    returns = {manner: judgement.returns(manner) for manner in MANNERS}
    scalars = {f"return_{manner}": float(value) for manner, value in returns.items()}
    scalars["optimum"] = optimum = optimal_return(tables)
    for manner in ("greedy", "sampled"):
        scalars[f"shortfall_{manner}"] = float(shortfall(returns[manner], optimum))
    scalars |= {name: float(value) for name, value in judgement.openness()._asdict().items()}
    if trained.visits is not None:
        visits, reachable = trained.visits.cpu(), reachable_states(tables)
        scalars["coverage"] = float(coverage(visits, reachable))
        scalars["visitation_entropy"] = float(visitation_entropy(visits, reachable))
    return Result(scalars=scalars)


def told_by_episodes(config: PolicyConfig, run: Run, trained: Trained, smoothing: float) -> Result:
    """Means over episodes, with intervals."""
    stage = Stage(config.environment, run.seed, "evaluation", run.device)
    played: dict[str, Played] = {}
    for manner in MANNERS:
        # With nothing to take off, the de-smoothed policy is the sampled one.
        same = manner == "desmoothed" and smoothing == 0
        episodes = config.evaluate.episodes
        played[manner] = played["sampled"] if same else stage.play(trained.policy, manner, smoothing, episodes)
    rows = played["sampled"].policy
    open_ = openness(rows, torch.ones(len(rows), dtype=torch.float64))
    intervals = {f"return_{manner}": mean_interval(own) for manner, own in played.items()}
    return Result(
        scalars={
            **{f"return_{manner}": float(own.returns.mean()) for manner, own in played.items()},
            **{name: float(value) for name, value in open_._asdict().items()},
        },
        intervals={name: bounds for name, bounds in intervals.items() if not isnan(bounds[0])},
    )


def mean_interval(played: Played) -> tuple[float, float]:
    """The 95 % interval of the mean return for other episodes of this policy, by Student's t; NaN for one episode."""
    returns = played.returns
    number = len(returns)
    error = float(returns.std() / number**0.5) if number > 1 else nan
    _, low, high, _ = student_interval(float(returns.mean()), error, float(number - 1), "Student's t")
    return low, high


def goal_of(asked: float | None, optimum: float | None, threshold: float | None) -> float | None:
    """The return from which the environment counts as solved: what is asked for, else 80 % of the optimum where that
    is known, else what the environment is registered with; None where there is none of these.

    >>> goal_of(None, -13.0, None), goal_of(475.0, None, 500.0)
    (-15.600000013, 475.0)
    """
    if asked is not None or optimum is None:
        return threshold if asked is None else asked
    return optimum - (ENOUGH + SLACK) * abs(optimum)


def verdicts(scalars: Mapping[str, float], goal: float | None) -> dict[str, float]:
    """Whether the greedy policy solves the environment, and whether the policy has collapsed without that."""
    if goal is None:
        return {"solved": nan, "premature": nan}
    solved = scalars["return_greedy"] >= goal
    return {"solved": float(solved), "premature": float(scalars["entropy"] < COLLAPSED and not solved)}


def figures(config: PolicyConfig, run: Run, trained: Trained) -> dict[str, Figure]:
    """Returns during training, of every seed; of the first one of each variant its policy, where states are few, and an
    episode, if that is asked for."""
    drawn: dict[str, Figure] = {}
    if (curves := learning_figure(run.history)) is not None:
        drawn["learning"] = curves
    if not is_pictured(config, run):
        return drawn
    if trained.tables is not None and (policy := policy_figure(trained.tables, trained.policy.table().cpu())):
        drawn["policy"] = policy
    if config.evaluate.strip and (strip := strip_figure(config, run, trained)):
        drawn["episode"] = strip
    return drawn
