"""The UNet2DModel family of diffusers in PyTorch, by its config: parameters carry the names of its checkpoints, so that they move both
ways. What mote refuses is not here. Its outputs and gradients were compared with diffusers 0.42's own on twelve configurations."""
import json
import math
import pathlib

import torch
from torch import nn
from torch.nn import functional

import safetensors_numpy

ACTIVATIONS = {"silu": functional.silu, "swish": functional.silu, "gelu": functional.gelu, "mish": functional.mish,
               "relu": functional.relu}
DEFAULTS = {"act_fn": "silu", "add_attention": True, "attention_head_dim": 8, "attn_norm_num_groups": None,
            "center_input_sample": False, "downsample_padding": 1, "downsample_type": "conv", "flip_sin_to_cos": True,
            "freq_shift": 0, "layers_per_block": 2, "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2D",
            "norm_eps": 1e-5, "norm_num_groups": 32, "num_class_embeds": None, "resnet_time_scale_shift": "default",
            "time_embedding_dim": None, "upsample_type": "conv"}


class Sampler(nn.Module):
    """Half or twice the size, by a convolution."""

    def __init__(self, channels, down, padding=1):
        super().__init__()
        self.down, self.padding = down, padding
        self.conv = nn.Conv2d(channels, channels, 3, 2 if down else 1, padding if down else 1)

    def forward(self, x, _):
        if not self.down:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        elif self.padding == 0:
            x = functional.pad(x, (0, 1, 0, 1))
        return self.conv(x)


class Resnet(nn.Module):
    def __init__(self, config, before, after, scale=1.0, resize=None):
        super().__init__()
        groups, epsilon = config["norm_num_groups"], config["norm_eps"]
        self.act, self.scale, self.resize = ACTIVATIONS[config["act_fn"]], scale, resize
        self.shifts = config["resnet_time_scale_shift"] == "scale_shift"
        self.norm1 = nn.GroupNorm(groups, before, eps=epsilon)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.time_emb_proj = nn.Linear(config["embedding"], after * (2 if self.shifts else 1))
        self.norm2 = nn.GroupNorm(groups, after, eps=epsilon)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        if before != after:
            self.conv_shortcut = nn.Conv2d(before, after, 1)

    def resized(self, x):
        if self.resize == "down":
            return functional.avg_pool2d(x, 2)
        return functional.interpolate(x, scale_factor=2.0, mode="nearest") if self.resize == "up" else x

    def forward(self, x, embedding):
        h = self.conv1(self.resized(self.act(self.norm1(x))))
        time = self.time_emb_proj(self.act(embedding))[:, :, None, None]
        if self.shifts:
            scale, shift = time.chunk(2, dim=1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + time)
        h = self.conv2(self.act(h))
        x = self.resized(x)
        return ((self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x) + h) / self.scale


class Attention(nn.Module):
    def __init__(self, config, channels, groups, scale=1.0):
        super().__init__()
        self.heads, self.scale = channels // (config["attention_head_dim"] or channels), scale
        self.group_norm = nn.GroupNorm(groups, channels, eps=config["norm_eps"]) if groups else None
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x):
        n, c, h, w = x.shape
        pixels = (self.group_norm(x) if self.group_norm else x).reshape(n, c, h * w).transpose(1, 2)
        q, k, v = (layer(pixels).reshape(n, h * w, self.heads, -1).transpose(1, 2)
                   for layer in (self.to_q, self.to_k, self.to_v))
        y = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(c / self.heads), dim=-1) @ v
        y = self.to_out[0](y.transpose(1, 2).reshape(n, h * w, c))
        return (y.transpose(1, 2).reshape(n, c, h, w) + x) / self.scale


class Block(nn.Module):
    """`sizes`: channels that its resnets take, `after` those they give; `resize`: how it ends, or None."""

    def __init__(self, config, kind, sizes, after, resize):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(config, size, after) for size in sizes])
        attends = kind.startswith("Attn")
        self.attentions = nn.ModuleList(
            [Attention(config, after, config["norm_num_groups"]) for _ in sizes] if attends else [])
        if resize:
            by_resnet = attends and config[resize + "sample_type"] == "resnet"
            made = (Resnet(config, after, after, resize=resize) if by_resnet
                    else Sampler(after, resize == "down", config["downsample_padding"]))
            setattr(self, resize + "samplers", nn.ModuleList([made]))

    def layer(self, i, x, embedding):
        x = self.resnets[i](x, embedding)
        return self.attentions[i](x) if self.attentions else x

    def resized(self, x, embedding, resize):
        return getattr(self, resize + "samplers")[0](x, embedding)


