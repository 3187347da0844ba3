"""Which runs are carried out together."""

from collections.abc import Sequence

from smoothkit.checkpoint import saved_step
from smoothkit.execution import Task, Unit
from smoothkit.scenario import Scenario, ScenarioConfig


def units(tasks: Sequence[Task]) -> list[Unit]:
    """The tasks that have no result yet, in groups that are carried out together, in the order of the first of each.

    Where the scenario can train several seeds as one model, up to `[run] together` seeds of a variant make a unit, all
    units about equal in size and always of the same seeds; those that stand at different steps are parted.
    """
    found: dict[tuple[str, int, int], list[Task]] = {}
    for variant in dict.fromkeys(task.variant for task in tasks):
        own = [task for task in tasks if task.variant == variant]
        number = number_of_units(own[0].scenario, own[0].config, len(own))
        for position, task in enumerate(own):
            if not task.is_done:
                step = saved_step(task.directory) if number < len(own) else 0
                found.setdefault((variant, position * number // len(own), step), []).append(task)
    order = {task.label: position for position, task in enumerate(tasks)}
    return sorted(map(tuple, found.values()), key=lambda unit: order[unit[0].label])


def number_of_units(scenario: Scenario, config: ScenarioConfig, seeds: int) -> int:
    """In how many units so many seeds of a variant are carried out from the beginning."""
    return -(-seeds // config.run.together) if scenario.together else seeds
