"""The pictures of a run: samples over the true density with what the discriminator says, samples and images over time,
histograms of D."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.report.figures import Figure
from smoothkit.run import Run
from smoothkit_gan.config import GanConfig
from smoothkit_gan.data.mixtures import Mixture
from smoothkit_gan.figures.histogram import HistogramFigure
from smoothkit_gan.figures.images import MOST_IMAGES, ImagesFigure
from smoothkit_gan.figures.moments import MomentsFigure
from smoothkit_gan.figures.samples import MOST_POINTS, SamplesFigure
from smoothkit_gan.losses import chances
from smoothkit_gan.sampling import draw, generator_of, judged, logits_of
from smoothkit_gan.snapshots import picturable, picture_samples
from smoothkit_gan.trained import Trained


def pictures(config: GanConfig, run: Run, step: int, trained: Trained) -> dict[str, Figure]:
    """What can be drawn after `step` of the generator that is asked for, and of the discriminator."""
    drawn: dict[str, Figure] = {}
    mixture = trained.parts.mixture
    if mixture is not None and mixture.dims == 2:
        drawn["samples"] = samples_figure(config, run, trained, mixture)
        if trained.earlier:
            drawn["samples_over_time"] = MomentsFigure.of(
                "Samples of the same latent vectors", moments(config, run, step, trained), mixture
            )
    elif mixture is None and trained.parts.shape[0] in (1, 3):
        real = trained.parts.batch(trained.parts.reference_rows[:MOST_IMAGES]).cpu()
        grids = {"real": picturable(trained.parts, real), **moments(config, run, step, trained)}
        drawn["images"] = ImagesFigure.of("Images of the same latent vectors, and real ones", grids)
    if (histogram := histogram_figure(config, run, trained)) is not None:
        drawn["discriminator"] = histogram
    return drawn


def moments(config: GanConfig, run: Run, step: int, trained: Trained) -> dict[str, Tensor]:
    """Samples of the same latent vectors, earlier and now, by what stands above them."""
    found = {**trained.earlier, step: picture_samples(config, run, trained)}
    return {f"step {at:,}": samples for at, samples in found.items()}


def samples_figure(config: GanConfig, run: Run, trained: Trained, mixture: Mixture) -> SamplesFigure:
    """Samples in the plane over the density; with D, where it is a probability of single samples."""
    levels, loss = trained.levels, config.train.loss
    single = config.discriminator.packing == 1 and chances(loss, torch.zeros(1, 1)) is not None

    def judge(places: Float[Tensor, "places 2"]) -> Float[Tensor, " places"]:
        says = chances(loss, logits_of(run, trained, trained.parts.to_model(places), packing=1))
        assert says is not None, "only probabilities are drawn"
        return says

    return SamplesFigure.of(
        "Samples and what the discriminator says" if single else "Samples",
        trained.parts.from_model(draw(config, run, generator_of(config, trained), MOST_POINTS, "samples")),
        mixture,
        judge=judge if single else None,
        real=levels.real if levels else None,
        equilibrium=levels.equilibrium if levels else None,
    )


def histogram_figure(config: GanConfig, run: Run, trained: Trained) -> HistogramFigure | None:
    """D on real samples and on fakes of the last generator; None if it is no probability."""
    packing, loss = config.discriminator.packing, config.train.loss
    real, fake = (chances(loss, logits_of(run, trained, side, packing)) for side in judged(config, run, trained))
    if trained.levels is None or real is None or fake is None:
        return None
    marks = {"ceiling": trained.levels.real, "equilibrium": trained.levels.equilibrium}
    return HistogramFigure.of("What the discriminator says", real, fake, "D", marks=marks)
