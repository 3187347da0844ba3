"""FID is torchmetrics' own, from a file of weights, and what is missing is named."""

import builtins
import sys

import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance

from smoothkit.errors import UserError
from smoothkit_gan.metrics.inception import inception_distance


def images(seed: int, channels: int = 1) -> torch.Tensor:
    return torch.rand(6, channels, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def installed(monkeypatch):
    """torch-fidelity as far as its name goes, for what is looked at before it is used."""
    monkeypatch.setitem(sys.modules, "torch_fidelity", sys)


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    found = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "torch_fidelity":
            raise ImportError(name=name)
        return found(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "torch_fidelity", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match=r"torch_fidelity is not installed; .* 'smoothkit\[inception\]'"):
        inception_distance(str(tmp_path / "w.pth"), images(0), images(1))


def test_a_missing_file_is_named(installed, tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*w\.pth; expected torch-fidelity's"):
        inception_distance(str(tmp_path / "w.pth"), images(0), images(1))


@pytest.mark.parametrize("content", [b"no weights", b""])
def test_a_file_of_something_else_is_named(installed, tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.pth cannot be read as torch-fidelity's Inception weights"):
        inception_distance(str(path), images(0), images(1))


def test_two_channels_are_no_photograph():
    with pytest.raises(UserError, match="images have 2 channels; expected 1 or 3"):
        inception_distance("w.pth", images(0, 2), images(1, 2))


@pytest.mark.slow
def test_as_torchmetrics_says(monkeypatch, tmp_path):
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    network = module.FeatureExtractorInceptionV3
    path = tmp_path / "weights.pth"
    with monkeypatch.context() as patch:
        # Without weights it would download them; its own start serves as well here.
        patch.setattr(module, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(network, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        torch.save(network("inception", ["2048"]).state_dict(), path)
    first, second = images(0), images(1) * 0.5
    metric = FrechetInceptionDistance(feature_extractor_weights_path=str(path))
    for pixels, real in ((first, True), (second, False)):
        metric.update(((pixels + 1) * 127.5).round().byte().expand(-1, 3, -1, -1), real=real)
    found = inception_distance(str(path), first, second)
    assert found > 0
    assert found == pytest.approx(float(metric.compute()), rel=1e-6)
