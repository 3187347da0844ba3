"""What a study concludes: planted gaps give the sentences that are true of them, and nothing is said or raised else."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.conclusion import Conclusion
from smoothkit.report.figures import CurvesFigure, IntervalsFigure
from smoothkit.report.numbers import MINUS, MISSING
from smoothkit.scenario import Result
from smoothkit_fairness.conclude import MOST_SENTENCES, conclude
from smoothkit_fairness.names import GROUP_QUANTITIES, PAIR_QUANTITIES, of_group, of_pair

from .studies import Rows, config, findings, smoothed

NOISIER_B = {
    "hard labels": (0.023, 0.073, 0.056, 0.726),
    "LS 0.05": (-0.045, 0.004, 0.021, 0.734),
    "LS 0.1": (-0.100, -0.041, -0.011, 0.738),
    "LS 0.2": (-0.192, -0.114, -0.058, 0.743),
    "hard labels + temperature": (-0.035, -0.040, 0.041, 0.726),
}
"""Signed gaps of two groups, the difference of their calibration errors, and accuracy: smoothing closes the latter gap,
then reverses it, and leaves the difference of signed gaps."""

CONFIGS = {
    "hard labels": config(),
    "LS 0.05": smoothed(0.05),
    "LS 0.1": smoothed(0.1),
    "LS 0.2": smoothed(0.2),
    "hard labels + temperature": config(temperature="overall"),
}


def counter_example(seeds=6, size=10_000, numbers=NOISIER_B):
    """A study with these numbers, whose errors differ from them by a little chance."""
    noise = np.random.default_rng(5)
    rows = Rows({"Male": size, "Female": size}, noise)
    ece = of_pair("ece_difference", "Male", "Female")
    return {
        name: {
            seed: rows.measure(seed, {"Male": a, "Female": b}, accuracy, **{ece: difference + noise.normal(0, 0.004)})
            for seed in range(seeds)
        }
        for name, (a, b, difference, accuracy) in numbers.items()
    }


@pytest.fixture(scope="module")
def concluded() -> Conclusion:
    return conclude(findings(CONFIGS, counter_example()))


def sentence(conclusion, pattern):
    """The one sentence that a pattern is found in."""
    (found,) = [word for word in conclusion.words if re.search(pattern, word)]
    return found.replace(MINUS, "-")


def table(conclusion, start):
    (found,) = [each for each in (*conclusion.tables, *conclusion.details) if each.title.startswith(start)]
    return found


def cells(table, heading):
    """The rows of a section as texts."""
    (section,) = [section for section in table.sections if section.heading == heading]
    return [[cell.text.replace(MINUS, "-").replace(MISSING, "?") for cell in row] for row in section.rows]


def test_the_first_sentence_is_the_difference_at_the_baseline(concluded):
    words = (
        r"^hard labels: the signed gap \(confidence minus accuracy\) of Female lies (.+) above that of Male \[\+0\.0"
    )
    (size,) = re.findall(words, concluded.words[0])
    assert float(size) == pytest.approx(0.05, abs=0.01)


def test_the_ece_gap_fell_and_the_signed_difference_did_not(concluded):
    found = sentence(concluded, "ECE gap .* fell")
    assert re.search(r"from 0\.05\d at hard labels to 0\.02\d at alpha = 0\.05; the signed difference shows", found)
    assert "the signed difference shows no change: +0.0" in found
    low, high = (float(bound) for bound in re.findall(r"change .*\[(.+), (.+)\]", found)[0])
    assert low < 0 < high
    assert high - low < 0.02


def test_beyond_some_alpha_the_other_group_is_the_worse_one(concluded):
    (alpha,) = re.findall(
        r"alpha = (\S+) \(interpolated", sentence(concluded, "^Beyond .* Female has a smaller ECE than Male")
    )
    assert float(alpha) == pytest.approx(0.083, abs=0.01)


def test_signed_gaps_change_sign(concluded):
    assert re.search("Male turns from over- to under-confident at alpha = 0.0", sentence(concluded, "^Male turns"))
    (alpha,) = re.findall(r"at alpha = (\S+)", sentence(concluded, "^Female turns"))
    assert float(alpha) == pytest.approx(0.055, abs=0.012)


def test_smoothing_moves_the_confidence_of_both_groups(concluded):
    found = sentence(concluded, "mean confidence moved")
    moves = {group: float(size) for group, size in re.findall(r"of (\w+) by -(\S+)", found)}
    assert moves == pytest.approx({"Male": 0.215 - 0.017, "Female": 0.187 - 0.017}, abs=0.005)


def test_temperature_changes_the_signed_difference_and_hardly_the_ece_gap(concluded):
    found = sentence(concluded, r"^hard labels \+ temperature against hard labels, Female vs Male: ")
    assert "the signed difference changed sign, " in found
    assert "change -0.05" in found
    assert re.search(r"; ECE gap 0\.05\d to 0\.04\d, change -0\.01\d \[.+\] over seeds\.$", found)


def test_what_the_largest_alpha_did_is_said_as_well(concluded):
    found = sentence(concluded, "^LS 0.2 against hard labels, Female vs Male: the signed difference rose, ")
    assert re.search(r"ECE gap 0\.05\d to -0\.05\d", found)


def test_the_best_of_several_alphas_has_to_be_better_than_by_chance():
    noise = np.random.default_rng(3)
    name = of_pair("ece_difference", "Male", "Female")
    rows = Rows({"Male": 50, "Female": 50}, noise)
    # A difference whose p-value over four seeds is 0.03: enough for one value of alpha, not for three.
    changes = {"hard labels": (0.0,) * 4, "LS 0.05": (0.005, 0.01, 0.02, 0.015)}
    configs = {each: CONFIGS[each] for each in changes}
    runs = {
        variant: {
            seed: rows.measure(seed, {"Male": 0.0, "Female": 0.0}, **{name: 0.05 - moved})
            for seed, moved in enumerate(by_seed)
        }
        for variant, by_seed in changes.items()
    }
    assert sentence(conclude(findings(configs, runs)), r"^ECE gap \(Female vs Male\) fell from 0\.050 at hard labels")
    more = runs | {"LS 0.1": runs["hard labels"], "LS 0.2": runs["hard labels"]}
    found = sentence(conclude(findings({each: CONFIGS[each] for each in more}, more)), r"^ECE gap")
    assert "no change shown after correction for 3 values of alpha" in found


def test_the_meaning_of_alpha_stands_last(concluded):
    assert concluded.words[-1] == ("Here alpha is spread over all classes, the true one included (convention “all”).")
    others = {name: smoothed(0.1, "others") if name.startswith("LS") else each for name, each in CONFIGS.items()}
    assert "other than the true one" in conclude(findings(others, counter_example(2, 50))).words[-1]


def test_size_matched_errors_are_spoken_of_where_all_have_them():
    results = counter_example(3, 200)
    name = of_pair("matched_ece_difference", "Male", "Female")
    for by_seed in results.values():
        for seed, result in by_seed.items():
            ece = result.scalars[of_pair("ece_difference", "Male", "Female")]
            by_seed[seed] = Result(scalars={**result.scalars, name: ece}, rows=result.rows)
    assert "ECE gap at equal size" in " ".join(conclude(findings(CONFIGS, results)).words)
    del results["LS 0.2"]
    by_seed = results["LS 0.1"]
    by_seed.update({seed: Result(scalars={**each.scalars, name: math.nan}) for seed, each in by_seed.items()})
    assert "ECE gap (Female vs Male)" in " ".join(conclude(findings(CONFIGS, results)).words)


def test_no_change_is_claimed_where_nothing_changes():
    alike = dict.fromkeys(NOISIER_B, (0.03, 0.03, 0.0, 0.75))
    words = " ".join(conclude(findings(CONFIGS, counter_example(5, 2000, alike))).words)
    assert "no change shown" in words
    assert not re.search(r"fell|rose|changed sign|turns|Beyond|lies", words)


def test_one_seed_speaks_of_its_rows():
    conclusion = conclude(findings(CONFIGS, counter_example(1)))
    assert sentence(conclusion, "^One seed: intervals are over test rows only")
    assert not any("fell" in word and "ECE gap" in word.split(";")[0] for word in conclusion.words)


def test_seeds_without_rows_speak_of_these_rows():
    results = counter_example(3, 500)
    bare = {name: {seed: Result(scalars=each.scalars) for seed, each in runs.items()} for name, runs in results.items()}
    assert sentence(conclude(findings(CONFIGS, bare)), "intervals are over seeds only and speak of these test rows")


def test_the_table_of_groups(concluded):
    (male, female) = cells(table(concluded, "By group"), "hard labels")
    assert male[:2] == ["Male", "10000"]
    low, high = (float(bound) for bound in female[4].strip("[]").split(", "))
    assert low < float(female[3]) < high
    assert float(female[3]) == pytest.approx(0.073, abs=0.015)
    assert male[5:] == ["?", "?", "? (?)"]


def test_the_table_of_pairs_has_verdicts_and_combined_p_values():
    noise = np.random.default_rng(0)
    rows = Rows({"a": 2000, "b": 2000}, noise)
    p_values = [0.01, 0.04, 0.9]
    runs = {
        seed: rows.measure(seed, {"a": 0.0, "b": 0.2}, **{of_pair("same_curve_p", "a", "b"): p_values[seed]})
        for seed in range(3)
    }
    ((pair, difference, _, p_holm, _, _, same_curve, verdict),) = cells(
        table(conclude(findings({"hard labels": config()}, {"hard labels": runs})), "Between groups"), "hard labels"
    )
    assert (pair, p_holm, same_curve, verdict) == ("b vs a", "<0.001", "0.080", "higher")
    assert difference.startswith("+0.")


def test_the_table_of_temperatures_has_a_row_for_each_stage():
    rows = Rows({"a": 300, "b": 200}, np.random.default_rng(0))
    scalars = {f"nll{stage}": value for stage, value in {"": 1.08, "_scaled": 1.01, "_scaled_by_group": 1.0}.items()}
    scaled = {of_pair("gap_difference", "a", "b", "_scaled"): -0.005}
    runs = {seed: rows.measure(seed, {"a": 0.0, "b": 0.2}, **scalars, **scaled) for seed in range(2)}
    found = table(conclude(findings({"x": config()}, {"x": runs})), "Before and after temperature")
    assert [row[:2] for row in cells(found, "x")] == [
        ["as the file asks", "1.0800"],
        ["one temperature", "1.0100"],
        ["one per group", "1.0000"],
    ]
    assert cells(found, "x")[1][-1] == "-0.005"


def test_the_table_against_the_baseline_is_paired(concluded):
    found = cells(table(concluded, "Against “hard labels”"), "LS 0.2")
    assert [(row[0], row[3]) for row in found] == [
        ("gap of Male", "lower"),
        ("gap of Female", "lower"),
        ("difference Female vs Male", "higher"),
    ]
    low, high = (float(bound) for bound in found[0][2].strip("[]").split(", "))
    assert low < float(found[0][1]) < high
    # The gaps themselves have intervals of 0.017: rows that are hard for both variants do not matter here.
    assert high - low < 0.01


def test_the_table_along_alpha_has_its_numbers(concluded):
    found = cells(table(concluded, "Along alpha"), "Female vs Male")
    assert [row[0] for row in found] == ["0", "0.05", "0.1", "0.2"]
    assert [float(row[4]) for row in found] == pytest.approx([0.056, 0.021, -0.011, -0.058], abs=0.006)


def test_the_forest_has_the_largest_group_first():
    rows = Rows({"small": 30, "large": 300}, np.random.default_rng(0))
    runs = {seed: rows.measure(seed, {"small": 0.0, "large": 0.2}) for seed in range(2)}
    figure = conclude(findings({"x": config()}, {"x": runs})).figures["signed_gaps"]
    assert isinstance(figure, IntervalsFigure)
    assert figure.names == ("x: large", "x: small")
    assert figure.counts == (300, 30)


def test_curves_over_alpha_mark_where_signs_change(concluded):
    gaps, differences = (concluded.figures[name] for name in ("gap_against_alpha", "difference_against_alpha"))
    assert isinstance(gaps, CurvesFigure)
    assert isinstance(differences, CurvesFigure)
    assert gaps.x["Male"] == (0.0, 0.05, 0.1, 0.2)
    assert gaps.y["Male"] == pytest.approx((0.023, -0.045, -0.1, -0.192), abs=0.02)
    assert [text.split(" changes sign at ")[0] for text in gaps.marks] == ["Male", "Female"]
    assert list(differences.marks.values()) == pytest.approx([0.083], abs=0.01)
    for low, value, high in zip(gaps.low["Male"], gaps.y["Male"], gaps.high["Male"], strict=True):
        assert low < value < high


def test_a_conclusion_survives_storage(concluded):
    assert Conclusion.from_json(concluded.to_json()) == concluded


def test_of_many_pairs_only_those_told_apart_are_listed_and_the_rest_counted():
    gaps = {f"g{place}": 0.3 if place == 9 else 0.0 for place in range(10)}
    rows = Rows({group: 300 if group != "g3" else 30 for group in gaps}, np.random.default_rng(0))
    names = ("hard labels", "LS 0.1")
    runs = {name: {seed: rows.measure(seed, gaps) for seed in range(3)} for name in names}
    conclusion = conclude(findings({name: CONFIGS[name] for name in names}, runs))
    assert len(conclusion.words) <= MOST_SENTENCES
    listed = {row[0] for row in cells(table(conclusion, "Between groups"), "hard labels")}
    assert 5 <= len(listed) <= 9
    assert all(pair.startswith("g9 vs ") for pair in listed)
    assert sentence(conclusion, "of 45 pairs cannot be told apart")
    assert re.search(r"^\d+ of 45 pairs are told apart in no variant", table(conclusion, "Between groups").notes[-1])


def test_the_smallest_group_that_is_not_told_apart_is_named():
    gaps = {"a": 0.0, "b": 0.3, "Group X": 0.1}
    rows = Rows({"a": 2000, "b": 2000, "Group X": 40}, np.random.default_rng(1))
    runs = {seed: rows.measure(seed, gaps) for seed in range(3)}
    conclusion = conclude(findings({"hard labels": config()}, {"hard labels": runs}))
    found = sentence(conclusion, r"^Group Group X \(n = 40\): cannot be told: differences below 0\.\d+ do not show\.$")
    assert found


def test_nothing_measured_gives_nothing():
    assert conclude(findings(CONFIGS, {})) == Conclusion()
    assert conclude(findings(CONFIGS, {"hard labels": {0: Result(scalars={"nll": 1.0})}})) == Conclusion()


GROUPS = ("Male", "Female", "far east", "40-60 +")
ODD = (math.nan, math.inf, -math.inf, 0.0, 1.0, 1e308, -1e200, 1e-300)


def some(noise, names, share):
    """Some of the names."""
    return [name for name in names if noise.random() < share]


def any_result(noise, groups):
    """Scalars and rows of which some are missing, and some no number to compute with."""
    names = [of_group(quantity, group) for quantity in (*GROUP_QUANTITIES, "rows") for group in groups]
    names += [of_pair(quantity, *two) for quantity in PAIR_QUANTITIES for two in itertools.combinations(groups, 2)]
    names += ["nll", "nll_scaled", "ece", *(of_group("gap", group, "_scaled") for group in groups)]
    scalars = {name: float(abs(noise.normal(0, 0.1))) for name in some(noise, names, noise.choice([0.3, 0.9, 1.0]))}
    scalars |= {name: float(noise.choice(ODD)) for name in some(noise, names, noise.choice([0.0, 0.05]))}
    sizes = noise.choice([0, 1, 2, 3, 30], p=[0.05, 0.05, 0.1, 0.1, 0.7], size=2 * len(groups))
    columns = [of_group(quantity, group) for quantity in ("gap", "accuracy") for group in groups]
    rows = {name: noise.normal(0.1, 0.1, size) for name, size in zip(columns, sizes, strict=True)}
    rows |= {name: noise.choice(ODD, size=3) for name in some(noise, columns, 0.1)}
    return Result(scalars=scalars, rows={name: rows[name] for name in some(noise, columns, 0.9)})


def any_findings(noise):
    """Some variants with some seeds and groups of their own."""
    results = {}
    for name in some(noise, CONFIGS, 0.7):
        groups = noise.permutation(GROUPS)[: noise.integers(5)] if noise.random() < 0.5 else GROUPS
        results[name] = {
            seed: any_result(noise, [str(group) for group in groups]) for seed in some(noise, range(4), 0.6)
        }
    baseline = ("hard labels", "LS 0.1", "missing", None)[noise.integers(4)]
    return findings(CONFIGS, results, baseline)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_was_measured_is_concluded_from_in_few_words(seed):
    conclusion = conclude(any_findings(np.random.default_rng(seed)))
    assert len(conclusion.words) <= MOST_SENTENCES
    for word in conclusion.words:
        assert not re.search(r"\b(un)?fair", word, re.IGNORECASE)
        assert not re.search(r"\b(nan|inf|None)\b", word)
        assert word.endswith(".")
    for each in (*conclusion.tables, *conclusion.details):
        assert len(each.columns) == len(each.numeric)
        texts = [cell.text for section in each.sections for row in section.rows for cell in row]
        assert not any(re.search(r"\b(nan|inf)\b", text) for text in texts)
        assert all(len(row) == len(each.columns) for section in each.sections for row in section.rows)
    assert Conclusion.from_json(conclusion.to_json()).words == conclusion.words


def test_real_runs_have_the_names_that_are_read_here(carry_out, tmp_path):
    overrides = {"hard labels": ("target.name=onehot",), "LS": ("target.name=ls", "target.alpha=0.2")}
    runs = {name: carry_out(*options, directory=tmp_path / name) for name, options in overrides.items()}
    configs = {name: finished.config for name, finished in runs.items()}
    conclusion = conclude(findings(configs, {name: {0: finished.result} for name, finished in runs.items()}))
    assert [each.title.split(" ")[0] for each in conclusion.tables] == ["Between"]
    assert [each.title.split(" ")[0] for each in conclusion.details] == ["By", "Along", "Before", "Against"]
    for each in (*conclusion.tables, *conclusion.details):
        texts = [cell.text for section in each.sections for row in section.rows for cell in row]
        assert MISSING not in " ".join(texts)
    assert set(conclusion.figures) == {"signed_gaps", "gap_against_alpha", "difference_against_alpha"}
    assert "all classes" in conclusion.words[-1]
