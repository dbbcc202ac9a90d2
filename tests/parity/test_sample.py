"""`mote sample` with DDIM from a given x_T against float64 PyTorch: predictions, schedules, step counts.

--weights, or the environment's MOTE_PARITY_WEIGHTS, adds the cases on trained weights.
"""
import os
import sys
from typing import NamedTuple

import numpy as np
import torch

import context_unet
import diffusion
import harness

# A step's float32 error of about 1e-6 is amplified over 20 steps by up to some 100; a wrong coefficient gives > 1e-2.
TOLERANCE = 1e-3


class Case(NamedTuple):
    name: str
    steps: int
    metadata: dict
    size: tuple = (3, 16, 5, 16)  # channels, n_feat, n_cfeat, height
    batch: int = 6
    small: bool = True


# Cosine with epsilon is left out: x_0 = (x - sigma epsilon)/sqrt(alpha_bar) at t = T multiplies rounding by 1e4.
CASES = [
    Case("epsilon linear", 20, {}),
    Case("epsilon linear", 7, {}),
    Case("epsilon linear", 1, {}),
    Case("epsilon linear, T 200 and other betas", 10, {"timesteps": 200, "beta_start": 2e-4, "beta_end": 0.04}),
    Case("v linear", 20, {"prediction": "v"}, (4, 8, 1, 12)),
    Case("x0 linear", 20, {"prediction": "x0"}, (1, 24, 7, 28), 3),
    Case("v cosine", 20, {"prediction": "v", "schedule": "cosine"}),
    Case("x0 cosine", 20, {"prediction": "x0", "schedule": "cosine"}),
    Case("epsilon linear f64", 20, {}, (3, 64, 5, 16), 4, small=False),
]


def case_name(name, steps):
    return f"ddim {name}, N {steps}"


def check(report, mote, name, model, steps, batch, seed, tolerance):
    """The largest error of any one image, relative to its norm."""
    with report.case(name):
        module, metadata = context_unet.load_model(model)
        random = np.random.default_rng(seed)
        x_T = random.standard_normal((batch, module.channels, module.height, module.height)).astype(np.float32)
        context = harness.mixtures(random, batch, module.n_cfeat)
        out = mote.file("x0.npy")
        mote.run("sample", model, "-o", mote.file("out.png"), "-n", batch, "--sampler", "ddim", "--steps", steps,
                 "--eta", 0, "--guidance", 1, "--context-npy", mote.array("c", context), "--x-init", mote.array("xT", x_T),
                 "--npy", out, "--seed", seed)
        found = harness.read_float32(out, x_T.shape)
        expected = diffusion.ddim(module, metadata, torch.from_numpy(x_T).double(), torch.from_numpy(context).double(),
                                  steps).numpy()
        error = max(harness.relative_error(f, e) for f, e in zip(found, expected))
        report.error(name, error, tolerance, f"rms {np.sqrt(np.mean(expected ** 2)):.2f}")
        if mote.file("out.png").read_bytes()[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError("out.png is not a PNG")


def main():
    options = harness.arguments(__doc__, weights={"default": os.environ.get("MOTE_PARITY_WEIGHTS"),
                                                  "help": "trained weights to sample from too"})
    report = harness.Report(options.only)
    tolerance = harness.tolerance(options, TOLERANCE, half=1e-2)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for seed, case in enumerate(CASES):
            name = case_name(case.name, case.steps)
            if not report.wanted(name) or (options.small and not case.small):
                continue
            module = context_unet.random_model(*case.size, seed=200 + seed)
            model = mote.file("model.safetensors")
            context_unet.save_model(model, module, context_unet.metadata_of(module, **case.metadata))
            check(report, mote, name, model, case.steps, case.batch, seed, tolerance)
        for steps in (20, 7) if options.weights else ():
            name = case_name("trained weights", steps)
            if report.wanted(name):
                check(report, mote, name, options.weights, steps, 8, steps, tolerance)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
