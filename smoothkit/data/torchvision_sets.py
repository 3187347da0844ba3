"""Small standard image sets, read (and, where there is a network, downloaded) by torchvision."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.errors import DataError


@dataclass(frozen=True)
class Source:
    """One of torchvision's data sets. torchvision itself is imported when a set is read."""

    name: str
    """The registered name."""
    reader: str
    """The class in `torchvision.datasets`."""
    class_names: tuple[str, ...] | None
    """None: as torchvision has them."""
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def reader_class(self) -> Any:
        """The class itself."""
        from torchvision import datasets

        return getattr(datasets, self.reader)

    def open(self, root: Path, train: bool, download: bool = False) -> Any:
        """One part, as torchvision's class holds it."""
        part = {"split": "train" if train else "test"} if self.reader == "SVHN" else {"train": train}
        with _quiet():
            return self.reader_class(root, download=download, **part)

    def files(self, root: Path) -> dict[Path, str | None]:
        """Every file that torchvision reads, with its MD5 sum where torchvision knows that of the unpacked file."""
        reader = self.reader_class
        if self.reader == "SVHN":
            return {root / file: md5 for _, file, md5 in (reader.split_list[part] for part in ("train", "test"))}
        if self.reader.startswith("CIFAR"):
            folder, meta = root / reader.base_folder, reader.meta
            sums = [*reader.train_list, *reader.test_list, (meta["filename"], meta["md5"])]
            return {folder / file: md5 for file, md5 in sums}
        return {root / self.reader / "raw" / file.removesuffix(".gz"): None for file, _ in reader.resources}


DIGIT_NAMES = tuple("0123456789")
GREY = {"mean": (0.5,), "std": (0.5,)}

MNIST = Source("mnist", "MNIST", DIGIT_NAMES, **GREY)
FASHION_MNIST = Source("fashion-mnist", "FashionMNIST", None, **GREY)
KMNIST = Source("kmnist", "KMNIST", None, **GREY)
SVHN = Source("svhn", "SVHN", DIGIT_NAMES, (0.5,) * 3, (0.5,) * 3)
CIFAR10 = Source("cifar10", "CIFAR10", None, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
CIFAR100 = Source("cifar100", "CIFAR100", None, (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))


def mnist(root: Path) -> Dataset:
    """MNIST: handwritten digits, 60,000 + 10,000 grey images of 28 x 28 pixels, 10 classes.

    Read from `root/MNIST/raw`, downloaded where missing. Source: LeCun et al., 1998.
    """
    return load(MNIST, root)


def fashion_mnist(root: Path) -> Dataset:
    """Fashion-MNIST: clothes, 60,000 + 10,000 grey images of 28 x 28 pixels, 10 classes.

    Read from `root/FashionMNIST/raw`, downloaded where missing. Source: Xiao et al., arXiv:1708.07747.
    """
    return load(FASHION_MNIST, root)


def kmnist(root: Path) -> Dataset:
    """Kuzushiji-MNIST: cursive Japanese characters, 60,000 + 10,000 grey images of 28 x 28 pixels, 10 classes.

    Read from `root/KMNIST/raw`, downloaded where missing. Source: Clanuwat et al., arXiv:1812.01718.
    """
    return load(KMNIST, root)


def svhn(root: Path) -> Dataset:
    """SVHN: house numbers, 73,257 + 26,032 colour images of 32 x 32 pixels, 10 classes.

    Read from `root`, downloaded where missing. Source: Netzer et al., 2011.
    """
    return load(SVHN, root)


def cifar10(root: Path) -> Dataset:
    """CIFAR-10: 50,000 + 10,000 colour images of 32 x 32 pixels, 10 classes.

    Read from `root/cifar-10-batches-py`, downloaded where missing. Source: Krizhevsky, 2009.
    """
    return load(CIFAR10, root)


def cifar100(root: Path) -> Dataset:
    """CIFAR-100: 50,000 + 10,000 colour images of 32 x 32 pixels, 100 classes.

    Read from `root/cifar-100-python`, downloaded where missing. Source: Krizhevsky, 2009.
    """
    return load(CIFAR100, root)


def load(source: Source, root: Path) -> Dataset:
    """Read `source` below `root`; download it first if a file is missing.

    Raises:
        DataError: files are missing and cannot be downloaded, or a file is corrupt; they are named.
    """
    missing = [file for file in source.files(root) if not file.is_file()]
    if missing:
        _download(source, root, missing)
    try:
        train, test = source.open(root, train=True), source.open(root, train=False)
    except Exception as error:  # torchvision's readers raise almost anything on a corrupt file.
        raise _reading_failed(source, root, error) from error
    return Dataset(
        train=_tensors(train),
        test=_tensors(test),
        class_names=source.class_names or tuple(train.classes),
        mean=source.mean,
        std=source.std,
        name=source.name,
    )


def _download(source: Source, root: Path, missing: list[Path]) -> None:
    try:
        for train in (True, False):
            source.open(root, train, download=True)
    except Exception as error:
        names = ", ".join(file.name for file in missing)
        raise DataError(
            f"{source.name}: {missing[0].parent} lacks {names}, and downloading failed ({_one_line(error)}); put the "
            f"files there, or set SMOOTHKIT_DATA to a folder that holds {missing[0].relative_to(root)}"
        ) from error


def _reading_failed(source: Source, root: Path, error: Exception) -> DataError:
    """The error that names the first broken file, or the folder if each file is fine on its own."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor
    from torchvision.datasets.utils import check_integrity

    mend = "delete it and run again where there is a network, or copy it anew"
    for file, md5 in source.files(root).items():
        if md5 is not None:
            if not check_integrity(file, md5):
                return DataError(f"{source.name}: {file} is truncated or corrupt: its MD5 sum is not {md5}; {mend}")
            continue
        try:
            read_sn3_pascalvincent_tensor(str(file))
        except Exception:  # A short file may fail an assertion, a conversion or a reshape.
            size = file.stat().st_size
            return DataError(f"{source.name}: {file} is truncated or corrupt ({size} bytes); {mend}")
    return DataError(f"{source.name}: cannot read the files below {root} ({_one_line(error)}); copy them anew")


def _tensors(part: Any) -> ImageSet:
    images = torch.as_tensor(part.data)
    if images.ndim == 3:
        images = images.unsqueeze(1)
    elif images.shape[-1] == 3:
        images = images.permute(0, 3, 1, 2).contiguous()
    labels: Tensor = torch.as_tensor(part.labels if hasattr(part, "labels") else part.targets)
    return ImageSet(images.contiguous(), labels.long())


def _one_line(error: Exception) -> str:
    return shorten(str(error), 120) or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torchvision's prints and progress bars, and NumPy's warnings about how old pickles were written."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(StringIO()))
        stack.enter_context(redirect_stderr(StringIO()))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        yield
