#!/usr/bin/python3
"""mote train from the outside: files, messages, JSON, Ctrl-C, kills, a full disk, and going on with the same bits.

    /usr/bin/python3 tests/test_train.py --mote build/mote [--device D] [--kills 5] [--only TEXT]

Tests are the functions called test_*; each states one behaviour in its docstring and fails by an exception. Needs
nothing but Python itself.
"""

import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time

from train_support import (OPTIONS, TIMEOUT, TINY, Run, command, expect, expect_error, expect_whole, log, make_data, png,
                           read_png_rgba, run_tests, state_bytes, state_steps, temporary_files, tensors, train)

# ----------------------------------------------------------------------------------------------------------------------
# What a run leaves

def test_files(where):
    """A run writes weights, checkpoint, log, curve, grids and settings; the weights name data, classes and shape."""
    make_data(where)
    run = train(where, *TINY, "--steps", 25, "--sample-every", 10)
    expect("25 steps" in run.out and "wrote m.safetensors" in run.out, f"the summary is {run.out!r}")
    found = sorted(path.name for path in (where / "m.safetensors.run").iterdir())
    expect(found == ["log.csv", "loss.png", "samples-000010.png", "samples-000020.png", "samples-000025.png",
                     "settings.json", "state.safetensors", "written.json"], f"found {found}")
    expect_whole(where)
    metadata, _ = tensors(where / "m.safetensors")
    for key, value in {"labels": "dots,stripes", "height": "8", "channels": "3", "n_feat": "8", "n_cfeat": "2",
                       "timesteps": "20", "prediction": "v", "schedule": "cosine", "trained_on": "data"}.items():
        expect(metadata.get(key) == value, f"metadata {key} is {metadata.get(key)!r}, expected {value!r}")
    expect(state_steps(where) == 25, f"the checkpoint is of step {state_steps(where)}")
    info = Run("info", "m.safetensors", where=where, check=0)
    expect("dots, stripes" in info.out, f"mote info prints {info.out!r}")


def test_settings(where):
    """settings.json holds every option as used, the data and the device."""
    make_data(where)
    train(where, *TINY, "--steps", 2, "--lr", "0.002", "--seed", "18446744073709551615", "--target", "epsilon",
          "--half")
    settings = json.loads((where / "m.safetensors.run/settings.json").read_text())
    values = settings["settings"]
    expect(values["lr"] == 0.002 and values["batch"] == 4 and values["target"] == "epsilon", f"found {values}")
    expect(values["seed"] == "18446744073709551615", f"the seed is {values['seed']}")
    expect(values["channels"] == 3 and values["half"] is True and values["shift"] == 0, f"found {values}")
    expect(settings["images"]["train"] + settings["images"]["held_out"] == 20, f"found {settings['images']}")
    expect(settings["images"]["held_out"] == 2 and settings["device"]["name"], "held_out or device is missing")
    help_text = Run("train", "--help", where=where, check=0).out
    for name in values:
        expect(f"--{name}" in help_text, f"--{name} is not in the help")


def test_log_and_json(where):
    """log.csv and --json tell the same: step, loss, val_loss, lr, samples_per_s; nothing of it on stderr."""
    make_data(where)
    run = train(where, *TINY, "--steps", 30, "--sample-every", 20, "--json")
    rows, steps = log(where), run.events("step")
    expect([int(row["step"]) for row in rows] == [step["step"] for step in steps], "the steps differ")
    expect([step["step"] for step in steps] == [5, 10, 15, 20, 25, 30], f"found {[s['step'] for s in steps]}")
    for row, step in zip(rows, steps):
        for key in ("loss", "lr", "samples_per_s"):
            expect(abs(float(row[key]) - step[key]) <= 1e-5 * abs(step[key]), f"{key}: {row[key]} and {step[key]}")
        expect((row["val_loss"] == "") == (step["val_loss"] is None), "val_loss is not in both")
        expect(step["val_loss"] is not None, f"step {step['step']} has no validation loss")
    expect(steps[-1]["lr"] < steps[0]["lr"] <= 0.001, "the rate does not fall")
    result = run.events("result")[0]
    expect(result["steps"] == 30 and result["interrupted"] is False, f"found {result}")
    expect(result["val_loss"] == steps[-1]["val_loss"], f"found {result}")
    expect(len(run.events("samples")) == 2 and len(run.events("checkpoint")) >= 1, "events are missing")
    expect("loss" not in run.err, f"stderr holds {run.err!r}")


def test_many_labels(where):
    """200 classes: trained, named in the weights, asked for by name; grids show some of all of them."""
    names = [f"class {i:03d}" for i in range(200)]
    for i, name in enumerate(names):
        (where / "data" / name).mkdir(parents=True)
        png(where / "data" / name / "0.png", 8, lambda x, y, i=i: (i, x * 30, y * 30))
    train(where, *TINY, "--steps", 2)
    metadata, _ = tensors(where / "m.safetensors")
    expect(metadata["labels"] == ",".join(names) and metadata["n_cfeat"] == "200", f"found {metadata['labels'][:99]}")
    info = Run("info", "m.safetensors", "--json", where=where, check=0).events("model")[0]
    expect(info["labels"] == names, f"mote info lists {info['labels'][:3]}")
    Run("sample", "m.safetensors", "-n", 1, "--steps", 1, "--context", names[-1], "-o", "a.png", where=where, check=0)
    expect_error(Run("sample", "m.safetensors", "-n", 1, "--context", "class 200", "-o", "a.png", where=where), 2,
                 "(200 in all)")


