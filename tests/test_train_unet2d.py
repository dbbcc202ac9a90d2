#!/usr/bin/python3
"""mote train with a unet2d: the short forms of its settings; memory, which is known before, and images on the host; and what
other commands do with such a model.

    /usr/bin/python3 tests/test_train_unet2d.py --mote build/mote [--device D] [--only TEXT]

Tests are the functions called test_*; each states one behaviour in its docstring and fails by an exception. Needs
nothing but Python itself.
"""

import array
import json
import os
import re
import struct
import sys

from train_support import Run, expect, expect_error, make_data, png, run_tests, tensors, train

UNET = ["--net", "unet2d", "--batch", 2, "--timesteps", 20, "--sample-every", 0, "--steps", 1]


def settings_of(where):
    return json.loads((where / "m.safetensors.run/settings.json").read_text())["settings"]


# ----------------------------------------------------------------------------------------------------------------------
# Short forms

def test_short_forms(where):
    """--features, --blocks, --groups and --attention stand for settings, which the files have by their own names."""
    make_data(where)
    for features, attention, down, up, middle in (
            ("8,16", "4", "DownBlock2D,AttnDownBlock2D", "AttnUpBlock2D,UpBlock2D", "true"),
            ("8,8,8,8", "8,2", "AttnDownBlock2D,DownBlock2D,AttnDownBlock2D,DownBlock2D",
             "UpBlock2D,AttnUpBlock2D,UpBlock2D,AttnUpBlock2D", "true"),
            ("8,8", "none", "DownBlock2D,DownBlock2D", "UpBlock2D,UpBlock2D", "false")):
        train(where, *UNET, "--features", features, "--attention", attention, "--blocks", 1, "--groups", 4, "--force")
        found, _ = tensors(where / "m.safetensors")
        for key, value in {"block_out_channels": features, "down_block_types": down, "up_block_types": up,
                           "add_attention": middle, "layers_per_block": "1", "norm_num_groups": "4"}.items():
            expect(found[key] == value, f"--features {features} --attention {attention}: {key} is {found[key]}")
    expect(not {"features", "attention", "blocks", "groups"} & set(settings_of(where)), f"found {settings_of(where)}")
    train(where, "--resume", "--steps", 2, "--attention", "none", "--features", "8,8", "--blocks", 1)
    expect_error(train(where, "--resume", "--attention", "8", check=None), 2, "--attention", "AttnDownBlock2D,DownBlock2D")
    expect_error(train(where, "--resume", "--features", "8,16", check=None), 2, "8,16", "started with \"8,8\"")


def test_usual_levels(where):
    """Of five levels that are asked for, the lowest two attend."""
    make_data(where, 16)
    train(where, *UNET, "--features", "8,8,8,8,8", "--blocks", 1)
    found = settings_of(where)
    expect(found["down-block-types"] == "DownBlock2D,DownBlock2D,DownBlock2D,AttnDownBlock2D,AttnDownBlock2D", f"found {found}")
    expect(found["up-block-types"] == "AttnUpBlock2D,AttnUpBlock2D,UpBlock2D,UpBlock2D,UpBlock2D", f"found {found}")


def test_short_forms_refused(where):
    """A short form that cannot be is named as it was given, with what was expected; nothing is written."""
    make_data(where)
    for words, *texts in ((["--features", "8,7"], "--features", "8,7", "multiple of 8"),
                          (["--features", "8,8", "--block-out-channels", "8,16"], "--features", "--block-out-channels"),
                          (["--blocks", "0"], "--blocks", "1 to 8"),
                          (["--features", "8,8", "--attention", "5"], "--attention", "\"5\"", "8, 4"),
                          (["--features", "8,8", "--attention", "4,"], "--attention", "\"4,\"", "8, 4"),
                          (["--features", "8,8", "--attention", "4", "--down-block-types", "DownBlock2D,DownBlock2D"],
                           "--attention", "--down-block-types", "already")):
        expect_error(train(where, *UNET, *words, check=None), 2, *texts)
    for words in (["--attention", "4"], ["--blocks", "1"], ["--features", "8,8"]):
        expect_error(train(where, *words, check=None), 2, words[0], "context_unet", "no such setting")
    expect(sorted(os.listdir(where)) == ["data"], f"found {os.listdir(where)}")


