"""Tables of a study of GANs, narrow enough for a terminal: what samples are worth, and how the games stand."""

import statistics
from collections.abc import Mapping, Sequence

from smoothkit.report.numbers import MISSING, count, mean_and_spread, number
from smoothkit.report.table import Cell, Section, Table
from smoothkit.scenario import Result
from smoothkit_gan.comparison import Group, Results, defined
from smoothkit_gan.config import GanConfig
from smoothkit_gan.quantities import Quantity

GAME = (
    Quantity("d_real", "D(real)", "", None, 3),
    Quantity("d_pair", "D(pair)", "", None, 3),
    Quantity("d_equilibrium", "equilibrium", "", None, 3),
    Quantity("d_accuracy", "accuracy %", "", None, 1, percent=True),
    Quantity("vanishing", "vanishing %", "", None, 1, percent=True),
    Quantity("d_error", "D error", "", "lower", 3),
)


def samples_table(group: Group, configs: Mapping[str, GanConfig]) -> Table:
    """Each variant's quantities, and below them what they are held against."""
    quantities = group.kind.quantities
    everyone = [result for seeds in group.results.values() for result in seeds.values()]
    variants = tuple(
        (Cell(text=variant), *(_cell(list(seeds.values()), each, [each.name]) for each in quantities))
        for variant, seeds in group.results.items()
    )
    references = tuple(
        (Cell(text=words), *(_cell(everyone, each, [each.name + end for end in ends]) for each in quantities))
        for words, ends in group.kind.rows.items()
    )
    whose = whose_samples([configs[variant] for variant in group.results])
    return Table(
        title=f"Generators: {group.title}, {_seeds(group.results)}",
        columns=("variant", *(quantity.heading for quantity in quantities)),
        numeric=(False, *[True] * len(quantities)),
        sections=(Section(rows=variants), Section(rows=references)),
        notes=(f"Mean ± standard deviation over seeds; {whose}.", group.kind.note),
    )


def game_table(results: Results) -> Table:
    """How each variant's discriminator and generator stand at the end; columns that nobody has are left out."""
    everyone = [result for seeds in results.values() for result in seeds.values()]
    columns = [each for each in GAME if defined(everyone, each.name)]
    rows = tuple(
        (Cell(text=variant), *(_cell(list(seeds.values()), each, [each.name], spread=False) for each in columns))
        for variant, seeds in results.items()
    )
    return Table(
        title="Games at the end of training, means over seeds",
        columns=("variant", *(each.heading for each in columns)),
        numeric=(False, *[True] * len(columns)),
        sections=(Section(rows=rows),),
        notes=_game_notes(everyone, {each.name for each in columns}),
    )


def _game_notes(everyone: Sequence[Result], names: set[str]) -> tuple[str, ...]:
    notes = []
    if "d_equilibrium" in names:
        notes.append("Equilibrium: D on real samples where generator and data agree and D is the best one.")
    if "d_pair" in names:
        notes.append("D(pair): the probability that, of a real sample and a fake, the real one is real.")
    if "d_accuracy" in names:
        notes.append("Accuracy: against the equilibrium as the threshold; 50 % there.")
    notes.append("Vanishing: samples whose gradient is below a thousandth of its median over training.")
    if floors := defined(everyone, "d_error_floor"):
        floor = number(statistics.fmean(floors), 3)
        notes.append(f"D error: mean distance to the best D, about {floor} for the best one: densities are estimated.")
    return (" ".join(notes),)


def whose_samples(configs: Sequence[GanConfig]) -> str:
    """Which generator the numbers are of."""
    averaged = {config.evaluate.generator != "last" and config.train.average > 0 for config in configs}
    if len(averaged) == 2:
        return "some generators are averages of their weights, some are those of the last step"
    return "generators are averages of their weights" if averaged == {True} else "generators are those of the last step"


def _cell(results: Sequence[Result], quantity: Quantity, names: Sequence[str], *, spread: bool = True) -> Cell:
    """Mean and standard deviation of a scalar as the quantity is written; the latter where values differ."""
    values = [(100 if quantity.percent else 1) * value for value in defined(results, *names)]
    if not values:
        return Cell(text=MISSING)
    differ = spread and max(values) > min(values)
    return Cell(
        text=mean_and_spread(statistics.fmean(values), statistics.stdev(values) if differ else None, quantity.places)
    )


def _seeds(results: Results) -> str:
    """How many seeds there are, of each variant where they are not equally many."""
    counts = {variant: len(seeds) for variant, seeds in results.items()}
    if len(set(counts.values())) == 1:
        return count(next(iter(counts.values())), "seed")
    return "seeds: " + ", ".join(f"{variant} {seeds}" for variant, seeds in counts.items())
