"""What a study concludes: planted results give the sentences that are true of them, and no others."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.files import finite
from smoothkit.report.comparison import NOT_FOR_OTHER_ROWS, judge
from smoothkit.report.numbers import MINUS
from smoothkit.report.summary import summarise
from smoothkit_selftrain.conclude import conclude
from smoothkit_selftrain.quantities import ACCURACY, ECE, PERSISTENCE

from .studies import config, findings, rows, table, tables, variant

NOISY = ("accuracy", "ece", "pseudo_persistence")
ALMOST = tuple(0.8 + difference for difference in (0.01, 0.02, 0.04, 0.001, 0.04))
"""A difference of 2.2 points whose p-value is between 5 % divided by 4, and 5 %."""
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
        r"LS: no difference shown in test accuracy \(one of \d\.\d points would be found in four studies of five\), "
        r"ECE on test, ECE of pseudo-labels, persistence of errors and corruption \(against “hard”, 5 seeds\)\.",
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
        detectable = comparisons[name]["accuracy"]["detectable"]
        if "test accuracy (one of" in told:
            assert f"(one of {100 * detectable:.1f} points would be found in four studies of five)" in told
        for quantity in (ACCURACY, ECE, PERSISTENCE):
            is_open = judge(comparisons[name][quantity.name])[0] == "open"
            assert is_open == (quantity.words in told.partition("no difference shown in")[2]), told


def test_some_of_these_differences_are_open_by_the_correction_alone():
    results = {"hard": variant(5)} | {f"v{place}": variant(5, accuracy=ALMOST) for place in range(4)}
    assert "no difference shown in test accuracy" in sentence(words(results), "^v0:")
    assert "test accuracy +2.2 points" in sentence(words({name: results[name] for name in ("hard", "v0")}), "^v0:")


def test_a_difference_of_these_test_rows_alone_is_open_and_more_seeds_do_not_help():
    made = {"hard": variant(5), "LS": variant(5, accuracy=ALMOST)}
    for name, own in (("hard", [0.0, 1.0, 0.0, 1.0]), ("LS", [1.0, 0.0, 1.0, 0.5])):
        made[name] = {seed: replace(each, rows={"accuracy": np.array(own)}) for seed, each in made[name].items()}
    assert judge(summarise(made, "hard")["comparisons"]["LS"]["accuracy"])[1] == NOT_FOR_OTHER_ROWS
    assert words(made)[0].startswith("LS: no difference shown in test accuracy, ECE on test")


def test_a_quantity_that_fewer_seeds_have_says_so():
    lost = (0.7, math.nan, 0.71, math.nan, 0.7)
    found = words({"hard": variant(noise=NOISY), "LS": variant(source=1, noise=NOISY[:2], pseudo_persistence=lost)})
    assert "persistence of errors (3 seeds) and corruption (against “hard”, 5 seeds)." in found[0]


def test_findings_without_comparisons_compare_nothing():
    results = {"hard": variant(), "LS": variant(accuracy=0.9)}
    configs = dict.fromkeys(results, config())
    found = conclude(Findings(configs=configs, baseline="hard", results=results)).words
    assert not [each for each in found if "against" in each]
    assert found[0].startswith("hard: of the labels after round 0")


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
    baselines = {"hard": None, "LS": "hard", "other": "LS"}
    found = conclude(
        Findings(
            configs={name: config() for name in results},
            baseline=None,
            results=results,
            baselines=baselines,
            comparisons=summarise(results, baselines)["comparisons"],
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


def test_what_is_above_the_anchors_is_corrected_for_all_variants():
    bar = {"anchor_label-spreading": 0.8}
    results = {f"v{place}": variant(5, accuracy=ALMOST, **bar) for place in range(4)}
    found = sentence(words(results, None), "scikit-learn")
    assert "In test accuracy no difference shown, corrected for all variants: v0 (+2.2 points" in found
    assert "In test accuracy above it: v0 (+2.2" in sentence(words({"v0": results["v0"]}, None), "scikit-learn")


def test_names_with_commas_can_be_told_apart():
    few = {"hard, 20": variant(), "LS, 20": variant(2), "soft, 20": variant(2)}
    assert sentence(words(few, "hard, 20"), "in common").startswith("“LS, 20” and “soft, 20”: fewer than 3 seeds in")
    lost = {name: variant(pseudo_persistence=(0.7, math.nan, 0.7, 0.7, 0.7)) for name in ("hard", "a, b")}
    assert "1 of 5 seeds of “hard” and 1 of 5 seeds of “a, b”" in sentence(words(lost), "not defined")
    both = {name: variant(noise=("accuracy",), accuracy=0.95) for name in ("hard", "a, b")}
    assert re.search(r"above it: “hard” \(.*?\) and “a, b” \(", sentence(words(both, None), "scikit-learn"))


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
