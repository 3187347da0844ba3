"""Variants that stand beside each other, because they have the same data and the same simple methods beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from smoothkit.baselines import Levels
from smoothkit.report.numbers import count
from smoothkit_selftrain.config import SelfTrainConfig
from smoothkit_selftrain.quantities import ANCHORS, Quantity
from smoothkit_selftrain.study.comparison import Results, defined, mean_of


@dataclass(frozen=True)
class Group:
    """Variants that have the same data, so that the same methods stand beside them."""

    results: Results
    """By the name that a variant has among these: of a grid, its levels on the axes that have several here."""
    title: str
    anchors: Sequence[str]
    """Those that have a number."""


def groups_of(results: Results, configs: Mapping[str, SelfTrainConfig], levels: Levels) -> list[Group]:
    """The variants by their data and by what they are held against, in the order of the file."""
    found: dict[str, list[str]] = {}
    for variant in results:
        data, evaluation = configs[variant].data, configs[variant].evaluate
        key = f"{data.model_dump_json()} {evaluation.anchors} {evaluation.anchor_samples}"
        found.setdefault(key, []).append(variant)
    groups = [_group({variant: results[variant] for variant in names}, configs[names[0]]) for names in found.values()]
    if len({group.title for group in groups}) < len(groups):
        # Titles that say less than the names do: these stay whole.
        return groups
    return [replace(group, results=_renamed(group.results, levels)) for group in groups]


def _group(results: Results, config: SelfTrainConfig) -> Group:
    everyone = [result for seeds in results.values() for result in seeds.values()]
    held_out = f" and {config.data.held_out} held out" if config.data.held_out else ""
    title = f"{config.data.name}, {count(config.data.labels, 'label')}{held_out}"
    anchors = [name for name in config.evaluate.anchors if defined(everyone, of_anchor(name))]
    return Group(results, title, anchors)


def _renamed(results: Results, levels: Levels) -> Results:
    own = {variant: levels.get(variant, {}) for variant in results}
    several = [axis for axis in next(iter(own.values())) if len({each[axis] for each in own.values()}) > 1]
    return {", ".join(own[variant][axis] for axis in several) or variant: seeds for variant, seeds in results.items()}


def of_anchor(name: str, prefix: str = "anchor_") -> Quantity:
    """The scalar of a method."""
    return Quantity(f"{prefix}{name}", "", ANCHORS[name])


def anchor_mean(group: Group, quantity: Quantity) -> float:
    """Of a method's numbers, which are the same for all variants: the mean over seeds, each counted once."""
    return mean_of({seed: result for seeds in group.results.values() for seed, result in seeds.items()}, quantity)
