#!/usr/bin/python3
"""mote distill: rounds, what they leave behind, resuming, what mote sample makes of the result, and its errors.

    /usr/bin/python3 tests/test_distill.py --mote build/mote
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np

import test_cli as cli
import test_train
import train_support
from test_cli import expect, expect_error

SIDE, T, COUNT = 8, 50, 24
DATA = ("data.npy", "--labels", "labels.npy")


def make_model(where, *words):
    """A model of two classes, and its data."""
    numbers = np.random.default_rng(3)
    labels = np.arange(COUNT) % 2
    images = numbers.integers(0, 60, (COUNT, SIDE, SIDE, 3)) + 150 * labels[:, None, None, None]
    np.save(f"{where}/data.npy", images.astype(np.uint8))
    np.save(f"{where}/labels.npy", labels)
    cli.Run("train", *DATA, "-o", "m.safetensors", "--n-feat", 8, "--batch", 8, "--steps", 20, "--timesteps", T, "--sample-every", 0, *words,
            where=where, check=0)


def command(*words):
    """A short one: two rounds, to 4 and 2 steps, without pictures."""
    return ("distill", "m.safetensors", *DATA, "-o", "fast.safetensors", "--steps", 2, "--from", 8, "--round-steps", 30,
            "--batch", 8, "--sample-every", 0, *words)


def info(where, name):
    return cli.Run("info", name, "--json", where=where, check=0).lines()[0]


def settings(where, name):
    return json.loads(pathlib.Path(where, f"{name}.run", "settings.json").read_text())["settings"]


def samples(where, model, *words):
    """Images of a model, and the steps that they took."""
    run = cli.Run("sample", model, "-n", 3, "--seed", 5, "--npy", "x.npy", "--json", *words, where=where, check=0)
    return np.load(f"{where}/x.npy"), run.lines()[-1]["steps"]


def test_rounds(where):
    """Each round halves the steps; the first builds the guidance in; every model says how many steps it takes."""
    make_model(where)
    run = cli.Run(*command("--guidance", 3, "--lr", "0.002", "--sample-every", 30), where=where, check=0)
    expect("4 steps from 8: fast-4.safetensors" in run.err, run.err)
    expect("2 steps from 4: fast.safetensors" in run.err, run.err)
    for name, steps, teacher, guidance in (("fast-4.safetensors", 4, "m.safetensors", 3),
                                           ("fast.safetensors", 2, "fast-4.safetensors", 1)):
        found, told = info(where, name), settings(where, name)
        expect((found["steps"], found["guidance"]) == (steps, 3), f"{name}: {found}")
        expect(found["default_steps"] == steps, f"{name}: {found}")
        expect(told["teacher"] == "../" + teacher and told["distill-steps"] == steps, f"{name}: {told}")
        expect(told["teacher-guidance"] == guidance and told["min-snr"] == 0 and told["lr"] == 0.002, f"{name}: {told}")
        expect(told["ema"] == 0.99, f"{name}: {told}")
    own, steps = samples(where, "fast.safetensors")
    expect(steps == 2, f"{steps} steps")
    asked, _ = samples(where, "fast.safetensors", "--steps", 2)
    expect(np.array_equal(own, asked), "--steps 2 is another run than the model's own 2 steps")
    expect(samples(where, "fast.safetensors", "--steps", 5)[1] == 5, "--steps 5 is not heeded")
    expect("steps" not in info(where, "m.safetensors"), "a model that was not distilled has steps")
    text = cli.Run("info", "fast.safetensors", where=where, check=0).out
    expect("distilled to    2 steps, guidance 3 built in" in text, text)


def test_a_distilled_model_is_distilled_further(where):
    """Its own steps are those of the first teacher, and its guidance stays."""
    make_model(where)
    cli.Run("distill", "m.safetensors", *DATA, "-o", "four.safetensors", "--steps", 4, "--from", 8, "--round-steps", 5,
            "--batch", 8, "--sample-every", 0, where=where, check=0)
    expect(info(where, "four.safetensors")["guidance"] == 2, "the default guidance")
    cli.Run("distill", "four.safetensors", *DATA, "-o", "one.safetensors", "--steps", 1, "--round-steps", 5, "--batch", 8,
            "--sample-every", 0, where=where, check=0)
    found = info(where, "one.safetensors")
    expect((found["steps"], found["guidance"]) == (1, 2), f"{found}")
    expect(settings(where, "one-2.safetensors")["teacher-guidance"] == 1, "guided twice")


def test_killed_and_resumed(where):
    """A run that is killed in its second round and goes on ends with the bits of one that was not."""
    make_model(where)
    cli.Run(*command("--save-every", 10, "--round-steps", 80), where=where, check=0)
    wanted = pathlib.Path(where, "fast.safetensors").read_bytes()
    for path in pathlib.Path(where).glob("fast*"):
        path.rename(path.with_name("whole-" + path.name))
    words = [str(word) for word in command("--save-every", 10, "--round-steps", 80)]
    device = ["--device", cli.OPTIONS.device] if cli.OPTIONS.device else []
    log = pathlib.Path(where, "fast.safetensors.run", "state.safetensors")
    with subprocess.Popen([cli.OPTIONS.mote, *words, *device], cwd=where, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as run:
        until = time.time() + 120
        while not log.exists() and run.poll() is None and time.time() < until:
            time.sleep(0.002)
        run.send_signal(signal.SIGKILL)
    expect(log.exists(), f"there is no {log}")
    refused = cli.Run(*words, where=where, check=1)
    expect("fast-4.safetensors.run" in refused.err and "--resume" in refused.err, refused.err)
    cli.Run(*words, "--resume", where=where, check=0)
    expect(pathlib.Path(where, "fast.safetensors").read_bytes() == wanted, "the weights differ")


def test_kills(where):
    """Ended at random moments and resumed, it comes to the bits of a run that was not; nothing is left behind."""
    make_model(where)
    words = [str(word) for word in command("--save-every", 2, "--round-steps", 100 * cli.OPTIONS.kills)]
    cli.Run(*words, where=where, check=0)
    files = ("fast-4.safetensors", "fast.safetensors", "fast-4.safetensors.run/state.safetensors",
             "fast.safetensors.run/state.safetensors")
    wanted = [pathlib.Path(where, name).read_bytes() for name in files]
    for path in pathlib.Path(where).glob("fast*"):
        path.rename(path.with_name("whole-" + path.name))
    device = ["--device", cli.OPTIONS.device] if cli.OPTIONS.device else []
    moments, hits = random.Random(cli.OPTIONS.seed), 0
    plan = pathlib.Path(where, "fast.safetensors.run", "distill.json")
    for kill in range(cli.OPTIONS.kills):
        logs = {path: path.stat().st_mtime_ns for path in pathlib.Path(where).glob("fast*/log.csv")}
        with subprocess.Popen([cli.OPTIONS.mote, *words, *device, "--json", *(["--resume"] if plan.exists() else [])], cwd=where,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            until = time.time() + 60
            while run.poll() is None and time.time() < until and all(
                    logs.get(path) == path.stat().st_mtime_ns for path in pathlib.Path(where).glob("fast*/log.csv")):
                time.sleep(0.002)
            time.sleep(moments.uniform(0, 0.4))
            hits += run.poll() is None
            test_train.end_somehow(run, kill)
    print(f"      {hits} of {cli.OPTIONS.kills} ends came in time, seed {cli.OPTIONS.seed}")
    expect(hits > cli.OPTIONS.kills / 2, "most ends came too late")
    cli.Run(*words, "--resume", where=where, check=0)
    for name, data in zip(files, wanted):
        expect(pathlib.Path(where, name).read_bytes() == data, f"{name} differs")
    left = [str(path) for path in pathlib.Path(where).rglob("*.tmp")]
    expect(not left, f"left behind: {left}")


def test_resume_needs_no_words(where):
    """--resume goes on with what was asked for, from any folder; what contradicts it, and another model, is refused."""
    make_model(where)
    expect_error(cli.Run("distill", "-o", "fast.safetensors", "--resume", where=where, check=1), "--resume", "distill.json")
    cli.Run(*command("--lr", "0.002"), where=where, check=0)
    wanted = pathlib.Path(where, "fast.safetensors").read_bytes()
    for name in ("fast.safetensors", "fast.safetensors.run/settings.json", "fast.safetensors.run/state.safetensors",
                 "fast.safetensors.run/log.csv"):
        pathlib.Path(where, name).unlink()
    for path in pathlib.Path(where, "fast.safetensors.run").glob("*.png"):
        path.unlink()
    pathlib.Path(where, "away").mkdir()
    away = pathlib.Path(where, "away")
    for words, texts in ((("--steps", 1), ("--steps", "1", "2")), (("--from", 4), ("--from", "4", "8")),
                         (("--guidance", 3), ("--guidance", "3", "2"))):
        expect_error(cli.Run("distill", "-o", "../fast.safetensors", "--resume", *words, where=away, check=2), *texts)
    cli.Run("distill", "-o", "../fast.safetensors", "--resume", where=away, check=0)
    expect(pathlib.Path(where, "fast.safetensors").read_bytes() == wanted, "the weights differ")
    model = pathlib.Path(where, "m.safetensors")
    model.write_bytes(wanted)
    expect_error(cli.Run("distill", "-o", "fast.safetensors", "--resume", where=where, check=1), "MODEL", "m.safetensors")


def test_nothing_is_replaced(where):
    """-o and the rounds' files replace nothing without --force, and MODEL and the data never; a failed beginning leaves nothing."""
    make_model(where)
    model = pathlib.Path(where, "m.safetensors")
    before, old = model.read_bytes(), pathlib.Path(where, "fast-4.safetensors")
    words = ("--steps", 2, "--from", 8, "--round-steps", 2, "--batch", 8, "--sample-every", 0)
    for name in ("m.safetensors", "./m.safetensors"):
        expect_error(cli.Run("distill", "m.safetensors", *DATA, "-o", name, *words, "--force", where=where, check=2), "-o", "MODEL")
    model.rename(pathlib.Path(where, "m-4.safetensors"))  # a round's name
    expect_error(cli.Run("distill", "m-4.safetensors", *DATA, "-o", "m.safetensors", *words, "--force", where=where, check=2), "-o",
                 "MODEL")
    pathlib.Path(where, "m-4.safetensors").rename(model)
    old.write_bytes(b"precious")
    expect_error(cli.Run(*command(), where=where, check=1), "fast-4.safetensors", "--force")
    expect(old.read_bytes() == b"precious" and model.read_bytes() == before, "refused, but files changed")
    old.unlink()
    bad = cli.Run("distill", "m.safetensors", "nowhere", "-o", "fast.safetensors", *words, where=where)
    expect(bad.code == 1 and "nowhere" in bad.err, bad.err)
    expect(not list(pathlib.Path(where).glob("fast*")), "a failed beginning leaves files")
    cli.Run("distill", "m.safetensors", *DATA, "-o", "fast.safetensors", *words, where=where, check=0)
    first = pathlib.Path(where, "fast.safetensors").read_bytes()
    expect_error(cli.Run("distill", "m.safetensors", *DATA, "-o", "fast.safetensors", *words, where=where, check=1), "--resume")
    cli.Run("distill", "m.safetensors", *DATA, "-o", "fast.safetensors", *words, "--seed", 4, "--force", where=where, check=0)
    expect(pathlib.Path(where, "fast.safetensors").read_bytes() != first, "not replaced by --force")


