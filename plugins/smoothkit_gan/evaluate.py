"""What is measured of a trained GAN: its samples, and how the game stands."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from smoothkit.run import Run
from smoothkit.scenario import Better, Result
from smoothkit.seeding import derived_generator
from smoothkit_gan.config import GanConfig
from smoothkit_gan.diagnostics import distance_to_optimum
from smoothkit_gan.image_evaluation import image_constants, image_note, image_results, inception_results
from smoothkit_gan.metrics.modes import kl_floor, perfect_share
from smoothkit_gan.pictures import pictures
from smoothkit_gan.progress import knows_optimum, quality, state_of_game
from smoothkit_gan.quantities import kind_of
from smoothkit_gan.sampling import JUDGED, draw, generator_of
from smoothkit_gan.trained import Trained

BETTER: dict[str, Better] = {"modes_20": "higher", "equilibrium_gap": "lower", "d_error": "lower"}


def evaluate(config: GanConfig, run: Run, trained: Trained) -> Result:
    """The quality of samples of the generator that is asked for, and of the other one with the suffix `_last` or
    `_average`; the state of the game; what perfect samples, and trivial ones, would come to."""
    parts, end = trained.parts, config.train.steps
    chosen = generator_of(config, trained)
    samples = draw(config, run, chosen, config.evaluate.samples, "samples")
    found = measured(config, run, trained, samples)
    scalars = {**found.scalars, **constants(config, run, trained)}
    if parts.mixture is None:
        run.note(image_note(config.evaluate, parts, run.seed))
        scalars |= inception_results(config.evaluate, parts, samples, run.seed).scalars
    if (other := _other(trained, chosen)) is not None:
        suffix, generator = other
        others = measured(config, run, trained, draw(config, run, generator, len(samples), "samples")).scalars
        scalars |= {f"{name}_{suffix}": value for name, value in others.items()}
    scalars |= state_of_game(config, run, end, trained)
    if trained.levels is not None:
        scalars["d_equilibrium"] = trained.levels.equilibrium
    quantities = kind_of(scalars).quantities
    better: dict[str, Better] = {**{each.name: each.better for each in quantities if each.better}, **BETTER}
    headline = (*(each.name for each in quantities), "equilibrium_gap")
    return Result(
        scalars=scalars,
        better={name: direction for name, direction in better.items() if name in scalars},
        figures=pictures(config, run, end, trained),
        headline=tuple(name for name in headline if name in scalars),
        intervals=found.intervals,
    )


def measured(config: GanConfig, run: Run, trained: Trained, samples: Float[Tensor, "samples ..."]) -> Result:
    """The quality of samples, by the kind of data."""
    if trained.parts.mixture is not None:
        return Result(scalars=quality(trained, samples))
    return image_results(config.evaluate, trained.parts, samples, run.seed)


def constants(config: GanConfig, run: Run, trained: Trained) -> Mapping[str, float]:
    """What the numbers are to be read beside: of perfect samples, floors and baselines."""
    mixture = trained.parts.mixture
    if mixture is None:
        return image_constants(config.evaluate, trained.parts, run.seed)
    perfect = {
        "modes_perfect": float(mixture.modes),
        "high_quality_perfect": perfect_share(mixture),
        "spread_perfect": 1.0,
        "reverse_kl_floor": kl_floor(round(perfect_share(mixture) * config.evaluate.samples), mixture.modes),
    }
    return {**perfect, **({"d_error_floor": error_floor(run, trained)} if knows_optimum(config, trained) else {})}


def error_floor(run: Run, trained: Trained) -> float:
    """What `d_error` comes to for perfect samples and an optimal discriminator, which says the same of everything."""
    assert trained.levels is not None
    assert trained.parts.mixture is not None
    source = derived_generator(run.seed, "gan perfect samples")
    real, fakes = (trained.parts.mixture.sample(source, JUDGED)[0] for _ in range(2))
    says = torch.full((2 * JUDGED,), trained.levels.equilibrium)
    return distance_to_optimum(trained.levels, trained.parts.mixture, real, fakes, says)


def _other(trained: Trained, chosen: nn.Module) -> tuple[str, nn.Module] | None:
    """The generator that the headline is not of, and how its numbers are called; None if there is but one."""
    if trained.average is None:
        return None
    return ("last", trained.generator) if chosen is trained.average else ("average", trained.average)
