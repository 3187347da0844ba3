"""Image folders, and streamed sets in general: read sample by sample, the same way each time."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchDataset

from smoothkit.augment.crop import Crop
from smoothkit.augment.flip import Flip
from smoothkit.augment.mixup import Mixup
from smoothkit.data.dataset import StreamedSet
from smoothkit.data.feed import evaluation_batches, training_batches
from smoothkit.data.folder import folder
from smoothkit.data.splits import hold_out
from smoothkit.data.streamed import StreamedBatches
from smoothkit.errors import DataError


@pytest.fixture
def photographs(tmp_path):
    """Three classes; 5 training and 2 test images of each, of different sizes."""
    noise = np.random.default_rng(0)
    for part, number in (("train", 5), ("test", 2)):
        for name in ("cat", "dog", "fox"):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(number):
                array = noise.integers(0, 256, (40 + index, 50 - index, 3), dtype=np.uint8)
                Image.fromarray(array).save(tmp_path / part / name / f"{index}.jpg")
    return tmp_path


def load(path, size=32):
    return folder(path, str(path), size=size)


def test_the_layout_is_read(photographs):
    data = load(photographs)
    assert data.class_names == ("cat", "dog", "fox")
    assert (len(data.train), len(data.test)) == (15, 6)
    assert (data.in_channels, data.image_size, data.num_classes) == (3, 32, 3)
    assert data.train.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5


def test_val_will_do_for_test(photographs):
    (photographs / "test").rename(photographs / "val")
    assert len(load(photographs).test) == 6


def test_evaluation_sees_the_centre_of_the_resized_image(photographs):
    data = load(photographs)
    with Image.open(photographs / "test" / "cat" / "1.jpg") as image:
        # 41 rows of 49 pixels: the short side to 32 * 256 / 224 = 37 (rounded), then the middle 32.
        resized = torch.from_numpy(np.array(image.resize((44, 37), Image.Resampling.BILINEAR)))
    expected = resized[2:34, 6:38].permute(2, 0, 1)
    (batch,) = evaluation_batches(data.test, mean=(0.0,) * 3, std=(1 / 255,) * 3)
    assert batch.images.shape == (6, 3, 32, 32)
    assert batch.labels.tolist() == [0, 0, 1, 1, 2, 2]
    torch.testing.assert_close(batch.images[1], expected.float(), atol=1.0, rtol=0)


def test_a_resumed_run_sees_the_same_crops(photographs):
    data = load(photographs)
    straight = training_batches(data, 4, seed=0, augment=[Flip(), Crop(2), Mixup()])
    first = [straight.at(step) for step in range(1, 10)]
    state = torch.get_rng_state()
    resumed = training_batches(data, 4, seed=0, augment=[Flip(), Crop(2), Mixup()])
    for step in (7, 8, 9, 2):
        for one, other in zip(first[step - 1], resumed.at(step), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator must not move"


def test_crops_differ_between_epochs_and_seeds(photographs):
    data = load(photographs)

    def first_sample(seed, step):
        batches = training_batches(data, 15, seed=seed)
        return batches.at(step).images[batches.indices(step).argmin()]

    assert not torch.equal(first_sample(0, 1), first_sample(0, 2))
    assert not torch.equal(first_sample(0, 1), first_sample(1, 1))


def test_worker_processes_change_nothing(photographs):
    data = load(photographs)
    alone, helped = (training_batches(data, 4, seed=0, workers=workers) for workers in (0, 2))
    for step in (1, 2, 5):
        for one, other in zip(alone.at(step), helped.at(step), strict=True):
            assert torch.equal(one, other)


def test_several_processes_see_together_what_one_sees(photographs):
    data = load(photographs)
    whole = training_batches(data, 4, seed=0, augment=[Flip(), Crop(2)], drop_last=True)
    shares = [training_batches(data, 4, seed=0, augment=[Flip(), Crop(2)], rank=rank, world=2) for rank in range(2)]
    for step in (1, 3, 4):
        parts = [share.at(step) for share in shares]
        for one, together in zip(whole.at(step), zip(*parts, strict=True), strict=True):
            assert torch.equal(torch.cat(together), one)
        assert torch.equal(whole.at(step).index, whole.indices(step))


def test_a_validation_part_is_seen_plain(photographs):
    smaller, validation = hold_out(load(photographs), 6, seed=0)
    assert isinstance(validation, StreamedSet)
    assert (len(smaller.train), len(validation)) == (9, 6)
    one, other = (
        torch.cat([batch.images for batch in evaluation_batches(validation, mean=(0.0,) * 3, std=(1.0,) * 3)])
        for _ in range(2)
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_image_is_named(photographs, workers):
    broken = photographs / "train" / "dog" / "3.jpg"
    broken.write_bytes(broken.read_bytes()[:600])
    batches = training_batches(load(photographs), 15, seed=0, workers=workers)
    with pytest.raises(DataError, match=r"train/dog/3\.jpg: not a readable image \(.*; repair") as caught:
        batches.at(1)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_image_is_named(photographs):
    (photographs / "test" / "fox" / "0.jpg").write_text("not an image")
    with pytest.raises(DataError, match=r"test/fox/0\.jpg: not a readable image"):
        list(evaluation_batches(load(photographs).test, mean=(0.0,) * 3, std=(1.0,) * 3))


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train: there is no such folder; expected the layout train/<class>"):
        load(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="train: holds no class folders"):
        load(tmp_path)
    (tmp_path / "train" / "cat").mkdir()
    with pytest.raises(DataError, match="train: the class folders hold no images"):
        load(tmp_path)


def test_parts_must_agree_on_their_classes(photographs):
    (photographs / "test" / "fox").rename(photographs / "test" / "wolf")
    with pytest.raises(DataError, match="train and test differ in the classes fox, wolf"):
        load(photographs)


def test_an_empty_class_is_named(photographs):
    for file in (photographs / "train" / "fox").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"class 'fox' \(label 2\) has no sample in the training part"):
        load(photographs)


def group(photographs, leave_out=(), header="path,group"):
    """Write the group of each image: the odd ones were taken at night."""
    files = sorted(file.relative_to(photographs).as_posix() for file in photographs.rglob("*.jpg"))
    lines = [f"{file},{'night' if int(file[-5]) % 2 else 'day'}" for file in files if file not in leave_out]
    (photographs / "groups.csv").write_text("\n".join([header, *lines]))


def test_a_file_says_which_group_each_image_belongs_to(photographs):
    group(photographs)
    data = load(photographs)
    assert data.group_names == ("day", "night")
    assert data.train.groups.tolist() == [0, 1, 0, 1, 0] * 3
    assert data.test.groups.tolist() == [0, 1] * 3
    smaller, validation = hold_out(data, 5, seed=0)
    for part, number in ((validation, 5), (smaller.train, 10)):
        assert len(part.groups) == number
        assert torch.equal(part.groups, data.train.groups[part.samples.indices])


def test_without_such_a_file_there_are_no_groups(photographs):
    data = load(photographs)
    assert (data.group_names, data.train.groups) == ((), None)


def test_faults_of_groups_are_named(photographs):
    group(photographs, leave_out=("test/fox/1.jpg",))
    with pytest.raises(
        DataError, match=r"groups\.csv: has no row for test/fox/1\.jpg; expected a group for each image"
    ):
        load(photographs)
    group(photographs)
    with (photographs / "groups.csv").open("a") as file:
        file.write("\ntrain/cat/0.jpg,night\n")
    with pytest.raises(DataError, match=r"groups\.csv: row 22 names train/cat/0\.jpg again; expected one row for each"):
        load(photographs)
    group(photographs, header="file,group")
    with pytest.raises(DataError, match=r"groups\.csv: has no column 'path'"):
        load(photographs)


def test_size_out_of_range_is_named(tmp_path):
    with pytest.raises(ValueError, match="folder: size is 4; expected at least 8"):
        folder(tmp_path, str(tmp_path), size=4)


class Ramp(TorchDataset):
    """A third party's map-style data set, whose third sample has another size."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        side = 6 if index == 2 else 8
        return torch.full((1, side, side), index, dtype=torch.uint8), 0


def test_samples_of_another_size_are_named():
    part = StreamedSet(Ramp(), Ramp(), torch.zeros(4, dtype=torch.int64), (1, 8, 8))
    batches = StreamedBatches(part, 4, seed=0, mean=(0.0,), std=(1.0,), num_classes=1)
    message = r"sample 2 is torch.uint8 \(1, 6, 6\); expected torch.uint8 \(1, 8, 8\)"
    with pytest.raises(DataError, match=message):
        batches.at(1)
