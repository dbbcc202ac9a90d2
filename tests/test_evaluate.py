#!/usr/bin/python3
"""mote evaluate: losses against the formulas and `mote forward`, distances against NumPy, and its errors.

    /usr/bin/python3 tests/test_evaluate.py --mote build/mote
"""
import os
import sys

import numpy as np

import test_cli as cli
from parity import philox, safetensors_numpy
from test_cli import expect, expect_error, read_png
from test_edit import write_png

SIDE, T, SEED, COUNT = 8, 50, 5, 20
LEVELS = 10


def gradient():
    ramp = np.linspace(20, 235, SIDE * SIDE * 3).reshape(SIDE, SIDE, 3)
    return np.round(ramp).astype(np.uint8)


def train(where, images, target="v", name="data.npy"):
    np.save(f"{where}/{name}", images)
    cli.Run("train", name, "-o", "m.safetensors", "--n-feat", 8, "--batch", 4, "--steps", 3, "--timesteps", T,
            "--target", target, "--holdout", 0.5, "--seed", SEED, "--sample-every", 0, where=where, check=0)


def evaluate(where, *words, check=0):
    run = cli.Run("evaluate", "m.safetensors", "data.npy", "--holdout", 0.5, "--seed", SEED, "--json", *words,
                  where=where, check=check)
    return [line for line in run.lines() if line["event"] == "result"][0]


def alpha_bar(t):
    """Cosine schedule (Nichol & Dhariwal 2021), beta at most 0.999."""
    f = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * np.pi / 2) ** 2
    beta = np.minimum(1 - f[1:] / f[:-1], 0.999)
    return np.concatenate([[1], np.cumprod(1 - beta)])[t]


def normal(t, count):
    elements = np.arange(3 * SIDE * SIDE)
    words = philox.philox(philox.counters(elements[None], np.arange(count)[:, None], 0, 4), SEED + t)
    radius = np.sqrt(-2 * np.log((words[..., 0] + 1.0) / 2**32))
    return (radius * np.cos(2 * np.pi * words[..., 1] / 2**32)).reshape(count, 3, SIDE, SIDE)


def losses(where, image, t, target, count):
    """Of `count` copies of the image at timestep t, with the network's output by `mote forward`."""
    x0, epsilon = image.transpose(2, 0, 1) / 127.5 - 1, normal(t, count)
    signal, level = np.sqrt(alpha_bar(t)), np.sqrt(1 - alpha_bar(t))
    np.save(f"{where}/x.npy", (signal * x0 + level * epsilon).astype(np.float32))
    np.save(f"{where}/t.npy", np.full(count, t, np.int32))
    cli.Run("forward", "m.safetensors", "--x", "x.npy", "--steps", "t.npy", "-o", "y.npy", where=where, check=0)
    wanted = {"v": signal * epsilon - level * x0, "epsilon": epsilon, "x0": np.broadcast_to(x0, epsilon.shape)}[target]
    return ((np.load(f"{where}/y.npy") - wanted) ** 2).mean((1, 2, 3))


def expect_estimate(found, values, what):
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    expect(abs(found["mean"] - values.mean()) < 1e-4 * values.mean(), f"{what}: {found}, expected {values.mean()}")
    expect(abs(found["half_width"] - half) < 1e-3 * half, f"{what}: {found}, expected +- {half}")


