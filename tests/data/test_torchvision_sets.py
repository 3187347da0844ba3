"""torchvision's sets: the real files where they are, and one error where they are not."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from smoothkit.data import torchvision_sets
from smoothkit.data.statistics import channel_statistics
from smoothkit.data.torchvision_sets import CIFAR10, FASHION_MNIST, cifar10, cifar100, fashion_mnist, mnist, svhn
from smoothkit.errors import DataError

DATA = Path(os.environ.get("SMOOTHKIT_DATA", "."))


def needs(source):
    there = all(file.is_file() for file in source.files(DATA))
    return pytest.mark.skipif(not there, reason=f"SMOOTHKIT_DATA does not hold {source.name}")


@pytest.fixture
def offline(monkeypatch):
    """No test may wait for a network, or find one."""

    def refuse(*arguments, **options):
        raise OSError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def idx(*shape):
    """The bytes of an idx file of zeros: magic number, big-endian shape, values."""
    header = bytes([0, 0, 8, len(shape)]) + b"".join(side.to_bytes(4, "big") for side in shape)
    return header + bytes(torch.Size(shape).numel())


@pytest.fixture
def small_mnist(tmp_path):
    """A folder in MNIST's layout: 20 training and 10 test images, labels 0..9 in turn."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, number in (("train", 20), ("t10k", 10)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(number, 28, 28))
        labels = idx(number)[:8] + bytes(i % 10 for i in range(number))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return tmp_path


def test_a_folder_in_mnists_layout(small_mnist, capfd):
    data = mnist(small_mnist)
    assert data.train.images.shape == (20, 1, 28, 28)
    assert data.test.labels.tolist() == list(range(10))
    assert data.class_names == tuple("0123456789")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("kept", [0, 3, 12, -1])
def test_a_truncated_file_is_named(small_mnist, name, kept):
    file = small_mnist / "MNIST" / "raw" / name
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(
        DataError, match=rf"mnist: .*/{name} is truncated or corrupt .*; delete it and run again"
    ) as caught:
        mnist(small_mnist)
    assert "\n" not in str(caught.value)


def test_files_that_do_not_fit_each_other_are_an_error(small_mnist):
    folder = small_mnist / "MNIST" / "raw"
    shutil.copy(folder / "t10k-labels-idx1-ubyte", folder / "train-labels-idx1-ubyte")
    with pytest.raises(DataError, match="mnist: train: 20 images but 10 labels"):
        mnist(small_mnist)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("load", "files"),
    [
        (mnist, "MNIST/raw lacks train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, .*,"),
        (cifar100, "cifar-100-python lacks train, test, meta,"),
        (svhn, "lacks train_32x32.mat, test_32x32.mat,"),
    ],
)
def test_missing_files_are_one_error(tmp_path, capfd, load, files):
    with pytest.raises(DataError, match=rf"{files} and downloading failed .*; put the files there, or set") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("offline")
def test_only_what_is_missing_is_named(small_mnist):
    (small_mnist / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="raw lacks t10k-labels-idx1-ubyte, and"):
        mnist(small_mnist)


@needs(FASHION_MNIST)
def test_fashion_mnist():
    data = fashion_mnist(DATA)
    assert data.train.images.shape == (60_000, 1, 28, 28)
    assert torch.bincount(data.train.labels).tolist() == [6_000] * 10
    assert torch.bincount(data.test.labels).tolist() == [1_000] * 10
    assert data.class_names[9] == "Ankle boot"
    # The published statistics of the training images.
    mean, std = channel_statistics(data.train.images)
    assert (round(mean[0], 4), round(std[0], 4)) == (0.2860, 0.3530)


@needs(FASHION_MNIST)
def test_a_truncated_real_file_is_named(tmp_path):
    shutil.copytree(DATA / "FashionMNIST" / "raw", tmp_path / "FashionMNIST" / "raw")
    file = tmp_path / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte"
    with file.open("r+b") as stream:
        stream.truncate(1_000_000)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte is truncated or corrupt \(1000000 bytes\)"):
        fashion_mnist(tmp_path)


@needs(CIFAR10)
def test_cifar10():
    data = cifar10(DATA)
    assert data.train.images.shape == (50_000, 3, 32, 32)
    assert torch.bincount(data.train.labels).tolist() == [5_000] * 10
    assert data.class_names[3] == "cat"
    mean, std = channel_statistics(data.train.images)
    assert mean == pytest.approx(data.mean, abs=1e-4)
    assert std == pytest.approx(data.std, abs=1e-4)


@needs(CIFAR10)
def test_a_corrupt_real_file_is_named(tmp_path):
    shutil.copytree(DATA / "cifar-10-batches-py", tmp_path / "cifar-10-batches-py")
    with (tmp_path / "cifar-10-batches-py" / "data_batch_3").open("r+b") as stream:
        stream.truncate(5_000)
    with pytest.raises(DataError, match=r"data_batch_3 is truncated or corrupt: its MD5 sum is not \w+; delete it"):
        cifar10(tmp_path)


def test_importing_reads_nothing(monkeypatch):
    monkeypatch.setattr(torchvision_sets.Source, "open", lambda *_: pytest.fail("read at import"))
    assert torchvision_sets.FASHION_MNIST.files(Path("root"))
