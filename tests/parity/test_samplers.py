"""Every sampler of `mote sample` against float64 formulas written down from the papers: DDPM, DDIM, DPM-Solver++ and its SDE
form, grids, guidance, clipping and dynamic thresholding; the same x_T and noise, drawn here from the published generator.
"""
import math
import sys
from typing import NamedTuple

import numpy as np
import torch

import context_unet
import diffusion
import harness
import philox

TOLERANCE = 1e-3
SHAPE, K, FEATURES, BATCH, T, SEED = (3, 16, 16), 5, 8, 3, 60, 9


class Case(NamedTuple):
    sampler: str
    steps: int
    options: dict = {}
    metadata: dict = {}
    small: bool = True


COSINE = {"schedule": "cosine", "prediction": "v"}
FLOW = {"schedule": "flow", "prediction": "flow"}
CASES = [
    Case("ddpm", 60),
    Case("ddpm", 20, {}, COSINE),
    Case("ddim", 12, {"eta": 0.6}, COSINE),
    Case("ddim", 10, {"grid": "quadratic"}),
    Case("ddim", 10, {"grid": "karras"}, COSINE),
    Case("ddim", 8, {"clip": True}),
    Case("ddim", 8, {"threshold": 0.9}, COSINE),
    Case("ddim", 8, {"guidance": 3.0}),
    Case("ddim", 8, {"guidance": 2.5, "avoid": True}, COSINE),
    Case("ddim", 12, {"guidance": 4.0, "interval": (0.3, 0.8)}),
    Case("dpm++", 1),
    Case("dpm++", 2, {}, COSINE),
    Case("dpm++", 10),
    Case("dpm++", 10, {}, COSINE),
    Case("dpm++", 10, {}, {"prediction": "x0"}),
    Case("dpm++", 12, {"grid": "karras", "clip": True}, COSINE),
    Case("dpm++", 8, {"guidance": 3.0, "avoid": True, "threshold": 0.95}, COSINE),
    Case("dpm++-sde", 10),
    Case("dpm++-sde", 15, {"guidance": 2.0}, COSINE),
    Case("euler", 7, {"guidance": 2.0}, FLOW),
    Case("heun", 1, {}, FLOW),
    Case("heun", 6, {"clip": True}, FLOW),
    Case("heun", 5, {}, COSINE),
]


def distinct(times):
    """Later timesteps move down where rounding makes two alike, and leave room for those behind them."""
    for i in range(1, len(times)):
        times[i] = min(times[i], times[i - 1] - 1)
    return [max(t, len(times) - i) for i, t in enumerate(times)] + [0]


def grid(kind, steps, bars):
    left = [(steps - i) / steps for i in range(steps)]
    if kind == "uniform":
        return diffusion.timestep_grid(T, steps)
    if kind == "quadratic":
        return distinct([math.floor(T * share ** 2 + 0.5) for share in left])
    sigma = np.sqrt((1 - bars[1:]) / bars[1:])  # Karras et al. 2022, equation 5 with rho = 7, to the nearest timestep
    ramp = (sigma[-1] ** (1 / 7) + np.arange(steps) / (steps - 1) * (sigma[0] ** (1 / 7) - sigma[-1] ** (1 / 7))) ** 7
    return distinct([1 + int(np.argmin(abs(sigma - s))) for s in ramp])


def limited(x_0, options):
    if options.get("clip"):
        return x_0.clamp(-1, 1)
    if "threshold" in options:
        s = torch.quantile(x_0.abs().flatten(1), options["threshold"], dim=1).clamp(min=1)[:, None, None, None]
        return x_0.clamp(-s, s) / s
    return x_0


class Network:
    """x_0 and epsilon at a timestep, guided and limited."""

    def __init__(self, module, metadata, case, context, avoid):
        self.module, self.case, self.context, self.avoid = module, case, context, avoid
        self.signal, self.sigma = diffusion.levels(metadata)
        self.bars = self.signal ** 2
        self.prediction, self.straight = metadata.get("prediction", "epsilon"), metadata.get("schedule") == "flow"

    def __call__(self, x, t):
        options = self.case.options
        low, high = options.get("interval", (0, 1))
        time = torch.full((len(x),), t / T, dtype=x.dtype)
        output = self.module(x, time, self.context)
        if "guidance" in options and low <= t / T <= high:
            away = self.module(x, time, self.avoid)
            output = away + options["guidance"] * (output - away)
        signal, sigma = float(self.signal[t]), float(self.sigma[t])
        x_0, epsilon = diffusion.split_at(self.prediction, signal, sigma, x, output)
        if options.get("clip") or "threshold" in options:
            x_0 = limited(x_0, options)
            epsilon = (x - signal * x_0) / sigma
        return x_0, epsilon


def ddim(network, x, times, noise):
    eta = network.case.options.get("eta", 0)
    for i, (t, s) in enumerate(zip(times, times[1:])):  # Song et al. 2021, equations 12 and 16
        now, after = network.bars[t], network.bars[s]
        x_0, epsilon = network(x, t)
        sigma = eta * math.sqrt((1 - after) / (1 - now) * (1 - now / after))
        x = math.sqrt(after) * x_0 + math.sqrt(1 - after - sigma ** 2) * epsilon
        if s > 0:
            x = x + sigma * noise(i)
    return x


