"""What other libraries mean by the number that they call label smoothing of a discriminator: a, three times.

| a = 0.1 in | real target | fake target |
|---|---|---|
| torchgan | 0.9 | 0 |
| TF-GAN | 0.95 | 0 |
| tf.keras BinaryCrossentropy | 0.95 | 0.05 |
"""

from smoothkit.targets import Binary
from smoothkit.targets.base import Fraction, WeightMode


class _Renamed(Binary):
    """A binary target whose levels follow from one number of another library."""

    def __init__(
        self,
        num_classes: int = 2,
        label_smoothing: Fraction = 0.1,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, 1.0, 0.0, ignore_index=ignore_index, weight_mode=weight_mode)
        self.label_smoothing = label_smoothing
        self.check_options()

    def levels(self, label_smoothing: float) -> tuple[float, float]:
        """The target probability of "real" for real samples and for fakes."""
        raise NotImplementedError

    def check_options(self) -> None:
        """As for a binary target, whose levels follow the number whenever it changes."""
        # The constructor of the base class checks its own options before the number is known.
        if hasattr(self, "label_smoothing"):
            self.real, self.fake = self.levels(self.label_smoothing)
        super().check_options()


class TorchGAN(_Renamed):
    """torchgan's label smoothing of a discriminator: the real label is 1 - a, that of fakes stays 0.

    t(real sample) = (a, 1 - a),  t(fake sample) = (1, 0),  as probabilities of ("fake", "real")

    label_smoothing  a in [0, 1), as given to torchgan's MinimaxDiscriminatorLoss; Salimans et al. 2016 mean the same

    The same as Binary(real=1 - a).

    Source: torchgan/losses/minimax.py, whose real target is 1 - label_smoothing.

    >>> TorchGAN(label_smoothing=0.1).matrix()
    tensor([[1.0000, 0.0000],
            [0.1000, 0.9000]])
    """

    def levels(self, label_smoothing: float) -> tuple[float, float]:
        """1 - a, 0."""
        return 1 - label_smoothing, 0.0


class TFGAN(_Renamed):
    """TF-GAN's label smoothing of a discriminator: the real label is 1 - a/2, that of fakes stays 0.

    t(real sample) = (a/2, 1 - a/2),  t(fake sample) = (1, 0),  as probabilities of ("fake", "real")

    label_smoothing  a in [0, 1]; TF-GAN's default 0.25 is a real label of 0.875

    TensorFlow's sigmoid cross-entropy takes a label the share a of the way to 1/2, and TF-GAN smooths the real term
    alone. The same as Binary(real=1 - a/2).

    Source: tensorflow_gan/python/losses/losses_impl.py, minimax_discriminator_loss.

    >>> TFGAN().matrix()
    tensor([[1.0000, 0.0000],
            [0.1250, 0.8750]])
    """

    def __init__(
        self,
        num_classes: int = 2,
        label_smoothing: Fraction = 0.25,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, label_smoothing, ignore_index=ignore_index, weight_mode=weight_mode)

    def levels(self, label_smoothing: float) -> tuple[float, float]:
        """1 - a/2, 0."""
        return 1 - label_smoothing / 2, 0.0


class KerasBinary(_Renamed):
    """Keras' label smoothing of a binary loss: both labels go the share a of the way to 1/2.

    t(real sample) = (a/2, 1 - a/2),  t(fake sample) = (1 - a/2, a/2),  as probabilities of ("fake", "real")

    label_smoothing  a in [0, 1), as given to keras.losses.BinaryCrossentropy

    Used for a discriminator it smooths fakes too, which takes the generator's gradient away where data are rare. The
    same as Binary(real=1 - a/2, fake=a/2), and as 'ls' with alpha = a.

    Source: keras/src/losses/losses.py, binary_crossentropy: y (1 - a) + a/2.

    >>> KerasBinary(label_smoothing=0.2).matrix()
    tensor([[0.9000, 0.1000],
            [0.1000, 0.9000]])
    """

    def levels(self, label_smoothing: float) -> tuple[float, float]:
        """1 - a/2, a/2."""
        return 1 - label_smoothing / 2, label_smoothing / 2
