#!/usr/bin/python3
"""mote profile --renderdoc: one step is captured, every dispatch in its layer's region, everything has a name, and the
replay computes what mote did. Needs RenderDoc and its Python module.

    /usr/bin/python3 tests/test_renderdoc.py --mote build/mote [--debug-mote build-with-MOTE_SHADER_DEBUG/mote]
      [--game examples/game, built, and --weights FILE]
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import renderdoc as rd
import xserver

SMALL = ["--n-feat", "8", "--height", "8", "--batch", "2"]
STAGE = rd.ShaderStage.Compute


def expect(truth, message):
    if not truth:
        raise AssertionError(message)


def run(mote, *words, **environment):
    return subprocess.run([mote, "profile", *words], capture_output=True, text=True, timeout=600,
                          env={**os.environ, **environment})


def profile_rows(mote, *words):
    done = run(mote, *words, "--repeat", "1", "--json")
    expect(done.returncode == 0, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextlib.contextmanager
def replay(path):
    file = rd.OpenCaptureFile()
    expect(file.OpenFile(str(path), "", None).OK(), "RenderDoc does not open the capture")
    result, controller = file.OpenCapture(rd.ReplayOptions(), None)
    expect(result.OK(), f"RenderDoc does not replay the capture: {result.Message()}")
    yield controller
    controller.Shutdown()
    file.Shutdown()


class Capture:
    """One step, captured by `mote profile --renderdoc`, and what `mote profile` says of the same step."""

    def __init__(self, mote, what, where, under=()):
        self.path, npy = pathlib.Path(where) / f"{what}.rdc", pathlib.Path(where) / f"{what}.npy"
        done = subprocess.run([*under, mote, "profile", *SMALL, "--what", what, "--renderdoc", self.path, "--npy", npy,
                               "--json"], capture_output=True, text=True, timeout=600, check=False, env=dict(os.environ))
        expect(done.returncode == 0, done.stderr)
        self.said = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
        self.result = np.load(npy)
        self.rows = profile_rows(mote, *SMALL, "--what", what)
        self.step = self.rows.pop()

    def replay(self):
        return replay(self.path)


def flatten(actions, file, path=()):
    """(path of regions, action) of every dispatch, in order."""
    for action in actions:
        if action.flags & rd.ActionFlags.Dispatch:
            yield path, action
        else:
            name = (action.GetName(file),) if action.flags & rd.ActionFlags.PushMarker and action.customName else ()
            yield from flatten(action.children, file, path + name)


def dispatches(controller):
    return list(flatten(controller.GetRootActions(), controller.GetStructuredFile()))


def names_of(controller):
    return {resource.resourceId: resource.name for resource in controller.GetResources()}


def bound(controller, action):
    """(name of the pipeline, of the buffers bound, of the textures and views) at a dispatch."""
    controller.SetFrameEvent(action.eventId, False)
    state, names = controller.GetPipelineState(), names_of(controller)
    lists = state.GetReadWriteResources(STAGE) + state.GetReadOnlyResources(STAGE)
    return names[state.GetComputePipelineObject()], {names[r.resourceId] for entry in lists for r in entry.resources}


def content(controller, name, dtype, count=0):
    """What a buffer holds when the frame has ended."""
    [buffer] = [resource.resourceId for resource in controller.GetResources()
                if resource.name == name and resource.type == rd.ResourceType.Buffer]
    actions = controller.GetRootActions()
    controller.SetFrameEvent(actions[-1].eventId, True)
    data = np.frombuffer(controller.GetBufferData(buffer, 0, 0), dtype)
    return data[:count] if count else data


def check_frame(capture, controller):
    file = controller.GetStructuredFile()
    calls = [chunk.name for chunk in file.chunks]
    expect(calls.count("vkQueueSubmit") == 1, f"{calls.count('vkQueueSubmit')} submissions in the frame")
    ends = [action for action in controller.GetRootActions() if action.GetName(file) == "End of Capture"]
    expect(len(ends) == 1, f"{len(ends)} frames")
    expect(capture.step["dispatches"] == capture.said["dispatches"] == len(dispatches(controller)) == len(capture.rows),
           f"{capture.step['dispatches']} dispatches, {len(dispatches(controller))} captured")


def check_regions(capture, controller):
    found = ["/".join(path) for path, _ in dispatches(controller)]
    wanted = [f"{row['layer']}/{row['kernel']}" for row in capture.rows]
    expect(found == wanted, next((pair for pair in zip(found, wanted) if pair[0] != pair[1]), "too few"))


def check_names(capture, controller):
    unnamed = re.compile(r"(Buffer|Compute Pipeline|Memory|Shader Module|Descriptor Set|Buffer View) \d+$")
    kinds = {rd.ResourceType.Buffer, rd.ResourceType.PipelineState, rd.ResourceType.Memory, rd.ResourceType.Shader,
             rd.ResourceType.View}
    for resource in controller.GetResources():
        expect(resource.type not in kinds or not unnamed.match(resource.name), f"{resource.name} has no name")
    found = dispatches(controller)
    for (path, action), row in zip(found[:60], capture.rows):
        pipeline, buffers = bound(controller, action)
        expect(pipeline == row["kernel"], f"{path}: pipeline {pipeline}")
        expect(buffers, f"{path}: nothing is bound")
    first = [action for path, action in found if "/".join(path).startswith("down1/model.0/conv1/conv")][0]
    expect("down1/model.0/conv1:" in " ".join(bound(controller, first)[1]), f"{bound(controller, first)}")


def test_a_sampling_step_is_one_frame_in_regions_with_names(captures):
    with captures.sample.replay() as controller:
        check_frame(captures.sample, controller)
        check_regions(captures.sample, controller)
        check_names(captures.sample, controller)


def test_a_training_step_is_one_frame_in_regions_with_names(captures):
    with captures.train.replay() as controller:
        check_frame(captures.train, controller)
        check_regions(captures.train, controller)
        check_names(captures.train, controller)


def check_images(capture):
    wanted = capture.result
    n, c, h, w = wanted.shape
    with capture.replay() as controller:
        blocks = content(controller, "x", np.float32, n * 8 * h * w).reshape(n, h, w, 8)
        expect(np.array_equal(blocks[..., :c].transpose(0, 3, 1, 2), wanted), "the images differ")
        expect(np.abs(wanted).max() > 0.1 and content(controller, "step", np.uint32)[0] == 1, "the step did not run")


def test_a_replayed_sampling_step_makes_the_same_images(captures):
    check_images(captures.sample)


def test_renderdoccmd_captures_the_same(captures):
    with tempfile.TemporaryDirectory() as where:
        capture = Capture(captures.mote, "sample", where, ["renderdoccmd", "capture", "--wait-for-exit"])
        with capture.replay() as controller:
            check_frame(capture, controller)
            check_regions(capture, controller)
        check_images(capture)


def capture_of(game, weights, where):
    """A frame of the game as a person would capture it: RenderDoc starts it and is told to, some seconds later. With 8 steps a
    sprite a fast machine has filled the room by then, and nothing is left to sample."""
    line = f"{weights} --steps 50 --budget 6000 --seconds 30"
    launched = rd.ExecuteAndInject(str(game), "", line, [], f"{where}/game", rd.GetDefaultCaptureOptions(), False)
    expect(launched.result.OK(), f"RenderDoc does not start the game: {launched.result.Message()}")
    control = rd.CreateTargetControl("", launched.ident, "test", True)
    expect(control, "RenderDoc does not reach the game")
    start, asked = time.time(), False
    while time.time() - start < 60:
        message = control.ReceiveMessage(None)
        if message.type == rd.TargetControlMessageType.NewCapture:
            os.kill(control.GetPID(), signal.SIGTERM)
            control.Shutdown()
            return message.newCapture.path
        if not asked and time.time() - start > 5:
            control.TriggerCapture(1)
            asked = True
        expect(message.type != rd.TargetControlMessageType.Disconnected, "the game ended before its capture")
    raise AssertionError("no capture within a minute")


def test_a_frame_of_a_game_shows_the_layers(captures):
    if not captures.game:
        print("      (without --game: no game is captured)")
        return
    rows = profile_rows(captures.mote, captures.weights, "--what", "sample", "--batch", "1")[:-1]
    layers = [f"{row['layer']}/{row['kernel']}" for row in rows]
    with tempfile.TemporaryDirectory() as where, xserver.Screen(800, 600) as screen:
        os.environ["DISPLAY"] = screen.environment["DISPLAY"]
        with replay(capture_of(captures.game, captures.weights, where)) as controller:
            found = ["/".join(part for part in path if not part.startswith("mote: ")) for path, _ in dispatches(controller)]
            regions = {part for path, _ in dispatches(controller) for part in path if part.startswith("mote: step ")}
            names = set(names_of(controller).values())
    outside = {path for path in found if not path.startswith("sprites/")}
    expect(outside <= {"pack_pixels/pack_pixels"}, f"outside the game's region: {outside}")
    found = [path.removeprefix("sprites/") for path in found]
    # A frame holds as many steps as the budget lets in, maybe of another sampler; at least one is whole.
    steps = sum(found[i:i + len(layers)] == layers for i in range(len(found)))
    expect(steps > 0, f"no whole step: {found}")
    expect(len(regions) >= steps and all(re.fullmatch(r"mote: step \d+ of \d+", r) for r in regions), f"regions: {regions}")
    expect({"parameters", "activations", "x", "conv_winograd"} <= names, f"objects without names: {sorted(names)[:40]}")


def test_a_replayed_training_step_has_the_same_loss(captures):
    with captures.train.replay() as controller:
        ring = content(controller, "ring", np.float32)
        expect(ring[1] == captures.train.result[0] and ring[0] > 0 and ring[0] != ring[1],
               f"losses {ring[:3]}, mote's {captures.train.result}")


def sources(controller):
    """Embedded GLSL by the name of its file, of the first convolution."""
    action = [action for path, action in dispatches(controller) if path[-1].startswith("conv")][0]
    controller.SetFrameEvent(action.eventId, False)
    debug = controller.GetPipelineState().GetShaderReflection(STAGE).debugInfo
    return {pathlib.Path(file.filename).name: file.contents for file in debug.files}


def test_glsl_is_in_a_build_that_asks_for_it(captures):
    with captures.sample.replay() as controller:
        expect(not any("#version" in text for text in sources(controller).values()), "GLSL in an ordinary build")
    if not captures.debug:
        print("      (without --debug-mote: the GLSL itself is not looked at)")
        return
    with captures.debug.replay() as controller:
        check_regions(captures.debug, controller)
        found = sources(controller)
        shader = next(name for name in found if name.endswith(".comp"))
        text = (pathlib.Path(__file__).parent.parent / "shaders" / shader).read_text(encoding="utf-8")
        plain = re.sub("[^\t\n -~]", "?", text.encode().decode("latin-1"))
        expect(found[shader].strip() == plain.strip(), f"{shader} differs from the file")
        expect("conv.h" in found and "CONV_KERNEL" in found["conv.h"], f"files {list(found)}")


def test_the_event_tree_is_drawn_from_an_export(captures):
    with tempfile.TemporaryDirectory() as where:
        exported, drawn = pathlib.Path(where) / "step.xml", pathlib.Path(where) / "step.svg"
        file = rd.OpenCaptureFile()
        expect(file.OpenFile(str(captures.sample.path), "", None).OK(), "RenderDoc does not open the capture")
        expect(file.Convert(str(exported), "xml", None, None).OK(), "RenderDoc does not export the capture")
        file.Shutdown()
        script = pathlib.Path(__file__).parent.parent / "docs" / "event_tree.py"
        subprocess.run([sys.executable, script, exported, "-o", drawn], check=True, timeout=60, env=dict(os.environ))
        kernels = re.findall('class="k">([a-z0-9_]+) ', drawn.read_text(encoding="utf-8"))
        expect(kernels == [row["kernel"] for row in captures.sample.rows], f"{kernels}")


def test_nothing_is_left_beside_a_capture(captures):
    files = {path.name for path in captures.sample.path.parent.iterdir()}
    expect(files == {"sample.rdc", "sample.npy"}, f"{files}")


def test_no_capture_is_left_without_what_the_step_made(captures):
    with tempfile.TemporaryDirectory() as where:
        done = run(captures.mote, *SMALL, "--renderdoc", pathlib.Path(where, "out.rdc"), "--npy", "/dev/full")
        expect(done.returncode == 1 and "/dev/full" in done.stderr, done.stderr)
        expect(not list(pathlib.Path(where).iterdir()), f"{list(pathlib.Path(where).iterdir())} is left")


def test_without_renderdoc_there_is_one_clear_error(captures):
    with tempfile.TemporaryDirectory() as where:
        out = pathlib.Path(where) / "out.rdc"
        pathlib.Path(where, "librenderdoc.so").write_bytes(b"")
        done = run(captures.mote, *SMALL, "--renderdoc", out, LD_LIBRARY_PATH=where)
        expect(done.returncode == 1 and "install it" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
        done = run(captures.mote, *SMALL, "--renderdoc", out, DISABLE_VULKAN_RENDERDOC_CAPTURE_1_24="1",
                   **{f"DISABLE_VULKAN_RENDERDOC_CAPTURE_1_{minor}": "1" for minor in range(25, 50)})
        expect(done.returncode == 1 and "did not see the Vulkan device" in done.stderr, done.stderr)
        expect(not out.exists(), "a capture of nothing")
        for words, text in ((["--renderdoc", "a.json"], ".rdc"), (["--renderdoc", out, "--trace", "t.json"], "--trace"),
                            (["--npy", "x.npy"], "--npy"), (["--renderdoc", out, "--repeat", "2"], "--repeat")):
            done = run(captures.mote, *SMALL, *words)
            expect(done.returncode == 2 and text in done.stderr, f"{words}: {done.returncode}, {done.stderr}")
        done = run(captures.mote, *SMALL, "--renderdoc", pathlib.Path(where) / "none" / "out.rdc")
        expect(done.returncode == 1 and "--renderdoc" in done.stderr, done.stderr)


class Captures:
    def __init__(self, options, where):
        self.mote, self.game, self.weights = options.mote, options.game, options.weights
        folders = [pathlib.Path(where) / name for name in ("sample", "train", "debug")]
        for folder in folders:
            folder.mkdir()
        self.sample = Capture(options.mote, "sample", folders[0])
        self.train = Capture(options.mote, "train", folders[1])
        self.debug = options.debug_mote and Capture(options.debug_mote, "sample", folders[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mote", default="build/mote")
    parser.add_argument("--debug-mote", help="of a build with MOTE_SHADER_DEBUG")
    parser.add_argument("--game", type=lambda name: pathlib.Path(name).resolve(), help="examples/game, built")
    parser.add_argument("--weights", type=lambda name: pathlib.Path(name).resolve(), help="for the game")
    options = parser.parse_args()
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    failed = 0
    with tempfile.TemporaryDirectory() as where:
        captures = Captures(options, where)
        # Not before: it starts a thread that changes the process's environment, which a child that starts then is handed
        # while it moves. For the same reason children get a copy of it.
        rd.InitialiseReplay(rd.GlobalEnvironment(), [])
        for test in tests:
            try:
                test(captures)
                print(f"ok    {test.__name__}", flush=True)
            except Exception as problem:  # pylint: disable=broad-except
                failed += 1
                print(f"FAIL  {test.__name__}: {problem}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed", flush=True)
    os._exit(failed > 0)  # how RenderDoc and the driver under it end is not looked at


if __name__ == "__main__":
    main()
