#!/usr/bin/env python3
"""test_install.py: mote in other programs: installed, static and shared, with and without LTO, and within their own build.

    test_install.py [--mote PROGRAM]

PROGRAM is looked at for the guards that the build gives it. The last line is "N passed, N failed".
"""
import argparse
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIBRARY_ONLY = ["-DMOTE_PROGRAM=OFF", "-DMOTE_TESTS=OFF", "-DCMAKE_BUILD_TYPE=None"]
NINJA = ["-G", "Ninja"] if shutil.which("ninja") else []

# What localedef makes of decimal_point ",": the one file of a locale that counts here.
DECIMAL_COMMAS = bytes.fromhex("14110320 06000000 20000000 22000000 24000000 28000000 2c000000 30000000"
                               "2c00 2e00 0303 0000 2c000000 2e000000") + b"ANSI_X3.4-1968\0"

# A host with names of its own that mote uses inside, a cJSON of another layout, a locale of decimal commas, and its own use of
# both headers.
HOST = r"""
#include <locale.h>
#include <mote_vulkan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif
int fail(int x), buffer_create(int x), pipeline_get(int x), conv(int x), commands_record(int x), npy_parse(int x), adamw(int x);
int fail(int x) { return x + 1; }
int buffer_create(int x) { return x + 2; }
int pipeline_get(int x) { return x + 3; }
int conv(int x) { return x + 4; }
int commands_record(int x) { return x + 5; }
int npy_parse(int x) { return x + 6; }
int adamw(int x) { return x + 7; }

typedef struct cJSON { char name[3]; } cJSON;
cJSON *cJSON_ParseWithLengthOpts(const char *text, size_t bytes, const char **end, int terminated);
cJSON *cJSON_ParseWithLengthOpts(const char *text, size_t bytes, const char **end, int terminated) {
  (void)text, (void)bytes, (void)end, (void)terminated;
  puts("mote called the host's cJSON");
  exit(9);
}
void cJSON_Delete(cJSON *json);
void cJSON_Delete(cJSON *json) { (void)json; }
#ifdef __cplusplus
}
#endif

int main(int count, char **words) {
  mote_error error;
  mote_device *device;
  mote_model *model;
  mote_device_adopt_desc desc;
  char half[8];
  memset(&desc, 0, sizeof desc);
  if (!setlocale(LC_NUMERIC, "") || snprintf(half, sizeof half, "%g", 0.5) != 3 || strcmp(half, "0,5")) return 5;
  if (count != 2 || strcmp(mote_version(), MOTE_VERSION)) return 3;
  if (mote_device_adopt(&desc, &device, &error) != MOTE_ERROR_USAGE) return 4;
  if (mote_device_create(NULL, &device, &error)) { puts(error.message); return 1; }
  if (mote_model_load_file(device, words[1], &model, &error)) { puts(error.message); return 1; }
  mote_model_destroy(&model);
  mote_device_destroy(&device);
  printf("mote %s, %d\n", mote_version(), fail(0) + buffer_create(0) + pipeline_get(0) + conv(0));
  return 0;
}
"""

# A host that links volk too: opening a device fills in none of the host's functions.
HOST_OF_VOLK = r"""
#include <mote.h>
#include <stddef.h>
#include <volk.h>

int main(void) {
  mote_device *device;
  if (mote_device_create(NULL, &device, NULL)) return 1;
  if (vkGetInstanceProcAddr) return 2;
  mote_device_destroy(&device);
  return volkInitialize() || !vkCreateInstance ? 3 : 0;
}
"""

FIND_PACKAGE = """
cmake_minimum_required(VERSION 3.20)
project(host LANGUAGES {language})
find_package(mote {version} CONFIG REQUIRED)
add_executable(host {source})
target_compile_options(host PRIVATE -Wall -Wextra -Wpedantic -Werror)
target_link_libraries(host PRIVATE mote::mote)
"""

