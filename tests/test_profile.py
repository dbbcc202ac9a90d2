#!/usr/bin/python3
"""mote profile and mote bench from the outside: rows, the trace, and wrong usage.

    /usr/bin/python3 tests/test_profile.py --mote build/mote
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SMALL = ["--n-feat", "8", "--batch", "4", "--repeat", "3"]


def run(mote, *words, command="profile", **options):
    return subprocess.run([mote, command, *words], capture_output=True, text=True, timeout=600, **options)


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


def test_bench_times_the_unet_of_others(mote, _):
    done = run(mote, "--what", "unet", "--height", "4", "--repeat", "1", "--json", command="bench")
    expect(done.returncode == 0, done.stderr)
    lines = {line["what"]: line for line in map(json.loads, done.stdout.splitlines())}
    expect(list(lines) == ["unet sample", "unet train"] and all(line["batch"] == 2 for line in lines.values()), lines)
    # Products of convolutions that stride 1 and 2 and follow an upsampling: 64, 128, 256 channels of 4 x 4, 2 x 2 and one pixel.
    pixels = {16: 4 * 64 + 2 * 64 * 64 + (192 * 64 + 64 * 64) + (128 * 64 + 64 * 64) + 128 * 128 + 64 * 4,
              4: 64 * 64 + 64 * 128 + 128 * 128 + (384 * 128 + 128 * 128) + (192 * 128 + 128 * 128) + 256 * 256,
              1: 128 * 128 + 128 * 256 + 256 * 256 + (512 * 256 + 256 * 256) + (384 * 256 + 256 * 256)}
    shortcuts = 16 * (192 * 64 + 128 * 64) + 4 * (64 * 128 + 384 * 128 + 192 * 128) + 128 * 256 + 512 * 256 + 384 * 256
    wanted = 2 * 2 * (9 * sum(count * products for count, products in pixels.items()) + shortcuts)
    found = lines["unet sample"]["gflops"] * lines["unet sample"]["ms"] * 1e6
    expect(abs(found / wanted - 1) < 1e-6, f"{found} operations of a forward pass, expected {wanted}")


def test_random_models_are_of_any_network(mote, _):
    small = ["--net", "unet2d", "--settings", "block_out_channels=8;layers_per_block=1;down_block_types=DownBlock2D;up_block_types=UpBlock2D",
             "--height", "4", "--repeat", "1", "--json"]
    for words in ([], ["--what", "train"]):
        done = run(mote, *small, *words)
        layers = {line.get("layer") for line in map(json.loads, done.stdout.splitlines())}
        expect(done.returncode == 0 and "mid_block/resnets.1" in layers, f"{layers} {done.stderr}")
    for words, text in ((["--net", "none"], "context_unet"), (["--net", "unet2d", "--n-feat", "8"], "--n-feat"),
                        (["--settings", "dropout=0.5"], "dropout"), (["--net", "unet2d", "--settings", "dropout=2"], "0 to 0.99"),
                        (["--net", "sprite_classifier"], "makes images"), (["x.safetensors", "--net", "unet2d"], "x.safetensors")):
        done = run(mote, *words)
        expect(done.returncode == 2 and text in done.stderr, f"{words}: {done.returncode}, {done.stderr}")
    done = run(mote, "--what", "unet", "--net", "unet2d", command="bench")
    expect(done.returncode == 2 and "--net" in done.stderr, done.stderr)


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


def profile_lines(layers, what="sample"):
    """What --json prints for (layer, op, kernel, ms)."""
    common = {"batch": 1, "device": "x"}
    lines = [{"what": "dispatch", "layer": layer, "op": op, "kernel": kernel, "ms": ms, **common}
             for layer, op, kernel, ms in layers]
    return lines + [{"what": what, "ms": 1 + sum(line["ms"] for line in lines), "dispatches": len(lines), **common}]


def write_lines(where, name, lines):
    path = pathlib.Path(where) / name
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_compare_sums_layers_and_sorts_by_difference(mote, where):
    a = write_lines(where, "a.json", profile_lines([("in", "conv", "direct", 4), ("in", "gelu", "gelu", 0.5),
                                                    ("in", "conv", "direct", 2), ("old", "pool", "pool", 0.25)]))
    b = write_lines(where, "b.json", profile_lines([("in", "conv", "before", 1), ("in", "conv", "after", 0.5),
                                                    ("in", "gelu", "gelu", 0.625), ("new", "add", "add", 8)]))
    done = run(mote, "--compare", a, b, "--json")
    expect(done.returncode == 0, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = [("layer", "new", "add", "", "add", 0, 8, None),
              ("layer", "in", "conv", "direct", "before+after", 6, 1.5, 0.25),
              ("layer", "old", "pool", "pool", "", 0.25, 0, None),
              ("layer", "in", "gelu", "gelu", "gelu", 0.5, 0.625, 1.25),
              ("total", None, None, None, None, 6.75, 10.125, 1.5),
              ("step", None, None, None, None, 7.75, 11.125, 11.125 / 7.75)]
    keys = ("what", "layer", "op", "kernel_a", "kernel_b", "ms_a", "ms_b", "ratio")
    found = [tuple(line.get(key) for key in keys) for line in lines]
    expect(found == wanted, f"{found}")
    text = run(mote, "--compare", a, b).stdout.splitlines()
    expect(len(text) == 3 + len(wanted) and "direct -> before+after" in text[4] and "0.25" in text[4], text)
    expect(text[3].startswith("new") and "- -> add" in text[3] and text[-2].startswith("total"), text)


def test_compare_takes_what_profile_prints(mote, where):
    paths = [write_lines(where, f"{i}.json", run(mote, *SMALL, "--json", *words).stdout.splitlines())
             for i, words in enumerate(([], ["--plain-kernels"]))]
    done = run(mote, "--compare", *paths, "--json")
    expect(done.returncode == 0, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    layers = [line for line in lines if line["what"] == "layer"]
    expect(any(line["kernel_a"] != line["kernel_b"] for line in layers), "no kernel differs")
    total = lines[-2]
    expect(abs(total["ms_a"] - sum(line["ms_a"] for line in layers)) < 1e-6, f"{total}")
    differences = [abs(line["ms_a"] - line["ms_b"]) for line in layers]
    expect(differences == sorted(differences, reverse=True) and differences[0] > 0, f"{differences}")


def test_compare_names_what_is_wrong_with_a_file(mote, where):
    good = profile_lines([("in", "conv", "conv", 1), ("in", "gelu", "gelu", 1)])
    kept = write_lines(where, "good.json", good)
    damaged = {"empty": ([], "empty"), "text": (["layer us"], "line 1"), "cut": (good[:-1], "incomplete"),
               "short": (good[1:], "incomplete"), "twice": (good + good, "line 4"),
               "other": ([{"what": "layers", "ms": 1}], "line 1"), "array": (["[1]"], "line 1"),
               "no_op": ([dict(good[0], op=3)] + good[1:], '"op"'),
               "negative": ([dict(good[0], ms=-1)] + good[1:], '"ms"'),
               "train": (profile_lines([("in", "conv", "conv", 1)], "train"), "train")}
    for name, (lines, text) in damaged.items():
        path = write_lines(where, f"{name}.json", lines)
        for pair in ((kept, path), (path, kept)):
            done = run(mote, "--compare", *pair)
            expect(done.returncode == 1 and text in done.stderr and str(path) in done.stderr and not done.stdout,
                   f"{name}: {done.returncode}, {done.stderr}")
    expect(run(mote, "--compare", kept, pathlib.Path(where) / "none").returncode == 1, "a file that is not there")
    for words in ((kept,), (kept, kept, kept), (kept, kept, "--batch", "2"), (kept, kept, "--what", "train")):
        done = run(mote, "--compare", *words)
        expect(done.returncode == 2, f"{words}: {done.returncode}, {done.stderr}")


SHADERS = pathlib.Path(__file__).parent.parent / "shaders"


def try_shaders(mote, where, texts, *words, command="profile"):
    """Runs `mote profile --shaders` on a folder that holds `texts`; returns (process, lines of JSON by kernel)."""
    folder = pathlib.Path(where) / "replaced"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "glsl").mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = run(mote, *SMALL, "--height", "8", "--repeat", "1", "--shaders", folder, "--json", *words, command=command)
    expect("no glslc" not in done.stderr, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done, {line.get("kernel", line["what"]): line for line in lines}


def shader(name, old="", new=""):
    text = (SHADERS / name).read_text(encoding="utf-8")
    expect(old in text, f"{name} has no {old}")
    return text.replace(old, new, 1) if old else text


def test_replaced_shaders_that_compute_the_same_pass(mote, where):
    texts = {name: shader(name) for name in ("max_pool.comp", "group_norm.comp")}
    done, rows = try_shaders(mote, where, texts)
    expect(done.returncode == 0, done.stderr)
    expect(set(rows) == {"max_pool", "group_norm", "group_norm_texel", "sample"}, rows)
    # The other max_pool takes the mean as well, in a kernel of its own.
    expect(rows["max_pool"]["dispatches"] == 1 and rows["max_pool"]["passed"] and rows["max_pool"]["difference"] == 0 and
           rows["max_pool"]["largest"] > 0, rows)
    expect(rows["sample"]["ms_embedded"] > 0 and rows["sample"]["ms_replaced"] > 0, rows)
    expect(rows["group_norm_texel"]["dispatches"] + rows["group_norm"]["dispatches"] == 2, rows)
    done, rows = try_shaders(mote, where, texts, "--what", "train", command="bench")
    expect(done.returncode == 0 and rows["train"]["ms_replaced"] > 0 and rows["max_pool"]["passed"], f"{rows} {done.stderr}")


def test_a_slow_replaced_shader_shows_its_time(mote, where):
    # lavapipe leaves a loop after 65,535 rounds.
    slow = (f"vec4 s = x[from];\n  for (int k = 0; k < 50000; k++) {{ {'s = s * 0.5 + 0.25; ' * 60}}}\n"
            "  y[i] = max(s - 1000, max(x[from], x[from]));\n  y[i] = max(s - 1000, ")
    done, rows = try_shaders(mote, where, {"max_pool.comp": shader("max_pool.comp", "y[i] = max(", slow + "max(").replace(
        "x[below + 2]));", "x[below + 2])));")})
    expect(done.returncode == 0 and rows["max_pool"]["passed"], f"{rows} {done.stderr}")
    for row in (rows["max_pool"], rows["sample"]):
        expect(row["ms_replaced"] > row["ms_embedded"] + 10, rows)  # a busy machine adds some too


def test_a_replaced_shader_that_computes_something_else_fails_alone(mote, where):
    kept = "y[i] = max("
    texts = {"max_pool.comp": shader("max_pool.comp", kept, "y[i] = 1.001 * max("),
             "sampler_update.comp": shader("sampler_update.comp")}
    done, rows = try_shaders(mote, where, texts)
    expect(done.returncode == 1 and "max_pool" in done.stderr and "down1/model.2" in done.stderr, done.stderr)
    expect(not rows["max_pool"]["passed"] and rows["sampler_update"]["passed"], rows)
    off = rows["max_pool"]["difference"] / rows["max_pool"]["largest"]
    expect(0.0005 < off < 0.0011, f"off by {off}")
    # Of a part of the output, and of what is not a number.
    for text in ("if (i > 0) y[i] = max(", "y[i] = sqrt(vec4(-1)) + max("):
        done, rows = try_shaders(mote, where, {"max_pool.comp": shader("max_pool.comp", kept, text)})
        expect(done.returncode == 1 and ("sqrt" not in text or rows["max_pool"]["difference"] is None), f"{text}: {rows}")


def test_includes_come_from_the_folder_and_else_from_the_program(mote, where):
    texts = {"max_pool.comp": shader("max_pool.comp", "y[i] = max(", "y[i] = FACTOR * max("),
             "glsl/index.glsl": shader("glsl/index.glsl") + "\n#define FACTOR 1\n"}
    done, rows = try_shaders(mote, where, texts)
    expect(done.returncode == 0 and rows["max_pool"]["passed"], done.stderr)


def test_shaders_that_do_not_compile_are_shown_with_file_and_line(mote, where):
    line = shader("max_pool.comp").splitlines().index("void main() {") + 2
    for texts, code, text in (
            ({"max_pool.comp": shader("max_pool.comp", "main() {\n", "main() {\n  oops = 1;\n")}, 1,
             f"replaced/max_pool.comp:{line}: error: 'oops'"),
            ({"max_pool.comp": "oops\n" + shader("max_pool.comp")}, 1, "replaced/max_pool.comp:1: error: "),
            ({"max_pool.comp": shader("max_pool.comp"), "glsl/index.glsl": "\noops\n"}, 1, "replaced/glsl/index.glsl:2: error: "),
            ({"max_pool.comp": shader("max_pool.comp", "glsl/index.glsl", "none.glsl")}, 1, "none.glsl"),
            ({"max_pool.comp": shader("max_pool.comp"), "glsl/index.glsl": '#include "glsl/index.glsl"\n'}, 1,
             "replaced/glsl/index.glsl:1: a file includes itself: max_pool.comp > glsl/index.glsl > glsl/index.glsl"),
            ({"max_pool.comp": shader("max_pool.comp"), "glsl/index.glsl": '#include "a.glsl"\n',
              "a.glsl": '\n # include "shaders/glsl/index.glsl"\n'}, 1,
             "replaced/a.glsl:2: a file includes itself: max_pool.comp > glsl/index.glsl > a.glsl > glsl/index.glsl"),
            ({"max_pool.comp": shader("max_pool.comp"), "glsl/index.glsl": '#include "1.glsl"\n' * 2,
              **{f"{i}.glsl": f'#include "{i + 1}.glsl"\n' * 2 for i in range(1, 25)}, "25.glsl": "int x;\n" * 99}, 1,
             "longer than 4 MiB"),
            ({"other.comp": "#version 450\nvoid main() {}\n"}, 2, "no shader called other"), ({}, 1, "no .comp file")):
        done, _ = try_shaders(mote, where, texts)
        expect(done.returncode == code and text in done.stderr and not done.stdout, f"{done.returncode}: {done.stderr}")
    done = run(mote, "--shaders", where, "--trace", "t.json")
    expect(done.returncode == 2 and "--trace" in done.stderr, done.stderr)
    done = run(mote, "--shaders", where, "--what", "layers", command="bench")
    expect(done.returncode == 2 and "--what" in done.stderr, done.stderr)


def test_without_a_compiler_shaders_are_refused_by_its_name(mote, where):
    done = run(mote, *SMALL, "--shaders", SHADERS, env={**os.environ, "PATH": str(where)})
    expect(done.returncode == 1 and "glslc" in done.stderr and not done.stdout, f"{done.returncode}: {done.stderr}")


def test_shaders_that_include_without_end(mote, where):
    """A shader that includes itself, by whatever way, ends soon with an error that says by which."""
    head, tail = "#version 450\n", "void main() {}\n"
    twice = '#include "{0}.glsl"\n#include "{0}.glsl"\n'
    for texts, text in (({"activation.comp": f'{head}#include "activation.comp"\n{tail}'}, "activation.comp > activation.comp"),
                        ({"activation.comp": head + twice.format("a") + tail, "a.glsl": twice.format("b"), "b.glsl": twice.format("a")},
                         "activation.comp > a.glsl > b.glsl > a.glsl"),
                        ({"activation.comp": head + twice.format("0") + tail, "30.glsl": "",
                          **{f"{i}.glsl": twice.format(i + 1) for i in range(30)}}, "longer than"),
                        ({"activation.comp": head + '#include "0.glsl"\n' + tail,
                          **{f"{i}.glsl": f'#include "{i + 1}.glsl"\n' for i in range(2000)}}, "more than 32 files in one another: activation.comp > 0.glsl > "),
                        ({"activation.comp": head + '#include "a.glsl"\n' * 9 + tail, "a.glsl": "//" + "x" * (2 << 20) + "\n"},
                         "longer than")):
        done, _ = try_shaders(mote, where, texts)
        expect(done.returncode == 1 and text in done.stderr, f"{done.returncode}: {done.stderr}")
    folder = pathlib.Path(where) / "pipes"
    folder.mkdir()
    os.mkfifo(folder / "activation.comp")
    done = run(mote, *SMALL, "--height", "8", "--shaders", folder)
    expect(done.returncode == 1 and "activation.comp: is a pipe" in done.stderr, done.stderr)


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
