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

ALIKE = dict.fromkeys(NOISIER_B, (0.03, 0.03, 0.0, 0.75))

CLAIMS = r"fell|rose|came nearer|changed|turns|Beyond|lies|moved|Signed gaps change"
"""What no sentence says unless it is shown."""

CONFIGS = {
    "hard labels": config(),
    "LS 0.05": smoothed(0.05),
    "LS 0.1": smoothed(0.1),
    "LS 0.2": smoothed(0.2),
    "hard labels + temperature": config(temperature="overall"),
}


def counter_example(seeds=6, size=20_000, numbers=NOISIER_B):
    """A study with these numbers, whose errors differ from them by a little chance."""
    noise = np.random.default_rng(5)
    rows = Rows({"Male": size, "Female": size}, noise)
    return {
        name: {
            seed: rows.measure(seed, {"Male": a, "Female": b}, accuracy, **errors(difference + noise.normal(0, 0.004)))
            for seed in range(seeds)
        }
        for name, (a, b, difference, accuracy) in numbers.items()
    }


def errors(difference):
    """Scalars of a difference of calibration errors, and of their squares, which are smaller."""
    return {
        of_pair("ece_difference", "Male", "Female"): difference,
        of_pair("squared_error_difference", "Male", "Female"): difference / 10,
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
        r"^“hard labels”: the signed gap \(confidence minus accuracy\) of Female lies (.+) above that of Male \[\+0\.0"
    )
    (size,) = re.findall(words, concluded.words[0])
    assert float(size) == pytest.approx(0.05, abs=0.01)


def test_the_ece_gap_fell_and_the_signed_difference_did_not(concluded):
    found = sentence(concluded, "ECE gap .* fell")
    assert re.search(r"from 0\.05\d at “hard labels” to 0\.0[12]\d at alpha = 0\.05, change -0\.03", found)
    assert "the signed difference shows no change: +0.0" in found
    bounds = [tuple(map(float, each)) for each in re.findall(r"change \S+ \[(\S+), (\S+)\]", found)]
    (low, high), (signed_low, signed_high) = bounds
    assert low < -0.035 < high < 0
    assert signed_low < 0 < signed_high
    assert signed_high - signed_low < 0.02


