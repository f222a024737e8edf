#!/usr/bin/env python3
"""Writes small valid inputs for the fuzzers into seeds/, after the formats' specifications; needs only Python."""
import json
import pathlib
import struct

here = pathlib.Path(__file__).parent
archives = here.parent / "data" / "archives"


def seed(fuzzer, name, data):
    folder = here / "seeds" / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def safetensors(tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(tensors, pairs):
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs))
    for key, (kind, value) in pairs.items():
        header += text(key) + struct.pack("<I", kind) + value
    data = b""
    for name, (kind, dims, content) in tensors.items():
        header += text(name) + struct.pack("<I", len(dims)) + struct.pack("<%dQ" % len(dims), *dims)
        header += struct.pack("<IQ", kind, len(data))
        data += content + bytes(-len(content) % 32)
    return header + bytes(-len(header) % 32) + data


def folder(config, tensors, index=b"", settings=b""):
    parts = [json.dumps(config).encode(), safetensors(tensors), index, settings]
    return b"".join(b"%d\n" % len(part) + part for part in parts)


def layer(parts):
    return {"a.b.%s" % suffix: part for suffix, part in parts.items()}


seed("safetensors", "two", safetensors({"a": ("F32", [2, 2], bytes(16)), "b": ("BF16", [3], bytes(6))}))
u32 = lambda value: (4, struct.pack("<I", value))
string = lambda value: (8, text(value))
llama = {"general.architecture": string("llama"), "llama.context_length": u32(8), "llama.embedding_length": u32(32),
         "llama.block_count": u32(1), "llama.feed_forward_length": u32(32), "llama.attention.head_count": u32(2),
         "llama.attention.layer_norm_rms_epsilon": (6, struct.pack("<f", 1e-5)),
         "tokenizer.ggml.tokens": (9, struct.pack("<IQ", 8, 2) + text("a") + text("b"))}
seed("gguf", "llama", gguf({"token_embd.weight": (0, [32, 2], bytes(256)), "blk.0.attn_q.weight": (2, [32, 32], bytes(576)),
                            "blk.0.attn_k.bias": (1, [32], bytes(64)), "rope_freqs.weight": (0, [8], bytes(32))}, llama))
types = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
         12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4),
         27: (1, 8), 28: (1, 8), 30: (1, 2), 39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18)}
seed("gguf", "types", gguf({"t%d" % kind: (kind, [elements], bytes(size)) for kind, (elements, size) in types.items()}, {}))
gpt2 = {"general.architecture": string("gpt2"), "gpt2.context_length": u32(8), "gpt2.embedding_length": u32(4),
        "gpt2.block_count": u32(1), "gpt2.feed_forward_length": u32(16), "gpt2.attention.head_count": u32(2)}
seed("gguf", "gpt2", gguf({"blk.0.ffn_up.weight": (0, [4, 16], bytes(256))}, gpt2))

for name in ("state.pt", "wrapped.pt", "module.pt", "old.pt"):
    seed("pytorch", name, (archives / name).read_bytes())
for name in ("stored.npz", "deflated.npz"):
    seed("npz", name, (archives / name).read_bytes())
for name in ("f4.npy", "fortran3.npy", "scalar.npy", "objects.npy"):
    seed("npy", name, (archives / name).read_bytes())

words = lambda count: bytes(4 * count)
gptq = {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True, "desc_act": True,
        "dynamic": {"+:a.*": {"bits": 4}, "-:c": {}}}
seed("folder", "gptq", folder({"quantization_config": gptq}, layer({
    "qweight": ("I32", [8, 32], words(256)), "qzeros": ("I32", [2, 4], b"\x77" * 32), "scales": ("F16", [2, 32], bytes(128)),
    "g_idx": ("I32", [64], words(64)), "bias": ("F16", [32], bytes(64))})))
