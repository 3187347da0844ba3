"""Options that would do nothing, or mean nothing, are refused with the key, the value and the mend."""

import pytest

from smoothkit_policy.config import PolicyConfig

NAIVE = {"term": "naive_label_smoothing", "coef": 0.1}
ADAPTIVE = {"term": "kl_uniform", "coef": 0.1, "adaptive": {}}
FALLS = {"shape": "linear", "start": 1.0, "end": -0.5}
ALTERNATES = {"shape": "alternate", "values": [1.0, 0.5]}


def configured(**tables):
    return PolicyConfig.model_validate({"scenario": "policy", **tables})


def exploration(**options):
    return {"exploration": options}


def algorithm(name, **options):
    return {"algorithm": {"name": name, **options}}


@pytest.mark.parametrize(
    "tables",
    [
        {},
        exploration(term="kl_uniform", coef=0.1, schedule="linear"),
        exploration(**ADAPTIVE),
        {"allow_naive_label_smoothing": True, "exploration": NAIVE},
        exploration(term="smoothed_target", coef=0.1, improvement_step=0.05),
        algorithm("bc") | {"target": {"name": "ls", "alpha": 0.1}},
        algorithm("awr") | {"target": {"name": "ls", "alpha": 0.1}} | exploration(term="entropy", coef=0.01),
        exploration(term="mix", coef=0.5),
        exploration(term="mix", coef=2.0, schedule={"shape": "linear", "start": 0.4, "end": 0.0}),
    ],
)
def test_what_fits_together_is_accepted_and_read_back(tables):
    config = configured(**tables)
    assert PolicyConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("tables", "key", "message"),
    [
        ({"run": {"precision": "bfloat16"}}, "run.precision", "trained in float32"),
        ({"exploration": NAIVE}, "exploration.term", "pushes away from u .* allow_naive_label_smoothing = true"),
        ({"allow_naive_label_smoothing": True}, "allow_naive_label_smoothing", "needs no leave"),
        (algorithm("bc") | exploration(term="smoothed_target", coef=0.1), "exploration.term", r"\[target\]"),
        (algorithm("mpo") | exploration(term="smoothed_target", coef=0.1), "exploration.term", r"\[target\]"),
        (
            algorithm("awr") | {"allow_naive_label_smoothing": True, "exploration": NAIVE},
            "exploration.term",
            r"smooth that by \[target\]",
        ),
        (algorithm("bc") | exploration(term="mix", coef=0.1), "exploration.term", "neither acts nor has rewards"),
        (algorithm("bc") | exploration(term="maxent", coef=0.1), "exploration.term", "neither acts nor has rewards"),
        (exploration(coef=0.1), "exploration.coef", "is of a term.* 'kl_uniform'"),
        (exploration(schedule="linear"), "exploration.schedule", "is of a term"),
        (exploration(adaptive={}), "exploration.adaptive", "is of a term"),
        (exploration(term="entropy"), "exploration.coef", "does nothing: write coef = 0.1"),
        (
            exploration(term="entropy", coef=0.1, improvement_step=0.2),
            "exploration.improvement_step",
            "of the term 'smoothed_target'",
        ),
        (exploration(term="mix", coef=1.0), "exploration.coef", "comes to 1, .* less than 1"),
        (
            {"allow_naive_label_smoothing": True, "exploration": {**NAIVE, "coef": 1.5}},
            "exploration.coef",
            "comes to 1.5, .* less than 1",
        ),
        (exploration(term="mix", coef=0.1, adaptive={}), "exploration.adaptive", "does not hold the policy up"),
        (exploration(**ADAPTIVE, schedule="linear"), "exploration.schedule", "leave one of the two out"),
        (
            exploration(term="entropy", coef=0.1, adaptive={"lowest": 0.5, "highest": 0.5}),
            "exploration.adaptive.lowest",
            "highest is 0.5; expected less",
        ),
        (exploration(term="entropy", adaptive={}), "exploration.coef", "is 0, .* from its lowest, 0.001, to"),
        (exploration(term="entropy", coef=3.0, adaptive={}), "exploration.coef", "to its highest, 2"),
        ({"target": {"name": "ls"}}, "target.name", "'ls', .* 'smoothed_target'"),
        (algorithm("a2c") | {"target": {"name": "ls"}}, "target.name", "imitates no label"),
        ({"use": ["other"]}, "use", "'ppo' has none"),
        (
            algorithm("bc") | {"environment": {"normalize_rewards": True}},
            "environment.normalize_rewards",
            "learns from no reward",
        ),
        ({"train": {"total_timesteps": 1000}}, "train.total_timesteps", "is 1000, and one rollout has 1024"),
        (algorithm("bc") | {"train": {"total_timesteps": 63}}, "train.total_timesteps", "one batch has 64"),
        (algorithm("ppo", num_steps=4, num_minibatches=33), "algorithm.num_minibatches", "has 32 steps"),
        (algorithm("bc") | {"evaluate": {"tags": "sb3"}}, "evaluate.tags", "has no behaviour cloning"),
        ({"evaluate": {"every": 30_000}}, "evaluate.every", "training ends after 20480 steps"),
        (exploration(term="entropy", coef=0.1, schedule=FALLS), "exploration.schedule", "down to -0.5"),
        ({"train": {"schedule": FALLS}}, "train.schedule", "down to -0.5"),
        (algorithm("ppo", clip_coef=FALLS), "algorithm.clip_coef", "down to -0.5"),
        (exploration(term="entropy", coef=0.1, schedule=ALTERNATES), "exploration.schedule", "use 'step'"),
        (
            algorithm("bc") | {"target": {"name": "ls", "schedule": {"alpha": ALTERNATES}}},
            "target.schedule.alpha",
            "use 'step'",
        ),
    ],
)
def test_what_does_not_is_refused(tables, key, message):
    with pytest.raises(ValueError, match=f"{key.replace('.', chr(92) + '.')}: .*{message}"):
        configured(**tables)
