"""What tests of mote train share: runs of the program, small data, and what a run left behind.

OPTIONS is filled by run_tests, with which every such test ends.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import tempfile
import time
import traceback
import zlib

OPTIONS = argparse.Namespace()
TIMEOUT = 900
# Without sample grids, whose kernels take a run as long to make as a third of its own.
TINY = ["--n-feat", "8", "--batch", "4", "--timesteps", "20", "--sample-every", "0"]


def hear_signals():
    """nohup and a shell's background jobs have signals ignored, and so would the programs started from here."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)


def cpu_seconds():
    """Of this process and all programs that it waited for; what other work on the machine does not change."""
    return sum(os.times()[:4])


def expect(truth, message):
    if not truth:
        raise AssertionError(message)


def command(*words):
    return [OPTIONS.mote, *map(str, words), *(["--device", OPTIONS.device] if OPTIONS.device else [])]


class Run:
    """A finished mote: code, out, err."""

    def __init__(self, *words, where, check=None, preexec=None):
        words = command(*words)
        done = subprocess.run(words, cwd=where, capture_output=True, text=True, timeout=TIMEOUT, preexec_fn=preexec)
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        if check is not None:
            expect(self.code == check, f"{' '.join(words)}: exit code {self.code}, expected {check}: {self.err}")

    def events(self, name):
        lines = [json.loads(line) for line in self.out.splitlines()]
        return [line for line in lines if line["event"] == name]


def train(where, *words, check=0, data="data", **keywords):
    return Run("train", *([data] if data else []), "-o", "m.safetensors", *words, where=where, check=check, **keywords)


def png(path, side, pixel, alpha=False):
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(side)) for y in range(side))

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 6 if alpha else 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))


def read_png_rgba(path):
    """Rows of (r, g, b, a), of a PNG with those channels."""
    data, at, body = path.read_bytes(), 8, b""
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    expect((depth, kind) == (8, 6), f"{path}: {depth} bits, colour type {kind}")
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        body += data[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, rows, stride = zlib.decompress(body), [], 4 * width
    before = bytearray(stride)
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for i in range(stride):
            left, up, corner = (row[i - 4], before[i], before[i - 4]) if i >= 4 else (0, before[i], 0)
            nearest = min((left, up, corner), key=lambda v, p=left + up - corner: abs(p - v))
            row[i] = (row[i] + (0, left, up, (left + up) // 2, nearest)[kind]) % 256
        rows.append([tuple(row[i:i + 4]) for i in range(0, stride, 4)])
        before = row
    return rows


def make_data(where, side=8):
    """Two classes of ten small images each, in the folder `data`."""
    for label, name in enumerate(("stripes", "dots")):
        folder = where / "data" / name
        folder.mkdir(parents=True)
        for i in range(10):
            def pixel(x, y, i=i, label=label):
                on = (x + i) % 3 == 0 if label else (y * 2 + i) % 4 < 2
                return (20 * i, 255 * on, 120 * label)
            png(folder / f"{i}.png", side, pixel)


def tensors(path):
    """Checks that a safetensors file is whole; its metadata and {name: bytes}."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    ends = [entry["data_offsets"][1] for entry in header.values()]
    expect(8 + length + max(ends) == len(data), f"{path}: {len(data)} bytes do not fit the header")
    return metadata, {name: data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]
                      for name, entry in header.items()}


def state_steps(where):
    _, found = tensors(where / "m.safetensors.run/state.safetensors")
    low, high = struct.unpack("<ff", found["state"][:8])
    return int(low) + 65536 * int(high)


def log(where):
    with open(where / "m.safetensors.run/log.csv", newline="") as file:
        return list(csv.DictReader(file))


def state_bytes(where):
    return (where / "m.safetensors.run/state.safetensors").read_bytes()


def expect_whole(where):
    """Whatever happened: every file that is there is whole, and nothing temporary is left behind by a calm end."""
    run = where / "m.safetensors.run"
    for path in (where / "m.safetensors", run / "state.safetensors"):
        if path.exists():
            tensors(path)
    if (run / "settings.json").exists():
        json.loads((run / "settings.json").read_text())
    for path in run.glob("*.png"):
        data = path.read_bytes()
        expect(data[:4] == b"\x89PNG" and data[-8:-4] == b"IEND", f"{path} is not whole")


def temporary_files(where):
    return [str(path) for path in where.rglob("*.tmp")]


def expect_error(run, code, *texts):
    expect(run.code == code, f"exit code {run.code}, expected {code}: {run.err}")
    last = run.err.splitlines()[-1]
    for text in texts:
        expect(text in last, f"{text!r} is not in {last!r}")


def run_tests(doc, names, add_options=lambda parser: None):
    """Runs the functions called test_* among `names`, each in a folder of its own; returns the exit code."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--mote", required=True)
    parser.add_argument("--device")
    add_options(parser)
    parser.add_argument("--only", default="", help="tests whose names these regular expressions find, with | between them")
    parser.parse_args(namespace=OPTIONS)
    OPTIONS.mote = os.path.abspath(OPTIONS.mote)
    hear_signals()
    tests = [(name, test) for name, test in names.items() if name.startswith("test_") and re.search(OPTIONS.only, name)]
    for expression in OPTIONS.only.split("|"):
        if not any(re.search(expression, name) for name, _ in tests):
            parser.error(f"--only: no test's name matches {expression}")
    passed = failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix="mote_train_") as where:
            try:
                began, cpu = time.monotonic(), cpu_seconds()
                test(pathlib.Path(where))
                passed += 1
                print(f"ok    {name} ({time.monotonic() - began:.1f} s, {cpu_seconds() - cpu:.1f} s of CPU)", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"FAIL  {name}: {test.__doc__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
