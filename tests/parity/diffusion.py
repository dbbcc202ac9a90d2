"""The reference diffusion: noise schedules, training targets and DDIM in float64.

`metadata` is a checkpoint's; absent keys take the defaults of docs/formats.md.
"""
import math

import numpy as np
import torch


def timesteps_of(metadata):
    return int(metadata.get("timesteps", 500))


def alpha_bars(metadata):
    """alpha_bar_t, t = 0...T; alpha_bar_0 = 1."""
    T = timesteps_of(metadata)
    t = np.arange(T + 1, dtype=np.float64)
    schedule = metadata.get("schedule", "linear")
    if schedule == "linear":
        beta_start, beta_end = float(metadata.get("beta_start", 1e-4)), float(metadata.get("beta_end", 0.02))
        alpha = 1 - (beta_start + (beta_end - beta_start) * t / T)  # the product takes in t = 0 too
    elif schedule == "cosine":  # Nichol & Dhariwal 2021, equation 17 and the clipping below it
        f = np.cos((t / T + 0.008) / 1.008 * math.pi / 2) ** 2
        alpha = np.concatenate(([1.0], 1 - np.minimum(1 - f[1:] / f[:-1], 0.999)))
    else:
        raise ValueError(f"schedule {schedule!r}: expected linear or cosine")
    alpha_bar = np.cumprod(alpha)
    alpha_bar[0] = 1
    return alpha_bar


def timestep_grid(timesteps_count, steps_count):
    """t_i = T(N-i)/N, i = 0...N, halves rounded up: T, ..., 0."""
    T, N = timesteps_count, steps_count
    return [(2 * T * (N - i) + N) // (2 * N) for i in range(N + 1)]


def noised(alpha_bar, x_0, noise, steps):
    """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise; all (B,C,h,w), steps (B,)"""
    a = torch.as_tensor(alpha_bar[np.asarray(steps)])[:, None, None, None]
    return a.sqrt() * x_0 + (1 - a).sqrt() * noise


def training_target(prediction, alpha_bar, x_0, noise, steps):
    """What the model should output for x_t: noise, x_0, or v (Salimans & Ho 2022)."""
    a = torch.as_tensor(alpha_bar[np.asarray(steps)])[:, None, None, None]
    return {"epsilon": noise, "x0": x_0, "v": a.sqrt() * noise - (1 - a).sqrt() * x_0}[prediction]


def levels(metadata):
    """The factors of x_0 and of the noise, t = 0...T. Flow (Lipman et al. 2023): 1 - t/T and t/T."""
    if metadata.get("schedule") == "flow":
        sigma = np.arange(timesteps_of(metadata) + 1, dtype=np.float64) / timesteps_of(metadata)
        return 1 - sigma, sigma
    alpha_bar = np.asarray(alpha_bars(metadata), np.float64)
    return np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)


def split_prediction(prediction, alpha_bar, x, output):
    """The model's output for x at a timestep of this alpha_bar, as (x_0, epsilon)."""
    return split_at(prediction, math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar), x, output)


def split_at(prediction, signal, sigma, x, output):
    if prediction == "flow":  # epsilon - x_0
        return (x - sigma * output) / (signal + sigma), (x + signal * output) / (signal + sigma)
    if prediction == "epsilon":
        return (x - sigma * output) / signal, output
    if prediction == "x0":
        return output, (x - signal * output) / sigma
    if prediction == "v":
        return signal * x - sigma * output, sigma * x + signal * output
    raise ValueError(f"prediction {prediction!r}: expected epsilon, v or x0")


@torch.no_grad()
def ddim(module, metadata, x, context, steps_count, eta=0.0, noise=None):
    """DDIM (Song et al. 2021, equation 12) from x = x_T to x_0, unclamped, in x's own precision.

    With eta > 0, `noise(i)` gives step i's normals, of x's shape; the last step, to t = 0, uses none.
    """
    T, alpha_bar = timesteps_of(metadata), alpha_bars(metadata)
    prediction = metadata.get("prediction", "epsilon")
    grid = timestep_grid(T, steps_count)
    for i, (t, t_next) in enumerate(zip(grid, grid[1:])):
        now, after = float(alpha_bar[t]), float(alpha_bar[t_next])
        output = module(x, torch.full((len(x),), t / T, dtype=x.dtype), context)
        x_0, epsilon = split_prediction(prediction, now, x, output)
        sigma = eta * math.sqrt((1 - after) / (1 - now)) * math.sqrt(1 - now / after)
        x = math.sqrt(after) * x_0 + math.sqrt(1 - after - sigma ** 2) * epsilon
        if sigma > 0:
            x = x + sigma * noise(i)
    return x
