"""The tables of a principles scenario file."""

from typing import Annotated

from annotated_types import Ge, MinLen
from pydantic import AfterValidator, Field

from smoothkit.claims.names import names_among
from smoothkit.config import Config
from smoothkit.scenario import Scenario, ScenarioConfig
from smoothkit_principles.claims import CLAIMS


class ClaimsConfig(Config):
    """`[claims]`: what is measured."""

    names: Annotated[tuple[str, ...], MinLen(1), AfterValidator(names_among(CLAIMS, "claim"))] = tuple(CLAIMS)
    """Claims; all of them by default. They are told of in the order of the textbook, whatever the order here."""


class NetworksConfig(Config):
    """`[networks]`: the networks that claims about training are measured on, all trained on digits."""

    epochs: Annotated[int, Ge(1)] = 40
    """Passes over the training part."""
    hidden: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1)] = (128,)
    """Widths of the hidden layers; one at least, since claims are about its features."""
    batch_size: Annotated[int, Ge(1)] = 64
    """Samples in a step."""
    lr: Annotated[float, Field(gt=0)] = 0.05
    """Peak learning rate of SGD with momentum 0.9, which falls along a half cosine."""
    weight_decay: Annotated[float, Ge(0)] = 5e-4
    """Of the network."""


class PrinciplesConfig(ScenarioConfig):
    """A principles scenario: claims, each with its own small experiment."""

    claims: ClaimsConfig = ClaimsConfig()
    """What is measured."""
    networks: NetworksConfig = NetworksConfig()
    """What claims about training are measured on."""


SCENARIO = Scenario(
    config=PrinciplesConfig,
    train="smoothkit_principles.train:train",
    evaluate="smoothkit_principles.evaluate:evaluate",
    conclude="smoothkit_principles.conclude:conclude",
)
