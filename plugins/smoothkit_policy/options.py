"""Whether the options of a file fit together: none that would do nothing, none without a meaning."""

from typing import TYPE_CHECKING

from smoothkit.errors import OptionError
from smoothkit.scenario import TargetConfig
from smoothkit.schedules import Alternate, Shape

if TYPE_CHECKING:
    from smoothkit_policy.config import EvaluateConfig, ExplorationConfig, PolicyConfig

ACTING = ("ppo", "a2c")
"""Algorithms that follow the gradient of what they act by; the others imitate, and `[target]` is theirs."""
PROBABILITIES = ("mix", "naive_label_smoothing")
"""Terms whose coefficient is a share of u."""
ADAPTABLE = ("entropy", "kl_uniform", "symmetric_kl", "smoothed_target", "maxent")
"""Terms that hold up what an adaptive bound measures."""


def check_options(config: "PolicyConfig") -> None:
    """Check what no single option can know.

    Raises:
        OptionError: it names the key, the value and the mend.
    """
    if config.run.precision != "float32":
        raise OptionError(
            "run.precision",
            f"is {config.run.precision!r}, and policies are trained in float32 throughout: leave it out",
        )
    _check_term(config)
    _check_coefficient(config.exploration)
    if config.exploration.adaptive is not None:
        _check_adaptive(config.exploration)
    _check_algorithm(config)
    _check_length(config)
    _check_evaluation(config)
    _check_schedules(config)


def _check_term(config: "PolicyConfig") -> None:
    """Terms that the algorithm has no place for, and the one that has to be asked for twice."""
    algorithm, term = config.algorithm.name, config.exploration.term
    if term == "naive_label_smoothing" and not config.allow_naive_label_smoothing:
        raise OptionError(
            "exploration.term",
            "is 'naive_label_smoothing', which weighs the regulariser by the advantage: it pushes away from u wherever "
            "that is negative, and cancels on average. Use 'smoothed_target', or write allow_naive_label_smoothing = "
            "true to have it as a negative control",
        )
    if config.allow_naive_label_smoothing and term != "naive_label_smoothing":
        raise OptionError(
            "allow_naive_label_smoothing",
            f"is true, and exploration.term is {term!r}, which needs no leave: take it out",
        )
    if term in ("smoothed_target", "naive_label_smoothing") and algorithm not in ACTING:
        raise OptionError(
            "exploration.term",
            f"is {term!r}, and algorithm.name = {algorithm!r} imitates a target of its own: smooth that by [target], "
            "with name = 'ls'",
        )
    if term in ("mix", "maxent") and algorithm == "bc":
        raise OptionError(
            "exploration.term",
            f"is {term!r}, and algorithm.name = 'bc' copies an expert, and neither acts nor has rewards: "
            "leave it out, or smooth [target]",
        )


def _check_coefficient(exploration: "ExplorationConfig") -> None:
    """Options of a term that is not there or has no use for them, and coefficients that are no probability."""
    term, coef = exploration.term, exploration.coef
    if term == "none":
        for name in ("coef", "schedule", "adaptive"):
            if _is_changed(exploration, name):
                raise OptionError(
                    f"exploration.{name}",
                    "is of a term, and exploration.term is 'none': name one, such as 'kl_uniform'",
                )
    elif coef == 0 and exploration.adaptive is None:
        raise OptionError(
            "exploration.coef", f"is 0, so that term = {term!r} does nothing: write coef = 0.1, say, or leave both out"
        )
    if term != "smoothed_target" and _is_changed(exploration, "improvement_step"):
        raise OptionError(
            "exploration.improvement_step",
            f"is of the term 'smoothed_target', and exploration.term is {term!r}: leave it out",
        )
    if term in PROBABILITIES and (highest := coef * _highest(exploration)) >= 1:
        raise OptionError(
            "exploration.coef", f"comes to {highest:g}, and of {term!r} it is a share of u: expected less than 1"
        )


def _check_adaptive(exploration: "ExplorationConfig") -> None:
    term, adaptive = exploration.term, exploration.adaptive
    assert adaptive is not None
    if term not in ADAPTABLE:
        raise OptionError(
            "exploration.adaptive",
            f"moves a coefficient until the policy keeps to a bound, and exploration.term = {term!r} does not hold the "
            "policy up: use 'kl_uniform', or leave it out",
        )
    if _is_changed(exploration, "schedule"):
        raise OptionError(
            "exploration.schedule",
            "is a course of the coefficient, which exploration.adaptive moves: leave one of the two out",
        )
    if adaptive.lowest >= adaptive.highest:
        raise OptionError(
            "exploration.adaptive.lowest",
            f"is {adaptive.lowest:g}, and highest is {adaptive.highest:g}; expected less than that",
        )
    if not adaptive.lowest <= exploration.coef <= adaptive.highest:
        raise OptionError(
            "exploration.coef",
            f"is {exploration.coef:g}, where exploration.adaptive begins; expected a number from its lowest, "
            f"{adaptive.lowest:g}, to its highest, {adaptive.highest:g}: write 0.1, say",
        )


