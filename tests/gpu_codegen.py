"""What AMD's compiler makes of every kernel, without the GPU: registers, spills, shared memory, occupancy, code size.

RADV, Mesa's driver, compiles for the GPU that RADV_FORCE_FAMILY names although none is there; tests/codegen makes the
kernels and prints the compiler's statistics. No kernel may spill registers, and each must fit its GPU at all. --write
puts the tables of the convolutions into a file. Ends with "N passed, N failed".
"""
import argparse
import glob
import os
import pathlib
import subprocess
import sys

FAMILIES = {"vega10": "Radeon RX Vega, GCN 5", "navi21": "Radeon RX 6800, RDNA 2", "gfx1100": "Radeon RX 7900, RDNA 3"}
NAMES_NOW = {"navi31": FAMILIES["gfx1100"]}  # from Mesa 23 on
COLUMNS = {"VGPRs": "VGPRs", "SGPRs": "SGPRs", "Spilled VGPRs": "spilled VGPRs", "Spilled SGPRs": "spilled SGPRs",
           "LDS size": "LDS, bytes", "Subgroups per SIMD": "waves a SIMD", "Code size": "code, bytes"}
SPILLS = ("Spilled VGPRs", "Spilled SGPRs", "Scratch size")
ACTIVATIONS = ("", ", GELU", ", ReLU")
# Every kernel of the network and of the op tests is in the list; fewer mean that something was not made.
LEAST_KERNELS = 60
NOT_THERE = 3  # codegen's exit code

INTRODUCTION = """# What a GPU's compiler makes of the convolutions

No GPU has run these kernels yet. RADV, Mesa's driver for AMD GPUs, compiles them without one, and says what they take.
The tables are of the default model (f 64, h 16): sampling one image and 32, training on 100; a kernel that two of them
share stands with the first. They are of the class `tiled`, and where the GPU has cooperative matrices of the class `matrix`
too; RADV makes `v_wmma_f32_16x16x16_f16` of those. Where each pixel makes several, or the stride is not 1, the kernel serves a
transposed convolution or its gradients. Made by

    python3 tests/gpu_codegen.py --codegen build/tests/codegen --driver radeon_icd.json \\
      --families vega10,navi21,navi31 --write docs/gpu-codegen.md

with Mesa 25's driver. `tools/check --lane codegen` runs it with the system's: no kernel of any op may spill a register. A
wave is 64 invocations. A tile is output channels x pixels; a weight gradient's is output x input channels, then, of the tiled
kernel, rows x columns of a stage.
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codegen", default="build/tests/codegen", help="the program that makes the kernels")
    parser.add_argument("--driver", help="RADV's manifest (default: the system's)")
    parser.add_argument("--families", default=",".join(FAMILIES), help="names for RADV_FORCE_FAMILY")
    parser.add_argument("--write", help="write the tables of convolutions to this file")
    return parser.parse_args()


def compile_all(program, manifest, family, *words):
    """The device's description, and a list of (made for, shader, constants, statistics by the driver's names).

    None and an empty list where `words` ask for what the device has not."""
    environment = dict(os.environ, RADV_FORCE_FAMILY=family, VK_DRIVER_FILES=manifest, MESA_SHADER_CACHE_DISABLE="true")
    run = subprocess.run([program, *words], env=environment, capture_output=True, text=True, timeout=600)
    if run.returncode == NOT_THERE:
        return None, []
    if run.returncode:
        raise RuntimeError(f"{program} exits with {run.returncode}: {run.stderr.strip()[-300:]}")
    device, *lines = run.stdout.splitlines()
    kernels = []
    for line in lines:
        made_for, shader, constants, *statistics = line.split("\t")
        numbers = {name: int(float(value)) for name, value in (s.split("=") for s in statistics)}
        kernels.append((made_for, shader, [int(c) for c in constants.split()], numbers))
    return device, kernels


def describe(shader, c):
    """A convolution's constants in words; their order is that of shaders/conv.h and conv_weight_gradient.h."""
    if shader == "conv_tiled":
        text = f"{c[0]}x{c[0]}{ACTIVATIONS[c[1]]}" + ", two inputs" * c[2] + ", residual" * c[3] + ", no bias" * (not c[4])
        text += f", stride {c[11]}" * (c[11] > 1) + f", {c[12]} x {c[12]} pixels each" * (c[12] > 1)
        return text + f"; tile {8 * c[6]} x {c[7] * c[8]}, {c[5]} invocations" + f", K split by {c[9]}" * (c[9] > 1)
    if shader.startswith("conv_matrix"):
        text = f"{c[0]}x{c[0]}{ACTIVATIONS[c[1]]}" + ", two inputs" * c[2] + ", residual" * c[3] + ", no bias" * (not c[4])
        text += f", stride {c[11]}" * (c[11] > 1) + f", {c[12]} x {c[12]} pixels each" * (c[12] > 1)
        return text + f"; tile {16 * c[7]} x {16 * c[8] * c[5] // c[6]}, {c[5]} invocations, waves of {c[6]}"
    if shader == "conv_weight_gradient_tiled":
        return (f"{c[0]}x{c[0]}" + ", two inputs" * c[1] + f", {c[7]} x {c[7]} pixels each" * (c[7] > 1) +
                f"; tile {4 * c[3]} x {4 * c[4]}, stage {c[5]} x {c[6]}, {c[2]} invocations")
    if shader.startswith("conv_weight_gradient_matrix"):
        return (f"{c[0]}x{c[0]}" + ", two inputs" * c[1] + f", {c[7]} x {c[7]} pixels each" * (c[7] > 1) +
                f"; tile {16 * c[5] * c[2] // c[3]} x {16 * c[4]}, {c[2]} invocations, waves of {c[3]}")
    return " ".join(map(str, c))


