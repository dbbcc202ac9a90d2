"""`mote train` against float64 PyTorch: twenty AdamW steps from the same weights, batches and noise, and three hundred of a unet2d.

Everything that mote draws on the device is drawn here again, from the published generators and the formulas that stand
at the head of the shaders: the order of the images, timesteps, dropped contexts, noise.
"""
import csv
import json
import sys

import numpy as np
import torch

import context_unet
import diffusion
import harness
import safetensors_numpy
import test_unet2d
import unet2d
from philox import counters, normals, philox

STEPS, BATCH, COUNT, HEIGHT, CHANNELS, CONTEXTS, T = 20, 8, 21, 16, 3, 4, 500
MANY_STEPS, MANY_TOLERANCE, HALF_MANY_TOLERANCE = 300, 1e-4, 3e-2  # relative: of the loss of the last steps
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
    quads = np.arange(pixels[0].size // 4)
    noise = normals(philox(counters(quads[None], np.array(draws)[:, None], 0, NOISE), SEED))
    noise = noise.reshape(BATCH, CHANNELS, *pixels.shape[1:3])
    x_0 = pixels[images].transpose(0, 3, 1, 2) / 127.5 - 1
    bar = alpha_bar[t][:, None, None, None]
    context = np.eye(CONTEXTS)[labels[images]] * ~drop[:, None]
    snr = alpha_bar[t] / (1 - alpha_bar[t])
    weight = np.minimum(snr, GAMMA) / (snr + 1)
    tensors = [np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise, np.sqrt(bar) * noise - np.sqrt(1 - bar) * x_0, t, context,
               weight]
    return [torch.from_numpy(a) for a in tensors]


class ContextUnet:
    """The network by default: weights in a file, and options that say the rest."""

    name, size = "", (HEIGHT, HEIGHT)

    def __init__(self, features):
        self.features = features

    def make(self):
        return context_unet.random_model(CHANNELS, self.features, CONTEXTS, HEIGHT, 3)

    def save(self, mote, module):
        path = mote.file("start.safetensors")
        context_unet.save_model(path, module, context_unet.metadata_of(module, timesteps=str(T), schedule="cosine", prediction="v"))
        return path, ["--schedule", "cosine", "--target", "v", "--n-feat", self.features]

    def load(self, path):
        return context_unet.load_model(path)[0]  # rounded to float32, as mote has it

    def run(self, module, x, t, context):
        return module(x, t / T, context)

    def arrays(self, module):
        return {name: tensor.detach().numpy().copy() for name, tensor in context_unet.weights(module).items()}

    def matters(self, name):
        """False for a bias that the norm behind it subtracts again (BatchNorm; GroupNorm where a group is one channel): its
        gradient is rounding alone, which Adam makes into steps of full length."""
        return not (name.endswith(".0.bias") and (".conv1." in name or ".conv2." in name or name == "out.0.bias"))


class Unet2d:
    """A small one of diffusers', in its folder."""

    name, size = "unet2d: ", (8, 12)
    config = {**test_unet2d.BASE, "sample_size": [8, 12], "num_class_embeds": CONTEXTS, "attention_head_dim": 8,
              "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}

    def make(self):
        return self.config

    def save(self, mote, _):
        folder = mote.file("start")
        test_unet2d.make_folder(folder / "unet", self.config, 3)
        (folder / "scheduler").mkdir(exist_ok=True)
        (folder / test_unet2d.FILES["scheduler"]).write_text(json.dumps({
            "_class_name": "DDPMScheduler", "num_train_timesteps": T, "beta_schedule": "squaredcos_cap_v2",
            "prediction_type": "v_prediction"}))
        (folder / test_unet2d.FILES["index"]).write_text(json.dumps({"unet": ["diffusers", "UNet2DModel"],
                                                                     "scheduler": ["diffusers", "DDPMScheduler"]}))
        return folder, []

    def load(self, path):
        return unet2d.load(path / "unet").double()

    def run(self, module, x, t, context):
        return module(x, t - 1, context)

    def arrays(self, module):
        return {name: tensor.detach().numpy().copy() for name, tensor in module.state_dict().items()}

    def matters(self, name):
        """False for what shifts all of a pixel's logits alike, which softmax does not see."""
        return not name.endswith("to_k.bias")


def train(network, module, pixels, labels, steps):
    alpha_bar = np.asarray(diffusion.alpha_bars({"schedule": "cosine", "timesteps": str(T)}), np.float64)
    optimizer = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=DECAY)
    module.train()
    losses = []
    for step in range(steps):
        x, target, time, context, weight = draw_batch(step, pixels, labels, alpha_bar)
        loss = (weight[:, None, None, None] * (network.run(module, x, time, context) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    return losses


def run_mote(mote, network, module, pixels, labels, steps):
    """Where the run started, the weights after it, and of its log (steps done, mean loss of those since the line before)."""
    output = mote.file("trained.safetensors")
    start, words = network.save(mote, module)
    np.save(mote.file("pixels.npy"), pixels)
    np.save(mote.file("labels.npy"), labels.astype(np.int32))
    mote.run("train", mote.file("pixels.npy"), "--labels", mote.file("labels.npy"), "--start", start, "-o", output,
             "--steps", steps, "--batch", BATCH, "--lr", RATE, "--lr-schedule", "constant", "--weight-decay", DECAY,
             "--clip", CLIP, "--min-snr", GAMMA, "--context-drop", DROP, "--flip", 0, "--shift", 0, "--holdout", 0,
             "--seed", SEED, "--ema", 1e-9, "--sample-every", 0, "--force", *words)
    with open(mote.file("trained.safetensors.run") / "log.csv", encoding="ascii") as log:
        logged = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(log)]
    return start, safetensors_numpy.load(output)[0], logged


def make_data(network):
    random = np.random.default_rng(4)
    return random.integers(0, 256, (COUNT, *network.size, CHANNELS), np.uint8), np.arange(COUNT) % CONTEXTS


def check(report, mote, options, network):
    tolerance = harness.tolerance(options, TOLERANCE, HALF_TOLERANCE)
    pixels, labels = make_data(network)
    start, found, logged = run_mote(mote, network, network.make(), pixels, labels, STEPS)
    module = network.load(start)
    before = network.arrays(module)
    losses = train(network, module, pixels, labels, STEPS)
    names = [n for n, _ in module.named_parameters() if network.matters(n)]
    wanted = network.arrays(module)
    size = np.sqrt(sum(np.sum(wanted[n] ** 2) for n in names))
    error = np.sqrt(sum(np.sum((found[n] - wanted[n]) ** 2) for n in names)) / size
    moved = np.sqrt(sum(np.sum((before[n] - wanted[n]) ** 2) for n in names)) / size
    report.truth(network.name + "twenty steps move the weights", moved > 3 * tolerance, f"by {moved:.2e}")
    report.error(network.name + "weights after twenty AdamW steps", error, tolerance)
    starts = [0] + [step for step, _ in logged]
    report.worst(network.name + "losses of twenty steps",
                 {f"to step {step}": abs(loss / np.mean(losses[start:step]) - 1) for start, (step, loss) in zip(starts, logged)},
                 harness.tolerance(options, TOLERANCE, HALF_LOSS_TOLERANCE))
    # Running means are not compared: they hold the biases that are left out above.
    variances = {n: np.linalg.norm(found[n] - v) / np.linalg.norm(v) for n, v in wanted.items() if ".running_var" in n}
    if variances:
        report.worst("running variances after twenty steps", variances,
                     harness.tolerance(options, TOLERANCE, HALF_VARIANCE_TOLERANCE))


def check_many(report, mote, options, network):
    """From the same start on the same data both learn as much."""
    pixels, labels = make_data(network)
    start, _, logged = run_mote(mote, network, network.make(), pixels, labels, MANY_STEPS)
    losses = train(network, network.load(start), pixels, labels, MANY_STEPS)
    last = logged[-2][0] if logged[-1][0] - logged[-2][0] >= 50 else logged[-3][0]
    # Means of the log's lines, each over the steps since the one before.
    rows = [(step - before[0], loss) for before, (step, loss) in zip(logged, logged[1:]) if before[0] >= last]
    found = sum(count * loss for count, loss in rows) / sum(count for count, _ in rows)
    report.truth(f"{network.name}{MANY_STEPS} steps learn", np.mean(losses[-50:]) < 0.7 * np.mean(losses[:20]),
                 f"from {np.mean(losses[:20]):.3f} to {np.mean(losses[-50:]):.3f}")
    report.error(f"{network.name}loss after {MANY_STEPS} steps", abs(found / np.mean(losses[last:]) - 1),
                 harness.tolerance(options, MANY_TOLERANCE, HALF_MANY_TOLERANCE))


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    context = ContextUnet(HALF_FEATURES if options.kernels == "matrix" else FEATURES)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for network in (context, Unet2d()):
            if report.wanted(network.name + "twenty AdamW steps"):
                with report.case(network.name + "twenty AdamW steps"):
                    check(report, mote, options, network)
        if report.wanted("unet2d: three hundred steps"):
            with report.case("unet2d: three hundred steps"):
                check_many(report, mote, options, Unet2d())
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
