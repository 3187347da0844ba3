"""Tables as features: against pandas' own arithmetic, and with nothing of the test part in it."""

import numpy as np
import pandas as pd
import pytest
import torch

from smoothkit.data.tabular import Table, classes_of, split_table, tabular
from smoothkit.data.tabular_inputs import encoded
from smoothkit.errors import DataError

RANDOM = np.random.default_rng(0)
ROWS = 60
TRAIN = pd.DataFrame(
    {
        "age": RANDOM.integers(17, 90, ROWS),
        "hours": np.where(np.arange(ROWS) % 5 == 0, np.nan, RANDOM.normal(40, 9, ROWS)),
        "job": np.where(np.arange(ROWS) % 7 == 0, None, RANDOM.choice(["clerk", "cook", "nurse"], ROWS)),
        "constant": 3.0,
    }
)
TEST = pd.DataFrame(
    {
        "age": [20.0, np.nan, 50.0],
        "hours": [np.nan, 10.0, 1e6],
        "job": ["pilot", "cook", None],
        "constant": [3.0, 4.0, 3.0],
    }
)


def by_hand(part):
    """The features as pandas computes them: one expression for each column, from TRAIN's statistics."""
    columns = []
    for name in ("age", "hours", "constant"):
        filled = TRAIN[name].fillna(TRAIN[name].median())
        spread = filled.std(ddof=0) or 1.0
        columns.append((part[name].fillna(TRAIN[name].median()) - filled.mean()) / spread)
    columns.append(part["hours"].isna())
    columns += [part["job"] == name for name in ("clerk", "cook", "nurse")]
    columns.append(part["job"].isna())
    return torch.tensor(np.column_stack(columns).astype(np.float64), dtype=torch.float32)


@pytest.mark.parametrize("part", [0, 1])
def test_features_are_those_that_pandas_computes(part):
    features = encoded(TRAIN, TEST, "people")[part]
    torch.testing.assert_close(features, by_hand((TRAIN, TEST)[part]))


def test_nothing_of_the_test_part_enters_the_training_features():
    train, test = encoded(TRAIN, TEST, "people")
    other = TEST.assign(age=[1e9, 2.0, 3.0], job=["x", "y", "z"])
    assert torch.equal(train, encoded(TRAIN, other, "people")[0])
    alone = torch.cat([encoded(TRAIN, TEST.iloc[[row]], "people")[1] for row in range(3)])
    assert torch.equal(test, alone)


def test_a_category_that_training_lacks_is_zero_throughout():
    features = encoded(TRAIN, TEST, "people")[1]
    assert features[0, -4:].tolist() == [0, 0, 0, 0]
    assert features[1, -4:].tolist() == [0, 1, 0, 0]
    assert features[2, -4:].tolist() == [0, 0, 0, 1]


def test_whole_numbers_are_one_category_however_they_are_written():
    train = pd.DataFrame({"zone": pd.Series([1, 2] * 20, dtype=object)})
    test = pd.DataFrame({"zone": pd.Series([2.0, "1"], dtype=object)})
    assert encoded(train, test, "people")[1].tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("kinds", [["age", "hours"], ["job"]])
def test_columns_of_one_kind_alone(kinds):
    train, test = encoded(TRAIN[kinds], TEST[kinds], "people")
    assert train.shape[1] == test.shape[1] == {"age": 3, "job": 4}[kinds[0]]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (TRAIN[[]], TEST[[]], "no column is left as an input"),
        (TRAIN.assign(hours=np.nan), TEST, r"hours is missing throughout the training part; .* \(drop = \['hours'\]\)"),
        (TRAIN.assign(job=None), TEST, "job is missing throughout the training part"),
        (TRAIN, TEST.assign(age=["20", "old", "30"]), "row 2 of age holds 'old'; expected a number"),
        (
            TRAIN.assign(age=TRAIN["age"].replace(TRAIN["age"][3], np.inf)),
            TEST,
            "row 4 of age holds inf; expected a fin",
        ),
        (TRAIN, TEST.assign(age=[1.0, 2.0, 1e39]), r"row 3 of age holds 1e\+39; expected a finite number"),
        (
            TRAIN.assign(job=[f"person {i}" for i in range(ROWS)]),
            TEST,
            r"job holds 60 different words in 60 rows, such as 'person 0'; .* \(drop = \['job'\]\)",
        ),
    ],
)
def test_columns_of_no_use_are_named(train, test, message):
    with pytest.raises(DataError, match=f"people: {message}") as caught:
        encoded(train, test, "people")
    assert "\n" not in str(caught.value)


def test_a_column_of_very_many_words_is_no_category():
    words = pd.DataFrame({"street": [f"street {i % 1001}" for i in range(2002)]})
    with pytest.raises(DataError, match="street holds 1001 different words"):
        encoded(words, words, "people")


