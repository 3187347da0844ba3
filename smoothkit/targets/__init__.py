"""Target distributions: each is a drop-in for ``nn.CrossEntropyLoss`` that can also show its target.

This package imports nothing else of smoothkit, so it works alone in any training loop.
"""

from smoothkit.targets.base import Fraction, Target
from smoothkit.targets.binary import Binary
from smoothkit.targets.bootstrapping import HardBootstrap, SoftBootstrap
from smoothkit.targets.classwise import ClassWise
from smoothkit.targets.confidence_penalty import ConfidencePenalty
from smoothkit.targets.consistency import Consistency
from smoothkit.targets.decoupled import NKD, USKD
from smoothkit.targets.distillation import KnowledgeDistillation
from smoothkit.targets.focal import FLSD, DualFocal, Focal
from smoothkit.targets.frozen import FrozenMatrix
from smoothkit.targets.generalised import GeneralisedCE
from smoothkit.targets.head import linear_loss
from smoothkit.targets.hierarchical import Hierarchical, HierarchicalSoftmax
from smoothkit.targets.hybrid import Hybrid
from smoothkit.targets.instance import InstanceSmoothing
from smoothkit.targets.lagrangian import CALS
from smoothkit.targets.learned import LabelSmoothingPP
from smoothkit.targets.logitnorm import LogitNorm
from smoothkit.targets.margin import ACLS, MarginPenalty, MbLS
from smoothkit.targets.matrix import ClassMatrix, FixedMatrix, MatrixTarget
from smoothkit.targets.maxsup import MaxSup
from smoothkit.targets.meta import MetaSmoothing
from smoothkit.targets.mixing import mix
from smoothkit.targets.negative import NegativeSmoothing
from smoothkit.targets.onehot import OneHot
from smoothkit.targets.online import OnlineLabelSmoothing
from smoothkit.targets.ordinal import SORD, Ordinal
from smoothkit.targets.partial import PartialLabels
from smoothkit.targets.penalty import Penalised, Penalty
from smoothkit.targets.poly import Poly1
from smoothkit.targets.progressive import PSKD
from smoothkit.targets.relaxation import LabelRelaxation
from smoothkit.targets.schedule import Alternate, Cosine, Linear, Polyline, Scheduled, Step
from smoothkit.targets.sigmoid_focal import SigmoidFocal
from smoothkit.targets.symmetric import SymmetricCE
from smoothkit.targets.teacher_free import TeacherFreeRegularisation, TeacherFreeSelf
from smoothkit.targets.uniform import LabelSmoothing
from smoothkit.targets.wrapper import Wrapper
from smoothkit.targets.zipf import Zipf

__all__ = [
    "ACLS",
    "CALS",
    "FLSD",
    "NKD",
    "PSKD",
    "SORD",
    "USKD",
    "Alternate",
    "Binary",
    "ClassMatrix",
    "ClassWise",
    "ConfidencePenalty",
    "Consistency",
    "Cosine",
    "DualFocal",
    "FixedMatrix",
    "Focal",
    "Fraction",
    "FrozenMatrix",
    "GeneralisedCE",
    "HardBootstrap",
    "Hierarchical",
    "HierarchicalSoftmax",
    "Hybrid",
    "InstanceSmoothing",
    "KnowledgeDistillation",
    "LabelRelaxation",
    "LabelSmoothing",
    "LabelSmoothingPP",
    "Linear",
    "LogitNorm",
    "MarginPenalty",
    "MatrixTarget",
    "MaxSup",
    "MbLS",
    "MetaSmoothing",
    "NegativeSmoothing",
    "OneHot",
    "OnlineLabelSmoothing",
    "Ordinal",
    "PartialLabels",
    "Penalised",
    "Penalty",
    "Poly1",
    "Polyline",
    "Scheduled",
    "SigmoidFocal",
    "SoftBootstrap",
    "Step",
    "SymmetricCE",
    "Target",
    "TeacherFreeRegularisation",
    "TeacherFreeSelf",
    "Wrapper",
    "Zipf",
    "linear_loss",
    "mix",
]
