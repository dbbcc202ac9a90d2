"""The network context_unet as a PyTorch module, its parameters named as in mote's files, beside which `mote export` puts it.

    import context_unet
    network = context_unet.load("model.safetensors")
    y = network(x, t / T, context)

x (B,C,h,h) is an image from -1 to 1 noised to the timesteps t, 1 to T, and y what the model predicts there: the metadata of the
file (`mote info`) say T, which noise that is, and whether y is the noise, v or the image. context (B,K) has a 1 where a label holds.
"""
import torch
from torch import nn


def conv_norm_gelu(in_channels, out_channels):
    """(B,in,h,w) -> (B,out,h,w): conv3x3, BatchNorm (eps 1e-5, momentum 0.1), exact GELU."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.GELU())


class ConvBlock(nn.Module):
    """Two convolutions; with `shortcut` a learned conv1x1 of the input is added and the sum divided by 1.414."""

    def __init__(self, in_channels, out_channels, shortcut=False):
        super().__init__()
        self.conv1 = conv_norm_gelu(in_channels, out_channels)
        self.conv2 = conv_norm_gelu(out_channels, out_channels)
        if shortcut:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return (self.shortcut(x) + y) / 1.414 if hasattr(self, "shortcut") else y


class Down(nn.Module):
    """(B,in,h,w) -> (B,out,h/2,w/2)"""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.model = nn.Sequential(
            ConvBlock(in_channels, out_channels), ConvBlock(out_channels, out_channels), nn.MaxPool2d(2))

    def forward(self, x):
        return self.model(x)


class Up(nn.Module):
    """x and skip, (B,in/2,h,w) each -> (B,out,2h,2w)"""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.model = nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, 2, 2),
            ConvBlock(out_channels, out_channels), ConvBlock(out_channels, out_channels))

    def forward(self, x, skip):
        return self.model(torch.cat((x, skip), 1))


class Embedding(nn.Module):
    """(B,in) -> (B,out,1,1)"""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(in_features, out_features), nn.GELU(), nn.Linear(out_features, out_features))

    def forward(self, x):
        return self.model(x)[:, :, None, None]


class ContextUnet(nn.Module):
    """channels C, n_feat f, n_cfeat K, height h: x (B,C,h,h), t/T (B,), context (B,K) or None -> (B,C,h,h)."""

    def __init__(self, channels=3, n_feat=64, n_cfeat=5, height=16):
        super().__init__()
        self.channels, self.n_feat, self.n_cfeat, self.height = channels, n_feat, n_cfeat, height
        f = n_feat
        self.init_conv = ConvBlock(channels, f, shortcut=True)
        self.down1 = Down(f, f)
        self.down2 = Down(f, 2 * f)
        self.to_vec = nn.Sequential(nn.AvgPool2d(height // 4), nn.GELU())
        self.timeembed1 = Embedding(1, 2 * f)
        self.timeembed2 = Embedding(1, f)
        self.contextembed1 = Embedding(n_cfeat, 2 * f)
        self.contextembed2 = Embedding(n_cfeat, f)
        self.up0 = nn.Sequential(nn.ConvTranspose2d(2 * f, 2 * f, height // 4, height // 4),
                                 nn.GroupNorm(8, 2 * f), nn.ReLU())
        self.up1 = Up(4 * f, f)
        self.up2 = Up(2 * f, f)
        self.out = nn.Sequential(nn.Conv2d(2 * f, f, 3, padding=1), nn.GroupNorm(8, f), nn.ReLU(),
                                 nn.Conv2d(f, channels, 3, padding=1))

    def forward(self, x, time, context=None):
        if context is None:
            context = x.new_zeros(len(x), self.n_cfeat)
        x = self.init_conv(x)
        down1 = self.down1(x)
        down2 = self.down2(down1)
        up0 = self.up0(self.to_vec(down2))
        time = time[:, None].to(x.dtype)
        up1 = self.up1(self.contextembed1(context) * up0 + self.timeembed1(time), down2)
        up2 = self.up2(self.contextembed2(context) * up1 + self.timeembed2(time), down1)
        return self.out(torch.cat((up2, x), 1))


def load(path):
    """The module with a file's weights, in eval mode; it needs the package safetensors. A name or a shape amiss raises."""
    from safetensors.torch import load_file
    weights = load_file(str(path))
    n_feat, channels = weights["init_conv.conv1.0.weight"].shape[:2]
    module = ContextUnet(channels, n_feat, weights["contextembed1.model.0.weight"].shape[1], 4 * weights["up0.0.weight"].shape[2])
    counters = {name: tensor for name, tensor in module.state_dict().items() if name.endswith("num_batches_tracked")}
    module.load_state_dict({**weights, **counters})  # BatchNorm's counters are in no file
    return module.eval()
