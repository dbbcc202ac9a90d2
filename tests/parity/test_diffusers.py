"""mote against diffusers itself, by hand: random configurations of UNet2DModel with random schedulers. Outputs, gradients and samples of
its folders; `mote export`, and what diffusers loads of that; what is not done is refused by name.

--environment FOLDER is a virtual environment with diffusers and torch from PyPI, some gigabytes, which is made if it is not there.
"""
import inspect
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import venv

PACKAGES = ["diffusers==0.42.1", "torch", "numpy", "safetensors"]


def enter_environment(folder):
    """Goes on in that folder's Python. What is there half, after an interruption, is made again."""
    python, done = pathlib.Path(folder) / "bin/python", pathlib.Path(folder) / "made"
    if pathlib.Path(sys.prefix).resolve() == pathlib.Path(folder).resolve():
        return
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir", *PACKAGES], check=True)
        done.touch()
    os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__" and "--environment" in sys.argv[:-1]:
    enter_environment(sys.argv[sys.argv.index("--environment") + 1])

import diffusers  # noqa: E402  of that environment
import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel  # noqa: E402

import harness  # noqa: E402
import safetensors_numpy  # noqa: E402
import test_unet2d  # noqa: E402
from test_unet2d import OUTPUT, SAMPLE  # noqa: E402

SCHEDULERS = {"DDPMScheduler": DDPMScheduler, "DDIMScheduler": DDIMScheduler, "DPMSolverMultistepScheduler": DPMSolverMultistepScheduler}
SAMPLERS = {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler}


# ----------------------------------------------------------------------------------------------------------------------
# What is drawn


def divisors(number):
    return [d for d in range(1, number + 1) if number % d == 0]


def draw_config(draw):
    """Every option that mote takes, of sizes that take little time."""
    levels = draw.randint(1, 4)
    widths = [8 * draw.randint(1, 5) for _ in range(levels)]
    common = math.gcd(*widths)
    multiple = 1 << (levels - 1)
    height, width = (multiple * draw.randint(1 if levels > 2 else 2, 3 if levels > 2 else 6) for _ in range(2))
    channels = draw.randint(1, 5)
    return {
        "sample_size": height if draw.random() < 0.3 else [height, width],
        "in_channels": channels, "out_channels": channels if draw.random() < 0.7 else draw.randint(1, 9),
        "center_input_sample": draw.random() < 0.3,
        "freq_shift": draw.choice([0, 0, 1, 2]), "flip_sin_to_cos": draw.random() < 0.5,
        "down_block_types": [draw.choice(["DownBlock2D", "AttnDownBlock2D"]) for _ in widths],
        "up_block_types": [draw.choice(["UpBlock2D", "AttnUpBlock2D"]) for _ in widths],
        "mid_block_type": draw.choice(["UNetMidBlock2D"] * 3 + [None]),
        "block_out_channels": widths, "layers_per_block": draw.choice([1, 1, 2, 3]),
        "mid_block_scale_factor": draw.choice([1, 1, 1.4142135623, 0.7]),
        "downsample_padding": draw.choice([0, 1]),
        "downsample_type": draw.choice(["conv", "resnet"]), "upsample_type": draw.choice(["conv", "resnet"]),
        "dropout": draw.choice([0.0, 0.0, 0.1]),
        "act_fn": draw.choice(["silu", "swish", "gelu", "mish", "relu"]),
        "attention_head_dim": draw.choice([None, *divisors(common)]),
        "norm_num_groups": draw.choice(divisors(common)),
        "attn_norm_num_groups": draw.choice([None, None, *divisors(widths[-1])]),
        "norm_eps": draw.choice([1e-5, 1e-6, 1e-3]),
        "resnet_time_scale_shift": draw.choice(["default", "scale_shift"]),
        "add_attention": draw.random() < 0.7,
        "time_embedding_dim": draw.choice([None, None, 8 * draw.randint(1, 8)]),
        "num_class_embeds": draw.choice([None, draw.randint(1, 12)]),
        "num_train_timesteps": draw.choice([None, 1000]),
    }


