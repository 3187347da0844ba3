"""The tables of a scenario file of truths."""

from typing import Annotated

from annotated_types import Ge, MinLen
from pydantic import AfterValidator

from smoothkit.claims.config import OwnTargetsConfig
from smoothkit.claims.names import names_among
from smoothkit.config import Config
from smoothkit.scenario import Scenario
from smoothkit.tables import Positive
from smoothkit_policy.truths import TRUTHS

AtLeastOne = Annotated[int, Ge(1)]


class SubjectsConfig(Config):
    """`[truths]`: what is measured."""

    names: Annotated[tuple[str, ...], MinLen(1), AfterValidator(names_among(TRUTHS, "subject"))] = TRUTHS
    """Subjects; all of them by default. They are told of in the order of this default, whatever the order here."""


class RecoveryConfig(Config):
    """`[recovery]`: policies that are nearly sure of a bad arm of a bandit, and learn from what they draw."""

    agents: AtLeastOne = 16
    """Policies of each kind."""
    updates: AtLeastOne = 1_000
    """Steps of the plain policy gradient."""
    batch_size: AtLeastOne = 32
    """Draws in a step."""
    lr: Positive = 1.0
    """Learning rate of the logits."""


class TruthsConfig(OwnTargetsConfig):
    """Truths about smoothed policies and exploration: formulas, bandits and a small training."""

    truths: SubjectsConfig = SubjectsConfig()
    """What is measured."""
    recovery: RecoveryConfig = RecoveryConfig()
    """Of the subject `recovery`, the only training there is."""


SCENARIO = Scenario(
    config=TruthsConfig,
    train="smoothkit_policy.truths.train:train",
    evaluate="smoothkit_policy.truths.evaluate:evaluate",
    conclude="smoothkit_policy.truths.conclude:conclude",
)
