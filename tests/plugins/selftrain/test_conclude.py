"""What a study concludes: planted results give the sentences that are true of them, and no others."""

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.files import finite
from smoothkit.report.comparison import judge
from smoothkit.report.numbers import MINUS
from smoothkit.report.summary import summarise
from smoothkit_selftrain.conclude import conclude
from smoothkit_selftrain.quantities import ACCURACY, ECE, PERSISTENCE

from .studies import config, findings, rows, table, tables, variant

NOISY = ("accuracy", "ece", "pseudo_persistence")
HELD_OUT = {"data": {"held_out": 50}, "evaluate": {"round": "held-out"}}


def words(results, baseline="hard", **configs):
    return [each.replace(MINUS, "-") for each in conclude(findings(results, baseline, **configs)).words]


def sentence(found, pattern):
    (one,) = [each for each in found if re.search(pattern, each)]
    return one


# --- differences -----------------------------------------------------------------------------------------------------


def test_no_difference_is_said_to_be_none_shown():
    found = words({"hard": variant(noise=NOISY), "LS": variant(source=1, noise=NOISY)})
    assert re.fullmatch(
        r"LS: no difference shown in test accuracy \(less than \d\.\d points would seldom show\), ECE on test, ECE of "
        r"pseudo-labels, persistence of errors and corruption \(against “hard”, 5 seeds\)\.",
        found[0],
    )


def test_better_and_worse():
    results = {
        "hard": variant(10, noise=NOISY),
        "LS": variant(10, source=1, noise=NOISY, accuracy=0.85, pseudo_persistence=0.6, ece=0.2),
    }
    found = words(results)[0]
    assert re.search(
        r"test accuracy \+[45]\.\d points \[\+\d\.\d, \+\d\.\d\] \(better\), higher in 10 of 10 seeds", found
    )
    assert re.search(r"ECE on test \+\d+\.\d points \[.*?\] \(worse\), higher in 10 of 10 seeds", found)
    assert re.search(r"persistence of errors -\d+\.\d points \[.*?\] \(better\), lower in 10 of 10 seeds", found)
    assert found.endswith("no difference shown in ECE of pseudo-labels and corruption (against “hard”, 10 seeds).")


@pytest.mark.parametrize("source", range(3))
def test_a_sentence_and_the_comparison_table_above_it_say_the_same(source):
    effects = {"LS": 0.02, "soft": 0.01, "adaptive": 0.005}
    results = {"hard": variant(5, source=source, noise=NOISY)} | {
        name: variant(5, source=10 * source + place, noise=NOISY, ece=0.1 - effect, accuracy=0.8 + effect)
        for place, (name, effect) in enumerate(effects.items(), 1)
    }
    comparisons, found = summarise(results, "hard")["comparisons"], words(results)
    for name in effects:
        told = sentence(found, f"^{name}:")
        for quantity in (ACCURACY, ECE, PERSISTENCE):
            is_open = judge(comparisons[name][quantity.name])[0] == "open"
            assert is_open == (quantity.words in told.partition("no difference shown in")[2]), told


def test_a_difference_without_spread_is_open():
    found = words({"hard": variant(5), "LS": variant(5, accuracy=0.9)})
    assert found[0].startswith("LS: no difference shown in test accuracy, ECE")


@pytest.mark.parametrize("baseline", [None, "absent"])
def test_without_a_baseline_nothing_is_compared(baseline):
    found = words({"hard": variant(), "LS": variant()}, baseline)
    assert not [each for each in found if "against" in each]
    assert found[0].startswith("hard: of the labels after round 0")


@pytest.mark.parametrize("count", [1, 2])
def test_few_seeds_say_so(count):
    found = words({"hard": variant(count), "a": variant(count), "b": variant(count)})
    assert found[0] == ("a and b: fewer than 3 seeds in common with “hard”, so nothing is said of differences.")
    assert not [each for each in found if "scikit-learn" in each]


def test_each_variant_may_have_a_baseline_of_its_own():
    results = {"hard": variant(5), "LS": variant(5), "other": variant(5)}
    found = conclude(
        Findings(
            configs={name: config() for name in results},
            baseline=None,
            results=results,
            baselines={"hard": None, "LS": "hard", "other": "LS"},
        )
    ).words
    assert [re.findall("against “(.*?)”", each) for each in found[:2]] == [["hard"], ["LS"]]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_what_became_of_errors_is_told_of_the_baseline():
    found = words({"hard": variant(pseudo_corruption=0.027), "LS": variant()})
    assert sentence(found, "^hard: of the labels") == (
        "hard: of the labels after round 0, 70.0 % of the wrong pseudo-labels are wrong at the end too and 2.7 % of "
        "the right ones have become wrong; of the selected ones 5.0 % were wrong then, 10.0 % at the end (2.00 times "
        "that)."
    )


def test_amplification_is_of_mean_errors():
    # In single seeds 10 / 0, which is not defined, and 0 / 10.
    ends = variant(2, pseudo_accuracy_selected=(0.9, 1.0), pseudo_amplification=(math.nan, 0.0))
    begins = [variant(1, first={"pseudo_accuracy_selected": each})[0].figures for each in (1.0, 0.9)]
    for seed, figures in enumerate(begins):
        ends[seed].figures["rounds"].values["pseudo_accuracy_selected"] = figures["rounds"].values[
            "pseudo_accuracy_selected"
        ]
    found = words({"hard": ends})
    assert "5.0 % were wrong then, 5.0 % at the end (1.00 times that)" in found[0]


