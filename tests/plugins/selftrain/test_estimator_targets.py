"""What `SelfTraining` learns of a pseudo-label: distributions through weighted copies, against closed forms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smoothkit.targets import LabelSmoothing
from smoothkit_selftrain import SelfTraining
from smoothkit_selftrain.estimator.weighted_copies import weighted_copies
from tests.plugins.selftrain.few_labels import LS, changed, iris


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=8))
def test_copies_hold_the_distribution_and_nothing_without_mass(quarters: list[list[int]]) -> None:
    distributions = np.array(quarters) / 4
    copies = weighted_copies(distributions)
    weights = np.ones(len(copies.rows)) if copies.weights is None else copies.weights
    rebuilt = np.zeros_like(distributions)
    np.add.at(rebuilt, (copies.rows, copies.classes), weights)
    assert np.array_equal(rebuilt, distributions)
    assert (weights > 0).all()
    assert (np.diff(copies.rows) >= 0).all()


def penalised_optimum(loss: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, classes: int) -> np.ndarray:
    """Probabilities of the linear model that minimises `loss` of its logits plus half the squares of its weights."""
    weight = torch.zeros(classes, inputs.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=2000, tolerance_grad=1e-7, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(inputs @ weight.T + bias) + weight.square().sum() / 2
        value.backward()
        return value

    optimiser.step(closure)
    return (inputs @ weight.T + bias).softmax(dim=1).detach().numpy()


@pytest.mark.parametrize("alpha", [0.1, 0.3])
def test_logistic_regression_learns_the_smoothed_pseudo_labels(alpha: float) -> None:
    inputs, few, _ = iris()
    model = SelfTraining(
        LogisticRegression(C=2.0, tol=1e-9, max_iter=5000),
        target={"name": "ls", "alpha": alpha},
        max_iter=2,
        threshold=0.6,
    )
    model.fit(inputs, few)
    given_, pseudo = np.flatnonzero(few >= 0), np.flatnonzero((few < 0) & (model.transduction_ >= 0))
    assert len(pseudo) > 20
    labels, smoothing = torch.from_numpy(model.transduction_), LabelSmoothing(3, alpha)

    def loss(logits: torch.Tensor) -> torch.Tensor:
        plain = torch.nn.functional.cross_entropy(logits[given_], labels[given_], reduction="sum")
        return 2.0 * (plain + smoothing(logits[pseudo], labels[pseudo], reduction="sum"))

    expected = penalised_optimum(loss, torch.from_numpy(inputs), 3)
    np.testing.assert_allclose(model.predict_proba(inputs), expected, atol=1e-4)
    expected_rows = (1 - alpha) * np.eye(3)[model.transduction_[pseudo]] + alpha / 3
    np.testing.assert_allclose(model.label_distributions_[pseudo], expected_rows, atol=1e-6)


@pytest.mark.parametrize("alignment", ["none", "uniform", "labelled"])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_soft_labels_are_the_aligned_prediction_sharpened(alignment: Any, temperature: float) -> None:
    inputs, few, _ = iris()
    few = np.where((few == 0) & (np.cumsum(few == 0) > 2), -1, few)  # 2, 4 and 4 labels
    model = SelfTraining(
        GaussianNB(var_smoothing=1.0),
        labels="soft",
        temperature=temperature,
        alignment=alignment,
        threshold=0.0,
        max_iter=1,
    ).fit(inputs, few)
    known = few >= 0
    first = GaussianNB(var_smoothing=1.0).fit(inputs[known], few[known]).predict_proba(inputs[~known])
    prior = {"none": first.mean(axis=0), "uniform": np.ones(3) / 3, "labelled": np.array([0.2, 0.4, 0.4])}[alignment]
    expected = (first * prior / first.mean(axis=0)) ** (1 / temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.label_distributions_[~known], expected, atol=1e-5)
    assert np.array_equal(model.transduction_[~known], expected.argmax(axis=1))
    assert np.array_equal(model.label_distributions_[known], np.eye(3)[few[known]])


def test_alignment_is_by_all_unlabelled_samples_also_where_labels_are_kept() -> None:
    inputs, few, _ = iris()
    model = SelfTraining(GaussianNB(var_smoothing=1.0), revise=False, labels="soft", alignment="uniform", threshold=0.6)
    first, second = (changed(model, max_iter=iterations).fit(inputs, few) for iterations in (1, 2))
    added = second.labeled_iter_ == 2
    assert added.any()
    predicted = first.predict_proba(inputs)
    expected = predicted / predicted[few < 0].mean(axis=0)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(second.label_distributions_[added], expected[added], atol=1e-5)
    assert np.array_equal(added, (first.transduction_ < 0) & (expected.max(axis=1) > 0.6))


def test_adaptive_smoothing_follows_the_probability_of_the_label() -> None:
    inputs, few, _ = iris()
    model = SelfTraining(GaussianNB(), target="adaptive-ls", threshold=0.0, max_iter=1).fit(inputs, few)
    first = GaussianNB().fit(inputs[few >= 0], few[few >= 0]).predict_proba(inputs[few < 0])
    spread = ((1 - first.max(axis=1)) * 3 / 2) ** 2
    expected = (1 - spread)[:, None] * np.eye(3)[first.argmax(axis=1)] + spread[:, None] / 3
    np.testing.assert_allclose(model.label_distributions_[few < 0], expected, atol=1e-5)


def test_a_target_may_be_an_object_and_is_left_alone() -> None:
    inputs, few, _ = iris()
    target = LabelSmoothing(3, 0.1)
    by_object = SelfTraining(GaussianNB(), target=target).fit(inputs, few)
    by_name = SelfTraining(GaussianNB(), target=LS).fit(inputs, few)
    assert np.array_equal(by_object.predict_proba(inputs), by_name.predict_proba(inputs))
    assert by_object.target_ is not target
    with pytest.raises(ValueError, match="is of 4 classes, and y has 3"):
        SelfTraining(GaussianNB(), target=LabelSmoothing(4, 0.1)).fit(inputs, few)


class ByIndex(LabelSmoothing):
    """A target that asks which sample a row is."""

    needs = frozenset({"index"})


def test_a_target_that_asks_for_the_sample_is_refused() -> None:
    inputs, few, _ = iris()
    with pytest.raises(ValueError, match="ByIndex learns or remembers"):
        SelfTraining(GaussianNB(), target=ByIndex(3, 0.1)).fit(inputs, few)


def test_an_estimator_without_sample_weights_is_named() -> None:
    inputs, few, _ = iris()
    for options in ({"target": LS}, {"labels": "soft"}):
        with pytest.raises(ValueError, match=r"KNeighborsClassifier\.fit takes no sample_weight"):
            SelfTraining(KNeighborsClassifier(), **options).fit(inputs, few)
        with pytest.raises(ValueError, match=r"Pipeline\.fit takes no sample_weight"):
            SelfTraining(make_pipeline(StandardScaler(), KNeighborsClassifier()), **options).fit(inputs, few)
    assert SelfTraining(KNeighborsClassifier(3)).fit(inputs, few).n_iter_ > 0


@pytest.mark.parametrize("routing", [False, True])
def test_a_pipeline_weights_the_samples_of_its_last_step(routing: bool) -> None:
    inputs, few, _ = iris()
    with config_context(enable_metadata_routing=routing):
        last = GaussianNB().set_fit_request(sample_weight=True) if routing else GaussianNB()
        model = SelfTraining(make_pipeline("passthrough", last), target=LS).fit(inputs, few)
        plain = SelfTraining(GaussianNB(), target=LS).fit(inputs, few)
        np.testing.assert_array_equal(model.predict_proba(inputs), plain.predict_proba(inputs))
