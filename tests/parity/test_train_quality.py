"""Whole training runs: mote and PyTorch with the same data, hyperparameters and number of steps, three seeds each. Weights,
batches and noise are drawn by each in its own way; the mean validation losses must agree.

Takes ten minutes or more, so `tools/check` leaves it to whoever changes the trainer. Both sets of averaged weights are
judged by the same code here: PyTorch in float64, held-out images, fixed timesteps and noise. The images are simple
sprites that are drawn here: discs, boxes, crosses and stripes of random colour and place.
"""
import math
import sys

import numpy as np
import torch

import context_unet
import diffusion
import harness

SEEDS, STEPS, BATCH, FEATURES, HEIGHT, CLASSES, T = 3, 2000, 16, 8, 16, 4, 200
RATE, EMA, CLIP, GAMMA, DROP = 2e-3, 0.99, 1.0, 5.0, 0.1
TRAINING, HELD_OUT, DRAWS = 512, 128, 8
TOLERANCE = 0.03
METADATA = {"schedule": "cosine", "timesteps": str(T), "prediction": "v"}


def draw_sprites(count, seed):
    """uint8 images (N, H, W, 3) and labels (N,)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0:HEIGHT]
    images, labels = np.zeros((count, HEIGHT, HEIGHT, 3), np.uint8), np.arange(count) % CLASSES
    for image, label in zip(images, labels):
        y, x, size = random.integers(5, 11), random.integers(5, 11), random.integers(2, 6)
        shapes = [(rows - y) ** 2 + (columns - x) ** 2 <= size ** 2,
                  np.maximum(abs(rows - y), abs(columns - x)) <= size,
                  np.minimum(abs(rows - y), abs(columns - x)) <= size // 3,
                  (rows + columns) % (size + 1) == 0]
        image[shapes[label]] = random.integers(64, 256, 3)
    return images, labels


def normalised(images):
    return torch.from_numpy(images.transpose(0, 3, 1, 2) / 127.5 - 1).float()


def train_torch(images, labels, seed):
    """The averaged weights of a run, as a module."""
    torch.manual_seed(seed)
    module = context_unet.ContextUnet(3, FEATURES, CLASSES, HEIGHT).train()
    average = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    alpha_bar = torch.tensor(diffusion.alpha_bars(METADATA), dtype=torch.float32)
    snr = alpha_bar / (1 - alpha_bar)
    x_0, one_hot = normalised(images), torch.eye(CLASSES)[labels]
    order = torch.empty(0, dtype=torch.long)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        while len(order) < BATCH:  # every image once an epoch
            order = torch.cat([order, torch.randperm(len(images))])
        chosen, order = order[:BATCH], order[BATCH:]
        t, noise = torch.randint(1, T + 1, (BATCH,)), torch.randn(BATCH, 3, HEIGHT, HEIGHT)
        bar = alpha_bar[t][:, None, None, None]
        x = x_0[chosen]
        flipped = torch.rand(BATCH) < 0.5
        x = torch.where(flipped[:, None, None, None], x.flip(3), x)
        context = one_hot[chosen] * (torch.rand(BATCH, 1) >= DROP)
        target = bar.sqrt() * noise - (1 - bar).sqrt() * x
        weight = torch.clamp(snr[t], max=GAMMA) / (snr[t] + 1)
        found = module(bar.sqrt() * x + (1 - bar).sqrt() * noise, t / T, context)
        loss = (weight[:, None, None, None] * (found - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        decay = min(EMA, (1 + step) / (10 + step))
        for name, tensor in module.state_dict().items():
            if tensor.dtype.is_floating_point:
                average[name].lerp_(tensor, 1 - decay)
    module.load_state_dict(average)
    return module.double()


def train_mote(mote, seed):
    output = mote.file(f"trained{seed}.safetensors")
    mote.run("train", mote.file("images.npy"), "--labels", mote.file("labels.npy"), "-o", output, "--steps", STEPS,
             "--batch", BATCH, "--lr", RATE, "--clip", CLIP, "--min-snr", GAMMA, "--context-drop", DROP, "--flip", 0.5,
             "--holdout", 0, "--schedule", "cosine", "--target", "v", "--timesteps", T, "--n-feat", FEATURES, "--ema",
             EMA, "--seed", seed, "--sample-every", 0)
    return context_unet.load_model(output)[0]


def validation_loss(module, images, labels):
    """The weighted loss of training, over `DRAWS` fixed timesteps and noises an image."""
    module.eval()
    random = np.random.default_rng(100)
    alpha_bar = np.asarray(diffusion.alpha_bars(METADATA), np.float64)
    x_0, context = normalised(images).double(), torch.eye(CLASSES, dtype=torch.float64)[labels]
    total = 0.0
    with torch.no_grad():
        for draw in range(DRAWS):
            t = 1 + (np.arange(len(images)) * DRAWS + draw) * T // (len(images) * DRAWS)  # evenly over all timesteps
            noise = torch.from_numpy(random.standard_normal(x_0.shape))
            bar = torch.from_numpy(alpha_bar[t])[:, None, None, None]
            snr = bar / (1 - bar)
            target = bar.sqrt() * noise - (1 - bar).sqrt() * x_0
            found = module(bar.sqrt() * x_0 + (1 - bar).sqrt() * noise, torch.from_numpy(t / T), context)
            total += (torch.clamp(snr, max=GAMMA) / (snr + 1) * (found - target) ** 2).mean().item()
    return total / DRAWS


def check(report, mote):
    images, labels = draw_sprites(TRAINING, 1)
    held_out = draw_sprites(HELD_OUT, 2)
    np.save(mote.file("images.npy"), images)
    np.save(mote.file("labels.npy"), labels.astype(np.int32))
    torch.manual_seed(0)
    untrained = validation_loss(context_unet.ContextUnet(3, FEATURES, CLASSES, HEIGHT).double(), *held_out)
    ours = [validation_loss(train_mote(mote, seed), *held_out) for seed in range(SEEDS)]
    theirs = [validation_loss(train_torch(images, labels, seed), *held_out) for seed in range(SEEDS)]
    print("mote   ", " ".join(f"{loss:.5f}" for loss in ours), "   untrained", f"{untrained:.5f}")
    print("pytorch", " ".join(f"{loss:.5f}" for loss in theirs))
    report.truth("training lowers the loss to a third", max(ours + theirs) < untrained / 3, "in every run")
    report.error("mean validation loss of three runs, against PyTorch's", abs(np.mean(ours) / np.mean(theirs) - 1),
                 TOLERANCE)


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    with harness.Mote(options.mote, options.device, options.kernels) as mote, report.case("three runs each"):
        check(report, mote)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
