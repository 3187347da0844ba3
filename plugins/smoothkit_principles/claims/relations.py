"""Which classes are like which: what smoothing leaves of it in a network, and what a student learns of it."""

from collections.abc import Mapping
from statistics import fmean

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn.functional import pdist

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.data.splits import limit_train
from smoothkit.report.figures import CurvesFigure, MatrixFigure
from smoothkit.seeding import derived_seed
from smoothkit.targets.learned import off_diagonal
from smoothkit_principles.claims.margins import last_features
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import TrainedNetwork, outputs, train_network

ALPHA = 0.1
ONE_HOT, LEARNED = "one-hot", "LS++"
UNIFORM = ("all", "others", "alpha = 0.5")
SHOWN = (ONE_HOT, "all", LEARNED)
"""Networks in pictures."""
ERASED = 0.1
"""A correlation that is none."""
SAME = 0.05
"""How far from 1 a correlation or a ratio may be where nothing differs."""
IMAGES, STUDENTS, KD_ALPHA = 200, 2, 0.9
"""Training images of a student, students of each teacher, and how much of their loss is the teacher's."""
TEMPERATURES = {"T = 1": 1.0, "T = 4": 4.0}
FULL = "T = 4 on all images"

Matrix = Float64[Tensor, "classes classes"]
Pairs = Float64[Tensor, " pairs"]


def networks(lab: Lab) -> dict[str, TrainedNetwork]:
    """Networks from the same start."""
    return {
        ONE_HOT: lab.network("onehot"),
        "all": lab.network("ls", alpha=ALPHA, convention="all"),
        "others": lab.network("ls", alpha=ALPHA, convention="others"),
        "alpha = 0.5": lab.network("ls", alpha=0.5, convention="all"),
        LEARNED: lab.network("ls++", alpha=ALPHA),
    }


def class_means(
    values: Float[Tensor, "samples values"], labels: Int64[Tensor, " samples"]
) -> Float64[Tensor, "classes values"]:
    """The mean of each class's samples."""
    return torch.stack([values[labels == label].double().mean(dim=0) for label in labels.unique()])


def mean_logits(network: TrainedNetwork, lab: Lab) -> Matrix:
    """The mean logits of each class's training images, less the mean of the wrong classes in each row."""
    logits, labels = outputs(network.model, lab.data, lab.data.train)
    means = class_means(logits, labels)
    return means - off_diagonal(means).mean(dim=1, keepdim=True)


def distances(network: TrainedNetwork, lab: Lab) -> Pairs:
    """The distances between the centres of the classes, in the features of the last layer."""
    features, labels, _ = last_features(network, lab)
    return pdist(class_means(features, labels))


def wrong(matrix: Float[Tensor, "classes classes"]) -> Pairs:
    """The entries of the wrong classes."""
    return off_diagonal(matrix.double()).flatten()


def correlation(first: Pairs, second: Pairs) -> float:
    """Pearson's, between pairs of classes: 1 where the same classes are alike, 0 where it is unrelated."""
    return torch.corrcoef(torch.stack([first, second]))[0, 1].item()


def variation(values: Pairs) -> float:
    """The standard deviation in units of the mean: 0 where all pairs of classes are alike."""
    return (values.std() / values.mean()).item()


def another(lab: Lab, purpose: str, number: int = 0) -> Lab:
    """A laboratory of the same images, with networks that start from other weights and see other batches."""
    return Lab(lab.config, derived_seed(lab.seed, f"relations: {purpose}", number), lab.device, lab.data)


def student(teacher: TrainedNetwork, lab: Lab, temperature: float) -> TrainedNetwork:
    """A network of the same size that learns from the teacher, on a few images."""
    target = lab.target("kd", alpha=KD_ALPHA, temperature=temperature)
    few = limit_train(lab.data, IMAGES, lab.seed)
    return train_network(lab.fresh_network(), target, few, lab.config, lab.seed, lab.device, teacher.model)


def students(teacher: TrainedNetwork, lab: Lab) -> dict[str, list[TrainedNetwork]]:
    """The students of a teacher: they start from weights of their own, the same for every teacher."""
    labs = [another(lab, "student", number) for number in range(STUDENTS)]
    found = {key: [student(teacher, own, temperature) for own in labs] for key, temperature in TEMPERATURES.items()}
    found[FULL] = [labs[0].network("kd", teacher=teacher, alpha=KD_ALPHA, temperature=4.0)]
    return found


def right(network: TrainedNetwork) -> float:
    """The share of test images that it gets right."""
    return network.epochs[-1].accuracy


def agreement(one: TrainedNetwork, other: TrainedNetwork) -> float:
    """The share of test images for which both predict the same class."""
    return (one.logits.argmax(dim=1) == other.logits.argmax(dim=1)).double().mean().item()


def distilled(lab: Lab) -> dict[str, float]:
    """What students of a smoothed teacher do, less what those of one without smoothing do."""
    teachers = {name: networks(lab)[name] for name in (ONE_HOT, "all")}
    classes = {name: students(teacher, lab) for name, teacher in teachers.items()}
    values = {}
    for key in (*TEMPERATURES, FULL):
        accuracy = {name: fmean(right(one) for one in found[key]) for name, found in classes.items()}
        followed = {
            name: fmean(agreement(one, teachers[name]) for one in found[key]) for name, found in classes.items()
        }
        values[place("student", key)] = accuracy["all"] - accuracy[ONE_HOT]
        values[place("follows", key)] = followed["all"] - followed[ONE_HOT]
    return values