def test_channels_and_size_are_the_models(where):
    """Models with alpha, of grey images and of another size than the data are distilled from the files that they learned."""
    pixels = np.random.default_rng(4).integers(0, 256, (8, SIDE, SIDE, 4)).astype(np.uint8)
    os.makedirs(f"{where}/data")
    for i, image in enumerate(pixels):
        train_support.png(pathlib.Path(where, "data", f"{i}.png"), SIDE, lambda x, y, image=image: image[y, x].tolist(), alpha=True)
    for channels, words in ((4, ("--channels", 4, "--alpha", "straight")), (1, ("--channels", 1)), (3, ("--resize", 2 * SIDE))):
        name = f"m{channels}.safetensors"
        cli.Run("train", "data", "-o", name, "--n-feat", 8, "--batch", 4, "--steps", 2, "--timesteps", T, "--sample-every", 0, *words,
                where=where, check=0)
        cli.Run("distill", name, "data", "-o", f"fast{channels}.safetensors", "--steps", 1, "--from", 2, "--round-steps", 2, "--batch", 4,
                "--sample-every", 0, where=where, check=0)
        found, model = info(where, f"fast{channels}.safetensors"), info(where, name)
        for key in ("channels", "height", "alpha"):
            expect(found.get(key) == model.get(key), f"{key}: {found.get(key)}, the model's is {model.get(key)}")


