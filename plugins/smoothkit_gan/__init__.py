"""Generative adversarial networks: what smoothed labels of a discriminator do, measured honestly."""

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

smoothkit_api = 1


@hookimpl
def smoothkit_scenarios(register: Register) -> None:
    """One scenario that trains, and one that checks what is said of smoothed discriminators."""
    register("gan", "smoothkit_gan.config:SCENARIO")
    register("gan-truths", "smoothkit_gan.truths.config:SCENARIO")


@hookimpl
def smoothkit_datasets(register: Register) -> None:
    """Densities that are known, and stacked digits."""
    for name in ("ring", "grid", "far-start"):
        register(name, f"smoothkit_gan.data.mixtures:{name.replace('-', '_')}")
    register("stacked-digits", "smoothkit_gan.data.stacked:stacked_digits")


@hookimpl
def smoothkit_targets(register: Register) -> None:
    """What other libraries mean by the number that they call label smoothing."""
    register("torchgan", "smoothkit_gan.conventions:TorchGAN")
    register("tf-gan", "smoothkit_gan.conventions:TFGAN")
    register("keras-binary", "smoothkit_gan.conventions:KerasBinary")
