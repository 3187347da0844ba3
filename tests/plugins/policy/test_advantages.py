"""Generalised advantages against their definition, summed term by term."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit_policy.advantages import generalised_advantages


def by_definition(rewards, values, following, terminated, ended, gamma, decay):
    """Of one copy of an environment: the discounted sum of what was better than expected, up to the end."""
    delta = [
        reward + gamma * after * (not over) - value
        for reward, value, after, over in zip(rewards, values, following, terminated, strict=True)
    ]
    found = []
    for start in range(len(delta)):
        total, factor = 0.0, 1.0
        for place in range(start, len(delta)):
            total += factor * delta[place]
            if ended[place]:
                break
            factor *= gamma * decay
        found.append(total)
    return found


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 9),
    gamma=st.floats(0.5, 1, allow_subnormal=False),
    decay=st.floats(0, 1, allow_subnormal=False),
    seed=st.integers(0, 2**20),
)
def test_advantages_are_their_definition(steps, gamma, decay, seed):
    source = torch.Generator().manual_seed(seed)
    shape = (2, steps, 3)
    rewards, values, following = (torch.randn(shape, generator=source) for _ in range(3))
    terminated = torch.rand(shape, generator=source) < 0.2
    ended = terminated | (torch.rand(shape, generator=source) < 0.2)
    found = generalised_advantages(rewards, values, following, terminated, ended, gamma, decay)
    for member in range(2):
        for copy in range(3):
            own = (each[member, :, copy].tolist() for each in (rewards, values, following, terminated, ended))
            torch.testing.assert_close(
                found[member, :, copy], torch.tensor(by_definition(*own, gamma, decay)), rtol=1e-4, atol=1e-4
            )


def test_a_truncated_episode_is_worth_what_would_have_followed():
    """Constant rewards of 1 and an exact critic: nothing is better than expected, wherever an episode is cut off."""
    gamma = 0.9
    exact = torch.full((1, 6, 1), 1 / (1 - gamma))
    cut = torch.tensor([0, 0, 1, 0, 0, 0], dtype=torch.bool).view(1, 6, 1)
    no = torch.zeros_like(cut)
    found = generalised_advantages(torch.ones(1, 6, 1), exact, exact, no, cut, gamma, 0.95)
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-5, rtol=0)
    ended = generalised_advantages(torch.ones(1, 6, 1), exact, exact, cut, cut, gamma, 0.95)
    assert ended[0, 2, 0].item() < -5
