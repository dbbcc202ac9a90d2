#!/usr/bin/python3
"""test_across_devices.py: the same seed gives the same noise and the same sprites under two Vulkan drivers.

Usage: tests/test_across_devices.py --weights model.safetensors [--mote build/mote] [--noise build/tests/test_noise_bits]
                                    [--drivers A.json B.json]

Noise has to be bit-equal (hashes printed by test_noise_bits); of sprites, 99 % of the 8-bit values may differ by 2 at
most. Prints one line a check and ends with "N passed, N failed"; exit code 1 if any failed.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

LEVELS = 2      # of 255, by which a value may differ
SHARE = 0.99    # of the values, which may differ by no more than that

# Name, arguments of `mote sample`. Eight images, ten steps: SwiftShader takes about a minute for all.
RUNS = [
    ("DDIM, 10 steps", ["-n", "8", "--steps", "10", "--seed", "7"]),
    ("DDIM with noise, 4 steps", ["-n", "2", "--steps", "4", "--eta", "1", "--seed", "18446744073709551615"]),
    ("DDPM, 4 steps", ["-n", "2", "--steps", "4", "--sampler", "ddpm", "--seed", "3"]),
]


def default_drivers():
    return sorted(glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json"))[:1] + \
        glob.glob("/usr/lib/chromium/vk_swiftshader_icd.json")


def under(driver, command):
    """Runs `command` under one driver alone and returns what it printed."""
    environment = {**os.environ, "VK_DRIVER_FILES": driver, "VK_ICD_FILENAMES": driver}
    environment.pop("MOTE_TEST_DEVICE", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def last_line(text):
    return (text.strip().splitlines() or ["nothing"])[-1]


def noise_hashes(driver, program):
    code, text = under(driver, [program, "--print"])
    return code, [line for line in text.splitlines() if line.startswith("noise of seed")]


def sprites(driver, mote, weights, arguments):
    """The sprites as (N,C,h,h) floats, and a word on what went wrong if they are None."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sprites.npy")
        code, text = under(driver, [mote, "sample", weights, "--npy", path] + arguments)
        if code:
            return None, f"mote sample ended with {code} under {driver}: {last_line(text)}"
        return np.load(path), ""


def to_pixels(images):
    """As mote_sampler_read_pixels does."""
    return np.rint(np.clip(np.nan_to_num(images) * np.float32(127.5) + np.float32(127.5), 0, 255)).astype(int)


def compare_noise(drivers, options):
    (first_code, first), (second_code, second) = (noise_hashes(d, options.noise) for d in drivers)
    ok = first_code == second_code == 0 and bool(first) and first == second
    return ok, f"{len(first)} and {len(second)} hashes, exit codes {first_code} and {second_code}"


def compare_sprites(drivers, options, arguments):
    images = []
    for driver in drivers:
        made, problem = sprites(driver, options.mote, options.weights, arguments)
        if made is None:
            return False, problem
        images.append(made)
    if images[0].shape != images[1].shape or not all(np.isfinite(i).all() for i in images):
        return False, f"shapes {images[0].shape} and {images[1].shape}, or a value that is not finite"
    apart = np.abs(to_pixels(images[0]) - to_pixels(images[1]))
    contrast = to_pixels(images[0]).std()
    share = (apart <= LEVELS).mean()
    ok = share >= SHARE and contrast > 5  # flat images would agree too
    return ok, f"{100 * share:.2f} % within {LEVELS}, at most {apart.max()} apart, standard deviation {contrast:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mote", default="build/mote")
    parser.add_argument("--noise", help="test_noise_bits; default: tests/test_noise_bits beside mote")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--drivers", nargs=2, metavar="JSON", default=default_drivers())
    options = parser.parse_args()
    if not options.noise:
        options.noise = os.path.join(os.path.dirname(options.mote), "tests", "test_noise_bits")
    if len(options.drivers) != 2:
        parser.error(f"two drivers are needed, found {options.drivers}; name them with --drivers")
    for path in [options.mote, options.noise, options.weights] + options.drivers:
        if not os.path.exists(path):
            parser.error(f"{path}: there is no such file")
    outputs = [under(driver, [options.mote, "devices"])[1] for driver in options.drivers]
    checks = [("the drivers are two", lambda: (outputs[0] != outputs[1], " and ".join(options.drivers))),
              ("noise, bit by bit", lambda: compare_noise(options.drivers, options))]
    for name, arguments in RUNS:
        checks.append((name, lambda a=arguments: compare_sprites(options.drivers, options, a)))
    failed = 0
    for name, check in checks:
        started = time.monotonic()
        ok, found = check()
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {found} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
