"""The classifier against float64 PyTorch: logits and features, and twenty AdamW steps of `mote train --classifier`."""
import sys

import numpy as np
import torch

import harness
import safetensors_numpy
import sprite_classifier
from context_unet import weights
from test_train_steps import BATCH, CLIP, CONTEXTS, COUNT, DECAY, RATE, SEED, STEPS, TOLERANCE, images_of

CASES = [(3, 8, 5, 16, 33), (1, 16, 2, 12, 1), (4, 24, 7, 28, 5)]  # channels, n_feat, n_cfeat, height, batch


def random_classifier(channels, n_feat, n_cfeat, height, seed):
    """Float64, in eval mode, its running statistics those of a batch of noise, so that eval and train mode differ."""
    torch.manual_seed(seed)
    module = sprite_classifier.SpriteClassifier(channels, n_feat, n_cfeat, height).double()
    for name, parameter in module.named_parameters():
        if name.endswith(".1.weight"):
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
        if name.endswith(".1.bias"):
            torch.nn.init.uniform_(parameter, -0.5, 0.5)
    module.train()
    for _ in range(20):
        module(torch.randn(16, channels, height, height, dtype=torch.float64))
    return module.eval()


def check_forward(report, mote, case):
    channels, n_feat, n_cfeat, height, batch = case
    path = mote.file("classifier.safetensors")
    sprite_classifier.save_model(path, random_classifier(channels, n_feat, n_cfeat, height, 5))
    module = sprite_classifier.load_model(path)  # rounded to float32
    x = np.random.default_rng(6).standard_normal((batch, channels, height, height)).astype(np.float32)
    logits, features = mote.file("logits.npy"), mote.file("features.npy")
    mote.run("forward", path, "--x", mote.array("x", x), "-o", logits, "--features", features)
    with torch.no_grad():
        wanted = [tensor.numpy() for tensor in module(torch.from_numpy(x).double())]
    name = f"C {channels}, f {n_feat}, K {n_cfeat}, h {height}, batch {batch}"
    for what, file, values in (("logits", logits, wanted[0]), ("features", features, wanted[1])):
        report.error(f"{what}, {name}", harness.relative_error(harness.read_float32(file, values.shape), values), 2e-5)


def train(module, pixels, labels):
    """All classes count the same: those that are seldom weigh more."""
    counts = np.bincount(labels, minlength=CONTEXTS)
    class_weights = torch.from_numpy(len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)))
    optimizer = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=DECAY)
    module.train()
    for step in range(STEPS):
        images, _ = images_of(step)
        x = torch.from_numpy(pixels[images].transpose(0, 3, 1, 2) / 127.5 - 1)
        losses = torch.nn.functional.cross_entropy(module(x)[0], torch.from_numpy(labels[images]), reduction="none")
        loss = (losses * class_weights[labels[images]]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()


def check_training(report, mote):
    start, output = mote.file("start.safetensors"), mote.file("trained.safetensors")
    sprite_classifier.save_model(start, random_classifier(3, 8, CONTEXTS, 16, 7))
    pixels = np.random.default_rng(8).integers(0, 256, (COUNT, 16, 16, 3), np.uint8)
    labels = np.arange(COUNT) % (CONTEXTS + 1) % CONTEXTS  # the first class has twice as many images
    np.save(mote.file("pixels.npy"), pixels)
    np.save(mote.file("labels.npy"), labels.astype(np.int32))
    mote.run("train", mote.file("pixels.npy"), "--labels", mote.file("labels.npy"), "--classifier", "--start", start,
             "-o", output, "--steps", STEPS, "--batch", BATCH, "--lr", RATE, "--lr-schedule", "constant",
             "--weight-decay", DECAY, "--clip", CLIP, "--flip", 0, "--holdout", 0, "--seed", SEED, "--ema", 1e-9,
             "--sample-every", 0)
    found = safetensors_numpy.load(output)[0]
    module = sprite_classifier.load_model(start)
    before = {name: tensor.numpy().copy() for name, tensor in weights(module).items()}
    train(module, pixels, labels)
    wanted = {name: tensor.numpy() for name, tensor in weights(module).items()}
    # A bias that the norm behind it subtracts again has a gradient of rounding alone.
    names = [n for n, _ in module.named_parameters() if not n.endswith(".0.bias")]
    size = np.sqrt(sum(np.sum(wanted[n] ** 2) for n in names))
    error = np.sqrt(sum(np.sum((found[n] - wanted[n]) ** 2) for n in names)) / size
    moved = np.sqrt(sum(np.sum((before[n] - wanted[n]) ** 2) for n in names)) / size
    report.truth("twenty steps move the weights", moved > 100 * TOLERANCE, f"by {moved:.2e}")
    report.error("weights after twenty AdamW steps", error, TOLERANCE)


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for case in CASES[:2] if options.small else CASES:
            with report.case(f"forward of {case}"):
                check_forward(report, mote, case)
        with report.case("twenty AdamW steps"):
            check_training(report, mote)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
