"""The networks of the claims about training, each trained once for all tests, for fewer epochs than by default."""

from functools import cache

from smoothkit_principles.claims.dynamics import trained
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import TrainedNetwork

BRIEF = NetworksConfig(epochs=16)


@cache
def networks(seed: int) -> dict[str, TrainedNetwork]:
    """What `trained` makes of the brief configuration."""
    return trained(Lab(BRIEF, seed))


def exchanged(seed: int) -> dict[str, TrainedNetwork]:
    """The same under wrong names: the smoothed networks are called one-hot, and the one-hot network smoothed."""
    found = networks(seed)
    return {"one-hot": found["all"], "all": found["one-hot"], "others": found["one-hot"]}
