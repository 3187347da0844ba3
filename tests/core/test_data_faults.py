"""Bad data, through the command line: one line that names the file, and exit code 2, for the user can mend it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

SHAPE = (60, 8, 8)


def images(**changes):
    """An .npz file's arrays with three classes, and something wrong with them."""
    stream = np.random.default_rng(0)
    labels = np.arange(60) % 3
    arrays = {
        "train_images": stream.random(SHAPE, dtype=np.float32),
        "train_labels": labels,
        "test_images": stream.random(SHAPE, dtype=np.float32),
        "test_labels": labels,
    }
    for name, change in changes.items():
        arrays[name] = change(arrays[name].copy()) if name in arrays else change
    return arrays


def put(value, *index):
    def change(array):
        array[index] = value
        return array

    return change


FAULTS = {
    "NaN": (images(train_images=put(np.nan, 7, 3, 3)), "train_images"),
    "infinity in the test part": (images(test_images=put(np.inf, 7, 3, 3)), "test_images"),
    "label too large": (images(train_labels=put(3, 4), class_names=np.array(["a", "b", "c"])), "train_labels"),
    "negative label": (images(test_labels=put(-1, 4)), "test_labels"),
    "class absent": (images(train_labels=lambda y: np.where(y == 1, 0, y)), "class '1'"),
    "fewer labels than images": (images(train_labels=lambda y: y[:-1]), "train_images"),
    "soft labels that sum to 2": (
        images(train_labels=lambda y: 2 * np.eye(3, dtype=np.float32)[y]),
        "train_labels",
    ),
    "key missing": ({"train_images": images()["train_images"]}, "lacks train_labels"),
}


@pytest.fixture
def train(smoothkit, tiny):
    """Run the tiny scenario; its result."""

    def train(*overrides):
        return smoothkit("run", tiny, *overrides, "--output", "out", "--jobs", "1", "--quiet")

    return train


@pytest.mark.parametrize("case", FAULTS)
def test_wrong_arrays_are_named(case, train, tmp_path):
    arrays, named = FAULTS[case]
    np.savez(tmp_path / "mine.npz", **arrays)
    result = train("data=npz", "data.path=mine.npz", "data.train_limit=")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("default · seed 0: failed: mine.npz")
    assert named in line


def test_right_arrays_train(train, tmp_path):
    np.savez(tmp_path / "mine.npz", **images())
    assert train("data=npz", "data.path=mine.npz", "data.train_limit=").exit_code == 0


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 half a zip"])
def test_a_file_that_is_missing_or_broken_is_named(content, train, tmp_path):
    if content is not None:
        (tmp_path / "mine.npz").write_bytes(content)
    result = train("data=npz", "data.path=mine.npz")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("default · seed 0: failed: mine.npz: ")


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("data.validation=5000", "validation is 5000"),
        ("data.train_limit=5", "digits"),
        ("model=lenet", "lenet"),
    ],
)
def test_what_does_not_fit_the_data_is_told(override, named, train):
    """A digit has 8 x 8 pixels, which is too small for some networks."""
    result = train(override)
    lines = result.stderr.splitlines()
    if result.exit_code == 0:
        assert override == "model=lenet"  # the network brings the images to its size
        return
    assert len(lines) == 1
    assert named in lines[0]


FASHION = Path(os.environ.get("SMOOTHKIT_DATA", "nowhere"), "FashionMNIST", "raw")


@pytest.mark.skipif(not FASHION.is_dir(), reason="SMOOTHKIT_DATA holds no FashionMNIST")
def test_a_truncated_file_is_named(train, tmp_path, monkeypatch):
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in FASHION.iterdir():
        if not file.name.endswith(".gz"):
            shutil.copy(file, raw)
    truncated = raw / "train-images-idx3-ubyte"
    truncated.write_bytes(truncated.read_bytes()[:1_000_000])
    monkeypatch.setenv("SMOOTHKIT_DATA", str(tmp_path / "data"))
    result = train("data=fashion-mnist", "model=lenet")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert f"{truncated} is truncated or corrupt (1000000 bytes)" in line


def test_a_data_set_that_is_not_there_names_folder_and_files(train, tmp_path, monkeypatch):
    monkeypatch.setenv("SMOOTHKIT_DATA", str(tmp_path / "empty"))
    result = train("data=fashion-mnist", "model=lenet")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert f"{tmp_path / 'empty' / 'FashionMNIST' / 'raw'} lacks train-images-idx3-ubyte" in line
    assert "set SMOOTHKIT_DATA to a folder that holds FashionMNIST/raw/train-images-idx3-ubyte" in line
