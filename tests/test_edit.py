#!/usr/bin/python3
"""Editing with mote sample: image to image, inpainting, interpolation, variations, palettes, sprite sheets.

    /usr/bin/python3 tests/test_edit.py --mote build/mote --weights models/sprites.safetensors
"""

import json
import pathlib
import re
import shutil
import struct
import sys
import zlib

import numpy as np

import test_cli as cli
from test_cli import expect, expect_error, image_shape, read_png, sample

FAST = ("--steps", 3)


def write_png(path, pixels):
    """pixels (height, width, channels) of 1 to 4 channels, uint8."""
    height, width, channels = pixels.shape
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                                   chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def random_picture(seed, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (*image_shape()[1:], channels), dtype=np.uint8)


def half_mask():
    _, height, width = image_shape()
    mask = np.zeros((height, width, 1), np.uint8)
    mask[:height // 2] = 255
    mask[height // 2, 0] = 127  # just not half
    mask[height // 2, 1] = 128  # just so
    return mask


def pictures(path):
    """The images of a grid of one row."""
    rows = read_png(path)[3]
    width = image_shape()[2]
    return [rows[:, x:x + width] for x in range(0, rows.shape[1], width)]


def read_half_blocks(text):
    """The picture that a terminal shows of spaces and lower half blocks in 24-bit colours, (height, width, 3)."""
    rows, colours, inverse = [], {38: (0, 0, 0), 48: (0, 0, 0)}, False
    for line in text.splitlines():
        upper, lower = [], []
        for code, character in re.findall("\x1b\\[([0-9;]*)m|([^\x1b])", line):
            if not character:
                numbers = [int(number) for number in code.split(";")]
                if numbers in ([0], [7]):
                    inverse = numbers == [7]
                    continue
                for i in range(0, len(numbers), 5):
                    expect(numbers[i] in colours and numbers[i + 1] == 2, f"sequence {code}")
                    colours[numbers[i]] = tuple(numbers[i + 2:i + 5])
                continue
            expect(character in " \u2584\u2588", f"character {character!r}")
            ink, paper = (colours[48], colours[38]) if inverse else (colours[38], colours[48])
            upper.append(ink if character == "\u2588" else paper)
            lower.append(paper if character == " " else ink)
        rows += [upper, lower]
    return np.array(rows)


def row_of(where, name, count, *words):
    sample(where, "-o", name, "-n", count, "--columns", count, *FAST, *words)
    return pictures(f"{where}/{name}")


def test_preview_shows_the_pixels(where):
    """--preview prints half blocks of the very colours of the PNG, as many images side by side as fit in 80 columns."""
    fit = 80 // image_shape()[2]
    done = sample(where, "-o", "seen.png", "-n", fit + 1, "--columns", fit, "--preview", *FAST)
    shown = read_half_blocks("\n".join(line for line in done.out.splitlines() if "\x1b" in line))
    grid = read_png(f"{where}/seen.png")[3]
    expect(shown.shape == grid.shape, f"{shown.shape} shown, the PNG is {grid.shape}")
    filled = np.zeros(grid.shape[:2], bool)
    filled[:grid.shape[0] // 2] = filled[:, :image_shape()[2]] = True
    expect(np.array_equal(shown[filled], grid[filled]), f"colours differ by {np.abs(shown - grid)[filled].max()}")
    expect_error(sample(where, "-n", 1, "--preview", "--json", check=2), "--preview", "--json")


def test_inpainting_keeps_what_is_masked(where):
    """Where the mask is dark the final image is --init to the bit; elsewhere it is not; each image with its own init."""
    inits = [random_picture(1), random_picture(2)]
    for i, picture in enumerate(inits):
        write_png(f"{where}/init{i}.png", picture)
    mask = half_mask()
    write_png(f"{where}/mask.png", mask)
    kept = np.broadcast_to(mask < 128, inits[0].shape)
    for words in ((), ("--resample", 2), ("--sampler", "dpm++-sde", "--strength", "0.6"), ("--guidance", 2)):
        made = row_of(where, "out.png", 3, "--init", "init0.png", "--init", "init1.png", "--mask", "mask.png",
                      "--context", "hero", *words)
        for i, image in enumerate(made):
            expect((image[kept] == inits[i % 2][kept]).all(), f"{words}: image {i} changed under the mask")
            expect((image[~kept] != inits[i % 2][~kept]).mean() > 0.5, f"{words}: image {i} was not made anew")
    expect((made[0] != made[2]).any(), "two images of one init are the same")


def test_strength_is_the_way_from_the_image(where):
    """A small --strength stays near --init, a large one does not; .npy in place of PNG gives the same images."""
    picture = random_picture(3)
    write_png(f"{where}/init.png", picture)
    np.save(f"{where}/init.npy", (picture.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32))
    distance = []
    for strength in ("0.02", "0.3", "1"):
        image = row_of(where, "out.png", 1, "--init", "init.png", "--strength", strength)[0]
        distance.append(np.abs(image.astype(int) - picture).mean())
    expect(distance[0] < 16 and distance[0] < distance[1] < distance[2], f"distances {distance}")
    first = row_of(where, "a.png", 2, "--init", "init.png")
    second = row_of(where, "b.png", 2, "--init", "init.npy", "--batch", 1)
    for a, b in zip(first, second):
        expect(np.abs(a.astype(int) - b).max() <= 2, "PNG and .npy differ")


def test_transparent_pixels_lie_on_the_background(where):
    """Alpha of --init is composited on --background where the model has none."""
    if image_shape()[0] % 2 == 0:
        return
    size = image_shape()[1:]
    clear, white = np.zeros((*size, 4), np.uint8), np.full((*size, 3), 255, np.uint8)
    write_png(f"{where}/clear.png", clear)
    write_png(f"{where}/white.png", white)
    on_white = row_of(where, "a.png", 1, "--init", "clear.png", "--background", "white")[0]
    expect((on_white == row_of(where, "b.png", 1, "--init", "white.png")[0]).all(), "clear is not white on white")
    expect((on_white != row_of(where, "c.png", 1, "--init", "clear.png")[0]).any(), "--background changed nothing")


def test_interpolation_ends_where_it_should(where):
    """The first and the last image are those of either end alone; those between differ; --gif goes there and back."""
    first = row_of(where, "a.png", 1, "--seed", 3, "--context", "hero")[0]
    last = row_of(where, "b.png", 1, "--seed", 8, "--context", "monster")[0]
    way = row_of(where, "way.png", 5, "--seed", 3, "--to-seed", 8, "--context", "hero", "--context", "monster",
                 "--interpolate", "--gif", "way.gif", "--batch", 2)
    expect(np.abs(way[0].astype(int) - first).max() <= 2, "the first image is not that of --seed")
    expect(np.abs(way[-1].astype(int) - last).max() <= 2, "the last image is not that of --to-seed")
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(way, way[1:])]
    expect(min(steps) > 0, f"images repeat: {steps}")
    width, height, delays, loops = cli.read_gif(f"{where}/way.gif")
    expect((height, width) == image_shape()[1:] and len(delays) == 8 and loops, f"{width} {delays} {loops}")
    contexts = row_of(where, "c.png", 3, "--seed", 3, "--context", "hero", "--context", "monster", "--interpolate")
    mixed = row_of(where, "d.png", 1, "--seed", 3, "--context", "hero=0.5,monster=0.5")[0]
    expect(np.abs(contexts[1].astype(int) - mixed).max() <= 2, "the middle is not the even mixture")
    strip = sample(where, "-o", "e.png", "--interpolate", "--to-seed", 1, *FAST, "--json").lines()[-1]
    expect(strip["images"] == 9 and read_png(f"{where}/e.png")[0] == 9 * image_shape()[2], f"{strip}")


def test_variations_stay_near_the_first(where):
    """--variation A: image 0 is the plain one; the others are nearer to it the smaller A is; 1 is their own noise."""
    plain = row_of(where, "a.png", 4, "--seed", 5)
    near = row_of(where, "b.png", 4, "--seed", 5, "--variation", "0.05")
    far = row_of(where, "c.png", 4, "--seed", 5, "--variation", "0.6")
    own = row_of(where, "d.png", 4, "--seed", 5, "--variation", "1", "--batch", 3)
    expect((near[0] == plain[0]).all() and (far[0] == plain[0]).all(), "image 0 is not the plain one")
    for i in range(1, 4):
        distance = [np.abs(x[i].astype(int) - plain[0]).mean() for x in (near, far)]
        expect(0 < distance[0] < distance[1], f"image {i}: distances {distance}")
        expect(np.abs(own[i].astype(int) - plain[i]).max() <= 2, f"image {i} is not that of its own noise")


def test_palettes(where):
    """N gives at most N colours; a file's colours and no others, from every kind of palette alike, whatever its name."""
    colours = np.array([[0, 0, 0], [255, 255, 255], [200, 30, 40], [10, 90, 200]], np.uint8)
    pathlib.Path(f"{where}/p.gpl").write_text("GIMP Palette\nName: four\nColumns: 4\n# comment\n" + "".join(
        "%3d %3d %3d\tname of it\n" % tuple(colour) for colour in colours))
    pathlib.Path(f"{where}/p.hex").write_text("".join("%02x%02x%02x\r\n" % tuple(colour) for colour in colours))
    write_png(f"{where}/p.png", colours[None])
    shutil.copy(f"{where}/p.png", f"{where}/p.PNG")
    shutil.copy(f"{where}/p.png", f"{where}/p.hex2")
    pathlib.Path(f"{where}/p.GPL").write_bytes(b"\xef\xbb\xbfGIMP Palette\r\nChannels: RGBA\r\n#\r\n\r\n7 7 7 127 clear\r\n" + b"".join(
        b"%d %d %d 255 9 lives\r\n" % tuple(colour) for colour in colours))
    pathlib.Path(f"{where}/p.pal").write_text("JASC-PAL\r\n0100\r\n4\r\n" + "".join("%d %d %d\r\n" % tuple(colour) for colour in colours))
    pathlib.Path(f"{where}/p.txt").write_text("; paint.net Palette File\n\n00123456\n" + "".join(
        "FF%02X%02X%02X\n" % tuple(colour) for colour in colours))
    sample(where, "-o", "n.png", "-n", 9, *FAST, "--palette", 16)
    expect(len(np.unique(read_png(f"{where}/n.png")[3].reshape(-1, 3), axis=0)) <= 16, "more than 16 colours")
    found = []
    for kind in ("gpl", "hex", "png", "PNG", "hex2", "GPL", "pal", "txt"):
        sample(where, "-o", "f.png", "-n", 4, *FAST, "--palette", f"p.{kind}")
        found.append(read_png(f"{where}/f.png")[3])
        for colour in np.unique(found[-1].reshape(-1, 3), axis=0):
            expect((colours == colour).all(axis=1).any(), f"{kind}: {colour} is not of the palette")
    expect(all((one == found[0]).all() for one in found), "the same palette gives different images")


def test_what_init_holds_decides(where):
    """--init takes an array of any name, and a picture of any name."""
    array = np.random.default_rng(1).uniform(-1, 1, (2, *image_shape())).astype(np.float32)
    for name in ("i.npy", "i.NPY", "i.png"):
        np.save(open(f"{where}/{name}", "wb"), array)
        sample(where, "-o", f"{name}.png", "-n", 2, *FAST, "--init", name)
    np.savez_compressed(f"{where}/i.npz", array)
    sample(where, "-o", "i.npz.png", "-n", 2, *FAST, "--init", "i.npz")
    found = {pathlib.Path(where, f"{name}.png").read_bytes() for name in ("i.npy", "i.NPY", "i.png", "i.npz")}
    expect(len(found) == 1, "other images")
    np.savez(f"{where}/two.npz", a=array, b=array)
    expect_error(sample(where, "-o", "o.png", "-n", 2, *FAST, "--init", "two.npz", check=1), "two.npz: holds the arrays a, b")


def test_alpha_is_hardened(where):
    """--alpha-threshold leaves opaque pixels with their colour, and clear ones without; .hex palettes keep both."""
    sys.path.insert(0, str(pathlib.Path(__file__).parent / "parity"))
    import context_unet  # pylint: disable=import-outside-toplevel; it takes PyTorch seconds to load
    module = context_unet.random_model(4, 8, 2, 8, seed=1)
    context_unet.save_model(f"{where}/rgba.safetensors", module, context_unet.metadata_of(module))
    words = ("sample", "rgba.safetensors", "-n", 8, *FAST)
    cli.Run(*words, "-o", "soft.png", where=where, check=0)
    cli.Run(*words, "-o", "hard.png", "--alpha-threshold", 100, where=where, check=0)
    soft, hard = (read_png(f"{where}/{name}.png")[3].reshape(-1, 4) for name in ("soft", "hard"))
    opaque = soft[:, 3] >= 100
    expect(0 < opaque.sum() < len(opaque) and (hard[opaque, 3] == 255).all(), "opaque")
    expect((hard[opaque, :3] == soft[opaque, :3]).all() and (hard[~opaque] == 0).all(), "colours")
    pathlib.Path(f"{where}/p.hex").write_text("ff0000\n0000ff\n")
    cli.Run(*words, "-o", "two.png", "--alpha-threshold", 100, "--palette", "p.hex", where=where, check=0)
    found = {tuple(pixel) for pixel in read_png(f"{where}/two.png")[3].reshape(-1, 4)}
    expect(found <= {(255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)} and (0, 0, 0, 0) in found, f"found {found}")


def test_a_sheet_cuts_the_same_sprites(where):
    """The rectangles of --sheet hold the images of --each; labels, names, tags and size are those of the picture."""
    sample(where, "-o", "sheet.png", "--sheet", "sheet.json", "--each", "each", "-n", 5, "--scale", 2, "--first", 2,
           "--context", "hero", *FAST)
    sheet = json.loads(pathlib.Path(f"{where}/sheet.json").read_text())
    width, height, _, rows = read_png(f"{where}/sheet.png")
    meta = sheet["meta"]
    expect(meta["image"] == "sheet.png" and meta["size"] == {"w": width, "h": height}, str(meta))
    expect(meta["frameTags"] == [{"name": "hero", "from": 0, "to": 4, "direction": "forward"}], str(meta))
    expect([frame["filename"] for frame in sheet["frames"]] == [f"{i:04}.png" for i in range(2, 7)], "names")
    for frame in sheet["frames"]:
        x, y, w, h = (frame["frame"][key] for key in "xywh")
        one = read_png(f"{where}/each/{frame['filename']}")[3]
        expect((rows[y:y + h, x:x + w] == one).all() and frame["label"] == "hero", f"{frame}")
        expect(frame["sourceSize"] == {"w": w, "h": h} and not frame["rotated"] and not frame["trimmed"], f"{frame}")


def test_a_palette_makes_indexed_pngs(where):
    """-o and --each: colour type 3, the file's colours in the file's order; alpha in tRNS; without --palette true colour."""
    colours = ["ff0000", "00ff00", "0000ff", "ffffff", "000000"]
    pathlib.Path(f"{where}/p.hex").write_text("\n".join(colours) + "\n")
    sample(where, "-o", "sheet.png", "--each", "each", "-n", 3, *FAST, "--palette", "p.hex", "--scale", 2)
    sample(where, "-o", "plain.png", "-n", 3, *FAST)
    for name in ("sheet.png", "each/0000.png", "each/0002.png"):
        data = pathlib.Path(f"{where}/{name}").read_bytes()
        expect(data[25] == 3, f"{name}: colour type {data[25]}")
        at = data.index(b"PLTE") + 4
        expect(data[at:at + 15].hex() == "".join(colours) and b"tRNS" not in data, f"{name}: {data[at:at + 15].hex()}")
    expect(pathlib.Path(f"{where}/plain.png").read_bytes()[25] == 2, "without a palette")


def test_sheets_are_tagged_by_label(where):
    """Contexts dealt in turn: frames stand by label, a tag holds all of one; as an array and as a hash, the same frames."""
    words = ("-n", 5, "--context", "hero", "--context", "monster", *FAST)
    sample(where, "-o", "a.png", "--sheet", "a.json", *words)
    sample(where, "-o", "a.png", "--sheet", "h.json", "--sheet-format", "hash", *words)
    array, table = (json.loads(pathlib.Path(f"{where}/{name}.json").read_text()) for name in "ah")
    labels = [frame["label"] for frame in array["frames"]]
    expect(labels == ["hero"] * 3 + ["monster"] * 2, str(labels))
    expect(array["meta"]["frameTags"] == [{"name": "hero", "from": 0, "to": 2, "direction": "forward"},
                                          {"name": "monster", "from": 3, "to": 4, "direction": "forward"}], str(array["meta"]))
    names = [frame.pop("filename") for frame in array["frames"]]
    expect(names == ["0000.png", "0002.png", "0004.png", "0001.png", "0003.png"], str(names))
    expect(list(table["frames"].items()) == list(zip(names, array["frames"])), "the hash holds other frames")
    expect(table["meta"] == array["meta"], "meta")


def test_wrong_usage(where):
    """Options that contradict each other, and files that do not fit, are named; nothing is written."""
    _, height, width = image_shape()
    write_png(f"{where}/init.png", random_picture(1))
    write_png(f"{where}/small.png", np.zeros((height - 1, width, 3), np.uint8))
    write_png(f"{where}/black.png", np.zeros((height, width, 1), np.uint8))
    write_png(f"{where}/many.png", np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    pathlib.Path(f"{where}/bad.hex").write_text("112233\n11223\n")
    pathlib.Path(f"{where}/bad.gpl").write_text("GIMP Palette\n1 2 300\n")
    pathlib.Path(f"{where}/array.hex").write_bytes(b"\x93NUMPY\1\0")
    pathlib.Path(f"{where}/short.pal").write_text("JASC-PAL\n0100\n3\n1 2 3\n4 5 6\n")
    pathlib.Path(f"{where}/bad.pal").write_bytes(b"RIFF\x10\4\0\0PAL data\4\4\0\0\0\3\0\1")
    before = cli.listing(where)
    for words, code, texts in (
            (("--strength", "0.5"), 2, ("--strength", "--init")),
            (("--init", "init.png", "--strength", "0"), 2, ("--strength", "0.01")),
            (("--init", "init.png", "--resample", "2"), 2, ("--resample", "--mask")),
            (("--init", "init.png", "--x-init", "x.npy"), 2, ("--init", "--x-init")),
            (("--init", "init.png", "--strength", "0.02", "--steps", "11"), 2, ("--steps", "10")),
            (("--init", "small.png"), 1, ("small.png", f"{width} x {height - 1}", f"{width} x {height}")),
            (("--init", "none.png"), 1, ("none.png",)),
            (("--init", "init.png", "--mask", "black.png"), 1, ("black.png", "white")),
            (("--interpolate",), 2, ("--interpolate", "--to-seed")),
            (("--interpolate", "--to-seed", "1", "-n", "1"), 2, ("-n", "2")),
            (("--interpolate", "--to-seed", "1", "--sampler", "ddpm"), 2, ("--interpolate", "ddim")),
            (("--to-seed", "1"), 2, ("--to-seed", "--interpolate")),
            (("--variation", "0.1", "--eta", "1"), 2, ("--variation", "noise")),
            (("--variation", "0.1", "--init", "init.png"), 2, ("--variation", "--init")),
            (("--sheet", "sheet.png"), 2, ("--sheet", ".json")),
            (("--palette", "1"), 2, ("--palette", "256")),
            (("--palette", "bad.hex"), 1, ("bad.hex", "line 2", "RRGGBB")),
            (("--palette", "bad.gpl"), 1, ("bad.gpl", "line 2", "255")),
            (("--palette", "short.pal"), 1, ("short.pal", "2 colours", "expected 3")),
            (("--palette", "bad.pal"), 1, ("bad.pal", "Microsoft palette", "JASC")),
            (("--palette", "array.hex"), 1, ("array.hex", "NumPy array", ".gpl")),
            (("--palette", "many.png"), 1, ("many.png", "256")),
            (("--palette", "none.hex"), 1, ("none.hex",)),
            (("--alpha-threshold", "9"), 2, ("--alpha-threshold", "alpha"))):
        expect_error(sample(where, "-o", "out.png", *words, check=code), *texts)
        expect(cli.listing(where) == before, f"{words}: left {cli.listing(where)}")
    expect_error(sample(where, "--npy", "x.npy", "--sheet", "s.json", check=2), "--sheet", "-o")


if __name__ == "__main__":
    sys.exit(cli.run_all(globals(), "a model of three channels with labels hero and monster"))
