"""`mote train` against float64 PyTorch: twenty AdamW steps from the same weights, batches and noise.

Everything that mote draws on the device is drawn here again, from the published generators and the formulas that stand
at the head of the shaders: the order of the images, timesteps, dropped contexts, noise.
"""
import csv
import sys

import numpy as np
import torch

import context_unet
import diffusion
import harness
import safetensors_numpy
from philox import counters, normals, philox

STEPS, BATCH, COUNT, HEIGHT, CHANNELS, CONTEXTS, T = 20, 8, 21, 16, 3, 4, 500
RATE, DECAY, CLIP, GAMMA, DROP, SEED = 1e-3, 0.01, 1.0, 5.0, 0.1, (7 << 32) | 12345
FEATURES = 8
TOLERANCE = 1e-5  # relative: of the loss, and over all parameters that the output depends on
# In half precision, and with as many features as all layers need for it. Rounding turns decisions of ReLU and max-pool, and
# so gradients by some percent; Adam's first steps follow the sign of gradients, however small: weights part by a sixth of
# the way that they go. The loss does not mind; a wrong gradient would raise it.
HALF_FEATURES = 16
HALF_TOLERANCE, HALF_LOSS_TOLERANCE, HALF_VARIANCE_TOLERANCE = 1e-2, 1e-3, 4e-2
NOISE, DRAW = 1, 2  # streams


