"""What is measured of a generator of images or of stacks; judges are made once for each run and kept."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from jaxtyping import Float32
from torch import Tensor

from smoothkit.scenario import Result
from smoothkit_gan.config import EvaluateConfig
from smoothkit_gan.data.parts import Parts
from smoothkit_gan.image_judge import ImageJudge, compared_images, make_image_judge
from smoothkit_gan.metrics.inception import inception_distance
from smoothkit_gan.stack_judge import StackJudge, make_stack_judge

Samples = Float32[Tensor, "samples ..."]

_JUDGES: WeakKeyDictionary[Parts, dict[tuple[EvaluateConfig, int], ImageJudge | StackJudge]] = WeakKeyDictionary()


def image_results(config: EvaluateConfig, parts: Parts, samples: Samples, seed: int) -> Result:
    """Everything measured of `samples` (n, *shape) in the model's space, n at least the constant `compared`.

    Of images, each number is the mean over feature nets, and over as many blocks of `compared` samples as there are:

    - `fd_NET`, `kid_NET`: Fréchet distance, and kernel distance with an interval, of features that are standardised
      on the reference; `NET` says of which net, as in `fd_digits-mlp32`.
    - `precision`, `recall`, `density`, `coverage`: by `evaluate.neighbours` nearest neighbours among these features.
    - each with `_spread`: its standard deviation over feature nets, if there are several.
    - `nearest_training`: the median distance to the nearest training image, the root mean square over pixels;
      `near_copies`: the share of samples nearer to one than 99 % of unseen real images, about 0.01 without copying.

    Of stacks, whose channels the nets name together:

    - `modes` of 1,000, and `reverse_kl`, the divergence of their shares from equal ones, in nats.
    - `confident`: the share of stacks of whose channels the nets are all as sure as of 95 % of real images;
      `confident_modes` and `confident_reverse_kl` are the same numbers of these alone.

    Nothing depends on earlier calls: nets, baselines and choices come from `seed` alone.

    Raises:
        UserError: there are too few images to compare.
        ValueError: there are too few samples.
    """
    return judge_of(config, parts, seed).measure(parts, samples.to(parts.pool.images.device))


def image_constants(config: EvaluateConfig, parts: Parts, seed: int) -> Mapping[str, float]:
    """What the numbers of `image_results` are to be read beside, the same for every generator of a run.

    Of images: `NAME_floor`, of as many held-out real images; `NAME_gaussian`, of a Gaussian fitted to the training
    images' pixels; `nearest_training_floor`, of the reference; `net_accuracy`, of the feature nets on held-out images;
    `compared`, the number of images on either side of a comparison.

    Of stacks: `modes_perfect` and `reverse_kl_floor`, for as many exactly uniform labels; `NAME_real`, of stacks of
    held-out real images; `NAME_gaussian`; `net_accuracy`, of the nets together on single held-out images.
    """
    return judge_of(config, parts, seed).constants


def image_note(config: EvaluateConfig, parts: Parts, seed: int) -> str:
    """One line on the nets: what they are, how good, and fingerprints of their weights."""
    judge = judge_of(config, parts, seed)
    prints = ", ".join(net.fingerprint for net in judge.nets)
    accuracy = judge.constants["net_accuracy"]
    return f"feature nets {judge.nets[0].name}: accuracy {accuracy:.3f} on held-out images; weights {prints}"


def inception_results(config: EvaluateConfig, parts: Parts, samples: Samples, seed: int) -> Result:
    """`fid` and `fid_floor`, of held-out real images, by torchmetrics; nothing without a file of weights or for stacks.

    Inception takes minutes on a CPU, so this belongs to the last evaluation alone.

    Raises:
        UserError: as `smoothkit_gan.metrics.inception.inception_distance` says.
    """
    if config.inception is None or parts.stacked:
        return Result(scalars={})
    reference, held_out = compared_images(config, parts, seed)
    images = {"fid": samples[: len(reference)].to(reference.device), "fid_floor": held_out}
    return Result(scalars={name: inception_distance(config.inception, reference, x) for name, x in images.items()})


def judge_of(config: EvaluateConfig, parts: Parts, seed: int) -> ImageJudge | StackJudge:
    """Who judges samples that imitate these parts; made at the first call, and kept as long as the parts are."""
    known = _JUDGES.setdefault(parts, {})
    if (config, seed) not in known:
        make = make_stack_judge if parts.stacked else make_image_judge
        known[config, seed] = make(config, parts, seed)
    return known[config, seed]
