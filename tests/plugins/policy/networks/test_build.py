"""Which networks a file comes to."""

import pytest
import torch

from smoothkit.errors import UserError
from smoothkit_policy.config import NetworkConfig
from smoothkit_policy.environments.spec import Observations, Spec
from smoothkit_policy.networks.build import build_network
from smoothkit_policy.networks.conv import Conv
from smoothkit_policy.networks.mlp import MLP

CPU = torch.device("cpu")
SEEN = {
    "index": Observations("index", (), 9),
    "vector": Observations("vector", (5,), None),
    "small": Observations("image", (3, 7, 7), None),
    "image": Observations("image", (1, 40, 36), None),
}


def spec(name):
    return Spec("any", SEEN[name], 4, 100, None)


@pytest.mark.parametrize(
    ("asked", "seen", "kind"),
    [
        *(("auto", name, MLP) for name in ("index", "vector", "small")),
        ("auto", "image", Conv),
        ("mlp", "image", MLP),
        ("conv", "image", Conv),
    ],
)
def test_images_that_are_large_enough_are_convolved_unless_the_file_says_otherwise(asked, seen, kind, generators):
    made = build_network(NetworkConfig(name=asked, hidden=(6,)), spec(seen), generators(2), 4, CPU)
    assert type(made) is kind
    assert made.members == 2


@pytest.mark.parametrize("seen", ["index", "vector", "small"])
def test_nothing_else_can_be_convolved(seen, generators):
    with pytest.raises(UserError, match=r"any: observations of shape .* network\.name"):
        build_network(NetworkConfig(name="conv"), spec(seen), generators(1), 1, CPU)
