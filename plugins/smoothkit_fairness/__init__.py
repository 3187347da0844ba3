"""Fairness: calibration gaps between groups of people, told apart from what their sizes alone would show."""

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

smoothkit_api = 1


@hookimpl
def smoothkit_scenarios(register: Register) -> None:
    """One scenario that trains, and one that asks how often methods call a gap that is not there."""
    register("fairness", "smoothkit_fairness.config:SCENARIO")
    register("fairness-null", "smoothkit_fairness.null.config:SCENARIO")


@hookimpl
def smoothkit_datasets(register: Register) -> None:
    """Tables of people, and sets with groups that are made."""
    for name in (
        *("adult", "compas", "german", "law_school", "dutch", "bank", "credit_default", "oulad", "communities"),
        *("student", "ricci"),
    ):
        register(name.replace("_", "-"), f"smoothkit_fairness.data.people:{name}")
    register("acs", "smoothkit_fairness.data.acs:acs")
    register("two-groups", "smoothkit_fairness.data.two_groups:two_groups")
    register("group-images", "smoothkit_fairness.data.group_images:group_images")
