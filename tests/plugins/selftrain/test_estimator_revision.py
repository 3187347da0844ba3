"""Labels that `SelfTraining` revises, and smoothing by the errors that it measures."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from smoothkit_selftrain import SelfTraining
from smoothkit_selftrain.estimator.held_out_errors import held_out_parts
from smoothkit_selftrain.targets.measured import MeasuredSmoothing
from tests.plugins.selftrain.few_labels import digits, few_labels, iris

# --- labels that are revised ---


def revised(iterations: int, **options: Any) -> SelfTraining:
    inputs, labels = digits()
    model = SelfTraining(GaussianNB(var_smoothing=0.05), max_iter=iterations, **options)
    return model.fit(inputs, few_labels(labels, 2, seed=0))


def test_labeled_iter_is_since_when_a_label_is_held() -> None:
    history = [revised(iterations).transduction_ for iterations in range(5)]
    since = np.where(history[0] >= 0, 0, -1)
    for iteration in range(1, 5):
        changed = history[iteration] != history[iteration - 1]
        since = np.where(changed, np.where(history[iteration] >= 0, iteration, -1), since)
    final = revised(4)
    assert np.array_equal(final.labeled_iter_, since)
    dropped = (history[1] >= 0) & (history[4] != history[1])
    assert dropped.sum() > 20  # otherwise nothing was revised


def test_what_k_best_learns_grows_by_as_many_in_each_iteration() -> None:
    for iterations in (1, 2, 3):
        model = revised(iterations, criterion="k_best", k_best=50)
        assert (model.transduction_ >= 0).sum() == 20 + 50 * iterations


def test_no_change_is_a_fixed_point() -> None:
    inputs, few, _ = iris()
    everything = SelfTraining(GaussianNB(), threshold=0.0, max_iter=50).fit(inputs, few)
    assert everything.termination_condition_ == "all_labeled"
    assert np.array_equal(everything.predict(inputs)[few < 0], everything.transduction_[few < 0])
    part = SelfTraining(GaussianNB(var_smoothing=0.5), threshold=0.7, max_iter=50).fit(inputs, few)
    assert part.termination_condition_ == "no_change"
    probabilities = part.predict_proba(inputs)
    expected = np.where(probabilities.max(axis=1) > 0.7, probabilities.argmax(axis=1), -1)
    assert np.array_equal(part.transduction_, np.where(few >= 0, few, expected))
    cut = SelfTraining(GaussianNB(), threshold=0.0, max_iter=1).fit(inputs, few)
    assert (cut.termination_condition_, cut.n_iter_) == ("max_iter", 1)
    none = SelfTraining(LogisticRegression(C=0.001), threshold=0.9).fit(inputs, few)
    assert (none.termination_condition_, none.n_iter_) == ("no_change", 1)


def test_revision_lowers_the_persistence_of_errors() -> None:
    inputs, labels = digits()
    persistence: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(4):
        few = few_labels(labels, 2, seed)
        first = GaussianNB(var_smoothing=0.05).fit(inputs[few >= 0], few[few >= 0])
        chosen = (few < 0) & (first.predict_proba(inputs).max(axis=1) > 0.75)
        wrong = chosen & (first.predict(inputs) != labels)
        assert wrong.sum() > 20
        for revise in (True, False):
            model = SelfTraining(GaussianNB(var_smoothing=0.05), revise=revise).fit(inputs, few)
            last = np.where(model.transduction_ >= 0, model.transduction_, model.predict(inputs))
            persistence[revise].append(float((last[wrong] != labels[wrong]).mean()))
    assert persistence[False] == [1.0] * 4
    assert max(persistence[True]) < 0.8
    assert np.mean(persistence[True]) < 0.65


def test_verbose_says_how_many_are_labelled(capsys: pytest.CaptureFixture[str]) -> None:
    model = SelfTraining(GaussianNB(), verbose=True, threshold=0.0).fit(*iris()[:2])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_
    assert lines[0] == ("[SelfTraining] iteration 1: 138 of 138 unlabelled samples are labelled, 138 not as before")


# --- smoothing by measured errors ---


class Written(ClassifierMixin, BaseEstimator):
    """Predicts the class that the first feature says, as surely as the second says; notes what it was fitted to."""

    fitted: list[set[float]] = []  # noqa: RUF012  clones share it

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "Written":
        self.classes_ = np.arange(3)
        self.fitted.append(set(X[:, 2]))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        rest = (1 - X[:, 1:2]) / 2
        return rest + (X[:, 1:2] - rest) * np.eye(3)[X[:, 0].astype(int)]


def written(sure: float, unsure: float) -> tuple[np.ndarray, np.ndarray]:
    """120 labelled samples, of which the sure half is wrong in 1 of 10 and the others in 1 of 2, and 30 unlabelled."""
    labels = np.arange(150) % 3
    confidence = np.where(np.arange(150) % 2 == 0, sure, unsure)
    wrong = np.where(np.arange(150) % 2 == 0, np.arange(150) % 20 == 0, np.arange(150) % 4 == 1)
    inputs = np.stack([(labels + wrong) % 3, confidence, np.arange(150.0)], axis=1)
    return inputs, np.where(np.arange(150) < 120, labels, -1)


@pytest.mark.parametrize(("unsure", "errors"), [(0.5, 0.1), (0.9, 0.3)])
def test_measured_smoothing_is_the_error_of_labels_as_sure_as_those_learned(unsure: float, errors: float) -> None:
    inputs, few = written(sure=0.9, unsure=unsure)
    model = SelfTraining(Written(), target="measured-ls", threshold=0.5, max_iter=1, random_state=0)
    model.fit(inputs, few)
    assert isinstance(model.target_, MeasuredSmoothing)
    np.testing.assert_allclose(model.target_.alpha.numpy(), errors * 3 / 2, atol=1e-6)
    learned = model.label_distributions_[(few < 0) & (model.transduction_ >= 0)]
    np.testing.assert_allclose(learned.max(axis=1), 1 - errors, atol=1e-6)


def test_samples_that_errors_are_measured_on_are_not_trained_on() -> None:
    inputs, few = written(sure=0.9, unsure=0.9)
    Written.fitted.clear()
    model = SelfTraining(Written(), 0.6, target="measured-ls", validation=4, max_iter=1, random_state=0)
    model.fit(inputs, few)
    first, *parts, last = Written.fitted
    left_out = [first - part for part in parts]
    assert len(first) == 120
    assert len(last) == 150
    assert sorted(number for part in left_out for number in part) == sorted(first)
    Written.fitted.clear()
    with pytest.warns(UserWarning, match=r"measured on 48 labelled samples: a rate of 0\.3 is known to ±0\.07"):
        model.set_params(validation=0.4, max_iter=2).fit(inputs, few)
    trained_on = set.union(*Written.fitted)
    assert len(trained_on & set(range(120))) == 72
    assert len(trained_on) == 102


def test_errors_that_put_the_cap_below_the_threshold_are_told() -> None:
    inputs, few = written(sure=0.9, unsure=0.9)
    model = SelfTraining(Written(), target="measured-ls", threshold=0.8, max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match=r"no class more than 0\.7, and threshold is 0\.8"):
        model.fit(inputs, few)


@given(counts=st.lists(st.integers(1, 12), min_size=2, max_size=5), parts=st.integers(2, 5), seed=st.integers(0, 2**31))
def test_parts_cover_all_labelled_samples_and_spread_classes(counts: list[int], parts: int, seed: int) -> None:
    codes = np.concatenate([np.repeat(np.arange(len(counts)), counts), [-1, -1]])
    if sum(counts) < parts:
        counts[0] += parts
        codes = np.concatenate([np.repeat(np.arange(len(counts)), counts), [-1, -1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # There are few of them.
        found = held_out_parts(codes, parts, np.random.RandomState(seed))
    assert sorted(np.concatenate(found)) == list(range(sum(counts)))
    for label in range(len(counts)):
        each = [int((codes[part] == label).sum()) for part in found]
        assert max(each) - min(each) <= 1


@pytest.mark.parametrize("validation", [0.01, 0.99, 7])
def test_too_few_labelled_samples_to_hold_out_are_told(validation: float) -> None:
    with pytest.raises(ValueError, match="of 6 labelled samples"):
        held_out_parts(np.array([0, 0, 0, 1, 1, 1, -1]), validation, np.random.RandomState(0))


def test_a_class_that_a_part_lacks_has_probability_zero() -> None:
    # One labelled sample of class 2: the model that is tested on it has never seen its class.
    inputs = np.array([[0.0], [0.1], [1.0], [1.1], [2.0], [0.05], [1.05]])
    few = np.array([0, 0, 1, 1, 2, -1, -1])
    model = SelfTraining(GaussianNB(var_smoothing=0.01), target="measured-ls", validation=2, max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="measured on 5"):
        model.fit(inputs, few)
    assert model.transduction_.tolist() == [0, 0, 1, 1, 2, 0, 1]
