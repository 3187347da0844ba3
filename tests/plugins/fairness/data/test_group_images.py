"""A made group in any set of images: who is in it, what its camera does, and what stays as it was."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from smoothkit import plugins
from smoothkit.data.digits import digits
from smoothkit.errors import DataError, UserError
from smoothkit_fairness.data.group_images import group_images, worse_camera

ROOT = Path("unused")
CLEAN = digits(ROOT)


@pytest.fixture(autouse=True)
def _bundled(bundled, monkeypatch):
    monkeypatch.setattr(plugins, "host", lambda: bundled)


def make(**options):
    return group_images(ROOT, **options)


def test_the_groups_have_their_share_of_each_class():
    data = make(share=0.25)
    assert data.group_names == ("A", "B")
    for part in (data.train, data.test):
        chosen = torch.bincount(part.labels[part.groups == 1], minlength=10)
        assert ((chosen - torch.bincount(part.labels) * 0.25).abs() < 1).all()


def test_the_other_group_and_every_test_label_stay_as_they_were():
    data = make(blur=1.0, group_noise=0.5)
    for part, clean in ((data.train, CLEAN.train), (data.test, CLEAN.test)):
        first = part.groups == 0
        assert torch.equal(part.images[first], clean.images[first])
        assert torch.equal(part.labels[first], clean.labels[first])
        assert (part.images[~first] != clean.images[~first]).flatten(1).any(1).all()
    assert torch.equal(data.test.labels, CLEAN.test.labels)
    assert (data.mean, data.std, data.class_names) == (CLEAN.mean, CLEAN.std, CLEAN.class_names)


def test_label_noise_is_the_share_of_the_groups_training_labels():
    data = make(share=0.5, group_noise=0.3)
    second = data.train.groups == 1
    wrong = (data.train.labels != CLEAN.train.labels)[second].double().mean().item()
    assert wrong == pytest.approx(0.3, abs=5 * (0.21 / int(second.sum())) ** 0.5)


def test_pixel_noise_has_its_standard_deviation():
    grey = torch.full((50, 1, 20, 20), 128, dtype=torch.uint8)
    noise = (worse_camera(grey, 0.0, 0.1, torch.Generator().manual_seed(0)).double() - 128) / 255
    # Rounding adds a variance of (1/255)² / 12; 20,000 pixels.
    assert noise.std().item() == pytest.approx(0.1, rel=5 / (2 * 20_000) ** 0.5)


def test_blur_is_that_of_an_independent_library():
    images = torch.randint(0, 256, (3, 2, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    seen = worse_camera(images, 1.5, 0.0, torch.Generator())
    # The same reach, 3 standard deviations to the next pixel; scipy calls this way to reflect "mirror".
    expected = gaussian_filter(images.double().numpy(), 1.5, radius=5, axes=(2, 3), mode="mirror")
    assert np.abs(seen.numpy() - expected).max() <= 0.51


def test_without_blur_and_noise_nothing_changes():
    assert torch.equal(make(pixel_noise=0.0).train.images, CLEAN.train.images)


def test_small_images_can_be_blurred_widely():
    seen = worse_camera(CLEAN.train.images[:10], 20.0, 0.0, torch.Generator())
    assert seen.double().flatten(1).std(1).max() < CLEAN.train.images[:10].double().flatten(1).std(1).min() / 5


def test_everything_depends_on_the_seed_alone():
    one, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(one.train.images, again.train.images)
    assert torch.equal(one.train.groups, again.train.groups)
    assert not torch.equal(one.train.groups, other.train.groups)


@pytest.fixture
def features(tmp_path):
    path = tmp_path / "features.npz"
    np.savez(path, images=np.zeros((20, 3)), labels=np.arange(20) % 2)
    return {"name": "npz", "path": str(path)}


def test_the_underlying_set_has_options_of_its_own(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros((20, 4, 4), dtype=np.uint8), labels=np.arange(20) % 2)
    data = make(of={"name": "npz", "path": str(path), "test_share": 0.5})
    assert (len(data.train), len(data.test)) == (10, 10)


def test_only_images_of_pixels_are_photographed(features):
    with pytest.raises(DataError, match=r"group-images of .*features\.npz: expected images in memory of uint8 pixels"):
        make(of=features)


def test_a_share_of_no_image_is_refused():
    with pytest.raises(DataError, match=r"of digits: a share of 0\.0001 of \d+ train images is none; .* raise `share`"):
        make(share=0.0001)


def test_soft_labels_are_refused(tmp_path):
    path = tmp_path / "soft.npz"
    np.savez(path, images=np.zeros((20, 4, 4), dtype=np.uint8), labels=np.full((20, 2), 0.5))
    with pytest.raises(DataError, match=r"soft\.npz: the labels are soft"):
        make(of={"name": "npz", "path": str(path)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "digit"}, "did you mean 'digits'"),
        ({"of": {"name": "npz", "pth": "x"}}, "npz: unknown key; did you mean 'path'"),
    ],
)
def test_an_unknown_set_or_option_is_named(options, message):
    with pytest.raises(UserError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.7}, r"share is 0\.7; expected a share above 0, at most 0\.5"),
        ({"blur": -1.0}, r"blur is -1\.0 and pixel_noise 0\.2; expected 0 or more"),
        ({"group_noise": 1.5}, r"rate is 1\.5"),
        ({"of": {"path": "x"}}, r"of is \{'path': 'x'\}; expected the name of an image set, or a table with its name"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
