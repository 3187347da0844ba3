"""Returns and lengths of episodes against a loop over steps."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit_policy.episodes import LAST, Episodes

CPU = torch.device("cpu")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), rollouts=st.integers(1, 4), rate=st.sampled_from([0.05, 0.5, 0.95]))
def test_episodes_are_those_of_a_loop(seed, rollouts, rate):
    source = torch.Generator().manual_seed(seed)
    members, steps, copies = 2, 40, 3
    episodes = Episodes(members, copies, CPU)
    ended_returns = [[] for _ in range(members)]
    running = torch.zeros(members, copies, 2, dtype=torch.float64)
    for _ in range(rollouts):
        rewards = torch.randint(-3, 4, (members, steps, copies), generator=source).float()
        ended = torch.rand(rewards.shape, generator=source) < rate
        valid = torch.rand(rewards.shape, generator=source) < 0.8
        ended &= valid
        for member in range(members):
            for step in range(steps):
                for copy in range(copies):
                    if valid[member, step, copy]:
                        running[member, copy] += torch.tensor([rewards[member, step, copy].item(), 1.0])
                    if ended[member, step, copy]:
                        ended_returns[member].append(running[member, copy].clone())
                        running[member, copy] = 0
        episodes.add(rewards, ended, valid)
    returns, lengths = episodes.means()
    for member, all_of_them in enumerate(ended_returns):
        assert episodes.ended[member] == len(all_of_them)
        expected = torch.stack(all_of_them[-LAST:]).mean(0) if all_of_them else torch.full((2,), torch.nan)
        found = torch.stack([returns[member], lengths[member]])
        torch.testing.assert_close(found, expected.double(), equal_nan=True)


def test_a_resumed_count_goes_on():
    source = torch.Generator().manual_seed(0)
    parts = [(torch.randn(1, 8, 2, generator=source), torch.rand(1, 8, 2, generator=source) < 0.3) for _ in range(2)]
    valid = torch.ones(1, 8, 2, dtype=torch.bool)
    whole, first, second = (Episodes(1, 2, CPU) for _ in range(3))
    for rewards, ended in parts:
        whole.add(rewards, ended, valid)
    first.add(*parts[0], valid)
    second.load_state_dict(first.state_dict())
    second.add(*parts[1], valid)
    assert torch.equal(torch.stack(whole.means()), torch.stack(second.means()))