def test_help(where):
    """The short forms stand among the options, all others of a unet2d under a title of their own."""
    text = Run("train", "--help", where=where, check=0).out
    at = [text.index(words) for words in ("Options:", "--features=", "--n-feat=", "--holdout=", "A unet2d in detail",
                                          "--block-out-channels=", "--dropout=", "Every command's options:")]
    expect(at == sorted(at), f"the order is {at}")


# ----------------------------------------------------------------------------------------------------------------------
# Memory

TINY_UNET = ["--net", "unet2d", "--features", "8,8", "--attention", "none", "--blocks", 1, "--timesteps", 20, "--tune", "off"]


def npy(path, shape, code, values):
    """`values` is an array.array or bytes; code as in NumPy's headers."""
    header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(values))


def make_arrays(where, count):
    """Images of 8 x 8 and contexts of two numbers, more than a small device holds beside the rest."""
    npy(where / "x.npy", (count, 8, 8, 3), "|u1", bytes((i // 192 * 31 + i % 192 * (i // 192 % 7)) % 256 for i in range(count * 192)))
    npy(where / "c.npy", (count, 2), "<f4", array.array("f", [v for i in range(count) for v in (i % 3 / 2, i % 5 / 4)]).tobytes())


def test_memory_is_refused(where):
    """Too little device memory: what is needed, what there is and the largest batch, which fits; nothing is written before."""
    make_data(where)
    words = ["train", "data", "-o", "m.safetensors", *TINY_UNET, "--steps", 1]
    refused = Run(*words, "--batch", 128, "--memory", 6, where=where)
    expect_error(refused, 1, "a batch of 128 needs", "of which 6.0 MiB are free", "sees as many images a step")
    expect(sorted(os.listdir(where)) == ["data"], f"found {os.listdir(where)}")
    batch, accumulate = re.search(r"--batch (\d+) --accumulate (\d+)", refused.err).groups()
    run = Run(*words, "--batch", batch, "--accumulate", accumulate, "--memory", 6, "--json", where=where, check=0)
    expect(run.events("result")[0]["device_peak_bytes"] <= 6 << 20, f"found {run.out}")
    expect_error(Run(*words, "--memory", "much", where=where), 2, "--memory", "much")


def test_images_on_the_host(where):
    """Images that find no room are read from the host: the same weights, also after going on, with held-out images and contexts."""
    make_arrays(where, 8000)
    words = ["train", "x.npy", "--contexts", "c.npy", *TINY_UNET, "--batch", 4, "--accumulate", 2, "--shift", 1, "--lr-schedule",
             "constant", "--sample-every", 0, "--json"]
    alone = Run(*words, "-o", "alone.safetensors", "--steps", 1, "--holdout", 0, where=where, check=0)
    memory = alone.events("result")[0]["device_peak_bytes"] / 2**20 - 0.6
    words += ["--holdout", "0.01"]
    whole = Run(*words, "-o", "whole.safetensors", "--steps", 40, where=where, check=0)
    expect("stay on the host" not in whole.err, f"found {whole.err}")
    for more in (["--steps", 15], ["--steps", 40, "--resume"]):
        run = Run(*words, "-o", "m.safetensors", "--memory", f"{memory:.4f}", *more, where=where, check=0)
        expect("the images, 1.5 MiB, stay on the host" in run.err, f"found {run.err}")
        expect(run.events("result")[0]["device_peak_bytes"] <= memory * 2**20, f"found {run.out}")
    expect(tensors(where / "m.safetensors")[1] == tensors(where / "whole.safetensors")[1], "the weights differ")
    losses = [[row.split(",")[:3] for row in (where / f"{name}.safetensors.run/log.csv").read_text().splitlines() if row.startswith("40,")]
              for name in ("m", "whole")]
    expect(losses[0] == losses[1] and losses[0], f"found {losses}")


# ----------------------------------------------------------------------------------------------------------------------
# What becomes of such a model

def numbers(path):
    """All numbers of a .npy of float32."""
    data = path.read_bytes()
    body = data[10 + int.from_bytes(data[8:10], "little"):]
    return struct.unpack(f"<{len(body) // 4}f", body)


def test_average(where):
    """What is saved are averaged weights, the last ones where --ema is 0; both are in the checkpoint."""
    make_data(where)
    for ema in ("0", "0.9"):
        train(where, *TINY_UNET, "--batch", 4, "--steps", 3, "--sample-every", 0, "--ema", ema, "--force")
        _, state = tensors(where / "m.safetensors.run/state.safetensors")
        _, saved = tensors(where / "m.safetensors")
        same = state["weights"] == state["average"]
        expect(same == (ema == "0"), f"--ema {ema}: averages are {'' if same else 'not '}the weights")
        biases = [value for name, value in saved.items() if name.endswith("conv1.bias")]  # which lie in one piece, as they are
        expect(biases and all(value in state["average"] for value in biases), f"--ema {ema}: not the averages were saved")


def test_editing(where):
    """--init, --mask and --interpolate do with a unet2d what they do with other models."""
    make_data(where)
    png(where / "mask.png", 8, lambda x, y: (255 * (x > 3),) * 3)
    train(where, *TINY_UNET, "--batch", 4, "--steps", 2, "--sample-every", 0, "--timesteps", 100)
    init = [20 * 3, 0, 0]  # of data/dots/3.png

    def sample(name, *words):
        Run("sample", "m.safetensors", "-o", f"{name}.png", "--npy", f"{name}.npy", "--steps", 3, *words, where=where, check=0)
        return numbers(where / f"{name}.npy")

    near = sample("near", "-n", 1, "--init", "data/stripes/3.png", "--strength", "0.05", "--seed", 1)
    far = sample("far", "-n", 1, "--init", "data/stripes/3.png", "--strength", "1", "--seed", 1)
    red = [value for value in near[:64]]
    expect(max(abs(value - (init[0] / 127.5 - 1)) for value in red) < 0.5, f"strength 0.05 gave a red of {red}")
    expect(near != far, "--strength changes nothing")
    kept = sample("kept", "-n", 1, "--init", "data/stripes/3.png", "--mask", "mask.png", "--seed", 1)
    black = [kept[y * 8 + x] for y in range(8) for x in range(4)]
    expect(max(abs(value - (init[0] / 127.5 - 1)) for value in black) < 1e-3, f"what the mask keeps is {black}")
    expect(max(abs(kept[y * 8 + x] - (init[0] / 127.5 - 1)) for y in range(8) for x in range(4, 8)) > 0.01, "nothing was made anew")
    way = sample("way", "-n", 3, "--interpolate", "--context", "dots", "--context", "stripes", "--seed", 4)
    ends = [sample(label, "-n", 1, "--context", label, "--seed", 4) for label in ("dots", "stripes")]
    for end, at in ((ends[0], way[:192]), (ends[1], way[-192:])):
        expect(max(abs(a - b) for a, b in zip(end, at)) < 1e-4, "an end of the way is not the image of its label")


def test_distill_and_evaluate(where):
    """A unet2d is distilled to a unet2d of half the steps, and judged by a classifier."""
    make_data(where)
    train(where, *TINY_UNET, "--batch", 4, "--steps", 2, "--sample-every", 0)
    Run("distill", "m.safetensors", "data", "-o", "fast.safetensors", "--steps", 1, "--from", 2, "--round-steps", 2, "--batch", 4,
        where=where, check=0)
    found, _ = tensors(where / "fast.safetensors")
    expect(found["architecture"] == "unet2d" and found["steps"] == "1", f"found {found}")
    expect(found["block_out_channels"] == "8,8" and found["add_attention"] == "false", f"found {found}")
    Run("train", "data", "-o", "judge.safetensors", "--classifier", "--n-feat", 8, "--steps", 2, "--batch", 4, where=where, check=0)
    for model in ("m", "fast"):
        run = Run("evaluate", f"{model}.safetensors", "data", "-n", 4, "--steps", 1, "--classifier", "judge.safetensors", "--holdout",
                  "0.2", "--json", where=where, check=0)
        found = run.events("result")[0]
        expect(0 < found["held_out"]["mean"] < 10 and len(found["classes"]) == 2, f"found {found}")


if __name__ == "__main__":
    sys.exit(run_tests(__doc__, globals()))
