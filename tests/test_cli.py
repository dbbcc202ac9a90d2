#!/usr/bin/python3
"""The mote program from the outside: exit codes, messages, files written and not written, JSON, Ctrl-C.

    /usr/bin/python3 tests/test_cli.py --mote build/mote --weights models/sprites.safetensors [--device D] [--only TEXT]

Tests are the functions called test_*; each states one behaviour in its docstring and fails by an exception.
"""

import argparse
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

import numpy as np

from parity import safetensors_numpy
from train_support import cpu_seconds

OPTIONS = None
TIMEOUT = 900
COMMANDS = ["train", "sample", "distill", "evaluate", "info", "devices", "forward", "backward", "export", "bench", "profile", "selftest"]


class Run:
    """A finished mote: code, out, err."""

    def __init__(self, *words, where=None, check=None, environment=None, preexec=None):
        command = [OPTIONS.mote, *map(str, words)]
        if OPTIONS.device and words and words[0] in COMMANDS and "--device" not in words and words[0] != "devices":
            command += ["--device", OPTIONS.device]
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=TIMEOUT, preexec_fn=preexec,
                              env={**os.environ, **(environment or {})})
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        if check is not None:
            expect(self.code == check, f"{' '.join(command)}: exit code {self.code}, expected {check}: {self.err}")

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def expect(truth, message):
    if not truth:
        raise AssertionError(message)


def expect_error(run, *texts):
    """One line of error, prefixed, that holds all the texts; nothing on stdout."""
    lines = [line for line in run.err.splitlines() if not line.startswith(("mote: device ", "mote: warning: "))]
    expect(len(lines) == 1, f"expected one line of error, found {lines}")
    expect(lines[0].startswith("mote: "), f"no prefix: {lines[0]}")
    for text in texts:
        expect(text in lines[0], f"{text!r} is not in {lines[0]!r}")
    expect(run.out == "", f"stdout holds {run.out!r}")


def sample(where, *words, check=0, model=True, **keywords):
    return Run("sample", *([OPTIONS.weights] if model else []), *words, where=where, check=check, **keywords)


def listing(where):
    return sorted(str(path.relative_to(where)) for path in pathlib.Path(where).rglob("*"))


def model_info():
    if not hasattr(model_info, "found"):
        model_info.found = Run("info", OPTIONS.weights, "--json", check=0).lines()[0]
    return model_info.found


def image_shape():
    return tuple(model_info()[name] for name in ("channels", "height", "width"))


def read_png(path):
    """(width, height, channels, rows as (height, width, channels)); checks every CRC."""
    data, palette, clear = pathlib.Path(path).read_bytes(), None, b""
    expect(data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG")
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        expect(zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0], "bad CRC")
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"PLTE":
            palette = np.frombuffer(body, np.uint8).reshape(-1, 3)
        elif kind == b"tRNS":
            clear = body
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    expect(depth == 8 and kind == b"IEND", f"{path}: depth {depth}, last chunk {kind}")
    channels = {0: 1, 4: 2, 2: 3, 6: 4, 3: 1}[colour]
    rows = unfilter(zlib.decompress(packed), width, height, channels)
    if colour != 3:
        return width, height, channels, rows
    colours = palette if not clear else np.hstack([palette, np.frombuffer(clear.ljust(len(palette), b"\xff"), np.uint8)[:, None]])
    expect(len(palette) <= 256 and rows.max() < len(palette), f"{path}: {len(palette)} colours, index {rows.max()}")
    return width, height, colours.shape[1], colours[rows[..., 0]]


def unfilter(raw, width, height, channels):
    stride = width * channels
    rows = np.zeros((height + 1, stride + channels), int)  # a row above and a pixel to the left of zeros
    for y in range(height):
        line = raw[y * (stride + 1):(y + 1) * (stride + 1)]
        for i in range(stride):
            left, up, corner = rows[y + 1, i], rows[y, i + channels], rows[y, i]
            estimate = left + up - corner
            paeth = min((abs(estimate - left), 0, left), (abs(estimate - up), 1, up), (abs(estimate - corner), 2,
                                                                                       corner))[2]
            rows[y + 1, i + channels] = (line[i + 1] + [0, left, up, (left + up) // 2, paeth][line[0]]) % 256
    return rows[1:, channels:].reshape(height, width, channels).astype(np.uint8)


def read_gif(path):
    """(width, height, [delay of every frame], loops)."""
    data = pathlib.Path(path).read_bytes()
    expect(data[:6] == b"GIF89a", f"{path} is no GIF 89a")
    width, height, flags = struct.unpack("<HHB", data[6:11])
    at, delays, frames, loops = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0), [], 0, False
    while data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                delays.append(struct.unpack("<H", data[at + 4:at + 6])[0])
            loops |= data[at + 3:at + 14] == b"NETSCAPE2.0"
            at += 2
        else:
            frames += 1
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 128 else 0) + 1
        while data[at]:
            at += data[at] + 1
        at += 1
    expect(frames == len(delays), f"{frames} frames, {len(delays)} delays")
    return width, height, delays, loops


