"""`mote backward` against float64 PyTorch: loss, every gradient, the updated running statistics.

The loss is the mean of (output - target)^2 over all elements, BatchNorm in train mode. grads.safetensors must hold the
gradient of each parameter under its name, and each BatchNorm's updated running_mean and running_var.
"""
import sys
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import context_unet
import diffusion
import harness
import safetensors_numpy


class Tolerances(NamedTuple):
    loss: float  # relative; leaves room for `loss` printed with six digits
    statistics: float  # relative, each tensor
    # |a - b| <= relative |b| + of_all |all gradients|: the gradient of a bias in front of BatchNorm is 0 but for rounding.
    relative: float
    of_all: float
    # ReLU and max-pool jump: where float64 itself decides by less than this, float32 may rightly decide otherwise and one
    # element's gradient goes elsewhere. Inputs are drawn anew until no decision is that close.
    margin: float


FLOAT = Tolerances(loss=1e-5, statistics=1e-5, relative=1e-4, of_all=1e-6, margin=4e-6)
# With `--kernels matrix` convolutions round what they multiply, by up to 2^-11: some twenty such roundings lie between the
# loss and the first layer.
HALF = Tolerances(loss=2e-4, statistics=2e-4, relative=7e-3, of_all=1e-4, margin=1e-3)
# Pools won by |GELU| < TAIL do not count: GELU is flat there, so little gradient passes whichever element wins.
TAIL, ATTEMPTS = 1e-3, 200


class Case(NamedTuple):
    channels: int
    n_feat: int
    n_cfeat: int
    height: int
    batch: int
    prediction: str = "epsilon"
    schedule: str = "linear"
    context: bool = True
    small: bool = True

    @property
    def name(self):
        return (f"backward C{self.channels} f{self.n_feat} K{self.n_cfeat} h{self.height} batch {self.batch} "
                f"{self.prediction} {self.schedule}" + ("" if self.context else " no context"))


CASES = [
    Case(1, 8, 1, 12, 1),
    Case(3, 8, 5, 16, 5, "v"),
    Case(4, 24, 7, 16, 4, "x0", "cosine"),
    Case(1, 24, 5, 28, 3, "v", "cosine", context=False),
    Case(3, 8, 5, 16, 33),
    Case(4, 16, 5, 12, 100, "x0", small=False),
    Case(3, 64, 5, 16, 8, small=False),
]
# Small images, among which are such that half precision decides as float64 does; and enough features that it is used.
HALF_CASES = [
    Case(3, 16, 5, 8, 1, "v"),
    Case(3, 16, 5, 8, 2),
    Case(1, 24, 3, 8, 1, "x0", "cosine"),
    Case(3, 32, 3, 8, 1, "v", "cosine", context=False),
    Case(4, 16, 5, 12, 1),
]


class Example(NamedTuple):
    """A batch, exact in the files' types; context may be None."""
    x_0: np.ndarray
    noise: np.ndarray
    steps: np.ndarray
    context: np.ndarray


def make_example(case, seed):
    random = np.random.default_rng(seed)
    shape = (case.batch, case.channels, case.height, case.height)
    x_0 = random.uniform(-1, 1, shape).astype(np.float32)
    noise = random.standard_normal(shape).astype(np.float32)
    steps = random.integers(1, 501, case.batch).astype(np.int32)
    return Example(x_0, noise, steps, harness.mixtures(random, case.batch, case.n_cfeat) if case.context else None)


def loss_of(module, metadata, example):
    """The training loss in float64; as a side effect of train mode it updates the running statistics."""
    alpha_bar = diffusion.alpha_bars(metadata)
    x_0, noise = torch.from_numpy(example.x_0).double(), torch.from_numpy(example.noise).double()
    context = None if example.context is None else torch.from_numpy(example.context).double()
    time = torch.from_numpy(example.steps).double() / diffusion.timesteps_of(metadata)
    output = module.train()(diffusion.noised(alpha_bar, x_0, noise, example.steps), time, context)
    target = diffusion.training_target(metadata["prediction"], alpha_bar, x_0, noise, example.steps)
    return ((output - target) ** 2).mean()


