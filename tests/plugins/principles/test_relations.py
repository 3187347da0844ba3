"""Uniform smoothing flattens the relations between classes, which is not to erase them; LS++ keeps more."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from smoothkit_principles.claims import relations
from smoothkit_principles.claims.relations import (
    CLAIM,
    LEARNED,
    ONE_HOT,
    agreement,
    another,
    class_means,
    correlation,
    distances,
    mean_logits,
    networks,
    student,
    students,
    variation,
    wrong,
)
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import outputs
from tests.plugins.principles.brief_labs import brief_lab, judged_briefly
from tests.plugins.principles.judged import judged

STURDY = {"repeatable": "true", "erased": "false", "weaker": "true", "flat": "true", "even": "true", "matrix": "true"}
"""Verdicts that do not need all epochs."""


@pytest.fixture
def no_students(monkeypatch):
    """As if students were nothing but the teacher, which costs nothing."""
    monkeypatch.setattr(relations, "students", lambda teacher, lab: {key: [teacher] for key in found_keys()})


def found_keys() -> tuple[str, ...]:
    return (*relations.TEMPERATURES, relations.FULL)


@pytest.mark.usefixtures("no_students")
def test_verdicts():
    found = judged_briefly(CLAIM)
    assert {key: found[key] for key in STURDY} == STURDY
    assert found["kept"].startswith("true")
    assert "spread of outputs" in found["kept"] or found["kept"] == "true"
    # Each agrees with itself, whatever the teacher.
    assert found["follows"] == "false"


@pytest.mark.slow
def test_verdicts_at_the_default_settings():
    found = judged(CLAIM, 8)
    assert {key: found[key] for key in STURDY} == STURDY
    assert found["kept"] == "true"
    assert found["student"] == "false for T = 1; not shown for T = 4 and T = 4 on all images"
    assert found["follows"] == "true for T = 4; false for T = 1; not shown for T = 4 on all images"


@pytest.mark.usefixtures("no_students")
def test_a_smoother_that_does_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(
        relations,
        "networks",
        lambda lab: networks(lab) | dict.fromkeys(("all", "others", "alpha = 0.5"), networks(lab)[ONE_HOT]),
    )
    found = judged_briefly(CLAIM)
    assert found["flat"] == f"true for {LEARNED}"
    assert found["even"] in (f"true for {LEARNED}", "false", "not shown")
    assert found["kept"] in ("false", "not shown")
    assert found["weaker"] == found["student"] == "false"


@pytest.mark.parametrize(("by", "student_verdict"), [(-0.3, "true"), (0.3, "false")])
def test_students_of_another_accuracy_are_noticed(by, student_verdict, monkeypatch):
    def taught(teacher, lab):
        smoothed = teacher is networks(lab)["all"]
        epochs = tuple(replace(each, accuracy=0.5 + by * smoothed) for each in teacher.epochs)
        # A student that follows predicts what the teacher does; another one always the first class.
        follows = smoothed == (by > 0)
        logits = teacher.logits if follows else -torch.arange(10.0).expand_as(teacher.logits)
        return {key: [replace(teacher, epochs=epochs, logits=logits)] for key in found_keys()}

    monkeypatch.setattr(relations, "students", taught)
    found = judged_briefly(CLAIM)
    assert (found["student"], found["follows"]) == (student_verdict, student_verdict)


@pytest.mark.usefixtures("no_students")
def test_classes_in_another_order_are_noticed(monkeypatch):
    # One network's classes are compared with others of the other network.
    shuffled = torch.randperm(45, generator=torch.Generator().manual_seed(0))
    order = {45: shuffled, 90: torch.cat([shuffled, 45 + shuffled])}
    monkeypatch.setattr(relations, "correlation", lambda first, second: correlation(first[order[len(first)]], second))
    found = judged_briefly(CLAIM)
    assert (found["repeatable"], found["matrix"]) == ("false", "false")
    monkeypatch.setattr(relations, "correlation", lambda first, second: 0.0)
    found = judged_briefly(CLAIM)
    assert (found["repeatable"], found["erased"]) == ("false", "true")


def test_correlation_and_variation():
    values = torch.tensor([1.0, 2.0, 4.0, 7.0], dtype=torch.float64)
    assert correlation(values, 3 * values + 1) == pytest.approx(1)
    assert correlation(values, -values) == pytest.approx(-1)
    assert correlation(values, torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)) == pytest.approx(
        torch.corrcoef(torch.tensor([[1.0, 2, 4, 7], [1, -1, -1, 1]]))[0, 1].item()
    )
    assert variation(values) == pytest.approx(variation(10 * values)) == pytest.approx(7**0.5 / 3.5)
    assert variation(torch.full((5,), 2.0, dtype=torch.float64)) == 0


def test_wrong_classes_are_those_off_the_diagonal():
    assert wrong(torch.arange(9.0).reshape(3, 3)).tolist() == [1, 2, 3, 5, 6, 7]


def test_class_means():
    values = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    assert class_means(values, torch.tensor([1, 1, 0])).tolist() == [[0, 5], [2, 0]]


def test_mean_logits_do_not_depend_on_the_level_of_the_logits(monkeypatch):
    lab = brief_lab(0)
    network = networks(lab)["all"]
    found = mean_logits(network, lab)
    assert_close(wrong(found).reshape(10, 9).mean(dim=1), torch.zeros(10, dtype=torch.float64), rtol=0, atol=1e-9)

    def shifted(model, data, part):
        logits, labels = outputs(model, data, part)
        return logits + labels.unsqueeze(1), labels

    monkeypatch.setattr(relations, "outputs", shifted)
    assert_close(mean_logits(network, lab), found, rtol=0, atol=1e-5)


def test_distances_are_between_all_pairs():
    lab = brief_lab(0)
    found = distances(networks(lab)[ONE_HOT], lab)
    assert found.shape == (45,)
    assert found.min() > 0


def test_another_laboratory_has_other_weights_and_the_same_images():
    lab = Lab(brief_lab(0).config, 0)
    others = [another(lab, "reference"), another(lab, "student"), another(lab, "student", 1)]
    weights = [own.fresh_network().get_parameter("layers.1.weight") for own in (lab, *others)]
    assert all(not torch.equal(one, other) for n, one in enumerate(weights) for other in weights[:n])
    assert all(torch.equal(own.data.test.images, lab.data.test.images) for own in others)
    assert another(lab, "student", 1).seed == others[2].seed


def test_a_student_learns_from_its_teacher():
    lab = brief_lab(0)
    teacher, own = networks(lab)[ONE_HOT], another(lab, "student")
    found = {T: student(teacher, own, T) for T in (1.0, 4.0)}
    for network in found.values():
        assert network.target.options()["alpha"] == 0.9
        assert agreement(network, teacher) > 0.85
    assert agreement(teacher, teacher) == 1
    assert {T: network.target.options()["temperature"] for T, network in found.items()} == {1.0: 1.0, 4.0: 4.0}
    assert not torch.equal(found[1.0].logits, found[4.0].logits)


def test_students_under_wrong_teachers_are_noticed(monkeypatch):
    monkeypatch.setattr(relations, "STUDENTS", 1)
    lab = brief_lab(0)
    teachers = networks(lab)
    taught = {teachers[name]: students(teachers[name], lab) for name in (ONE_HOT, "all")}
    for found in taught.values():
        assert tuple(found) == found_keys()
        # All images teach more than a few.
        assert found[relations.FULL][0].epochs[-1].accuracy > found["T = 4"][0].epochs[-1].accuracy
    monkeypatch.setattr(relations, "students", lambda teacher, lab: taught[teacher])
    before = relations.distilled(lab)
    exchanged = teachers | {ONE_HOT: teachers["all"], "all": teachers[ONE_HOT]}
    monkeypatch.setattr(relations, "networks", lambda lab: exchanged)
    assert relations.distilled(lab) == pytest.approx({key: -value for key, value in before.items()})
    assert any(before.values())
