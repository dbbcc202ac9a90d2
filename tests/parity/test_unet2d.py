"""`mote forward`, `backward` and `sample` of diffusers folders: against diffusers 0.42's own outputs, gradients and samples, which lie in
tests/fixtures/diffusers, and against float64 PyTorch on configurations that together have every option. What mote does not do must be
refused by name.
"""
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import torch

import harness
import safetensors_numpy
import unet2d

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "diffusers"
OUTPUT, GRADIENT, SAMPLE = 2e-5, 1e-4, 1e-3
# Gradients that are 0 but for rounding, as that of to_k's bias, are measured against all of them.
OF_ALL = 1e-6

BASE = {"_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": 8, "block_out_channels": [8, 16],
        "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "in_channels": 3, "layers_per_block": 1,
        "norm_num_groups": 4, "out_channels": 3, "sample_size": 8, "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}
CASES = {
    "one level": {"block_out_channels": [16], "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"],
                  "act_fn": "gelu", "freq_shift": 1, "flip_sin_to_cos": False, "sample_size": [3, 4], "time_embedding_dim": 48},
    "four levels": {"block_out_channels": [8, 8, 24, 24], "layers_per_block": 2, "sample_size": 16, "in_channels": 1,
                    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
                    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"], "out_channels": 4,
                    "attention_head_dim": 4, "norm_num_groups": 2, "downsample_type": "resnet"},
    "padding 0, relu, centred": {"downsample_padding": 0, "act_fn": "relu", "center_input_sample": True, "sample_size": [4, 6],
                                 "attention_head_dim": None, "out_channels": 1},
    "resnets resize, mish": {"downsample_type": "resnet", "upsample_type": "resnet", "act_fn": "mish", "sample_size": [6, 8],
                             "down_block_types": ["AttnDownBlock2D", "DownBlock2D"], "up_block_types": ["AttnUpBlock2D"] * 2,
                             "add_attention": False, "num_class_embeds": 2, "norm_eps": 1e-6},
    "scale_shift, classes": {"resnet_time_scale_shift": "scale_shift", "num_class_embeds": 5, "in_channels": 6, "out_channels": 4,
                             "mid_block_scale_factor": 1.4142135, "sample_size": [8, 6], "upsample_type": "resnet"},
    "scale_shift, the middle's own norm": {"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 2,
                                           "block_out_channels": [16, 8]},
    "no middle": {"mid_block_type": None, "num_class_embeds": 3, "block_out_channels": [24, 40]},
}


def make_folder(path, config, seed):
    """A model with random weights that differ enough for every term to show."""
    torch.manual_seed(seed)
    module = unet2d.UNet2D(config)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() == 1:
                parameter += 0.2 * torch.randn_like(parameter)
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    safetensors_numpy.save(path / "diffusion_pytorch_model.safetensors", weights)
    return module.double()


def make_inputs(config, seed, batch=2):
    random = np.random.default_rng(seed)
    size = config["sample_size"]
    height, width = size if isinstance(size, list) else (size, size)
    x = random.standard_normal((batch, config["in_channels"], height, width)).astype(np.float32)
    target = random.standard_normal((batch, config["out_channels"], height, width)).astype(np.float32)
    steps = random.integers(0, 1000, batch).astype(np.int32)
    steps[0] = 999
    classes = random.integers(0, config["num_class_embeds"], batch).astype(np.int32) if config.get("num_class_embeds") else None
    return x, target, steps, classes


def differentiate(module, x, target, steps, classes):
    y = module(torch.from_numpy(x).double(), torch.from_numpy(steps), None if classes is None else torch.from_numpy(classes).long())
    loss = ((y - torch.from_numpy(target).double()) ** 2).mean()
    loss.backward()
    return y.detach().numpy(), loss.item(), {name: p.grad.numpy() for name, p in module.named_parameters()}


