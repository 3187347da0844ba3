"""Which differences are shown, and between what."""

import math

import pytest

from smoothkit.statistics import holm, paired_p_value
from smoothkit_gan.comparison import changes, comparable, defined
from smoothkit_gan.quantities import POINTS as KIND
from smoothkit_gan.quantities import kind_of

from .studies import IMAGES, POINTS, STACKS, config, variant

NOISY = ("high_quality", "spread")


def found(results, baseline="none"):
    return changes(results, baseline, KIND.quantities)


def by_name(listed):
    return {change.quantity.name: change for change in listed}


def test_a_planted_difference_is_shown_and_its_absence_is_not():
    results = {
        "none": variant(10, noise=NOISY),
        "better": variant(10, source=1, noise=NOISY, high_quality=0.99),
        "same": variant(10, source=2, noise=NOISY),
    }
    better, same = (by_name(each) for each in found(results).values())
    assert better["high_quality"].is_shown
    assert better["high_quality"].interval.low < 0.04 < better["high_quality"].interval.high
    assert better["high_quality"].higher == better["high_quality"].seeds == 10
    assert not better["spread"].is_shown
    assert not any(change.is_shown for change in same.values())


def test_differences_without_spread_are_open():
    change = by_name(found({"none": variant(5), "worse": variant(5, modes=7.0)})["worse"])["modes"]
    assert (change.p_holm, change.is_shown) == (None, False)
    assert (change.interval.estimate, change.lower, change.higher) == (-1, 5, 0)


def test_all_changes_are_corrected_together():
    results = {name: variant(6, source=source, noise=NOISY) for source, name in enumerate(("none", "a", "b"))}
    both = [change for listed in found(results).values() for change in listed if change.quantity.name in NOISY]
    alone = [
        paired_p_value(
            [
                results[change.variant][seed].scalars[change.quantity.name]
                - results["none"][seed].scalars[change.quantity.name]
                for seed in range(6)
            ]
        )
        for change in both
    ]
    assert [change.p_holm for change in both] == pytest.approx(holm(alone))


def test_pairs_are_of_seeds_that_both_have():
    results = {"none": variant(5, modes=(8.0, 7.0, 6.0, 5.0, 4.0)), "late": variant(5, modes=8.0)}
    del results["none"][0]
    del results["late"][4]
    change = by_name(found(results)["late"])["modes"]
    assert change.seeds == 3
    assert change.interval.estimate == pytest.approx((1 + 2 + 3) / 3)


def test_two_pairs_say_nothing():
    assert found({"none": variant(2), "other": variant(5)}) == {"other": []}


def test_undefined_values_are_left_out():
    reverse_kl = (0.1, math.nan, 0.2, 0.3, math.nan)
    results = {"none": variant(5, reverse_kl=reverse_kl), "other": variant(5)}
    assert by_name(found(results)["other"])["reverse_kl"].seeds == 3
    assert defined(results["none"].values(), "reverse_kl") == [0.1, 0.2, 0.3]
    assert defined(results["none"].values(), "absent", "reverse_kl_floor") == [0.0014] * 5


def test_only_what_is_measured_alike_is_compared():
    results = {
        "none": variant(1),
        "smoothed": variant(1),
        "more modes": variant(1, modes_perfect=16.0),
        "digits": variant(1, IMAGES),
        "fewer samples": variant(1),
    }
    configs = {name: config() for name in results}
    configs["digits"] = config(data={"name": "digits"})
    configs["fewer samples"] = config(evaluate={"samples": 500})
    groups = comparable(results, configs)
    assert [list(group.results) for group in groups] == [
        ["none", "smoothed"],
        ["more modes"],
        ["digits"],
        ["fewer samples"],
    ]
    assert [group.title for group in groups] == [
        "ring, 8 modes",
        "ring, 16 modes",
        "digits, 2,500 samples",
        "ring, 8 modes",
    ]


def test_kinds_are_told_by_what_is_measured():
    assert kind_of(POINTS) is KIND
    assert list(kind_of(STACKS).rows) == ["perfect labels", "real stacks", "Gaussian pixels"]
    names = [quantity.name for quantity in kind_of(IMAGES).quantities]
    assert names == ["fd_digits-mlp32", "kid_digits-mlp32", "precision", "recall", "density", "coverage"]
    assert kind_of({**IMAGES, "fid": 30.0}).quantities[-1].name == "fid"


@pytest.mark.parametrize("scalars", [POINTS, STACKS, IMAGES])
def test_every_quantity_has_something_to_be_held_against(scalars):
    kind = kind_of(scalars)
    for quantity in kind.quantities:
        assert quantity.name in scalars
        ends = [end for ends in kind.rows.values() for end in ends]
        assert any(f"{quantity.name}{end}" in scalars for end in ends)
