"""What is measured during training: returns where tables tell them or episodes were asked for."""

from collections.abc import Sequence

import torch

from smoothkit.report.figures import Figure
from smoothkit.runs import Runs
from smoothkit_policy.acting import Manner, Stage
from smoothkit_policy.config import PolicyConfig
from smoothkit_policy.exact.judgement import Judgement
from smoothkit_policy.figures.policy import policy_figure
from smoothkit_policy.openness import openness
from smoothkit_policy.pictured import is_pictured
from smoothkit_policy.trained import Trained

PREFIX = "eval"
"""Of the tags of measurements."""

MANNERS: tuple[Manner, ...] = ("greedy", "sampled")


def record_progress(configs: Sequence[PolicyConfig], runs: Runs, step: int, trained: Sequence[Trained]) -> None:
    """Keep `eval/return_greedy`, `eval/return_sampled` and `eval/entropy` of every member, under `step`.

    Where the law of the environment changes during training, these are returns under its last one from the beginning.
    Without tables there is nothing unless `evaluate.episodes_during_training` says so.
    """
    tables = trained[0].tables
    if tables is not None:
        policies = torch.stack([each.policy.table().cpu() for each in trained])
        judgement = Judgement(tables, policies, [0.0] * len(trained), MANNERS)
        columns = [*(judgement.returns(manner) for manner in MANNERS), judgement.openness().entropy]
        values = torch.stack(columns, 1).tolist()
        for config, run, policy, row in zip(configs, runs, policies, values, strict=True):
            run.record(step, PREFIX, dict(zip(NAMES, row, strict=True)))
            if is_pictured(config, run) and (figure := policy_figure(tables, policy)) is not None:
                figures: dict[str, Figure] = {"policy": figure}
                run.record_figures(step, PREFIX, figures)
    elif configs[0].evaluate.episodes_during_training:
        for config, run, own in zip(configs, runs, trained, strict=True):
            stage = Stage(config.environment, run.seed, "progress", run.device)
            run.record(step, PREFIX, played_values(stage, own, config.evaluate.episodes_during_training))


NAMES = ("return_greedy", "return_sampled", "entropy")


def played_values(stage: Stage, trained: Trained, episodes: int) -> dict[str, float]:
    """The same from this many episodes of each manner."""
    greedy, sampled = (stage.play(trained.policy, manner, trained.smoothing, episodes) for manner in MANNERS)
    weights = torch.ones(len(sampled.policy), dtype=torch.float64)
    means = greedy.returns.mean(), sampled.returns.mean(), openness(sampled.policy, weights).entropy
    return {name: float(mean) for name, mean in zip(NAMES, means, strict=True)}
