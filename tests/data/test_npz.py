"""The user's own arrays: every accepted layout, and one error for each fault."""

import numpy as np
import pytest
import torch

from smoothkit.data.npz import npz
from smoothkit.data.sizing import fitted
from smoothkit.errors import DataError

RANDOM = np.random.default_rng(0)


def pixels(*shape):
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def arrays(**changes):
    """A sound file's arrays, with some replaced, or left out where None."""
    content = {
        "train_images": pixels(12, 6, 6),
        "train_labels": np.arange(12) % 3,
        "test_images": pixels(6, 6, 6),
        "test_labels": np.arange(6) % 3,
    } | changes
    return {key: value for key, value in content.items() if value is not None}


def whole(images, labels, **more):
    return {"images": images, "labels": labels, **more}


@pytest.fixture
def load(tmp_path):
    def write_and_read(content, **options):
        np.savez(tmp_path / "mine.npz", **content)
        return npz(tmp_path, str(tmp_path / "mine.npz"), **options)

    return write_and_read


def test_parts_are_read_as_they_stand(load):
    content = arrays(class_names=np.array(["cat", "dog", "fox"]))
    data = load(content)
    assert data.class_names == ("cat", "dog", "fox")
    assert data.train.images.dtype == torch.uint8
    assert np.array_equal(data.train.images[:, 0], content["train_images"])
    assert np.array_equal(data.test.labels, content["test_labels"])
    assert data.mean[0] == pytest.approx(content["train_images"].mean() / 255)
    assert data.std[0] == pytest.approx(content["train_images"].std() / 255)


def test_one_array_is_split_the_same_way_each_time(load):
    content = whole(pixels(50, 4, 4), np.arange(50) % 5)
    first, again = load(content), load(content)
    assert (len(first.train), len(first.test)) == (40, 10)
    assert torch.bincount(first.test.labels).tolist() == [2] * 5
    assert torch.equal(first.test.images, again.test.images)
    assert first.class_names == ("0", "1", "2", "3", "4")
    assert len(load(content, test_share=0.5).test) == 25


@pytest.mark.parametrize(
    ("shape", "channels_axis", "expected"),
    [
        ((20, 6, 6), None, (1, 6, 6)),
        ((20, 6, 6, 3), 3, (3, 6, 6)),
        ((20, 3, 6, 6), 1, (3, 6, 6)),
        ((20, 1, 6, 6), 1, (1, 6, 6)),
        ((20, 6, 6, 13), 3, (13, 6, 6)),
        ((20, 13, 6, 6), 1, (13, 6, 6)),
        ((20, 3, 3, 3), 1, (3, 3, 3)),
    ],
)
def test_layouts(load, shape, channels_axis, expected):
    images = pixels(*shape)
    data = load(arrays(train_images=images[:12], test_images=images[12:18]))
    assert data.train.shape == expected
    if channels_axis == 3:
        assert np.array_equal(data.train.images, np.moveaxis(images[:12], 3, 1))


def test_features_and_soft_labels(load):
    soft = RANDOM.dirichlet(np.ones(4), 30)
    features = RANDOM.normal(3, 2, (30, 7))
    data = load(whole(features, soft))
    assert data.train.labels.dtype == torch.float32
    assert data.train.shape == (7,)
    assert (data.num_classes, data.in_channels, data.image_size) == (4, 7, 1)
    normal = (data.train.images - torch.tensor(data.mean)) / torch.tensor(data.std)
    torch.testing.assert_close(normal.mean(0), torch.zeros(7), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std(0, correction=0), torch.ones(7))


def test_integer_features_are_numbers_not_pixels(load):
    data = load(whole(RANDOM.integers(-5000, 5000, (30, 2)), np.arange(30) % 2))
    assert data.train.images.dtype == torch.float32


def test_images_that_are_not_square_can_be_fitted(load):
    data = fitted(load(arrays(train_images=pixels(12, 5, 6), test_images=pixels(6, 5, 6))), 8)
    assert data.train.shape == data.test.shape == (1, 8, 8)


NAN = np.zeros((12, 6, 6))
NAN[4, 1, 1] = np.nan
TEXT = np.array(["a", None], dtype=object)
SKEWED = np.full((12, 3), 1 / 3)
SKEWED[5] = [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (arrays(test_labels=None), "lacks test_labels; expected train_images, .*; there is train_images, train_labels"),
        ({"x": np.zeros(3)}, "lacks train_images, .*; there is none of these"),
        (whole(pixels(5, 4, 4), None), "labels: object of shape|labels cannot be read"),
        ({"images": pixels(5, 4, 4)}, "lacks labels"),
        (arrays(train_images=pixels(11, 6, 6)), "train_images: 11 images but 12 labels"),
        (arrays(test_images=pixels(0, 6, 6), test_labels=np.arange(0)), "test_images: there are no samples"),
        (arrays(train_images=NAN), "train_images images: sample 4 holds nan; expected finite"),
        (arrays(train_images=np.full((12, 6, 6), 1e300)), "train_images images: sample 0 holds inf"),
        (arrays(train_images=np.full((12, 6, 6), 300)), "train_images: integers from 300 to 300; expected 0 to 255"),
        (arrays(train_images=np.full((12, 6, 6), "x")), "train_images: values of type <U1"),
        (arrays(train_images=np.zeros(12)), r"train_images: shape \(12,\); expected \(N, H, W\)"),
        (arrays(train_images=pixels(12, 5, 6, 7)), r"train_images: shape \(12, 5, 6, 7\); cannot tell"),
        (arrays(test_images=pixels(6, 7, 7)), r"training samples have shape \(1, 6, 6\) and test samples \(1, 7, 7\)"),
        (arrays(train_labels=np.arange(12) % 3 - 1), "train_labels labels: sample 0 has label -1; expected 0 to 1"),
        (arrays(test_labels=np.array([0, 1, 2, 3, 0, 0])), "test_labels labels: sample 3 has label 3; expected 0 to 2"),
        (arrays(train_labels=np.arange(12) % 3 * 2), r"class '1' \(label 1\) has no sample in the training part"),
        (arrays(train_labels=np.zeros(12)), r"train_labels: float64 of shape \(12,\); expected integers \(N,\)"),
        (arrays(train_labels=np.zeros((12, 1), int)), r"train_labels: int64 of shape \(12, 1\)"),
        (arrays(train_labels=SKEWED), "train_labels labels: the probabilities of sample 5 sum to 1.5"),
        (arrays(class_names=np.arange(3)), r"class_names is int64 of shape \(3,\); expected text"),
        (arrays(class_names=np.array(["a", "b"])), "train_labels labels: sample 2 has label 2; expected 0 to 1"),
        (arrays(class_names=TEXT), r"class_names cannot be read .*; store .*dtype=str"),
        (whole(pixels(2, 4, 4), np.arange(2)), "images: 2 samples cannot give a test part of 0.2"),
    ],
)
def test_faults_name_file_and_key(load, content, message):
    with pytest.raises(DataError, match=rf"mine\.npz: .*({message})") as caught:
        load(content)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: there is no such file"):
        npz(tmp_path, str(tmp_path / "none.npz"))


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"one\.npy: holds a single array"):
        npz(tmp_path, str(tmp_path / "one.npy"))


