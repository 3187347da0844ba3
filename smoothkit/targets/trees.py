"""Class hierarchies, and how far apart they put two classes.

A hierarchy is given in one of three forms. All of them become a :class:`Tree` or, where they say it already, the
distances themselves.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float, Float64
from pydantic import InstanceOf
from pydantic.json_schema import SkipJsonSchema
from torch import Tensor

TreeLike = Mapping[str, Any] | Sequence[Any] | SkipJsonSchema[InstanceOf[Tensor]]
"""Nested tables and lists with classes as leaves, a list of parents, or a matrix of distances."""

Distance = Literal["height", "path"]

ROOT = -1
"""The parent of the root."""

ROUNDING = 1e-6
"""How far, as a share of the largest distance, d(i, j) may be from d(j, i) in a matrix computed somewhere else."""


class Tree(NamedTuple):
    """The parent of each node, classes first and in order; what messages call the nodes."""

    parents: list[int]
    names: list[str]


def class_distances(
    tree: TreeLike, num_classes: int, classes: Sequence[str] | None = None, distance: Distance = "height"
) -> Float[Tensor, "classes classes"]:
    """How far apart the classes are, in float64 on the CPU; ValueError that names the node where the tree is wrong.

    >>> class_distances({"animal": {"pet": ["cat", "dog"], "wild": ["fox"]}, "vehicle": ["car"]}, 4)
    tensor([[0., 1., 2., 3.],
            [1., 0., 2., 3.],
            [2., 2., 0., 3.],
            [3., 3., 3., 0.]], dtype=torch.float64)
    """
    found = read_tree(tree, num_classes, classes)
    if isinstance(found, Tree):
        return tree_distances(found, num_classes, distance)
    if distance != "height":
        raise ValueError("tree is a matrix of distances; leave out distance and classes, which say how to read one")
    return found


def read_tree(
    tree: TreeLike, num_classes: int, classes: Sequence[str] | None = None
) -> Tree | Float64[Tensor, "classes classes"]:
    """The tree, or the matrix of distances that was given for one; ValueError that names the node where it is wrong."""
    if isinstance(tree, str) or not isinstance(tree, Mapping | Sequence | Tensor):
        raise ValueError(f"tree is {tree!r}; expected tables and lists, a list of parents, or a matrix of distances")
    if isinstance(tree, Tensor) or _is_matrix(tree, num_classes):
        if classes is not None:
            raise ValueError("tree is a matrix of distances; leave out distance and classes, which say how to read one")
        return _checked_distances(torch.as_tensor(tree, dtype=torch.float64, device="cpu").detach(), num_classes)
    if not isinstance(tree, Mapping) and tree and all(map(_is_integer, tree)):
        if classes is not None:
            raise ValueError("tree is a list of parents, which numbers the classes; leave out classes")
        return _tree_of_parents(tree, num_classes)
    return _tree_of_tables(tree, num_classes, classes)


def common_depths(tree: Tree, num_classes: int) -> Float64[Tensor, "classes classes"]:
    """How many edges the lowest common ancestors of the classes are below the root, on the diagonal the classes."""
    own = torch.tensor(_depths(tree.parents)[:num_classes], dtype=torch.float64, device="cpu")
    # The way from one class to another goes up to the lowest common ancestor and down again.
    return (own.unsqueeze(1) + own - tree_distances(tree, num_classes, "path")) / 2


def tree_distances(tree: Tree, num_classes: int, distance: Distance) -> Float[Tensor, "classes classes"]:
    """The distances between the classes of a tree without faults.

    Going down from the root, each node writes its value into the block of all pairs of classes under it; nodes further
    down overwrite it, so that the lowest common ancestor has the last word.
    """
    depths, heights = _depths(tree.parents), [0] * len(tree.parents)
    under: list[list[int]] = [[node] if node < num_classes else [] for node in range(len(tree.parents))]
    downwards = sorted(range(len(tree.parents)), key=depths.__getitem__)
    for node in reversed(downwards[1:]):
        parent = tree.parents[node]
        heights[parent] = max(heights[parent], heights[node] + 1)
        under[parent] += under[node]
    common = torch.zeros(num_classes, num_classes, dtype=torch.float64, device="cpu")
    for node in downwards:
        classes = torch.tensor(under[node], dtype=torch.int64, device="cpu")
        common[classes.unsqueeze(1), classes] = float(heights[node] if distance == "height" else depths[node])
    if distance == "height":
        return common
    own = torch.tensor(depths[:num_classes], dtype=torch.float64, device="cpu")
    return own.unsqueeze(1) + own - 2 * common


def _depths(parents: list[int]) -> list[int]:
    """How many edges each node is below the root."""
    depths = [-1] * len(parents)
    for node in range(len(parents)):
        way = []
        while node != ROOT and depths[node] < 0:
            way.append(node)
            node = parents[node]
        above = -1 if node == ROOT else depths[node]
        for steps, passed in enumerate(reversed(way), start=1):
            depths[passed] = above + steps
    return depths


def _tree_of_parents(parents: Sequence[Any], num_classes: int) -> Tree:
    """A list of parents as a tree, or a ValueError that names the first wrong node."""
    if len(parents) <= num_classes:
        raise ValueError(
            f"tree is a list of {len(parents)} parents; expected one for each of the {num_classes} classes and then "
            "one for each inner node, -1 for the root"
        )
    roots = [node for node, parent in enumerate(parents) if parent == ROOT]
    if len(roots) != 1:
        raise ValueError(f"tree has {len(roots)} roots, nodes {roots}; expected exactly one node with the parent -1")
    for node, parent in enumerate(parents):
        if node != roots[0] and not num_classes <= parent < len(parents):
            why = "a class, which has no children" if 0 <= parent < num_classes else "not there"
            raise ValueError(
                f"tree: node {node} has the parent {parent}, which is {why}; expected an inner node, "
                f"{num_classes} to {len(parents) - 1}"
            )
    fathers = set(parents)
    for node in range(len(parents)):
        if node >= num_classes and node not in fathers:
            raise ValueError(f"tree: inner node {node} has no class under it; remove it")
        met, above = set(), node
        while above != ROOT:
            if above in met:
                raise ValueError(f"tree: node {above} is its own ancestor; expected parents that lead to the root")
            met.add(above)
            above = parents[above]
    return Tree(list(parents), [f"node {node}" for node in range(len(parents))])


def _tree_of_tables(tree: Any, num_classes: int, classes: Sequence[str] | None) -> Tree:
    """Nested tables and lists as a tree, or a ValueError that names the first wrong node."""
    parents, names, leaves = _nodes(tree, num_classes)
    numbers = _numbering([leaf for leaf, _, _ in leaves], num_classes, classes)
    places: dict[int, str] = {}
    for leaf, parent, place in leaves:
        number = _number(leaf, place, numbers, num_classes)
        if number in places:
            raise ValueError(f"tree: class {leaf!r} stands at {places[number]} and again at {place}; expected it once")
        places[number] = place
        parents[number] = parent
        names[number] = place
    missing = [number for number in range(num_classes) if number not in places]
    if missing:
        called = {number: name for name, number in numbers.items()}
        shown = ", ".join(repr(called.get(number, number)) for number in missing[:5])
        raise ValueError(
            f"tree holds {len(places)} of the {num_classes} classes; missing: {shown}{' ...' * (len(missing) > 5)}"
        )
    return Tree(parents, names)


Leaf = tuple[str | int, int, str]
"""A class by name or number, the node above it, and where it stands."""


def _nodes(tree: Any, num_classes: int) -> tuple[list[int], list[str], list[Leaf]]:
    """Parents and names of the inner nodes, behind room for the classes, and the leaves in order of appearance."""
    parents, names, leaves = [ROOT] * num_classes, [""] * num_classes, []
    waiting: list[tuple[Any, int, str]] = [(tree, ROOT, "tree")]
    while waiting:
        node, parent, place = waiting.pop()
        if isinstance(node, str) or _is_integer(node):
            leaves.append((node, parent, place))
            continue
        if not isinstance(node, Mapping | Sequence):
            raise ValueError(f"{place} is {node!r}; expected a class (its name or number), a table or a list")
        if len(node) == 0:
            raise ValueError(f"{place} has no class under it; remove it or fill it")
        parents.append(parent)
        names.append(place)
        children = node.items() if isinstance(node, Mapping) else enumerate(node)
        inside = [(child, len(parents) - 1, f"{place}.{key}") for key, child in children]
        waiting += reversed(inside)
    return parents, names, leaves


def _numbering(leaves: list[str | int], num_classes: int, classes: Sequence[str] | None) -> dict[str, int]:
    """The number of each class that a leaf may name."""
    if classes is None:
        words = list(dict.fromkeys(leaf for leaf in leaves if isinstance(leaf, str)))
        if words and len(words) < len(set(leaves)):
            raise ValueError(f"tree names {words[0]!r} and numbers others; give classes, the name of each number")
        if len(words) > num_classes:
            raise ValueError(f"tree names {len(words)} classes; num_classes is {num_classes}")
        return {word: number for number, word in enumerate(words)}
    if len(classes) != num_classes:
        raise ValueError(f"classes holds {len(classes)} names; expected {num_classes}, one for each class")
    numbers = {name: number for number, name in enumerate(classes)}
    for number, name in enumerate(classes):
        if numbers[name] != number:
            raise ValueError(f"classes holds {name!r} twice; expected each class once")
    return numbers


def _number(leaf: str | int, place: str, numbers: dict[str, int], num_classes: int) -> int:
    if isinstance(leaf, str):
        if leaf not in numbers:
            close = get_close_matches(leaf, numbers, n=1)
            mend = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(map(repr, numbers))}"
            raise ValueError(f"{place} is {leaf!r}, which is not in classes; {mend}")
        return numbers[leaf]
    if not 0 <= leaf < num_classes:
        raise ValueError(f"{place} is {leaf}; expected a class from 0 to {num_classes - 1}")
    return leaf


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_matrix(tree: Any, num_classes: int) -> bool:
    """Whether these are K rows of K numbers: lists of classes would name each class K times."""
    return (
        isinstance(tree, Sequence)
        and len(tree) == num_classes
        and all(isinstance(row, Sequence) and len(row) == num_classes for row in tree)
        and all(isinstance(value, int | float) for row in tree for value in row)
    )


def _checked_distances(distances: Float[Tensor, "_ _"], num_classes: int) -> Float[Tensor, "classes classes"]:
    """The distances themselves, or a ValueError that names the first wrong pair."""
    if distances.shape != (num_classes, num_classes):
        raise ValueError(f"tree has shape {tuple(distances.shape)}; expected {num_classes} x {num_classes} distances")
    largest = distances.max()
    wrong = ~distances.isfinite() | (distances <= 0)
    wrong.fill_diagonal_(False)
    faults = (
        (distances.diagonal().diag() != 0, "a class is at distance 0 from itself"),
        (wrong, "two classes are at a finite distance above 0"),
        ((distances - distances.T).abs() > ROUNDING * largest, "expected the same both ways"),
    )
    for places, rule in faults:
        if bool(places.any()):
            i, j = places.nonzero()[0].tolist()
            there = f"tree: the distance of classes {i} and {j} is {distances[i, j].item():g}"
            back = f", that of {j} and {i} {distances[j, i].item():g}" if i != j else ""
            raise ValueError(f"{there}{back}; {rule}")
    return (distances + distances.T) / 2
