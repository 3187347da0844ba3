"""One run's part of what several share: cut out and put together again, nothing is lost and nothing is mixed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from smoothkit.distributed import Group
from smoothkit.members import Member, joined, sliced, tensors_in

MEMBERS = 3
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool)


def tensor(shape, dtype, start):
    size = torch.Size(shape).numel()
    return (torch.arange(start, start + size) % 7).reshape(shape).to(dtype)


leaves = st.one_of(
    st.builds(
        tensor,
        st.lists(st.integers(0, 3), max_size=3).map(lambda shape: (MEMBERS, *shape)),
        st.sampled_from(DTYPES),
        st.integers(0, 9),
    ),
    st.builds(tensor, st.just(()), st.sampled_from(DTYPES), st.integers(0, 9)),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_subnormal=False),
    st.text(max_size=3),
)
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(0, 5)), inner, max_size=3),
    ),
    max_leaves=12,
)


def same(one, other):
    """Whether two states are the same to the last bit, type and key."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(states)
def test_the_slices_joined_are_the_whole(state):
    assert same(joined([sliced(state, index) for index in range(MEMBERS)]), state)


@given(states, st.integers(0, MEMBERS - 1))
def test_a_member_alone_is_its_own_whole(state, index):
    own = sliced(state, index)
    assert same(sliced(own, 0), own)
    assert same(joined([own]), own)
    assert all(len(each) == 1 for each in tensors_in(own) if each.dim())


@given(states)
def test_a_slice_keeps_nothing_of_the_whole_alive(state):
    """A view would write all members into every checkpoint."""
    for each in tensors_in(sliced(state, 1)):
        assert each.untyped_storage().nbytes() == each.numel() * each.element_size()
        assert all(each is not whole for whole in tensors_in(state))


class Stack(nn.Module):
    """Linear maps side by side, and what they have seen."""

    mean: torch.Tensor
    count: torch.Tensor

    def __init__(self, members):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weight = nn.Parameter(torch.randn(MEMBERS, 4, 2, generator=generator)[:members].clone())
        self.bias = nn.Parameter(torch.zeros(members, 2))
        self.register_buffer("mean", torch.zeros(members, 2))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, inputs):
        return torch.baddbmm(self.bias[:, None], inputs, self.weight)


def fitted(steps, members, model=None, optimizer=None, which=slice(None), start=0):
    """A stack after some steps of Adam on the data of the members `which`."""
    model = model or Stack(members)
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=0.1, amsgrad=True)
    for step in range(start, start + steps):
        inputs = torch.randn(MEMBERS, 6, 4, generator=torch.Generator().manual_seed(step))[which]
        optimizer.zero_grad()
        model(inputs).square().mean(dim=(1, 2)).sum().backward()
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("parts", [[[0], [1], [2]], [[0, 1], [2]], [[2], [0, 1]], [[0, 1, 2]]])
def test_members_go_on_alone_or_in_parts_as_in_the_whole(parts):
    """Weights and both moments of Adam, cut out after four steps, come to the same after three more."""
    model, optimizer = fitted(4, MEMBERS)
    whole, _ = fitted(7, MEMBERS)
    for part in parts:
        own = Stack(len(part))
        own_optimizer = torch.optim.AdamW(own.parameters(), lr=0.1, amsgrad=True)
        for thing, source in ((own, model), (own_optimizer, optimizer)):
            thing.load_state_dict(joined([Member(source, index).state_dict() for index in part]))
        fitted(3, len(part), own, own_optimizer, part, start=4)
        torch.testing.assert_close(own.weight, whole.weight[part], rtol=1e-5, atol=1e-6)
        assert {int(state["step"]) for state in own_optimizer.state.values()} == {7}


def test_a_member_shows_its_own_weights_and_buffers():
    model, optimizer = fitted(1, MEMBERS)
    member = Member(model, 1)
    assert [tuple(each.shape) for each in member.parameters()] == [(4, 2), (2,)]
    assert torch.equal(next(member.parameters()), model.weight[1])
    assert [tuple(each.shape) for each in member.buffers()] == [(2,), ()]
    assert list(Member(optimizer, 1).parameters()) == list(Member(optimizer, 1).buffers()) == []


def test_what_processes_average_of_a_member_reaches_the_whole(monkeypatch):
    model = Stack(MEMBERS)
    model.mean += torch.arange(3.0)[:, None]
    monkeypatch.setattr("torch.distributed.all_reduce", lambda flat, op=None: flat.add_(2) if op is None else flat)
    Group(size=2).average(buffer for buffer in Member(model, 1).buffers() if buffer.is_floating_point())
    assert model.mean.tolist() == [[0, 0], [1.5, 1.5], [2, 2]]


def test_one_member_cannot_be_loaded():
    with pytest.raises(NotImplementedError, match=r"`Runs\.track` loads all of them"):
        Member(Stack(2), 0).load_state_dict({})
