#!/usr/bin/python3
"""Images that are not square, through the whole program.

    /usr/bin/python3 tests/test_sizes.py --mote build/mote [--device D] [--only TEXT]
"""

import atexit
import json
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np

import test_cli as cli
import test_edit
from parity import safetensors_numpy
from test_cli import expect, expect_error, read_gif, read_png
from test_edit import write_png

HEIGHT, WIDTH = 8, 12
LABELS = ("equipment", "hero", "item", "monster", "spell")
TINY = ("--net", "unet2d", "--features", "8,16", "--blocks", 1, "--batch", 4, "--steps", 2, "--sample-every", 2)


def mote(where, *words, check=0):
    return cli.Run(*words, where=where, check=check)


def images(count=10):
    """Each one a bright block on a ground of its own, in no corner the same."""
    ground = np.indices((HEIGHT, WIDTH)).transpose(1, 2, 0) * (20, 14)
    made = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    made[..., :2] = ground
    for i in range(count):
        made[i, i % 5:i % 5 + 3, i:i + 2] = (255, 200 - 9 * i, 20 * i)
    return made


def write_folder(where, name="data", made=None):
    """Two images a class."""
    for i, image in enumerate(images() if made is None else made):
        folder = pathlib.Path(where, name, LABELS[i // 2])
        folder.mkdir(parents=True, exist_ok=True)
        write_png(folder / f"{i}.png", image)


def trained():
    """The folder of a run of two steps, made once."""
    if not hasattr(trained, "folder"):
        trained.folder = tempfile.mkdtemp(prefix="mote-sizes-")
        atexit.register(shutil.rmtree, trained.folder)
        write_folder(trained.folder)
        mote(trained.folder, "train", "data", "-o", "m.safetensors", *TINY)
    return trained.folder


def model():
    return f"{trained()}/m.safetensors"


def test_training_writes_the_size_and_pictures_of_it(_):
    """The weights, settings.json and info say height and width; a sample grid has a row a class."""
    _, metadata = safetensors_numpy.load(model())
    expect((metadata["height"], metadata["width"]) == (str(HEIGHT), str(WIDTH)), str(metadata))
    run = f"{model()}.run"
    found = json.loads(pathlib.Path(f"{run}/settings.json").read_text())["images"]
    expect((found["height"], found["width"], found["channels"]) == (HEIGHT, WIDTH, 3), str(found))
    grid = read_png(f"{run}/samples-000002.png")
    expect(grid[:2] == (8 * WIDTH * 4, len(LABELS) * HEIGHT * 4), f"samples of {grid[:2]}")
    info = mote(None, "info", model(), "--json").lines()[0]
    expect((info["height"], info["width"]) == (HEIGHT, WIDTH), str(info))


def test_folders_sheets_and_arrays_hold_the_same_images(where):
    """A folder, a sheet cut by --tile and an array are one data set to the bit; a contact sheet shows it."""
    made = images()
    os.mkdir(f"{where}/flat")
    for i, image in enumerate(made):
        write_png(f"{where}/flat/{i}.png", image)
    write_png(f"{where}/sheet.png", made.reshape(2, 5, HEIGHT, WIDTH, 3).swapaxes(1, 2).reshape(2 * HEIGHT, 5 * WIDTH, 3))
    np.save(f"{where}/last.npy", made)
    np.save(f"{where}/first.npy", made.transpose(0, 3, 1, 2))
    tile = ("--tile", f"{WIDTH}x{HEIGHT}")
    for data, *words in (("flat", "-o", "contact.png"), ("sheet.png", *tile), ("last.npy",), ("first.npy",)):
        found = mote(where, "info", data, "--json", *words).lines()[0]
        expect((found["width"], found["height"], found["images"]) == (WIDTH, HEIGHT, 10), f"{data}: {found}")
        expect(found["hash"] == mote(where, "info", "flat", "--json").lines()[0]["hash"], f"{data} differs")
    contact = read_png(f"{where}/contact.png")[3]
    expect(contact.shape[1] % (2 * WIDTH) == 0, f"{contact.shape}")
    for i, image in enumerate(made):
        x = 2 * WIDTH * (i % 16)
        expect((contact[:2 * HEIGHT:2, x:x + 2 * WIDTH:2] == image).all(), f"image {i} of the contact sheet")


def test_size_crop_and_pad(where):
    """--size, --crop and --pad take W x H; the shape of --size keeps proportions; what is wrong is named."""
    write_folder(where)
    sized = mote(where, "train", "data", "-o", "a.safetensors", *TINY[:-2], "--sample-every", 0, "--size", "16x8", "--crop", "shape")
    expect("images of 16 x 8 x 3 in" in sized.err, sized.err)
    settings = json.loads(pathlib.Path(f"{where}/a.safetensors.run/settings.json").read_text())["settings"]
    expect((settings["size"], settings["crop"], settings["resize"]) == ("16x8", "shape", None), str(settings))
    mote(where, "train", "-o", "a.safetensors", "--resume", "--steps", 3, "--size", "16x8")
    expect_error(mote(where, "train", "-o", "a.safetensors", "--resume", "--steps", 4, "--size", "8x16", check=2), "--size", "16x8",
                 "8x16")
    for words, code, texts in (
            ((), 1, (f"{WIDTH} x {HEIGHT} pixels", "context_unet", "--size 12x12", "--pad square", "--net unet2d")),
            (("--size", "16x10"), 1, ("16 x 10 pixels", "--size 16x16", "--pad square keeps their pixels")),
            (("--size", "10x7"), 1, ("10 x 7 pixels", "--size 12x12 makes them fit, and --net unet2d")),
            (("--size", 6), 1, ("6 x 6 pixels", "multiple of 4", "--size 8x8", "--net unet2d")),
            (("--net", "unet2d", "--features", "8,8,8", "--size", "12x6"), 1, ("12 x 6", "3 levels", "--size 12x8 makes")),
            (("--size", "4x"), 2, ("--size", "4x", "16x24")),
            (("--crop", "shape"), 2, ("--crop", "--size")),
            (("--pad", "8x4"), 1, (".png", "12 x 8 pixels", "--pad 8x4", "--crop 8x4"))):
        expect_error(mote(where, "train", "data", "-o", "b.safetensors", *words, check=code), *texts)
    expect(not os.path.exists(f"{where}/b.safetensors"), "b.safetensors was written")


def test_weights_of_another_size_are_begun_with(where):
    """--start of a unet2d at another --size; a context_unet, whose weights are for one, refuses."""
    write_folder(where)
    mote(where, "train", "data", "--start", model(), "-o", "a.safetensors", "--batch", 4, "--steps", 1, "--size", "16x12", "--pad", "shape",
         "--sample-every", 0)
    expect(safetensors_numpy.load(f"{where}/a.safetensors")[1]["width"] == "16", "the width is not 16")
    mote(where, "train", "data", "-o", "c.safetensors", "--n-feat", 8, "--steps", 1, "--size", 8, "--batch", 4, "--sample-every", 0)
    expect_error(mote(where, "train", "data", "--start", "c.safetensors", "-o", "d.safetensors", "--size", "12", check=1),
                 "--size", "12 x 12", "8 x 8", "context_unet")
    for words, texts in ((("--size", "16x12"), ("--size", "16")), (("--size", 12), ("12 x 12", "8 x 8", "context_unet"))):
        expect_error(mote(where, "sample", "c.safetensors", "-n", 1, "-o", "out.png", *words, check=1), *texts)


def test_sampling_at_another_size(where):
    """--size makes what a model would whose weights say that size; levels must divide it; profile and bench take it too."""
    arrays, metadata = safetensors_numpy.load(model())
    safetensors_numpy.save(f"{where}/high.safetensors", arrays, {**metadata, "height": "16", "width": "6"})
    words = ("-n", 3, "--steps", 3, "--context", "hero")
    mote(where, "sample", model(), *words, "--size", "6x16", "--npy", "a.npy", "-o", "a.png")
    mote(where, "sample", "high.safetensors", *words, "--npy", "b.npy", "-o", "b.png")
    expect(np.load(f"{where}/a.npy").shape == (3, 3, 16, 6), f"{np.load(f'{where}/a.npy').shape}")
    for name in ("npy", "png"):
        a, b = (pathlib.Path(where, f"{file}.{name}").read_bytes() for file in "ab")
        expect(a == b, f"--size makes another .{name}")
    expect_error(mote(where, "sample", model(), *words, "--size", "7x8", "-o", "c.png", check=1), "--size", "7", "multiple of 2")
    np.save(f"{where}/x.npy", np.random.default_rng(3).standard_normal((2, 3, 16, 6)).astype(np.float32))
    np.save(f"{where}/t.npy", np.array([3, 400], np.int32))
    for name, weights in (("a", model()), ("b", "high.safetensors")):
        mote(where, "forward", weights, "--x", "x.npy", "--steps", "t.npy", "-o", f"{name}.npy")
    expect((np.load(f"{where}/a.npy") == np.load(f"{where}/b.npy")).all(), "forward differs")
    one, other = (mote(where, "backward", weights, "--x0", "x.npy", "--noise", "x.npy", "--steps", "t.npy", "-o", "g.safetensors").out
                  for weights in (model(), "high.safetensors"))
    expect(one == other, f"backward: {one}, {other}")
    last = mote(where, "profile", model(), "--size", "16x8", "--repeat", 1, "--json").lines()
    expect(any("8x16" in line.get("shape", "") for line in last), "no layer of 8x16")
    expect_error(mote(where, "bench", "--size", "16x8", check=2), "--size", "16", "8")


def test_evaluating(where):
    """Distances are those of the pixels, mirrored left to right; a classifier of that size judges."""
    write_folder(where, made=np.repeat(images(10), 3, 0)[::3])
    words = ("--json", "--holdout", "0.5", "-n", 5, "--steps", 2, "--seed", 7)
    mote(where, "train", "data", "--classifier", "-o", "judge.safetensors", "--n-feat", 8, "--steps", 1, "--batch", 4)
    found = mote(where, "evaluate", model(), "data", *words, "--classifier", "judge.safetensors").lines()[-1]
    expect("frechet" in found, str(found))
    mote(where, "sample", model(), "-n", 5, "--steps", 2, "--seed", 7, "--guidance", found["guidance"], "--each", "each",
         *(word for label in LABELS for word in ("--context", label)))
    made = [read_png(f"{where}/each/{i:04}.png")[3].astype(float) for i in range(5)]
    # Which image of each class is held out is not said here: the distances of both choices differ.
    def distance(image, others):
        return min(np.sqrt(((image - other) ** 2).mean()) for kept in others for other in (kept, kept[:, ::-1]))
    everything = images().astype(float)
    choices = [[everything[2 * k + (choice >> k & 1)] for k in range(5)] for choice in range(32)]
    medians = [np.median([distance(image, kept) for image in made]) for kept in choices]
    expect(min(abs(median - found["sample_distance"]) for median in medians) < 1e-6, f"{found['sample_distance']}: none of {medians}")
    write_folder(where, "turned", images().swapaxes(1, 2))
    expect_error(mote(where, "evaluate", model(), "turned", check=1), "turned", "8 x 12", "12 x 8", "--size 12x8")


def test_files_that_do_not_fit_are_named(where):
    """What is as large but turned is refused, with both sizes."""
    channels = 3
    write_png(f"{where}/turned.png", np.zeros((WIDTH, HEIGHT, channels), np.uint8))
    write_png(f"{where}/init.png", images()[0])
    np.save(f"{where}/turned.npy", np.zeros((1, channels, WIDTH, HEIGHT), np.float32))
    for words, texts in ((("--init", "turned.png"), ("turned.png", "8 x 12", "12 x 8")),
                         (("--init", "init.png", "--mask", "turned.png"), ("turned.png", "8 x 12", "12 x 8")),
                         (("--init", "turned.npy"), ("turned.npy", "(1, 3, 12, 8)", "(N, 3, 8, 12)")),
                         (("--x-init", "turned.npy"), ("turned.npy", "(1, 3, 12, 8)", "(N, 3, 8, 12)"))):
        expect_error(mote(where, "sample", model(), "-n", 1, "-o", "out.png", *words, check=1), *texts)


def test_an_export_is_of_that_size(where):
    """sample_size is [height, width], and the folder makes the same images."""
    mote(where, "export", model(), "folder")
    config = json.loads(pathlib.Path(f"{where}/folder/unet/config.json").read_text())
    expect(config["sample_size"] == [HEIGHT, WIDTH], str(config["sample_size"]))
    words = ("-n", 2, "--steps", 4, "--guidance", 1)
    mote(where, "sample", model(), *words, "--context", "hero", "--npy", "a.npy")
    mote(where, "sample", "folder", *words, "--context", "0,1,0,0,0,0", "--npy", "b.npy")
    a, b = (np.load(f"{where}/{name}.npy") for name in "ab")
    expect(a.shape == (2, 3, HEIGHT, WIDTH) and np.abs(a - b).max() < 1e-4, f"{a.shape}, {np.abs(a - b).max()} apart")


def test_what_square_images_do(where):
    """Grids, GIFs, moments, arrays, edits, sheets, palettes and previews: what is said of them elsewhere, with this model."""
    cli.OPTIONS.weights = model()
    tests = [cli.test_input_shapes_are_named, cli.test_grid_each_gif_and_npy_agree, cli.test_moments_go_from_the_noise_to_the_result,
             cli.test_scale_repeats_pixels, cli.test_starting_noise_is_taken, cli.test_info, test_edit.test_preview_shows_the_pixels,
             test_edit.test_inpainting_keeps_what_is_masked, test_edit.test_strength_is_the_way_from_the_image,
             test_edit.test_transparent_pixels_lie_on_the_background, test_edit.test_interpolation_ends_where_it_should,
             test_edit.test_what_init_holds_decides, test_edit.test_a_sheet_cuts_the_same_sprites,
             test_edit.test_a_palette_makes_indexed_pngs]
    for test in tests:
        folder = f"{where}/{test.__name__}"
        os.mkdir(folder)
        test(folder)
    expect(read_gif(f"{where}/test_grid_each_gif_and_npy_agree/out.gif")[:2] == (3 * WIDTH, 2 * HEIGHT), "the GIF's size")


if __name__ == "__main__":
    sys.exit(cli.run_all(globals()))