def test_no_error_at_first_has_no_multiple():
    found = words({"hard": variant(first={"pseudo_accuracy_selected": 1.0})})
    assert found[0].endswith("of the selected ones 0.0 % were wrong then, 10.0 % at the end.")


def test_nothing_is_said_of_selected_ones_where_there_are_none():
    found = words({"hard": variant(pseudo_accuracy_selected=math.nan)})
    assert "selected ones" not in found[0]
    found = words({"hard": variant(pseudo_persistence=math.nan, pseudo_corruption=math.nan)})
    assert found[0].startswith("hard: of the selected ones 5.0 % were wrong then")


def test_the_first_round_is_round_1_where_there_is_no_round_0():
    assert "after round 1" in words({"hard": variant(rounds=(1, 2, 3))})[0]


def test_starving_is_told_with_its_numbers():
    first = {"pseudo_selected_share": 0.42}
    results = {
        "hard": variant(first=first, pseudo_selected_share=0.82),
        "LS 0.3": variant(first=first, pseudo_selected_share=0.14),
        "nothing": variant(first={"pseudo_selected_share": 0.0}, pseudo_selected_share=0.0),
    }
    assert [each for each in words(results) if "starves" in each] == [
        "LS 0.3: starves: 42.0 % of the samples are selected after round 0, 14.0 % at the end.",
        "nothing: starves: 0.0 % of the samples are selected after round 0, 0.0 % at the end.",
    ]


def test_a_share_that_the_file_sets_is_no_starving():
    results = {"hard": variant(first={"pseudo_selected_share": 1.0}, pseudo_selected_share=0.1)}
    assert [each for each in words(results, hard=config()) if "starves" in each]
    rule = config(select={"rule": "share", "share": 0.1})
    assert not [each for each in words(results, hard=rule) if "starves" in each]


def test_undefined_numbers_are_told():
    lost = (0.7, math.nan, 0.7, math.nan, 0.7)
    found = words({"hard": variant(pseudo_persistence=lost), "LS": variant()})
    assert sentence(found, "not defined") == (
        "Persistence of errors is not defined in 2 of 5 seeds of hard: means and comparisons leave these out."
    )


def test_a_selected_round_is_said_to_be_the_end():
    found = words({"hard": variant()}, hard=config(**HELD_OUT))
    assert (
        found[-1] == "Where evaluate.round is “held-out”, the end is the round whose model is best on held-out samples."
    )


# --- anchors ---------------------------------------------------------------------------------------------------------


def test_who_passes_the_best_of_the_simple_methods_is_told():
    results = {
        "hard": variant(8, noise=("accuracy",), accuracy=0.80),
        "same": variant(8, source=1, noise=("accuracy",), accuracy=0.85),
        "good": variant(8, source=2, noise=("accuracy",), accuracy=0.90),
    }
    found = sentence(words(results), "scikit-learn")
    assert found.startswith(
        "digits, 20 labels: the best of scikit-learn's methods on test samples is LabelSpreading, 85.0 % right. In "
        "test accuracy above it: good (+"
    )
    assert "; below it: hard (-" in found
    assert "; no difference shown, corrected for all variants: same (" in found


def test_many_variants_are_counted_against_the_anchors():
    results = {f"v{place}": variant(5, source=place, noise=("accuracy",), accuracy=0.9) for place in range(9)}
    assert sentence(words(results, None), "scikit-learn").endswith("above it: 9 of 9 variants.")


def test_other_data_have_anchors_of_their_own():
    results = {"hard": variant(noise=("accuracy",)), "more": variant(noise=("accuracy",))}
    results["more"] = {
        seed: type(each)(scalars={**each.scalars, "anchor_label-spreading": 0.95}, figures=each.figures)
        for seed, each in results["more"].items()
    }
    more = config(data={"labels": 50, "held_out": 30})
    found = words(results, more=more)
    assert "85.0 % right" in sentence(found, "^digits, 20 labels: the best")
    assert "95.0 % right" in sentence(found, "^digits, 50 labels and 30 held out: the best")
    assert {"Models: digits, 20 labels, 5 seeds", "Models: digits, 50 labels and 30 held out, 5 seeds"} <= set(
        tables(results, more=more)
    )


def test_without_anchors_nothing_is_said_of_them():
    none = config(evaluate={"anchors": ()})
    results = {"hard": variant()}
    assert not [each for each in words(results, hard=none) if "scikit-learn" in each]
    assert list(rows(table(results, "Models", hard=none))) == ["hard"]
    assert len(table(results, "Models", hard=none).notes) == 1


# --- whatever comes -------------------------------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([math.nan, 0.5, 0.0, 1.0])
NAMES = ("accuracy", "ece", "pseudo_persistence", "pseudo_accuracy_selected", "pseudo_selected_share")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(*[numbers] * len(NAMES)), min_size=0, max_size=4), min_size=1, max_size=3))
def test_whatever_the_numbers_a_conclusion_can_be_stored(values):
    results = {
        f"variant {place}": variant(len(seeds), **dict(zip(NAMES, zip(*seeds, strict=True), strict=True)))
        if seeds
        else {}
        for place, seeds in enumerate(values)
    }
    if not any(results.values()):
        return
    found = conclude(findings(results, "variant 0"))
    assert Conclusion.from_json(json.loads(json.dumps(finite(found.to_json())))) == found