def table(device, kernels):
    names = " | ".join(COLUMNS.values())
    lines = [f"## {device}", "", f"| for | kernel | variant | {names} |", "|---|---|---|" + "--:|" * len(COLUMNS)]
    for made_for, shader, constants, numbers in kernels:
        if shader.startswith("conv") and made_for != "op tests":
            cells = [made_for, f"`{shader}`", describe(shader, constants)] + [str(numbers[name]) for name in COLUMNS]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def faults(kernels):
    """One line for each kernel that spills."""
    for made_for, shader, constants, numbers in kernels:
        spills = {name: numbers[name] for name in SPILLS if numbers[name]}
        if spills:
            yield f"{shader} ({describe(shader, constants)}) for {made_for}: {spills}"


def main():
    options = arguments()
    manifest = options.driver or next(iter(glob.glob("/usr/share/vulkan/icd.d/radeon_icd*.json")), "")
    passed = failed = 0
    text = INTRODUCTION
    for family in options.families.split(","):
        try:
            device, kernels = compile_all(options.codegen, manifest, family)
            matrices = [k for k in compile_all(options.codegen, manifest, family, "matrix")[1] if "cooperative" in k[1]]
            kernels += matrices
        except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as error:
            print(f"FAIL  {family}: {error}")
            failed += 1
            continue
        text += "\n" + table(f"{(FAMILIES | NAMES_NOW).get(family, family)}: {device}", kernels)
        found = list(faults(kernels))
        if len(kernels) < LEAST_KERNELS:
            found.append(f"only {len(kernels)} kernels were made")
        for line in found:
            print(f"FAIL  {family}: {line}")
        failed += len(found)
        passed += len(kernels) - len(found)
        print(f"      {family}: {len(kernels)} kernels, {len(matrices)} of them with cooperative matrices, {device}")
    if options.write:
        pathlib.Path(options.write).write_text(text, encoding="utf-8")
    else:
        print(text[len(INTRODUCTION):])
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
