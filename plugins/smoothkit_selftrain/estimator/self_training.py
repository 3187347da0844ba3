"""`SelfTraining`: self-training around any classifier of scikit-learn, with labels that are revised."""

from numbers import Integral, Real
from typing import Any, Literal, no_type_check
from warnings import warn

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_random_state, check_scalar, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from smoothkit.targets import OneHot, Target
from smoothkit.targets.options import check_choice
from smoothkit_selftrain.estimator.held_out_errors import held_out_parts
from smoothkit_selftrain.estimator.pseudo_targets import TargetChoice, build_target, measures_errors, starving_cap
from smoothkit_selftrain.estimator.relabelling import Labelling, Relabelling
from smoothkit_selftrain.estimator.weighted_copies import weight_parameter
from smoothkit_selftrain.labelling.labels import LabelKind

DELEGATED = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score")
"""Methods that are the estimator's own."""


def _if_estimator_has(method: str) -> Any:
    """Make a method exist where the estimator, fitted if it is, has it."""

    def check(self: "SelfTraining") -> bool:
        getattr(getattr(self, "estimator_", self.estimator), method)  # Its AttributeError says what is missing.
        return True

    return available_if(check)


class SelfTraining(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Self-training: a classifier learns from labelled samples, labels the others, and learns from these, too.

    It stands wherever `sklearn.semi_supervised.SelfTrainingClassifier` does, with its parameters and attributes. Beside
    that, all pseudo-labels are made anew in each iteration, so that an early error need not stay, and what is learned
    of one is a distribution over the classes. An estimator that takes hard labels learns it through copies of the
    sample, one for each class with mass, weighted by it; its `fit` needs `sample_weight` for that. One that splits its
    samples itself, to calibrate or to stop early, has copies of the same sample on both sides.

    estimator    a classifier with `fit` and `predict_proba`; a clone is fitted
    threshold    in [0, 1): with criterion "threshold" labels more probable than that are learned
    criterion    "threshold", or "k_best": the `k_best` most probable ones
    k_best       1 or more: added in each iteration; with `revise`, so many in the first, twice as many in the second...
    max_iter     0 or more iterations; None, with `revise=False` only, for as many as it takes
    verbose      whether to print a line for each iteration
    revise       whether to label all unlabelled samples anew in each iteration. A classifier that reproduces whatever
                 labels it is fitted to confirms those that are learned as they are; smooth them, or align them. If
                 False, a label once given is kept: with the defaults of what follows, results are scikit-learn's.
    labels       "hard", the most probable class, or "soft", the distribution. Soft labels as they are ask the estimator
                 to repeat itself, and change little: sharpen them, or align them.
    temperature  in (0, 1], of soft labels: q^(1/T), normalised; 1 for hard ones
    target       what becomes of a pseudo-label: a registered target, a dictionary of its `name` and options, or a
                 `smoothkit.targets.Target`. "onehot" is the label itself, "ls" label smoothing (`alpha`),
                 "adaptive-ls" smooths the more the less probable the label is (`amplitude`, `power`),
                 "measured-ls" as much as labels are found to be wrong (`per_class`). Given labels are not
                 smoothed.
    validation   of a target that measures errors: the share of labelled samples, in (0, 1), that is held out and never
                 trained on; or the number of parts, 2 or more, of a cross-validation in each iteration. Of these
                 samples, those count whose label would be learned, if there are any. Ignored otherwise.
    alignment    "none"; "uniform" or "labelled": probabilities are multiplied by a prior and divided by their mean over
                 the unlabelled samples, so that classes become as frequent as in the prior, all the same or as among
                 the labelled samples
    random_state of the choice of samples for `validation`

    A model that fits smoothed labels gives none of them more than a cap, 1 - alpha + alpha/K for label smoothing. A
    threshold at or above the cap is refused, because of the samples learned from few would be left.

    After `fit`: `estimator_`; `classes_`; `n_iter_`; `n_features_in_` and, of a data frame, `feature_names_in_`;
    `target_`, the target as it was last; and, of each sample,

    transduction_         its label in the last fit; -1 for none
    labeled_iter_         the iteration in which it got this label, to keep it since: 0 for given ones, -1 for none
    label_distributions_  (samples, classes): what the last fit learned of it; zeros where it took no part

    termination_condition_ is "max_iter"; "no_change", where an iteration changed no label and no distribution; or
    "all_labeled". With `revise` this is "no_change" with all samples labelled, and a full set of labels is revised on.

    Labels of unlabelled samples are -1; string labels have to be of dtype object.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> inputs, labels = load_iris(return_X_y=True)
    >>> few = np.where(np.arange(150) % 10 == 0, labels, -1)
    >>> model = SelfTraining(LogisticRegression(max_iter=1000), target={"name": "ls", "alpha": 0.1}).fit(inputs, few)
    >>> model.n_iter_, model.label_distributions_[1].round(3)
    (10, array([0.933, 0.033, 0.033]))
    """

    feature_names_in_: np.ndarray
    labels: LabelKind

    # scikit-learn's contract is that any value is taken here, and refused by `fit`.
    @no_type_check
    def __init__(
        self,
        estimator: Any = None,
        threshold: float = 0.75,
        criterion: Literal["threshold", "k_best"] = "threshold",
        k_best: int = 10,
        max_iter: int | None = 10,
        verbose: bool = False,
        *,
        revise: bool = True,
        labels: LabelKind = "hard",
        temperature: float = 1.0,
        target: TargetChoice = "onehot",
        validation: float | int = 5,
        alignment: Literal["none", "uniform", "labelled"] = "none",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.threshold = threshold
        self.criterion = criterion
        self.k_best = k_best
        self.max_iter = max_iter
        self.verbose = verbose
        self.revise = revise
        self.labels = labels
        self.temperature = temperature
        self.target = target
        self.validation = validation
        self.alignment = alignment
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **params: Any) -> "SelfTraining":
        """Learn from the labelled samples, and from labels of the others.

        X       (samples, features): an array, a data frame or a sparse matrix
        y       (samples,): labels, -1 for unlabelled samples
        params  for the estimator's `fit`, where scikit-learn's metadata routing is switched on. What has one entry for
                each sample, such as `sample_weight`, goes with the sample.

        Raises:
            ValueError: a parameter is out of its range, the threshold is not below the cap of the target, or the
                estimator cannot learn a distribution.
        """
        self._check_parameters()
        parameters = self._routed("fit", params)["fit"]
        self.estimator_: Any = clone(self.estimator)
        X, y = validate_data(self, X, y, accept_sparse=["csr", "csc", "lil", "dok"], ensure_all_finite=False)
        codes, classes = self._codes(y)
        self.target_ = self._built_target(len(classes))
        plain = self.labels == "hard" and isinstance(self.target_, OneHot | None)
        weights = "" if plain else weight_parameter(self.estimator)
        random, tested = check_random_state(self.random_state), []
        if measures_errors(self.target_):
            tested = held_out_parts(codes, self.validation, random)
        work = Relabelling(self, X, classes, codes, parameters, weights, self.target_, tested)
        labelling = self._iterate(work)
        work.fit(self.estimator_, labelling)
        self.classes_ = self.estimator_.classes_
        self.transduction_, pseudo = np.copy(y), (codes < 0) & (labelling.codes >= 0)
        self.transduction_[pseudo] = classes[labelling.codes[pseudo]]
        self.label_distributions_ = labelling.distributions
        return self

    def _iterate(self, work: Relabelling) -> Labelling:
        """Fit and label in turn, until nothing changes any more; what came of it."""
        labelling, unlabelled = work.given(), work.codes < 0
        self.labeled_iter_ = np.where(unlabelled, -1, 0)
        self.n_iter_, settled = 0, not unlabelled.any()
        while not settled and (self.max_iter is None or self.n_iter_ < self.max_iter):
            self.n_iter_ += 1
            work.fit(self.estimator_, labelling)
            new = work.relabelled(self.estimator_, labelling, self.n_iter_)
            changed = new.codes != labelling.codes
            self.labeled_iter_[changed] = np.where(new.codes[changed] < 0, -1, self.n_iter_)
            # Kept labels are complete when there is one for each sample; others have to stay as they are, too.
            settled = new.same_as(labelling) or (not self.revise and bool((new.codes >= 0).all()))
            labelling = new
            if self.verbose:
                print(
                    f"[SelfTraining] iteration {self.n_iter_}: {(new.codes[unlabelled] >= 0).sum()} of "
                    f"{unlabelled.sum()} unlabelled samples are labelled, {changed.sum()} not as before"
                )
        self.termination_condition_ = self._ending(settled, bool((labelling.codes >= 0).all()))
        return labelling

    def _ending(self, settled: bool, complete: bool) -> Literal["max_iter", "no_change", "all_labeled"]:
        """Why the iterations ended."""
        if complete and (settled or not self.revise):
            return "all_labeled"
        # With labels that are kept scikit-learn says so of the last iteration that is allowed, whatever it changed.
        last = self.n_iter_ == self.max_iter
        return "max_iter" if not settled or (last and not self.revise) else "no_change"

    def _codes(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The class of each sample, as a position in the sorted labels that occur, -1 for none; and these labels."""
        if y.dtype.kind in "US":
            raise ValueError("y holds strings alone, none of which is -1: give an array of dtype object")
        labelled = y != -1
        if not labelled.any():
            raise ValueError(f"y has no labelled sample: all {len(y)} are -1")
        unlabelled = len(y) - int(labelled.sum())
        if not unlabelled:
            warn("y contains no unlabelled samples (-1)", UserWarning, stacklevel=3)
        if self.criterion == "k_best" and self.k_best > unlabelled:
            warn(
                f"k_best is {self.k_best}: the first iteration labels all {unlabelled} unlabelled samples", stacklevel=3
            )
        codes = np.full(len(y), -1)
        classes, codes[labelled] = np.unique(y[labelled], return_inverse=True)
        return codes, classes

    def _built_target(self, num_classes: int) -> Target | None:
        """The target, held against the threshold; None where there is one class alone, of which nothing is smoothed."""
        if num_classes == 1:
            return None
        target = build_target(self.target, num_classes)
        cap = starving_cap(target, self.labels, self.threshold)
        if cap is not None and self.criterion == "threshold":
            raise ValueError(
                f"threshold is {self.threshold:g}, and a model that fits the target {target} gives no class more than "
                f"{cap:.3g}, so that few samples would be left to learn from: lower the threshold, or smooth less"
            )
        return target

    def _check_parameters(self) -> None:
        """ValueError unless the parameters are in their ranges and belong together."""
        if not hasattr(self.estimator, "fit"):
            raise ValueError(f"estimator is {self.estimator!r}; expected a classifier with fit and predict_proba")
        check_scalar(self.threshold, "threshold", Real, min_val=0, max_val=1, include_boundaries="left")
        check_choice("criterion", self.criterion, ("threshold", "k_best"))
        check_scalar(self.k_best, "k_best", Integral, min_val=1)
        check_choice("labels", self.labels, ("hard", "soft"))
        check_scalar(self.temperature, "temperature", Real, min_val=0, max_val=1, include_boundaries="right")
        if self.labels == "hard" and self.temperature != 1:
            raise ValueError(f"temperature is {self.temperature:g}, which changes no hard label: choose labels='soft'")
        check_choice("alignment", self.alignment, ("none", "uniform", "labelled"))
        if isinstance(self.validation, Integral):
            check_scalar(self.validation, "validation, a number of parts,", Integral, min_val=2)
        else:
            check_scalar(self.validation, "validation", Real, min_val=0, max_val=1, include_boundaries="neither")
        if self.max_iter is not None:
            check_scalar(self.max_iter, "max_iter", Integral, min_val=0)
        elif self.revise:
            raise ValueError("max_iter is None, and labels that are revised may change for ever: give a number")

    # --- what the estimator does itself -------------------------------------------------------------------------------

    @_if_estimator_has("predict")
    def predict(self, X: Any, **params: Any) -> np.ndarray:
        """The class of each sample, as the fitted estimator predicts it."""
        return self._ask("predict", X, params)

    @_if_estimator_has("predict_proba")
    def predict_proba(self, X: Any, **params: Any) -> np.ndarray:
        """The probability of each class, (samples, classes), as the fitted estimator predicts it."""
        return self._ask("predict_proba", X, params)

    @_if_estimator_has("predict_log_proba")
    def predict_log_proba(self, X: Any, **params: Any) -> np.ndarray:
        """The logarithm of these probabilities, as the fitted estimator gives it."""
        return self._ask("predict_log_proba", X, params)

    @_if_estimator_has("decision_function")
    def decision_function(self, X: Any, **params: Any) -> np.ndarray:
        """The decision function of the fitted estimator."""
        return self._ask("decision_function", X, params)

    @_if_estimator_has("score")
    def score(self, X: Any, y: Any, **params: Any) -> float:
        """The fitted estimator's own score: of a classifier, its accuracy."""
        return self._ask("score", X, params, y)

    def _ask(self, method: str, X: Any, params: dict[str, Any], *labels: Any) -> Any:
        """What a method of the fitted estimator answers."""
        check_is_fitted(self)
        routed = self._routed(method, params)[method]
        X = validate_data(self, X, accept_sparse=True, ensure_all_finite=False, reset=False)
        return getattr(self.estimator_, method)(X, *labels, **routed)

    def _routed(self, method: str, params: dict[str, Any]) -> Any:
        """What of `params` is for the estimator, by its methods."""
        if params and not get_config()["enable_metadata_routing"]:
            raise ValueError(
                f"{', '.join(params)}: parameters for the estimator's {method} need scikit-learn's metadata routing: "
                "sklearn.set_config(enable_metadata_routing=True)"
            )
        return process_routing(self, method, **params).estimator

    def get_metadata_routing(self) -> MetadataRouter:
        """What scikit-learn's metadata routing passes on: each method's parameters to that of the estimator."""
        mapping = MethodMapping()
        for method in ("fit", *DELEGATED):
            mapping.add(caller=method, callee=method)
        return MetadataRouter(owner=type(self).__name__).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        return tags
