#!/usr/bin/env python3
"""test_game.py: runs examples/game in a virtual X server, presses a key, looks at the window, and reads what it cost.

    test_game.py --game FILE --mote FILE --weights FILE

The last line is "N passed, N failed".
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
import xserver

SIZE, STEPS, SEED, BUDGET, SECONDS, TILE = (800, 600), 8, 11, 6000, 9, 16
passed = failed = 0


def check(name, good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'}  {name}: {what}")


def shot(screen, path):
    subprocess.run(["import", "-window", "root", "-depth", "8", f"rgb:{path}"], env=screen.environment, check=True)
    return np.fromfile(path, np.uint8).reshape(SIZE[1], SIZE[0], 3)


def press(screen, key):
    return subprocess.run(["xdotool", "search", "--sync", "--name", "mote", "windowfocus", "key", key],
                          env=screen.environment, timeout=60).returncode == 0


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def play(arguments, scratch):
    """The game's lines up to the picture, the picture, all its lines, and its exit status."""
    out = scratch / "out"
    with xserver.Screen(*SIZE) as screen, open(out, "w") as stdout:
        game = subprocess.Popen([arguments.game, arguments.weights, "--steps", str(STEPS), "--seed", str(SEED),
                                 "--budget", str(BUDGET), "--seconds", str(SECONDS)],
                                stdout=stdout, env=screen.environment)
        deadline = time.time() + 60
        while not lines_of(out) and game.poll() is None and time.time() < deadline:
            time.sleep(0.1)
        # At once: a fast device fills the room in a second or two, and then no sprite begins that the key could choose.
        check("a key press reaches the window", press(screen, "3"), "xdotool")
        time.sleep(2 * SECONDS / 3)
        before = lines_of(out)
        time.sleep(0.5)
        picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        if game.poll() is None:
            picture = shot(screen, scratch / "shot.rgb")
        status = game.wait(timeout=120)
    return before, picture, lines_of(out), status


def to_bytes(images):
    return np.clip(np.rint(images * np.float32(127.5) + np.float32(127.5)), 0, 255).astype(np.uint8)


