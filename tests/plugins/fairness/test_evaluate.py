"""What is measured after training, of logits made by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from smoothkit.config import dump
from smoothkit.data import Dataset, ImageSet
from smoothkit.distributed import Group
from smoothkit.errors import UserError
from smoothkit.run import Run
from smoothkit.scenario import RunInfo
from smoothkit.stopping import StopRequest
from smoothkit_fairness.config import EvaluateConfig, FairnessConfig
from smoothkit_fairness.evaluate import evaluate
from smoothkit_fairness.frame import metric_frame
from smoothkit_fairness.names import AGGREGATED, GROUP_QUANTITIES, PAIR_QUANTITIES, of_all, of_group, of_pair
from smoothkit_fairness.train import Trained

NAMES = ("north", "south")
SCALED = ("_scaled", "_scaled_by_group")


class Unwatched:
    """A watcher that looks away."""

    def progress(self, step, total, values):
        """Nothing."""

    def noted(self, text):
        """Nothing."""

    def logged(self, step, values):
        """Nothing."""

    def figures(self, step, figures):
        """Nothing."""


def part(rows=800, classes=2, temperatures=(1.0, 1.0), seed=0, scale=2.5):
    """Logits as samples, in groups of falling size, whose labels were drawn at the group's temperature."""
    stream = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(rows, classes, generator=stream)
    groups = torch.randint(2 * len(temperatures) - 1, (rows,), generator=stream) % len(temperatures)
    probs = (logits.double() / torch.tensor(temperatures).double()[groups, None]).softmax(1)
    return ImageSet(logits, torch.multinomial(probs, 1, generator=stream).squeeze(1), groups)


@pytest.fixture
def measured(bundled, tmp_path):
    """Evaluate a network that passes its samples on as logits; `evaluate` options by name."""

    def measured(test, validation, names=NAMES, **options):
        config = FairnessConfig(scenario="fairness", evaluate=EvaluateConfig(**{"resamples": 100, **options}))
        classes = test.images.shape[1]
        # No sample of the training part is looked at; it has one of each class.
        train = ImageSet(torch.zeros(classes, classes), torch.arange(classes), torch.zeros(classes, dtype=torch.int64))
        data = Dataset(
            train, test, tuple(map(str, range(classes))), (0.0,) * classes, (1.0,) * classes, "logits", tuple(names)
        )
        info = RunInfo("fairness", "any", 0, tmp_path, dump(config))
        run = Run(info, config.run, Group(), None, Unwatched(), StopRequest())
        return evaluate(config, run, Trained(torch.nn.Identity(), data, validation))

    return measured


def expected_names(names, stages, overall):
    pairs = list(itertools.combinations(names, 2))
    return {
        "temperature",
        *(of_group(quantity, name) for quantity in ("rows", "temperature") for name in names),
        *(f"{name}{stage}" for name in overall for stage in stages),
        *(of_group(quantity, name, stage) for quantity in GROUP_QUANTITIES for name in names for stage in stages),
        *(of_pair(quantity, *pair, stage) for quantity in PAIR_QUANTITIES for pair in pairs for stage in stages),
        *(of_all(name, f"{how}", stage) for name in AGGREGATED for how in METHODS for stage in stages),
    }


METHODS = ("between_groups", "to_overall")
STAGES = {"none": ("", *SCALED), "overall": ("",), "by-group": ("",)}


@pytest.mark.parametrize("asked", STAGES)
@pytest.mark.parametrize(("names", "classes"), [(NAMES, 2), (("a", "b", "c"), 10)])
def test_every_scalar_has_its_name_and_no_other_is_there(asked, names, classes, measured):
    temperatures = (1.0, 1.5, 2.0)[: len(names)]
    test, validation = (part(1000, classes, temperatures, seed) for seed in (0, 1))
    found = measured(test, validation, names, temperature=asked)
    overall = [metric.name for metric in EvaluateConfig().metrics]
    assert set(found.scalars) == expected_names(names, STAGES[asked], overall)
    assert all(map(math.isfinite, found.scalars.values()))
    for part_of_it in (found.better, found.intervals, found.rows, found.headline):
        assert set(part_of_it) < set(found.scalars)
    assert {found.better.get(name) for name in found.scalars if name.startswith("gap")} == {None}
    assert found.better[of_group("nll", names[0])] == found.better["nll"] == "lower"
    assert sum(found.scalars[of_group("rows", name)] for name in names) == 1000


