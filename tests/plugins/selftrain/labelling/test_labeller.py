"""The whole way to pseudo-labels: its parts in their order, what it keeps, and any number of processes."""

from dataclasses import fields

import pytest
import torch
from torch.testing import assert_close

from smoothkit.distributed import Group
from smoothkit.schedules import Alternate
from smoothkit_selftrain.config import PseudoConfig, SelectConfig
from smoothkit_selftrain.labelling.alignment import Alignment
from smoothkit_selftrain.labelling.labelled import PseudoLabels
from smoothkit_selftrain.labelling.labeller import Labeller
from smoothkit_selftrain.labelling.labels import sharpened
from smoothkit_selftrain.labelling.weighting import GaussianWeights

from .made import in_threads, made_beliefs, made_logits

MEMBERS, SAMPLES, CLASSES, ROUNDS = 3, 40, 4, 5
PRIORS = torch.tensor([[0.25] * 4, [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
SELECTS = [
    SelectConfig(rule="all", weights="gaussian", decay=0.6),
    SelectConfig(rule="fixed", threshold=0.7),
    SelectConfig(rule="per-class", threshold=0.7, weights="gaussian"),
    SelectConfig(rule="self-adaptive", decay=0.6),
    SelectConfig(rule="share", share=0.4),
]


def make(pseudo=None, select=None, priors=PRIORS):
    pseudo = PseudoConfig(alignment="labelled", alignment_decay=0.8) if pseudo is None else pseudo
    return Labeller(pseudo, SELECTS[1] if select is None else select, priors, SAMPLES, ROUNDS)


def assert_same(found, expected, **tolerance):
    for each in fields(expected):
        assert_close(getattr(found, each.name), getattr(expected, each.name), **tolerance)


def of_member(labels, member):
    return PseudoLabels(**{each.name: getattr(labels, each.name)[member : member + 1] for each in fields(labels)})


def batch(step, size=12):
    generator = torch.Generator().manual_seed(step)
    index = torch.stack([torch.randperm(SAMPLES, generator=generator)[:size] for _ in range(MEMBERS)])
    return made_logits(MEMBERS, size, seed=100 + step), index


# --- the order of the parts -------------------------------------------------------------------------------------------


def test_a_whole_set_is_aligned_then_judged_then_sharpened():
    logits = made_logits()
    pseudo = PseudoConfig(labels="soft", temperature=0.5, alignment="labelled")
    found = make(pseudo, SelectConfig(rule="fixed", threshold=0.6, weights="gaussian")).of_all(logits, 0, 0.0)
    log_probs = Alignment(PRIORS, 0.99).of_all(logits.log_softmax(dim=-1))
    confidence = log_probs.exp().amax(dim=-1)
    gaussian = GaussianWeights(0.99, MEMBERS, CLASSES).of_all(made_beliefs(log_probs))
    assert_close(found.logits, log_probs)
    assert_close(found.labels, sharpened(log_probs, 0.5))
    assert_close(found.confidence, confidence)
    assert torch.equal(found.classes, log_probs.argmax(dim=-1))
    assert_close(found.weights, (confidence >= 0.6) * gaussian)


def test_a_batch_is_aligned_then_judged():
    logits, index = batch(0)
    found = make().of_batch(logits, index, 0.0, Group())
    log_probs = Alignment(PRIORS, 0.8).of_batch(logits.log_softmax(dim=-1))
    assert_close(found.logits, log_probs)
    assert torch.equal(found.labels, log_probs.argmax(dim=-1))
    assert_close(found.weights, (log_probs.exp().amax(dim=-1) >= 0.7).float())


def test_logits_of_half_precision_are_labelled_in_full():
    found = make().of_all(made_logits().half(), 0, 0.0)
    assert found.logits.dtype == torch.float32
    assert_close(found.logits.exp().sum(dim=-1), torch.ones(MEMBERS, SAMPLES))


def test_labels_carry_no_graph():
    found = make().of_all(made_logits().requires_grad_(), 0, 0.0)
    assert not found.logits.requires_grad
    assert not found.weights.requires_grad


def test_a_schedule_by_rounds_is_told_the_same_by_batches_and_whole_sets():
    """During round r + 1, and at the end of round r, r rounds have ended; also where a third of them is three times
    short of one."""
    share = Alternate(shape="alternate", values=(0.25, 0.75))
    labeller = Labeller(PseudoConfig(), SelectConfig(rule="share", share=share), PRIORS, SAMPLES, rounds=49)
    for ended in range(49):
        expected = 0.75 if ended % 2 else 0.25
        logits, index = batch(0)
        for progress in (ended / 49, (ended + 0.9) / 49):
            assert labeller.of_batch(logits, index, progress, Group()).weights.mean().item() == expected
        assert labeller.of_all(made_logits(), ended, ended / 49).weights.mean().item() == expected


# --- several processes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", SELECTS, ids=lambda select: select.rule)
@pytest.mark.parametrize("sizes", [(6, 6), (7, 5), (3, 4, 5)], ids=str)
def test_processes_with_shares_of_a_batch_do_what_one_does_with_all_of_it(select, sizes):
    """To the bit: labels and weights of each share, and the state that all are left with."""
    one = make(select=select)
    several = [make(select=select) for _ in sizes]
    for step in range(3):
        logits, index = batch(step)
        whole = one.of_batch(logits, index, 0.1 * step, Group())
        shares = list(zip(logits.split(sizes, dim=1), index.split(sizes, dim=1), strict=True))

        def label_share(group, shares=shares, step=step):
            return several[group.rank].of_batch(*shares[group.rank], 0.1 * step, group)

        parts = in_threads(len(sizes), label_share)
        for each in fields(whole):
            joined = torch.cat([getattr(part, each.name) for part in parts], dim=1)
            assert torch.equal(joined, getattr(whole, each.name)), each.name
    for labeller in several:
        assert_state(labeller, one.state_dict())


def assert_state(labeller, expected):
    state = labeller.state_dict()
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(state[name], value), name


def test_the_order_of_shares_does_not_matter():
    """A batch in another order has the same statistics within rounding, and the same samples selected."""
    for select in SELECTS:
        first, second = make(select=select), make(select=select)
        order = torch.randperm(12, generator=torch.Generator().manual_seed(7))
        for step in range(3):
            logits, index = batch(step)
            found = first.of_batch(logits, index, 0.0, Group())
            turned = second.of_batch(logits[:, order], index[:, order], 0.0, Group())
            assert_close(turned.weights, found.weights[:, order])
        for name, value in first.state_dict().items():
            assert_close(second.state_dict()[name], value)


# --- what is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relabel", ["step", "round", "never"])
def test_a_whole_set_changes_nothing_unless_it_is_to_be_kept(relabel):
    labeller = make(PseudoConfig(relabel=relabel, alignment="uniform"), SELECTS[2])
    labeller.of_batch(*batch(0), 0.0, Group())
    before = {name: value.clone() for name, value in labeller.state_dict().items()}
    labeller.of_all(made_logits(), 1, 0.2)
    assert_state(labeller, before)


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_kept_labels_are_those_of_the_whole_set_until_the_next(kind):
    labeller = make(PseudoConfig(labels=kind, relabel="round", alignment="uniform"))
    _, index = batch(0)
    assert labeller.of_kept(index).weights.count_nonzero() == 0
    for round in range(2):
        whole = labeller.of_all(made_logits(seed=round), round, 0.0, keep=True)
        labeller.of_all(made_logits(seed=9), round, 0.0)
        found = labeller.of_kept(index)
        for each in fields(found):
            values = getattr(whole, each.name)
            expected = torch.stack([values[member, index[member]] for member in range(MEMBERS)])
            assert torch.equal(getattr(found, each.name), expected), each.name


def test_labels_made_at_each_step_are_not_kept():
    labeller = make(PseudoConfig())
    labeller.of_all(made_logits(), 0, 0.0, keep=True)
    assert not any("kept" in name for name in labeller.state_dict())


@pytest.mark.parametrize("select", [*SELECTS, SelectConfig(rule="k-best", k_best=6)], ids=lambda select: select.rule)
def test_a_label_that_was_selected_once_is_never_revised(select):
    """Scikit-learn's self-training: what is selected keeps its label; the others are judged anew."""
    labeller = make(PseudoConfig(relabel="never"), select)
    free = make(PseudoConfig(relabel="round"), select)
    before = labeller.of_all(made_logits(seed=0), 0, 0.0, keep=True)
    for round in (1, 2):
        logits = made_logits(seed=round)
        found = labeller.of_all(logits, round, 0.0, keep=True)
        anew = free.of_all(logits, round, 0.0)
        kept = before.weights > 0
        for each in fields(found):
            values, old, new = (getattr(labels, each.name) for labels in (found, before, anew))
            assert torch.equal(values[kept], old[kept]), each.name
            if each.name != "weights":
                assert torch.equal(values[~kept], new[~kept]), each.name
        before = found


def test_k_best_grows_by_as_many_labels_in_each_round():
    labeller = make(PseudoConfig(relabel="never"), SelectConfig(rule="k-best", k_best=6))
    for round in range(3):
        found = labeller.of_all(made_logits(seed=round), round, 0.0, keep=True)
        assert (found.weights > 0).sum(dim=1).tolist() == [6 * (round + 1)] * MEMBERS


@pytest.mark.parametrize("select", [*SELECTS, SelectConfig(rule="k-best", k_best=6)], ids=lambda select: select.rule)
@pytest.mark.parametrize("relabel", ["round", "never"])
def test_keeping_the_same_predictions_twice_is_keeping_them_once(relabel, select):
    labeller = make(PseudoConfig(relabel=relabel), select)
    labeller.of_all(made_logits(seed=1), 0, 0.0, keep=True)
    once = labeller.of_all(made_logits(), 1, 0.2, keep=True)
    assert_same(labeller.of_all(made_logits(), 1, 0.2), once, rtol=0, atol=0)


# --- state ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", SELECTS, ids=lambda select: select.rule)
@pytest.mark.parametrize("relabel", ["step", "round", "never"])
def test_a_restored_labeller_goes_on_bit_for_bit(select, relabel):
    pseudo = PseudoConfig(labels="soft", relabel=relabel, alignment=(1.0, 2.0, 1.0, 2.0))
    first, second = make(pseudo, select), make(pseudo, select)
    for step in range(3):
        first.of_batch(*batch(step), 0.0, Group())
    first.of_all(made_logits(), 0, 0.0, keep=True)
    second.load_state_dict(first.state_dict())
    assert_same(second.of_batch(*batch(4), 0.0, Group()), first.of_batch(*batch(4), 0.0, Group()), rtol=0, atol=0)
    later = [each.of_all(made_logits(seed=3), 1, 0.2, keep=True) for each in (second, first)]
    assert_same(*later, rtol=0, atol=0)


@pytest.mark.parametrize("select", SELECTS, ids=lambda select: select.rule)
def test_a_labeller_that_begins_anew_is_a_new_one_but_for_what_it_kept(select):
    pseudo = PseudoConfig(relabel="never", alignment="labelled")
    used, new = make(pseudo, select), make(pseudo, select)
    for each in (used, new):
        each.of_all(made_logits(), 0, 0.0, keep=True)
    fresh = {name: value.clone() for name, value in new.state_dict().items()}
    used.of_batch(*batch(1), 0.0, Group())
    assert any(not torch.equal(value, fresh[name]) for name, value in used.state_dict().items())
    used.begin_anew()
    assert all(torch.equal(value, fresh[name]) for name, value in used.state_dict().items())
    assert used.kept_weights.any()


@pytest.mark.parametrize("relabel", ["step", "never"])
def test_every_tensor_that_is_saved_has_the_members_first(relabel):
    for select in SELECTS:
        state = make(PseudoConfig(relabel=relabel, alignment="uniform"), select).state_dict()
        assert all(len(value) == MEMBERS for value in state.values())


@pytest.mark.parametrize("select", SELECTS, ids=lambda select: select.rule)
def test_members_together_are_members_alone(select):
    pseudo = PseudoConfig(labels="soft", relabel="round", alignment="labelled")
    together = make(pseudo, select)
    alone = [make(pseudo, select, PRIORS[member : member + 1]) for member in range(MEMBERS)]
    for step in range(3):
        logits, index = batch(step)
        found = together.of_batch(logits, index, 0.0, Group())
        for member, labeller in enumerate(alone):
            own = slice(member, member + 1)
            assert_same(labeller.of_batch(logits[own], index[own], 0.0, Group()), of_member(found, member))
    whole = together.of_all(made_logits(), 1, 0.2)
    for member, labeller in enumerate(alone):
        assert_same(labeller.of_all(made_logits()[member : member + 1], 1, 0.2), of_member(whole, member))


def test_a_prior_of_other_classes_is_refused():
    with pytest.raises(ValueError, match=r"pseudo\.alignment has 3 numbers, and the data have 4 classes"):
        make(PseudoConfig(alignment=(1.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    ("pseudo", "other"),
    [
        ({"labels": "hard"}, {"labels": "soft"}),
        ({"labels": "soft"}, {"labels": "soft", "temperature": 0.5}),
        ({"alignment": "none"}, {"alignment": "uniform"}),
        ({"alignment": "uniform"}, {"alignment": "labelled"}),
        ({"alignment": "uniform"}, {"alignment": (1.0, 2.0, 3.0, 4.0)}),
        ({"alignment": "uniform", "alignment_decay": 0.99}, {"alignment": "uniform", "alignment_decay": 0.0}),
    ],
    ids=str,
)
def test_every_option_changes_labels(pseudo, other):
    found = []
    for options in (pseudo, other):
        labeller = make(PseudoConfig(**options))
        labeller.of_batch(*batch(0), 0.0, Group())
        found.append(labeller.of_batch(*batch(1), 0.0, Group()))
    # Between two alignments hard labels may agree; the distributions do not.
    first, second = ((each.labels if pseudo.get("labels") else each.logits) for each in found)
    assert first.shape != second.shape or not torch.equal(first, second)
