#!/usr/bin/python3
"""Nothing from outside reaches a terminal as it is: control characters, C1, DEL, bidirectional controls, broken UTF-8, line ends.

    /usr/bin/python3 tests/test_escapes.py --mote build/mote --weights models/sprites.safetensors

Every word that a command takes and every text in a file that it reads holds them once. Whether the command accepts it is not
asked here; what it prints, with and without --json, must be fit to be shown, and --json must be JSON.
"""

import json
import os
import pathlib
import re
import struct
import subprocess
import sys

import numpy as np

import test_cli as cli
from parity import safetensors_numpy
from test_cli import expect
from test_edit import write_png

# A title set, a colour by C1, an override of direction, DEL, a byte of Latin-1 (and one of C1), and what would be another line.
FOUL = b"x\x1b]0;pwn\x07\xc2\x9b31m\xe2\x80\xae\x7f\xe9\x9b\r\nmote: fake\t"
FOUL_TEXT = FOUL.replace(b"\xe9\x9b", b"\xc3\xa9").decode()  # where JSON or popt would not let a broken byte through
BIDI = set("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def mote(*words, where, json_too=True, code=None, environment=None):
    """Runs the command, and with --json; looks at all that is printed."""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    for more in ([], [b"--json"]) if json_too else ([],):
        done = subprocess.run([cli.OPTIONS.mote.encode(), *words, *more], cwd=where, capture_output=True, timeout=120,
                              env={**os.environ, **(environment or {})})
        name = b" ".join(words + more)
        for stream in (done.stdout, done.stderr):
            check_shown(name, stream)
        if more and done.returncode == 0:
            for line in done.stdout.decode().splitlines():
                json.loads(line)
        expect(done.returncode in ((0, 1, 2) if code is None else (code,)), f"{name}: exit {done.returncode}: {done.stderr}")
    return done


def check_shown(name, stream):
    try:
        text = stream.decode()
    except UnicodeDecodeError as error:
        raise AssertionError(f"{name}: {error}: {stream}") from None
    for c in text:
        foul = (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in BIDI
        expect(not foul, f"{name}: U+{ord(c):04X} in {stream}")
    expect(not re.search("^mote: fake", text, re.M), f"{name}: a line of its own: {stream}")


def picture(seed, side=16):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def options_of(command):
    """(name, takes a value) of all options that its help lists."""
    text = subprocess.run([cli.OPTIONS.mote, command, "--help"], capture_output=True, text=True, check=True).stdout
    found = [(name, bool(value)) for name, value in re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)(=?)", text, re.M)]
    expect(len(found) > 8, f"{command}: found {found}")
    return found


def foul_data(where):
    """A data set whose classes and pictures have foul names, and the same with one that is no picture."""
    for name in (b"good", b"bad"):
        folder = os.path.join(where.encode(), name, FOUL[:28])
        os.makedirs(folder)
        for i in range(4):
            write_png(os.fsdecode(os.path.join(folder, FOUL + b"%d.png" % i)), picture(i))
    pathlib.Path(os.fsdecode(os.path.join(folder, FOUL + b".png"))).write_bytes(b"no picture")


def test_words(where):
    """What stands on the command line: commands, options, their values, words, of every command."""
    mote(FOUL, where=where, json_too=False, code=2)
    for command in cli.COMMANDS:
        mote(command, b"--" + FOUL, where=where, code=2)
        mote(command, b"--device=nosuch", FOUL, FOUL, FOUL, where=where, code=2)
        for name, takes in options_of(command):
            # Whatever the option makes of its value, no device of this name is there.
            words = [f"--{name}=".encode() + FOUL] if takes else [f"--{name}", FOUL]
            mote(command, *words, b"--device", b"nosuch" + FOUL, where=where, json_too=name in ("output", "context", "device", "x"))
    for spec in (FOUL, b"hero=" + FOUL, b"hero=1," + FOUL, b"1," + FOUL):
        mote("sample", "-n", 1, "--steps", 1, "-o", "x.png", "--context", spec, where=where, json_too=False, code=2)


def test_files_that_are_not_there(where):
    """Names of files that cannot be read or written."""
    for words in (("sample", FOUL), ("sample", "--x-init", FOUL + b".npy", "-o", "x.png"), ("info", FOUL), ("info", FOUL + b".png"),
                  ("sample", "--init", FOUL, "-o", "x.png"), ("sample", "--palette", FOUL, "-o", "x.png", "-n", 1, "--steps", 1),
                  ("sample", "-o", FOUL + b"/x.png"), ("sample", "--each", FOUL + b"/x/y"), ("sample", "-o", FOUL + b".jpg"),
                  ("train", FOUL, "-o", "m"), ("train", "x.png", "--classes", FOUL, "--tile", "8x8", "-o", "m"),
                  ("evaluate", FOUL, FOUL), ("evaluate", cli.OPTIONS.weights, FOUL), ("distill", FOUL, FOUL, "-o", "m"),
                  ("forward", "--x", FOUL, "--steps", FOUL, "-o", "y.npy"), ("backward", "--x0", FOUL, "--noise", FOUL, "--steps", FOUL, "-o", "y"),
                  ("profile", "--compare", FOUL, FOUL), ("profile", "--trace", FOUL + b"/x.json"), ("profile", "--shaders", FOUL),
                  ("devices", "--cache", FOUL + b"/x")):
        mote(*words, where=where)
    pathlib.Path(where, "file").write_text("")
    mote("sample", "-o", "x.png", "--cache", b"file/" + FOUL, where=where, code=1)


def test_files_that_are_written(where):
    """Names of outputs, and of the folder of the cache, with all the commands that say what they wrote."""
    fast = ("--cache", FOUL + b"cache")
    mote("sample", "-n", 1, "--steps", 1, "-o", FOUL + b".png", "--each", FOUL, "--npy", FOUL + b".npy", "--sheet", FOUL + b".json",
         "--gif", FOUL + b".gif", "--moments", FOUL + b"m.png", "-v", *fast, where=where, code=0)
    sheet = json.loads(pathlib.Path(os.fsdecode(os.path.join(where.encode(), FOUL + b".json"))).read_bytes().decode())
    expect("\\xe9\\x9b" in sheet["meta"]["image"], f"the sheet's image is {sheet['meta']['image']}")
    for name in os.listdir(os.fsencode(where) + b"/" + FOUL + b"cache"):  # warned of, by path
        pathlib.Path(os.fsdecode(os.path.join(where.encode(), FOUL + b"cache", name))).write_text("no cache")
    mote("sample", "-n", 1, "--steps", 1, "-o", FOUL + b".png", *fast, where=where, code=0)
    np.save(f"{where}/x.npy", np.zeros((1, 3, 16, 16), np.float32))
    np.save(f"{where}/t.npy", np.zeros(1, np.int32))
    mote("forward", cli.OPTIONS.weights, "--x", "x.npy", "--steps", "t.npy", "-o", FOUL + b"y", *fast, where=where)
    write_png(f"{where}/p.png", picture(1))
    mote("info", "p.png", "--tile", "8x8", "-o", FOUL + b"s.png", where=where, code=0)


def test_data(where):
    """Names of classes and pictures, class maps, arrays."""
    foul_data(where)
    for data in ("good", "bad"):
        mote("info", data, where=where)
        mote("train", data, "-o", "m", "--device", "nosuch", where=where, json_too=False)
    write_png(f"{where}/p.png", picture(1))
    pathlib.Path(where, "map").write_bytes(FOUL + b" = 0\n" + FOUL)
    for spec in ("map", FOUL + b"=0", b"a=0;" + FOUL, b"a=" + FOUL):
        mote("info", "p.png", "--tile", "8x8", "--classes", spec, where=where)
    for header in (b"{'descr': '" + FOUL + b"', 'fortran_order': False, 'shape': (1, 8, 8, 3), }",
                   b"{'" + FOUL + b"': 1, }", FOUL, b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + FOUL + b"), }"):
        pathlib.Path(where, "a.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(192))
        mote("info", "a.npy", where=where, code=1)


def test_palettes(where):
    """Lines, names and headers of palettes."""
    head = b"GIMP Palette\n"
    for name, content in (("a.hex", b"ff0000\n" + FOUL), ("a.gpl", head + b"Name: " + FOUL), ("a.gpl", head + b"Channels: " + FOUL),
                          ("a.gpl", head + b"1 2 " + FOUL), ("a.pal", b"JASC-PAL\n" + FOUL), ("a.pal", b"JASC-PAL\n0100\n1\n" + FOUL),
                          ("a.txt", b";\n" + FOUL), ("a", FOUL), ("a.png", FOUL)):
        pathlib.Path(where, name).write_bytes(content)
        mote("sample", "-n", 1, "--steps", 1, "-o", "x.png", "--palette", name, where=where, json_too=False)


def test_models(where):
    """Metadata, names of tensors, types and the header's syntax of a model."""
    tensors, metadata = safetensors_numpy.load(cli.OPTIONS.weights)
    for key in ("trained_on", "labels", "architecture", "schedule", "prediction", "alpha", "timesteps", "guidance"):
        safetensors_numpy.save(f"{where}/m", tensors, {**metadata, key: FOUL_TEXT})
        mote("sample", "m", "-n", 1, "--steps", 1, "-o", "x.png", "--context", "nosuch", where=where, json_too=False)
    name = next(iter(tensors))
    for change in ({FOUL_TEXT: tensors[name]}, {name + FOUL_TEXT: np.zeros(3, np.float32)}):
        safetensors_numpy.save(f"{where}/m", {**tensors, **change}, metadata)
        mote("sample", "m", "-n", 1, "--steps", 1, "-o", "x.png", where=where, json_too=False)
        safetensors_numpy.save(f"{where}/m", {**{k: v for k, v in tensors.items() if k != name}, **change}, metadata)
        mote("sample", "m", "-n", 1, "--steps", 1, "-o", "x.png", where=where, json_too=False, code=1)
    for header in (b'{"a": {"dtype": "' + FOUL.replace(b"\r\n", b"").replace(b"\t", b"") + b'", "shape": [1], "data_offsets": [0, 4]}}',
                   b'{"' + FOUL + b'": 1}', FOUL, b'{"\\u001b\\u009b\\u202e": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
                   b'{"a": {"dtype": "\\u001b\\u009b\\u202e", "shape": [1], "data_offsets": [0, 4]}}'):
        pathlib.Path(where, "m").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
        mote("info", "m", where=where, json_too=False, code=1)


def test_runs(where):
    """settings.json and log.csv of a run that goes on, and what mote info shows of its weights."""
    for label in "ab":
        os.makedirs(f"{where}/data/{label}")
        for i in range(3):
            write_png(f"{where}/data/{label}/{i}.png", picture(i, 8))
    words = ("train", "data", "-o", "m.safetensors", "--n-feat", 8, "--batch", 2, "--timesteps", 20, "--steps", 1, "--sample-every", 0)
    mote(*words, where=where, json_too=False, code=0)
    run = pathlib.Path(where, "m.safetensors.run")
    settings, log = json.loads((run / "settings.json").read_text()), (run / "log.csv").read_bytes()

    def resume():
        mote("train", "-o", "m.safetensors", "--resume", "--steps", 2, "--device", "nosuch", where=where, json_too=False)

    def change(tree, path, value):
        if path:
            return {**tree, path[0]: change(tree[path[0]], path[1:], value)}
        return value

    def leaves(tree, path=()):
        for key, value in tree.items():
            yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]

    for path in leaves(settings):
        (run / "settings.json").write_text(json.dumps(change(settings, path, FOUL_TEXT), ensure_ascii=False))
        resume()
    for text in (FOUL, b'{"data": "' + FOUL.replace(b"\r\n", b"") + b'"}', json.dumps({**settings, FOUL_TEXT: FOUL_TEXT}).encode()):
        (run / "settings.json").write_bytes(text)
        resume()
    (run / "settings.json").write_text(json.dumps(settings))
    (run / "log.csv").write_bytes(log + FOUL + b"\n2," + FOUL + b",,,,\n")
    mote("train", "-o", "m.safetensors", "--resume", "--steps", 1, where=where, json_too=False)
    tensors, metadata = safetensors_numpy.load(f"{where}/m.safetensors")
    safetensors_numpy.save(f"{where}/m", tensors, {**metadata, "trained_on": FOUL_TEXT, FOUL_TEXT: FOUL_TEXT})
    mote("info", "m", where=where)


def test_profiles_and_shaders(where):
    """What a profile says of layers and devices, and what a shader's compiler quotes of it."""
    dispatch = {"what": "dispatch", "layer": FOUL_TEXT, "op": FOUL_TEXT, "kernel": FOUL_TEXT, "ms": 1}
    step = {"what": "sample", "device": FOUL_TEXT, "ms": 1, "batch": 1, "dispatches": 1}
    for name, lines in (("a", [dispatch, step]), ("b", [{**dispatch, "what": FOUL_TEXT}, step])):
        pathlib.Path(where, name).write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    mote("profile", "--compare", "a", "a", where=where, code=0)
    mote("profile", "--compare", "a", "b", where=where)
    pathlib.Path(where, "b").write_bytes(FOUL)
    mote("profile", "--compare", "a", "b", where=where, code=1)
    folder = os.path.join(where.encode(), FOUL)
    os.mkdir(folder)
    for name, text in ((b"activation.comp", b"#version 450\n#error " + FOUL + b"\n"), (FOUL + b".comp", b"")):
        pathlib.Path(os.fsdecode(os.path.join(folder, name))).write_bytes(text)
    mote("profile", "--n-feat", 8, "--height", 8, "--shaders", FOUL, where=where, json_too=False)
    os.remove(os.fsdecode(os.path.join(folder, FOUL + b".comp")))
    mote("profile", "--n-feat", 8, "--height", 8, "--shaders", FOUL, where=where, json_too=False)


if __name__ == "__main__":
    sys.exit(cli.run_all(globals(), "a model to sample from"))