# ----------------------------------------------------------------------------------------------------------------------
# Help and usage

def test_help_lists_every_command(_):
    """--help lists the commands and exits with 0; the same without arguments is an error."""
    for word in ("--help", "-h", "help"):
        run = Run(word, check=0)
        for command in COMMANDS:
            expect(f"  {command} " in run.out, f"{command} is not in {run.out}")
    run = Run(check=2)
    expect(run.out == "" and "sample" in run.err, "no arguments: help belongs on stderr")


def test_each_command_has_help(_):
    """mote COMMAND --help prints usage, the shared options and an example on stdout."""
    for command in COMMANDS:
        run = Run(command, "--help", check=0)
        expect(run.err == "", run.err)
        for text in (f"Usage: mote {command}", "--device", "--json", "Example", f"  mote {command} "):
            expect(text in run.out, f"{text!r} is not in mote {command} --help")
    text = Run("sample", "--help", check=0).out
    for option in ("--output", "--count", "--sampler", "--steps", "--eta", "--context", "--context-npy", "--seed",
                   "--scale",
                   "--palette", "--each", "--gif", "--npy", "--x-init", "--batch", "--first", "--verbose", "default"):
        expect(option in text, f"{option} is not in mote sample --help")


def test_version(_):
    """--version prints name and version."""
    run = Run("--version", check=0)
    expect(run.out.startswith("mote ") and run.out.count(".") == 2, run.out)


def test_unknown_words_are_wrong_usage(where):
    """Unknown commands, options, and words too many exit with 2 and are named."""
    expect_error(Run("smaple", check=2), '"smaple"', "sample")
    expect_error(sample(where, "-o", "out.png", "--stepz", 3, check=2), "--stepz", "mote sample --help")
    expect_error(sample(where, "more", "-o", "out.png", check=2), '"more"')
    expect_error(Run("devices", "more", check=2), '"more"')
    expect_error(sample(where, "-o", check=2), "-o", "argument")
    expect_error(sample(where, "-o", "", check=2), "empty")


def test_numbers_are_checked(where):
    """Numbers with junk, out of range or overflowing exit with 2, naming option, what was found and the range."""
    cases = [("-n", "0", "1"), ("-n", "12x", "1"), ("-n", "-4", "1"), ("-n", "99999999999999999999", "1"),
             ("--steps", "0", "1"), ("--steps", "1.5", "1"), ("--eta", "1.5", "0 to 1"), ("--eta", "nan", "0 to 1"),
             ("--eta", "0x1", "0 to 1"), ("--seed", "-1", "18446744073709551615"),
             ("--seed", "18446744073709551616", "18446744073709551615"), ("--first", "4294967296", "4294967295"),
             ("--batch", "0", "1 to 4096"), ("--batch", "4097", "1 to 4096"), ("--scale", "65", "1 to 64"),
             ("--palette", "1", "2 to 256"), ("--palette", "257", "2 to 256"), ("--sampler", "unipc", "ddim, ddpm"),
             ("--guidance", "0", "0.01 to 100"), ("--guidance", "x", "0.01 to 100"), ("--threshold", "0.4", "0.5 to 1"),
             ("--grid", "log", "uniform, quadratic, karras"), ("--kernels", "fast", "auto, plain, texel, tiled, matrix"), ("--tune", "best", "off, fast, full"),
             ("--kernels", "conv_tiled,conv_foo", "conv_tiled,linear"), ("--kernels", "conv_tiled,", "kernels by name"),
             ("--guidance-interval", "0.5", "LO:HI"),
             ("--guidance-interval", "0.8:0.2", "LO:HI")]
    for option, text, expected in cases:
        expect_error(sample(where, "-o", "out.png", option, text, check=2), option, f'"{text}"', expected)
    expect(listing(where) == [], f"written: {listing(where)}")


def test_wrong_combinations(where):
    """Options that do not go together exit with 2 and one clear line."""
    np.save(f"{where}/c.npy", np.zeros((1, model_info()["n_cfeat"]), np.float32))
    expect_error(sample(where, check=2), "-o", "--each", "--gif", "--npy")
    expect_error(sample(where, "-o", "out.png", "--context", "none", "--context-npy", "c.npy", check=2),
                 "--context-npy")
    expect_error(sample(where, "-o", "out.png", "--sampler", "ddpm", "--eta", 0.5, check=2), "--eta", "ddpm")
    expect_error(sample(where, "-o", "out.png", "--avoid", "none", "--guidance", 1, check=2), "--avoid",
                 "--guidance")
    expect_error(sample(where, "-o", "out.png", "--guidance-interval", "0:0.5", "--guidance", 1, check=2),
                 "--guidance-interval", "--guidance")
    expect_error(sample(where, "-o", "out.png", "--guidance", 2, "--avoid", "zzz", check=2), "--avoid", '"zzz"')
    expect_error(sample(where, "--npy", "x.npy", "--palette", 4, check=2), "--palette")
    expect_error(sample(where, "--npy", "x.npy", "--scale", 4, check=2), "--scale")
    expect_error(sample(where, "-o", "same", "--npy", "same", check=2), "-o", "--npy", "are one file")
    expect_error(sample(where, "-o", "out.jpg", check=2), "-o", ".png")
    expect_error(sample(where, "--gif", "out.png", check=2), "--gif", ".gif")
    expect_error(sample(where, "--gif", "out.gif", "-n", 1025, check=2), "1024")
    expect_error(sample(where, "-o", "out.png", "--first", 2**32 - 4, "-n", 5, check=2), "--first", str(2**32 - 5))
    expect_error(sample(where, "-o", "out.png", "--steps", model_info()["timesteps"] + 1, check=2), "--steps",
                 str(model_info()["timesteps"]))
    expect_error(Run("forward", OPTIONS.weights, where=where, check=2), "--x")
    expect(listing(where) == ["c.npy"], f"written: {listing(where)}")


