"""The generators of mote's noise, from their publications, in NumPy."""
import numpy as np


def philox(counter, seed):
    """Philox4x32-10 (Salmon et al. 2011): counter (..., 4) to words (..., 4), as uint64 holding 32 bits."""
    c = [np.asarray(counter[..., i], np.uint64) for i in range(4)]
    low, key = np.uint64(0xFFFFFFFF), [np.uint64(seed & 0xFFFFFFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ key[0], b & low, (a >> np.uint64(32)) ^ c[3] ^ key[1], a & low]
        key = [(key[0] + np.uint64(0x9E3779B9)) & low, (key[1] + np.uint64(0xBB67AE85)) & low]
    return np.stack(c, -1)


def counters(first, second, third, fourth):
    return np.stack(np.broadcast_arrays(first, second, third, fourth), -1)


def normals(words):
    """Box & Muller: pairs of words to pairs of normals, with the quarter turns of shaders/glsl/philox.glsl."""
    a, b = words[..., 0::2], words[..., 1::2]
    radius = np.sqrt(-2 * np.log(((a >> np.uint64(8)) + np.uint64(1)) / 2.0**24))
    within = ((b & np.uint64(0x3FFFFFFF)) >> np.uint64(6)) / 2.0**24 - 0.5
    angle = ((b >> np.uint64(30)) * 0.25 + within * 0.25) * 2 * np.pi
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(words.shape)


def sampling_noise(seed, step, count, shape):
    """Normals of `mote sample`: step 0 is x_T, step i + 1 belongs to denoising step i. (count, C, h, w)."""
    channels, height, width = shape
    quads = np.arange(channels * height * width // 4)
    words = philox(counters(quads[None], np.arange(count)[:, None], step, 0), seed)
    return normals(words).reshape(count, channels, height, width)