def run_forward(mote, folder, x, steps, classes, channels):
    out = mote.file("eps.npy")
    words = ["--class", mote.array("k", classes)] if classes is not None else []
    mote.run("forward", folder, "--x", mote.array("x", x), "--steps", mote.array("t", steps), *words, "-o", out)
    return harness.read_float32(out, (x.shape[0], channels, *x.shape[2:]))


def run_backward(mote, folder, x, target, steps, classes):
    out = mote.file("grads.safetensors")
    words = ["--class", mote.array("k", classes)] if classes is not None else []
    done = mote.run("backward", folder, "--x", mote.array("x", x), "--target", mote.array("y", target), "--steps",
                    mote.array("t", steps), *words, "-o", out)
    return float(done.stdout.split()[1]), safetensors_numpy.load(out)[0]


def compare_gradients(report, name, found, expected):
    if set(found) != set(expected):
        raise ValueError(f"names differ: {sorted(set(found) ^ set(expected))[:3]}")
    whole = np.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in expected.values()))
    errors = {}
    for key, value in expected.items():
        if found[key].shape != value.shape:
            raise ValueError(f"{key}: found {found[key].shape}, expected {value.shape}")
        norm = np.linalg.norm(value.astype(np.float64).ravel())
        errors[key] = np.linalg.norm((found[key].astype(np.float64) - value).ravel()) / (norm + whole * OF_ALL / GRADIENT)
    report.worst(name, errors, GRADIENT)


def check_case(report, mote, name, changes, seed):
    names = [f"{kind} {name}" for kind in ("forward", "backward")]
    if not any(map(report.wanted, names)):
        return
    config = {**BASE, **changes}
    with report.case(names[0]):
        module = make_folder(mote.file("folder"), config, seed)
        inputs = make_inputs(config, seed)
        y, loss, gradients = differentiate(module, *inputs)
        x, target, steps, classes = inputs
        found = run_forward(mote, mote.file("folder"), x, steps, classes, config["out_channels"])
        report.error(names[0], harness.relative_error(found, y), OUTPUT)
        found_loss, found = run_backward(mote, mote.file("folder"), x, target, steps, classes)
        report.error(names[1] + ": loss", abs(found_loss / loss - 1), OUTPUT)
        compare_gradients(report, names[1], found, gradients)


def load(folder, name):
    return np.load(folder / name) if (folder / name).exists() else None


def gradients_of_fixture(folder, inputs, expected, expected_loss):
    """Those of diffusers; of large models PyTorch's, from a module that makes the same output and loss as diffusers made."""
    if (folder / "grads.safetensors").exists():
        return safetensors_numpy.load(folder / "grads.safetensors")[0]
    module = unet2d.load(folder).double()
    y, loss, gradients = differentiate(module, *inputs)
    if harness.relative_error(y, expected) > 1e-6 or abs(loss / expected_loss - 1) > 1e-6:
        raise ValueError("tests/parity/unet2d.py makes another output or loss than diffusers made")
    return gradients


def check_fixture(report, mote, folder):
    """What diffusers made of this model."""
    name = f"of diffusers, model {folder.name}"
    if not report.wanted(name):
        return
    with report.case(name):
        x, steps, classes = load(folder, "x.npy"), load(folder, "steps.npy"), load(folder, "class.npy")
        expected = load(folder, "eps.npy")
        report.error(name, harness.relative_error(run_forward(mote, folder, x, steps, classes, expected.shape[1]), expected), OUTPUT)
        if (folder / "target.npy").exists():
            target, expected_loss = load(folder, "target.npy"), float((folder / "loss.txt").read_text())
            loss, gradients = run_backward(mote, folder, x, target, steps, classes)
            report.error(name + ": loss", abs(loss / expected_loss - 1), OUTPUT)
            compare_gradients(report, name + ": gradients", gradients,
                              gradients_of_fixture(folder, (x, target, steps, classes), expected, expected_loss))


