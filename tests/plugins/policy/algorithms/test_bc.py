"""Behaviour cloning of optimal policies: the floor of smoothed labels, what sampling it costs, and exact resumption."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit import plugins
from smoothkit.errors import UserError
from smoothkit_policy.exact.returns import expected_return
from smoothkit_policy.experts import at_random, greedy
from tests.plugins.policy.conftest import SMALL
from tests.plugins.trainings import only_config

LAKE = (
    *("environment.id=FrozenLake-v1", "environment.options={is_slippery=false}", "algorithm.name=bc"),
    *("network.hidden=[]", "train.lr=0.05", "train.max_grad_norm=1000.0", "run.log_every=100"),
    *("train.total_timesteps=32000", "evaluate.every=8000"),
)
"""A policy that is a table: each state is learned by itself."""
ALPHA, ACTIONS, STEPS = 0.1, 4, 6
SMOOTHED = (*LAKE, "target.name=ls", f"target.alpha={ALPHA}")


@pytest.fixture
def configure(bundled, monkeypatch):
    """The configuration that these overrides come to, of algorithms that need not act."""
    monkeypatch.setattr(plugins, "host", lambda: bundled)
    small = [override for override in SMALL if not override.startswith("algorithm.")]

    def configure(*overrides):
        return only_config(bundled, 'scenario = "policy"\n', (*small, *overrides))

    return configure


def on_the_way(trained):
    """The states that were shown, and the policy there."""
    states = trained.visits.nonzero().squeeze(1)
    return states, trained.policy.table()[states]


def desmoothed(policy, alpha):
    """Without its share of u, as the inverse of label smoothing says."""
    left = (policy - alpha / policy.shape[-1]).clamp(min=0)
    return left / left.sum(-1, keepdim=True)


def test_a_clone_of_the_optimal_policy_is_its_smoothed_target(learned):
    (trained,) = learned(*SMOOTHED).trained
    states, policy = on_the_way(trained)
    assert trained.smoothing == pytest.approx(ALPHA)
    assert len(states) == STEPS
    best = greedy(policy)
    assert_close(policy, (1 - ALPHA) * best + ALPHA / ACTIONS, rtol=0, atol=2e-4)


def test_sampling_the_clone_keeps_to_the_way_as_often_as_the_closed_form_says(learned):
    """P(no action but the expert's in T steps) = (1 - alpha (K - 1) / K)^T."""
    (trained,) = learned(*SMOOTHED).trained
    _, policy = on_the_way(trained)
    on_target = policy.amax(1).prod().item()
    assert on_target == pytest.approx((1 - ALPHA * (ACTIONS - 1) / ACTIONS) ** STEPS, rel=2e-3)


def test_the_sampled_return_is_lower_and_the_greedy_and_the_desmoothed_one_are_perfect(learned):
    (trained,) = learned(*SMOOTHED).trained
    table = trained.policy.table()
    returns = expected_return(trained.tables, torch.stack([table, greedy(table), desmoothed(table, ALPHA)]))
    assert returns[1].item() == 1
    _, policy = on_the_way(trained)
    # Off the way the network has learned nothing, so that only the way tells what de-smoothing gives back.
    assert desmoothed(policy, ALPHA).amax(1).min() > 0.999
    assert returns[2].item() == pytest.approx(1, abs=0.01)
    floor = (1 - ALPHA * (ACTIONS - 1) / ACTIONS) ** STEPS
    assert floor - 0.01 < returns[0].item() < 0.95
    done = learned(*SMOOTHED).runs[0].history("eval/return_sampled")
    assert done[-1] == (32000, pytest.approx(returns[0].item(), abs=1e-6))


def test_hard_labels_leave_nothing_to_sample(learned):
    (trained,) = learned(*LAKE).trained
    assert trained.smoothing == 0
    assert expected_return(trained.tables, trained.policy.table()).item() > 0.98


def test_kl_uniform_beside_hard_labels_is_label_smoothing(learned):
    """CE of a smoothed label is (1 - a) (NLL + a / (1 - a) KL(u || pi)) and a constant: they have one minimum."""
    term = ("exploration.term=kl_uniform", f"exploration.coef={ALPHA / (1 - ALPHA)}")
    (smoothed,), (held_up,) = learned(*SMOOTHED).trained, learned(*LAKE, *term).trained
    assert_close(on_the_way(held_up)[1], on_the_way(smoothed)[1], rtol=0, atol=5e-4)


def test_a_noisy_expert_is_cloned_with_his_noise(learned):
    """The minimum of the mean cross-entropy is the frequency of actions in each state."""
    noisy = ("algorithm.expert_noise=0.4", "algorithm.episodes=400", "train.total_timesteps=64000")
    (trained,) = learned(*LAKE, *noisy).trained
    often = trained.visits > 300
    policy = trained.policy.table()[often]
    expected = at_random(greedy(policy), 0.4)
    error = (0.25 / trained.visits[often]).sqrt().unsqueeze(1)
    # Beside the noise of the demonstrations there is that of the last batches.
    assert bool(((policy - expected).abs() < 4 * error + 0.03).all())


def test_what_is_recorded(learned):
    done = learned(*SMOOTHED)
    history = done.runs[0].history
    assert [step for step, _ in history("losses/policy_loss")] == [6400, 12800, 19200, 25600, 32000]
    least = -sum(p * torch.tensor(p).log().item() for p in (0.925, 0.025, 0.025, 0.025))
    assert history("losses/policy_loss")[-1][1] == pytest.approx(least, abs=1e-4)
    assert history("imitation/agreement")[-1][1] == 1
    assert history("imitation/expert_return")[-1][1] == 1
    assert history("policy/entropy")[-1][1] == pytest.approx(least, abs=5e-3)
    assert [step for step, _ in history("eval/return_greedy")] == [8000, 16000, 24000, 32000]


SHORT = ("algorithm.name=bc", "algorithm.episodes=3", "algorithm.batch_size=8", "environment.id=FrozenLake-v1")


def test_a_run_that_stopped_goes_on_as_if_it_had_not(learn, learned, tmp_path):
    whole = learned(*SHORT, seeds=(0, 1))
    parted = learn(*SHORT, seeds=(0, 1), stop_after=7, directory=tmp_path / "parted")
    for member in range(2):
        assert torch.equal(whole.weights(member), parted.weights(member))
        assert whole.runs[member]._history.rows == parted.runs[member]._history.rows


def test_who_else_is_trained_changes_no_draw(learn, learned, tmp_path):
    together, alone = learned(*SHORT, seeds=(0, 1)), learn(*SHORT, seeds=(1,), directory=tmp_path / "alone")
    assert_close(together.weights(1), alone.weights())
    assert torch.equal(together.trained[1].visits, alone.trained[0].visits)
    assert not torch.equal(together.weights(0), together.weights(1))


def test_targets_that_are_no_distribution_are_refused(learn):
    with pytest.raises(UserError, match="target: Focal is no fixed distribution"):
        learn(*SHORT, "target.name=focal")


@pytest.fixture
def finished(learn, tmp_path):
    """The folder of a clone that learned to hold a pole from itself, so to say: a run that has ended."""
    import tomlkit

    from smoothkit.config import dump
    from smoothkit.files import CONFIG, RESULT

    def finished(*overrides):
        done = learn(*overrides, directory=tmp_path / "expert")
        run = done.runs[0]
        (run.directory / CONFIG).write_text(tomlkit.dumps(dump(done.config)), encoding="utf-8")
        (run.directory / RESULT).write_text("{}", encoding="utf-8")
        return done

    return finished


POLE = ("environment.id=CartPole-v1", "environment.max_episode_steps=20", "environment.num_envs=3")


@pytest.mark.parametrize("mode", [("sync", "same-step"), ("sync", "next-step"), ("native", "next-step")])
def test_a_finished_run_is_imitated_in_an_environment_without_tables(mode, finished, learn, tmp_path):
    how = (f"environment.mode={mode[0]}", f"environment.autoreset={mode[1]}")
    norm = "environment.normalize_observations=true"
    expert = finished(*POLE, *how, norm, "algorithm.name=awr", "train.total_timesteps=768").trained[0]
    folder = tmp_path / "expert" / "seed-{seed}"
    cloning = ("algorithm.name=bc", f"algorithm.expert={folder}", "algorithm.batch_size=64", "algorithm.episodes=8")
    many = ("train.total_timesteps=19200", "train.lr=0.01", "evaluate.every=9600", norm)
    done = learn(*POLE, *how, *cloning, *many, directory=tmp_path / "clone")
    history = done.runs[0].history
    assert history("imitation/agreement")[-1][1] > 0.9
    states = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * 0.05
    same = greedy(expert.policy.log_probs(states)) == greedy(done.trained[0].policy.log_probs(states))
    assert same.float().mean() > 0.8


def test_experts_that_do_not_suit_are_refused(finished, learn, tmp_path):
    folder = finished(*SHORT).runs[0].directory
    cases = {
        "is neither 'optimal' nor the folder of a run .* did you mean": f"algorithm.expert={tmp_path}/expert/seed-3",
        "has environment.id = 'FrozenLake-v1', and this run 'CliffWalking-v1'": f"algorithm.expert={folder}",
    }
    cliff = (*SHORT, "environment.id=CliffWalking-v1", "environment.max_episode_steps=50")
    for message, override in cases.items():
        with pytest.raises(UserError, match=rf"algorithm.expert: .*{message}"):
            learn(*cliff, override, directory=tmp_path / "clone")
    (folder / "result.json").unlink()
    with pytest.raises(UserError, match="has not finished"):
        learn(*SHORT, f"algorithm.expert={folder}", directory=tmp_path / "clone")
    (folder / "config.toml").write_text('scenario = "gan"\n', encoding="utf-8")
    with pytest.raises(UserError, match="is a run of 'gan', which trains no policy"):
        learn(*SHORT, f"algorithm.expert={folder}", directory=tmp_path / "clone")


@pytest.mark.slow
def test_a_pole_is_held_up_as_the_expert_does(finished, learn, tmp_path):
    """With smoothed labels too, sampled or not: in hundreds of steps some action is off its target for certain, but
    where a step can be put right by the next, that costs little; the closed form above is of steps that cannot."""
    pole = ("environment.id=CartPole-v1", "environment.mode=native", "environment.num_envs=8", "network.hidden=[64,64]")
    acting = ("algorithm.name=awr", "algorithm.num_steps=128", "train.total_timesteps=61440", "train.lr=0.001")
    finished(*pole, *acting, "evaluate.every=61440")
    folder = tmp_path / "expert" / "seed-0"
    cloning = ("algorithm.name=bc", f"algorithm.expert={folder}", "algorithm.episodes=20", "train.lr=0.003")
    smoothed = ("target.name=ls", "target.alpha=0.1")
    long = ("train.total_timesteps=64000", "evaluate.every=64000", "evaluate.episodes_during_training=20")
    done = learn(*pole, *cloning, *long, *smoothed, directory=tmp_path / "clone")
    history = done.runs[0].history
    expert = history("imitation/expert_return")[-1][1]
    assert expert > 150
    for manner in ("greedy", "sampled"):
        assert history(f"eval/return_{manner}")[-1][1] > 0.7 * expert
    assert history("policy/entropy")[-1][1] > 0.15
