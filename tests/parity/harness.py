"""What the parity scripts share: running mote, comparing arrays, one line a check, the exit status.

A check that cannot be made (mote failed, a file is missing, a shape is wrong) counts as failed, and so does a run
without any check.
"""
import argparse
import contextlib
import pathlib
import subprocess
import tempfile

import numpy as np


def arguments(description, **more):
    """Parses the options all scripts have, and `more`: name = keyword arguments of add_argument."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--mote", default="build/mote", help="the program to test")
    parser.add_argument("--device", help="passed through to mote")
    parser.add_argument("--kernels", help="passed through to mote")
    parser.add_argument("--small", action="store_true", help="only the small cases, for slow devices")
    parser.add_argument("--only", default="", help="only cases whose name holds this text")
    for name, keywords in more.items():
        parser.add_argument("--" + name, **keywords)
    return parser.parse_args()


def tolerance(options, fp32, half):
    """`half` with `--kernels matrix`, whose convolutions round their operands to half precision; else `fp32`."""
    return half if options.kernels == "matrix" else fp32


class Mote:
    """The program under test and a folder for its files, removed by `with`."""

    def __init__(self, path, device=None, kernels=None):
        self.path = str(pathlib.Path(path).resolve())
        self.common = (["--device", device] if device else []) + (["--kernels", kernels, "--tune", "off"] if kernels else [])

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="mote-parity-")
        self.folder = pathlib.Path(self._temporary.name)
        return self

    def __exit__(self, *_):
        self._temporary.cleanup()

    def file(self, name):
        return self.folder / name

    def array(self, name, array):
        """Writes an array as float32, or int32 if it holds integers, and returns the .npy file's path."""
        array = np.asarray(array)
        path = self.folder / f"{name}.npy"
        np.save(path, np.ascontiguousarray(array, np.int32 if array.dtype.kind == "i" else np.float32))
        return path

    def run(self, *words):
        """Runs mote; raises unless it exits with 0. Returns the completed process with stdout and stderr as text."""
        command = [self.path, *map(str, words)] + self.common
        for output in (word for option, word in zip(words, words[1:]) if option in ("-o", "--npy")):
            pathlib.Path(output).unlink(missing_ok=True)  # or an older case's file could pass for this one's
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-400:]!r}")
        return done


class Report:
    """Counts and prints checks: name, error found, tolerance, ok or FAIL."""

    def __init__(self, only=""):
        self.passed = self.failed = 0
        self._only = only

    def _line(self, ok, name, text):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{name:<58} {text}  {'ok' if ok else 'FAIL'}", flush=True)

    def error(self, name, error, tolerance, note=""):
        """A number that may be at most `tolerance`; NaN fails."""
        self._line(error <= tolerance, name, f"error {error:8.2e}  tolerance {tolerance:8.2e}{note and '  ' + note}")

    def worst(self, name, errors, tolerance):
        """Of errors by name the largest, NaN above all."""
        key = max(errors, key=lambda k: np.nan_to_num(errors[k], nan=np.inf))
        self.error(name, errors[key], tolerance, key)

    def truth(self, name, ok, what):
        self._line(ok, name, what)

    def wanted(self, name):
        return self._only in name

    @contextlib.contextmanager
    def case(self, name):
        """A case whose exceptions become one failed check."""
        try:
            yield
        except Exception as problem:  # whatever it is: the other cases should still run
            self._line(False, name, f"{type(problem).__name__}: {problem}")

    def exit_status(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.passed and not self.failed else 1


def read_float32(path, shape):
    """A .npy file that must hold finite float32 of exactly this shape."""
    array = np.load(path)
    if array.dtype != np.float32 or array.shape != tuple(shape):
        raise ValueError(f"{path.name}: found {array.dtype} {array.shape}, expected float32 {tuple(shape)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{path.name}: {np.count_nonzero(~np.isfinite(array))} values are not finite")
    return array


def relative_error(found, expected):
    """|found - expected| / |expected|, Euclidean norms in float64."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def mixtures(random, count, n_cfeat):
    """(count,K) contexts: in turn one-hot, a mixture, none (zeros); exact in float32."""
    context = np.zeros((count, n_cfeat), np.float32)
    for i in range(count):
        if i % 3 == 0:
            context[i, random.integers(n_cfeat)] = 1
        elif i % 3 == 1:
            context[i] = random.uniform(0, 1, n_cfeat)
    return context
