"""Networks: the ones of the LS++ paper and wide ones for 32x32 images, a perceptron, and torchvision's for 224x224.

Every model takes `num_classes`, `in_channels` and `image_size` (pixels, square) by keyword, reads float images
(N, C, H, W), returns logits (N, K), and says in `required_size` which image size it needs (None: any). Weights start
as PyTorch initialises them by default.
"""

from smoothkit.models.alexnet import AlexNet
from smoothkit.models.densenet import DenseNet121
from smoothkit.models.lenet import LeNet
from smoothkit.models.mlp import MLP
from smoothkit.models.resnet import ResNet18, ResNet34, ResNet50, ResNet101
from smoothkit.models.shufflenet import ShuffleNetV2
from smoothkit.models.torchvision import Torchvision
from smoothkit.models.wide_resnet import WideResNet

__all__ = [
    "MLP",
    "AlexNet",
    "DenseNet121",
    "LeNet",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "ResNet101",
    "ShuffleNetV2",
    "Torchvision",
    "WideResNet",
]