def check_pipeline(report, mote, number):
    """Ten steps of DDIMScheduler and DPMSolverMultistepScheduler from the pipeline's scheduler."""
    source = FIXTURES / "pipeline"
    for sampler, file in (("ddim", "ddim10"), ("dpm++", "dpm10")):
        name = f"of diffusers, pipeline {number}: {sampler}"
        if not report.wanted(name):
            continue
        with report.case(name):
            folder, out = mote.file(f"pipeline{number}"), mote.file("s.npy")
            shutil.copytree(source / "unet", folder / "unet", dirs_exist_ok=True)
            shutil.copytree(source / str(number) / "scheduler", folder / "scheduler", dirs_exist_ok=True)
            shutil.copy(source / "model_index.json", folder)
            expected = np.load(source / str(number) / f"{file}.npy")
            mote.run("sample", folder, "--sampler", sampler, "--steps", "10", "--x-init", source / str(number) / "xT.npy",
                     "--npy", out)
            report.error(name, harness.relative_error(harness.read_float32(out, expected.shape), expected), SAMPLE)


REFUSED = [  # a change of config.json or the scheduler, and what the message must hold
    ("config", {"act_fn": "elu"}, "act_fn is elu, expected one of silu"),
    ("config", {"act_fn": 3}, "act_fn is 3, expected one of silu"),
    ("config", {"time_embedding_type": "fourier"}, "time_embedding_type is fourier, expected positional"),
    ("config", {"class_embed_type": "timestep"}, "class_embed_type is timestep, expected null"),
    ("config", {"down_block_types": ["SkipDownBlock2D", "DownBlock2D"]}, "SkipDownBlock2D"),
    ("config", {"up_block_types": ["UpBlock2D"]}, "up_block_types names 1 blocks"),
    ("config", {"block_out_channels": [12, 16]}, "block_out_channels is 12,16, expected 8 to 2048, a multiple of 8"),
    ("config", {"block_out_channels": "8,16"}, "block_out_channels is 8,16, expected"),
    ("config", {"block_out_channels": [[8], 16]}, "block_out_channels is a nested"),
    ("config", {"block_out_channels": [1e300, 8]}, "block_out_channels is 1e+300,8"),
    ("config", {"block_out_channels": [8] * 9}, "block_out_channels is 8,8"),
    ("config", {"norm_num_groups": None}, "norm_num_groups is null"),
    ("config", {"norm_num_groups": 3}, "norm_num_groups is 3, expected a divisor of the 8 channels"),
    ("config", {"attention_head_dim": 5}, "attention_head_dim is 5, expected a divisor of the 16 channels"),
    ("config", {"sample_size": None}, "sample_size is null, expected a number"),
    ("config", {"sample_size": 7}, "height is 7, expected a multiple of 2"),
    ("config", {"sample_size": [8, 8, 8]}, "sample_size is 8,8,8"),
    ("config", {"sample_size": 10 ** 30}, "sample_size is 1e+30"),
    ("config", {"in_channels": 4}, "channels is 4, but the tensors' shapes say 3"),
    ("config", {"layers_per_block": True}, "layers_per_block is true"),
    ("config", {"encoder_hid_dim": 7}, "encoder_hid_dim is 7, expected null"),
    ("config", {"_class_name": "UNet2DConditionModel"}, "_class_name is UNet2DConditionModel, expected UNet2DModel"),
    ("config", '{"_class_name": "UNet2DModel", ', "the file is not valid JSON"),
    ("config", "[1]", "does not begin with '{'"),
    ("config", "{" + '"a":' + "[" * 50 + "]" * 50 + "}", "nested deeper"),
    ("config", '{"a\\u0000b": 1}', "NUL character"),
    ("config", '{"act_fn": "silu", "act_fn": "relu"}', "act_fn stands there twice"),
    ("config", '{"' + "k" * 100 + '": 1}', "expected up to 47 bytes"),
    ("scheduler", {"_class_name": "PNDMScheduler"}, "_class_name is PNDMScheduler, expected DDPMScheduler"),
    ("scheduler", {"beta_schedule": "sigmoid"}, "beta_schedule is sigmoid, expected one of squaredcos_cap_v2, linear"),
    ("scheduler", {"prediction_type": "flow"}, "prediction_type is flow, expected one of epsilon"),
    ("scheduler", {"trained_betas": [0.1, 0.2]}, "trained_betas is 0.1,0.2, expected null"),
    ("scheduler", {"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr is true, expected false"),
    ("scheduler", {"num_train_timesteps": 0}, "num_train_timesteps is 0, expected 1 to 100000"),
    ("scheduler", {"num_train_timesteps": 2.5}, "num_train_timesteps is 2.5, expected an integer"),
    ("scheduler", {"beta_start": 0.5}, "beta_start is 0.5, expected at most beta_end"),
    ("scheduler", {"beta_start": "small"}, "beta_start is small"),
    ("scheduler", {"clip_sample": "yes"}, "clip_sample is yes, expected true or false"),
    ("scheduler", {"timestep_spacing": "karras"}, "timestep_spacing is karras, expected one of leading"),
    ("scheduler", {"use_karras_sigmas": True}, "use_karras_sigmas is true, expected false"),
    ("scheduler", {"variance_type": "learned"}, "variance_type is learned"),
    ("index", {"vae": ["diffusers", "AutoencoderKL"]}, "found a pipeline with a vae"),
    ("index", {"unet": ["diffusers", "UNet1DModel"]}, "unet is diffusers,UNet1DModel, expected UNet2DModel"),
    ("missing", "unet/config.json", "config.json"),
    ("missing", "scheduler/scheduler_config.json", "scheduler_config.json"),
    ("pickle", None, "a pickle, which can run any code"),
]
FILES = {"config": "unet/config.json", "scheduler": "scheduler/scheduler_config.json", "index": "model_index.json"}


def check_refusals(report, mote):
    whole, folder = mote.file("whole"), mote.file("broken")
    make_folder(whole / "unet", BASE, 1)
    (whole / "scheduler").mkdir()
    (whole / FILES["scheduler"]).write_text(json.dumps({"_class_name": "DDPMScheduler", "lambda_min_clipped": -np.inf}))
    (whole / "model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline", "safety_checker": [None, None],
                                                        "unet": ["diffusers", "UNet2DModel"],
                                                        "scheduler": ["diffusers", "DDPMScheduler"]}))
    for what, change, expected in [(None, None, None)] + REFUSED:
        name = f"refused: {expected}" if what else "not refused: all as it should be"
        if not report.wanted(name):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        if what == "missing":
            (folder / change).unlink()
        elif what == "pickle":
            (folder / "unet/diffusion_pytorch_model.safetensors").rename(folder / "unet/diffusion_pytorch_model.bin")
        elif what:
            path = folder / FILES[what]
            path.write_text(change if isinstance(change, str) else json.dumps({**json.loads(path.read_text()), **change}))
        x, _, steps, _ = make_inputs(BASE, 1)
        done = subprocess.run([mote.path, "forward", folder, "--x", mote.array("x", x), "--steps", mote.array("t", steps), "-o",
                               mote.file("never.npy")] + mote.common, capture_output=True, text=True)
        right = done.returncode == (1 if what else 0) and (not what or expected in done.stderr)
        report.truth(name[:57], right, "" if right else repr(done.stderr.strip()[-300:]))


