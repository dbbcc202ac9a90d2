#!/usr/bin/env python3
"""test_install.py: installs mote, static and shared, and builds programs outside of the tree against it.

    test_install.py [--build FOLDER]

The last line is "N passed, N failed".
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETTINGS = {"cc": ["gcc", "clang"], "c++": ["g++"]}

# A host with names of its own that mote uses inside, and its own use of both headers.
HOST = r"""
#include <mote_vulkan.h>
#include <stdio.h>
#include <string.h>

int fail(int x), buffer_create(int x), kernel_get(int x), conv(int x), commands_record(int x), vkCreateBuffer_is_mine;
int fail(int x) { return x + 1; }
int buffer_create(int x) { return x + 2; }
int kernel_get(int x) { return x + 3; }
int conv(int x) { return x + 4; }
int commands_record(int x) { return x + 5; }

int main(void) {
  mote_error error;
  mote_device_info *infos;
  size_t count;
  mote_device *device;
  mote_device_adopt_desc desc;
  memset(&desc, 0, sizeof desc);
  if (strcmp(mote_version(), MOTE_VERSION)) return 3;
  if (mote_device_list(&infos, &count, &error)) { puts(error.message); return 1; }
  mote_free(infos);
  if (mote_device_adopt(&desc, &device, &error) != MOTE_ERROR_USAGE) return 4;
  if (mote_device_create(NULL, &device, &error)) { puts(error.message); return 1; }
  mote_device_destroy(&device);
  printf("mote %s, %zu devices, %d\n", mote_version(), count, fail(0) + buffer_create(0) + kernel_get(0) + conv(0));
  return 0;
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(host LANGUAGES {language})
find_package(mote {version} CONFIG REQUIRED)
add_executable(host {source})
target_compile_options(host PRIVATE -Wall -Wextra -Wpedantic -Werror)
target_link_libraries(host PRIVATE mote::mote)
"""

passed = failed = 0


def check(name, function):
    global passed, failed
    try:
        function()
        passed += 1
        print(f"ok    {name}")
    except (AssertionError, subprocess.CalledProcessError, OSError) as fault:
        failed += 1
        print(f"FAIL  {name}: {fault}")
        for stream in ("stdout", "stderr"):
            text = getattr(fault, stream, None)
            if text:
                print("      " + "\n      ".join(text.strip().splitlines()[-20:]))


def run(*command, **options):
    text = [str(part) for part in command]
    return subprocess.run(text, check=True, capture_output=True, text=True, timeout=900, **options).stdout


def install(build, prefix, shared):
    generator = ["-G", "Ninja"] if shutil.which("ninja") and not (build / "CMakeCache.txt").exists() else []
    run("cmake", "-S", ROOT, "-B", build, *generator, "-DMOTE_TESTS=OFF",
        f"-DBUILD_SHARED_LIBS={'ON' if shared else 'OFF'}", f"-DCMAKE_INSTALL_PREFIX={prefix}")
    run("cmake", "--build", build, "--parallel", str(os.cpu_count()))
    run("cmake", "--install", build)


def library_folder(prefix):
    return next(prefix.rglob("libmote.*")).parent


def works(program, prefix):
    out = run(program, env={**os.environ, "LD_LIBRARY_PATH": str(library_folder(prefix))})
    assert re.search(r"mote \d+\.\d+\.\d+, \d+ devices, 10", out), out


def check_names(prefix, shared):
    folder = library_folder(prefix)
    file = folder / ("libmote.so" if shared else "libmote.a")
    listed = run("nm", *(["-D"] if shared else []), "-g", "--defined-only", file).splitlines()
    names = [line.split()[-1] for line in listed if re.match(r"[0-9a-f]+ [A-Za-z] ", line)]
    foreign = [name for name in names if not name.startswith("mote_")]
    assert not foreign, f"{file.name} shows {foreign[:8]}"
    headers = (prefix / "include" / "mote.h").read_text() + (prefix / "include" / "mote_vulkan.h").read_text()
    declared = set(re.findall(r"MOTE_API[^;(]*?\b(mote_\w+)\(", headers))
    assert declared == set(names), f"only declared {declared - set(names)}, only there {set(names) - declared}"
    if shared:
        soname = re.search(r"SONAME\s+(\S+)", run("objdump", "-p", file)).group(1)
        assert soname == "libmote.so.0.1", soname
        needed = re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", file))
        assert not [name for name in needed if "vulkan" in name], needed


def with_find_package(folder, prefix, compiler, version="0.1"):
    plus = compiler.endswith("++")
    folder.mkdir()
    source = "host.cpp" if plus else "host.c"
    (folder / source).write_text(HOST)
    (folder / "CMakeLists.txt").write_text(
        CMAKE.format(language="CXX" if plus else "C", source=source, version=version))
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_{'CXX' if plus else 'C'}_COMPILER={compiler}")
    run("cmake", "--build", folder / "build")
    works(folder / "build" / "host", prefix)


def with_pkg_config(folder, prefix, compiler, shared):
    folder.mkdir()
    source = folder / ("host.cpp" if compiler.endswith("++") else "host.c")
    source.write_text(HOST)
    env = {**os.environ, "PKG_CONFIG_PATH": str(library_folder(prefix) / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", *([] if shared else ["--static"]), "mote", env=env).split()
    run(compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, "-o", folder / "host", *flags)
    works(folder / "host", prefix)


def refuses_another_version(folder, prefix):
    try:
        with_find_package(folder, prefix, "gcc", "9.9")
    except subprocess.CalledProcessError as fault:
        assert "compatible" in fault.stderr, fault.stderr
        return
    raise AssertionError("version 9.9 was found")


def headers_alone(prefix):
    for header, compiler, standard in (("mote.h", "gcc", "c11"), ("mote.h", "g++", "c++11"), ("mote.h", "clang", "c11"),
                                       ("mote_vulkan.h", "g++", "c++11"), ("mote_vulkan.h", "gcc", "c11")):
        run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x",
            "c++" if compiler == "g++" else "c", "-include", prefix / "include" / header, "/dev/null",
            f"-I{prefix / 'include'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        build = arguments.build.resolve() if arguments.build else scratch / "build"
        for shared in (False, True):
            kind = "shared" if shared else "static"
            prefix = scratch / kind
            before = failed
            check(f"{kind}: install", lambda: install(build, prefix, shared))
            if failed > before:
                continue
            check(f"{kind}: only the API's names are visible", lambda: check_names(prefix, shared))
            check(f"{kind}: headers stand alone, in C and C++", lambda: headers_alone(prefix))
            for compiler in SETTINGS["cc"] + SETTINGS["c++"]:
                check(f"{kind}: find_package, {compiler}",
                      lambda: with_find_package(scratch / f"{kind}-cmake-{compiler}", prefix, compiler))
                check(f"{kind}: pkg-config, {compiler}",
                      lambda: with_pkg_config(scratch / f"{kind}-pc-{compiler}", prefix, compiler, shared))
            check(f"{kind}: another version is refused",
                  lambda: refuses_another_version(scratch / f"{kind}-version", prefix))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
