"""Running statistics against those of all values at once."""

import torch

from smoothkit_policy.normalisation import Moments, Observer, RewardScale

CPU = torch.device("cpu")


def test_moments_are_those_of_all_rows_that_count():
    source = torch.Generator().manual_seed(0)
    moments = Moments(2, 3, CPU)
    rows, kept = [], []
    for number in (5, 1, 7):
        rows.append(torch.randn(2, number, 3, generator=source) * 4 + 100)
        kept.append((torch.rand(2, number, generator=source) < 0.7).float())
        moments.add(rows[-1], kept[-1])
    for member in range(2):
        counted = torch.cat([row[member][own[member] > 0] for row, own in zip(rows, kept, strict=True)]).double()
        torch.testing.assert_close(moments.mean[member], counted.mean(0))
        torch.testing.assert_close(moments.deviation[member], counted.std(0, correction=0))


def test_observations_are_normalised_by_what_was_seen_before():
    observer = Observer(1, 2, CPU)
    seen = torch.tensor([[[1.0, 10.0], [3.0, 30.0]]])
    assert torch.equal(observer(seen), seen.clamp(max=10))
    observer.learn(seen, torch.ones(1, 2))
    torch.testing.assert_close(observer(seen), torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]))
    assert observer(torch.full((1, 1, 2), 1e9)).max() == 10
    torch.testing.assert_close(observer.member(0)(seen), observer(seen))


def test_rewards_are_in_units_of_discounted_returns():
    scale = RewardScale(1, 1, 0.5, CPU)
    rewards = torch.tensor([4.0, 0.0, 8.0]).view(1, 3, 1)
    ended = torch.tensor([False, True, False]).view(1, 3, 1)
    returns = torch.tensor([4.0, 2.0, 8.0]).double()
    found = scale(rewards, ended, torch.ones(1, 3, 1))
    torch.testing.assert_close(found, rewards / returns.std(correction=0).float())
    whole = RewardScale(1, 1, 0.5, CPU)
    whole.load_state_dict(scale.state_dict())
    assert torch.equal(whole(rewards, ended, torch.ones(1, 3, 1)), scale(rewards, ended, torch.ones(1, 3, 1)))