# A host with targets, tests, options and a file of names that mote has too, and flags that mote's code would not stand.
WITHIN = """
cmake_minimum_required(VERSION 3.20)
project(host LANGUAGES C CXX)
enable_testing()
set(CMAKE_UNITY_BUILD ON)
add_compile_options(-Werror $<$<COMPILE_LANGUAGE:C>:-Wundef> -Wfloat-conversion)
include_directories(theirs)
foreach(name objects cases shaders installed volk canary codegen tool_code files_copy test_ops test_device)
  add_library(${name} INTERFACE)
endforeach()
add_test(NAME test_ops COMMAND ${CMAKE_COMMAND} -E true)
get_cmake_property(before CACHE_VARIABLES)
if(HOW STREQUAL "FetchContent")
  include(FetchContent)
  FetchContent_Declare(mote SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/mote BINARY_DIR ${CMAKE_BINARY_DIR}/mote)
  FetchContent_MakeAvailable(mote)
else()
  add_subdirectory(mote mote)
endif()
foreach(variable CMAKE_BUILD_TYPE CMAKE_C_STANDARD CMAKE_C_VISIBILITY_PRESET CMAKE_POSITION_INDEPENDENT_CODE BUILD_SHARED_LIBS
        CMAKE_EXPORT_COMPILE_COMMANDS CMAKE_C_LINK_PIE_SUPPORTED)
  if(${variable})
    message(FATAL_ERROR "mote set the host's ${variable}: ${${variable}}")
  endif()
endforeach()
foreach(property COMPILE_OPTIONS COMPILE_DEFINITIONS INCLUDE_DIRECTORIES LINK_OPTIONS TESTS)
  get_property(value DIRECTORY PROPERTY ${property})
  message(STATUS "host ${property} ${value}")
endforeach()
add_executable(host host.c)
add_executable(host_plus host.cpp)
target_link_libraries(host PRIVATE mote::mote)
target_link_libraries(host_plus PRIVATE mote::mote)
"""

passed = failed = 0