def ddpm(network, x, times, noise):
    for i, (t, s) in enumerate(zip(times, times[1:])):  # Ho et al. 2020, algorithm 2, sigma^2 = beta
        alpha = network.bars[t] / network.bars[s]
        _, epsilon = network(x, t)
        x = (x - (1 - alpha) / math.sqrt(1 - network.bars[t]) * epsilon) / math.sqrt(alpha)
        if s > 0:
            x = x + math.sqrt(1 - alpha) * noise(i)
    return x


def dpm_solver(network, x, times, noise, sde=False):
    """Lu et al. 2022, algorithm 2, and its SDE form (equation 18 there for the deterministic one); the last step is of
    first order, since lambda is infinite at t = 0."""
    def log_snr(t):
        return math.log(network.bars[t] / (1 - network.bars[t])) / 2

    before = None
    for i, (t, s) in enumerate(zip(times, times[1:])):
        x_0, _ = network(x, t)
        if s == 0:
            return x_0
        h = log_snr(s) - log_snr(t)
        alpha, sigma, sigma_t = math.sqrt(network.bars[s]), math.sqrt(1 - network.bars[s]), math.sqrt(1 - network.bars[t])
        direction = x_0
        if before is not None:
            r = (log_snr(t) - log_snr(times[i - 1])) / h
            direction = (1 + 1 / (2 * r)) * x_0 - 1 / (2 * r) * before
        if sde:
            x = sigma / sigma_t * math.exp(-h) * x + alpha * (1 - math.exp(-2 * h)) * direction
            x = x + sigma * math.sqrt(1 - math.exp(-2 * h)) * noise(i)
        else:
            x = sigma / sigma_t * x - alpha * (math.exp(-h) - 1) * direction
        before = x_0
    return x


def heun(network, x, times, noise, corrected=True):
    """Karras et al. 2022, algorithm 1, on x/signal by sigma/signal; of flow on x by sigma. Without correction: Euler's."""
    def unit(t):
        return 1.0 if network.straight else network.signal[t]

    for t, s in zip(times, times[1:]):
        now, after = network.sigma[t] / unit(t), network.sigma[s] / unit(s)
        slope = (x / unit(t) - network(x, t)[0]) / now
        y = x / unit(t) + (after - now) * slope
        if s > 0 and corrected:
            y = x / unit(t) + (after - now) * (slope + (y - network(y * unit(s), s)[0]) / after) / 2
        x = y * unit(s)
    return x


SAMPLERS = {"ddim": ddim, "ddpm": ddpm, "dpm++": dpm_solver, "heun": heun,
            "euler": lambda *words: heun(*words, corrected=False),
            "dpm++-sde": lambda *words: dpm_solver(*words, sde=True)}


def words_of(case):
    options = case.options
    words = ["--grid", options["grid"]] if "grid" in options else []
    words += ["--eta", options["eta"]] if "eta" in options else []
    words += ["--clip-x0"] if options.get("clip") else []
    words += ["--threshold", options["threshold"]] if "threshold" in options else []
    words += ["--guidance", options["guidance"]] if "guidance" in options else []
    words += ["--guidance-interval", "{}:{}".format(*options["interval"])] if "interval" in options else []
    return words + (["--avoid", "0,0.5,0,0,1"] if options.get("avoid") else [])


def check(report, mote, name, model, case):
    with report.case(name):
        module, metadata = context_unet.load_model(model)
        context = harness.mixtures(np.random.default_rng(3), BATCH, K)
        avoid = torch.zeros(BATCH, K, dtype=torch.float64)
        if case.options.get("avoid"):
            avoid += torch.tensor([0, 0.5, 0, 0, 1.0])
        out = mote.file("x0.npy")
        mote.run("sample", model, "--npy", out, "-n", BATCH, "--sampler", case.sampler, "--steps", case.steps,
                 "--context-npy", mote.array("c", context), "--seed", SEED, *words_of(case))
        found = harness.read_float32(out, (BATCH, *SHAPE))

        def noise(i):
            return torch.from_numpy(philox.sampling_noise(SEED, i + 1, BATCH, SHAPE))

        network = Network(module, metadata, case, torch.from_numpy(context).double(), avoid)
        times = grid(case.options.get("grid", "uniform"), case.steps, network.bars)
        x_T = torch.from_numpy(philox.sampling_noise(SEED, 0, BATCH, SHAPE))
        with torch.no_grad():
            expected = SAMPLERS[case.sampler](network, x_T, times, noise).numpy()
        error = max(harness.relative_error(f, e) for f, e in zip(found, expected))
        report.error(name, error, TOLERANCE, f"rms {np.sqrt(np.mean(expected ** 2)):.2f}")


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for seed, case in enumerate(CASES):
            words = [str(word) for word in words_of(case)] + [f"{k} {v}" for k, v in case.metadata.items()]
            name = f"{case.sampler}, N {case.steps} {' '.join(words)}"
            if not report.wanted(name) or (options.small and not case.small):
                continue
            module = context_unet.random_model(SHAPE[0], FEATURES, K, SHAPE[1], seed=300 + seed)
            model = mote.file("model.safetensors")
            context_unet.save_model(model, module, context_unet.metadata_of(module, timesteps=str(T), **case.metadata))
            check(report, mote, name, model, case)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
