"""Soft labels with a target that they would turn into another one are refused, and no others."""

import pytest

from smoothkit.errors import UserError
from smoothkit_selftrain.config import PseudoConfig
from smoothkit_selftrain.member_targets import MemberTargets
from smoothkit_selftrain.soft_labels import check_soft_labels

SAME = "the same: it would be 'onehot'"
HARD_ALONE = "counts hard labels alone"


@pytest.fixture
def check(configure, make_runs):
    """Check the target of `[pseudo]` with these options."""

    def check(target, **options):
        pseudo = PseudoConfig.model_validate({"target": target, "labels": "soft", **options})
        config = configure()
        check_soft_labels(pseudo, MemberTargets("pseudo", pseudo.target, config.train, make_runs(config), 10, 7))

    return check


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("ols", HARD_ALONE),
        ("ps-kd", HARD_ALONE),
        ({"name": "ols", "schedule": {"alpha": {"shape": "linear", "start": 0.0, "end": 0.3}}}, HARD_ALONE),
        ({"name": "kd", "temperature": 1.0}, SAME),
        ({"name": "tf-kd-self", "temperature": 1.0}, SAME),
    ],
)
def test_what_soft_labels_turn_into_another_target_is_refused(target, reason, check):
    name = target if isinstance(target, str) else target["name"]
    with pytest.raises(UserError, match=rf"^pseudo.target: '{name}' .*{reason}.* 'hard'"):
        check(target)
    check(target, labels="hard")


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("onehot", {}),
        ("ls", {}),
        ("ls++", {}),
        ("adaptive-ls", {}),
        ("measured-ls", {}),
        ("tf-kd-reg", {}),
        ("kd", {}),
        ("tf-kd-self", {}),
        ({"name": "kd", "temperature": 1.0}, {"temperature": 0.5}),
    ],
)
def test_what_stays_itself_is_not(target, options, check):
    """A teacher at a temperature of its own pulls another way than the label, and so does it beside a sharper label."""
    check(target, **options)


def test_a_training_is_refused_before_its_first_step(quick):
    with pytest.raises(UserError, match=r"pseudo\.target: 'ols' counts hard labels alone"):
        quick("pseudo.labels=soft", "pseudo.target=ols")