def test_guidance(where):
    """1 is none; 3 changes the images, and doubles no more than the network's work; 2 is what fits some models best."""
    arrays, metadata = safetensors_numpy.load(OPTIONS.weights)
    metadata.pop("context_drop", None)
    safetensors_numpy.save(f"{where}/plain.safetensors", arrays, metadata)
    safetensors_numpy.save(f"{where}/drop.safetensors", arrays, metadata | {"context_drop": "0.1"})
    np.save(f"{where}/c.npy", np.eye(model_info()["n_cfeat"], dtype=np.float32))
    np.save(f"{where}/none.npy", np.zeros((1, model_info()["n_cfeat"]), np.float32))

    def run(name, model, context, *words):
        done = Run("sample", f"{model}.safetensors", "-n", 2, "--steps", 3, "--context-npy", f"{context}.npy", "--json",
                   "--npy", f"{name}.npy", *words, where=where, check=0)
        result = json.loads(done.out.splitlines()[-1])
        return pathlib.Path(where, f"{name}.npy").read_bytes(), result["guidance"], result["dispatches_per_step"]

    plain, one, three = (run("a", "plain", "c"), run("b", "plain", "c", "--guidance", 1),
                         run("d", "drop", "c", "--guidance", 3))
    expect(plain == one and plain[1] == 1, "without context_drop there is guidance")
    expect(plain[0] != three[0] and three[1] == 3, "--guidance 3 changes nothing")
    expect(plain[2] == three[2] - 1, f"dispatches {plain[2]}, with guidance {three[2]}")
    expect(run("e", "drop", "c") == run("f", "plain", "c", "--guidance", 2), "with context_drop the guidance is not 2")
    expect(run("g", "drop", "none") == run("h", "plain", "none"), "nothing to lead towards, and guidance")


def test_unknown_device(where):
    """A device that is not there exits with 1 and writes nothing."""
    expect_error(sample(where, "-o", "out.png", "--device", "no such device", check=1), "no such device")
    expect(listing(where) == [], f"written: {listing(where)}")


# ----------------------------------------------------------------------------------------------------------------------
# Files

def test_no_model_file(where):
    """A model that is missing, empty or no safetensors exits with 1, named, nothing written."""
    for name, content in (("missing.safetensors", None), ("empty.safetensors", b""), ("junk.safetensors",
                                                                                      b"junk" * 100)):
        if content is not None:
            pathlib.Path(where, name).write_bytes(content)
        before = listing(where)
        for words in (("sample", name, "-o", "out.png"), ("info", name)):
            expect_error(Run(*words, where=where, check=1), name)
        expect(listing(where) == before, f"written: {listing(where)}")


def test_outputs_are_checked_before_the_work(where):
    """An output that cannot be written fails at once, naming option and path; the other outputs are not written."""
    pathlib.Path(where, "file").write_text("kept")
    os.mkdir(f"{where}/folder.png")
    for option, path in (("-o", "missing/out.png"), ("--gif", "missing/out.gif"), ("--npy", "file/x.npy"),
                         ("--each", "file"), ("--each", "missing/deeper"), ("-o", "folder.png")):
        other = ("--npy", "good.npy") if option != "--npy" else ("-o", "good.png")
        started = time.monotonic()
        # So many images that a check after the work would not come back in time.
        expect_error(sample(where, "-n", 1024 if option == "--gif" else 100000, option, path, *other, check=1),
                     option, path)
        expect(time.monotonic() - started < 60, "the check came after the work")
    expect(listing(where) == ["file", "folder.png"], f"written: {listing(where)}")
    expect(pathlib.Path(where, "file").read_text() == "kept", "the file was changed")


def test_a_full_disk_writes_nothing(where):
    """When one output hits a full disk none of the others appears."""
    if not os.path.exists("/dev/full"):
        return
    words = ("-n", 4, "--steps", 1)
    for option, others in (("-o", ("--npy", "x.npy", "--gif", "x.gif", "--each", "each")),
                           ("--gif", ("-o", "x.png", "--npy", "x.npy", "--each", "each")),
                           ("--npy", ("-o", "x.png", "--gif", "x.gif", "--each", "each"))):
        expect_error(sample(where, *words, option, "/dev/full", *others, check=1), "/dev/full", "No space left")
        expect(listing(where) == [], f"{option} /dev/full: written: {listing(where)}")
    run = subprocess.run([OPTIONS.mote, "--help"], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, text=True)
    expect(run.returncode == 1 and "standard output" in run.stderr, f"--help >/dev/full: {run}")