def check_export(report, mote):
    """A folder, as mote writes it, is the same model with a row more; so is one that mote trained; both are what PyTorch loads."""
    name = "export: "
    if not report.wanted(name):
        return
    with report.case(name + "a folder, and what was trained on from it"):
        config = {**BASE, "num_class_embeds": 2}
        start, out, trained = mote.file("start"), mote.file("out"), mote.file("trained.safetensors")
        make_folder(start / "unet", config, 5)
        (start / "scheduler").mkdir()
        (start / FILES["scheduler"]).write_text(json.dumps({"_class_name": "DDPMScheduler", "beta_schedule": "scaled_linear",
                                                            "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}))
        (start / "model_index.json").write_text(json.dumps({"unet": ["diffusers", "UNet2DModel"],
                                                            "scheduler": ["diffusers", "DDPMScheduler"]}))
        x, _, steps, classes = make_inputs(config, 5, batch=4)
        random = np.random.default_rng(5)
        np.save(mote.file("images.npy"), random.integers(0, 256, (8, 8, 8, 3), np.uint8))
        np.save(mote.file("labels.npy"), np.arange(8) % 2)
        mote.run("train", mote.file("images.npy"), "--labels", mote.file("labels.npy"), "--start", start, "--steps", "2", "--batch", "4",
                 "--holdout", "0.25", "-o", trained)
        warned = mote.run("info", trained).stderr
        report.truth(name + "a file of mote's own says all", "no metadata" not in warned, repr(warned.strip()[-60:]))
        for label, model in (("a folder", start), ("what was trained on from it", trained)):
            shutil.rmtree(out, ignore_errors=True)
            rows = mote.run("export", model, out).stdout
            report.truth(name + label + ": says which row is none", " 2 none" in rows, repr(rows[-40:]))
            written = unet2d.config_of(out / "unet")
            kept = {key: written[key] for key in config if key not in ("num_class_embeds", "sample_size")}
            report.truth(name + label + ": the config", kept == {key: config[key] for key in kept} and
                         written["num_class_embeds"] == 3 and written["sample_size"] == [8, 8], str(written["num_class_embeds"]))
            expected = run_forward(mote, model, x, steps, classes, 3)
            report.error(name + label + ": mote", harness.relative_error(run_forward(mote, out, x, steps, classes, 3), expected), 0)
            module = unet2d.UNet2D(written)
            weights, metadata = safetensors_numpy.load(out / "unet/diffusion_pytorch_model.safetensors")
            module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
            y = module.double()(torch.from_numpy(x).double(), torch.from_numpy(steps), torch.from_numpy(classes).long())
            report.error(name + label + ": PyTorch", harness.relative_error(expected, y.detach().numpy()), OUTPUT)
            report.truth(name + label + ": none is a row of zeros", not weights["class_embedding.weight"][2].any() and
                         metadata == {"format": "pt"}, str(metadata))
            scheduler = json.loads((out / FILES["scheduler"]).read_text())
            report.truth(name + label + ": the scheduler", scheduler["num_train_timesteps"] == 1000 and
                         scheduler["beta_schedule"] == "scaled_linear" and scheduler["beta_end"] == 0.012 and
                         scheduler["trained_betas"] is None, scheduler["_class_name"])
        done = subprocess.run([mote.path, "export", start, out] + mote.common, capture_output=True, text=True)
        flow = mote.file("flow.safetensors")
        mote.run("train", mote.file("images.npy"), "--net", "unet2d", "--features", "8", "--groups", "4", "--schedule", "flow", "--steps", "1",
                 "--batch", "4", "--holdout", "0", "--sample-every", "0", "-o", flow)
        expect_refusal(report, mote, "found the schedule flow, expected another", "export", flow, mote.file("flow"))
        report.truth(name + "not into a folder that holds something", done.returncode == 1 and "expected a new or an empty" in done.stderr,
                     repr(done.stderr[-80:]))


def expect_refusal(report, mote, expected, *words):
    done = subprocess.run([mote.path, *map(str, words)] + mote.common, capture_output=True, text=True)
    right = done.returncode in (1, 2) and expected in done.stderr
    report.truth(f"refused: {expected}"[:57], right, "" if right else repr(done.stderr.strip()[-200:]))


SAID = [  # a change of BASE, and what `mote info` makes of it where a setting's number says nothing
    ({}, ("time embedding  32 numbers", "middle's groups 4 ", "channels a head 8 ", "time            is added", "input           images as they are")),
    ({"time_embedding_dim": 48, "attention_head_dim": None, "resnet_time_scale_shift": "scale_shift", "center_input_sample": True},
     ("time embedding  48 numbers", "middle's groups none: the attention there has no norm", "channels a head all, of one head",
      "time            scales and shifts", "input           2x - 1 of each number")),
    ({"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 2}, ("middle's groups 2 ",)),
    ({"add_attention": False}, ("middle's groups none: there is no attention",)),
]


def check_info(report, mote):
    for change, expected in SAID:
        name = f"info says {expected[-1].strip()}"
        if not report.wanted(name):
            continue
        with report.case(name):
            make_folder(mote.file("info"), {**BASE, **change}, 1)
            said = mote.run("info", mote.file("info")).stdout
            missing = [text for text in expected if text not in said]
            report.truth(name, not missing, str(missing) if missing else "")


def check_others(report, mote):
    """What can be said of a model that makes other channels than it takes; names of older checkpoints; contexts without classes."""
    if not report.wanted("others"):
        return
    with report.case("others"):
        config = {**BASE, "out_channels": 4}
        folder = mote.file("others")
        make_folder(folder, config, 9)
        done = mote.run("info", folder, "--json")
        told = json.loads(done.stdout.splitlines()[-1])
        report.truth("others: info", (told["channels"], told["out_channels"], told["block_out_channels"]) == (3, 4, "8,16") and
                     "training" not in told, str(told["architecture"]))
        expect_refusal(report, mote, "the model makes 4 channels of 3, expected as many", "sample", folder, "--npy", mote.file("n.npy"))
        x, _, steps, _ = make_inputs(config, 9)
        expect_refusal(report, mote, "expected x and target", "backward", folder, "--x0", mote.array("x", x), "--noise",
                       mote.array("n", x), "--steps", mote.array("t", steps), "-o", mote.file("g.safetensors"))
        expected = run_forward(mote, folder, x, steps, None, 4)
        path = folder / "diffusion_pytorch_model.safetensors"
        weights, _ = safetensors_numpy.load(path)
        earlier = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
        for now, then in earlier.items():
            weights = {key.replace(now, then): value for key, value in weights.items()}
        safetensors_numpy.save(path, weights)
        report.error("others: names of older checkpoints",
                     harness.relative_error(run_forward(mote, folder, x, steps, None, 4), expected), 0)
        make_folder(folder, BASE, 9)
        for words, expected in ((["--context", "1"], "--context: found with a model that takes no contexts"),
                                (["--context", "none"], "--context: found with a model that takes no contexts")):
            expect_refusal(report, mote, expected, "sample", folder, "--npy", mote.file("n.npy"), "-n", "1", *words)
        expect_refusal(report, mote, "found timestep 1000 at element 0, expected 0 to 999", "forward", folder, "--x", mote.array("x", x),
                       "--steps", mote.array("t", np.array([1000, 1])), "-o", mote.file("y.npy"))
        expect_refusal(report, mote, "takes no contexts", "forward", folder, "--x", mote.array("x", x), "--steps", mote.array("t", steps),
                       "--class", mote.array("k", np.array([0, 0])), "-o", mote.file("y.npy"))


def main():
    options = harness.arguments(__doc__)
    report = harness.Report(options.only)
    with harness.Mote(options.mote, options.device, options.kernels) as mote:
        for folder in sorted((FIXTURES / "unet2d").iterdir()):
            if not options.small or folder.name not in ("00", "01", "02"):  # the largest
                check_fixture(report, mote, folder)
        for seed, (name, changes) in enumerate(CASES.items()):
            if not options.small or seed % 3 == 1:
                check_case(report, mote, name, changes, seed)
        for number in range(3):
            check_pipeline(report, mote, number)
        if not options.small:
            check_export(report, mote)
            check_others(report, mote)
            check_info(report, mote)
            check_refusals(report, mote)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
