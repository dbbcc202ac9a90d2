#!/usr/bin/python3
"""What mote writes never takes the place of what it was not asked to replace.

    /usr/bin/python3 tests/test_outputs.py --mote build/mote --weights models/sprites.safetensors
"""

import os
import pathlib
import sys

import numpy as np

import test_cli as cli
from test_cli import Run, expect, expect_error, image_shape, listing, sample
from test_edit import random_picture, write_png

FAST = ("-n", 2, "--steps", 1)


def contents(where):
    return {name: pathlib.Path(where, name).read_bytes() for name in listing(where) if pathlib.Path(where, name).is_file()}


def refused(where, run, *options):
    """Usage, both options named, and no file is other than it was before `run`, which is called."""
    before = contents(where)
    expect_error(run(), *options)
    expect(contents(where) == before, f"changed: {set(contents(where)) ^ set(before) or 'what is in the files'}")


def test_two_outputs_are_two_files(where):
    """Two options that name one file, by whatever names, are refused before the work, and nothing is written."""
    os.mkdir(f"{where}/folder")
    os.symlink("folder", f"{where}/link")
    for name in ("old.png", "old.npy"):
        pathlib.Path(where, name).write_text("old")
    os.symlink("old.png", f"{where}/soft.png")
    os.link(f"{where}/old.png", f"{where}/hard.png")
    pairs = [("x.png", "x.png"), ("x.png", "./x.png"), ("folder/x.png", "folder/../folder/x.png"), ("folder/x.png", "link/x.png"),
             ("x.png", f"{where}/x.png"), ("old.png", "soft.png"), ("old.png", "hard.png"), ("folder/x.png", "link/.//x.png")]
    for a, b in pairs:
        refused(where, lambda: sample(where, *FAST, "-o", a, "--moments", b, check=2), "-o", "--moments", a, b)
    refused(where, lambda: sample(where, *FAST, "--npy", "x", "--gif", "./x", check=2), "--npy", "--gif")
    refused(where, lambda: sample(where, *FAST, "-o", "x", "--sheet", "./x", check=2), "-o", "--sheet")
    refused(where, lambda: sample(where, "--each", "folder", "-n", 3, "-o", "link/0002.png", check=2), "--each", "-o")
    refused(where, lambda: sample(where, "--each", "new", "-n", 3, "-o", "new", check=2), "--each", "-o")
    x = image_shape()
    np.save(f"{where}/x.npy", np.zeros((1, *x), np.float32))
    np.save(f"{where}/t.npy", np.zeros(1, np.int32))
    refused(where, lambda: Run("forward", cli.OPTIONS.weights, "--x", "x.npy", "--steps", "t.npy", "-o", "y.npy", "--features",
                               "./y.npy", where=where, check=2), "-o", "--features")


def test_outputs_of_different_files_are_written(where):
    """Names that only look alike are no reason to refuse."""
    os.mkdir(f"{where}/each")
    sample(where, *FAST, "-o", "each/0002.png", "--moments", "each/x.png", "--each", "each", "--npy", "x.npy")
    expect(listing(where) == ["each", "each/0000.png", "each/0001.png", "each/0002.png", "each/x.png", "x.npy"], listing(where))
    write_png(f"{where}/each/0005.png", random_picture(1, image_shape()[0]))
    sample(where, *FAST, "--init", "each/0005.png", "--each", "each")


def test_inputs_are_not_replaced(where):
    """An output that is an input too is refused before the work, naming both options; the input stays."""
    channels, height, _ = image_shape()
    os.mkdir(f"{where}/each")
    for name in ("in.png", "mask.png", "palette.png", "each/0001.png"):
        write_png(f"{where}/{name}", random_picture(1, 3))
    os.link(f"{where}/in.png", f"{where}/each/0000.png")
    os.symlink("in.png", f"{where}/soft.png")
    np.save(f"{where}/x.npy", np.zeros((4, channels, height, height), np.float32))
    np.save(f"{where}/c.npy", np.zeros((4, cli.model_info()["n_cfeat"]), np.float32))
    os.symlink(cli.OPTIONS.weights, f"{where}/model")
    for words, options in [(("--init", "in.png", "-o", "./in.png"), ("--init", "-o")),
                           (("--init", "palette.png", "--init", "in.png", "-o", "soft.png"), ("--init", "-o")),
                           (("--init", "in.png", "--mask", "mask.png", "--moments", "mask.png"), ("--mask", "--moments")),
                           (("--palette", "palette.png", "-o", "./palette.png"), ("--palette", "-o")),
                           (("--x-init", "x.npy", "--npy", "./x.npy"), ("--x-init", "--npy")),
                           (("--context-npy", "c.npy", "--npy", "c.npy"), ("--context-npy", "--npy")),
                           (("--init", "in.png", "--each", "each"), ("--init", "--each", "in.png")),
                           (("--init", "each/0001.png", "--each", "each", "-n", 2), ("--init", "--each", "0001.png")),
                           (("-o", "model"), ("MODEL", "-o"))]:
        refused(where, lambda: sample(where, "--steps", 1, *words, check=2), *options)
    words = [w for option in ("--x0", "--noise", "--steps", "--context") for w in (option, option[2:])]
    for name in words[1::2]:
        np.save(open(f"{where}/{name}", "wb"), np.zeros(1))
    for option, name in zip(words[::2], words[1::2]):
        refused(where, lambda: Run("backward", cli.OPTIONS.weights, *words, "-o", f"./{name}", where=where, check=2), option, "-o")