def test_a_write_that_fails_midway_takes_back_the_rest(where):
    """--each files that are new go again when a larger file fails; files that were there stay whole."""
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    pixels = int(np.prod(image_shape()))
    limit = 16 * pixels  # room for a grid of bytes, not for 8 images of floats
    words = ("-n", 8, "--steps", 1, "--each", "each", "-o", "grid.png", "--npy", "x.npy", "--cache", "none")
    expect_error(sample(where, *words, check=1, preexec=small_files), "x.npy")
    expect(listing(where) == [], f"written: {listing(where)}")


def test_old_files_survive_a_failure(where):
    """A failure leaves the outputs of an earlier run as they were."""
    for name in ("out.png", "x.npy"):
        pathlib.Path(where, name).write_text("old")
    sample(where, "-o", "out.png", "--npy", "x.npy", "--context", "no such label", check=2)
    for name in ("out.png", "x.npy"):
        expect(pathlib.Path(where, name).read_text() == "old", f"{name} was changed")
    sample(where, "-o", "out.png", "--npy", "x.npy", "-n", 1, "--steps", 1)
    expect(read_png(f"{where}/out.png")[0] == image_shape()[2], "out.png was not replaced")


def test_input_shapes_are_named(where):
    """A .npy of the wrong shape, type or content exits with 1, naming file, what was found and what is expected."""
    channels, height, width = image_shape()
    numbers = model_info()["n_cfeat"]
    np.save(f"{where}/flat.npy", np.zeros(7, np.float32))
    np.save(f"{where}/bytes.npy", np.zeros((4, channels, height, width), np.uint8))
    np.save(f"{where}/few.npy", np.zeros((4, channels, height, width), np.float32))
    np.save(f"{where}/nan.npy", np.full((4, channels, height, width), np.nan, np.float32))
    np.save(f"{where}/wide.npy", np.zeros((2, numbers + 1), np.float32))
    np.save(f"{where}/none.npy", np.zeros((0, numbers), np.float32))
    expected = f"(N, {channels}, {height}, {width})"
    cases = [(("--x-init", "flat.npy"), ("flat.npy", "(7,)", expected)),
             (("--x-init", "bytes.npy", "-n", 4), ("bytes.npy", "u1", "floating point")),
             (("--x-init", "few.npy", "-n", 5), ("few.npy", "4 rows", "5")),
             (("--x-init", "few.npy", "-n", 2, "--first", 3), ("few.npy", "4 rows", "5")),
             (("--x-init", "nan.npy"), ("nan.npy", "nan", "finite")),
             (("--x-init", "missing.npy"), ("missing.npy",)),
             (("--context-npy", "wide.npy"), ("wide.npy", f"(2, {numbers + 1})", f"(N, {numbers})")),
             (("--context-npy", "none.npy"), ("none.npy", "empty", f"(N, {numbers})"))]
    for words, texts in cases:
        expect_error(sample(where, "--steps", 1, "-o", "out.png", *words, check=1), *texts)
    expect(not os.path.exists(f"{where}/out.png"), "out.png was written")


# ----------------------------------------------------------------------------------------------------------------------
# Pictures

