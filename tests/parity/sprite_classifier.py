"""The classifier that judges sprites as a PyTorch module, its parameters named as in mote's checkpoints."""
import numpy as np
import torch
from torch import nn

import context_unet
import safetensors_numpy


class SpriteClassifier(nn.Module):
    """x (B,C,h,h) -> logits (B,K) and features (B,2f)."""

    def __init__(self, channels, n_feat, n_cfeat, height):
        super().__init__()
        self.channels, self.n_feat, self.n_cfeat, self.height = channels, n_feat, n_cfeat, height
        f, layer = n_feat, context_unet.conv_norm_gelu
        self.conv1, self.conv2 = layer(channels, f), layer(f, f)
        self.conv3, self.conv4 = layer(f, 2 * f), layer(2 * f, 2 * f)
        self.conv5 = layer(2 * f, 2 * f)
        self.classes = nn.Linear(2 * f, n_cfeat)

    def forward(self, x):
        half = nn.functional.max_pool2d
        x = half(self.conv2(self.conv1(x)), 2)
        x = half(self.conv4(self.conv3(x)), 2)
        features = self.conv5(x).mean((2, 3))
        return self.classes(features), features


def save_model(path, module, labels=""):
    arrays = {name: tensor.detach().numpy().astype(np.float32) for name, tensor in context_unet.weights(module).items()}
    metadata = {"architecture": "sprite_classifier", "channels": str(module.channels), "height": str(module.height),
                "n_feat": str(module.n_feat), "n_cfeat": str(module.n_cfeat), "labels": labels}
    safetensors_numpy.save(str(path), arrays, metadata)


def load_model(path, dtype=torch.float64):
    """The module in eval mode; any name or shape amiss raises."""
    arrays, metadata = safetensors_numpy.load(str(path))
    n_feat, channels = arrays["conv1.0.weight"].shape[:2]
    module = SpriteClassifier(channels, n_feat, len(arrays["classes.bias"]), int(metadata["height"])).to(dtype)
    expected = {name: tuple(tensor.shape) for name, tensor in context_unet.weights(module).items()}
    found = {name: array.shape for name, array in arrays.items()}
    if expected != found:
        raise ValueError(f"{path}: expected and found differ: {sorted(set(expected.items()) ^ set(found.items()))}")
    module.load_state_dict({name: torch.tensor(np.array(array), dtype=dtype) for name, array in arrays.items()},
                           strict=False)
    return module.eval()
