#!/usr/bin/env python3
"""test_embedding_page.py: the programs of docs/embedding.md, taken from the page, compile, and the complete one runs and gives
the sprite that `mote sample` gives by default; the headers compile as C++11.

    test_embedding_page.py --build FOLDER --weights FILE

The last line is "N passed, N failed".
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/embedding.md"
C_FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
CPP_FLAGS = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only"]
passed = failed = 0


def check(name, function):
    global passed, failed
    try:
        function()
        passed += 1
        print(f"ok    {name}")
    except (AssertionError, subprocess.CalledProcessError, OSError) as fault:
        failed += 1
        print(f"FAIL  {name}: {fault}\n{getattr(fault, 'stderr', '') or ''}")


def block(language):
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    assert len(found) == 1, f"{len(found)} blocks of {language} in {PAGE}, expected one"
    return found[0]


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=300)


def the_complete_program_runs(arguments, where):
    source, program, picture, numbers = (where / name for name in ("host.c", "host", "sprite.ppm", "sprite.npy"))
    source.write_text(block("c"))
    library = arguments.build / "libmote.a"
    run("cc", *C_FLAGS, f"-I{ROOT / 'include'}", source, library, "-lvulkan", "-lm", "-o", program)
    done = run(program, arguments.weights, picture)
    label = done.stdout.split(":")[0]
    run(arguments.build / "mote", "sample", arguments.weights, "-n", 1, "--seed", 7, "--context", label, "--npy", numbers)
    image = np.load(numbers)[0]
    levels = np.clip(np.rint(image.astype(np.float32) * np.float32(127.5) + np.float32(127.5)), 0, 255).astype(np.uint8)
    head = f"P6\n{image.shape[2]} {image.shape[1]}\n255\n".encode()
    found = picture.read_bytes()
    assert found.startswith(head), found[:20]
    assert found[len(head):] == levels.transpose(1, 2, 0).tobytes(), "the page's sprite is not that of mote sample"


def the_cpp_form_compiles(_, where):
    source = where / "game.cpp"
    source.write_text(block("cpp"))
    for standard in ("c++11", "c++20"):
        run("c++", f"-std={standard}", *CPP_FLAGS, f"-I{ROOT / 'include'}", source)


def the_headers_are_cpp(_, where):
    source = where / "headers.cpp"
    for header in ("mote.h", "mote_vulkan.h"):
        source.write_text(f"#include <{header}>\nint main() {{ return mote_version() == nullptr; }}\n")
        run("c++", "-std=c++11", *CPP_FLAGS, f"-I{ROOT / 'include'}", source)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--weights", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.build, arguments.weights = arguments.build.resolve(), arguments.weights.resolve()
    with tempfile.TemporaryDirectory() as folder:
        for function in (the_complete_program_runs, the_cpp_form_compiles, the_headers_are_cpp):
            check(function.__name__.replace("_", " "), lambda: function(arguments, pathlib.Path(folder)))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