def sample(arguments, scratch, *options):
    """What `mote sample` makes, (N, 16, 16, 3) bytes."""
    subprocess.run([arguments.mote, "sample", arguments.weights, "--npy", scratch / "x.npy", "--seed", str(SEED),
                    "--steps", str(STEPS), *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return to_bytes(np.load(scratch / "x.npy").transpose(0, 2, 3, 1))


def library_sprites(arguments, sprites, scratch):
    """What the command line makes of the same seed and contexts."""
    info = json.loads(subprocess.run([arguments.mote, "info", arguments.weights, "--json"], check=True, text=True,
                                     capture_output=True).stdout.splitlines()[0])
    count = max(sprite["sprite"] for sprite in sprites) + 1
    context = np.zeros((count, info["n_cfeat"]), np.float32)
    for sprite in sprites:
        if sprite["context"] >= 0:
            context[sprite["sprite"], sprite["context"]] = 1
    np.save(scratch / "context.npy", context)
    return sample(arguments, scratch, "-n", str(count), "--context-npy", scratch / "context.npy")


def starting_noise(sample):
    """x_T of a sample, (1, 3, 16, 16): Philox4x32-10 at (element / 4, sample, 0, 0), Box-Muller as in philox.glsl."""
    words = [np.arange(3 * TILE * TILE // 4, dtype=np.uint64)] + [np.full(3 * TILE * TILE // 4, v, np.uint64)
                                                                   for v in (sample, 0, 0)]
    key, low = [SEED & 0xFFFFFFFF, SEED >> 32], np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = words[0] * np.uint64(0xD2511F53), words[2] * np.uint64(0xCD9E8D57)
        words = [(b >> np.uint64(32)) ^ words[1] ^ np.uint64(key[0]), b & low,
                 (a >> np.uint64(32)) ^ words[3] ^ np.uint64(key[1]), a & low]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    words = [word.astype(np.int64) for word in words]
    radius = [np.sqrt(-2 * np.log(((words[i] >> 8) + 1) / 2**24)) for i in (0, 2)]
    turn = [(words[i] >> 30) * 0.25 + (((words[i] & 0x3FFFFFFF) >> 6) / 2**24 - 0.5) * 0.25 for i in (1, 3)]
    normals = np.stack([f(2 * np.pi * turn[i]) * radius[i] for i in (0, 1) for f in (np.cos, np.sin)], 1)
    return normals.reshape(1, 3, TILE, TILE).astype(np.float32)


def tile_of(picture, sprite, zoom):
    """A tile of the window, one pixel of each zoomed one; the window stands in the middle of the screen."""
    left, top = (SIZE[0] - 15 * TILE * zoom) // 2, (SIZE[1] - 11 * TILE * zoom) // 2
    x, y = left + sprite["x"] * zoom, top + sprite["y"] * zoom
    return picture[y + 1:y + TILE * zoom:zoom, x + 1:x + TILE * zoom:zoom].astype(int)


def look(arguments, before, picture, zoom, scratch):
    wanted = library_sprites(arguments, before, scratch).astype(int)
    off, still = [], []
    for sprite in before:
        tile = tile_of(picture, sprite, zoom)
        off.append(np.mean(np.abs(tile - wanted[sprite["sprite"]]) > 2))
        noise = to_bytes(starting_noise(sprite["sprite"])[0].transpose(1, 2, 0)).astype(int)
        still.append(np.mean(np.abs(tile - noise)))
    check("the window shows the sprites of the command line", max(off) <= 0.01,
          f"{len(before)} sprites, at most {100 * max(off):.2f} % of the values differ by more than 2")
    np.save(scratch / "noise.npy", starting_noise(0))
    drawn = sample(arguments, scratch, "-n", "1").astype(int)
    given = sample(arguments, scratch, "-n", "1", "--x-init", scratch / "noise.npy").astype(int)
    check("the noise is the one that they begin as", np.mean(np.abs(drawn - given) > 2) <= 0.01,
          "sample 0 made from it")
    check("sprites differ from the noise they began as", min(still) > 15,
          f"by {min(still):.0f} of 255 on average at least")


def main():
    parser = argparse.ArgumentParser()
    for name in ("game", "mote", "weights"):
        parser.add_argument(f"--{name}", required=True, type=lambda text: pathlib.Path(text).resolve())
    arguments = parser.parse_args()
    missing = [tool for tool in ("Xvfb", "xdotool", "import") if not shutil.which(tool)]
    assert not missing, f"not installed: {missing}"
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        before, picture, lines, status = play(arguments, scratch)
        check("the game ends by itself", status == 0, f"exit status {status}")
        if status == 0 and before:
            end = lines[-1]
            rate = end["frames"] / end["seconds"]
            check("frames are presented", rate > 10, f"{end['frames']} in {end['seconds']:.1f} s, {rate:.0f} a second")
            check("no frame is given more than its budget and one step", end["overplanned"] == 0,
                  f"{end['overplanned']} frames were")
            # On a CPU driver the clock is the wall's, so that what other programs take of it counts as well; with a
            # clock of its own test_host_faults.c allows no frame at all.
            allowed = end["measured"] // 10
            check("frames keep to their budget and one step", end["measured"] > 20 and end["over"] <= allowed,
                  f"{end['over']} of {end['measured']} over, {allowed} allowed; budget {end['budget_us']:.0f} us, step "
                  f"{end['longest_step_us']:.0f} us, worst {end['worst_us']:.0f} us")
            contexts = [line["context"] for line in lines[:-1]]
            check("the key chooses the context", -1 in contexts and 2 in contexts and
                  contexts.index(2) > contexts.index(-1), f"{contexts.count(-1)} without, {contexts.count(2)} with")
            look(arguments, before, picture, end["zoom"], scratch)
        else:
            check("sprites are finished", before, f"{len(before)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