def test_wrong_usage(where):
    """Steps that cannot be halved into each other, and what mote train would refuse, are named."""
    make_model(where)
    for words, code, texts in (
            ((), 2, ("MODEL", "not given")),
            (("m.safetensors", *DATA), 2, ("-o", "not given")),
            (("m.safetensors", *DATA, "-o", "fast.png"), 2, ("-o", "fast.png", ".safetensors")),
            (("m.safetensors", *DATA, "-o", "f.safetensors", "--steps", 3, "--from", 8), 2, ("--from", "8", "3")),
            (("m.safetensors", *DATA, "-o", "f.safetensors", "--steps", 4, "--from", 4), 2, ("--from", "4")),
            (("m.safetensors", *DATA, "-o", "f.safetensors", "--steps", 16, "--from", 64), 2, ("--from", "50 timesteps")),
            (("m.safetensors", *DATA, "-o", "f.safetensors", "--guidance", 0), 2, ("--guidance", "0.01")),
            (("none.safetensors", *DATA, "-o", "f.safetensors"), 1, ("none.safetensors",)),
            (("m.safetensors", *DATA, "more", "-o", "f.safetensors"), 2, ("more",))):
        expect_error(cli.Run("distill", *words, where=where, check=code), *texts)
    for words, texts in ((("--teacher", "m.safetensors"), ("--distill-steps", "not given")),
                         (("--distill-steps", 2), ("--teacher", "not given")),
                         (("--teacher-guidance", 2), ("--teacher", "not given")),
                         (("--teacher", "m.safetensors", "--distill-steps", 26), ("distill_steps is 26", "25")),
                         (("--teacher", "m.safetensors", "--distill-steps", 2, "--schedule", "linear"), ("teacher",)),
                         (("--classifier", "--teacher", "m.safetensors", "--distill-steps", 2), ("classifier",))):
        expect_error(cli.Run("train", *DATA, "-o", "f.safetensors", *words, where=where, check=2), *texts)
    expect(not list(pathlib.Path(where).glob("f.*")), "something was written")