def mix_bits(x):
    x = (x ^ x >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    x = (x ^ x >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return x ^ x >> 16


def permute(i, count, key):
    """shaders/permutation.h."""
    half = 1
    while 1 << 2 * half < count:
        half += 1
    mask = (1 << half) - 1
    while True:
        left, right = i >> half, i & mask
        for n in range(4):
            key_n = mix_bits(key + n * 0x9E3779B9 & 0xFFFFFFFF)
            left, right = right, left ^ (mix_bits(right ^ key_n) & mask)
        i = left << half | right
        if i < count:
            return i


def images_of(step):
    """The images of one step's batch, and the numbers of their draws."""
    draws = [step * BATCH + n for n in range(BATCH)]
    keys = [mix_bits(SEED & 0xFFFFFFFF ^ mix_bits(SEED >> 32 ^ mix_bits(d // COUNT))) for d in draws]
    return [permute(d % COUNT, COUNT, k) for d, k in zip(draws, keys)], draws


def draw_batch(step, pixels, labels, alpha_bar):
    """The batch of one step: x_t, target v, t, context, weight."""
    images, draws = images_of(step)
    words = philox(counters(0, np.array(draws), 0, DRAW), SEED)
    t = 1 + (words[:, 0] * np.uint64(T) >> np.uint64(32)).astype(int)
    drop = (words[:, 1] >> np.uint64(8)) / 2.0**24 < np.float32(DROP)
    quads = np.arange(CHANNELS * HEIGHT * HEIGHT // 4)
    noise = normals(philox(counters(quads[None], np.array(draws)[:, None], 0, NOISE), SEED))
    noise = noise.reshape(BATCH, CHANNELS, HEIGHT, HEIGHT)
    x_0 = pixels[images].transpose(0, 3, 1, 2) / 127.5 - 1
    bar = alpha_bar[t][:, None, None, None]
    context = np.eye(CONTEXTS)[labels[images]] * ~drop[:, None]
    snr = alpha_bar[t] / (1 - alpha_bar[t])
    weight = np.minimum(snr, GAMMA) / (snr + 1)
    tensors = [np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise, np.sqrt(bar) * noise - np.sqrt(1 - bar) * x_0, t / T,
               context, weight]
    return [torch.from_numpy(a) for a in tensors]


def train(module, pixels, labels):
    alpha_bar = np.asarray(diffusion.alpha_bars({"schedule": "cosine", "timesteps": str(T)}), np.float64)
    optimizer = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=DECAY)
    module.train()
    losses = []
    for step in range(STEPS):
        x, target, time, context, weight = draw_batch(step, pixels, labels, alpha_bar)
        loss = (weight[:, None, None, None] * (module(x, time, context) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    return losses


def matters(name):
    """False for a bias that the norm behind it subtracts again (BatchNorm; GroupNorm where a group is one channel): its
    gradient is rounding alone, which Adam makes into steps of full length."""
    return not (name.endswith(".0.bias") and (".conv1." in name or ".conv2." in name or name == "out.0.bias"))


def arrays(module):
    return {name: tensor.detach().numpy().copy() for name, tensor in context_unet.weights(module).items()}


def run_mote(mote, module, pixels, labels):
    """The weights after the same steps by mote, and of its log (steps done, mean loss of those since the line before)."""
    start, output = mote.file("start.safetensors"), mote.file("trained.safetensors")
    context_unet.save_model(start, module, context_unet.metadata_of(
        module, timesteps=str(T), schedule="cosine", prediction="v"))
    np.save(mote.file("pixels.npy"), pixels)
    np.save(mote.file("labels.npy"), labels.astype(np.int32))
    mote.run("train", mote.file("pixels.npy"), "--labels", mote.file("labels.npy"), "--start", start, "-o", output,
             "--steps", STEPS, "--batch", BATCH, "--lr", RATE, "--lr-schedule", "constant", "--weight-decay", DECAY,
             "--clip", CLIP, "--min-snr", GAMMA, "--context-drop", DROP, "--flip", 0, "--shift", 0, "--holdout", 0,
             "--schedule", "cosine", "--target", "v", "--n-feat", module.n_feat, "--seed", SEED, "--ema", 1e-9,
             "--sample-every", 0)
    with open(mote.file("trained.safetensors.run") / "log.csv", encoding="ascii") as log:
        logged = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(log)]
    return safetensors_numpy.load(output)[0], logged


def check(report, mote, options):
    features = HALF_FEATURES if options.kernels == "matrix" else FEATURES
    tolerance = harness.tolerance(options, TOLERANCE, HALF_TOLERANCE)
    module = context_unet.random_model(CHANNELS, features, CONTEXTS, HEIGHT, 3)
    random = np.random.default_rng(4)
    pixels = random.integers(0, 256, (COUNT, HEIGHT, HEIGHT, CHANNELS), np.uint8)
    labels = np.arange(COUNT) % CONTEXTS
    found, logged = run_mote(mote, module, pixels, labels)
    module, _ = context_unet.load_model(mote.file("start.safetensors"))  # rounded to float32, as mote has it
    before = arrays(module)
    losses = train(module, pixels, labels)
    names = [n for n, _ in module.named_parameters() if matters(n)]
    wanted = arrays(module)
    size = np.sqrt(sum(np.sum(wanted[n] ** 2) for n in names))
    error = np.sqrt(sum(np.sum((found[n] - wanted[n]) ** 2) for n in names)) / size
    moved = np.sqrt(sum(np.sum((before[n] - wanted[n]) ** 2) for n in names)) / size
    report.truth("twenty steps move the weights", moved > 3 * tolerance, f"by {moved:.2e}")
    report.error("weights after twenty AdamW steps", error, tolerance)
    starts = [0] + [step for step, _ in logged]
    report.worst("losses of twenty steps",
                 {f"to step {step}": abs(loss / np.mean(losses[start:step]) - 1) for start, (step, loss) in zip(starts, logged)},
                 harness.tolerance(options, TOLERANCE, HALF_LOSS_TOLERANCE))
    # Running means are not compared: they hold the biases that are left out above.
    variances = {n: np.linalg.norm(found[n] - v) / np.linalg.norm(v) for n, v in wanted.items() if ".running_var" in n}
    report.worst("running variances after twenty steps", variances,
                 harness.tolerance(options, TOLERANCE, HALF_VARIANCE_TOLERANCE))


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    with harness.Mote(options.mote, options.device, options.kernels) as mote, report.case("twenty AdamW steps"):
        check(report, mote, options)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