seed("folder", "gptq_settings", folder({}, layer({
    "qweight": ("I32", [3, 32], words(96)), "qzeros": ("I32", [1, 3], words(3)), "scales": ("F16", [1, 32], bytes(64))}),
    settings=json.dumps({"bits": 3, "group_size": -1, "checkpoint_format": "gptq_v2"}).encode()))
for version, weight, zeros, scales in (("gemm", [32, 4], [1, 4], [1, 32]), ("gemv", [4, 4], [4, 4], [4, 32])):
    size = lambda shape, width: bytes(shape[0] * shape[1] * width)
    seed("folder", "awq_" + version, folder(
        {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 32, "version": version}},
        layer({"qweight": ("I32", weight, size(weight, 4)), "qzeros": ("I32", zeros, size(zeros, 4)),
               "scales": ("F16", scales, size(scales, 2))})))


def compressed(name, form, weights, tensors):
    groups = {"group_0": {"targets": ["Linear", "re:a.*"], "weights": weights}}
    seed("folder", name, folder({"quantization_config": {
        "quant_method": "compressed-tensors", "format": form, "config_groups": groups}}, layer(tensors)))


compressed("packed", "pack-quantized", {"num_bits": 3, "symmetric": False, "strategy": "group", "group_size": 32}, {
    "weight_packed": ("I32", [4, 6], words(24)), "weight_scale": ("F16", [4, 2], bytes(16)),
    "weight_zero_point": ("I32", [1, 2], words(2)), "weight_shape": ("I64", [2], struct.pack("<2q", 4, 64)),
    "weight_g_idx": ("I32", [64], words(64))})
compressed("int", "int-quantized", {"num_bits": 8, "symmetric": False, "strategy": "channel"}, {
    "weight": ("I8", [4, 8], bytes(32)), "weight_scale": ("F32", [4, 1], bytes(16)), "weight_zero_point": ("I8", [4, 1], bytes(4))})
compressed("blocks", "float-quantized", {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [2, 4]}, {
    "weight": ("F8_E4M3", [4, 8], bytes(32)), "weight_scale": ("F32", [2, 2], bytes(16))})
compressed("nvfp4", "nvfp4-pack-quantized", {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16}, {
    "weight_packed": ("U8", [2, 16], bytes(32)), "weight_scale": ("F8_E4M3", [2, 2], bytes(4)),
    "weight_global_scale": ("F32", [1], struct.pack("<f", 2.0))})
compressed("mxfp8", "mxfp8-quantized", {"num_bits": 8, "type": "float", "strategy": "group", "group_size": 32}, {
    "weight": ("F8_E4M3", [2, 32], bytes(64)), "weight_scale": ("U8", [2, 1], bytes(2))})
seed("folder", "fp8", folder({"quantization_config": {"quant_method": "fp8", "weight_block_size": [2, 4]}}, layer({
    "weight": ("F8_E4M3", [4, 8], bytes(32)), "weight_scale_inv": ("F32", [2, 2], bytes(16))})))
state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "float16", "shape": [4, 32], "nested_blocksize": 256,
                    "nested_dtype": "float32", "nested_offset": 0.5}).encode()
seed("folder", "bitsandbytes", folder({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, layer({
    "weight": ("U8", [64, 1], bytes(64)), "weight.absmax": ("U8", [2], bytes(2)), "weight.quant_map": ("F32", [16], words(16)),
    "weight.nested_absmax": ("F32", [1], words(1)), "weight.nested_quant_map": ("F32", [256], words(256)),
    "weight.quant_state.bitsandbytes__nf4": ("U8", [len(state)], state)})))
seed("folder", "bitsandbytes8", folder({"quantization_config": {"quant_method": "bitsandbytes"}}, layer({
    "weight": ("I8", [2, 4], bytes(8)), "SCB": ("F32", [2], words(2)), "weight_format": ("U8", [], bytes(1))})))
index = json.dumps({"metadata": {}, "weight_map": {"a": "model.safetensors"}}).encode()
seed("folder", "index", folder({"model_type": "llama"}, {"a": ("F32", [2], words(2))}, index))