def test_no_picture_is_written_among_those_that_are_read(where):
    """mote info DATA -o sheet.png leaves DATA as it is, whether it is a sheet or a folder of pictures."""
    os.makedirs(f"{where}/data/a")
    write_png(f"{where}/data/a/0.png", random_picture(1))
    os.symlink("data", f"{where}/link")
    for data, output in (("data", "data/a/0.png"), ("data", "data/a/new.png"), ("data", "link/a/new.png"), ("link", "data/new.png"),
                         (".", "new.png"), ("data/a/0.png", "link/a/0.png")):
        refused(where, lambda: Run("info", data, "-o", output, where=where, check=2), "-o", "DATA")
    Run("info", "data", "-o", "sheet.png", where=where, check=0)
    expect("sheet.png" in listing(where), listing(where))


def test_a_failed_run_keeps_every_old_file(where):
    """--each, -o, --moments, --gif, --npy and --sheet: where one cannot be written, all old files stay and nothing is new."""
    outputs = ("-n", 6, "--steps", 1, "--each", "e", "-o", "o.png", "--moments", "m.png", "--gif", "g.gif", "--npy", "x.npy",
               "--sheet", "s.json", "--scale", 1)
    sample(where, *outputs, "--seed", 1)
    os.remove(f"{where}/e/0002.png")
    os.remove(f"{where}/g.gif")
    os.remove(f"{where}/e/0004.png")
    os.mkdir(f"{where}/e/0004.png")
    before = contents(where)
    expect_error(sample(where, *outputs, "--seed", 2, check=1), "0004.png", "directory")
    expect(contents(where) == before, f"changed: {set(contents(where)) ^ set(before) or 'what is in the files'}")
    os.rmdir(f"{where}/e/0004.png")
    sample(where, *outputs, "--seed", 2)
    now = contents(where)
    expect(len(now) == len(before) + 3 and all(now[n] != before[n] for n in before if n != "s.json"), f"{sorted(now)}")


def test_a_failed_pass_keeps_every_old_file(where):
    """mote forward -o and --features appear together."""
    channels, height, _ = image_shape()
    np.save(f"{where}/x.npy", np.zeros((2, channels, height, height), np.float32))
    classifier = cli.OPTIONS.weights.replace(".safetensors", "-classifier.safetensors")
    if not os.path.exists(classifier):
        for label in "ab":
            os.makedirs(f"{where}/data/{label}")
            for i in range(4):
                write_png(f"{where}/data/{label}/{i}.png", random_picture(i, channels))
        classifier = "c.safetensors"
        Run("train", "data", "-o", classifier, "--classifier", "--n-feat", 8, "--batch", 4, "--steps", 1, "--sample-every", 0,
            where=where, check=0)
    pathlib.Path(where, "y.npy").write_text("old")
    before = contents(where)
    run = Run("forward", classifier, "--x", "x.npy", "-o", "y.npy", "--features", "/dev/full", where=where, check=1)
    expect_error(run, "--features", "No space left")
    expect(contents(where) == before, "changed")


def test_links_in_the_cache_are_not_followed(where):
    """What a link in the cache folder leads to stays; pipes there are neither waited for nor replaced. Both are said."""
    words = ("-n", 1, "--steps", 1, "-o", "x.png", "--cache", "c")
    sample(where, *words)
    names = os.listdir(f"{where}/c")
    expect(names, "no cache")
    for name in names:
        pathlib.Path(where, f"victim-{name}").write_text("precious")
        os.remove(f"{where}/c/{name}")
        os.symlink(f"../victim-{name}", f"{where}/c/{name}")
    run = sample(where, *words)
    for name in names:
        expect(f"{name}: is a link" in run.err, run.err)
        expect(pathlib.Path(where, f"victim-{name}").read_text() == "precious", f"{name} was followed")
    expect(any(not os.path.islink(f"{where}/c/{name}") for name in names), "the cache was not written")
    for name in names:
        os.remove(f"{where}/c/{name}")
        os.mkfifo(f"{where}/c/{name}")
    run = sample(where, *words)
    for name in names:
        expect(f"{name}: is a pipe" in run.err, run.err)
        expect(pathlib.Path(where, "c", name).is_fifo(), f"{name} was replaced")
    expect(listing(f"{where}/c") == sorted(names), listing(f"{where}/c"))


if __name__ == "__main__":
    sys.exit(cli.run_all(globals(), "a model to sample from"))