def test_grid_each_gif_and_npy_agree(where):
    """The grid's tiles are the files of --each and, as bytes, the images of --npy; the GIF ends with the same size."""
    channels, height, width = image_shape()
    run = sample(where, "-n", 5, "--steps", 6, "--seed", 3, "-o", "out.png", "--each", "each", "--gif", "out.gif",
                 "--npy", "x.npy")
    for name in ("out.png", "each", "out.gif", "x.npy"):
        expect(f"wrote {name}\n" in run.out, f"{name} is not in {run.out!r}")
    *found, grid = read_png(f"{where}/out.png")
    expect(found == [3 * width, 2 * height, channels], f"grid {found}")
    expect(sorted(os.listdir(f"{where}/each")) == [f"{i:04}.png" for i in range(5)], str(os.listdir(f"{where}/each")))
    images = np.load(f"{where}/x.npy")
    expect(images.shape == (5, channels, height, width) and images.dtype == np.float32, str(images.shape))
    pixels = np.clip(images.astype(np.float64), -1, 1).transpose(0, 2, 3, 1) * 127.5 + 127.5
    for i in range(5):
        tile = grid[i // 3 * height:(i // 3 + 1) * height, i % 3 * width:(i % 3 + 1) * width]
        expect((tile == read_png(f"{where}/each/{i:04}.png")[3]).all(), f"tile {i} is not {i:04}.png")
        expect(np.abs(tile - pixels[i]).max() <= 1, f"tile {i} is not image {i} of x.npy")
    across, down, delays, loops = read_gif(f"{where}/out.gif")
    expect((across, down, len(delays), loops) == (3 * width, 2 * height, 7, True), f"GIF {across, down, delays, loops}")
    expect(delays[-1] > 10 * delays[0] and len(set(delays[:-1])) == 1, f"delays {delays}")


def test_gif_has_forty_frames_at_most(where):
    """A long run is thinned out to 40 frames."""
    sample(where, "-n", 1, "--steps", min(60, model_info()["timesteps"]), "--gif", "out.gif")
    expect(len(read_gif(f"{where}/out.gif")[2]) == min(40, model_info()["timesteps"] + 1), "frames")


def test_moments_go_from_the_noise_to_the_result(where):
    """--moments: a row an image, nine columns or as many as the run has, the first the noise, the last what -o shows."""
    _, height, width = image_shape()
    for steps, columns in ((12, 9), (2, 3)):
        sample(where, "-n", 2, "--steps", steps, "--moments", "m.png", "-o", "out.png", "--columns", 1)
        moments, images = read_png(f"{where}/m.png")[3], read_png(f"{where}/out.png")[3]
        expect(moments.shape[:2] == (2 * height, columns * width), f"{moments.shape}")
        expect(np.array_equal(moments[:, -width:], images), "the last moment is not the result")
        noise = moments[:, :width].astype(float)
        expect(noise.std() > 60 and not np.array_equal(noise, moments[:, width:2 * width]), f"noise {noise.std()}")
    expect_error(sample(where, "-n", 2, "--moments", "m.gif", check=2), "--moments", ".png")
    expect_error(sample(where, "--interpolate", "--to-seed", 2, "--moments", "m.png", check=2), "--interpolate", "--moments")


def test_scale_repeats_pixels(where):
    """--scale 3 makes every pixel a square of 3 x 3, in the grid and in --each."""
    sample(where, "-n", 2, "--steps", 1, "-o", "small.png", "--each", "small")
    sample(where, "-n", 2, "--steps", 1, "-o", "large.png", "--each", "large", "--scale", 3)
    for small, large in (("small.png", "large.png"), ("small/0001.png", "large/0001.png")):
        expect((read_png(f"{where}/{small}")[3].repeat(3, 0).repeat(3, 1) == read_png(f"{where}/{large}")[3]).all(),
               large)


def test_palette_limits_colours(where):
    """--palette 4 leaves at most 4 colours, each near what it replaces on the whole."""
    sample(where, "-n", 4, "--steps", 4, "-o", "all.png")
    sample(where, "-n", 4, "--steps", 4, "-o", "few.png", "--palette", 4)
    before, after = (read_png(f"{where}/{name}.png")[3].astype(int) for name in ("all", "few"))
    colours = np.unique(after.reshape(-1, after.shape[2]), axis=0)
    expect(3 <= len(colours) <= 4, f"{len(colours)} colours")
    expect(len(np.unique(before.reshape(-1, before.shape[2]), axis=0)) > 4, "too few colours to begin with")
    nearest = ((before[:, :, None] - colours) ** 2).sum(3)
    chosen = ((before - after) ** 2).sum(2)
    expect((nearest.min(2) == chosen).all(), "a pixel has not the nearest of the colours")


# ----------------------------------------------------------------------------------------------------------------------
# Seeds, batches, contexts

def images_of(where, *words):
    sample(where, "--npy", "images.npy", *words)
    return np.load(f"{where}/images.npy")


def test_one_sprite_of_a_run_alone(where):
    """Image 17 of 64 equals the one made alone, bit by bit, with contexts dealt out as in the whole run."""
    for sampler in ("ddim", "ddpm"):
        words = ("--steps", 3, "--seed", 11, "--sampler", sampler, *context_words())
        whole, alone = images_of(where, "-n", 64, *words), images_of(where, "-n", 1, "--first", 17, *words)
        expect(alone.shape[0] == 1 and (whole[17] == alone[0]).all(),
               f"{sampler}: {np.abs(whole[17] - alone[0]).max()}")
        expect((whole[16] != alone[0]).any(), "all images are equal")
    sample(where, "-n", 1, "--first", 17, "--steps", 1, "--each", "each")
    expect(os.listdir(f"{where}/each") == ["0017.png"], str(os.listdir(f"{where}/each")))


def context_words():
    labels = model_info()["labels"]
    numbers = ",".join(["0.5"] + ["0"] * (model_info()["n_cfeat"] - 1))
    specs = ["none", numbers] + ([labels[0], f"{labels[0]}=1,{labels[-1]}=0.6"] if len(labels) > 1 else [])
    return [word for spec in specs[:3] for word in ("--context", spec)]


def test_batches_do_not_show(where):
    """--batch changes nothing in the images, leftovers at the end included."""
    words = ("-n", 10, "--steps", 3, "--sampler", "ddpm", "--seed", 18446744073709551615, *context_words())
    whole = images_of(where, *words)
    for batch in (1, 4, 10, 64):
        found = images_of(where, *words, "--batch", batch)
        expect((found == whole).all(), f"--batch {batch}: {np.abs(found - whole).max()}")


def test_seeds_matter_and_repeat(where):
    """The same seed gives the same images, another seed others."""
    one, again, other = (images_of(where, "-n", 2, "--steps", 2, "--seed", seed) for seed in (5, 5, 2**63 + 5))
    expect((one == again).all(), "the same seed gave other images")
    expect((one != other).any(), "another seed gave the same images")
    expect((one == images_of(where, "-n", 2, "--steps", 2, "--seed", 5, "--eta", 0)).all(),
           "--eta 0 is not the default")
    expect((one != images_of(where, "-n", 2, "--steps", 2, "--seed", 5, "--eta", 1)).any(), "--eta changes nothing")


def test_contexts_are_dealt_out(where):
    """A label, the numbers it stands for, and a .npy give the same; several are dealt out in turn."""
    count = model_info()["n_cfeat"]
    first = np.eye(count, dtype=np.float32)[0]
    words = ("-n", 5, "--steps", 2)
    numbers = images_of(where, *words, "--context", ",".join(f"{x:g}" for x in first))
    none = images_of(where, *words, "--context", "none")
    expect((none == images_of(where, *words)).all(), "none is not the default")
    expect((none != numbers).any(), "the context changes nothing")
    if model_info()["labels"]:
        label = model_info()["labels"][0]
        for spec in (label, f"{label}=1"):
            expect((numbers == images_of(where, *words, "--context", spec)).all(), spec)
    mixed = images_of(where, *words, "--context", "none", "--context", ",".join(f"{x:g}" for x in first))
    expect((mixed[::2] == none[::2]).all() and (mixed[1::2] == numbers[1::2]).all(),
           "contexts were not dealt out in turn")
    np.save(f"{where}/c.npy", np.stack([np.zeros_like(first), first]))
    expect((mixed == images_of(where, *words, "--context-npy", "c.npy")).all(), "--context-npy differs from --context")
    expect((mixed[3:4] == images_of(where, "-n", 1, "--first", 3, "--steps", 2, "--context-npy", "c.npy")).all(),
           "--first")


def test_wrong_contexts_list_the_labels(where):
    """A context that cannot be read exits with 2 and says what could be written."""
    for spec in ("no such label", "no such label=1", "1,2,x", "1"):
        if spec == "1" and model_info()["n_cfeat"] == 1:
            continue
        expect_error(sample(where, "-o", "out.png", "--context", spec, check=2), "--context", f'"{spec}"',
                     *model_info()["labels"], "none")


def test_starting_noise_is_taken(where):
    """--x-init decides the images and their number; rows count from --first."""
    noise = np.random.default_rng(1).standard_normal((4, *image_shape())).astype(np.float32)
    np.save(f"{where}/xT.npy", noise)
    one, other = (images_of(where, "--x-init", "xT.npy", "--steps", 2, "--seed", seed) for seed in (1, 2))
    expect(one.shape[0] == 4, f"{one.shape[0]} images")
    expect((one == other).all(), "the seed matters although nothing is drawn from it")
    batches = images_of(where, "--x-init", "xT.npy", "--steps", 2, "--batch", 3)
    expect((one == batches).all(), "the second batch does not start from its own rows")
    alone = images_of(where, "--x-init", "xT.npy", "--steps", 2, "--first", 2, "-n", 1)
    expect((alone[0] == one[2]).all() and (alone[0] != one[0]).any(), "--first does not pick the row")


# ----------------------------------------------------------------------------------------------------------------------
# JSON, reports, the other commands

def test_json_lines(where):
    """--json prints objects only: progress that rises to its total, then the result with seed and files."""
    seed = 2**64 - 1
    lines = sample(where, "-n", 3, "--steps", 4, "--seed", seed, "-o", "out.png", "--json").lines()
    progress, result = lines[:-1], lines[-1]
    expect(progress and all(line["event"] == "progress" for line in progress), str(progress))
    done = [line["done"] for line in progress]
    expect(done == sorted(set(done)) and done[-1] == progress[0]["total"] == 12, f"progress {done}")
    expect(result["event"] == "result" and result["images"] == result["finished"] == 3, str(result))
    expect(result["seed"] == seed and result["files"] == {"grid": "out.png"}, str(result))
    expect(result["interrupted"] is False and result["submissions"] >= 1 and result["dispatches_per_step"] >= 1,
           str(result))


def test_verbose_tells_the_cost(where):
    """--verbose says what a step is made of, on stderr."""
    run = sample(where, "-n", 2, "--steps", 2, "-o", "out.png", "--verbose")
    for text in ("dispatches", "barriers", "submissions", "MiB", "ms an image"):
        expect(text in run.err, f"{text!r} is not in {run.err!r}")


def test_info(where):
    """info tells shapes, labels, parameters, cost and memory, as text and as JSON."""
    info = model_info()
    text = Run("info", OPTIONS.weights, where=where, check=0).out
    for value in (info["architecture"], str(info["parameters"]), f"{info['width']} x {info['height']}",
                  *info["labels"],
                  "multiply-adds", "batch of 1 ", "batch of 64 "):
        expect(value in text, f"{value!r} is not in {text}")
    expect(info["parameters"] > 0 and info["multiply_adds"] > info["parameters"], str(info))
    one, many = info["samplers"]
    expect((one["batch"], many["batch"]) == (1, 64) and many["memory_bytes"] > one["memory_bytes"] > 0,
           str(info["samplers"]))


def test_devices(where):
    """devices lists at least one device, exactly one of them chosen."""
    devices = Run("devices", "--json", where=where, check=0).lines()
    expect(sum(device["chosen"] for device in devices) == 1, str(devices))
    text = Run("devices", where=where, check=0).out
    for device in devices:
        expect(device["name"] in text and device["uuid"] in text, f"{device['name']} is not in {text}")
    chosen = next(device for device in devices if device["chosen"])
    for select in (chosen["index"], chosen["uuid"], chosen["name"]):
        lines = sample(where, "-n", 1, "--steps", 1, "-o", "out.png", "--json", "--device", select).lines()
        expect(lines[-1]["device"] == chosen["name"], f"--device {select} took {lines[-1]['device']}")
        shown = Run("devices", "--json", "--device", select, where=where, check=0).lines()
        expect([device["uuid"] for device in shown] == [chosen["uuid"]], f"devices --device {select} showed {shown}")
    expect_error(Run("devices", "--device", "no such device", where=where, check=1), "no such device", chosen["name"])


def test_forward(where):
    """forward writes what the network predicts; one image does not depend on the others in eval mode."""
    shape, steps = image_shape(), np.array([1, 250, model_info()["timesteps"]], np.int32)
    np.save(f"{where}/x.npy", np.random.default_rng(2).standard_normal((3, *shape)).astype(np.float32))
    np.save(f"{where}/t.npy", np.minimum(steps, model_info()["timesteps"]))
    words = ("forward", OPTIONS.weights, "--x", "x.npy", "--steps", "t.npy")
    Run(*words, "-o", "eval.npy", where=where, check=0)
    result = Run(*words, "-o", "train.npy", "--mode", "train", "--json", where=where, check=0).lines()[-1]
    expect(result["images"] == 3 and result["mode"] == "train", str(result))
    found = np.load(f"{where}/eval.npy")
    expect(found.shape == (3, *shape) and found.dtype == np.float32 and np.isfinite(found).all(), str(found.shape))
    expect((found != np.load(f"{where}/train.npy")).any(), "--mode changes nothing")


def test_forward_checks_its_inputs(where):
    """forward names the file, what was found and what is expected; timesteps stay in 0 to T."""
    channels, height, width = image_shape()
    last, numbers = model_info()["timesteps"], model_info()["n_cfeat"]
    np.save(f"{where}/x.npy", np.zeros((2, channels, height, width), np.float32))
    np.save(f"{where}/x3.npy", np.zeros((2, channels + 1, height, width), np.float32))
    np.save(f"{where}/t.npy", np.array([1, last], np.int32))
    np.save(f"{where}/t3.npy", np.array([1, 2, 3], np.int32))
    np.save(f"{where}/late.npy", np.array([1, last + 1], np.int32))
    np.save(f"{where}/early.npy", np.array([-1, 1], np.int32))
    np.save(f"{where}/real.npy", np.array([1, 1.5], np.float32))
    np.save(f"{where}/c.npy", np.zeros((3, numbers), np.float32))
    good = {"--x": "x.npy", "--steps": "t.npy"}
    cases = [({"--x": "x3.npy"}, f"(2, {channels + 1}, {height}, {width})"), ({"--steps": "t3.npy"}, "(2,)"),
             ({"--steps": "late.npy"}, str(last + 1)), ({"--steps": "early.npy"}, "-1"), ({"--steps": "real.npy"},
                                                                                          "real.npy"),
             ({"--context": "c.npy"}, f"(2, {numbers})"), ({"--x": "missing.npy"}, "missing.npy")]
    for change, text in cases:
        words = [word for pair in {**good, **change}.items() for word in pair]
        run = Run("forward", OPTIONS.weights, *words, "-o", "eps.npy", where=where, check=1)
        expect_error(run, list(change.values())[0], text)
    expect_error(Run("forward", OPTIONS.weights, "--x", "x.npy", "--steps", "t.npy", "-o", "eps.npy", "--mode", "test",
                     where=where, check=2), "--mode", "eval, train")
    expect(not os.path.exists(f"{where}/eps.npy"), "eps.npy was written")


def test_the_cache_folder(where):
    """--cache DIR is made, by default $XDG_CACHE_HOME/mote; "none" makes nothing; where none can be is an error."""
    words = ("-n", 1, "--steps", 1, "-o", "out.png")
    home = {"XDG_CACHE_HOME": f"{where}/xdg", "HOME": f"{where}/home"}
    places = ("a/b", "xdg/mote", "home/.cache/mote", "relative/mote")  # drivers keep caches of their own beside ours

    def made():
        return [place for place in places if os.path.isdir(f"{where}/{place}")]
    sample(where, *words, "--cache", "none", environment=home)
    expect(made() == [] and not os.path.exists(f"{where}/none"), str(made()))
    sample(where, *words, "--cache", "a/b", environment=home)
    expect(made() == ["a/b"], str(made()))
    sample(where, *words, environment=home)
    expect(made() == ["a/b", "xdg/mote"], str(made()))
    sample(where, *words, environment={"XDG_CACHE_HOME": "relative", "HOME": f"{where}/home"})
    expect(made() == ["a/b", "xdg/mote", "home/.cache/mote"], str(made()))
    sample(where, *words, environment={"XDG_CACHE_HOME": "/dev/null/x"})
    expect_error(sample(where, *words, "--cache", "/dev/null/x", check=1), "--cache", "/dev/null/x")


def test_without_model_the_own_weights_serve(where):
    """mote sample and info take the embedded model; their images and shapes are those of the file in models/."""
    path = pathlib.Path(__file__).parent.parent / "models" / "sprites16.safetensors"
    words = ("-n", 2, "--steps", 2, "--context", "hero")
    sample(where, "--npy", "own.npy", *words, model=False)
    Run("sample", path, "--npy", "file.npy", *words, where=where, check=0)
    expect(np.array_equal(np.load(f"{where}/own.npy"), np.load(f"{where}/file.npy")), "not the weights of models/")
    info = Run("info", "--json", check=0).lines()[0]
    expect(info["labels"] == ["hero", "monster", "item", "equipment", "spell"], str(info))


# ----------------------------------------------------------------------------------------------------------------------
# Ctrl-C

def start_long_run(where, *words):
    """A run of minutes at least, returned once its first step is done."""
    command = [OPTIONS.mote, "sample", OPTIONS.weights, "-n", "100000", "--sampler", "ddpm", "--batch", "3", "--json",
               *words]
    command += ["--device", OPTIONS.device] if OPTIONS.device else []
    # A shell in the background hands ignored SIGINTs down; this one must be heard.
    run = subprocess.Popen(command, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    line = run.stdout.readline()
    if '"progress"' not in line:
        run.kill()
        raise AssertionError(f"no progress: {line!r} {run.communicate()[1]!r}")
    return run


def test_interrupt_saves_what_is_there(where):
    """The first Ctrl-C or SIGTERM ends at a step boundary: the begun images are written, exit code 1."""
    for number in (signal.SIGINT, signal.SIGTERM):
        run = start_long_run(where, "-o", "out.png", "--npy", "x.npy", "--each", f"each{int(number)}")
        run.send_signal(number)
        out, err = run.communicate(timeout=TIMEOUT)
        expect(run.returncode == 1, f"exit code {run.returncode}: {err}")
        result = json.loads(out.splitlines()[-1])
        expect(result["interrupted"] is True and result["asked_for"] == 100000, str(result))
        begun, finished = result["images"], result["finished"]
        expect(begun % 3 == 0 and finished in (begun, begun - 3) and 0 < begun < 100000, str(result))
        expect("mote: interrupted" in err, err)
        images = np.load(f"{where}/x.npy")
        expect(images.shape == (begun, *image_shape()) and np.isfinite(images).all(), str(images.shape))
        names = sorted(os.listdir(f"{where}/each{int(number)}"))
        expect(names == [f"{i:05}.png" for i in range(begun)], f"--each differs from --npy, or in its names: {names[:3]}")
        read_png(f"{where}/out.png")
    expect(not [name for name in listing(where) if "tmp" in name], f"left behind: {listing(where)}")


def test_the_second_interrupt_kills(where):
    """After the first Ctrl-C or SIGTERM the second is not caught: nothing is written."""
    run = start_long_run(where, "-o", "out.png")
    # Both are waiting when the program goes on; the one with the lower number comes first.
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        run.send_signal(number)
    run.communicate(timeout=TIMEOUT)
    expect(run.returncode == -signal.SIGTERM, f"exit code {run.returncode}")
    expect(not os.path.exists(f"{where}/out.png"), "out.png was written")



def run_all(namespace, weights=None, kills=None):
    """Runs the functions called test_* of a script's globals(), each in a folder of its own; returns the exit status."""
    global OPTIONS
    parser = argparse.ArgumentParser(description=namespace["__doc__"].splitlines()[0])
    parser.add_argument("--mote", default="build/mote", type=os.path.abspath, help="the program to test")
    parser.add_argument("--device", help="passed through to mote")
    parser.add_argument("--only", default="", help="only tests whose name holds this text")
    if kills:
        parser.add_argument("--kills", type=int, default=kills)
        parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    if weights:
        parser.add_argument("--weights", required=True, type=os.path.abspath, help=weights)
    OPTIONS = parser.parse_args()
    passed = failed = 0
    for name, test in list(namespace.items()):
        if not name.startswith("test_") or not callable(test) or OPTIONS.only not in name:
            continue
        started, cpu = time.monotonic(), cpu_seconds()
        with tempfile.TemporaryDirectory(prefix="mote-cli-") as where:
            try:
                test(where)
                passed += 1
                print(f"ok    {name} ({time.monotonic() - started:.1f} s, {cpu_seconds() - cpu:.1f} s of CPU)", flush=True)
            except Exception:  # whatever a test raises is its failure
                failed += 1
                print(f"FAIL  {name} ({test.__doc__})\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(run_all(globals(), "a model to sample from"))
