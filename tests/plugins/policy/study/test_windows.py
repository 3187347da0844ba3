"""Windows, picks and gains: what stretches count, who picks, and what single seeds decide."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.report.numbers import MISSING
from smoothkit_policy.study.peaks import contest_of, gains
from smoothkit_policy.study.picks import halves_of
from smoothkit_policy.study.sweep import groups_of
from smoothkit_policy.study.times import time_until_solved
from smoothkit_policy.study.windows import difference_in_length, seeds_agree, window_of

from .studies import COEFFICIENTS, changed, config, seeds, sweep

GOOD, SHORT = 0.9, 0.8


def group_of(*sweeps):
    variants = {"none": (config(), seeds(0.3))}
    for each in sweeps:
        variants |= each
    results = {name: own for name, (_, own) in variants.items()}
    (group,) = groups_of(results, {name: own for name, (own, _) in variants.items()}, {}, "none")
    return group


def method(group, name):
    (one,) = [each for each in group.methods if each.name == name]
    return one


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=len(COEFFICIENTS), max_size=len(COEFFICIENTS)))
def test_the_window_is_the_longest_stretch_that_works(works):
    shares = tuple(GOOD if own else SHORT for own in works)
    group = group_of(sweep("entropy", shares, noise=0.0))
    window = window_of(group, method(group, "entropy"))
    assert window.working == tuple(coef for coef, own in zip(COEFFICIENTS, works, strict=True) if own)
    assert (window.of, window.tried) == (len(COEFFICIENTS), COEFFICIENTS)
    assert window.is_open == (works[0] or works[-1])
    text = "".join("+" if own else " " for own in works)
    assert len(window.coefficients) == max(map(len, text.split()), default=0)
    if window.coefficients:
        start = COEFFICIENTS.index(window.coefficients[0])
        assert window.coefficients == COEFFICIENTS[start : start + len(window.coefficients)]
        assert window.width == window.coefficients[-1] / window.coefficients[0]
    else:
        assert window.width == 0


@pytest.mark.parametrize(("solved", "share", "works"), [(0.95, 0.86, True), (0.9, 0.86, False), (1.0, 0.84, False)])
def test_what_works_is_solved_by_nineteen_of_twenty_and_short_by_little(solved, share, works):
    group = group_of(sweep("entropy", (share, SHORT), solved, (0.1, 0.2), noise=0.0))
    assert bool(window_of(group, method(group, "entropy")).coefficients) == works


def test_where_the_optimum_is_not_known_solving_is_enough():
    swept = sweep("entropy", (SHORT, SHORT), (1.0, 0.5), (0.1, 0.2))
    group = group_of(changed(swept, shortfall_sampled=math.nan))
    assert window_of(group, method(group, "entropy")).coefficients == (0.1,)
    assert not contest_of(group).scale.is_share


def test_without_any_result_that_tells_nothing_works():
    group = group_of(changed(sweep("entropy", (GOOD, GOOD), coefficients=(0.1, 0.2), count=4), solved=math.nan))
    assert window_of(group, method(group, "entropy")).coefficients == ()


def test_a_method_is_as_wide_as_itself():
    group = group_of(sweep("entropy", (GOOD,) * 6, (0.95,) * 6))
    own = method(group, "entropy")
    assert difference_in_length(group, own, own)[:3] == (0.0, 0.0, 0.0)


def test_seeds_agree_where_each_alone_shows_the_same():
    broad = sweep("kl_uniform", (SHORT, GOOD, GOOD, GOOD, SHORT, SHORT))
    # Nineteen of twenty are enough together, and the last one alone is not.
    for rate, agree in ((1.0, True), (0.95, False)):
        narrow = sweep("entropy", (SHORT, SHORT, GOOD, SHORT, SHORT, SHORT), rate)
        group = group_of(narrow, broad)
        own, other = method(group, "kl_uniform"), method(group, "entropy")
        assert seeds_agree(group, own, other) == agree
        assert difference_in_length(group, own, other).estimate == 2


@settings(max_examples=25)
@given(st.lists(st.floats(0.7, 1.0, allow_subnormal=False), min_size=6, max_size=6), st.integers(0, 9))
def test_where_seeds_agree_that_are_the_same_resampling_them_changes_nothing(shares, source):
    group = group_of(sweep("entropy", tuple(shares), noise=0.0), sweep("kl_uniform", (SHORT, GOOD) * 3, noise=0.0))
    own, other = method(group, "kl_uniform"), method(group, "entropy")
    assert seeds_agree(group, own, other)
    found = difference_in_length(group, own, other)
    assert found.low == found.estimate == found.high


def test_of_equal_coefficients_the_smallest_is_picked():
    group = group_of(sweep("entropy", (SHORT, GOOD, GOOD, SHORT, GOOD, GOOD), noise=0.0))
    assert contest_of(group).picks["entropy"].coefficient == COEFFICIENTS[1]


@given(st.lists(st.integers(0, 99), unique=True, max_size=9).map(sorted))
def test_halves_share_no_seed_unless_there_are_few(numbers):
    halves = halves_of(numbers)
    if len(numbers) >= 4:
        assert [*halves.picking, *halves.measuring] == numbers
        assert 0 <= len(halves.measuring) - len(halves.picking) <= 1
    else:
        assert halves.picking == halves.measuring == tuple(numbers)


def test_gains_are_corrected_together():
    noise = np.random.default_rng(0)
    first = noise.normal(size=8)
    pairs = {shift: (first + shift + 0.1 * noise.normal(size=8), first) for shift in (1.0, 0.0, -1.0)}
    found = gains(pairs)
    assert [found[shift].sign for shift in pairs] == [1, 0, -1]
    # The smallest p-value of three counts three times.
    alone = {shift: gains({shift: pair})[shift] for shift, pair in pairs.items()}
    assert [own.interval for own in alone.values()] == [own.interval for own in found.values()]
    single, together = ([own.p_holm or 0.0 for own in each.values()] for each in (alone, found))
    assert min(together) == pytest.approx(3 * min(single))


def test_gains_need_three_seeds_that_both_have():
    missing = np.array([1.0, 2.0, math.nan])
    assert gains({"few": (missing, missing)}) == {}


def test_differences_without_spread_show_nothing():
    (gain,) = gains({"same": (np.ones(5), np.zeros(5))}).values()
    assert gain.interval[:3] == (1.0, 1.0, 1.0)
    assert gain.sign == 0


def test_times_beyond_the_training_are_said_to_be():
    assert time_until_solved(seeds(GOOD, 20, solved=0.0), 5000) == "> 5,000"
    assert time_until_solved(seeds(GOOD, 20, solved=0.4), 20_480).startswith("> 20,480 [")
    assert time_until_solved(seeds(GOOD, 1), 5000) == "1,000"
    assert time_until_solved({}, 5000) == MISSING


def test_what_would_be_called_the_same_is_told_apart():
    limits = {"short": 6, "long": 12}
    configs = {
        f"{name} {coef}": config("entropy", coef, environment={"id": "smoothkit/Chain-v0", "max_episode_steps": limit})
        for name, limit in limits.items()
        for coef in (0.1, 0.2)
    }
    groups = groups_of({name: seeds(GOOD, 2) for name in configs}, configs, {}, None)
    assert [group.title for group in groups] == ["Chain, short 0.1", "Chain, long 0.1"]
    variants = {"entropy": config("entropy", 0.5, train={"lr": 0.01}), **sweep_configs("entropy")}
    (group,) = groups_of({name: seeds(GOOD, 2) for name in variants}, variants, {}, None)
    assert [each.name for each in group.methods] == ["entropy", "entropy 0.01"]


def sweep_configs(term):
    return {name: own for name, (own, _) in sweep(term, (GOOD, GOOD), coefficients=(0.01, 0.02)).items()}
