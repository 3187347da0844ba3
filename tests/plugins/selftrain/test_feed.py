"""What a step reads: every sample in its turn, each member by itself, and processes share what one would read."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.augment.normalise import Normalise
from smoothkit.distributed import Group
from smoothkit.errors import UserError
from smoothkit_selftrain.config import TrainConfig
from smoothkit_selftrain.data.feed import Feed, batch_sizes, share
from smoothkit_selftrain.data.parts import split_together
from smoothkit_selftrain.data.rows import EndlessRow
from smoothkit_selftrain.mixup import taken
from tests.plugins.selftrain.kinds import VIEWS


@pytest.fixture
def feed(configure, make_runs):
    """The feed of these overrides, and the parts."""

    def feed(*overrides, seeds=(0,), group=None):
        config = configure(*overrides)
        runs = make_runs(config, seeds, group=group)
        parts = split_together(config.data, seeds)
        return Feed(config, runs, parts), parts

    return feed


# --- the order --------------------------------------------------------------------------------------------------------


@given(st.integers(1, 50), st.integers(1, 70), st.integers(0, 2**20))
def test_a_sample_comes_again_only_when_all_have_come(samples, batch, seed):
    row, seen = EndlessRow(samples, [seed], "order"), []
    for number in range(5):
        index, visits = row.at(number * batch, batch)
        seen += index[0].tolist()
        assert visits.tolist() == [place // samples for place in range(number * batch, (number + 1) * batch)]
    counts = Counter(seen)
    full = len(seen) // samples
    assert all(full <= counts[each] <= full + 1 for each in range(samples))
    for start in range(0, full * samples, samples):
        assert sorted(seen[start : start + samples]) == list(range(samples))


def test_the_row_of_a_seed_does_not_depend_on_where_it_is_read_or_who_reads_along():
    together, alone = EndlessRow(7, [1, 2], "order"), EndlessRow(7, [2], "order")
    whole = torch.cat([together.at(start, 50)[0] for start in range(0, 10000, 50)], dim=1)
    assert torch.equal(alone.at(4090, 20)[0][0], whole[1, 4090:4110])
    assert not torch.equal(whole[0], whole[1])


# --- lessons ----------------------------------------------------------------------------------------------------------


def test_round_0_has_labelled_samples_alone(feed):
    found, _ = feed("train.supervised_steps=2")
    for step in (1, 2):
        lesson = found.at(step)
        assert lesson.inputs.shape == (1, 8, 1, 8, 8)
        assert lesson.unlabelled.shape == (1, 0)
        assert lesson.weak is None
    assert found.at(3).inputs.shape == (1, 32, 1, 8, 8)
    assert found.at(3).unlabelled.shape == (1, 24)


def test_without_augmentations_all_views_are_the_samples_as_they_are(feed):
    found, (parts,) = feed("train.supervised_steps=2")
    normalise = Normalise(parts.data.mean, parts.data.std)
    lesson = found.at(4)
    labelled = normalise(parts.labelled.images[lesson.labelled[0]])
    unlabelled = normalise(parts.unlabelled[lesson.unlabelled[0]])
    assert torch.equal(lesson.inputs[0], torch.cat([labelled, unlabelled]))
    assert torch.equal(lesson.weak[0], unlabelled)
    assert torch.equal(found.plain(parts.unlabelled_rows[None])[0], normalise(parts.unlabelled))


def test_labels_made_between_rounds_need_no_weak_view(feed):
    found, _ = feed(*VIEWS, "pseudo.relabel=round")
    assert found.at(20).weak is None


@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_a_lesson_is_a_function_of_seed_and_step(mixup, feed):
    """Whichever steps were read before, and whoever reads along."""
    overrides = (*VIEWS, f"train.mixup={mixup}")
    together, _ = feed(*overrides, seeds=(5, 6))
    *_, lesson = (together.at(step) for step in range(1, 41))
    alone, _ = feed(*overrides, seeds=(6,))
    own = alone.at(40)
    for name in ("inputs", "labelled", "unlabelled", "weak"):
        assert torch.equal(getattr(own, name)[0], getattr(lesson, name)[1])
        assert not torch.equal(getattr(own, name)[0], getattr(lesson, name)[0])


def test_weak_and_strong_views_are_drawn_apart_and_are_shifts_of_the_sample(feed):
    crop = "[{name='crop', padding=1}]"
    found, (parts,) = feed(f"views.weak={crop}", f"views.strong={crop}")
    lesson = found.at(10)
    weak, strong = lesson.weak[0], lesson.inputs[0, 8:]
    assert not torch.equal(weak, strong)
    inner = found.plain(parts.unlabelled_rows[lesson.unlabelled[0]][None])[0, :, :, 1:-1, 1:-1]
    for view in (weak, strong):
        windows = view.unfold(2, 6, 1).unfold(3, 6, 1)
        same = (windows == inner[:, :, None, None]).flatten(4).all(-1).flatten(1).any(1)
        assert same.all()


def test_labelled_samples_are_seen_in_the_view_that_the_file_chooses(feed):
    crop = "[{name='crop', padding=1}]"
    for table, view, is_plain in (("weak", "strong", True), ("strong", "weak", True), ("strong", "strong", False)):
        found, (parts,) = feed(f"views.{table}={crop}", f"views.labelled={view}")
        lesson = found.at(1)
        assert torch.equal(lesson.inputs, found.plain(parts.labelled_rows[lesson.labelled[0]][None])) == is_plain


def test_pixel_stages_change_stored_images_one_by_one(feed):
    found, (parts,) = feed("views.strong=[{name='randaugment'}]", "train.batch_size=8")
    again, _ = feed("views.strong=[{name='randaugment'}]", "train.batch_size=8", seeds=(0, 1))
    lesson = found.at(9)
    plain = found.plain(parts.unlabelled_rows[lesson.unlabelled[0]][None])
    assert not torch.equal(lesson.inputs[:, 2:], plain)
    assert torch.equal(lesson.weak, plain)
    assert torch.equal(again.at(9).inputs[0], lesson.inputs[0])


@pytest.mark.parametrize("overrides", [(), VIEWS, (*VIEWS, "train.mixup=0.5")])
def test_the_shares_of_two_processes_are_the_whole(overrides, feed):
    whole, _ = feed(*overrides, seeds=(0, 1))
    halves = [feed(*overrides, seeds=(0, 1), group=Group(rank, 2))[0] for rank in (0, 1)]
    for step in (2, 9):
        lesson, own = whole.at(step), [half.at(step) for half in halves]
        for each in own:
            assert torch.equal(each.labelled, lesson.labelled)
            assert torch.equal(each.unlabelled, lesson.unlabelled)
        labelled, unlabelled = ([each.inputs[:, :4] for each in own], [each.inputs[:, 4:] for each in own])
        assert_close(torch.cat([*labelled, *unlabelled], dim=1), lesson.inputs, rtol=0, atol=1e-6)
        if lesson.weak is not None:
            assert torch.equal(torch.cat([each.weak for each in own], dim=1), lesson.weak)


def test_mixtures_are_of_the_views_of_labelled_and_unlabelled_samples_alike(feed):
    plain, _ = feed("train.supervised_steps=0")
    mixed, _ = feed("train.supervised_steps=0", "train.mixup=0.7")
    for step in range(1, 6):
        before, after = plain.at(step), mixed.at(step)
        lam = after.mixing.lam.view(-1, 1, 1, 1, 1)
        partners = taken(before.inputs, after.mixing.partner)
        assert_close(after.inputs, lam * before.inputs + (1 - lam) * partners)
        assert torch.equal(after.weak, before.weak)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mixup", "cutmix", "{name='augmix', views=3}"])
def test_views_that_mix_or_multiply_are_refused(name, feed):
    name = name if name.startswith("{") else f"{{name='{name}'}}"
    with pytest.raises(UserError, match=r"^views.strong: '\w+' makes mixtures, or several views"):
        feed(f"views.strong=[{name}]")


def test_an_augmentation_that_does_not_fit_is_named_with_its_table(feed):
    found, _ = feed("views.weak=[{name='crop', padding=8}]")
    with pytest.raises(UserError, match=r"^views.weak: crop: padding is 8; expected less than"):
        found.at(1)


@given(st.integers(2, 512), st.floats(0.01, 0.99), st.integers(1, 4))
def test_batches_have_both_kinds_and_equal_shares(batch_size, labelled_share, processes):
    config = TrainConfig(batch_size=batch_size, labelled_share=labelled_share)
    sizes = batch_sizes(config, Group(0, 1))
    if any(size % processes for size in sizes):
        with pytest.raises(UserError, match=rf"^train.batch_size = {batch_size} .* multiples of {processes}"):
            batch_sizes(config, Group(0, processes))
        return
    assert sizes == batch_sizes(config, Group(0, processes))
    assert sum(sizes) == batch_size
    assert min(sizes) >= 1
    assert abs(sizes[0] - labelled_share * batch_size) <= 1
    for size in sizes:
        places = [place for rank in range(processes) for place in range(size)[share(size, Group(rank, processes))]]
        assert places == list(range(size))
