#!/usr/bin/env python3
"""Writes the archives of this folder with PyTorch and NumPy (Debian 12: python3-torch, python3-numpy).

Element i of every array, in row-major order, is i - 3; of unsigned ones i, of switches i % 2. The tests know this rule.
"""
import collections
import pathlib

import numpy
import torch

here = pathlib.Path(__file__).parent


def counting(shape, dtype):
    values = torch.arange(int(numpy.prod(shape)), dtype=torch.int64).reshape(shape)
    if dtype is torch.bool:
        return values % 2 == 1
    return (values if dtype is torch.uint8 else values - 3).to(dtype)


def array(shape, dtype):
    values = numpy.arange(int(numpy.prod(shape))).reshape(shape)
    return (values if numpy.dtype(dtype).kind == "u" else values - 3).astype(dtype)


def state():
    types = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64,
             "u8": torch.uint8, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64,
             "bool": torch.bool}
    tensors = collections.OrderedDict((name, counting((3, 5), dtype)) for name, dtype in types.items())
    tensors["transposed"] = counting((4, 3), torch.float32).t().contiguous().t()
    tensors["slice"] = torch.cat([torch.full((2, 6), 99.0), counting((3, 6), torch.float32)])[2:, :]
    # Every second column of a wider matrix: a view with gaps.
    wide = torch.full((3, 8), 99.0)
    wide[:, ::2] = counting((3, 4), torch.float32)
    tensors["strided"] = wide[:, ::2]
    tensors["tied"] = tensors["f32"]
    tensors["scalar"] = torch.tensor(-3.0)
    tensors["empty"] = torch.zeros((0, 7))
    tensors["parameter"] = torch.nn.Parameter(counting((2, 3), torch.float32))
    return tensors


torch.save(state(), here / "state.pt")
linear = torch.nn.Linear(3, 2)
linear.weight = torch.nn.Parameter(counting((2, 3), torch.float32))
linear.bias = torch.nn.Parameter(counting((2,), torch.float32))
torch.save({"state_dict": torch.nn.Sequential(linear).state_dict(), "epoch": 3, "rate": 0.1, "note": None},
           here / "wrapped.pt")
torch.save({"w": counting((2, 3), torch.float32)}, here / "old.pt", _use_new_zipfile_serialization=False)
torch.save(linear, here / "module.pt")

numpy.save(here / "f4.npy", array((3, 5), "<f4"))
numpy.save(here / "f2.npy", array((3, 5), "<f2"))
numpy.save(here / "f8.npy", array((3, 5), "<f8"))
numpy.save(here / "big_endian.npy", array((3, 5), ">f4"))
numpy.save(here / "fortran.npy", numpy.asfortranarray(array((3, 5), "<f4")))
numpy.save(here / "fortran3.npy", numpy.asfortranarray(array((2, 3, 4), ">i2")))
numpy.save(here / "i1.npy", array((3, 5), "|i1"))
numpy.save(here / "u2.npy", array((3, 5), "<u2"))
numpy.save(here / "scalar.npy", array((), "<f4"))
numpy.save(here / "vector.npy", array((6,), "<f4"))
numpy.save(here / "empty.npy", array((0, 4), "<f4"))
numpy.save(here / "objects.npy", numpy.array([{}, None], dtype=object))
numpy.save(here / "structured.npy", numpy.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
numpy.savez(here / "stored.npz", weight=array((3, 5), "<f4"), bias=array((5,), "<f2"))
numpy.savez_compressed(here / "deflated.npz", weight=array((30, 50), "<f4"), bias=array((5,), "<f2"))
