"""Reads and writes safetensors files with numpy alone, so that parity tests need no package from PyPI."""

import json
import struct

import numpy as np

# In the order of the official writer's dtype list: wider alignment last.
DTYPES = {"U8": "|u1", "F16": "<f2", "I32": "<i4", "F32": "<f4", "F64": "<f8", "I64": "<i8"}
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
RANK = {name: rank for rank, name in enumerate(DTYPES)}


def load(path):
    """Returns ({name: array}, {key: string}); the arrays are writable copies."""
    with open(path, "rb") as file:
        content = file.read()
    (header_bytes,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + header_bytes])
    metadata = header.pop("__metadata__", {})
    data = content[8 + header_bytes :]
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[info["dtype"]]).reshape(info["shape"]).copy()
    return tensors, metadata


def save(path, tensors, metadata=None):
    """Writes {name: array} and {key: string} as the official writer does: dtype descending, then name."""
    tensors = {name: np.asarray(array) for name, array in tensors.items()}
    dtypes = {name: NAMES[array.dtype.newbyteorder("<")] for name, array in tensors.items()}
    header = {"__metadata__": metadata} if metadata else {}
    end = 0
    order = sorted(tensors, key=lambda name: (-RANK[dtypes[name]], name.encode()))
    for name in order:
        begin, end = end, end + tensors[name].nbytes
        header[name] = {"dtype": dtypes[name], "shape": list(tensors[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(tensors[name].astype(DTYPES[dtypes[name]]).tobytes())