def draw_scheduler(draw):
    """A scheduler of one of the three classes, with the options that this class has."""
    first = draw.choice([1e-4, 0.00085, 1e-3])
    options = {
        "num_train_timesteps": draw.choice([1000, 1000, 400, 77]), "beta_start": first, "beta_end": draw.choice([0.012, 0.02]),
        "beta_schedule": draw.choice(["linear", "scaled_linear", "squaredcos_cap_v2"]),
        "prediction_type": draw.choice(["epsilon", "sample", "v_prediction"]),
        "timestep_spacing": draw.choice(["leading", "trailing", "linspace"]), "steps_offset": draw.choice([0, 0, 1]),
        "clip_sample": draw.random() < 0.5, "clip_sample_range": draw.choice([1.0, 1.5]),
        "thresholding": draw.random() < 0.3, "dynamic_thresholding_ratio": draw.choice([0.995, 0.9]),
        "sample_max_value": draw.choice([1.0, 2.0]), "set_alpha_to_one": draw.random() < 0.5,
        "final_sigmas_type": draw.choice(["zero", "zero", "sigma_min"]),
        "variance_type": draw.choice(["fixed_small", "fixed_large"]),
    }
    kind = SCHEDULERS[draw.choice(list(SCHEDULERS))]
    if kind is DPMSolverMultistepScheduler:
        del options["variance_type"]
    # What is a scheduler's default is not told, so that one that is made of its config has its own. A file says all, and cannot tell.
    known = inspect.signature(kind.__init__).parameters
    return kind(**{key: value for key, value in options.items() if key in known and value != known[key].default})


