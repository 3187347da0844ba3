"""Parts: nobody is in two of them, labels are few and as balanced as asked, and the truth is behind its handle."""

import ast
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

import smoothkit_selftrain
from smoothkit.data.dataset import StreamedSet
from smoothkit.errors import DataError, UserError
from smoothkit_selftrain.config import SelfTrainDataConfig
from smoothkit_selftrain.data.parts import Parts, balanced_indices, split_together

TRAINING = 1437
"""Digits in the training part."""


def split(seeds=(0,), **values):
    return split_together(SelfTrainDataConfig.model_validate({"name": "digits", **values}), seeds)


@pytest.fixture(scope="module")
def digits():
    """The labels of the training part, by what three parts say of it."""
    (parts,) = split(labels=20, held_out=30)
    labels = torch.empty(TRAINING, dtype=torch.int64)
    for rows, own in (
        (parts.labelled_rows, parts.labels),
        (parts.held_out_rows, parts.held_out_labels),
        (parts.unlabelled_rows, parts.truth.reveal()),
    ):
        labels[rows] = own
    return labels


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(1, 300), st.integers(0, 300), st.booleans(), st.none() | st.integers(1, 800))
def test_every_sample_is_in_one_part_at_most(digits, seed, labels, held_out, balanced, unlabelled):
    (parts,) = split([seed], labels=labels, held_out=held_out, balanced=balanced, unlabelled=unlabelled)
    rows = (parts.labelled_rows, parts.held_out_rows, parts.unlabelled_rows)
    rest = TRAINING - labels - held_out
    assert [len(each) for each in rows] == [labels, held_out, min(unlabelled or rest, rest)]
    assert len(set(torch.cat(rows).tolist())) == sum(map(len, rows))
    assert all(each.tolist() == sorted(each.tolist()) for each in rows)
    assert torch.equal(digits[rows[0]], parts.labels)
    assert torch.equal(digits[rows[1]], parts.held_out_labels)
    assert torch.equal(digits[rows[2]], parts.truth.reveal())
    counts = torch.bincount(parts.labels, minlength=10)
    if balanced:
        assert counts.max() - counts.min() <= 1
    else:
        assert ((counts - labels * torch.bincount(digits) / TRAINING).abs() < 1).all()
    assert torch.equal(parts.prior, counts / labels)


def test_what_the_rows_say_is_what_the_parts_hold():
    (parts,) = split(labels=20, held_out=30, unlabelled=100)
    assert torch.equal(parts.labelled.images, parts.pool[parts.labelled_rows])
    assert torch.equal(parts.labelled.labels, parts.labels)
    assert torch.equal(parts.held_out.images, parts.pool[parts.held_out_rows])
    assert torch.equal(parts.unlabelled, parts.pool[parts.unlabelled_rows])
    assert (parts.shape, parts.num_classes, len(parts.truth)) == ((1, 8, 8), 10, 100)


def test_members_share_the_images_and_are_what_they_are_alone():
    first, second = split([3, 4])
    assert first.pool is second.pool
    (alone,) = split([4])
    assert torch.equal(second.labelled_rows, alone.labelled_rows)
    assert not torch.equal(first.labelled_rows, second.labelled_rows)


def test_fewer_labels_are_among_more():
    few, more = (set(split(labels=count)[0].labelled_rows.tolist()) for count in (20, 55))
    assert few < more


def test_no_more_than_the_truth_knows_labels_of_unlabelled_samples():
    (parts,) = split(labels=20)
    hidden = parts.truth.reveal()
    for name in {each.name for each in fields(Parts)} - {"truth", "test", "data"}:
        value = getattr(parts, name)
        assert not (value.shape == hidden.shape and torch.equal(value, hidden)), name
    assert parts.data.train.labels.unique().tolist() == [pytest.approx(0.1)]


def test_only_what_evaluates_asks_for_the_truth():
    """Names of modules that may: all others are part of the training."""
    folder = Path(smoothkit_selftrain.__file__).parent
    asking = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if "reveal" in attributes(path)}
    assert "progress.py" in asking
    assert asking <= {"anchors.py", "evaluate.py", "progress.py"}


def attributes(path):
    """All that the code of a file asks of its objects, by name."""
    return {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}


def test_the_last_label_is_refused_with_the_numbers():
    with pytest.raises(UserError, match=r"data.labels = 1400 and data.held_out = 37 are 1437 of the 1437 training"):
        split(labels=1400, held_out=37)
    (parts,) = split(labels=1400, held_out=36)
    assert len(parts.unlabelled_rows) == 1


def test_what_is_streamed_from_files_is_refused(monkeypatch):
    (parts,) = split()
    samples = TensorDataset(parts.pool)
    streamed = StreamedSet(samples, samples, torch.arange(TRAINING) % 10, (1, 8, 8))
    data = replace(parts.data, train=streamed)
    monkeypatch.setattr(SelfTrainDataConfig, "build", lambda self, root: data)
    with pytest.raises(DataError, match="streamed from files; expected images that fit into memory"):
        split()


def test_images_get_the_size_that_the_model_needs():
    config = SelfTrainDataConfig(name="digits")
    assert split_together(config, [0], required_size=32)[0].shape == (1, 32, 32)
    assert split_together(SelfTrainDataConfig(name="digits", image_size=16), [0], required_size=32)[0].shape[1] == 16


# --- balanced choices -------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data(), st.integers(0, 2**31))
def test_as_balanced_as_there_are_samples(labels, data, seed):
    labels = torch.tensor(labels)
    count = data.draw(st.integers(0, len(labels)))
    chosen = balanced_indices(labels, count, 5, torch.Generator().manual_seed(seed))
    assert len(set(chosen.tolist())) == count
    taken, there = torch.bincount(labels[chosen], minlength=5), torch.bincount(labels, minlength=5)
    # A class may have fewer than the largest by two or more only if it has no sample left.
    assert ((taken >= taken.max() - 1) | (taken == there)).all()


def test_a_remainder_falls_on_any_class():
    labels = torch.arange(4).repeat(5)
    found = [balanced_indices(labels, 5, 4, torch.Generator().manual_seed(seed)) for seed in range(400)]
    extra = torch.stack([torch.bincount(labels[each], minlength=4).argmax() for each in found])
    # Binomial(400, 1/4): 100, and a standard deviation of 8.7.
    assert (torch.bincount(extra, minlength=4) - 100).abs().max() < 40