def test_beyond_some_alpha_the_other_group_is_the_worse_one(concluded):
    (alpha,) = re.findall(
        r"alpha = (\S+) \(interpolated",
        sentence(concluded, "^Beyond .* Female has a smaller debiased calibration error"),
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
    found = sentence(concluded, r"^“hard labels \+ temperature” against “hard labels”, Female vs Male: ")
    assert "the signed difference changed sign, " in found
    assert "change -0.05" in found
    assert re.search(r"; ECE gap 0\.05\d to 0\.04\d, change -0\.01\d \[.+\]\.$", found)


def test_what_the_largest_alpha_did_is_said_as_well(concluded):
    found = sentence(concluded, "^“LS 0.2” against “hard labels”, Female vs Male: the signed difference rose, ")
    assert re.search(r"ECE gap 0\.05\d to -0\.05\d", found)


def test_what_is_told_of_many_changes_has_to_be_rarer_than_by_chance():
    # Without rows there are only the seeds: a difference whose p-value over four of them is 0.03.
    moves = {"hard labels": (0.0,) * 4, "LS 0.05": (0.005, 0.01, 0.02, 0.015)}
    name = of_pair("ece_difference", "Male", "Female")
    sizes = {of_group("rows", group): 50.0 for group in ("Male", "Female")}
    gaps = {of_group("gap", group): 0.1 for group in ("Male", "Female")}
    runs = {
        variant: {seed: Result(scalars={name: 0.05 - moved, **sizes, **gaps}) for seed, moved in enumerate(by_seed)}
        for variant, by_seed in moves.items()
    }
    found = sentence(conclude(findings({each: CONFIGS[each] for each in runs}, runs)), r"^ECE gap")
    assert re.match(r"ECE gap \(Female vs Male\) fell from 0\.050 at “hard labels” to 0\.03\d at alpha = 0\.05", found)
    assert re.search(r"change -0\.01\d \[.+\] over seeds, on these test rows; ", found)
    unlike = {
        seed: Result(scalars={**each.scalars, name: 0.05 + 0.01 * seed}) for seed, each in runs["LS 0.05"].items()
    }
    more = runs | {"LS 0.1": unlike, "LS 0.2": unlike}
    found = sentence(conclude(findings({each: CONFIGS[each] for each in more}, more)), r"^ECE gap")
    assert re.match(r"ECE gap \(Female vs Male\): no change shown after correction, 0\.050 at", found)


def test_what_the_test_rows_do_to_all_seeds_alike_is_no_change():
    # Every seed says the same, since all are measured on the same 60 rows.
    planted = {name: (a, b, 0.05 - 0.03 * (name == "LS 0.05"), accuracy) for name, (a, b, _, accuracy) in ALIKE.items()}
    found = sentence(conclude(findings(CONFIGS, counter_example(5, 60, planted))), "^ECE gap")
    assert "no change shown" in found


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
    words = " ".join(conclude(findings(CONFIGS, counter_example(5, 2000, ALIKE))).words)
    assert "no change shown" in words
    assert not re.search(CLAIMS, words)


def test_one_seed_speaks_of_its_rows():
    conclusion = conclude(findings(CONFIGS, counter_example(1)))
    assert sentence(conclusion, "^One seed: intervals are over test rows only")
    assert not any("over seeds" in word for word in conclusion.words)


def test_seeds_without_rows_speak_of_these_rows():
    results = counter_example(3, 500)
    bare = {name: {seed: Result(scalars=each.scalars) for seed, each in runs.items()} for name, runs in results.items()}
    assert sentence(conclude(findings(CONFIGS, bare)), "intervals are over seeds only and speak of these test rows")


def test_the_table_of_groups(concluded):
    (male, female) = cells(table(concluded, "By group"), "hard labels")
    assert male[:2] == ["Male", "20000"]
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
    assert [row[-1] for row in cells(found, "x")][1:] == ["?", "?"]


def test_the_table_of_groups_after_temperature_has_intervals_and_verdicts():
    rows = Rows({"a": 3000, "b": 2000}, np.random.default_rng(1))
    runs = {}
    for seed in range(3):
        plain, scaled = (rows.measure(seed, {"a": 0.1, "b": gap}) for gap in (0.1, 0.3))
        stored = {of_group("gap", group, "_scaled"): scaled.rows[of_group("gap", group)] for group in "ab"}
        scalars = {name: float(values.mean()) for name, values in stored.items()}
        runs[seed] = Result(scalars={**plain.scalars, **scalars}, rows={**plain.rows, **stored})
    conclusion = conclude(findings({"x": config()}, {"x": runs}))
    (of_a, of_b, of_pair_) = cells(table(conclusion, "Groups after temperature"), "x: one temperature")
    assert [row[0] for row in (of_a, of_b, of_pair_)] == ["gap of a", "gap of b", "difference b vs a"]
    low, high = (float(bound) for bound in of_pair_[2].strip("[]").split(", "))
    assert low < 0.2 < high
    assert (of_pair_[3], of_pair_[5]) == ("<0.001", "higher")
    (of_pair_,) = cells(table(conclusion, "Between groups"), "x")
    assert of_pair_[-1] == "open"


def test_the_table_against_the_baseline_is_paired(concluded):
    found = cells(table(concluded, "Against “hard labels”"), "LS 0.2")
    assert [(row[0], row[3]) for row in found] == [
        ("gap of Male", "changed sign"),
        ("gap of Female", "changed sign"),
        ("difference Female vs Male", "rose"),
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
    assert figure.names == ("large", "small")
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
    with_largest = {f"g{place} vs g0" for place in range(1, 10)}
    assert 5 <= len(listed - with_largest) <= 8
    assert all(pair.startswith("g9 vs ") for pair in listed - with_largest)
    assert with_largest <= listed
    assert sentence(conclusion, "of 45 pairs cannot be told apart")
    assert re.search(r"^\d+ of 45 pairs are told apart in no variant", table(conclusion, "Between groups").notes[-1])


def test_the_smallest_group_that_is_not_told_apart_is_named():
    gaps = {"a": 0.0, "b": 0.3, "Group X": 0.1}
    rows = Rows({"a": 2000, "b": 2000, "Group X": 40}, np.random.default_rng(1))
    runs = {seed: rows.measure(seed, gaps) for seed in range(3)}
    conclusion = conclude(findings({"hard labels": config()}, {"hard labels": runs}))
    assert sentence(conclusion, r"^Group Group X \(n = 40 test rows\): cannot be told: differences below 0\.\d+ do not")


def test_where_no_difference_could_show_that_is_said():
    gaps = {"a": 0.0, "b": 0.0, "Group X": 0.1}
    rows = Rows({"a": 2000, "b": 2000, "Group X": 3}, np.random.default_rng(1))
    runs = {seed: rows.measure(seed, gaps) for seed in range(2)}
    conclusion = conclude(findings({"hard labels": config()}, {"hard labels": runs}))
    assert sentence(conclusion, r"^Group Group X \(n = 3 test rows\): cannot be told: no difference could\.$")


def test_of_many_pairs_none_of_which_is_told_apart_those_with_the_largest_group_are_listed():
    gaps = {f"g{place}": 0.0 for place in range(6)}
    rows = Rows(dict.fromkeys(gaps, 200), np.random.default_rng(2))
    runs = {seed: rows.measure(seed, gaps) for seed in range(3)}
    found = table(conclude(findings({"x": config()}, {"x": runs})), "Between groups")
    assert [row[0] for row in cells(found, "x")] == [f"g{place} vs g0" for place in range(1, 6)]
    assert found.notes[-1] == "10 of 15 pairs are told apart in no variant, and not listed."


def test_a_value_that_some_seed_lacks_is_a_dash():
    rows = Rows({"a": 200, "b": 200}, np.random.default_rng(0))
    name = of_group("miscalibration", "a")
    runs = {seed: rows.measure(seed, {"a": 0.0, "b": 0.0}, **{name: 0.01 if seed else math.nan}) for seed in range(3)}
    (of_a, _) = cells(table(conclude(findings({"x": config()}, {"x": runs})), "By group"), "x")
    assert of_a[6] == "?"
    runs[0] = runs[1]
    (of_a, _) = cells(table(conclude(findings({"x": config()}, {"x": runs})), "By group"), "x")
    assert of_a[6] == "0.0100"


def test_smoothing_is_compared_with_temperature():
    results = counter_example()
    by_nll = {"hard labels": 0.9, "LS 0.05": 0.8, "LS 0.1": 0.7, "LS 0.2": 0.75, "hard labels + temperature": 0.6}
    for name, by_seed in results.items():
        for seed, each in by_seed.items():
            by_seed[seed] = Result(scalars={**each.scalars, "nll": by_nll[name]}, rows=each.rows)
    found = sentence(conclude(findings(CONFIGS, results)), "of least NLL")
    assert found.startswith("“LS 0.1”, of least NLL, against “hard labels + temperature”, Female vs Male: the signed ")
    (before, after) = (float(each) for each in re.findall(r" ([+-]\S+) to ([+-]\S+),", found)[0])
    assert before == pytest.approx(-0.005, abs=0.012)
    assert after == pytest.approx(0.059, abs=0.012)
    # Without such a variant there is the stage that every run of hard labels has beside it.
    tempered = results["hard labels + temperature"]
    scaled = {seed: _beside(each, tempered[seed]) for seed, each in results["hard labels"].items()}
    others = {name: by_seed for name, by_seed in results.items() if "temperature" not in name} | {"hard labels": scaled}
    again = sentence(conclude(findings({name: CONFIGS[name] for name in others}, others)), "of least NLL")
    assert again == found.replace("“hard labels + temperature”", "“hard labels” at one temperature")


def _beside(plain, scaled):
    """A run with what another one measured, at the stage of one temperature."""
    names = [of_group("gap", group) for group in ("Male", "Female")]
    renamed = dict(zip(names, (of_group("gap", group, "_scaled") for group in ("Male", "Female")), strict=True))
    name = of_pair("gap_difference", "Male", "Female")
    return Result(
        scalars={
            **plain.scalars,
            **{new: scaled.scalars[old] for old, new in renamed.items()},
            of_pair("gap_difference", "Male", "Female", "_scaled"): scaled.scalars[name],
        },
        rows={**plain.rows, **{new: scaled.rows[old] for old, new in renamed.items()}},
    )


def test_sentences_that_do_not_fit_are_counted():
    many = {f"weighting {place}": config() for place in range(12)}
    rows = Rows({"a": 200, "b": 200}, np.random.default_rng(0))
    runs = {name: {seed: rows.measure(seed, {"a": 0.0, "b": 0.0}) for seed in range(2)} for name in many}
    words = conclude(findings(many, runs, "weighting 0")).words
    assert len(words) == MOST_SENTENCES
    assert words[-1] == "What 3 more sentences would say is in the tables."


def test_many_groups_have_a_forest_for_each_variant():
    gaps = {f"g{place}": 0.0 for place in range(7)}
    rows = Rows(dict.fromkeys(gaps, 20), np.random.default_rng(0))
    runs = {seed: rows.measure(seed, gaps) for seed in range(2)}
    names = ("hard labels", "LS 0.1")
    figures = conclude(findings({name: CONFIGS[name] for name in names}, dict.fromkeys(names, runs))).figures
    forests = [each for each in figures.values() if isinstance(each, IntervalsFigure)]
    assert [each.title for each in forests] == [f"Signed gap by group: {name}" for name in names]
    assert forests[0].names == (*gaps,)


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
    assert [each.title.split(" ")[0] for each in conclusion.details] == ["By", "Along", "Before", "Groups", "Against"]
    for each in (*conclusion.tables, *conclusion.details):
        texts = [cell.text for section in each.sections for row in section.rows for cell in row]
        assert MISSING not in " ".join(texts)
    assert set(conclusion.figures) == {"signed_gaps", "gap_against_alpha", "difference_against_alpha"}
    assert "all classes" in conclusion.words[-1]
