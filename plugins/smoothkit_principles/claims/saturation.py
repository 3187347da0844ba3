"""Whether smoothing keeps units out of saturation, and what of the gradient gets through depth."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.data import Dataset
from smoothkit.data.feed import evaluation_batches
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import Target
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import train_network

ALPHA = 0.1
HIDDEN = (64, 64, 64)
BEYOND = 0.95
"""How far out a saturated unit is, its range being -1 to 1; also the top probability of a saturated output."""
EARLY = 2
"""Epochs of the short training that shows the state early on; its learning rate falls to 0 within them."""
MORE = 1.05
"""A share that is larger by less than 5 % is no help against vanishing gradients."""
UNITS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
LR_FACTOR = {"sigmoid": 8.0, "tanh": 1.0}
"""Of the learning rate: weights of sigmoid networks are 2 to 4 times those of tanh, and move as much more slowly."""
LAYERS = tuple(range(1, len(HIDDEN) + 1))
PLACES = tuple(f"{unit} layer {layer}" for unit in UNITS for layer in LAYERS)
STATES = ("early", "late")


@dataclass(frozen=True, kw_only=True)
class Depth:
    """What a network looks like inside on the training samples; lists go from the first hidden layer to the last."""

    saturated: list[float]
    """Share of units, over units and samples, that are beyond 0.95 of their range."""
    gradient: list[float]
    """Mean over samples of the norm of the loss's gradient with respect to the layer's output."""
    output: float
    """Share of samples whose top probability is above 0.95."""

    def passed(self) -> float:
        """The gradient at the first hidden layer in units of that at the last."""
        return self.gradient[0] / self.gradient[-1]


def deep_network(unit: str, lab: Lab) -> nn.Sequential:
    """An untrained network; with either unit it starts as the same function, Glorot's network of tanh units.

    sigmoid(2 x) is (1 + tanh(x))/2. So weights before sigmoids are twice those before tanh, weights behind them twice
    again, and biases take off what the 1/2 adds.
    """
    modules: list[nn.Module] = [nn.Flatten()]
    width = lab.data.in_channels * lab.data.image_size**2
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(lab.seed)
        for layer, next_width in enumerate((*HIDDEN, lab.data.num_classes)):
            linear = nn.Linear(width, next_width)
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
            last = layer == len(HIDDEN)
            if unit == "sigmoid":
                linear.weight.mul_((1 if last else 2) * (2 if layer else 1))
                if layer:
                    linear.bias.copy_(-linear.weight.sum(dim=1) / 2)
            modules += [linear] if last else [linear, UNITS[unit]()]
            width = next_width
    return nn.Sequential(*modules)


def look_inside(model: nn.Module, target: Target, data: Dataset) -> Depth:
    """Saturation and gradients on all training samples at once."""
    (batch,) = evaluation_batches(data.train, mean=data.mean, std=data.std, batch_size=len(data.train))
    reached, layers = batch.images, []
    for module in model.children():
        reached = module(reached)
        if isinstance(module, tuple(UNITS.values())):
            reached.retain_grad()
            layers.append((out_of_centre(module, reached.detach()), reached))
    target(reached, batch.labels, reduction="sum").backward()
    return Depth(
        saturated=[(out > BEYOND).double().mean().item() for out, _ in layers],
        gradient=[layer.grad.norm(dim=1).mean().item() for _, layer in layers],
        output=(reached.softmax(dim=1).amax(dim=1) > BEYOND).double().mean().item(),
    )


def out_of_centre(module: nn.Module, activation: torch.Tensor) -> torch.Tensor:
    """How far from the middle of its range each unit is, 0 to 1."""
    return (2 * activation - 1 if isinstance(module, nn.Sigmoid) else activation).abs()


def depths(unit: str, lab: Lab) -> dict[tuple[str, str], Depth]:
    """Networks of one kind of unit, by target and state: after a short training and after a whole one."""
    targets = {"one-hot": lab.target("onehot"), "smoothed": lab.target("ls", alpha=ALPHA, convention="all")}
    lr = LR_FACTOR[unit] * lab.config.lr
    found = {}
    for state, epochs in (("early", EARLY), ("late", lab.config.epochs)):
        config = lab.config.model_copy(update={"epochs": min(epochs, lab.config.epochs), "lr": lr})
        for name, target in targets.items():
            model = train_network(deep_network(unit, lab), target, lab.data, config, lab.seed, lab.device).model
            found[name, state] = look_inside(model.cpu(), target.to("cpu"), lab.data)
    return found


def compared(smooth: Mapping[str, Depth], plain: Mapping[str, Depth], unit: str) -> dict[str, float]:
    """What each statement is about, by `place`, from networks by state."""
    early, late = ((smooth[state], plain[state]) for state in STATES)
    values = {
        place("output", unit): late[0].output - late[1].output,
        place("gradient-early", unit): early[0].gradient[0] / early[1].gradient[0],
        place("gradient-late", unit): late[0].gradient[0] / late[1].gradient[0],
    }
    for state, (with_it, without) in zip(STATES, (early, late), strict=True):
        values[place("depth", f"{unit} {state}")] = with_it.passed() / without.passed()
        for layer, own, other in zip(LAYERS, with_it.saturated, without.saturated, strict=True):
            values[place(f"hidden-{state}", f"{unit} layer {layer}")] = own - other
    return values


def measure(lab: Lab) -> Evidence:
    """Saturated shares and gradients, layer by layer, with smoothing less those without."""
    values, figures = {}, {}
    for unit in UNITS:
        found = depths(unit, lab)
        smooth, plain = ({state: found[name, state] for state in STATES} for name in ("smoothed", "one-hot"))
        values |= compared(smooth, plain, unit)
        figures |= figures_of(unit, found)
    return Evidence(values=values, figures=figures)


def figures_of(unit: str, found: Mapping[tuple[str, str], Depth]) -> dict[str, CurvesFigure]:
    """Saturation and gradient against depth."""
    curves = {f"{name}, {state}": depth for (name, state), depth in found.items()}
    layers = {name: tuple(map(float, LAYERS)) for name in curves}
    return {
        f"{unit}-saturated": CurvesFigure(
            title=f"Saturated {unit} units (digits, smoothing {ALPHA})",
            x_label="hidden layer",
            y_label=f"share of units beyond {BEYOND} of their range",
            x=layers,
            y={name: tuple(depth.saturated) for name, depth in curves.items()},
        ),
        f"{unit}-gradient": CurvesFigure(
            title=f"Gradient through {unit} layers (digits, smoothing {ALPHA})",
            x_label="hidden layer",
            y_label="gradient norm, per unit of activation",
            x=layers,
            y={name: tuple(depth.gradient) for name, depth in curves.items()},
        ),
    }


CLAIM = Claim(
    name="saturation",
    title="Saturation and depth",
    source="measured: networks of three hidden layers on digits, a unit being saturated beyond 0.95 of its range",
    statements=(
        Statement(
            key="output",
            text="Smoothing keeps the output from saturating: fewer training samples end above a probability of 0.95.",
            cases=cases(UNITS, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="hidden-late",
            text="Smoothing keeps hidden units out of saturation: after training fewer are saturated.",
            cases=cases(PLACES, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="hidden-early",
            text=f"It does so from the start: fewer are saturated after {EARLY} epochs.",
            cases=cases(PLACES, "below", 0.0),
            of_training=True,
        ),
        Statement(
            key="gradient-early",
            text=f"After {EARLY} epochs the gradient at the first hidden layer is smaller with smoothing.",
            cases=cases(UNITS, "below", 1.0),
            of_training=True,
        ),
        Statement(
            key="gradient-late",
            text="After training it is larger.",
            cases=cases(UNITS, "above", 1.0),
            of_training=True,
        ),
        Statement(
            key="depth",
            text="Smoothing helps gradients through depth: over 5 % more of the last layer's reaches the first.",
            cases=tuple(
                Case(key=f"{unit} {state}", relation="above", expected=MORE) for unit in UNITS for state in STATES
            ),
            of_training=True,
        ),
    ),
    measure=measure,
)
