#!/usr/bin/python3
"""mote profile and mote bench from the outside: rows, the trace, and wrong usage.

    /usr/bin/python3 tests/test_profile.py --mote build/mote
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

SMALL = ["--n-feat", "8", "--batch", "4", "--repeat", "3"]


def run(mote, *words, command="profile"):
    return subprocess.run([mote, command, *words], capture_output=True, text=True, timeout=600)


def expect(truth, message):
    if not truth:
        raise AssertionError(message)


def rows(mote, what):
    done = run(mote, *SMALL, "--what", what, "--json")
    expect(done.returncode == 0, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expect(lines[-1]["what"] == what and lines[-1]["dispatches"] == len(lines) - 1, f"last line: {lines[-1]}")
    for line in lines[:-1]:
        expect({"batch", "ms", "device", "layer", "kernel", "shape", "gflops", "share_of_ceiling"} <= set(line), line)
    return lines


def test_rows_name_layers_and_count_operations(mote, _):
    lines = rows(mote, "sample")
    first = [line for line in lines if line.get("layer") == "down1/model.0/conv1" and line["op"] == "conv"]
    expect(len(first) == 1, f"{len(first)} rows of down1/model.0/conv1")
    operations = first[0]["gflops"] * first[0]["ms"] * 1e6
    expect(abs(operations / (2 * 4 * 8 * 8 * 9 * 16 * 16) - 1) < 1e-6, f"{operations} operations")


def test_training_has_backward_and_optimiser(mote, _):
    layers = {(line.get("layer"), line.get("op")) for line in rows(mote, "train")}
    expect(any(op == "conv_weight_gradient" for _, op in layers) and any(op == "adamw" for _, op in layers), layers)


def test_bench_prints_rows_of_every_kind(mote, _):
    counts = {}
    for what in ("ceilings", "layers", "sample", "train"):
        done = run(mote, *SMALL, "--what", what, "--json", command="bench")
        expect(done.returncode == 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for line in lines:
            expect({"what", "batch", "ms", "device"} <= set(line) and line["what"] == what and line["ms"] > 0, line)
        counts[what] = len(lines)
        if what == "layers":
            names = [line["layer"] for line in lines]
            expect(len(names) == len(set(names)) and "up0" in names, f"layers {names}")
            expect(all(line["gflops"] >= 0 and line["share_of_ceiling"] > 0 for line in lines), lines)
        if what in ("sample", "train"):
            expect(lines[0]["batch"] == 4 and lines[0]["dispatches"] > 20 and lines[0]["images_per_s"] > 0, lines)
    expect(counts["ceilings"] == counts["sample"] == counts["train"] == 1 and counts["layers"] > 20, counts)


def test_bench_without_batch_takes_several(mote, _):
    done = run(mote, "--n-feat", "8", "--height", "8", "--repeat", "1", "--what", "sample", "--json", command="bench")
    found = [json.loads(line)["batch"] for line in done.stdout.splitlines()]
    expect(found == [1, 8, 32, 100], f"batches {found}")


def test_trace_nests_and_fills_the_submission(mote, where):
    path = pathlib.Path(where) / "trace.json"
    done = run(mote, *SMALL, "--trace", path)
    expect(done.returncode == 0, done.stderr)
    events = json.loads(path.read_text())["traceEvents"]
    spans = [(event["ts"], event["ts"] + event["dur"], event["name"]) for event in events if event["tid"] == 2]
    for a in spans:
        for b in spans:
            apart = a[1] <= b[0] + 1e-3 or b[1] <= a[0] + 1e-3
            inside = (a[0] <= b[0] + 1e-3 and b[1] <= a[1] + 1e-3) or (b[0] <= a[0] + 1e-3 and a[1] <= b[1] + 1e-3)
            expect(apart or inside, f"{a} and {b} cross")
    host = [event for event in events if event["tid"] == 1]
    expect(len(host) == 1, f"{len(host)} host events")
    end = host[0]["ts"] + host[0]["dur"]
    expect(host[0]["ts"] <= 1e-3 and end >= max(span[1] for span in spans) - 1e-3, "the device's work sticks out")
    names = [span[2] for span in spans]
    expect({"down1", "model.0", "conv1", "sampling step"} <= set(names), names)


def test_wrong_usage(mote, where):
    for words, text in ((["--what", "x"], "--what"), (["--n-feat", "12"], "multiple of 8"), (["--batch", "0"], "--batch"),
                        (["m.safetensors", "--height", "16"], "random weights"), (["--trace", "a.png"], ".json")):
        done = run(mote, *words)
        expect(done.returncode == 2 and text in done.stderr, f"{words}: {done.returncode}, {done.stderr}")
    done = run(mote, *SMALL, "--trace", pathlib.Path(where) / "none" / "t.json")
    expect(done.returncode == 1 and "--trace" in done.stderr, done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mote", default="build/mote")
    options = parser.parse_args()
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    failed = 0
    for test in tests:
        try:
            with tempfile.TemporaryDirectory() as where:
                test(options.mote, where)
            print(f"ok    {test.__name__}")
        except Exception as problem:  # pylint: disable=broad-except
            failed += 1
            print(f"FAIL  {test.__name__}: {problem}")
    print(f"{len(tests) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