def check_guidance_of(where):
    """A step is linear in what the network says, so that guided images follow from others made under parts of the context."""
    def images(context, *words):
        Run("sample", "m.safetensors", "-n", 2, "--steps", 1, "--npy", "a.npy", "--context", context, *words, where=where, check=0)
        data = (where / "a.npy").read_bytes()
        return struct.unpack("<384f", data[-2 * 3 * 8 * 8 * 4:])
    whole, none = images("orc, red, size=12", "--guidance", 1), images("none", "--guidance", 1)
    no_colour, no_size = images("orc, size=12", "--guidance", 1), images("orc, red", "--guidance", 1)
    for words, w, colour, size in ((("--guidance", 2, "--guidance-of", "colour=3,size=0.5"), 2, 3, 0.5),
                                   (("--guidance", 1, "--guidance-of", "colour=4"), 1, 4, 1),
                                   (("--guidance", 3, "--guidance-of", "size=3"), 3, 3, 3),
                                   (("--guidance", 2, "--guidance-of", "colour=3", "--guidance-interval", "0:0.9"), 1, 1, 1)):
        found = images("orc, red, size=12", *words)
        for i, value in enumerate(found):
            wanted = none[i] + w * (whole[i] - none[i]) + (colour - w) * (whole[i] - no_colour[i]) + (size - w) * (whole[i] - no_size[i])
            expect(abs(value - wanted) < 1e-4, f"{words}: number {i} is {value}, expected {wanted}")
    expect(min(max(abs(a - b) for a, b in zip(whole, other)) for other in (no_colour, no_size, none)) > 2e-3,
           "attributes make no difference")
    for text in ("shape=2", "colour", "colour=0", "colour=2,colour=3", "colour=101", "colour=2,"):
        expect_error(Run("sample", "m.safetensors", "-n", 1, "--steps", 1, "-o", "a.png", "--guidance-of", text, where=where), 2,
                     "--guidance-of", "attributes: kind, colour, size")


def test_attributes(where):
    """metadata.csv gives attributes; the weights name them, samples are asked for by them, and a run sees another table."""
    (where / "data").mkdir()
    table = where / "data/metadata.csv"
    lines = ["file_name,kind,colour,size"]
    for i in range(12):
        png(where / f"data/{i}.png", 8, lambda x, y, i=i: (i % 2 * 255, i % 3 * 100, i * 20))
        lines.append(f"{i}.png,{('orc', 'elf')[i % 2]},{('red', 'green', 'blue')[i % 3]},{10 + 2.5 * i}")
    table.write_text("\n".join(lines), encoding="utf-8")
    found = Run("info", "data", "--json", where=where, check=0).events("data")[0]
    expect([a["name"] for a in found["attributes"]] == ["kind", "colour", "size"] and found["context"] == 6, f"found {found}")
    expect(found["attributes"][0]["labels"] == [{"name": "elf", "images": 6}, {"name": "orc", "images": 6}], f"found {found}")
    run = train(where, *TINY, "--steps", 30, "--lr", 0.02, "--ema", 0.1, "--sample-every", 0)
    expect("with 3 attributes" in run.err, f"found {run.err!r}")
    metadata, _ = tensors(where / "m.safetensors")
    expect(metadata["attributes"] == "kind=2,colour=3,size=10:37.5", f"found {metadata}")
    expect(metadata["labels"] == "elf,orc,blue,green,red,size", f"found {metadata}")
    model = Run("info", "m.safetensors", "--json", where=where, check=0).events("model")[0]
    expect(model["attributes"] == [{"name": "kind", "labels": ["elf", "orc"]}, {"name": "colour", "labels": ["blue", "green", "red"]},
                                   {"name": "size", "low": 10, "high": 37.5}], f"found {model['attributes']}")
    expect("10 to 37.5" in Run("info", "m.safetensors", where=where, check=0).out, "mote info shows no bounds")
    sample = ("sample", "m.safetensors", "-n", 1, "--steps", 1, "-o", "a.png")
    Run(*sample, "--context", "orc, colour:red, size=12", where=where, check=0)
    expect_error(Run(*sample, "--context", "orc, size=9", where=where), 2, "size is 9, learned from 10 to 37.5")
    check_guidance_of(where)
    expect_error(Run("train", "data", "--classifier", "-o", "c.safetensors", *TINY[:2], where=where), 2, "3 attributes", "--attributes")
    table.write_text("\n".join(lines).replace("orc", "ork"), encoding="utf-8")
    expect_error(train(where, *TINY, "--steps", 40, "--resume", check=None), 1, "images")


def test_epochs(where):
    """--epochs counts in images that are trained on."""
    make_data(where)
    run = train(where, *TINY, "--epochs", 2, "--json")  # 18 images in batches of 4
    expect(run.events("result")[0]["steps"] == 9, f"found {run.events('result')}")


