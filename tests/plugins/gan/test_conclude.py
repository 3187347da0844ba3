"""What a study concludes: planted results give the sentences that are true of them, and no others."""

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.files import finite
from smoothkit.report.numbers import MINUS, MISSING
from smoothkit.report.table import column_widths
from smoothkit.scenario import Result
from smoothkit_gan.conclude import conclude

from .studies import IMAGES, POINTS, STACKS, config, findings, variant

NOISY = ("high_quality", "spread")
DIGITS = {"data": {"name": "digits"}}
STACKED = {"data": {"name": "stacked-digits"}, "evaluate": {"samples": 26000}}


def words(results, baseline="none", **configs):
    return [each.replace(MINUS, "-") for each in conclude(findings(results, baseline, **configs)).words]


def sentence(found, pattern):
    (one,) = [each for each in found if re.search(pattern, each)]
    return one


def rows(table):
    return {row[0].text: [cell.text for cell in row[1:]] for section in table.sections for row in section.rows}


# --- differences -----------------------------------------------------------------------------------------------------


def test_no_difference_is_said_to_be_none_shown():
    found = words({"none": variant(noise=NOISY), "one-sided": variant(source=1, noise=NOISY)})
    assert found == [
        "one-sided: no difference shown in modes, high-quality share, reverse KL and spread (against “none”, 5 seeds)."
    ]


def test_better_and_worse_and_neither():
    results = {
        "none": variant(10, noise=(*NOISY, "reverse_kl"), reverse_kl=0.1),
        "other": variant(10, source=1, noise=(*NOISY, "reverse_kl"), high_quality=0.99, reverse_kl=0.2, spread=0.7),
    }
    (found,) = words(results)
    assert re.search(r"high-quality share \+3\.5 points \[\+2.3, \+4.8\] \(better\), higher in 10 of 10", found)
    assert re.search(r"reverse KL \+0\.\d{3} \[.*\] \(worse\), higher in 10 of 10 seeds", found)
    assert re.search(r"spread -0\.20 \[-0.2\d, -0.1\d\], lower in 10 of 10", found)
    assert found.endswith("; no difference shown in modes (against “none”, 10 seeds).")


@pytest.mark.parametrize("baseline", [None, "absent"])
def test_without_a_baseline_nothing_is_compared(baseline):
    assert words({"none": variant(), "other": variant()}, baseline) == []


@pytest.mark.parametrize("count", [1, 2])
def test_few_seeds_say_so(count):
    assert words({"none": variant(count), "a": variant(count), "b": variant(count, modes=8.0)}) == [
        "a and b: fewer than 3 seeds in common with “none”, so nothing is said of differences."
    ]


def test_other_data_are_not_compared():
    results = {"none": variant(5), "far": variant(5, modes_perfect=16.0, modes=16.0, modes_20=16.0)}
    assert words(results) == ["far: not compared with “none”, which has other data or another number of samples."]
    assert len(conclude(findings(results)).tables) == 3


# --- what fell short -------------------------------------------------------------------------------------------------


def test_lost_modes_are_told_by_seed():
    assert words({"none": variant(3, modes=(8.0, 6.0, 7.0), modes_20=(8.0, 6.0, 7.0))}) == [
        "none: modes missing in 2 of 3 seeds (seed 1: 6 of 8 and seed 2: 7 of 8)."
    ]


def test_starved_modes_are_told_where_samples_are_enough():
    results = {"none": variant(2, modes_20=(8.0, 7.0))}
    assert words(results) == ["none: modes with fewer than 20 of 2,500 samples in 1 of 2 seeds (seed 1: 1 mode)."]
    assert words(results, none=config(evaluate={"samples": 319})) == []
    assert words(results, none=config(evaluate={"samples": 320})) != []


def test_undefined_numbers_are_told_and_left_out():
    lost = {"modes": (8.0, 0.0, 8.0), "reverse_kl": (0.1, math.nan, 0.3), "spread": (0.9, math.nan, 1.1)}
    results = {"none": variant(3, **lost)}
    assert sentence(words(results), "undefined") == (
        "none: reverse KL and spread undefined in 1 of 3 seeds (seed 1), whose samples are too far off; means and "
        "comparisons leave them out."
    )
    table = conclude(findings(results)).tables[0]
    assert rows(table)["none"] == ["5.3 ± 4.6", "95.0", "0.200 ± 0.141", "1.00 ± 0.14"]


def test_a_comparison_counts_all_pairs_though_some_lack_a_number():
    undefined = (0.1, math.nan, 0.2, 0.3, math.nan)
    found = words({"none": variant(5), "other": variant(5, reverse_kl=undefined)})
    assert sentence(found, "no difference").endswith("(against “none”, 5 seeds).")


def test_a_discriminator_off_its_equilibrium_is_told_with_what_it_means():
    results = {
        "none": variant(3, d_real=(0.5, 0.531, 0.518), equilibrium_gap=(0.0, 0.031, 0.018)),
        "smoothed": variant(3, d_equilibrium=0.45, d_real=0.449, equilibrium_gap=0.001),
        "pairs": variant(3, d_pair=0.6, equilibrium_gap=0.1),
    }
    for found in results["pairs"].values():
        del found.scalars["d_real"]
    found = sentence(words(results), "equilibrium")
    assert found == (
        "On real samples D ends more than 0.02 off its equilibrium in 1 of 3 seeds of none (0.500; seed 1: 0.531); 3 "
        "of 3 seeds of pairs (0.500; seed 0: 0.600, seed 1: 0.600, seed 2: 0.600): there generator and data still "
        "differ, or D is not the best one."
    )


