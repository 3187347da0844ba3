"""What the core itself registers, through the hooks that any plugin uses."""

from smoothkit import hookimpl
from smoothkit.hookspecs import Register

smoothkit_api = 1

TARGETS = {
    # A row of a class matrix: fixed, learned, estimated or taken from a finished run.
    "onehot": "onehot:OneHot",
    "ls": "uniform:LabelSmoothing",
    "classwise-ls": "classwise:ClassWise",
    "matrix": "matrix:ClassMatrix",
    "ordinal": "ordinal:Ordinal",
    "sord": "ordinal:SORD",
    "hierarchical": "hierarchical:Hierarchical",
    "hierarchical-softmax": "hierarchical:HierarchicalSoftmax",
    "hybrid": "hybrid:Hybrid",
    "binary": "binary:Binary",
    "ls++": "learned:LabelSmoothingPP",
    "meta-ls": "meta:MetaSmoothing",
    "pt-ls++": "frozen:FrozenMatrix",
    "ols": "online:OnlineLabelSmoothing",
    # A target for each sample: of a teacher, of the network itself, of an earlier epoch.
    "kd": "distillation:KnowledgeDistillation",
    "tf-kd-self": "teacher_free:TeacherFreeSelf",
    "tf-kd-reg": "teacher_free:TeacherFreeRegularisation",
    "ps-kd": "progressive:PSKD",
    "nkd": "decoupled:NKD",
    "uskd": "decoupled:USKD",
    "zipf": "zipf:Zipf",
    "label-relaxation": "relaxation:LabelRelaxation",
    "partial": "partial:PartialLabels",
    "instance-ls": "instance:InstanceSmoothing",
    "hard-bootstrap": "bootstrapping:HardBootstrap",
    # Entries may be negative.
    "maxsup": "maxsup:MaxSup",
    "negative-ls": "negative:NegativeSmoothing",
    "confidence-penalty": "confidence_penalty:ConfidencePenalty",
    "soft-bootstrap": "bootstrapping:SoftBootstrap",
    # A weight on each sample's gradient.
    "focal": "focal:Focal",
    "focal-sigmoid": "sigmoid_focal:SigmoidFocal",
    "flsd": "focal:FLSD",
    "dual-focal": "focal:DualFocal",
    "poly": "poly:Poly1",
    "sce": "symmetric:SymmetricCE",
    "gce": "generalised:GeneralisedCE",
    # A penalty on the logits.
    "mbls": "margin:MbLS",
    "acls": "margin:ACLS",
    "cals": "lagrangian:CALS",
    "logitnorm": "logitnorm:LogitNorm",
    "augmix-jsd": "consistency:Consistency",
}

METRICS = {
    # Right and wrong, and proper scores.
    "accuracy": "scores:ACCURACY",
    "top_k_accuracy": "scores:top_k_accuracy",
    "nll": "scores:NLL",
    "brier": "scores:BRIER",
    # Calibration.
    "ece": "calibration:ece",
    "ece_null": "calibration:ece_null",
    "rmsce_debiased": "calibration:rmsce_debiased",
    "smooth_ece": "calibration:smooth_ece",
    "classwise_ece": "calibration:classwise_ece",
    "level_ece": "calibration:level_ece",
    "miscalibration": "calibration:miscalibration",
    "kuiper": "calibration:KUIPER",
    "kuiper_p": "calibration:KUIPER_P",
    "spiegelhalter_z": "calibration:SPIEGELHALTER_Z",
    "spiegelhalter_p": "calibration:SPIEGELHALTER_P",
    "confidence_gap": "calibration:CONFIDENCE_GAP",
    "confidence_right": "scores:CONFIDENCE_RIGHT",
    "confidence_wrong": "scores:CONFIDENCE_WRONG",
    "margin_mean": "scores:MARGIN_MEAN",
    "margin_variance": "scores:MARGIN_VARIANCE",
    # Selective prediction.
    "aurc": "selective:aurc",
    "excess_aurc": "selective:excess_aurc",
    "augrc": "selective:augrc",
    "auroc_correct": "selective:auroc_correct",
    "risk_at_coverage": "selective:risk_at_coverage",
    "coverage_at_risk": "selective:coverage_at_risk",
    # Ordered classes and trees of classes.
    "mae": "structured:mae",
    "kappa": "structured:kappa",
    "rps": "structured:RPS",
    "off_by_one_accuracy": "structured:OFF_BY_ONE_ACCURACY",
    "mistake_severity": "structured:mistake_severity",
    "mean_height": "structured:mean_height",
    "average_distance": "structured:average_distance",
    "hierarchical_precision": "structured:hierarchical_precision",
}


@hookimpl
def smoothkit_targets(register: Register) -> None:
    """The targets of `smoothkit.targets`."""
    for name, path in TARGETS.items():
        register(name, f"smoothkit.targets.{path}")


@hookimpl
def smoothkit_datasets(register: Register) -> None:
    """The data sets of `smoothkit.data`."""
    register("digits", "smoothkit.data.digits:digits")
    register("npz", "smoothkit.data.npz:npz")
    register("folder", "smoothkit.data.folder:folder")
    register("csv", "smoothkit.data.csv:csv")
    for name in ("mnist", "fashion_mnist", "kmnist", "cifar10", "cifar100", "svhn"):
        register(name.replace("_", "-"), f"smoothkit.data.torchvision_sets:{name}")


@hookimpl
def smoothkit_models(register: Register) -> None:
    """The networks of `smoothkit.models`."""
    register("mlp", "smoothkit.models.mlp:MLP")
    register("lenet", "smoothkit.models.lenet:LeNet")
    register("alexnet", "smoothkit.models.alexnet:AlexNet")
    for depth in (18, 34, 50, 101):
        register(f"resnet{depth}", f"smoothkit.models.resnet:ResNet{depth}")
    register("wide-resnet", "smoothkit.models.wide_resnet:WideResNet")
    register("densenet121", "smoothkit.models.densenet:DenseNet121")
    register("shufflenet-v2", "smoothkit.models.shufflenet:ShuffleNetV2")
    register("torchvision", "smoothkit.models.torchvision:Torchvision")


@hookimpl
def smoothkit_augmentations(register: Register) -> None:
    """The augmentations of `smoothkit.augment`."""
    register("flip", "smoothkit.augment.flip:Flip")
    register("crop", "smoothkit.augment.crop:Crop")
    register("randaugment", "smoothkit.augment.randaugment:RandAugment")
    register("augmix", "smoothkit.augment.augmix:AugMix")
    register("cutout", "smoothkit.augment.cutout:Cutout")
    register("affine", "smoothkit.augment.affine:Affine")
    register("noise", "smoothkit.augment.noise:Noise")
    register("pixel-dropout", "smoothkit.augment.pixel_dropout:PixelDropout")
    register("mixup", "smoothkit.augment.mixup:Mixup")
    register("cutmix", "smoothkit.augment.cutmix:CutMix")


@hookimpl
def smoothkit_metrics(register: Register) -> None:
    """The metrics of `smoothkit.metrics`."""
    for name, path in METRICS.items():
        register(name, f"smoothkit.metrics.catalogue.{path}")
