#!/usr/bin/env python3
"""Makes a model with the shapes of LLaMA-7B in sparse files: F16, 291 tensors, shards with an index.

Every weight reads as zero and the files take almost no room on the disk. It measures opening, listing and streaming,
not quality.

    benchmarks/make_sparse_model.py FOLDER [--shards N]
"""
import argparse
import json
import pathlib
import struct

HIDDEN, MIDDLE, LAYERS, HEADS, VOCABULARY = 4096, 11008, 32, 32, 32000


def tensors():
    yield "model.embed_tokens.weight", [VOCABULARY, HIDDEN]
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", [HIDDEN]
        for part in ("q", "k", "v", "o"):
            yield prefix + f"self_attn.{part}_proj.weight", [HIDDEN, HIDDEN]
        yield prefix + "post_attention_layernorm.weight", [HIDDEN]
        for part in ("gate", "up"):
            yield prefix + f"mlp.{part}_proj.weight", [MIDDLE, HIDDEN]
        yield prefix + "mlp.down_proj.weight", [HIDDEN, MIDDLE]
    yield "model.norm.weight", [HIDDEN]
    yield "lm_head.weight", [VOCABULARY, HIDDEN]


def size(shape):
    product = 2
    for dimension in shape:
        product *= dimension
    return product


def write_shard(path, part):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in part:
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size(shape)]}
        offset += size(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)


def split(everything, shards):
    limit = sum(size(shape) for _, shape in everything) / shards
    parts, filled = [[]], 0
    for entry in everything:
        if filled >= limit and len(parts) < shards:
            parts.append([])
            filled = 0
        parts[-1].append(entry)
        filled += size(entry[1])
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--shards", type=int, default=3)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    everything = list(tensors())
    parts = split(everything, arguments.shards)
    weight_map = {}
    for number, part in enumerate(parts, 1):
        file = f"model-{number:05}-of-{len(parts):05}.safetensors"
        write_shard(arguments.folder / file, part)
        weight_map.update({name: file for name, _ in part})
    index = {"metadata": {"total_size": sum(size(shape) for _, shape in everything)}, "weight_map": weight_map}
    (arguments.folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    (arguments.folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "intermediate_size": MIDDLE, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "vocab_size": VOCABULARY, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "max_position_embeddings": 4096, "tie_word_embeddings": False, "torch_dtype": "float16"}, indent=1))


if __name__ == "__main__":
    main()
