"""What simple methods of scikit-learn come to on the very same samples: the bar that self-training has to pass."""

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from smoothkit.augment.normalise import Normalise
from smoothkit.seeding import derived_generator
from smoothkit_selftrain.config import AnchorName, SelfTrainConfig
from smoothkit_selftrain.data.parts import Parts

NEIGHBOUR = 7
"""The neighbour whose distance is what a kernel's width is measured in; scikit-learn's own number for graphs."""

SHARPNESS: Mapping[str, float] = {"label-spreading": 32.0, "label-propagation": 4.0}
"""gamma, times the median squared distance of a sample to its seventh neighbour. On digits spreading does about as well
from 4 to 64. Propagation has a sharp peak at 4: with 20 labels it has 77 % right at 3, 87 % at 4 and 79 % at 8.
scikit-learn's own gamma = 20 depends on the units of the inputs, and on images of clothes its kernel is 0 between most
samples."""

PASSES = 100
"""Of label propagation, which has not converged then, and is no better where it has."""

THRESHOLD = 0.75
"""Of the self-training classifier: scikit-learn's own."""

# Of any number: labelled, unlabelled and test samples are told apart by names, not by axes.
Rows = Int64[np.ndarray, "_"]
Inputs = Float64[np.ndarray, "_ features"]


class Task(NamedTuple):
    """What every method gets: pixels as the network sees them, flattened."""

    labelled: Inputs
    labels: Rows
    unlabelled: Inputs
    test: Inputs


class Said(NamedTuple):
    """The classes that a method gives."""

    unlabelled: Rows
    test: Rows


_found: dict[tuple[Any, ...], dict[str, float]] = {}


def anchors(config: SelfTrainConfig, seed: int, parts: Parts, truth: Int64[Tensor, " unlabelled"]) -> dict[str, float]:
    """Test accuracy, `anchor_<name>`, and accuracy on the unlabelled samples, `anchor_transduction_<name>`, of each
    method that is asked for.

    They get `anchor_samples` of the unlabelled samples, drawn by the seed, if there are more. The same numbers come out
    for all variants with the same data, so they are computed once for each seed. NaN where all labels are of one class.
    """
    options = config.evaluate
    key = (config.data.model_dump_json(), parts.shape, seed, options.anchors, options.anchor_samples)
    if options.anchors and key not in _found:
        chosen = subsample(len(truth), options.anchor_samples, seed)
        _found[key] = scores(options.anchors, task_of(parts, chosen), truth[chosen].numpy(), parts.test.labels.numpy())
    return dict(_found.get(key, {}))


def scores(names: tuple[AnchorName, ...], task: Task, truth: Rows, test_labels: Rows) -> dict[str, float]:
    """What methods have right, of samples whose classes are these."""
    found: dict[str, float] = {}
    for name in names:
        said = METHODS[name](task) if len(np.unique(task.labels)) > 1 else None
        found[f"anchor_{name}"] = math.nan if said is None else float((said.test == test_labels).mean())
        found[f"anchor_transduction_{name}"] = math.nan if said is None else float((said.unlabelled == truth).mean())
    return found


def subsample(samples: int, most: int, seed: int) -> Int64[Tensor, " chosen"]:
    """All samples, or `most` of them at random, in ascending order."""
    if samples <= most:
        return torch.arange(samples)
    return torch.randperm(samples, generator=derived_generator(seed, "anchor samples"))[:most].sort().values


def task_of(parts: Parts, chosen: Int64[Tensor, " chosen"]) -> Task:
    """The inputs of labelled, of the chosen unlabelled, and of test samples."""
    normalise = Normalise(parts.data.mean, parts.data.std)

    def inputs(images: Tensor) -> Inputs:
        return normalise(images.cpu()).flatten(1).double().numpy()

    unlabelled = parts.images(parts.unlabelled_rows[chosen])
    return Task(
        inputs(parts.images(parts.labelled_rows)), parts.labels.numpy(), inputs(unlabelled), inputs(parts.test.images)
    )


def supervised(task: Task) -> Said:
    """Logistic regression on the labelled samples alone, with scikit-learn's penalty."""
    model = _logistic().fit(task.labelled, task.labels)
    return Said(model.predict(task.unlabelled), model.predict(task.test))


def self_training(task: Task) -> Said:
    """`SelfTrainingClassifier` around logistic regression, which takes what is 75 % sure and never revises a label."""
    from sklearn.semi_supervised import SelfTrainingClassifier

    model = SelfTrainingClassifier(_logistic(), threshold=THRESHOLD)
    model.fit(*_with_unlabelled(task))
    return Said(model.predict(task.unlabelled), model.predict(task.test))


def label_propagation(task: Task) -> Said:
    """`LabelPropagation` with a Gaussian kernel."""
    from sklearn.semi_supervised import LabelPropagation

    return _on_graph(LabelPropagation, task, gamma=gamma_of(task, "label-propagation"), max_iter=PASSES)


def label_spreading(task: Task) -> Said:
    """`LabelSpreading` with a Gaussian kernel."""
    from sklearn.semi_supervised import LabelSpreading

    return _on_graph(LabelSpreading, task, gamma=gamma_of(task, "label-spreading"))


METHODS: Mapping[AnchorName, Callable[[Task], Said]] = {
    "supervised": supervised,
    "self-training": self_training,
    "label-propagation": label_propagation,
    "label-spreading": label_spreading,
}


def gamma_of(task: Task, name: str) -> float:
    """The factor in exp(-gamma distance^2) of a method; it follows the units of the inputs."""
    from sklearn.neighbors import NearestNeighbors

    everything = np.concatenate([task.labelled, task.unlabelled])
    graph = NearestNeighbors(n_neighbors=min(NEIGHBOUR, len(everything) - 1)).fit(everything)
    distances, _ = graph.kneighbors()
    # Where most samples have that many copies, any kernel is as good.
    return SHARPNESS[name] / (float(np.median(distances[:, -1] ** 2)) or 1.0)


def _on_graph(method: Callable[..., Any], task: Task, **options: Any) -> Said:
    from sklearn.exceptions import ConvergenceWarning

    model = method(**options)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # See `PASSES`. A kernel that is 0 between a test sample and all others gives it no class, and it counts as the
        # first one, as scikit-learn has it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*_with_unlabelled(task))
        return Said(model.transduction_[len(task.labels) :], model.predict(task.test))


def _with_unlabelled(task: Task) -> tuple[Inputs, Rows]:
    """All inputs, and their labels, -1 for those without."""
    labels = np.concatenate([task.labels, np.full(len(task.unlabelled), -1)])
    return np.concatenate([task.labelled, task.unlabelled]), labels


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)
