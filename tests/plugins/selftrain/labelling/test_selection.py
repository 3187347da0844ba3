"""Each rule of selection against a loop in plain Python, member by member and sample by sample."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.schedules import Linear
from smoothkit_selftrain.config import SelectConfig
from smoothkit_selftrain.labelling.choice import make_rule, make_weighting
from smoothkit_selftrain.labelling.per_class import PerClass
from smoothkit_selftrain.labelling.ranking import KBest, TopShare, most_confident
from smoothkit_selftrain.labelling.selection import All, Fixed
from smoothkit_selftrain.labelling.self_adaptive import SelfAdaptive

from .made import made_beliefs, made_logits

seeds = st.integers(0, 999)


def rows_of(beliefs):
    """For each member, the confidence, class and number of each of its samples."""
    columns = (beliefs.confidence, beliefs.classes, beliefs.index)
    return [list(zip(*rows, strict=True)) for rows in zip(*(column.tolist() for column in columns), strict=True)]


# --- all, and a fixed threshold ---------------------------------------------------------------------------------------


def test_all_selects_everything():
    assert All().of_all(made_beliefs(made_logits())).all()


@given(st.floats(0.25, 1, allow_subnormal=False), seeds)
def test_a_fixed_threshold_is_reached_from_itself_on(threshold, seed):
    beliefs = made_beliefs(made_logits(seed=seed))
    threshold = torch.tensor(threshold).item()
    expected = [[confidence >= threshold for confidence, _, _ in rows] for rows in rows_of(beliefs)]
    assert Fixed(threshold).of_batch(beliefs).tolist() == expected
    assert Fixed(beliefs.confidence[0, 0].item()).of_all(beliefs)[0, 0]


# --- the most confident few -------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0.3, 0.5, 0.7, 0.9]), min_size=1, max_size=12), st.integers(0, 14), seeds)
def test_the_most_confident_are_the_first_of_a_sorted_list(values, count, seed):
    index = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    found = most_confident(torch.tensor([values]), index.unsqueeze(0), count)
    order = sorted(range(len(values)), key=lambda place: (-values[place], int(index[place])))
    assert found.tolist() == [[place in order[:count] for place in range(len(values))]]


@pytest.mark.parametrize("rounds_done", [0, 1, 3])
def test_k_best_takes_as_many_more_in_each_round(rounds_done):
    found = KBest(5).of_all(made_beliefs(made_logits(), rounds_done=rounds_done))
    assert found.sum(dim=1).tolist() == [5 * (rounds_done + 1)] * 3


def test_what_is_kept_counts_towards_k_best_first():
    logits = made_logits()
    kept = torch.zeros(3, 40, dtype=torch.bool)
    kept[:, :4] = True
    found = KBest(5).of_all(made_beliefs(logits, kept=kept))
    beliefs = made_beliefs(logits[:, 4:])
    assert found[:, :4].all()
    assert torch.equal(found[:, 4:], most_confident(beliefs.confidence, beliefs.index, 1))


@given(st.floats(0, 1, allow_subnormal=False))
def test_a_share_is_rounded_to_whole_samples(share):
    found = TopShare(lambda progress, rounds_done: share).of_all(made_beliefs(made_logits()))
    assert (found.sum(dim=1) - share * 40).abs().max() <= 0.5 + 1e-9


def test_a_share_may_follow_the_progress():
    select = SelectConfig(rule="share", share=Linear(shape="linear", start=0.2, end=1.0))
    rule = make_rule(select, 3, 40, 4)
    counts = [rule.of_all(made_beliefs(made_logits(), progress=p)).sum(dim=1).tolist() for p in (0.0, 0.5, 1.0)]
    assert counts == [[8] * 3, [24] * 3, [40] * 3]


def test_a_share_that_leaves_its_range_is_refused():
    select = SelectConfig(rule="share", share=Linear(shape="linear", start=0.2, end=1.5))
    with pytest.raises(ValueError, match=r"select\.share comes to 1\.5 .* from 0 to 1"):
        make_rule(select, 3, 40, 4)


# --- FlexMatch --------------------------------------------------------------------------------------------------------


def flexible(latest, classes, threshold):
    """The thresholds of one member, from the class, or None, of each sample."""
    counts = [latest.count(c) for c in range(classes)]
    most = max(*counts, latest.count(None))
    betas = [count / most for count in counts]
    return [threshold * beta / (2 - beta) for beta in betas]


@given(seeds, st.sampled_from([0.5, 0.8, 0.95]))
def test_flexmatch_is_its_loop_over_batches(seed, threshold):
    rule, samples = PerClass(threshold, members=2, samples=30, num_classes=4), 30
    latest = [[None] * samples for _ in range(2)]
    generator = torch.Generator().manual_seed(seed)
    for step in range(4):
        index = torch.stack([torch.randperm(samples, generator=generator)[:12] for _ in range(2)])
        beliefs = made_beliefs(made_logits(2, 12, seed=seed + 1000 * step, scale=3.0), index)
        expected = []
        for member, rows in enumerate(rows_of(beliefs)):
            thresholds = flexible(latest[member], 4, threshold)
            expected.append([confidence >= thresholds[c] - 1e-7 for confidence, c, _ in rows])
            for confidence, c, number in rows:
                if confidence >= threshold:
                    latest[member][number] = c
        assert rule.of_batch(beliefs).tolist() == expected
    assert rule.latest.tolist() == [[-1 if c is None else c for c in row] for row in latest]


@given(seeds)
def test_flexmatch_judges_a_whole_set_by_itself(seed):
    beliefs = made_beliefs(made_logits(seed=seed))
    expected = []
    for rows in rows_of(beliefs):
        thresholds = flexible([c if confidence >= 0.8 else None for confidence, c, _ in rows], 4, 0.8)
        expected.append([confidence >= thresholds[c] - 1e-7 for confidence, c, _ in rows])
    assert PerClass(0.8, 3, 40, 4).of_all(beliefs).tolist() == expected


def test_flexmatch_selects_everything_at_first_and_never_less_than_the_fixed_threshold():
    rule, beliefs = PerClass(0.8, 3, 40, 4), made_beliefs(made_logits())
    assert rule.of_batch(beliefs).all()
    fixed = Fixed(0.8).of_all(beliefs)
    assert (rule.of_batch(beliefs) >= fixed).all()
    assert (rule.of_all(beliefs) >= fixed).all()


def test_a_sample_that_is_twice_in_a_batch_counts_once_whatever_the_order():
    logits = torch.tensor([[[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.1, 0.0, 0.0]]])
    latest = []
    for order in ([0, 1, 2], [2, 1, 0]):
        rule = PerClass(0.8, 1, 4, 3)
        rule.of_batch(made_beliefs(logits[:, order], torch.tensor([[3, 3, 3]])))
        latest.append(rule.latest.tolist())
    assert latest == [[[-1, -1, -1, 1]]] * 2


# --- FreeMatch --------------------------------------------------------------------------------------------------------


def free(rows, probs, mean, shares):
    return [confidence >= mean * shares[c] / max(shares) - 1e-7 for confidence, c, _ in rows]


@given(seeds, st.sampled_from([0.0, 0.5, 0.99]))
def test_freematch_is_its_loop_over_batches(seed, decay):
    rule = SelfAdaptive(decay, members=2, num_classes=4)
    means, shares = [0.25, 0.25], [[0.25] * 4, [0.25] * 4]
    for step in range(4):
        beliefs = made_beliefs(made_logits(2, 12, seed=seed + 1000 * step))
        expected = []
        for member, rows in enumerate(rows_of(beliefs)):
            probs = beliefs.probs[member].tolist()
            confidence = sum(row[0] for row in rows) / 12
            means[member] = decay * means[member] + (1 - decay) * confidence
            now = [sum(row[c] for row in probs) / 12 for c in range(4)]
            shares[member] = [decay * old + (1 - decay) * new for old, new in zip(shares[member], now, strict=True)]
            expected.append(free(rows, probs, means[member], shares[member]))
        assert rule.of_batch(beliefs).tolist() == expected
    assert rule.confidence.tolist() == pytest.approx(means)


@given(seeds)
def test_freematch_judges_a_whole_set_by_its_own_means(seed):
    beliefs = made_beliefs(made_logits(seed=seed))
    expected = []
    for member, rows in enumerate(rows_of(beliefs)):
        probs = beliefs.probs[member].tolist()
        shares = [sum(row[c] for row in probs) / 40 for c in range(4)]
        expected.append(free(rows, probs, sum(row[0] for row in rows) / 40, shares))
    assert SelfAdaptive(0.99, 3, 4).of_all(beliefs).tolist() == expected


# --- what holds for all of them ---------------------------------------------------------------------------------------

RULES = {
    "all": {},
    "fixed": {"threshold": 0.8},
    "per-class": {"threshold": 0.8},
    "self-adaptive": {"decay": 0.7},
    "k-best": {"k_best": 7},
    "share": {"share": 0.3},
}


@pytest.mark.parametrize("name", RULES)
def test_no_member_looks_at_another(name):
    """Members alone select what they select beside others, over several batches."""
    select = SelectConfig(rule=name, weights="gaussian", **RULES[name])
    together, weighting = make_rule(select, 3, 40, 4), make_weighting(select, 3, 4)
    alone, weightings = (
        [make_rule(select, 1, 40, 4) for _ in range(3)],
        [make_weighting(select, 1, 4) for _ in range(3)],
    )
    assert weighting is not None
    for step in range(3):
        logits = made_logits(seed=step)
        selected, weights = together.of_batch(made_beliefs(logits)), weighting.of_batch(made_beliefs(logits))
        whole = together.of_all(made_beliefs(logits))
        for member, (rule, own) in enumerate(zip(alone, weightings, strict=True)):
            beliefs = made_beliefs(logits[member : member + 1])
            assert own is not None
            assert torch.equal(rule.of_batch(beliefs)[0], selected[member])
            assert torch.equal(rule.of_all(beliefs)[0], whole[member])
            assert torch.equal(own.of_batch(beliefs)[0], weights[member])


@pytest.mark.parametrize("name", RULES)
def test_a_whole_set_leaves_no_trace(name):
    rule = make_rule(SelectConfig(rule=name, **RULES[name]), 3, 40, 4)
    rule.of_batch(made_beliefs(made_logits()))
    before = {key: value.clone() for key, value in rule.state_dict().items()}
    rule.of_all(made_beliefs(made_logits(seed=5)))
    assert all(torch.equal(before[key], value) for key, value in rule.state_dict().items())


@pytest.mark.parametrize("name", RULES)
def test_a_restored_rule_goes_on_as_the_first(name):
    select = SelectConfig(rule=name, **RULES[name])
    rule, restored = make_rule(select, 3, 40, 4), make_rule(select, 3, 40, 4)
    rule.of_batch(made_beliefs(made_logits()))
    restored.load_state_dict(rule.state_dict())
    later = made_beliefs(made_logits(seed=1))
    assert torch.equal(rule.of_batch(later), restored.of_batch(later))


def test_every_rule_is_tested_here():
    assert set(RULES) == set(get_args(SelectConfig.model_fields["rule"].annotation))
