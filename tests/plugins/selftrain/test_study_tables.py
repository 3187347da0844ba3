"""The tables of a study: planted results stand where they belong, in a width that a terminal has."""

import math

from smoothkit.report.numbers import MISSING
from smoothkit.report.table import column_widths
from smoothkit_selftrain.conclude import conclude

from .studies import findings, rows, table, tables, variant

NOISY = ("accuracy", "ece", "pseudo_persistence", "pseudo_ece", "pseudo_corruption", "transduction")


def test_models_stand_over_the_anchors():
    found = rows(table({"hard": variant(2, accuracy=(0.79, 0.81)), "LS": variant(2)}, "Models"))
    assert found == {
        "hard": ["80.0 ± 1.0", "10.0", "81.0"],
        "LS": ["80.0", "10.0", "81.0"],
        "logistic regression, labelled only": ["70.0", MISSING, "71.0"],
        "SelfTrainingClassifier": ["75.0", MISSING, "76.0"],
        "LabelPropagation": ["80.0", MISSING, "80.0"],
        "LabelSpreading": ["85.0", MISSING, "86.0"],
    }


def test_a_metric_that_nobody_asked_for_has_no_column():
    results = {"hard": variant(3)}
    for result in results["hard"].values():
        del result.scalars["ece"]
    assert table(results, "Models").columns == ("variant", "test %", "unlabelled %")


def test_pseudo_labels_at_the_end():
    found = table({"hard": variant(3)}, "Pseudo-labels")
    assert found.columns == ("variant", "selected", "wrong", "ECE", "persist", "corrupt")
    assert rows(found) == {"hard": ["60.0", "10.0 (2.00)", "5.0", "70.0", "3.0"]}


def test_rounds_are_means_over_seeds():
    found = table({"hard": variant(2, accuracy=(0.8, 0.9)), "LS": variant(2)}, "Rounds")
    assert [section.heading for section in found.sections] == ["hard", "LS"]
    cells = [[cell.text for cell in row] for row in found.sections[0].rows]
    assert cells[0] == ["0", "70.0", "70.0", "50.0", "95.0", "50.0", "10.0", "100.0"]
    assert cells[2] == ["2", "85.0", "81.0", "60.0", "90.0", "70.0", "5.0", "70.0"]


def test_rounds_leave_out_what_is_not_defined():
    found = table({"hard": variant(2, pseudo_confidence_wrong=(math.nan, 0.6))}, "Rounds")
    assert [row[5].text for row in found.sections[0].rows] == ["50.0", "60.0", "60.0"]


def test_many_rounds_are_thinned_and_many_variants_go_to_the_pages():
    found = table({"hard": variant(2, rounds=tuple(range(30)))}, "Rounds")
    shown = [row[0].text for row in found.sections[0].rows]
    assert (shown[0], shown[-1], len(shown)) == ("0", "29", 8)
    many = conclude(findings({f"v{place}": variant(2) for place in range(7)}, None))
    assert not [each for each in many.tables if each.title.startswith("Rounds")]
    assert [each.title for each in many.details] == ["Rounds, in per cent, means over 2 seeds"]


def test_tables_fit_a_terminal():
    results = {name: variant(5, source=place, noise=NOISY) for place, name in enumerate(("hard", "sharpened", "LS"))}
    for each in tables(results).values():
        assert sum(column_widths(each)) <= 80


def test_missing_seeds_are_counted():
    results = {"hard": variant(3), "LS": variant(2), "failed": {}}
    titles = list(tables(results))
    assert "Pseudo-labels at the end, in per cent, seeds: hard 3, LS 2" in titles
    quoted = {"hard, 20": variant(3), "LS": variant(2)}
    assert "Models: digits, 20 labels, seeds: “hard, 20” 3, “LS” 2" in list(tables(quoted))
    assert "failed" not in rows(table(results, "Models"))
