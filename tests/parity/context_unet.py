"""The reference network, which is the module that `mote export` hands out, with files and random weights for tests.

Run as a script it checks itself: `context_unet.py WEIGHTS.safetensors` loads the file strictly.
"""
import importlib.util
import math
import pathlib
import sys

import numpy as np
import torch
from torch import nn

import safetensors_numpy

spec = importlib.util.spec_from_file_location("exported", pathlib.Path(__file__).resolve().parents[2] / "models/context_unet.py")
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
ContextUnet, conv_norm_gelu = exported.ContextUnet, exported.conv_norm_gelu


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