def check(name, function, *arguments):
    """Counts `function` as a test; True if it passed."""
    global passed, failed
    try:
        function(*arguments)
    except (AssertionError, subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as fault:
        failed += 1
        print(f"FAIL  {name}: {fault}")
        for stream in ("stdout", "stderr"):
            text = getattr(fault, stream, None)
            if text:
                print("      " + "\n      ".join(str(text).strip().splitlines()[-20:]))
        return False
    passed += 1
    print(f"ok    {name}")
    return True


def run(*command, **options):
    text = [str(part) for part in command]
    return subprocess.run(text, check=True, capture_output=True, text=True, timeout=900, **options).stdout


def refused(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=900, **options)
    assert done.returncode != 0, f"{command} is not refused"
    return done.stderr


def works(program, prefix):
    model = next((prefix or ROOT).rglob("sprites16.safetensors"))
    with tempfile.TemporaryDirectory(prefix="mote_locale_") as folder:
        commas = pathlib.Path(folder, "xx_XX/LC_NUMERIC")
        commas.parent.mkdir()
        commas.write_bytes(DECIMAL_COMMAS)
        environment = {**os.environ, "LOCPATH": folder, "LC_NUMERIC": "xx_XX"}
        environment.pop("LC_ALL", None)
        if prefix:
            environment["LD_LIBRARY_PATH"] = str(library_folder(prefix))
        out = run(program, model, env=environment)
    assert re.search(r"mote \d+\.\d+\.\d+, 10", out), out


# ----------------------------------------------------------------------------------------------------------------------
# Installed


def install(build, prefix, *options):
    """Installs into a folder that is moved to `prefix` afterwards."""
    run("cmake", "-S", ROOT, "-B", build, *NINJA, *LIBRARY_ONLY, *options)
    run("cmake", "--build", build, "--parallel", "2")
    before = prefix.with_name("before")
    run("cmake", "--install", build, "--prefix", before)
    before.rename(prefix)


def library_folder(prefix):
    return next(prefix.rglob("libmote.*")).parent


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
    needs(run("nm", *(["-D"] if shared else []), "-u", file))
    if shared:
        soname = re.search(r"SONAME\s+(\S+)", run("objdump", "-p", file)).group(1)
        assert soname == "libmote.so.0.1", soname
        needed = re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", file))
        assert not [name for name in needed if not re.match(r"lib(c|m|dl)\.|ld-", name)], needed


def needs(undefined):
    assert "cJSON" not in undefined and "vkCreate" not in undefined, undefined


def with_find_package(folder, prefix, compiler, version="0.1", flags=""):
    plus = compiler.endswith("++")
    folder.mkdir()
    source = "host.cpp" if plus else "host.c"
    (folder / source).write_text(HOST)
    (folder / "CMakeLists.txt").write_text(
        FIND_PACKAGE.format(language="CXX" if plus else "C", source=source, version=version))
    language = "CXX" if plus else "C"
    run("cmake", "-S", folder, "-B", folder / "build", *NINJA, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_{language}_COMPILER={compiler}", f"-DCMAKE_{language}_FLAGS={flags}")
    run("cmake", "--build", folder / "build")
    works(folder / "build" / "host", prefix)


def with_pkg_config(folder, prefix, compiler, *options):
    folder.mkdir()
    source = folder / ("host.cpp" if compiler.endswith("++") else "host.c")
    source.write_text(HOST)
    env = {**os.environ, "PKG_CONFIG_PATH": str(library_folder(prefix) / "pkgconfig")}
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", *options, "mote", env=env))
    assert all(re.match(r"-I|-L|-l(mote|m|dl)$", flag) for flag in flags), f"foreign flags: {flags}"
    run(compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, "-o", folder / "host", *flags)
    works(folder / "host", prefix)


def refuses_another_version(folder, prefix):
    try:
        with_find_package(folder, prefix, "gcc", "9.9")
    except subprocess.CalledProcessError as fault:
        assert "compatible" in fault.stderr, fault.stderr
        return
    raise AssertionError("version 9.9 was found")


def beside_volk(folder, build):
    """The library as it lies in a build folder, under the one name that a game would look for."""
    library, = build.rglob("libmote.a")
    volk = pathlib.Path(re.search(r"VOLK_INCLUDE:PATH=(.*)", (build / "CMakeCache.txt").read_text()).group(1))
    folder.mkdir()
    (folder / "host.c").write_text(HOST_OF_VOLK)
    run("gcc", "-DVK_NO_PROTOTYPES", f"-I{ROOT / 'include'}", f"-I{volk}", folder / "host.c", volk / "volk.c",
        "-Wl,--whole-archive", library, "-Wl,--no-whole-archive", "-lm", "-ldl", "-o", folder / "host")
    run(folder / "host")


def headers_alone(prefix):
    for header, compiler, standard in (("mote.h", "gcc", "c11"), ("mote.h", "g++", "c++11"), ("mote.h", "clang", "c11"),
                                       ("mote_vulkan.h", "g++", "c++11"), ("mote_vulkan.h", "gcc", "c11")):
        run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x",
            "c++" if compiler == "g++" else "c", "-include", prefix / "include" / header, "/dev/null",
            f"-I{prefix / 'include'}")


def holds_what_a_game_needs(prefix):
    documents = prefix / "share" / "doc" / "mote"
    for path in ("LICENSE", "third-party.md", "embedding.md", "examples/CMakeLists.txt", "examples/game/game.c"):
        assert (documents / path).is_file(), f"{path} is not installed"
    installed = {path.name for path in (prefix / "share" / "mote" / "models").iterdir()}
    assert {path.name for path in (ROOT / "models").glob("*.safetensors")} <= installed, installed
    for path in prefix.rglob("*"):
        if path.suffix in (".pc", ".cmake"):
            assert str(prefix.parent) not in path.read_text() and str(ROOT) not in path.read_text(), f"{path} names a folder"


def absolute_folders(build, scratch):
    """An absolute library folder is left as it is; DESTDIR goes before all."""
    library = scratch / "elsewhere" / "lib"
    run("cmake", "-S", ROOT, "-B", build, f"-DCMAKE_INSTALL_LIBDIR={library}", f"-DCMAKE_INSTALL_PREFIX={scratch / 'opt'}")
    run("cmake", "--build", build)
    run("cmake", "--install", build, env={**os.environ, "DESTDIR": str(scratch / "stage")})
    file = scratch / "stage" / library.relative_to("/") / "pkgconfig" / "mote.pc"
    env = {**os.environ, "PKG_CONFIG_PATH": str(file.parent)}
    assert run("pkg-config", "--variable=libdir", "mote", env=env).strip() == str(library), file.read_text()
    assert run("pkg-config", "--variable=includedir", "mote", env=env).strip() == str(scratch / "opt" / "include")


def test_installed(scratch):
    """One tree, configured in turn as fat LTO, shared and plain LTO: objects are compiled twice and shaders once."""
    build = scratch / "build"
    for kind, options in (("static, fat LTO", ["-DCMAKE_C_FLAGS=-O0 -flto -ffat-lto-objects"]),
                          ("shared", ["-DBUILD_SHARED_LIBS=ON"]),
                          ("static, LTO", ["-DBUILD_SHARED_LIBS=OFF", "-DCMAKE_C_FLAGS=-O0 -flto"])):
        shared = kind == "shared"
        prefix = scratch / f"moved {kind}"
        if not check(f"{kind}: install", install, build, prefix, *options):
            continue
        check(f"{kind}: only the API's names are visible", check_names, prefix, shared)
        if kind == "static, LTO":
            check(f"{kind}: a host with LTO", with_find_package, scratch / "lto", prefix, "gcc", "0.1", "-flto -O1")
            continue
        check(f"{kind}: headers stand alone, in C and C++", headers_alone, prefix)
        check(f"{kind}: weights, licences and examples", holds_what_a_game_needs, prefix)
        for compiler in ("gcc", "clang", "g++"):
            name = f"{kind[:6]}-{compiler}"
            check(f"{kind}: find_package, {compiler}", with_find_package, scratch / f"{name}-cmake", prefix, compiler)
            check(f"{kind}: pkg-config, {compiler}", with_pkg_config, scratch / f"{name}-pc", prefix, compiler)
        check(f"{kind}: pkg-config --static", with_pkg_config, scratch / f"{kind[:6]}-static", prefix, "gcc", "--static")
        check(f"{kind}: another version is refused", refuses_another_version, scratch / f"{kind[:6]}-version", prefix)
    check("absolute folders and DESTDIR", absolute_folders, build, scratch)
    check("guards in the library", library_is_guarded, build / "libmote.a")


# ----------------------------------------------------------------------------------------------------------------------
# Within a host's build


def copy_source(target):
    listed = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


def within(folder, how):
    out = run("cmake", "-S", folder, "-B", folder / "build", *NINJA, f"-DHOW={how}", "-DCMAKE_C_FLAGS=-O0")
    found = dict(re.findall(r"-- host (\w+) ?(.*)", out))
    assert "_GNU_SOURCE" not in found["COMPILE_DEFINITIONS"] and not found["LINK_OPTIONS"], found
    assert "fortify" not in found["COMPILE_OPTIONS"].lower() and "-Wall" not in found["COMPILE_OPTIONS"], found
    assert found["INCLUDE_DIRECTORIES"] == str(folder / "theirs") and found["TESTS"] == "test_ops", found
    run("cmake", "--build", folder / "build", "--parallel", "2")
    works(folder / "build" / "host", None)
    works(folder / "build" / "host_plus", None)
    tests = run("ctest", "-N", cwd=folder / "build")
    assert "Total Tests: 1" in tests, tests


def test_within(scratch):
    """In a path whose signs mean something to shells, to Ninja, to CMake and to C."""
    folder = scratch / "it's ü, $HOME & (c) @x@ %20"
    (folder / "theirs" / "runtime").mkdir(parents=True)
    for name in ("mote.h", "runtime/error.h"):
        (folder / "theirs" / name).write_text("#error not mote's\n" if "/" in name else '#include_next <mote.h>\n')
    copy_source(folder / "mote")
    (folder / "host.c").write_text(HOST)
    (folder / "host.cpp").write_text(HOST)
    (folder / "CMakeLists.txt").write_text(WITHIN)
    check("FetchContent, in an odd path", within, folder, "FetchContent")
    check("add_subdirectory, in an odd path", within, folder, "add_subdirectory")


# ----------------------------------------------------------------------------------------------------------------------
# What is missing


def test_missing(scratch):
    without = {**os.environ, "PKG_CONFIG_LIBDIR": "/nowhere", "PKG_CONFIG_PATH": "/nowhere"}

    def left_out():
        out = run("cmake", "-S", ROOT, "-B", scratch / "missing", *NINJA, "-DCMAKE_DISABLE_FIND_PACKAGE_GIF=ON", env=without)
        line = re.search(r"left out: program .*", out).group(0)
        assert all(name in line for name in ("libpopt-dev", "libgif-dev", "libspng-dev", "libcjson-dev")), line
        assert re.search(r"left out: tests .*libcmocka-dev", out), out

    def insisted():
        text = refused("cmake", "-S", ROOT, "-B", scratch / "missing", "-DMOTE_PROGRAM=ON", env=without)
        assert "MOTE_PROGRAM=ON" in text and "libpopt-dev" in text and text.count("CMake Error") == 1, text

    def required():
        text = refused("cmake", "-S", ROOT, "-B", scratch / "bare", *NINJA, "-DCMAKE_IGNORE_PATH=/usr/include",
                       "-DGLSLC=GLSLC-NOTFOUND", env={**without, "PATH": os.environ["PATH"]})
        assert all(name in text for name in ("libvulkan-dev", "libvulkan-volk-dev", "libjsmn-dev")), text
        assert text.count("CMake Error") == 1, text

    def patterns():
        (scratch / "a[b]").symlink_to(ROOT)
        text = refused("cmake", "-S", scratch / "a[b]", "-B", scratch / "pattern", *NINJA)
        assert "pattern" in text and text.count("CMake Error") == 1, text

    check("a path that CMake takes for a pattern is refused", patterns)
    check("program and tests are left out, with the packages they lack", left_out)
    check("a program that is insisted on names what it lacks", insisted)
    check("what the library lacks is one error", required)


# ----------------------------------------------------------------------------------------------------------------------
# Guards


def has_control_flow_notes(file):
    return all(re.search(r"x86 feature:.*" + name, run("readelf", "-nW", file)) for name in ("IBT", "SHSTK"))


def library_is_guarded(file):
    assert "__stack_chk_fail" in run("nm", "-u", file), "no stack protector"
    if platform.machine() == "x86_64":
        assert has_control_flow_notes(file), "no control-flow protection"


def program_is_guarded(mote):
    assert re.search(r"Type:\s+DYN \(Position-Independent", run("readelf", "-hW", mote)), "not position-independent"
    dynamic = run("readelf", "-dW", mote)
    assert re.search(r"FLAGS.*(BIND_NOW|NOW)", dynamic), f"not bound at start: {dynamic}"
    segments = run("readelf", "-lW", mote)
    assert re.search(r"GNU_RELRO", segments) and re.search(r"GNU_STACK\s.* RW +0x", segments), segments
    symbols = run("nm", "-D", "-u", mote)
    assert "__stack_chk_fail" in symbols and re.search(r"__\w+_chk\b", symbols), symbols
    # The C library's own start-up code must have the notes too, else the linker takes them from the whole program.
    if platform.machine() == "x86_64" and has_control_flow_notes(run("gcc", "-print-file-name=crt1.o").strip()):
        assert has_control_flow_notes(mote), "no control-flow protection"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mote", type=pathlib.Path, default=ROOT / "build" / "mote")
    mote = parser.parse_args().mote.resolve()
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        check("guards in the program", program_is_guarded, mote)
        check("a host with volk of its own", beside_volk, scratch / "volk", mote.parent)
        test_missing(scratch)
        test_within(scratch)
        test_installed(scratch)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