def test_the_headline_says_nothing_of_groups_that_grows_with_noise(measured):
    two = measured(part(), part(seed=1)).headline
    assert two == ("accuracy", "nll", "brier", "ece", "gap_difference/south vs north")
    temperatures = (1.0,) * 3
    three = measured(part(300, 2, temperatures), part(300, 2, temperatures, 1), "abc", metrics=[{"name": "nll"}])
    assert three.headline == ("nll",)


def test_a_temperature_for_each_group_closes_what_one_for_all_leaves_open(measured):
    planted = (0.7, 2.0)
    test, validation = (part(8000, 2, planted, seed) for seed in (0, 1))
    scalars = measured(test, validation).scalars
    assert [scalars[of_group("temperature", name)] for name in NAMES] == pytest.approx(planted, rel=0.1)
    assert 0.7 < scalars["temperature"] < 2.0
    for stage, both_are_closed in (("", False), ("_scaled", False), ("_scaled_by_group", True)):
        gaps = [scalars[of_group("gap", name, stage)] for name in NAMES]
        assert (max(map(abs, gaps)) < 0.02) == both_are_closed
        assert (scalars[of_pair("gap_difference_p", *NAMES, stage)] > 0.01) == both_are_closed
        assert scalars[f"accuracy{stage}"] == scalars["accuracy"]
    # A temperature of its own for each group changes the order of rows of both together, but not of a group's.
    for name in NAMES:
        own = [scalars[of_group("aurc", name, stage)] for stage in STAGES["none"]]
        assert own == pytest.approx([own[0]] * 3, abs=1e-12)
    assert scalars["aurc_scaled"] == pytest.approx(scalars["aurc"], abs=1e-12)
    assert scalars["aurc_scaled_by_group"] != pytest.approx(scalars["aurc"], abs=1e-3)


@pytest.mark.parametrize(("asked", "stage"), [("overall", "_scaled"), ("by-group", "_scaled_by_group")])
def test_what_the_file_asks_for_is_what_is_else_measured_beside_it(asked, stage, measured):
    parts = part(temperatures=(0.7, 2.0)), part(temperatures=(0.7, 2.0), seed=1)
    beside, alone = measured(*parts), measured(*parts, temperature=asked)
    for name in ("nll", "ece", "aurc"):
        assert alone.scalars[name] == beside.scalars[f"{name}{stage}"]
    for quantity in GROUP_QUANTITIES:
        names = of_group(quantity, "south"), of_group(quantity, "south", stage)
        assert alone.scalars[names[0]] == beside.scalars[names[1]]
    pair = of_pair("gap_difference", *NAMES), of_pair("gap_difference", *NAMES, stage)
    assert alone.intervals[pair[0]] == beside.intervals[pair[1]]
    assert np.array_equal(alone.rows[pair[0]], beside.rows[pair[1]])


def test_temperatures_see_no_test_row_and_the_rest_no_validation_row(measured):
    def about_temperatures(found):
        return {name: value for name, value in found.scalars.items() if name.startswith("temperature")}

    def raw(found):
        return {name: value for name, value in found.scalars.items() if not name.startswith("temperature")}

    one, other, validation = part(), part(300, scale=5.0, seed=3), part(seed=1)
    settings = {"metrics": [{"name": "nll"}]}
    found = measured(one, validation, **settings)
    assert about_temperatures(measured(other, validation, **settings)) == about_temperatures(found)
    elsewhere = measured(one, other, **settings)
    assert about_temperatures(elsewhere) != about_temperatures(found)
    assert {name: value for name, value in raw(elsewhere).items() if "_scaled" not in name} == {
        name: value for name, value in raw(found).items() if "_scaled" not in name
    }


def test_the_order_of_rows_changes_nothing(measured):
    test, validation = part(), part(seed=1)
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
    found, shuffled = measured(test, validation), measured(test.select(order), validation)
    assert shuffled.scalars == pytest.approx(found.scalars, abs=1e-9)


def test_the_training_streams_are_left_alone_and_a_second_time_gives_the_same(measured):
    parts = part(), part(seed=1)
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1]
    first, second = measured(*parts), measured(*parts)
    assert first.scalars == second.scalars
    assert first.intervals == second.intervals
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])


def test_options_of_the_file_reach_the_groups(measured):
    parts = part(), part(seed=1)

    def scalars(**options):
        return measured(*parts, temperature="overall", metrics=[], **options).scalars

    standard = scalars()
    assert scalars(bins=5)["ece/south"] != standard["ece/south"]
    assert scalars(binning="width")["ece/south"] != standard["ece/south"]
    other = scalars(resamples=200)
    assert other["same_curve_p/south vs north"] != standard["same_curve_p/south vs north"]