@pytest.mark.parametrize("kept", [0, 10, 400, -200])
def test_a_truncated_file_is_named(tmp_path, kept):
    file = tmp_path / "cut.npz"
    np.savez(file, **arrays())
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"cut\.npz: not an \.npz file, or a truncated one"):
        npz(tmp_path, str(file))


def test_a_corrupt_member_is_named(tmp_path):
    file = tmp_path / "flipped.npz"
    np.savez(file, **arrays())
    content = bytearray(file.read_bytes())
    content[300] ^= 255
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"flipped\.npz: train_images cannot be read \(.*CRC.*\); write it anew"):
        npz(tmp_path, str(file))


def test_options_out_of_range_are_named(load):
    with pytest.raises(ValueError, match=r"test_share is 1\.0; expected a share"):
        load(arrays(), test_share=1.0)


def test_groups_are_words_and_stand_by_size(load):
    content = arrays(
        train_groups=np.array(["Hispanic/Latino"] * 4 + ["White"] * 8), test_groups=np.array(["White", "Other"] * 3)
    )
    data = load(content)
    assert data.group_names == ("White", "Hispanic Latino", "Other")
    assert data.train.groups.tolist() == [1] * 4 + [0] * 8
    assert data.test.groups.tolist() == [0, 2] * 3


@pytest.mark.parametrize(("names", "expected"), [(["men", "women"], ("women", "men")), (None, ("group 1", "group 0"))])
def test_groups_may_be_indices(load, names, expected):
    ids = np.array([0, 1, 1] * 4)
    content = arrays(train_groups=ids, test_groups=ids[:6], group_names=None if names is None else np.array(names))
    data = load(content)
    assert data.group_names == expected
    assert data.train.groups.tolist() == (1 - ids).tolist()


@pytest.mark.parametrize("soft", [False, True])
def test_one_array_is_split_by_class_and_group(load, soft):
    labels, groups = np.arange(60) % 3, np.arange(60) // 30
    data = load(whole(pixels(60, 4, 4), np.eye(3)[labels] if soft else labels, groups=groups))
    classes = data.test.labels.argmax(1) if soft else data.test.labels
    assert torch.bincount(2 * classes + data.test.groups).tolist() == [2] * 6
    assert torch.bincount(data.train.groups).tolist() == [24, 24]


GROUPS = {"train_groups": np.arange(12) % 2, "test_groups": np.arange(6) % 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_groups": None}, "lacks test_groups"),
        (
            {"train_groups": None, "test_groups": None, "group_names": np.array(["a"])},
            "lacks train_groups, test_groups",
        ),
        (
            {"train_groups": np.arange(11)},
            r"train_groups is int64 of shape \(11,\); expected .* each of the 12 samples",
        ),
        ({"test_groups": np.zeros(6)}, "test_groups is float64 of shape"),
        ({"group_names": np.array(["a"])}, "train_groups holds 1; expected 0 to 0, an index into the names"),
        ({"train_groups": -GROUPS["train_groups"], "group_names": np.array(["a", "b"])}, "train_groups holds -1"),
        ({"group_names": np.arange(2)}, r"group_names is int64 of shape \(2,\); expected text"),
        ({"group_names": np.array(["a", "b", "a"])}, "group_names must differ, got a, b, a"),
        ({"group_names": np.array(["a", ""])}, "holds ''; expected names with letters or digits"),
        ({"train_groups": np.array(["group 0"] * 12)}, "are words in one and indices in the other; expected one kind"),
        (
            {"train_groups": np.array(["a/b"] * 12), "test_groups": np.array(["a b"] * 6)},
            "train_groups and test_groups: groups holds two values that would both be called 'a b'",
        ),
        ({"group_names": np.array(["a/b", "a b"])}, "two values that would both be called 'a b'"),
        ({"train_groups": np.array(["x"] * 12), "group_names": np.array(["x"])}, "train_groups is <U1 of shape"),
    ],
)
def test_faults_of_groups_are_named(load, changes, message):
    with pytest.raises(DataError, match=rf"mine\.npz: .*({message})") as caught:
        load(arrays(**(GROUPS | changes)))
    assert "\n" not in str(caught.value)
