#!/usr/bin/env python3
"""Makes a model with the shapes of LLaMA-7B (291 tensors in F16, shards with an index) to measure on.

Sparse: every weight reads as zero and the files take almost no room on the disk; for opening, listing and streaming.
With --random the weights are bell-shaped and the files are as large as they look (13.5 GB; fewer with --layers).

    benchmarks/make_model.py FOLDER [--random] [--layers 32] [--shards 3]
"""
import argparse
import array
import json
import pathlib
import random
import struct

HIDDEN, MIDDLE, HEADS, VOCABULARY = 4096, 11008, 32, 32000
POOL = 1 << 20  # random values, repeated from changing places


def tensors(layers):
    yield "model.embed_tokens.weight", [VOCABULARY, HIDDEN]
    for layer in range(layers):
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


class RandomBytes:
    def __init__(self):
        generator = random.Random(1)
        values = array.array("f", (generator.gauss(0, 0.02) for _ in range(POOL)))
        self.pool = struct.pack(f"<{POOL}e", *values)
        self.generator = generator

    def write(self, file, count):
        while count > 0:
            start = 2 * self.generator.randrange(POOL // 2)
            part = self.pool[start:start + count]
            file.write(part)
            count -= len(part)


def write_shard(path, part, source):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in part:
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size(shape)]}
        offset += size(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if source:
            source.write(file, offset)
        else:
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
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--random", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    everything = list(tensors(arguments.layers))
    source = RandomBytes() if arguments.random else None
    parts = split(everything, arguments.shards)
    weight_map = {}
    for number, part in enumerate(parts, 1):
        file = f"model-{number:05}-of-{len(parts):05}.safetensors"
        write_shard(arguments.folder / file, part, source)
        weight_map.update({name: file for name, _ in part})
    index = {"metadata": {"total_size": sum(size(shape) for _, shape in everything)}, "weight_map": weight_map}
    (arguments.folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))
    (arguments.folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "intermediate_size": MIDDLE, "num_hidden_layers": arguments.layers, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "vocab_size": VOCABULARY, "rms_norm_eps": 1e-5, "hidden_act": "silu",
        "max_position_embeddings": 4096, "tie_word_embeddings": False, "torch_dtype": "float16"}, indent=1))


if __name__ == "__main__":
    main()