def table(rows=ROWS, **changes):
    content = {
        "inputs": pd.DataFrame({"x": np.arange(rows, dtype=float)}),
        "labels": pd.Series(np.where(np.arange(rows) % 3 == 0, "yes", "no"), dtype=object),
        "groups": pd.Series(np.where(np.arange(rows) % 4 == 0, "B", "A"), dtype=object),
    }
    return Table(**(content | changes))


def test_labels_and_groups_are_ids_in_order():
    made = table()
    data = tabular(made, made.rows(torch.tensor([0, 1, 5])), ("no", "yes"), "people")
    assert data.class_names == ("no", "yes")
    assert data.group_names == ("A", "B")
    assert data.test.labels.tolist() == [1, 0, 0]
    assert data.test.groups.tolist() == [1, 0, 0]
    assert (data.mean, data.std) == ((0.0,), (1.0,))
    assert data.train.shape == (1,)


def test_a_table_need_not_have_groups():
    data = tabular(table(groups=None), table(groups=None), ("no", "yes"), "people")
    assert (data.group_names, data.train.groups, data.test.groups) == ((), None, None)


def test_splits_keep_the_share_of_each_class_in_each_group():
    train, test = split_table(table(240), 0.25, "people", "people")
    assert sorted([*train.labels.index, *test.labels.index]) == list(range(240))
    whole, part = (
        pd.crosstab(rows.labels.to_numpy(), rows.groups.to_numpy()).to_numpy() for rows in (table(240), test)
    )
    assert (np.abs(part - whole / 4) < 1).all()
    for column in ("labels", "groups"):
        assert getattr(test, column).equals(getattr(table(240), column).loc[test.inputs.index])
    again = split_table(table(240), 0.25, "people", "people")[1]
    assert test.labels.index.equals(again.labels.index)


def test_small_groups_have_their_part_of_the_test_rows():
    """Shares of cells by largest remainder would give groups of one none of them."""
    names = [f"pair {i // 2}" if i < 80 else f"alone {i}" for i in range(120)]
    rows = table(120, labels=pd.Series(["no", "yes"] * 60), groups=pd.Series(names))
    alone = sum(
        split_table(rows, 0.3, f"people {seed}", "people")[1].groups.str.startswith("alone").sum() for seed in range(50)
    )
    # 40 rows, of which each is in the test part with probability 0.3, in 50 splits.
    assert abs(alone - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5


def test_very_many_classes_may_be_words():
    assert len(classes_of(pd.Series([f"c{i}" for i in range(101)], name="y"), "people")[1]) == 101


def test_faults_of_the_test_table_name_it():
    made = table()
    strange = table(3, labels=pd.Series(["no", "ja", "no"]))
    with pytest.raises(DataError, match=r"^test\.csv: row 2 has the label 'ja'; expected one of those of the training"):
        tabular(made, strange, ("no", "yes"), "train.csv", "test.csv")
    for value, message in (("word", "holds 'word'; expected a number"), (np.inf, "holds inf; expected a finite")):
        bad = table(3, inputs=pd.DataFrame({"x": [1.0, value, 2.0]}))
        with pytest.raises(DataError, match=rf"^test\.csv: row 2 of x {message}"):
            tabular(made, bad, ("no", "yes"), "train.csv", "test.csv")
        with pytest.raises(DataError, match=rf"^train\.csv: row 2 of x {message}"):
            tabular(made, bad, ("no", "yes"), "train.csv")


def test_splits_of_different_sets_differ():
    one, other = (split_table(table(240), 0.25, name, name)[1] for name in ("people", "others"))
    assert not one.labels.index.equals(other.labels.index)


def test_too_few_rows_cannot_be_split():
    with pytest.raises(DataError, match=r"people: 2 rows cannot give a test part of 0\.1; expected more rows"):
        split_table(table(2), 0.1, "people", "people")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9, 10], ("9", "10")),
        ([1.0, 0.0, 1.0], ("0", "1")),
        (["b", "a", "b"], ("a", "b")),
        ([True, False, True], ("False", "True")),
    ],
)
def test_classes_ascend(labels, classes):
    words, names = classes_of(pd.Series(labels, name="y"), "people")
    assert names == classes
    assert words.tolist() == [classes[1], classes[0], classes[1]]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: classes_of(pd.Series(["a", None], name="y"), "people"), r"row 2 lacks its label \(y\)"),
        (lambda: classes_of(pd.Series([0.5, 1.0], name="y"), "people"), "the label y holds numbers such as 0.5"),
        (
            lambda: classes_of(pd.Series(range(101), name="y"), "people"),
            "the label y holds 101 different numbers; .* 100",
        ),
        (lambda: tabular(table(), table(), ("no",), "people"), "every row is of class 'no'; expected at least two"),
        (lambda: tabular(table(), table(), ("no", "ja"), "people"), "row 1 has the label 'yes'; .*: no, ja"),
    ],
)
def test_labels_of_no_use_are_named(build, message):
    with pytest.raises(DataError, match=f"people: {message}") as caught:
        build()
    assert "\n" not in str(caught.value)