class Middle(nn.Module):
    def __init__(self, config, channels):
        super().__init__()
        scale, groups = config["mid_block_scale_factor"], config["attn_norm_num_groups"]
        if groups is None and config["resnet_time_scale_shift"] == "default":
            groups = config["norm_num_groups"]
        self.resnets = nn.ModuleList([Resnet(config, channels, channels, scale) for _ in range(2)])
        self.attentions = nn.ModuleList(
            [Attention(config, channels, groups, scale)] if config["add_attention"] else [])

    def forward(self, x, embedding):
        x = self.resnets[0](x, embedding)
        return self.resnets[1](self.attentions[0](x) if self.attentions else x, embedding)


class TimeEmbedding(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(before, after), nn.Linear(after, after)

    def forward(self, x):
        return self.linear_2(functional.silu(self.linear_1(x)))


class UNet2D(nn.Module):
    def __init__(self, config):
        super().__init__()
        config = {**DEFAULTS, **config}
        widths, layers = config["block_out_channels"], config["layers_per_block"]
        config["embedding"] = config["time_embedding_dim"] or 4 * widths[0]
        self.config = config
        self.conv_in = nn.Conv2d(config["in_channels"], widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], config["embedding"])
        if config["num_class_embeds"]:
            self.class_embedding = nn.Embedding(config["num_class_embeds"], config["embedding"])
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skips, last = [widths[0]], len(widths) - 1
        for i, (kind, width) in enumerate(zip(config["down_block_types"], widths)):
            self.down_blocks.append(Block(config, kind, [skips[-1]] + [width] * (layers - 1), width, "down" if i < last else None))
            skips += [width] * (layers + (i < last))
        if config["mid_block_type"]:
            self.mid_block = Middle(config, widths[-1])
        before = widths[-1]
        for i, (kind, width) in enumerate(zip(config["up_block_types"], reversed(widths))):
            sizes = [(width if k else before) + skips.pop() for k in range(layers + 1)]
            self.up_blocks.append(Block(config, kind, sizes, width, "up" if i < last else None))
            before = width
        self.conv_norm_out = nn.GroupNorm(config["norm_num_groups"], widths[0], eps=config["norm_eps"])
        self.conv_out = nn.Conv2d(widths[0], config["out_channels"], 3, padding=1)

    def sinusoids(self, time, like):
        half = self.config["block_out_channels"][0] // 2
        exponent = torch.arange(half, dtype=like.dtype, device=like.device) / (half - self.config["freq_shift"])
        angles = time.to(like.dtype)[:, None] * torch.exp(-math.log(10000) * exponent)[None]
        parts = [angles.sin(), angles.cos()]
        return torch.cat(parts[::-1] if self.config["flip_sin_to_cos"] else parts, dim=1)

    def forward(self, x, time, classes=None):
        """`time` counts from 0; `classes`: (N,) rows of the class embedding, or (N, K) numbers to mix them by."""
        embedding = self.time_embedding(self.sinusoids(time, x))
        if classes is not None:
            table = self.class_embedding.weight
            embedding = embedding + (table[classes] if classes.dim() == 1 else classes @ table)
        x = self.conv_in(2 * x - 1 if self.config["center_input_sample"] else x)
        skips = [x]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                skips.append(x := block.layer(i, x, embedding))
            if hasattr(block, "downsamplers"):
                skips.append(x := block.resized(x, embedding, "down"))
        if hasattr(self, "mid_block"):
            x = self.mid_block(x, embedding)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, torch.cat([x, skips.pop()], dim=1), embedding)
            if hasattr(block, "upsamplers"):
                x = block.resized(x, embedding, "up")
        return self.conv_out(functional.silu(self.conv_norm_out(x)))


def config_of(folder):
    return json.loads((pathlib.Path(folder) / "config.json").read_text())


def load(folder):
    """The module of a folder, with its weights."""
    module = UNet2D(config_of(folder))
    weights = safetensors_numpy.load(pathlib.Path(folder) / "diffusion_pytorch_model.safetensors")[0]
    module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return module
