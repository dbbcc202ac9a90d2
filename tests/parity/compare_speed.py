"""Times DDIM-20 of 64 sprites: mote (the whole process) and PyTorch (the sampling alone, imported and loaded before).

    compare_speed.py --mote build/mote --model MODEL [--repeat 5] [--threads 2] [--device NAME]

PyTorch runs in eval mode without gradients, contiguous and channels_last; the better of the two medians counts. The
programs take turns, after one round that is not counted. Exits with 1 if the two disagree about the sprites.
"""
import argparse
import statistics
import sys
import time

import numpy as np
import torch

import context_unet
import diffusion
import harness

# Both compute in float32 here, and with trained weights; see test_sample.py.
TOLERANCE = 1e-3


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mote", default="build/mote")
    parser.add_argument("--model", required=True, help="weights, safetensors")
    parser.add_argument("--device", help="passed through to mote")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's")
    parser.add_argument("--count", type=int, default=64, help="sprites")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    module, metadata = context_unet.load_model(options.model, torch.float32)
    random = np.random.default_rng(0)
    x_T = random.standard_normal((options.count, module.channels, module.height, module.height)).astype(np.float32)
    context = harness.mixtures(random, options.count, module.n_cfeat)

    def torch_run(memory_format):
        model, x = (thing.to(memory_format=memory_format) for thing in (module, torch.from_numpy(x_T)))
        return timed(lambda: diffusion.ddim(model, metadata, x, torch.from_numpy(context), options.steps).numpy())

    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        out = mote.file("x0.npy")
        words = ["sample", options.model, "-o", mote.file("out.png"), "-n", options.count, "--sampler", "ddim",
                 "--steps", options.steps, "--eta", 0, "--context-npy", mote.array("c", context),
                 "--x-init", mote.array("xT", x_T), "--npy", out, "--seed", 0]

        def mote_run():
            seconds, _ = timed(lambda: mote.run(*words))
            return seconds, harness.read_float32(out, x_T.shape)

        programs = {"mote": mote_run, "pytorch contiguous": lambda: torch_run(torch.contiguous_format),
                    "pytorch channels_last": lambda: torch_run(torch.channels_last)}
        times, images = {name: [] for name in programs}, {}
        for round_number in range(options.repeat + 1):
            for name, program in programs.items():
                seconds, images[name] = program()
                if round_number > 0:
                    times[name].append(seconds)

    median = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:<22} median {median[name]:.3f} s, {min(values):.3f} to {max(values):.3f} s of {len(values)}, "
              f"{options.count / median[name]:.1f} sprites/s")
    best = min(median["pytorch contiguous"], median["pytorch channels_last"])
    print(f"mote / pytorch: {median['mote'] / best:.3f} of the time, {best / median['mote']:.2f} times the speed "
          f"({options.count} sprites, {options.steps} steps, {options.threads} threads, PyTorch {torch.__version__})")
    error = harness.relative_error(images["mote"], images["pytorch contiguous"])
    print(f"same sprites: error {error:.2e}  tolerance {TOLERANCE:.2e}  {'ok' if error <= TOLERANCE else 'FAIL'}")
    return 0 if error <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
