"""Class trees as measures read them: every form, groups by level, and what makes no tree."""

import pytest
import torch

from smoothkit.metrics.hierarchical import hierarchical_f, mean_height
from smoothkit.metrics.hierarchy import Hierarchy

# Unequal depths: class 5 hangs from the root, class 4 from a node at depth 1.
UNEVEN = [[[0, 1], [2, 3], 4], 5]


@pytest.fixture(scope="module")
def uneven() -> Hierarchy:
    return Hierarchy.from_tree(UNEVEN, 6)


@pytest.mark.parametrize(
    "tree",
    [
        UNEVEN,
        [6, 6, 7, 7, 8, 9, 8, 8, 9, -1],
        {"A": {"a": [0, 1], "b": [2, 3], "c": 4}, "d": 5},
    ],
)
def test_every_form_of_a_tree_is_read(tree):
    found = Hierarchy.from_tree(tree, 6)
    assert found.heights.dtype == torch.int8
    assert found.heights[0].tolist() == [0, 1, 2, 2, 2, 3]
    assert found.heights[4].tolist() == [2, 2, 2, 2, 0, 3]
    assert found.common_depths is not None
    assert found.common_depths[0].tolist() == [3, 2, 1, 1, 1, 0]
    assert found.common_depths.diagonal().tolist() == [3, 3, 3, 3, 2, 1]
    assert (found.height, found.num_classes) == (3, 6)


def test_names_are_numbered_as_the_classes_are():
    tree = {"pet": ["dog", "cat"], "wild": ["fox"]}
    assert Hierarchy.from_tree(tree, 3, ["cat", "fox", "dog"]).heights[0].tolist() == [0, 2, 1]


def test_a_matrix_of_heights_serves_for_all_but_ancestors(uneven):
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(50, 6, generator=generator), torch.randint(6, (50,), generator=generator)
    matrix = Hierarchy.from_tree(uneven.heights.double(), 6)
    assert torch.equal(matrix.heights, uneven.heights)
    assert float(mean_height(logits, labels, matrix)) == float(mean_height(logits, labels, uneven))
    with pytest.raises(ValueError, match="a matrix of heights does not tell how deep a class is"):
        hierarchical_f(logits, labels, matrix)


def test_groups_by_level(uneven):
    assert uneven.groups(0).tolist() == [0, 1, 2, 3, 4, 5]
    assert uneven.groups(1).tolist() == [0, 0, 1, 1, 2, 3]
    assert uneven.groups(2).tolist() == [0, 0, 0, 0, 0, 1]
    assert uneven.groups(3).tolist() == [0] * 6
    with pytest.raises(ValueError, match=r"the level must lie in 0\.\.3, got 4"):
        uneven.groups(4)


def test_distances_that_make_no_tree_have_no_groups():
    line = (torch.arange(4.0)[:, None] - torch.arange(4.0)).abs()
    with pytest.raises(ValueError, match="at level 1 a class is near two classes that are not near each other"):
        Hierarchy.from_tree(line, 4).groups(1)


def test_wrong_trees_are_named():
    with pytest.raises(ValueError, match="missing: 2"):
        Hierarchy.from_tree([[0, 1], [3]], 4)
    with pytest.raises(ValueError, match=r"the largest height is 2\.5; expected whole numbers up to 127"):
        Hierarchy.from_tree(torch.tensor([[0, 2.5], [2.5, 0]]), 2)
    with pytest.raises(ValueError, match="the largest height is 128"):
        Hierarchy.from_tree(torch.tensor([[0, 128.0], [128.0, 0]]), 2)
    with pytest.raises(ValueError, match="there must be at least 2 classes, got 1"):
        Hierarchy.from_tree([[0]], 1)


def test_a_chain_of_127_edges_is_still_exact():
    tree: list[object] = [0, 1]
    for _ in range(125):
        tree = [tree]
    found = Hierarchy.from_tree([tree, 2], 3)
    assert found.height == 127
    assert float(mean_height(torch.eye(3)[[2] * 300], torch.zeros(300, dtype=torch.int64), found)) == 127