def test_minutes(where):
    """--minutes ends in time, with the learning rate at its end."""
    make_data(where)
    began = time.monotonic()
    run = train(where, *TINY, "--minutes", "0.15", "--json")
    took = time.monotonic() - began
    expect(took < 10.5, f"9 seconds became {took:.1f}")
    expect(took > 6, f"9 seconds became {took:.1f}")
    steps = run.events("step")
    expect(steps[-1]["lr"] < 0.05 * 0.001, f"the last rate is {steps[-1]['lr']}")
    expect(steps[len(steps) // 4]["lr"] > 0.5 * 0.001, "the rate fell too early")


def test_loss_falls(where):
    """Training learns: the loss at the end is well below that at the beginning."""
    make_data(where)
    run = train(where, "--n-feat", 8, "--batch", 16, "--steps", 300, "--lr", "0.003", "--sample-every", 0, "--json")
    losses = [step["loss"] for step in run.events("step")]
    first, last = sum(losses[:3]) / 3, sum(losses[-10:]) / 10
    expect(last < 0.6 * first, f"from {first} to {last}")


# ----------------------------------------------------------------------------------------------------------------------
# Going on

def test_resume_is_bit_equal(where):
    """A run that is stopped and goes on ends in the very bytes of one that is not, accumulation and all."""
    make_data(where)
    words = [*TINY, "--steps", 40, "--accumulate", 2, "--shift", 1, "--warmup", 5, "--weight-decay", "0.01", "--sample-every", 15]
    (where / "other").mkdir()
    (where / "other/data").symlink_to(where / "data")
    train(where / "other", *words)
    child = interrupt_at(where, 12, signal.SIGINT, *words, "--save-every", 7)
    expect(child == 1, f"exit code {child}")
    stopped = state_steps(where)
    expect(0 < stopped < 40, f"stopped at {stopped}")
    train(where, "--resume", data=None)
    expect(state_steps(where) == 40, f"ended at {state_steps(where)}")
    expect(state_bytes(where) == state_bytes(where / "other"), "the states differ")
    expect(tensors(where / "m.safetensors") == tensors(where / "other/m.safetensors"), "the weights differ")
    steps = [int(row["step"]) for row in log(where)]
    expect(steps == sorted(set(steps)) and steps[-1] == 40, f"the log holds {steps}")


def test_resume_longer(where):
    """A finished run goes on when it is given more steps; without, it only writes its weights again."""
    make_data(where)
    train(where, *TINY, "--steps", 6)
    before = state_bytes(where)
    train(where, "--resume")
    expect(state_bytes(where) == before, "the state changed")
    train(where, "--resume", "--epochs", 2)
    expect(state_steps(where) == 9, f"ended at {state_steps(where)}")
    settings = json.loads((where / "m.safetensors.run/settings.json").read_text())["settings"]
    expect(settings["epochs"] == 2 and not settings["steps"], f"found {settings}")


def test_resume_checks_settings(where):
    """--resume names the setting that differs, and other images; both leave the run as it was."""
    make_data(where)
    train(where, *TINY, "--steps", 3)
    before = state_bytes(where), (where / "m.safetensors.run/settings.json").read_bytes()
    run = train(where, "--resume", "--lr", "0.01", check=None)
    expect_error(run, 2, "--lr", "0.01", "0.001")
    run = train(where, "--resume", "--target", "epsilon", check=None)
    expect_error(run, 2, "--target", "epsilon", "v")
    train(where, "--resume", "--lr", "0.001", "--batch", 4)
    png(where / "data/dots/0.png", 8, lambda x, y: (x, y, 0))
    run = train(where, "--resume", check=None)
    expect_error(run, 1, "data", "images")
    expect((state_bytes(where), (where / "m.safetensors.run/settings.json").read_bytes()) == before, "files changed")


def test_resume_a_run_of_0_1_0(where):
    """settings.json without the options that came later means their defaults; without another it is damaged."""
    make_data(where)
    train(where, *TINY, "--steps", 2)
    path = where / "m.safetensors.run/settings.json"
    told = json.loads(path.read_text())
    for name in ("crop", "pad", "spacing", "margin", "arrays", "range", "net"):
        del told["settings"][name]
    path.write_text(json.dumps(told))
    run = train(where, "--resume", "--steps", 3, "--pad", 32, check=None)
    expect_error(run, 2, "--pad", "32", "null")
    train(where, "--resume", "--steps", 3, "--range", "auto")
    del told["settings"]["batch"]
    path.write_text(json.dumps(told))
    expect_error(train(where, "--resume", "--steps", 4, check=None), 1, "settings.json", "batch")


def test_no_overwriting(where):
    """A model or a run that is there is replaced by --force only, and then nothing of the old run is left."""
    make_data(where)
    words = [*TINY, "--steps", 2]
    train(where, *words, "--sample-every", 1)
    expect(list((where / "m.safetensors.run").glob("samples*")), "no pictures that could be left")
    before = state_bytes(where), (where / "m.safetensors").read_bytes()
    expect_error(train(where, *words, "--seed", 3, check=None), 1, "m.safetensors.run", "--resume", "--force")
    (where / "m.safetensors").rename(where / "moved")
    expect_error(train(where, *words, "--seed", 3, check=None), 1, "m.safetensors.run")  # a run without its model
    (where / "moved").rename(where / "m.safetensors")
    (where / "m.safetensors.run").rename(where / "moved")
    expect_error(train(where, *words, "--seed", 3, check=None), 1, "m.safetensors", "--force")  # a model without its run
    expect(not (where / "m.safetensors.run").exists(), "refused, but a folder was made")
    (where / "moved").rename(where / "m.safetensors.run")
    expect((state_bytes(where), (where / "m.safetensors").read_bytes()) == before, "refused, but files changed")
    expect_error(train(where, "--resume", "--force", check=None), 2, "--resume", "--force")
    train(where, *words, "--seed", 3, "--force")
    expect(state_bytes(where) != before[0], "not replaced")
    left = {path.name for path in (where / "m.safetensors.run").glob("samples*")}
    expect(not left, f"pictures of the old run are left: {left}")


def test_outputs_are_no_inputs(where):
    """-o that names what is read is refused under any name, and nothing is lost."""
    make_data(where)
    train(where, *TINY, "--steps", 1)
    (where / "m.safetensors").rename(where / "first.safetensors")
    (where / "hard.safetensors").hardlink_to(where / "first.safetensors")
    (where / "soft.safetensors").symlink_to("first.safetensors")
    before = (where / "first.safetensors").read_bytes()
    for name in ("first", "./first", "hard", "soft", "data/../first"):
        for words in (["--start", "first.safetensors"], ["--teacher", "first.safetensors", "--distill-steps", 2]):
            run = Run("train", "data", "-o", f"{name}.safetensors", *words, "--force", "--steps", 1, where=where)
            expect_error(run, 2, "-o", words[0], "first.safetensors")
    expect((where / "first.safetensors").read_bytes() == before, "the model changed")


def test_resume_needs_a_run(where):
    """--resume names what is missing, and begins nothing else."""
    make_data(where)
    for words in (["data"], []):
        run = Run("train", *words, "-o", "misspelt.safetensors", "--resume", "--steps", 1, where=where)
        expect_error(run, 1, "--resume", "misspelt.safetensors.run")
    expect(sorted(os.listdir(where)) == ["data"], f"found {os.listdir(where)}")
    train(where, *TINY, "--steps", 1)
    (where / "m.safetensors.run/settings.json").unlink()
    expect_error(train(where, "--resume", check=None), 1, "settings.json")


def test_resume_needs_its_own_model(where):
    """A model at -o that the run did not write is kept; what runs of older versions cannot tell is said."""
    make_data(where)
    model, words = where / "m.safetensors", ["--sample-every", 0, "--steps"]
    train(where, *TINY, *words, 1)
    first = where / "first.safetensors"
    first.write_bytes(model.read_bytes())
    foreign = model.read_bytes()[:-1] + bytes([model.read_bytes()[-1] ^ 1])
    model.write_bytes(foreign)
    expect_error(train(where, "--resume", *words, 2, check=None), 1, "-o: m.safetensors is not the model")
    expect(model.read_bytes() == foreign, "it was replaced")
    model.unlink()
    train(where, "--resume", *words, 2)
    run = train(where, "--resume", *words, 3)
    expect("older version" not in run.err and state_steps(where) == 3, run.err)
    model.write_bytes(foreign)
    (where / "m.safetensors.run/written.json").unlink()
    expect("older version, which does not tell whether it wrote m.safetensors" in train(where, "--resume", *words, 4).err, "nothing is said")
    train(where, *TINY, "--force", *words, 1, "--start", first)
    settings = where / "m.safetensors.run/settings.json"
    settings.write_text(json.dumps({k: v for k, v in json.loads(settings.read_text()).items() if k != "digests"}))
    run = train(where, "--resume", *words, 2, "--start", first)
    expect("--start" in run.err and "do not tell which model" in run.err, run.err)


def test_resume_before_the_first_checkpoint(where):
    """settings.json alone begins that very run anew: its data and its settings."""
    make_data(where)
    words = [*TINY, "--steps", 4, "--seed", 7, "--lr", "0.002"]
    train(where, *words)
    wanted = (where / "m.safetensors").read_bytes()
    for name in ("m.safetensors", "m.safetensors.run/state.safetensors", "m.safetensors.run/log.csv"):
        (where / name).unlink()
    kept = (where / "m.safetensors.run/settings.json").read_bytes()
    expect_error(train(where, "--resume", "--seed", 8, check=None), 2, "--seed", "7")
    run = Run("train", "-o", "m.safetensors", "--resume", where=where, check=0)
    expect("no checkpoint" in run.err, run.err)
    expect((where / "m.safetensors").read_bytes() == wanted, "another model")
    expect((where / "m.safetensors.run/settings.json").read_bytes() == kept, "other settings")


def test_resume_elsewhere(where):
    """A run goes on from any folder, after it was moved with its data, and with data that is named again."""
    for name in ("one", "one/away", "far", "whole"):
        (where / name).mkdir()
    make_data(where / "one")
    make_data(where / "whole")
    words = [*TINY, "--lr-schedule", "constant"]
    train(where / "whole", *words, "--steps", 8)
    train(where / "one", *words, "--steps", 2)
    told = json.loads((where / "one/m.safetensors.run/settings.json").read_text())
    expect(told["data"] == "../data", f"the data is {told['data']}")
    resume = ["train", "-o", "../m.safetensors", "--resume", "--steps"]
    Run(*resume, 4, where=where / "one/away", check=0)
    (where / "one").rename(where / "two")
    Run(*resume, 6, where=where / "two/away", check=0)
    (where / "two/data").rename(where / "far/data")
    run = Run(*resume, 7, where=where / "two/away")
    expect_error(run, 1, "DATA", "../data")
    Run(*resume, 7, "../../far/data", where=where / "two/away", check=0)
    Run(*resume, 8, where=where / "two/away", check=0)
    one, other = (where / name / "m.safetensors.run/state.safetensors" for name in ("two", "whole"))
    expect(one.read_bytes()[-4000:] == other.read_bytes()[-4000:], "the states differ")
    settings = where / "two/m.safetensors.run/settings.json"  # as older versions wrote them
    settings.write_text(settings.read_text().replace(json.dumps(str(where / "far/data")), '"data"'))
    run = Run("train", "-o", where / "two/m.safetensors", "--resume", "--steps", 9, where=where / "far", check=0)
    expect("data" in run.err and "this folder" in run.err, run.err)


def test_resume_with_another_model(where):
    """Another teacher under the old name is refused; another --start is said, since a checkpoint does not need it."""
    make_data(where)
    for seed in (1, 2):
        Run("train", "data", "-o", f"t{seed}.safetensors", *TINY, "--seed", seed, "--steps", 1, where=where,
            check=0)
    teacher, words = where / "t.safetensors", ["--batch", 4, "--steps", 2, "--sample-every", 0]
    one, other = ((where / f"t{seed}.safetensors").read_bytes() for seed in (1, 2))
    teacher.write_bytes(one)
    train(where, "--teacher", "t.safetensors", "--distill-steps", 2, *words)
    Run("train", "data", "-o", "s.safetensors", "--start", "t.safetensors", *words, where=where, check=0)
    before = state_bytes(where)
    teacher.write_bytes(other)
    expect_error(train(where, "--resume", "--steps", 3, check=None), 1, "--teacher", "t.safetensors")
    expect_error(train(where, "--resume", "--teacher", "t2.safetensors", check=None), 2, "--teacher", "t2.safetensors", "t.safetensors")
    expect(state_bytes(where) == before, "the state changed")
    train(where, "--resume", "--steps", 3, "--teacher", "t1.safetensors")
    expect(state_steps(where) == 3, "the same teacher under another name is refused")
    run = Run("train", "-o", "s.safetensors", "--resume", "--steps", 3, where=where, check=0)
    expect("--start" in run.err and "t.safetensors" in run.err, run.err)
    (where / "s.safetensors.run/state.safetensors").unlink()
    expect_error(Run("train", "-o", "s.safetensors", "--resume", "--steps", 3, where=where), 1, "--start", "t.safetensors")


def test_resume_with_other_kernels(where):
    """The kernels of a run are used when it goes on; other ones are said."""
    make_data(where)
    train(where, *TINY, "--steps", 2, "--kernels", "plain")
    run = train(where, "--resume", "--steps", 3)
    expect("same bits" not in run.err, run.err)
    run = train(where, "--resume", "--steps", 4, "--kernels", "texel")
    expect("plain" in run.err and "same bits" in run.err, run.err)


def test_hostile_settings(where):
    """Rows that no run writes are left out of the log; a setting out of its range is named."""
    make_data(where)
    train(where, *TINY, "--steps", 4)
    path = where / "m.safetensors.run/log.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n1e300,1,,1,1,1e300\nnan,1,,1,1,1\n0,1,,1,1,1\n1.5,1,,1,1,1\n1,1,,1,1,-5\n"
                    "1,0.5,,0.001,1,2\n1,0.5,,0.001,1,3\n2,0.5,,0.001,1,1\n3,1,,1,1,1e12\n3,inf,,1,1,3\n4,0.25,0.5,0.001,1,3\n9,1,,1,1,4\n")
    train(where, "--resume", "--steps", 5)
    found = [(row["step"], row["loss"]) for row in log(where)]
    expect(found[:2] == [("1", "0.5"), ("4", "0.25")] and found[2][0] == "5" and len(found) == 3, f"found {found}")
    settings = where / "m.safetensors.run/settings.json"
    whole = json.loads(settings.read_text())
    for name, value in (("lr", 0), ("lr", -1), ("batch", 1e300), ("batch", 0.5), ("n-feat", 12), ("target", "x"), ("seed", 1),
                        ("size", "8x0"), ("size", "8 x 8"), ("size", 8.5), ("resize", 4096), ("flip", None)):
        edited = json.loads(json.dumps(whole))
        edited["settings"][name] = value
        if value is None:
            del edited["settings"][name]
        settings.write_text(json.dumps(edited))
        expect_error(train(where, "--resume", "--steps", 6, check=None), 2 if name == "n-feat" else 1, name)
    del whole["data"]
    settings.write_text(json.dumps(whole))
    expect_error(Run("train", "-o", "m.safetensors", "--resume", where=where), 1, "settings.json", "DATA")


def test_a_run_among_its_images(where):
    """A run that writes into the folder that it reads goes on: its own pictures are no class."""
    make_data(where)
    words = ["-o", "m.safetensors", "--resume"]
    Run("train", ".", "-o", "m.safetensors", *TINY, "--steps", 2, "--sample-every", 1, where=where / "data", check=0)
    expect(list((where / "data/m.safetensors.run").glob("samples*")), "no pictures of its own")
    Run("train", *words, "--steps", 3, where=where / "data", check=0)
    expect(tensors(where / "data/m.safetensors")[0]["labels"] == "dots,stripes", "other classes")


def test_names_not_utf8(where):
    """A name that settings.json could not hold is refused by its option before anything is made."""
    make_data(where)
    os.rename(where / "data", os.fsencode(where) + b"/h\xe9")
    for words in (["train", b"h\xe9", "-o", "m.safetensors"], ["train", "data", "-o", b"h\xe9.safetensors"]):
        done = subprocess.run([OPTIONS.mote, *words, *map(str, TINY)], cwd=where, capture_output=True, timeout=TIMEOUT, check=False)
        expect(done.returncode == 2 and b"UTF-8" in done.stderr and b"h\\xe9" in done.stderr, f"{done.stderr!r}")
    expect(os.listdir(os.fsencode(where)) == [b"h\xe9"], f"found {os.listdir(where)}")


def make_clear_data(where, clear):
    """Sprites of half and fully opaque pixels on clear ones of the colour `clear`."""
    (where / "data").mkdir(parents=True)
    for i in range(8):
        def pixel(x, y, i=i):
            alpha = (0, 128, 255)[min((x + y * 2 + i) % 5, 2)]
            return (25 * i, 200, 30 * x, alpha) if alpha else (*clear, 0)
        png(where / "data" / f"{i}.png", 8, pixel, alpha=True)


def expect_straight_png(where, premultiplied):
    """`mote sample` writes straight alpha, whatever the model makes; --alpha-threshold comes after."""
    Run("sample", "m.safetensors", "-n", 1, "--steps", 2, "--npy", "x.npy", "-o", "x.png", where=where, check=0)
    data = (where / "x.npy").read_bytes()
    start = data.index(b"\n") + 1
    planes = struct.unpack(f"<{4 * 64}f", data[start:])
    made = [[min(max(round(planes[64 * c + i] * 127.5 + 127.5), 0), 255) for c in range(4)] for i in range(64)]
    for wanted, found in zip(made, sum(read_png_rgba(where / "x.png"), [])):
        alpha = wanted[3]
        if premultiplied:
            wanted[:3] = [min((2 * 255 * c + alpha) // (2 * alpha), 255) if alpha else 0 for c in wanted[:3]]
        expect(tuple(wanted) == found, f"the PNG has {found}, expected {wanted}")


def expect_init_kept(where):
    """What --mask keeps of --init comes out as it went in, but for the rounding of colours times alpha."""
    png(where / "init.png", 8, lambda x, y: (200, 100, 50, (0, 128, 255)[y % 3]), alpha=True)
    png(where / "mask.png", 8, lambda x, y: (255 * (x == y == 7),) * 3)
    Run("sample", "m.safetensors", "-n", 1, "--steps", 2, "--init", "init.png", "--mask", "mask.png", "-o", "y.png",
        where=where, check=0)
    for y, row in enumerate(read_png_rgba(where / "y.png")[:7]):
        for found in row:
            wanted = ((0, 0, 0, 0), (200, 100, 50, 128), (200, 100, 50, 255))[y % 3]
            expect(all(abs(a - b) <= (y % 3 == 1) for a, b in zip(found, wanted)), f"kept {found}, expected {wanted}")


def test_alpha(where):
    """Premultiplied, clear pixels have no colour to learn; straight they have; samples are straight either way."""
    weights = {}
    for alpha in ("premultiplied", "straight"):
        for clear in ((255, 0, 255), (0, 0, 0)):
            folder = where / f"{alpha}-{clear[0]}"
            make_clear_data(folder, clear)
            train(folder, *TINY, "--steps", 3, "--channels", 4, "--alpha", alpha)
            metadata, weights[alpha, clear] = tensors(folder / "m.safetensors")
            expect(metadata["alpha"] == alpha, f"metadata alpha is {metadata['alpha']}")
        expect(alpha in Run("info", "m.safetensors", where=folder, check=0).out, "mote info does not say it")
        expect_straight_png(folder, alpha == "premultiplied")
        if alpha == "premultiplied":
            expect_init_kept(folder)
        one, other = (weights[alpha, clear] for clear in ((255, 0, 255), (0, 0, 0)))
        expect((one == other) == (alpha == "premultiplied"), f"{alpha}: the clear pixels' colour was misread")
    folder = where / "straight-0"
    (folder / "m.safetensors").rename(folder / "first.safetensors")
    (folder / "m.safetensors.run").rename(folder / "first.run")
    train(folder, "--start", "first.safetensors", "--batch", 4, "--steps", 1)
    metadata = tensors(folder / "m.safetensors")[0]
    expect((metadata["alpha"], metadata["channels"]) == ("straight", "4"), "--start does not go on with its model's alpha")


def test_start(where):
    """--start begins with a model's weights, shape and noise; a shape that does not fit is named."""
    make_data(where)
    train(where, *TINY, "--steps", 3, "--target", "epsilon")
    (where / "m.safetensors").rename(where / "first.safetensors")
    (where / "m.safetensors.run").rename(where / "first.run")
    words = ["--start", "first.safetensors", "--batch", 4, "--steps", 1, "--lr", "1e-12", "--ema", "1e-9"]
    train(where, *words, "--sample-every", 0)
    expect(not list((where / "m.safetensors.run").glob("samples*")), "--sample-every 0 made samples")
    metadata, found = tensors(where / "m.safetensors")
    expect(metadata["n_feat"] == "8" and metadata["timesteps"] == "20" and metadata["prediction"] == "epsilon",
           f"the metadata is {metadata}")
    _, first = tensors(where / "first.safetensors")
    for name, data in first.items():
        pairs = zip(struct.unpack(f"<{len(data) // 4}f", data), struct.unpack(f"<{len(data) // 4}f", found[name]))
        expect("running" in name or all(abs(a - b) < 1e-6 for a, b in pairs), f"{name} is another")
    expect_error(train(where, "--resume", "--start", "m.safetensors", check=None), 2, "--start", "first.safetensors")
    (where / "m.safetensors.run").rename(where / "second.run")
    expect_error(train(where, *words, "--n-feat", 16, "--force", check=None), 2, "start", "n_feat 8", "16")
    expect_error(train(where, "--start", "nowhere.safetensors", "--force", check=None), 1, "nowhere.safetensors")


def test_flow(where):
    """--target flow brings its schedule and equal weights; the model says so and is sampled with Heun's steps."""
    make_data(where)
    train(where, *TINY, "--steps", 3, "--target", "flow")
    values = json.loads((where / "m.safetensors.run/settings.json").read_text())["settings"]
    expect(values["schedule"] == "flow" and values["min-snr"] == 0, f"settings are {values}")
    metadata, _ = tensors(where / "m.safetensors")
    expect((metadata["prediction"], metadata["schedule"]) == ("flow", "flow"), f"the metadata is {metadata}")
    Run("sample", "m.safetensors", "-o", "out.png", "--sampler", "heun", "--steps", 4, where=where, check=0)
    expect_error(Run("sample", "m.safetensors", "-o", "out.png", "--sampler", "ddpm", where=where), 2, "ddpm", "flow")
    expect_error(train(where, *TINY, "--steps", 3, "--target", "epsilon", "--schedule", "flow", "--force", check=None), 2,
                 "prediction is epsilon")


def test_one_process_a_run(where):
    """A second process is refused while the first is at work."""
    make_data(where)
    child = subprocess.Popen(command("train", "data", "-o", "m.safetensors", *TINY, "--steps", 1000000, "--json"),
                             cwd=where, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    child.stdout.readline()
    leftover = where / "m.safetensors.run/.mote-1-0.tmp"
    leftover.write_text("half a file")
    expect_error(train(where, "--resume", check=None), 1, "m.safetensors.run", "another process")
    expect(leftover.exists(), "it tidied up in a folder that is not its own")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=TIMEOUT)
    expect_whole(where)
    train(where, "--resume", "--steps", state_steps(where) + 1)
    expect(not leftover.exists(), "what a killed process left stays")


def test_damaged_run(where):
    """--resume names a damaged checkpoint or settings file."""
    make_data(where)
    train(where, *TINY, "--steps", 2)
    state = where / "m.safetensors.run/state.safetensors"
    whole = state.read_bytes()
    state.write_bytes(whole[:len(whole) // 2])
    expect_error(train(where, "--resume", check=None), 1, "state.safetensors")
    state.write_bytes(whole)
    (where / "m.safetensors.run/settings.json").write_text("{")
    expect_error(train(where, "--resume", check=None), 1, "settings.json")


# ----------------------------------------------------------------------------------------------------------------------
# Ends before the end

def interrupt_at(where, step, number, *words):
    """Starts a run and sends the signal once its log or JSON has come to the step; returns the exit code."""
    child = subprocess.Popen(command("train", "data", "-o", "m.safetensors", *words, "--json"), cwd=where,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "step" and event["step"] >= step:
            child.send_signal(number)
            if number in (signal.SIGHUP, signal.SIGXCPU):  # which come several times for one event
                time.sleep(0.001)
                child.send_signal(number)
            break
    rest, child.err = child.communicate(timeout=TIMEOUT)
    child.events = [json.loads(line) for line in rest.splitlines()]
    interrupt_at.child = child
    return child.returncode


def test_ctrl_c(where):
    """Ctrl-C, SIGTERM and a closed terminal end after the step at work, save, say how to go on, and exit with 1."""
    make_data(where)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU):
        folder = where / str(int(number))
        folder.mkdir()
        (folder / "data").symlink_to(where / "data")
        code = interrupt_at(folder, 10, number, *TINY, "--steps", 100000, "--sample-every", 40)
        expect(code == 1, f"exit code {code}: {interrupt_at.child.err}")
        result = interrupt_at.child.events[-1]
        expect(result["event"] == "result" and result["interrupted"] is True, f"found {result}")
        expect(state_steps(folder) == result["steps"] >= 10, f"step {state_steps(folder)}, {result}")
        expect("--resume" in interrupt_at.child.err, f"stderr holds {interrupt_at.child.err!r}")
        expect(int(log(folder)[-1]["step"]) == result["steps"], "the log ends elsewhere")
        expect_whole(folder)
        expect(not temporary_files(folder), f"left behind: {temporary_files(folder)}")


def test_reader_gone(where):
    """A reader of --json that goes away ends the run as Ctrl-C does: saved, one message, exit code 1."""
    make_data(where)
    child = subprocess.Popen(command("train", "data", "-o", "m.safetensors", *TINY, "--steps", 100000,
                                     "--json"), cwd=where, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    expect(json.loads(child.stdout.readline())["event"] == "step", "no step")
    child.stdout.close()
    err = child.stderr.read()
    expect(child.wait(TIMEOUT) == 1, f"exit code {child.returncode}: {err}")
    expect("standard output" in err.splitlines()[-1] and "--resume" in err.splitlines()[-1], f"stderr holds {err!r}")
    expect(state_steps(where) >= int(log(where)[-1]["step"]) > 0, "the log ends elsewhere")
    expect_whole(where)
    expect(not temporary_files(where), f"left behind: {temporary_files(where)}")


def test_a_picture_that_cannot_be_written(where):
    """It ends the run with its name, and the steps until then are saved."""
    make_data(where)
    train(where, *TINY, "--steps", 2)
    (where / "m.safetensors.run/loss.png").unlink(missing_ok=True)
    (where / "m.safetensors.run/loss.png").mkdir()
    run = train(where, "--resume", "--steps", 1000, "--sample-every", 6, "--save-every", 1000, check=None)
    expect_error(run, 1, "loss.png", "directory")
    expect(state_steps(where) == 6, f"saved at step {state_steps(where)}")
    expect(not temporary_files(where), f"left behind: {temporary_files(where)}")


def end_somehow(child, way):
    """Ends a mote that writes --json to a pipe: killed, its terminal closed, or its reader gone, in turn; waits for it."""
    if way % 4 == 1:
        child.send_signal(signal.SIGHUP)
    elif way % 4 == 3:
        child.stdout.close()
    else:
        child.kill()
    if not child.stdout.closed:
        child.stdout.read()
    child.wait(TIMEOUT)


def test_kills(where):
    """A process ended at a random moment leaves whole files, and the run goes on to the same bytes."""
    make_data(where)
    words = [*TINY, "--steps", 40 + 40 * OPTIONS.kills, "--save-every", 1, "--sample-every", 30]
    hits = 0
    (where / "other").mkdir()
    (where / "other/data").symlink_to(where / "data")
    train(where / "other", *words)
    moments = random.Random(OPTIONS.seed)
    for kill in range(OPTIONS.kills):
        before = (where / "m.safetensors.run/settings.json").exists()
        child = subprocess.Popen(command("train", "data", "-o", "m.safetensors", *words, *(["--resume"] if before else []), "--json"),
                                 cwd=where, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        began = time.monotonic()
        # Most kills should hit the training, whose beginning shows in the log.
        path = where / "m.safetensors.run/log.csv"
        start = path.stat().st_mtime_ns if path.exists() else 0
        while child.poll() is None and time.monotonic() - began < 60:
            if path.exists() and path.stat().st_mtime_ns != start:
                break
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.3))
        hits += child.poll() is None
        end_somehow(child, kill)
        expect_whole(where)
        expect(not before or (where / "m.safetensors.run/settings.json").exists(), f"kill {kill}: settings are gone")
    expect(hits > OPTIONS.kills / 2, f"only {hits} of {OPTIONS.kills} kills came in time")
    train(where, *words, "--resume")
    print(f"      {hits} of {OPTIONS.kills} ends came in time, seed {OPTIONS.seed}")
    expect(state_bytes(where) == state_bytes(where / "other"), "the states differ")
    expect(tensors(where / "m.safetensors") == tensors(where / "other/m.safetensors"), "the weights differ")
    expect(not temporary_files(where), f"left behind: {temporary_files(where)}")


def test_full_disk(where):
    """A file that cannot grow ends the run with its name; the last checkpoint is whole and the run goes on."""
    make_data(where)
    train(where, *TINY, "--steps", 4)
    before = state_bytes(where)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    run = train(where, "--resume", "--steps", 30, "--cache", "none", check=None, preexec=limit)
    expect_error(run, 1, "m.safetensors", "cannot be written")
    expect(state_bytes(where) == before, "the checkpoint changed")
    expect(not temporary_files(where), f"left behind: {temporary_files(where)}")
    train(where, "--resume", "--steps", 30)
    expect(state_steps(where) == 30, f"ended at {state_steps(where)}")


def test_loss_not_finite(where):
    """A loss that is not finite ends the run with the step's number and the weights of the step before."""
    make_data(where)
    run = train(where, *TINY, "--steps", 200, "--lr", 10, "--lr-schedule", "constant", "--clip", 0,
                "--weight-decay", 10, check=None)
    expect_error(run, 1, "step", "not finite")
    _, found = tensors(where / "m.safetensors")
    for name, data in found.items():
        values = struct.unpack(f"<{len(data) // 4}f", data)
        expect(all(value - value == 0 for value in values), f"{name} is not finite")


# ----------------------------------------------------------------------------------------------------------------------
# Wrong usage

def test_usage(where):
    """Wrong options exit with 2 and name the option; nothing is written."""
    make_data(where)
    for words, *texts in ((["--steps", "0"], "--steps", "0"),
                          (["--lr", "fast"], "--lr", "fast"),
                          (["--n-feat", "12"], "--n-feat", "multiple of 8"),
                          (["--net", "unet"], "--net", "context_unet, sprite_classifier"),
                          (["--classifier", "--net", "context_unet"], "--classifier", "a sprite_classifier"),
                          (["--target", "noise"], "--target", "epsilon, v, x0"),
                          (["--steps", "5", "--minutes", "1"], "--steps", "--minutes"),
                          (["--tile", "8x"], "--tile", "16x24"),
                          (["--tile", "8x8"], "--tile", "sprite sheet"),
                          (["--background", "grey"], "--background", "#rrggbb"),
                          (["--size", "10x2000"], "--size", "1024"),
                          (["--size", "8", "--resize", "8x12"], "--size", "--resize"),
                          (["--crop", "8x0"], "--crop", "square"),
                          (["--holdout", "1"], "--holdout", "0.9"),
                          (["more"], "more")):
        expect_error(train(where, *words, check=None), 2, *texts)
    expect_error(Run("train", "data", where=where), 2, "-o")
    expect_error(Run("train", "data", "-o", "m.png", where=where), 2, "-o", ".safetensors")
    expect_error(train(where, data="nowhere", check=None), 1, "nowhere")
    expect(sorted(os.listdir(where)) == ["data"], f"found {os.listdir(where)}")


def test_bad_images(where):
    """A damaged image is named before anything is made."""
    make_data(where)
    (where / "data/dots/3.png").write_bytes((where / "data/dots/3.png").read_bytes()[:60])
    expect_error(train(where, *TINY, check=None), 1, "data/dots/3.png")
    png(where / "data/dots/3.png", 12, lambda x, y: (0, 0, 0))
    expect_error(train(where, *TINY, check=None), 1, "data/dots/3.png", "12 x 12", "--size")
    train(where, *TINY, "--steps", 1, "--resize", 16)
    train(where, "--resume", "--steps", 2)
    settings = json.loads((where / "m.safetensors.run/settings.json").read_text())["settings"]
    expect((settings["resize"], settings["size"]) == (16, None), f"{settings['resize']}, {settings['size']}")
    expect(tensors(where / "m.safetensors")[0]["height"] == "16", "not 16 pixels high")


def test_info_data(where):
    """mote info DATA prints counts and classes, and writes a contact sheet."""
    make_data(where)
    run = Run("info", "data", "-o", "sheet.png", "--json", where=where, check=0)
    found = run.events("data")[0]
    expect(found["images"] == 20 and found["classes"] == [{"name": "dots", "images": 10},
                                                          {"name": "stripes", "images": 10}], f"found {found}")
    expect((where / "sheet.png").read_bytes()[:4] == b"\x89PNG", "no contact sheet")
    text = Run("info", "data", where=where, check=0).out
    expect("dots" in text and "8 x 8" in text, f"found {text!r}")
    expect_error(Run("info", "missing.npy", where=where), 1, "missing.npy")


def add_options(parser):
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")


if __name__ == "__main__":
    sys.exit(run_tests(__doc__, globals(), add_options))
