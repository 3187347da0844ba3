"""Overrides of the small game that several tests share."""

BINARY = ("target.name=binary", "target.real=0.9")

EVERYTHING = (
    *(*BINARY, "train.discriminator_steps=2", "train.r1=0.1", "train.r2=0.1", "train.gradient_penalty=0.1"),
    *("train.instance_noise=0.1", "discriminator.spectral_norm=true", "discriminator.packing=2"),
    *("generator.fourier=4", "discriminator.fourier=4"),
)
