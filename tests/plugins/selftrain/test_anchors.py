"""The methods of scikit-learn: on the samples of a run, and good where they ought to be."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from smoothkit_selftrain import anchors as module
from smoothkit_selftrain.anchors import METHODS, Task, anchors, gamma_of, scores, subsample, task_of
from smoothkit_selftrain.config import SelfTrainDataConfig
from smoothkit_selftrain.data.parts import split_together

NAMES = tuple(METHODS)


@pytest.fixture(autouse=True)
def empty_memory(monkeypatch):
    monkeypatch.setattr(module, "_found", {})


def parts_of(labels=20, seed=0, **options):
    (parts,) = split_together(SelfTrainDataConfig(labels=labels, **options), [seed])
    return parts


def blobs(distance=6.0, scale=1.0):
    random = np.random.default_rng(0)
    classes = np.arange(90) % 3
    inputs = scale * (random.normal(size=(90, 4)) + distance * np.eye(3, 4)[classes])
    return Task(inputs[:6], classes[:6], inputs[6:50], inputs[50:]), classes[6:50], classes[50:]


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_clusters_far_apart_are_told_apart_in_any_units(scale):
    found = scores(NAMES[2:], *blobs(scale=scale))
    assert set(found.values()) == {1.0}


def test_all_of_them_do_well_on_clusters():
    found = scores(NAMES, *blobs())
    assert set(found) == {f"anchor{kind}_{name}" for name in NAMES for kind in ("", "_transduction")}
    assert min(found.values()) > 0.9


def test_without_a_second_class_nothing_is_defined():
    task, truth, test_labels = blobs()
    found = scores(NAMES, task._replace(labels=np.zeros_like(task.labels)), truth, test_labels)
    assert all(np.isnan(value) for value in found.values())


def test_label_spreading_is_scikit_learns():
    parts = parts_of(unlabelled=200)
    task = task_of(parts, torch.arange(200))
    model = LabelSpreading(gamma=gamma_of(task, "label-spreading"))
    model.fit(np.concatenate([task.labelled, task.unlabelled]), [*task.labels, *[-1] * 200])
    assert np.array_equal(METHODS["label-spreading"](task).unlabelled, model.transduction_[20:])


def test_inputs_are_what_the_network_sees():
    parts = parts_of(unlabelled=100)
    task = task_of(parts, torch.tensor([3, 5]))
    image = parts.unlabelled[5].double().div(255).sub(parts.data.mean[0]).div(parts.data.std[0])
    assert task.unlabelled[1] == pytest.approx(image.flatten().numpy(), abs=1e-6)
    assert task.test.shape == (360, 64)
    assert task.labels.tolist() == parts.labels.tolist()


def test_a_subsample_is_drawn_by_the_seed():
    assert subsample(5, 5, seed=0).tolist() == [0, 1, 2, 3, 4]
    first, again, other = (subsample(100, 10, seed=seed).tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert first == sorted(set(first))
    assert len(first) == 10


def test_digits_are_known_by_their_neighbours_better_than_by_labels_alone(configure):
    parts = parts_of(unlabelled=1000)
    config = configure("evaluate.anchors=['supervised','label-spreading','label-propagation']")
    found = anchors(config, 0, parts, parts.truth.reveal())
    for name in ("label-spreading", "label-propagation"):
        assert found[f"anchor_{name}"] > found["anchor_supervised"] + 0.05
        assert found[f"anchor_transduction_{name}"] > found["anchor_transduction_supervised"] + 0.05


def test_self_training_is_scikit_learns_with_its_own_options():
    parts = parts_of(unlabelled=200)
    task = task_of(parts, torch.arange(200))
    inputs, labels = np.concatenate([task.labelled, task.unlabelled]), [*task.labels, *[-1] * 200]
    said = METHODS["self-training"](task)
    model = SelfTrainingClassifier(LogisticRegression(max_iter=1000)).fit(inputs, labels)
    assert np.array_equal(said.test, model.predict(task.test))
    surer = SelfTrainingClassifier(LogisticRegression(max_iter=1000), threshold=0.95).fit(inputs, labels)
    assert not np.array_equal(said.test, surer.predict(task.test))


def test_models_that_see_other_sizes_have_numbers_of_their_own(configure, monkeypatch):
    monkeypatch.setattr(module, "scores", lambda names, task, *truth: {"features": float(task.test.shape[1])})
    config, data = configure(), SelfTrainDataConfig(unlabelled=10)
    sizes = [split_together(data, [0], "cpu", size)[0] for size in (None, 12)]
    found = [anchors(config, 0, parts, parts.truth.reveal()) for parts in sizes]
    assert found == [{"features": 8 * 8}, {"features": 12 * 12}]


def test_what_was_computed_once_is_not_computed_again(configure, monkeypatch):
    config, parts = configure(), parts_of(unlabelled=150)
    found = anchors(config, 0, parts, parts.truth.reveal())
    monkeypatch.setattr(module, "scores", lambda *arguments: pytest.fail("computed again"))
    assert anchors(config, 0, parts, parts.truth.reveal()) == found


@pytest.mark.parametrize(
    ("override", "seed"), [("data.labels=30", 0), ("evaluate.anchor_samples=50", 0), ("data.labels=20", 1)]
)
def test_other_data_have_numbers_of_their_own(configure, override, seed):
    config, parts = configure(), parts_of(unlabelled=150)
    found = anchors(config, 0, parts, parts.truth.reveal())
    changed = configure(override)
    other = parts_of(unlabelled=150, labels=changed.data.labels, seed=seed)
    assert anchors(changed, seed, other, other.truth.reveal()) != found


def test_none_is_asked_for(configure):
    parts = parts_of(unlabelled=150)
    assert anchors(configure("evaluate.anchors=[]"), 0, parts, parts.truth.reveal()) == {}
