"""The reference network as a PyTorch module, its parameters named as in mote's checkpoints.

Run as a script it checks itself: `context_unet.py WEIGHTS.safetensors` loads the file strictly.
"""
import math
import sys

import numpy as np
import torch
from torch import nn

import safetensors_numpy


def conv_norm_gelu(in_channels, out_channels):
    """(B,in,h,w) -> (B,out,h,w): conv3x3, BatchNorm (eps 1e-5, momentum 0.1), exact GELU."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.GELU())


class ConvBlock(nn.Module):
    """Two convolutions; with `shortcut` a learned conv1x1 of the input is added and the sum divided by 1.414."""

    def __init__(self, in_channels, out_channels, shortcut=False):
        super().__init__()
        self.conv1 = conv_norm_gelu(in_channels, out_channels)
        self.conv2 = conv_norm_gelu(out_channels, out_channels)
        if shortcut:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return (self.shortcut(x) + y) / 1.414 if hasattr(self, "shortcut") else y


class Down(nn.Module):
    """(B,in,h,w) -> (B,out,h/2,w/2)"""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.model = nn.Sequential(
            ConvBlock(in_channels, out_channels), ConvBlock(out_channels, out_channels), nn.MaxPool2d(2))

    def forward(self, x):
        return self.model(x)


class Up(nn.Module):
    """x and skip, (B,in/2,h,w) each -> (B,out,2h,2w)"""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.model = nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, 2, 2),
            ConvBlock(out_channels, out_channels), ConvBlock(out_channels, out_channels))

    def forward(self, x, skip):
        return self.model(torch.cat((x, skip), 1))


class Embedding(nn.Module):
    """(B,in) -> (B,out,1,1)"""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(in_features, out_features), nn.GELU(), nn.Linear(out_features, out_features))

    def forward(self, x):
        return self.model(x)[:, :, None, None]


class ContextUnet(nn.Module):
    """channels C, n_feat f, n_cfeat K, height h: x (B,C,h,h), t/T (B,), context (B,K) or None -> (B,C,h,h)."""

    def __init__(self, channels=3, n_feat=64, n_cfeat=5, height=16):
        super().__init__()
        self.channels, self.n_feat, self.n_cfeat, self.height = channels, n_feat, n_cfeat, height
        f = n_feat
        self.init_conv = ConvBlock(channels, f, shortcut=True)
        self.down1 = Down(f, f)
        self.down2 = Down(f, 2 * f)
        self.to_vec = nn.Sequential(nn.AvgPool2d(height // 4), nn.GELU())
        self.timeembed1 = Embedding(1, 2 * f)
        self.timeembed2 = Embedding(1, f)
        self.contextembed1 = Embedding(n_cfeat, 2 * f)
        self.contextembed2 = Embedding(n_cfeat, f)
        self.up0 = nn.Sequential(nn.ConvTranspose2d(2 * f, 2 * f, height // 4, height // 4),
                                 nn.GroupNorm(8, 2 * f), nn.ReLU())
        self.up1 = Up(4 * f, f)
        self.up2 = Up(2 * f, f)
        self.out = nn.Sequential(nn.Conv2d(2 * f, f, 3, padding=1), nn.GroupNorm(8, f), nn.ReLU(),
                                 nn.Conv2d(f, channels, 3, padding=1))

    def forward(self, x, time, context=None):
        if context is None:
            context = x.new_zeros(len(x), self.n_cfeat)
        x = self.init_conv(x)
        down1 = self.down1(x)
        down2 = self.down2(down1)
        up0 = self.up0(self.to_vec(down2))
        time = time[:, None].to(x.dtype)
        up1 = self.up1(self.contextembed1(context) * up0 + self.timeembed1(time), down2)
        up2 = self.up2(self.contextembed2(context) * up1 + self.timeembed2(time), down1)
        return self.out(torch.cat((up2, x), 1))


def weights(module):
    """What a checkpoint holds, by name: the state_dict less BatchNorm's counters."""
    return {name: tensor for name, tensor in module.state_dict().items() if not name.endswith("num_batches_tracked")}


def metadata_of(module, **more):
    """The metadata of docs/formats.md, all values strings; `more` overrides or adds (timesteps=200, ...)."""
    return {"architecture": "context_unet", "channels": str(module.channels), "height": str(module.height),
            "n_feat": str(module.n_feat), "n_cfeat": str(module.n_cfeat), "timesteps": "500", "schedule": "linear",
            "beta_start": "1e-4", "beta_end": "0.02", "prediction": "epsilon",
            **{name: str(value) for name, value in more.items()}}


def save_model(path, module, metadata, half=False, leave_out=()):
    """Writes F32, or F16 with `half`; names that start with an entry of `leave_out` are not written."""
    dtype = np.float16 if half else np.float32
    arrays = {name: tensor.detach().numpy().astype(dtype) for name, tensor in weights(module).items()
              if not name.startswith(tuple(leave_out))}
    safetensors_numpy.save(str(path), arrays, metadata)


def load_model(path, dtype=torch.float64):
    """Returns (module in eval mode, metadata). Sizes come from the shapes; any name or shape amiss raises."""
    arrays, metadata = safetensors_numpy.load(str(path))
    n_feat, channels = arrays["init_conv.conv1.0.weight"].shape[:2]
    module = ContextUnet(channels, n_feat, arrays["contextembed1.model.0.weight"].shape[1],
                         4 * arrays["up0.0.weight"].shape[2]).to(dtype)
    expected = {name: tuple(tensor.shape) for name, tensor in weights(module).items()}
    found = {name: array.shape for name, array in arrays.items()}
    if expected != found:
        raise ValueError(f"{path}: expected and found differ: {sorted(set(expected.items()) ^ set(found.items()))}")
    module.load_state_dict({name: torch.tensor(np.array(array), dtype=dtype) for name, array in arrays.items()},
                           strict=False)  # not strict: BatchNorm's counters are in no file
    return module.eval(), metadata or {}


def random_model(channels, n_feat, n_cfeat, height, seed):
    """A float64 model, in eval mode, whose every parameter matters and whose activations and outputs are O(1).

    Weights scale with 1/sqrt(inputs); gammas lie in 0.5...1.5; BatchNorm's running statistics are those of a batch of
    noise, moved by up to 60 %, so that eval and train mode differ plainly.
    """
    random = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=random, dtype=torch.float64)

    module = ContextUnet(channels, n_feat, n_cfeat, height).double()
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
                layer.weight.copy_(uniform(0.5, 1.5, *layer.weight.shape))
                layer.bias.copy_(0.3 * normal(*layer.bias.shape))
            elif isinstance(layer, (nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
                shape = layer.weight.shape
                transposed = isinstance(layer, nn.ConvTranspose2d)  # (in,out,k,k), and its stride is k: `in` terms
                fan_in = shape[0] if transposed else math.prod(shape[1:])
                layer.weight.copy_(normal(*shape) * math.sqrt(1.5 / fan_in))
                layer.bias.copy_(0.3 * normal(*layer.bias.shape))
        for norm in norms:
            norm.momentum = 1.0
        count = 4
        module.train()(normal(count, channels, height, height), uniform(0, 1, count), uniform(0, 1, count, n_cfeat))
        for norm in norms:
            norm.momentum = 0.1
            norm.running_mean += 0.2 * norm.running_var.sqrt() * normal(*norm.running_mean.shape)
            norm.running_var *= uniform(0.6, 1.6, *norm.running_var.shape)
    return module.eval()


if __name__ == "__main__":
    loaded, information = load_model(sys.argv[1])
    print(sum(p.numel() for p in loaded.parameters()), "parameters,", information)
