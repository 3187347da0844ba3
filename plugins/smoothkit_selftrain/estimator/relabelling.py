"""One iteration of self-training with an estimator: fit it to the labels there are, label the unlabelled samples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.base import clone

from smoothkit.targets import Target
from smoothkit_selftrain.estimator.pseudo_targets import log_probabilities, pseudo_distributions, starving_cap
from smoothkit_selftrain.estimator.weighted_copies import fit_copies, weighted_copies
from smoothkit_selftrain.labelling.alignment import aligned

if TYPE_CHECKING:
    from smoothkit_selftrain.estimator.self_training import SelfTraining

SAME = 1e-6
"""Distributions that differ by no more are the same: they are computed in single precision."""


@dataclass(frozen=True, eq=False)
class Labelling:
    """What is learned of each sample."""

    codes: Int[np.ndarray, " samples"]
    """The class that it counts as, a position in the sorted classes; -1 for none."""
    distributions: Float[np.ndarray, "samples classes"]
    """The distribution that is learned; zeros for a sample that is not learned from."""

    def same_as(self, other: "Labelling") -> bool:
        """Whether both would train the same model."""
        return bool((np.abs(self.distributions - other.distributions) <= SAME).all())

    def without(self, rows: Int[np.ndarray, " part"]) -> "Labelling":
        """The same, but for some samples, which keep their class and are not learned from."""
        distributions = self.distributions.copy()
        distributions[rows] = 0
        return Labelling(self.codes, distributions)


@dataclass(eq=False)
class Relabelling:
    """The samples, what is known of them, and how the others are labelled: `options` has the parameters for that."""

    options: "SelfTraining"
    inputs: Any
    classes: np.ndarray
    """The labels that occur, sorted."""
    codes: Int[np.ndarray, " samples"]
    """The given class of each sample, a position in `classes`; -1 for none."""
    parameters: dict[str, Any]
    """Further parameters of the estimator's `fit`."""
    weight_name: str
    """What that calls the weights of samples."""
    target: Target | None
    """What becomes of a pseudo-label; None where there is one class alone."""
    tested: list[Int[np.ndarray, " _"]]
    """Labelled samples on which `target` is to be measured: one part that is held out of all training, or several,
    which are left out in turn; none if nothing is to be measured."""

    def given(self) -> Labelling:
        """Labelled samples alone, as they are given, without those that are held out for good."""
        distributions = np.zeros((len(self.codes), len(self.classes)))
        known = self.codes >= 0
        distributions[known, self.codes[known]] = 1
        labelling = Labelling(self.codes, distributions)
        return labelling.without(self.tested[0]) if len(self.tested) == 1 else labelling

    def fit(self, estimator: Any, labelling: Labelling) -> None:
        """Fit an estimator to what is to be learned."""
        copies = weighted_copies(labelling.distributions)
        fit_copies(estimator, self.inputs, self.classes, copies, self.parameters, self.weight_name)

    def relabelled(self, estimator: Any, labelling: Labelling, iteration: int) -> Labelling:
        """What is to be learned next, by an estimator that was fitted to `labelling` in this iteration, from 1."""
        options = self.options
        open_ = self.codes < 0 if options.revise else labelling.codes < 0
        # A mean is one over all unlabelled samples, also over those whose label is kept.
        asked = np.flatnonzero(open_ if options.alignment == "none" else self.codes < 0)
        probabilities = self._probabilities(estimator, asked)
        mean = probabilities.mean(axis=0)
        probabilities, asked = self._aligned(probabilities, mean)[open_[asked]], asked[open_[asked]]
        chosen = self._chosen(probabilities.max(axis=1), iteration)
        if self.tested and len(chosen):
            self._measure(estimator, labelling, mean, probabilities[chosen].max(axis=1).min())
        start = self.given() if options.revise else labelling
        codes, distributions = start.codes.copy(), start.distributions.copy()
        if len(chosen):
            codes[asked[chosen]] = probabilities[chosen].argmax(axis=1)
            distributions[asked[chosen]] = pseudo_distributions(
                self.target, probabilities[chosen], options.labels, options.temperature
            )
        return Labelling(codes, distributions)

    def _chosen(self, confidence: Float[np.ndarray, " asked"], iteration: int) -> Int[np.ndarray, " chosen"]:
        """Which of the samples get a label, by the probability of the most probable class."""
        if self.options.criterion == "threshold":
            return np.flatnonzero(confidence > self.options.threshold)
        count = self.options.k_best * (iteration if self.options.revise else 1)
        if count >= len(confidence):
            return np.arange(len(confidence))
        # The same partition as scikit-learn's, so that ties fall as there.
        return np.argpartition(-confidence, count)[:count]

    def _probabilities(self, estimator: Any, rows: Int[np.ndarray, " rows"]) -> Float[np.ndarray, "rows classes"]:
        """What an estimator predicts, with a column for each class, 0 for one that its training set lacked."""
        # Some have it only once they are fitted, so that it cannot be asked for earlier.
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"{type(estimator).__name__} has no predict_proba, by which samples are labelled: calibrate it "
                "(CalibratedClassifierCV), or choose another estimator"
            )
        found = estimator.predict_proba(self.inputs[rows])
        if np.array_equal(estimator.classes_, self.classes):
            return found
        probabilities = np.zeros((len(rows), len(self.classes)), dtype=found.dtype)
        probabilities[:, np.searchsorted(self.classes, estimator.classes_)] = found
        return probabilities

    def _aligned(
        self, probabilities: Float[np.ndarray, "rows classes"], mean: Float[np.ndarray, " classes"]
    ) -> Float[np.ndarray, "rows classes"]:
        """The probabilities times prior / mean, normalised."""
        if self.options.alignment == "none":
            return probabilities
        if self.options.alignment == "uniform":
            prior = torch.full((len(mean),), 1 / len(mean))
        else:
            counts = np.bincount(self.codes[self.codes >= 0], minlength=len(mean))
            prior = torch.from_numpy(counts / counts.sum()).float()
        logits, means = log_probabilities(probabilities), torch.from_numpy(mean).float()
        return aligned(logits[None], means[None], prior[None])[0].exp().numpy()

    def _measure(self, estimator: Any, labelling: Labelling, mean: Float[np.ndarray, " classes"], least: float) -> None:
        """Tell the target how labelled samples are predicted that were not trained on.

        Of them those count whose confidence is the `least` of a pseudo-label or more, as only such labels are learned;
        all do where none is as confident.
        """
        predicted = [self._aligned(self._tested(estimator, labelling, part), mean) for part in self.tested]
        probabilities, truth = np.concatenate(predicted), self.codes[np.concatenate(self.tested)]
        sure = probabilities.max(axis=1) >= least
        counted = sure if sure.any() else ~sure
        assert self.target is not None
        self.target.end_validation(log_probabilities(probabilities[counted]), torch.from_numpy(truth[counted]))
        cap = starving_cap(self.target, self.options.labels, self.options.threshold)
        if cap is not None and self.options.criterion == "threshold":
            warn(
                f"by the errors measured, a model that fits its targets gives no class more than {cap:.3g}, and "
                f"threshold is {self.options.threshold:g}: lower it, or it will choose fewer and fewer samples",
                UserWarning,
                stacklevel=4,
            )

    def _tested(
        self, estimator: Any, labelling: Labelling, part: Int[np.ndarray, " part"]
    ) -> Float[np.ndarray, "part classes"]:
        """Predictions for a part that was not trained on."""
        if len(self.tested) > 1:
            estimator = clone(self.options.estimator)
            self.fit(estimator, labelling.without(part))
        return self._probabilities(estimator, part)