def test_a_classifier_makes_no_images(where):
    """Commands for models of images name the classifier that they were given."""
    make_model(where)
    cli.Run("train", *DATA, "-o", "c.safetensors", "--classifier", "--n-feat", 8, "--steps", 5, "--batch", 8, where=where,
            check=0)
    expect(not list(pathlib.Path(where, "c.safetensors.run").glob("samples*")), "sample grids of a classifier")
    expect(pathlib.Path(where, "c.safetensors.run", "loss.png").exists(), "no loss curve")
    text = cli.Run("info", "c.safetensors", where=where, check=0).out
    expect("sprite_classifier" in text and "timesteps" not in text, text)
    found = cli.Run("info", "c.safetensors", "--json", where=where, check=0).lines()[0]
    expect(found["architecture"] == "sprite_classifier" and found["labels"] == ["0", "1"], f"{found}")
    np.save(f"{where}/x.npy", np.zeros((1, 3, SIDE, SIDE), np.float32))
    np.save(f"{where}/t.npy", np.zeros(1, np.int32))
    images = ("--x", "x.npy", "-o", "y.npy")
    for words, texts in ((("sample", "c.safetensors", "-o", "s.png"), ("sprite_classifier", "context_unet")),
                         (("distill", "c.safetensors", *DATA, "-o", "f.safetensors"), ("sprite_classifier",)),
                         (("evaluate", "c.safetensors", *DATA), ("sprite_classifier",)),
                         (("forward", "c.safetensors", *images, "--steps", "t.npy"), ("--steps", "sprite_classifier")),
                         (("forward", "m.safetensors", *images), ("--steps", "not given")),
                         (("forward", "m.safetensors", *images, "--steps", "t.npy", "--features", "f.npy"),
                          ("--features", "context_unet"))):
        expect_error(cli.Run(*words, where=where, check=2), *texts)
    np.save(f"{where}/labels.npy", np.zeros(COUNT, int))
    expect_error(cli.Run("train", *DATA, "-o", "d.safetensors", "--classifier", where=where, check=2), "--classifier",
                 "1 class")


if __name__ == "__main__":
    train_support.hear_signals()
    sys.exit(cli.run_all(globals(), kills=4))