def measure(lab: Lab) -> Evidence:
    """Relations within each network beside those within one without smoothing from another start; then students."""
    trained = networks(lab)
    reference = another(lab, "reference").network("onehot")
    truth, far = wrong(mean_logits(reference, lab)), distances(reference, lab)
    logits = {name: mean_logits(network, lab) for name, network in trained.items()}
    apart = {name: distances(network, lab) for name, network in trained.items()}
    alike = {name: correlation(wrong(found), truth) for name, found in logits.items()}
    near = {name: correlation(found, far) for name, found in apart.items()}
    spread = {name: wrong(found).std().item() for name, found in logits.items()}
    spread_by_matrix = wrong(trained[LEARNED].target.matrices()["C"].cpu())
    values = {
        place("repeatable", "outputs"): alike[ONE_HOT],
        place("repeatable", "distances"): near[ONE_HOT],
        place("kept", "correlation of outputs"): alike[LEARNED] - alike["others"],
        place("kept", "spread of outputs"): spread[LEARNED] - spread["others"],
        place("kept", "correlation of distances"): near[LEARNED] - near["others"],
        place("matrix", LEARNED): correlation(spread_by_matrix.log(), truth),
        **distilled(lab),
    }
    for name in (*UNIFORM, LEARNED):
        values[place("flat", name)] = spread[name] / spread[ONE_HOT]
        values[place("even", name)] = variation(apart[name]) / variation(apart[ONE_HOT])
    for name in UNIFORM:
        values[place("erased", f"outputs of {name}")] = alike[name]
        values[place("erased", f"distances of {name}")] = near[name]
        values[place("weaker", f"outputs of {name}")] = alike[name] - alike[ONE_HOT]
        values[place("weaker", f"distances of {name}")] = near[name] - near[ONE_HOT]
    drawn = {f"outputs-{number}": matrix_figure(name, logits[name], lab) for number, name in enumerate(SHOWN)}
    return Evidence(values=values, figures={**drawn, "distances": distance_figure(apart, far)})


def matrix_figure(name: str, means: Matrix, lab: Lab) -> MatrixFigure:
    """The mean logits of wrong classes."""
    classes = tuple(lab.data.class_names)
    return MatrixFigure(
        title=f"Mean logits of wrong classes, {name} (digits)",
        values=tuple(
            tuple(None if row == column else entry for column, entry in enumerate(entries))
            for row, entries in enumerate(means.tolist())
        ),
        rows=classes,
        columns=classes,
        row_label="class of the images",
        column_label="wrong class",
    )


def distance_figure(apart: Mapping[str, Pairs], far: Pairs) -> CurvesFigure:
    """How far apart the centres of two classes are, for each pair, in units of the mean over pairs."""
    order = far.argsort()
    places = tuple(map(float, range(1, len(far) + 1)))
    return CurvesFigure(
        title="Distances between class centres (digits)",
        x_label="pair of classes, by their distance in another network",
        y_label="distance over the mean distance",
        x=dict.fromkeys(SHOWN, places),
        y={name: tuple((apart[name] / apart[name].mean())[order].tolist()) for name in SHOWN},
    )


RELATED = tuple(f"{what} of {name}" for what in ("outputs", "distances") for name in UNIFORM)

CLAIM = Claim(
    name="relations",
    title="Relations between classes",
    source="Müller et al. 2019, When Does Label Smoothing Help?; Chhabra et al. 2024, Label Smoothing++",
    statements=(
        Statement(
            key="repeatable",
            text="Which classes are alike is a matter of the data: two networks without smoothing agree on it.",
            cases=cases(("outputs", "distances"), "equals", 1.0, within=SAME),
            of_training=True,
        ),
        Statement(
            key="erased",
            text="Uniform smoothing erases the relations between classes: none is left that a one-hot network shows.",
            cases=cases(RELATED, "equals", 0.0, within=ERASED),
            of_training=True,
        ),
        Statement(
            key="weaker",
            text="It weakens them: they correlate less with a one-hot network's than another one-hot network's do.",
            cases=cases(RELATED, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="flat",
            text="Smoothing flattens the relations: mean logits of wrong classes differ less than without.",
            cases=cases((*UNIFORM, LEARNED), "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="even",
            text="Smoothing evens classes out: distances between their centres vary less than without.",
            cases=cases((*UNIFORM, LEARNED), "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="kept",
            text="LS++ keeps more of the relations than uniform smoothing.",
            cases=cases(("correlation of outputs", "spread of outputs", "correlation of distances"), "above", 0.0),
            of_training=True,
        ),
        Statement(
            key="matrix",
            text="The matrix that LS++ learns is one of relations: its logarithm correlates with them by over 1/2.",
            cases=(Case(key=LEARNED, relation="above", expected=0.5),),
            of_training=True,
        ),
        Statement(
            key="student",
            text="A smoothed teacher has worse students than one without smoothing.",
            cases=cases((*TEMPERATURES, FULL), "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="follows",
            text="Students of a smoothed teacher agree with it less often than those of the other.",
            cases=cases((*TEMPERATURES, FULL), "below", 0.0),
            of_training=True,
        ),
    ),
    measure=measure,
)
