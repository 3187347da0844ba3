"""A distribution as a training set of hard labels: copies of a sample, one for each class that has mass."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

WEIGHT = "sample_weight"


class Copies(NamedTuple):
    """Which sample each copy is of, the class it is labelled with, and how much it counts."""

    rows: Int[np.ndarray, " copies"]
    classes: Int[np.ndarray, " copies"]
    weights: Float[np.ndarray, " copies"] | None
    """None where all are 1, so that an estimator is fitted as it is without copies."""


def weighted_copies(distributions: Float[np.ndarray, "samples classes"]) -> Copies:
    """One copy of a sample for each class that its distribution gives mass, weighted by that mass.

    A loss that is a sum over samples has then the value and the gradient of the cross-entropy to the distribution:
    sum_k t_k (-log p_k). Classes without mass, and samples without a distribution (a row of zeros), have no copy. An
    estimator that splits its training set has copies of one sample on both sides, and finds itself too good there.

    >>> weighted_copies(np.array([[0.75, 0.25], [0.0, 0.0], [0.0, 1.0]]))
    Copies(rows=array([0, 0, 2]), classes=array([0, 1, 1]), weights=array([0.75, 0.25, 1.  ]))
    """
    rows, classes = np.nonzero(distributions)
    weights = distributions[rows, classes]
    return Copies(rows, classes, None if (weights == 1).all() else weights)


def weight_parameter(estimator: Any) -> str:
    """The parameter of `estimator.fit` that weights samples; that of the last step, for a pipeline.

    Raises:
        ValueError: it has none, so that it cannot learn a distribution; the message names it.
    """
    if has_fit_parameter(estimator, WEIGHT):
        return WEIGHT
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        if get_config()["enable_metadata_routing"]:
            if get_routing_for_object(estimator).consumes("fit", [WEIGHT]):
                return WEIGHT
        elif has_fit_parameter(last, WEIGHT):
            return f"{name}__{WEIGHT}"
    raise ValueError(
        f"{type(estimator).__name__}.fit takes no {WEIGHT}, which it needs to learn a distribution over classes: "
        "choose another estimator, or labels='hard' with target='onehot'"
    )


def fit_copies(
    estimator: Any,
    inputs: Any,
    classes: np.ndarray,
    copies: Copies,
    parameters: Mapping[str, Any],
    weight_name: str = WEIGHT,
) -> None:
    """Fit `estimator` to the copies of the rows of `inputs`.

    Of `parameters`, what has one entry for each sample is taken for each copy; sample weights among them multiply the
    masses. `weight_name` is what the estimator calls these.
    """
    chosen = {name: _of_rows(value, copies.rows, inputs.shape[0]) for name, value in parameters.items()}
    if copies.weights is not None:
        chosen[weight_name] = copies.weights * chosen.get(weight_name, 1)
    estimator.fit(inputs[copies.rows], classes[copies.classes], **chosen)


def _of_rows(value: Any, rows: Int[np.ndarray, " copies"], samples: int) -> Any:
    """The entries of `rows`, of what has one for each sample; anything else as it is."""
    if isinstance(value, str | Mapping) or not hasattr(value, "__len__") or len(value) != samples:
        return value
    return np.asarray(value)[rows]