def test_losses_are_those_of_the_formulas(where):
    """Mean squared error by timestep, and its interval, for each thing that a network may predict."""
    for target in ("v", "epsilon", "x0"):
        train(where, np.repeat(gradient()[None], COUNT, 0), target)
        result = evaluate(where, "-n", 1, "--steps", 1)
        by_level = []
        for i, level in enumerate(result["levels"]):
            t = 1 + (2 * i + 1) * T // (2 * LEVELS)
            expect(level["timestep"] == t, f"timestep {level['timestep']}, expected {t}")
            by_level.append(losses(where, gradient(), t, target, COUNT // 2))
            for part in ("held_out", "train"):
                expect_estimate(level[part], by_level[-1], f"{target}, {part} at {t}")
        expect_estimate(result["held_out"], np.mean(by_level, 0), f"{target}, all")
        expect(result["held_out_images"] == result["train_images"] == COUNT // 2, f"{result}")
        for name in ("m.safetensors", "m.safetensors.run"):
            os.rename(f"{where}/{name}", f"{where}/{target}-{name}")


def test_distances_are_those_of_the_pixels(where):
    """Root mean square to the nearest training image or its mirror image; copies are nearer than the held-out ones."""
    image = gradient()
    train(where, np.stack([image, image[:, ::-1]]))
    result = evaluate(where, "-n", 6, "--steps", 2)
    expect(result["held_out_distance"] == 0, f"the mirror image is {result['held_out_distance']} away")
    expect(result["copies"] == {"mean": 0, "half_width": 0}, f"copies {result['copies']}")
    cli.Run("sample", "m.safetensors", "-n", 6, "--steps", 2, "--seed", SEED, "-o", "s.png", "--columns", 1, where=where,
            check=0)
    made = read_png(f"{where}/s.png")[3].reshape(6, SIDE, SIDE, 3).astype(float)
    away = [min(np.sqrt(((one - other) ** 2).mean()) for other in (image, image[:, ::-1])) for one in made]
    expect(abs(result["sample_distance"] - np.median(away)) < 1e-6, f"{result['sample_distance']}, {np.median(away)}")


def test_copies_are_found(where):
    """Samples that are nearer to the training images than held-out images are count as copies."""
    dark, other = np.zeros((SIDE, SIDE, 3), np.uint8), np.indices((SIDE, SIDE)).sum(0) % 2 * 255
    train(where, np.stack([dark, np.repeat(other[..., None], 3, 2).astype(np.uint8)]))
    result = evaluate(where, "-n", 4, "--steps", 2)
    expect(result["held_out_distance"] > 150 and result["copies"]["mean"] == 1, f"{result}")


def test_what_is_left_out_is_said(where):
    """Files of a folder that are no images are counted."""
    train(where, np.random.default_rng(1).integers(0, 256, (6, SIDE, SIDE, 3)).astype(np.uint8))
    os.mkdir(f"{where}/sprites")
    for i in range(6):
        write_png(f"{where}/sprites/{i}.png", np.full((SIDE, SIDE, 3), 40 * i, np.uint8))
    for name, data in (("a.gif", b"GIF89a" + bytes(20)), ("b.txt", b"no image")):
        with open(f"{where}/sprites/{name}", "wb") as file:
            file.write(data)
    run = cli.Run("evaluate", "m.safetensors", "sprites", "--holdout", 0.5, "-n", 2, "--steps", 2, where=where, check=0)
    expect("left out 2 files that are no images" in run.err and "GIF" in run.err, run.err)


def label_data(where, count):
    """Dark and bright images with their classes; of the bright ones there are fewer."""
    random = np.random.default_rng(3)
    labels = (np.arange(count) % 3 == 0).astype(int)
    images = random.integers(0, 150, (count, SIDE, SIDE, 3)) + 105 * labels[:, None, None, None]
    np.save(f"{where}/data.npy", images.astype(np.uint8))
    np.save(f"{where}/labels.npy", labels)
    return images, labels


def classify(where, images):
    """The classes that the classifier finds in (N,h,w,3) bytes, and its features."""
    np.save(f"{where}/x.npy", (images.transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32))
    cli.Run("forward", "c.safetensors", "--x", "x.npy", "-o", "logits.npy", "--features", "f.npy", where=where, check=0)
    return np.load(f"{where}/logits.npy").argmax(1), np.load(f"{where}/f.npy").astype(float)


def balanced(labels):
    """Weights by which all classes count the same."""
    return 1 / np.bincount(labels)[labels]


def frechet(one, one_weights, other, other_weights):
    """Heusel et al. 2017, equation 6."""
    a, b = np.cov(one.T, aweights=one_weights), np.cov(other.T, aweights=other_weights)
    root = np.sqrt(np.linalg.eigvals(a @ b).astype(complex)).real.sum()
    apart = np.average(one, 0, one_weights) - np.average(other, 0, other_weights)
    return (apart ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root


def held_out(labels):
    """Which images are held out: half of each class, the first of a shuffle that Philox draws (tools/data/dataset.c)."""
    held = np.zeros(len(labels), bool)
    for label in sorted(set(labels)):
        members = [i for i, other in enumerate(labels) if other == label]
        for i in range((len(members) + 1) // 2):
            word = philox.philox(philox.counters(i, label, 0, 0x68656C64), SEED)[0]
            other = i + (int(word) * (len(members) - i) >> 32)
            members[i], members[other] = members[other], members[i]
            held[members[i]] = True
    return held


def expect_judgement(result, right, features, labels, real_found, real_features):
    """The part of the result that the classifier is behind: of samples, and of real images by whether they are held out."""
    held, even = held_out(labels), np.ones(len(features))
    seen = real_features[~held], balanced(labels[~held])
    expect_estimate(result["accuracy"], right, "accuracy")
    for k, entry in enumerate(result["classes"]):
        expect(entry["label"] == str(k), f"label {entry['label']}")
        expect(abs(entry["accuracy"]["mean"] - right[k::2].mean()) < 1e-9, f"accuracy of {k}: {entry}")
    found = result["held_out_accuracy"]["mean"]
    expect(abs(found - (real_found == labels)[held].mean()) < 1e-9, f"held-out accuracy {found}")
    for name, of in (("frechet", (features, even)), ("held_out_frechet", (real_features[held], balanced(labels[held])))):
        wanted, found = frechet(*of, *seen), result[name]["mean"]
        expect(abs(found - wanted) < 1e-3 * wanted, f"{name} {found}, expected {wanted}")
    spread = np.std([frechet(features[np.random.default_rng(i).integers(0, len(features), len(features))], even, *seen)
                     for i in range(200)])
    half = result["frechet"]["half_width"]
    expect(abs(half - 1.96 * spread) < 0.4 * half, f"interval of the Frechet distance {half}, expected {1.96 * spread}")


def test_a_classifier_judges(where):
    """Class accuracies and the Frechet distance, from `mote forward` on the same samples and NumPy."""
    count, n = 120, 40
    images, labels = label_data(where, count)
    common = ("--labels", "labels.npy", "--holdout", 0.5, "--seed", SEED, "--batch", 16)
    cli.Run("train", "data.npy", "-o", "m.safetensors", "--n-feat", 8, "--steps", 30, "--timesteps", T, *common,
            where=where, check=0)
    cli.Run("train", "data.npy", "-o", "c.safetensors", "--n-feat", 8, "--steps", 20, "--classifier", *common,
            where=where, check=0)
    result = evaluate(where, "-n", n, "--steps", 4, "--labels", "labels.npy", "--classifier", "c.safetensors")
    np.save(f"{where}/context.npy", np.eye(2, dtype=np.float32)[np.arange(n) % 2])
    cli.Run("sample", "m.safetensors", "-n", n, "--steps", 4, "--seed", SEED, "--context-npy", "context.npy", "-o",
            "s.png", "--columns", 1, where=where, check=0)
    made = read_png(f"{where}/s.png")[3].reshape(n, SIDE, SIDE, 3)
    found, features = classify(where, made)
    right = (found == np.arange(n) % 2).astype(float)
    expect(0 < right.mean() < 1, f"the classifier finds {right.mean()} of the samples right, which says little")
    expect_judgement(result, right, features, labels, *classify(where, images))
    plain = evaluate(where, "-n", n, "--steps", 4, "--labels", "labels.npy", "--classifier", "none")
    expect("accuracy" not in plain and "frechet" not in plain, f"{plain}")
    expect_error(cli.Run("evaluate", "m.safetensors", "data.npy", "--labels", "labels.npy", "--classifier",
                         "m.safetensors", where=where, check=1), "--classifier", "context_unet")


def test_a_loss_that_is_not_finite(where):
    """Weights that are finite but overflow end it with the model's name, not with a result of nan."""
    train(where, np.repeat(gradient()[None], 4, 0))
    tensors, metadata = safetensors_numpy.load(f"{where}/m.safetensors")
    for name, tensor in tensors.items():
        if "running" not in name:
            tensors[name] = np.full_like(tensor, 3e38)
    safetensors_numpy.save(f"{where}/m.safetensors", tensors, metadata)
    run = cli.Run("evaluate", "m.safetensors", "data.npy", "--holdout", 0.5, "-n", 1, where=where, check=1)
    expect("m.safetensors" in run.err.splitlines()[-1] and "not finite" in run.err.splitlines()[-1], run.err)
    expect("nan" not in run.out, run.out)


def test_wrong_usage(where):
    """Data that is not the model's is named, with what was expected."""
    train(where, np.repeat(gradient()[None], 4, 0))
    np.save(f"{where}/large.npy", np.zeros((4, 16, 16, 3), np.uint8))
    np.save(f"{where}/labels.npy", np.arange(4))
    for words, code, texts in (
            (("m.safetensors", "large.npy"), 1, ("large.npy", "16 x 16", "8 x 8", "--size 8x8")),
            (("m.safetensors", "data.npy", "--labels", "labels.npy"), 1, ("data.npy", "4 classes", "1")),
            (("m.safetensors", "data.npy", "--holdout", "0.01"), 2, ("--holdout", "0.01")),
            (("m.safetensors", "nothing.txt"), 2, ("nothing.txt", "DATA")),
            (("nowhere.safetensors", "data.npy"), 1, ("nowhere.safetensors",)),
            (("m.safetensors", "none.npy"), 1, ("none.npy",)),
            (("m.safetensors", "data.npy", "-n", "0"), 2, ("-n",)),
            (("m.safetensors", "data.npy", "--sampler", "best"), 2, ("--sampler", "ddim"))):
        expect_error(cli.Run("evaluate", *words, where=where, check=code), *texts)


if __name__ == "__main__":
    sys.exit(cli.run_all(globals()))