def test_what_is_worse_than_a_gaussian_is_told():
    results = {
        "none": variant(3, IMAGES),
        "poor": variant(3, IMAGES, coverage=0.3, precision=0.7),
        "too": variant(3, IMAGES, coverage=0.2, precision=0.1),
    }
    found = words(results, **dict.fromkeys(results, config(**DIGITS)))
    worse = [each for each in found if "Gaussian" in each]
    assert worse == [
        "none: on average worse than a Gaussian fitted to pixels in recall.",
        "poor and too: on average worse than a Gaussian fitted to pixels in precision, recall and coverage.",
    ]


def test_stacks_with_all_modes_may_be_worse_than_a_gaussian():
    results = {"none": variant(3, STACKS), "noise": variant(3, STACKS, confident=0.01, confident_reverse_kl=2.0)}
    found = words(results, **dict.fromkeys(results, config(**STACKED)))
    assert sentence(found, "Gaussian") == (
        "noise: on average worse than a Gaussian fitted to pixels in confident share and reverse KL of confident "
        "stacks."
    )
    assert not [each for each in found if "missing" in each]


# --- tables ----------------------------------------------------------------------------------------------------------


def test_points_are_held_against_perfect_samples():
    samples, game = conclude(findings({"none": variant(3, modes=(8.0, 7.0, 8.0)), "pack": variant(3)})).tables
    assert samples.title == "Generators: ring, 8 modes, 3 seeds"
    assert samples.columns == ("variant", "modes", "near %", "KL", "spread")
    assert rows(samples) == {
        "none": ["7.7 ± 0.6", "95.0", "0.005", "0.90"],
        "pack": ["8.0", "95.0", "0.005", "0.90"],
        "perfect samples": ["8.0", "98.9", "0.001", "1.00"],
    }
    assert game.columns == ("variant", "D(real)", "equilibrium", "accuracy %", "vanishing %", "D error")
    assert rows(game)["none"] == ["0.500", "0.500", "50.0", "0.0", "0.040"]
    assert "about 0.030 for the best one" in game.notes[0]


def test_images_are_held_against_real_ones_and_a_gaussian():
    table, game = conclude(findings({"none": variant(1, IMAGES)}, none=config(**DIGITS))).tables
    assert table.columns == ("variant", "FD", "KID", "precision", "recall", "density", "coverage")
    assert rows(table) == {
        "none": ["0.80", "0.020", "0.90", "0.80", "0.90", "0.85"],
        "real images": ["0.30", "0.005", "0.97", "0.96", "1.00", "0.96"],
        "Gaussian pixels": ["1.20", "0.050", "0.77", "0.83", "0.41", "0.42"],
    }
    assert "digits-mlp32" in table.notes[1]
    assert game.columns == ("variant",)


def test_stacks_are_held_against_labels_real_ones_and_a_gaussian():
    table = conclude(findings({"none": variant(2, STACKS)}, none=config(**STACKED))).tables[0]
    assert rows(table) == {
        "none": ["1000.0", "0.060", "80.0", "0.090"],
        "perfect labels": ["1000.0", "0.019", MISSING, MISSING],
        "real stacks": ["1000.0", "0.030", "86.0", "0.040"],
        "Gaussian pixels": ["1000.0", "0.090", "20.0", "0.700"],
    }


def test_tables_of_points_fit_a_terminal():
    results = {
        name: variant(5, source=source, noise=(*NOISY, "reverse_kl"), modes=(8.0, 7.0, 8.0, 8.0, 6.0))
        for source, name in enumerate(("none", "one-sided 0.1"))
    }
    for table in conclude(findings(results)).tables:
        assert sum(column_widths(table)) <= 80


@pytest.mark.parametrize(
    ("generator", "average", "said"),
    [("average", 0.9, "averages of their weights"), ("last", 0.9, "the last step"), ("average", 0.0, "the last step")],
)
def test_whose_samples_they_are(generator, average, said):
    own = config(evaluate={"generator": generator}, train={"average": average})
    assert said in conclude(findings({"none": variant(1)}, none=own)).tables[0].notes[0]
    both = findings({"none": variant(1), "other": variant(1)}, none=own, other=config(train={"average": 0.0}))
    assert ("some generators" in conclude(both).tables[0].notes[0]) == (said == "averages of their weights")


def test_missing_seeds_are_counted():
    results = {"none": variant(3), "other": variant(2), "failed": {}}
    table = conclude(findings(results)).tables[0]
    assert table.title == "Generators: ring, 8 modes, seeds: none 3, other 2"
    assert "failed" not in rows(table)


def test_a_hinge_has_no_probabilities_to_tell():
    scalars = {name: value for name, value in POINTS.items() if not name.startswith(("d_", "equilibrium"))}
    game = conclude(findings({"none": variant(3, scalars)})).tables[1]
    assert game.columns == ("variant", "vanishing %")
    assert "Equilibrium" not in game.notes[0]


numbers = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([math.nan, math.inf, -math.inf, 0.5])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(*[numbers] * 4), min_size=0, max_size=4), min_size=1, max_size=3))
def test_whatever_the_numbers_a_conclusion_can_be_stored(values):
    names = ("high_quality", "reverse_kl", "spread", "d_real")
    results = {
        f"variant {place}": {
            seed: Result(scalars={**POINTS, **dict(zip(names, each, strict=True))}) for seed, each in enumerate(seeds)
        }
        for place, seeds in enumerate(values)
    }
    found = conclude(Findings(configs={name: config() for name in results}, baseline="variant 0", results=results))
    assert Conclusion.from_json(json.loads(json.dumps(finite(found.to_json())))) == found