def make_model(config, seed):
    torch.manual_seed(seed)
    model = UNet2DModel(**config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
    return model


class Plain(torch.nn.Module):
    """Called as tests/parity/unet2d.py's module is, with the names of its own parameters."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def named_parameters(self):
        return self.model.named_parameters()

    def forward(self, x, steps, classes):
        return self.model(x, steps, class_labels=classes).sample


# ----------------------------------------------------------------------------------------------------------------------
# Checks


def check_network(report, mote, name, model, inputs):
    """Forward and backward of a folder with the model alone. Returns the output in float64."""
    folder = mote.file("model")
    model.save_pretrained(folder)
    x, target, steps, classes = inputs
    y, loss, gradients = test_unet2d.differentiate(Plain(model).double(), *inputs)
    model.float()
    found = test_unet2d.run_forward(mote, folder, x, steps, classes, y.shape[1])
    report.error(name + ": forward", harness.relative_error(found, y), OUTPUT)
    found_loss, found = test_unet2d.run_backward(mote, folder, x, target, steps, classes)
    report.error(name + ": loss", abs(found_loss / loss - 1), OUTPUT)
    test_unet2d.compare_gradients(report, name + ": backward", found, gradients)
    return y


def check_exported(report, mote, name, model, inputs, y):
    """diffusers loads what mote writes, which is the same model with a class more, as a whole pipeline too."""
    out = mote.file("exported")
    mote.run("export", mote.file("pipeline"), out)
    loaded = UNet2DModel.from_pretrained(out / "unet").double().eval()
    x, _, steps, classes = inputs
    with torch.no_grad():
        found = Plain(loaded)(torch.from_numpy(x).double(), torch.from_numpy(steps),
                              None if classes is None else torch.from_numpy(classes).long()).numpy()
    report.error(name + ": exported, loaded by diffusers", harness.relative_error(found, y), 1e-6)
    before, after = dict(model.config), dict(loaded.config)
    others = {"num_class_embeds", "sample_size", "num_train_timesteps", "_name_or_path", "_use_default_values"}
    before["act_fn"] = {"swish": "silu"}.get(before["act_fn"], before["act_fn"])
    differ = [key for key in before if key not in others and not same(before[key], after[key])]
    if (before["num_class_embeds"] or -1) + 1 != (after["num_class_embeds"] or 0):
        differ.append("num_class_embeds")
    report.truth(name + ": exported config", not differ, str(differ))


def same(a, b):
    return list(a) == list(b) if isinstance(a, (list, tuple)) else a == b


def sample_by_diffusers(model, scheduler, start, classes, steps):
    scheduler.set_timesteps(steps)
    x = torch.from_numpy(start)
    labels = None if classes is None else torch.from_numpy(classes).long()
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(model(x, t, class_labels=labels).sample, t, x).prev_sample
    return x.numpy()


def sample_by_mote(mote, folder, sampler, inputs, steps, rows):
    x, _, _, classes = inputs
    out = mote.file("s.npy")
    words = []
    if classes is not None:
        words = ["--context-npy", mote.array("c", np.eye(rows, dtype=np.float32)[classes]), "--guidance", "1"]
    mote.run("sample", folder, "--sampler", sampler, "--steps", steps, "--x-init", mote.array("x", x), "--npy", out, *words)
    return harness.read_float32(out, x.shape)


def check_samples(report, mote, name, model, scheduler, inputs, draw):
    """Both samplers, of the folder that diffusers wrote and of what mote made of it; DDIMScheduler as the exported folder has it."""
    x, _, _, classes = inputs
    rows = model.config.num_class_embeds
    exported = DDIMPipeline.from_pretrained(mote.file("exported"))
    for sampler, kind in SAMPLERS.items():
        own = kind.from_config(scheduler.config)
        # One step of linspace is at the last timestep here, and at the first one by DDIMScheduler, which makes nothing of noise there.
        steps = draw.choice([2 if own.config.timestep_spacing == "linspace" else 1, 2, 5, 10, 16, 20])
        expected = sample_by_diffusers(model, own, x, classes, steps)
        what = f"{name}: {sampler}, {steps} steps"
        found = sample_by_mote(mote, mote.file("pipeline"), sampler, inputs, steps, rows)
        report.error(what, harness.relative_error(found, expected), SAMPLE)
        if sampler == "ddim":
            loaded = sample_by_diffusers(exported.unet, exported.scheduler, x, classes, steps)
            report.error(what + ", of the exported folder", harness.relative_error(loaded, expected), SAMPLE)


def check_config(report, mote, number, seed):
    name = f"configuration {number}"
    if not report.wanted(name):
        return
    draw = random.Random(f"{seed} {number}")
    config, scheduler = draw_config(draw), draw_scheduler(draw)
    print(name, json.dumps(config), json.dumps(dict(scheduler.config), default=str))
    with report.case(name):
        for folder in ("model", "pipeline", "exported"):
            subprocess.run(["rm", "-rf", mote.file(folder)], check=True)
        model = make_model(config, number)
        inputs = test_unet2d.make_inputs(config, number, batch=draw.choice([1, 2, 3]))
        inputs[2][:] %= scheduler.config.num_train_timesteps
        y = check_network(report, mote, name, model, inputs)
        DDPMPipeline(model, scheduler).save_pretrained(mote.file("pipeline"))
        check_exported(report, mote, name, model, inputs, y)
        if config["in_channels"] == config["out_channels"] <= 4:
            check_samples(report, mote, name, model, scheduler, inputs, draw)


# ----------------------------------------------------------------------------------------------------------------------
# What is refused


def refusal(mote, folder):
    done = subprocess.run([mote.path, "forward", folder, "--x", mote.file("x.npy"), "--steps", mote.file("t.npy"), "-o",
                           mote.file("never.npy")] + mote.common, capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode == 1 else f"exit {done.returncode}: {done.stderr}"


def keys_of(kind):
    return [key for key in inspect.signature(kind.__init__).parameters if key not in ("self", "kwargs")]


def check_refusals(report, mote):
    """A word that means nothing, for every option that diffusers has; every other scheduler."""
    folder = mote.file("refused")
    config = {**test_unet2d.BASE}
    x, _, steps, _ = test_unet2d.make_inputs(config, 1)
    mote.array("x", x), mote.array("t", steps)
    model = make_model({key: value for key, value in config.items() if key[0] != "_"}, 1)
    # What decides nothing without another option, which is refused.
    mute = {"config": {"num_train_timesteps"}, "scheduler": {"flow_shift", "time_shift_type"}}
    cases = [("config", UNet2DModel)] + [("scheduler", kind) for kind in SCHEDULERS.values()]
    for file, kind in cases:
        DDPMPipeline(model, kind() if file == "scheduler" else DDPMScheduler()).save_pretrained(folder)
        path = folder / test_unet2d.FILES[file]
        whole = path.read_text()
        for key in keys_of(kind):
            name = f"refused: {kind.__name__} {key}"
            if key in mute[file] or not report.wanted(name):
                continue
            path.write_text(json.dumps({**json.loads(whole), key: "nonsense"}))
            said = refusal(mote, folder)
            report.truth(name, f"{key} is nonsense, expected" in said, said[-150:])
        path.write_text(whole)
    for other in dir(diffusers):
        if not other.endswith("Scheduler") or other in SCHEDULERS or not report.wanted("refused: " + other):
            continue
        path.write_text(json.dumps({**json.loads(whole), "_class_name": other}))
        said = refusal(mote, folder)
        report.truth("refused: " + other, f"_class_name is {other}, expected DDPMScheduler" in said, said[-150:])


def main():
    options = harness.arguments(__doc__, environment={"help": "of Python, with diffusers"},
                                count={"type": int, "default": 50, "help": "configurations"},
                                seed={"type": int, "default": 1, "help": "of what is drawn"})
    torch.set_num_threads(1)  # the networks are small
    print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
    report = harness.Report(options.only)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for number in range(options.count):
            check_config(report, mote, number, options.seed)
        check_refusals(report, mote)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
