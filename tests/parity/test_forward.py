"""`mote forward` against float64 PyTorch: sizes, batches, eval and train mode, F16 weights, what a file may lack."""
import importlib.util
import sys
import types
from typing import NamedTuple

import numpy as np
import torch

import context_unet
import harness
import safetensors_numpy

# float32 rounding through some 20 normalised layers comes to about 1e-6; a wrong term is far above this.
TOLERANCE = 2e-5
# f*f*h*h*batch of the largest case that --small runs.
SMALL_COST = 2_000_000


class Case(NamedTuple):
    channels: int
    n_feat: int
    n_cfeat: int
    height: int
    batch: int
    context: bool = True  # False: no --context, that is zeros
    timesteps: int = 500

    @property
    def name(self):
        return (f"C{self.channels} f{self.n_feat} K{self.n_cfeat} h{self.height} batch {self.batch}"
                + ("" if self.context else " no context") + (f" T{self.timesteps}" if self.timesteps != 500 else ""))

    @property
    def cost(self):
        return (self.n_feat * self.height) ** 2 * self.batch


CASES = [
    Case(1, 8, 1, 12, 1),
    Case(3, 8, 5, 16, 3),
    Case(4, 8, 7, 28, 33),
    Case(3, 8, 5, 28, 100),
    Case(4, 24, 1, 16, 3, timesteps=1000),
    Case(1, 24, 5, 28, 3, context=False),
    Case(3, 24, 7, 12, 33),
    Case(4, 24, 5, 12, 100),
    Case(3, 64, 5, 16, 1),
    Case(1, 64, 7, 12, 3),
    Case(4, 64, 1, 28, 1),
    Case(3, 64, 5, 16, 100),  # the default model
]


def make_inputs(case, seed):
    """x (B,C,h,h), steps (B,) that include 1 and T, context (B,K) or None; all exact in the files' types."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((case.batch, case.channels, case.height, case.height)).astype(np.float32)
    steps = random.integers(1, case.timesteps + 1, case.batch).astype(np.int32)
    steps[0], steps[-1] = 1, case.timesteps
    return x, steps, harness.mixtures(random, case.batch, case.n_cfeat) if case.context else None


def mote_forward(mote, model, x, steps, context, mode):
    """Returns (eps, what mote wrote to its standard error)."""
    out = mote.file("eps.npy")
    words = ["--context", mote.array("c", context)] if context is not None else []
    words += ["--mode", mode] if mode != "eval" else []  # eval is the default
    done = mote.run("forward", model, "--x", mote.array("x", x), "--steps", mote.array("t", steps), *words, "-o", out)
    return harness.read_float32(out, x.shape), done.stderr


@torch.no_grad()
def torch_forward(model, x, steps, context, mode, timesteps):
    """The same in float64, from the weights as the file holds them."""
    module, _ = context_unet.load_model(model)
    module.train(mode == "train")
    context = None if context is None else torch.from_numpy(context).double()
    return module(torch.from_numpy(x).double(), torch.from_numpy(steps).double() / timesteps, context).numpy()


def check(report, mote, case, seed, tolerance, label="", half=False, no_metadata=False):
    """One line for eval and one for train mode, of a random model."""
    names = {mode: f"forward {label}{case.name} {mode}" for mode in ("eval", "train")}
    names = {mode: name for mode, name in names.items() if report.wanted(name)}
    if names:
        module = context_unet.random_model(*case[:4], seed=seed)
        metadata = {} if no_metadata else context_unet.metadata_of(module, timesteps=case.timesteps)
        model = mote.file("model.safetensors")
        context_unet.save_model(model, module, metadata, half=half)
        x, steps, context = make_inputs(case, seed)
        for mode, name in names.items():
            with report.case(name):
                found, _ = mote_forward(mote, model, x, steps, context, mode)
                expected = torch_forward(model, x, steps, context, mode, case.timesteps)
                report.error(name, harness.relative_error(found, expected), tolerance)


def check_missing_shortcut(report, mote, case, seed):
    """A checkpoint of the widely copied original has no learned shortcut: a seeded one, and a warning that says so."""
    name = "forward without init_conv.shortcut"
    if report.wanted(name):
        with report.case(name):
            module = context_unet.random_model(*case[:4], seed=seed)
            model = mote.file("no-shortcut.safetensors")
            context_unet.save_model(model, module, context_unet.metadata_of(module), leave_out=["init_conv.shortcut"])
            inputs = make_inputs(case, seed)
            first, messages = mote_forward(mote, model, *inputs, "eval")
            again, _ = mote_forward(mote, model, *inputs, "eval")
            report.truth(name + ": a warning names it", "shortcut" in messages, repr(messages.strip()[:60]))
            report.truth(name + ": the same at every run", np.array_equal(first, again),
                         f"differ by at most {np.abs(first - again).max():.1e}")


def load_exported(folder):
    """As a user does it who has the package safetensors, for which this stands in."""
    shim = types.ModuleType("safetensors.torch")
    shim.load_file = lambda path: {name: torch.tensor(np.array(array)) for name, array in safetensors_numpy.load(path)[0].items()}
    sys.modules.update({"safetensors": types.ModuleType("safetensors"), "safetensors.torch": shim})
    spec = importlib.util.spec_from_file_location("of_export", folder / "context_unet.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(folder / "model.safetensors").double()


def check_export(report, mote, case, seed, tolerance):
    """What `mote export` writes is the same network for PyTorch and, with all metadata, for mote; another network is refused."""
    name = "export for PyTorch"
    if not report.wanted(name):
        return
    with report.case(name):
        module = context_unet.random_model(*case[:4], seed=seed)
        model, folder = mote.file("model.safetensors"), mote.file("exported")
        context_unet.save_model(model, module, context_unet.metadata_of(module, timesteps=case.timesteps, labels="a,b,c,d,e"))
        mote.run("export", model, folder)
        inputs = make_inputs(case, seed)
        found, _ = mote_forward(mote, model, *inputs, "eval")
        again, _ = mote_forward(mote, folder / "model.safetensors", *inputs, "eval")
        with torch.no_grad():
            x, steps, context = (torch.from_numpy(array).double() for array in inputs)
            expected = load_exported(folder)(x, steps / case.timesteps, context).numpy()
        report.error(name, harness.relative_error(found, expected), tolerance)
        report.error(name + ": mote", harness.relative_error(again, found), 0)
        metadata = safetensors_numpy.load(folder / "model.safetensors")[1]
        report.truth(name + ": metadata", metadata["labels"] == "a,b,c,d,e" and metadata["timesteps"] == "200", str(metadata)[:60])


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    tolerance = harness.tolerance(options, TOLERANCE, half=3e-3)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for seed, case in enumerate(CASES):
            if case.cost <= SMALL_COST or not options.small:
                check(report, mote, case, seed, tolerance)
        check(report, mote, Case(3, 16, 5, 16, 3), 100, tolerance, "F16 weights ", half=True)
        check_export(report, mote, Case(3, 16, 5, 16, 3, timesteps=200), 101, tolerance)
        check(report, mote, Case(4, 24, 7, 12, 3), 101, tolerance, "no metadata ", no_metadata=True)
        check_missing_shortcut(report, mote, Case(3, 16, 5, 16, 3), 102)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