@torch.no_grad()
def smallest_margin(model, example):
    """By how little the closest ReLU or max-pool decision is taken."""
    module, metadata = context_unet.load_model(model)
    margins = []

    def watch(layer, inputs):
        x = inputs[0]
        if isinstance(layer, nn.MaxPool2d):
            best = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2).topk(2).values
            x = (best[..., 0] - best[..., 1])[best[..., 0].abs() > TAIL]
        margins.append(float(x.abs().min()))

    for layer in module.modules():
        if isinstance(layer, (nn.ReLU, nn.MaxPool2d)):
            layer.register_forward_pre_hook(watch)
    loss_of(module, metadata, example)
    return min(margins)


def decided_example(case, model, first_seed, margin):
    """The first example, by seed, that has the margin."""
    for seed in range(first_seed, first_seed + ATTEMPTS):
        example = make_example(case, seed)
        if smallest_margin(model, example) > margin:
            return example
    raise ValueError(f"no inputs with a margin of {margin} in {ATTEMPTS} attempts: make the case smaller")


def decide_relus(module, seed):
    """Moves each channel in front of a ReLU far to one side of its zero: they follow GroupNorm, whose outputs are gammas
    times numbers hardly larger than 3."""
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.GroupNorm):
                layer.bias.copy_(4 * layer.weight * torch.from_numpy(random.choice([-1.0, 1.0], layer.bias.shape)))


def mote_backward(mote, model, example):
    """Returns (loss, arrays of grads.safetensors)."""
    out = mote.file("grads.safetensors")
    context = ["--context", mote.array("c", example.context)] if example.context is not None else []
    done = mote.run("backward", model, "--x0", mote.array("x0", example.x_0), "--noise",
                    mote.array("n", example.noise), "--steps", mote.array("t", example.steps), *context, "-o", out)
    losses = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("loss ")]
    if len(losses) != 1:
        raise ValueError(f"expected one line `loss VALUE`, found {done.stdout[-200:]!r}")
    return float(losses[0]), safetensors_numpy.load(str(out))[0]


def check(report, mote, model, name, example, tolerances):
    """Three lines: loss, gradients (the worst, as a fraction of what it may differ), running statistics (the worst)."""
    module, metadata = context_unet.load_model(model)
    loss = loss_of(module, metadata, example)
    loss.backward()
    gradients = {key: parameter.grad.numpy() for key, parameter in module.named_parameters()}
    statistics = {key: tensor.numpy() for key, tensor in context_unet.weights(module).items() if ".running_" in key}

    found_loss, found = mote_backward(mote, model, example)
    expected_shapes = {key: array.shape for key, array in {**gradients, **statistics}.items()}
    found_shapes = {key: array.shape for key, array in found.items()}
    if expected_shapes != found_shapes:
        difference = sorted(set(expected_shapes.items()) ^ set(found_shapes.items()))
        raise ValueError(f"names or shapes differ: {difference[:6]}")

    report.error(name + " loss", abs(found_loss / loss.item() - 1), tolerances.loss, f"loss {loss.item():.4f}")
    norm = np.linalg.norm
    all_gradients = np.sqrt(sum(norm(gradient) ** 2 for gradient in gradients.values()))
    fractions = {}
    for key, gradient in gradients.items():
        allowed = tolerances.relative * norm(gradient) + tolerances.of_all * all_gradients
        fractions[key] = norm(found[key].astype(np.float64) - gradient) / allowed
    report.worst(name + " gradients", fractions, 1)
    report.worst(name + " running statistics",
                 {key: harness.relative_error(found[key], array) for key, array in statistics.items()},
                 tolerances.statistics)


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    half = options.kernels == "matrix"
    tolerances = HALF if half else FLOAT
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for seed, case in enumerate(HALF_CASES if half else CASES):
            if not report.wanted(case.name) or (options.small and not case.small):
                continue
            with report.case(case.name):
                module = context_unet.random_model(*case[:4], seed=300 + seed)
                if half:
                    decide_relus(module, seed)
                model = mote.file("model.safetensors")
                context_unet.save_model(model, module, context_unet.metadata_of(
                    module, prediction=case.prediction, schedule=case.schedule))
                example = decided_example(case, model, 1000 * seed, tolerances.margin)
                check(report, mote, model, case.name, example, tolerances)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