def _check_algorithm(config: "PolicyConfig") -> None:
    """Targets that nobody learns, and tables that behaviour cloning does not read."""
    algorithm, target = config.algorithm.name, config.target
    # The default is written out with its options where a study is stored, so that names are compared.
    if algorithm in ACTING and (target.name != TargetConfig().name or target.schedule):
        raise OptionError(
            "target.name",
            f"is {target.name!r}, and algorithm.name = {algorithm!r} imitates no label: what smooths it is "
            "[exploration] term = 'smoothed_target'",
        )
    if algorithm in ACTING and config.use:
        raise OptionError("use", f"wraps the target, and algorithm.name = {algorithm!r} has none: leave it out")
    if config.run.together > 1 and getattr(config.algorithm, "target_kl", None) is not None:
        # One optimiser moves all agents of a program, or none.
        raise OptionError(
            "algorithm.target_kl", "would end the passes of all agents of a program at once: set run.together = 1"
        )
    if algorithm == "bc" and config.environment.normalize_rewards:
        raise OptionError(
            "environment.normalize_rewards", "is true, and algorithm.name = 'bc' learns from no reward: leave it out"
        )


def _check_length(config: "PolicyConfig") -> None:
    """Trainings that end before their first update, and rollouts that fall into no even parts."""
    algorithm, total = config.algorithm, config.train.total_timesteps
    if algorithm.name == "bc":
        if total < algorithm.batch_size:
            raise OptionError(
                "train.total_timesteps",
                f"is {total}, and one batch has {algorithm.batch_size}: expected as many at least",
            )
        return
    rollout = algorithm.num_steps * config.environment.num_envs
    if total < rollout:
        raise OptionError(
            "train.total_timesteps",
            f"is {total}, and one rollout has {rollout} (algorithm.num_steps = {algorithm.num_steps} of "
            f"environment.num_envs = {config.environment.num_envs}): expected as many at least",
        )
    if algorithm.name != "a2c" and algorithm.num_minibatches > rollout:
        raise OptionError(
            "algorithm.num_minibatches",
            f"is {algorithm.num_minibatches}, and a rollout has {rollout} steps: expected no more",
        )


def _check_evaluation(config: "PolicyConfig") -> None:
    evaluate, total = config.evaluate, config.train.total_timesteps
    if config.algorithm.name == "bc" and evaluate.tags == "sb3":
        raise OptionError("evaluate.tags", "is 'sb3', and that has no behaviour cloning: leave it out")
    if evaluate.every > total and _is_changed(evaluate, "every"):
        raise OptionError(
            "evaluate.every", f"is {evaluate.every}, and training ends after {total} steps: expected no more"
        )


def _check_schedules(config: "PolicyConfig") -> None:
    """Schedules that count epochs, and those that fall below 0."""
    schedules = {
        "exploration.schedule": config.exploration.schedule,
        "train.schedule": config.train.schedule,
        "algorithm.clip_coef": getattr(config.algorithm, "clip_coef", None),
    }
    in_target = {f"target.schedule.{option}": shape for option, shape in (config.target.schedule or {}).items()}
    for key, shape in {**in_target, **schedules}.items():
        if isinstance(shape, Alternate):
            raise OptionError(key, "has shape = 'alternate', which changes with epochs, and here are none: use 'step'")
    for key, shape in schedules.items():
        if isinstance(shape, Shape) and (lowest := min(shape.build().extremes())) < 0:
            raise OptionError(key, f"comes down to {lowest:g}; expected values of at least 0 at all times")


def _highest(exploration: "ExplorationConfig") -> float:
    """The largest share of the coefficient that the schedule comes to."""
    shape = exploration.schedule
    return max(shape.build().extremes()) if isinstance(shape, Shape) else 1.0


def _is_changed(options: "ExplorationConfig | EvaluateConfig", name: str) -> bool:
    """Whether an option is not at its default; the file that a study keeps writes out defaults too."""
    return getattr(options, name) != type(options).model_fields[name].default
