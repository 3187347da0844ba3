"""What networks see: what can be normalised, and what cannot."""

import pytest
import torch

from smoothkit.errors import UserError
from smoothkit_policy.config import EnvironmentConfig, NetworkConfig
from smoothkit_policy.environments.spec import Observations, Spec
from smoothkit_policy.sight import Sight

CPU = torch.device("cpu")
ASKED = EnvironmentConfig(normalize_observations=True)


def spec(observations):
    return Spec("any", observations, 4, 100, None)


def test_small_images_are_seen_as_vectors():
    sight = Sight.of(ASKED, NetworkConfig(), spec(Observations("image", (3, 7, 7), None)), 2, CPU)
    images = torch.rand(2, 5, 3, 7, 7)
    assert sight(images).shape == (2, 5, 147)
    sight.learn(images, torch.ones(2, 5))
    torch.testing.assert_close(sight(images).mean(1), torch.zeros(2, 147), atol=1e-5, rtol=0)
    torch.testing.assert_close(sight.member(1)(images[1:]), sight(images)[1:])


@pytest.mark.parametrize(
    ("observations", "kind"),
    [
        (Observations("index", (), 9), "indices"),
        (Observations("image", (1, 40, 40), None), "images that are convolved"),
    ],
)
def test_what_has_no_mean_is_not_normalised(observations, kind):
    with pytest.raises(UserError, match=rf"environment\.normalize_observations: the observations of any are {kind}"):
        Sight.of(ASKED, NetworkConfig(), spec(observations), 1, CPU)
    plain = Sight.of(EnvironmentConfig(), NetworkConfig(), spec(observations), 1, CPU)
    seen = torch.zeros(1, 2, *observations.shape)
    assert plain(seen) is seen
