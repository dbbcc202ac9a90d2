"""Checks that files pass between C and Python unchanged. Usage: test_files_python.py PATH_OF_files_copy"""

import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "parity"))
import safetensors_numpy

try:
    from safetensors.numpy import load_file as official_load
    from safetensors.numpy import save_file as official_save
except ImportError:
    official_load = official_save = None

FILES_COPY = None


def bits(array):
    return array.dtype.str, array.shape, array.tobytes()


class FilesTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def copy(self, extension):
        return subprocess.run(
            [FILES_COPY, self.path("in" + extension), self.path("out" + extension)], capture_output=True, text=True
        )

    def arrays(self):
        random = np.random.default_rng(1)
        with np.errstate(over="ignore"):
            yield from (random.standard_normal((2, 3, 4)) * 10.0**e for e in (-320, -50, -7, 0, 4, 300))
        yield np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 65504.0, 2.0**-24, 2.0**-25])
        yield np.array(1.5)
        yield np.zeros((3, 0, 2))
        yield np.float64(np.arange(65536, dtype="<u2").view("<f2")[: 0x7C00])

    def test_npy_of_every_dtype_reads_as_numpy_reads_it(self):
        for array in self.arrays():
            for dtype in ("<f4", "<f8", "<f2", "|u1", "<i4", "<i8", "|b1"):
                with np.errstate(all="ignore"):
                    given = array.astype(dtype)
                    expected = given if dtype == "|u1" else given.astype("<f4")
                np.save(self.path("in.npy"), given)
                result = self.copy(".npy")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(bits(np.load(self.path("out.npy"))), bits(expected), dtype)
                with open(self.path("in.npy"), "rb") as file, open(self.path("out.npy"), "rb") as copy:
                    if dtype in ("<f4", "|u1"):
                        self.assertEqual(file.read(), copy.read())

    def test_npy_in_fortran_order_is_read_in_c_order(self):
        for dtype in ("<f4", "|u1", ">i2"):
            given = np.arange(24).reshape(2, 3, 4).astype(dtype)
            np.save(self.path("in.npy"), np.asfortranarray(given))
            result = self.copy(".npy")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(np.array_equal(np.load(self.path("out.npy")), given), dtype)

    def check_safetensors(self, load, save):
        given = {"counter": np.array(7, "<i8")}
        for i, array in enumerate(self.arrays()):
            for dtype in ("<f4", "<f2", "<f8"):
                with np.errstate(all="ignore"):
                    given[f"layer.{i}.é{dtype}"] = np.ascontiguousarray(array.astype(dtype)).reshape(array.shape)
        metadata = {"labels": "hero,item", "quote": '"\\\n\x01é😀'}
        save(given, self.path("in.safetensors"), metadata)
        result = self.copy(".safetensors")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = load(self.path("out.safetensors"))
        self.assertEqual(set(found), set(given) - {"counter"})
        for name, array in found.items():
            with np.errstate(all="ignore"):
                expected = given[name].astype("<f2" if given[name].dtype == "<f2" else "<f4")
            self.assertEqual(bits(array), bits(expected), name)
        self.assertEqual(safetensors_numpy.load(self.path("out.safetensors"))[1], metadata)

    def test_safetensors_pass_both_ways(self):
        self.check_safetensors(
            lambda path: safetensors_numpy.load(path)[0],
            lambda tensors, path, metadata: safetensors_numpy.save(path, tensors, metadata),
        )

    def test_safetensors_of_f32_and_f16_are_rewritten_byte_for_byte(self):
        tensors = {"b": np.ones((2, 3), "<f4"), "a": np.ones(3, "<f2"), "é": np.ones((), "<f4"), "c": np.ones(1, "<f2")}
        safetensors_numpy.save(self.path("in.safetensors"), tensors, {"a": "1", "k": "é"})
        self.assertEqual(self.copy(".safetensors").returncode, 0)
        with open(self.path("in.safetensors"), "rb") as file, open(self.path("out.safetensors"), "rb") as copy:
            self.assertEqual(file.read(), copy.read())

    @unittest.skipUnless(official_load, "the safetensors package is not installed")
    def test_safetensors_pass_both_ways_with_the_official_package(self):
        self.check_safetensors(official_load, official_save)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    FILES_COPY = os.path.abspath(sys.argv.pop(1))
    unittest.main()