def test_where_no_temperature_is_best_only_what_there_is_is_measured(measured):
    validation = part(300)
    sure = ImageSet(validation.images, validation.images.argmax(1), validation.groups)
    found = measured(part(), sure)
    assert math.isnan(found.scalars["temperature"])
    assert not [name for name in (*found.scalars, *found.rows, *found.figures) if "_scaled" in name]
    with pytest.raises(UserError, match=r"evaluate.temperature = 'by-group'.* enlarge data.validation"):
        measured(part(), sure, temperature="by-group")


@pytest.mark.parametrize("size", [0, 1])
def test_a_group_that_the_test_part_hardly_has_is_undefined(size, measured, tmp_path):
    test, validation = part(), part(seed=1)
    groups = torch.zeros_like(test.groups)
    groups[:size] = 1
    found = measured(ImageSet(test.images, test.labels, groups), validation)
    assert found.scalars["rows/south"] == size
    for stage in STAGES["none"]:
        assert math.isnan(found.scalars[of_group("gap", "south", stage)])
        assert math.isnan(found.scalars[of_pair("detectable_gap", *NAMES, stage)])
        assert math.isfinite(found.scalars[of_group("gap", "north", stage)])
    assert not [name for name in (*found.intervals, *found.rows) if "south" in name]
    assert found.figures["gaps_by_group"].counts == (800 - size, size)
    table = pd.read_csv(tmp_path / "by_group.csv", index_col="group")
    assert table.loc["south", "rows"] == size
    assert table.loc["south"].drop("rows").isna().all()


def test_the_figures_have_all_groups_the_largest_first(measured):
    test, validation = (part(1500, 2, (1.5,) * 3, seed) for seed in (0, 1))
    names = ("small", "large", "middle")
    # Ids 0, 1 and 2 make up about 2/5, 2/5 and 1/5; here the second is made the largest.
    groups = torch.where(test.groups == 0, torch.arange(1500) % 2 + 1, test.groups)
    groups[:100] = 0
    found = measured(ImageSet(test.images, test.labels, groups), validation, names)
    assert set(found.figures) == {
        *("reliability_by_group", "gaps_by_group", "reliability_by_group_scaled", "gaps_by_group_scaled")
    }
    for stage in ("", "_scaled"):
        forest = found.figures[f"gaps_by_group{stage}"]
        assert forest.names == ("large", "middle", "small")
        expected = [found.scalars[of_group("gap", name, stage)] for name in forest.names]
        assert forest.estimates == pytest.approx(expected, abs=1e-12)
        assert list(zip(forest.low, forest.high, strict=True)) == [
            found.intervals[of_group("gap", name, stage)] for name in forest.names
        ]
        diagrams = found.figures[f"reliability_by_group{stage}"].groups
        assert list(diagrams) == list(names)
        assert len({diagram.edges for diagram in diagrams.values()}) == 1
        for name, diagram in diagrams.items():
            assert diagram.ece == pytest.approx(found.scalars[of_group("ece", name, stage)], abs=1e-12)
    assert set(measured(test, validation, names, temperature="overall").figures) == {
        "reliability_by_group",
        "gaps_by_group",
    }


def test_many_groups_have_no_diagram_each(measured):
    many = tuple(f"group {index}" for index in range(13))
    found = measured(part(), part(seed=1), many, temperature="overall", metrics=[])
    assert set(found.figures) == {"gaps_by_group"}
    assert len(found.figures["gaps_by_group"].names) == 13


def test_the_table_of_a_run_is_that_of_a_metric_frame(measured, tmp_path):
    test = part(600, 4)
    found = measured(test, part(600, 4, seed=1), bins=8)
    table = pd.read_csv(tmp_path / "by_group.csv", index_col="group")
    assert list(table.index) == list(NAMES)
    theirs = metric_frame(test.images, test.labels, test.groups, NAMES, bins=8).by_group
    pd.testing.assert_frame_equal(table[list(GROUP_QUANTITIES)], theirs, check_exact=False, atol=1e-12, rtol=0)
    assert table.loc["south", "ece_scaled_by_group"] == found.scalars["ece_scaled_by_group/south"]


def test_a_trained_network_is_measured_on_its_test_part(carry_out):
    _, run, trained, result = carry_out()
    names = trained.data.group_names
    assert result.scalars["accuracy"] == run.history("test/accuracy")[-1][1]
    sizes = torch.bincount(trained.data.test.groups).tolist()
    assert [result.scalars[of_group("rows", name)] for name in names] == sizes
    for name in names:
        assert result.scalars[of_group("gap", name)] == pytest.approx(
            run.history(f"test/{of_group('gap', name)}")[-1][1], abs=1e-12
        )
