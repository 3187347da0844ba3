"""Every seed has images of its own for the test, out of the same ones."""

import torch

from smoothkit.data.digits import digits
from smoothkit.data.root import data_root
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.lab import Lab


def test_seeds_divide_the_same_images_differently():
    first, again, other = (Lab(NetworksConfig(), seed).data for seed in (0, 0, 1))
    assert torch.equal(first.test.images, again.test.images)
    assert not torch.equal(first.test.images, other.test.images)
    whole = digits(data_root())
    for data in (first, other):
        assert (len(data.train), len(data.test)) == (1437, 360)
        # No image is lost, and none is in both parts.
        drawn, given = (torch.cat([part.train.images, part.test.images]).flatten(1) for part in (data, whole))
        assert torch.equal(drawn.unique(dim=0, return_counts=True)[0], given.unique(dim=0))
        assert torch.equal(drawn.unique(dim=0, return_counts=True)[1], given.unique(dim=0, return_counts=True)[1])
        counts = data.test.labels.bincount() / whole.test.labels.bincount()
        assert ((counts > 0.9) & (counts < 1.1)).all()
        pixels = data.train.images.double() / 255
        assert abs(pixels.mean().item() - data.mean[0]) < 1e-6


def test_labels_stay_with_their_images():
    whole, data = digits(data_root()), Lab(NetworksConfig(), 3).data
    known = {
        image.numpy().tobytes(): label
        for part in (whole.train, whole.test)
        for image, label in zip(part.images, part.labels.tolist(), strict=True)
    }
    for part in (data.train, data.test):
        assert [known[image.numpy().tobytes()] for image in part.images] == part.labels.tolist()


def test_data_that_are_given_are_used():
    data = Lab(NetworksConfig(), 1).data
    assert Lab(NetworksConfig(), 2, data=data).data is data
