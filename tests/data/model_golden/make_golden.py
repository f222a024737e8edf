#!/usr/bin/env python3
"""Makes the tiny random golden models of tests/core/model/tst_golden_models.cpp.

One folder a family: config.json, model.safetensors (F32), expected.json with token ids and the logits of every position,
and gradients.json: the mean cross-entropy of each token after the one before it, and what PyTorch's autograd says of each
tensor's gradient (its length and some entries). The forward passes below are written from each family's published description, with PyTorch in F64, and share
no code with QuantScope. Needs Debian's python3-torch and python3-numpy.

Usage: make_golden.py [OUT_DIR]
"""
import json
import math
import struct
import sys
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F

VOCAB, TOKENS, ENTRIES = 37, 24, 12


class Weights:
    """Random tensors by name, made when first asked for."""

    def __init__(self, name):
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        self.tensors = {}
        self.leaves = {}

    def make(self, name, shape, mean=0.0, std=0.25):
        if name not in self.tensors:
            value = torch.randn(*shape, generator=self.generator) * std + mean
            self.tensors[name] = value.to(torch.float32)
            self.leaves[name] = self.tensors[name].double().requires_grad_()
        return self.leaves[name]

    def linear(self, x, name, out, bias=False, conv1d=False):
        width = x.shape[-1]
        if conv1d:
            y = x @ self.make(name + ".weight", (width, out))
        else:
            y = x @ self.make(name + ".weight", (out, width)).T
        return y + self.make(name + ".bias", (out,)) if bias else y

    def layer_norm(self, x, name, eps):
        size = x.shape[-1]
        return F.layer_norm(x, (size,), self.make(name + ".weight", (size,), 1.0, 0.2),
                            self.make(name + ".bias", (size,)), eps)

    def rms_norm(self, x, name, eps, plus_one=False):
        size = x.shape[-1]
        w = self.make(name + ".weight", (size,), 0.0 if plus_one else 1.0, 0.2)
        return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps) * (1 + w if plus_one else w)


def save_safetensors(path, tensors):
    header, blobs, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, tensor in sorted(tensors.items()):
        blob = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def plain_frequencies(dim, theta):
    return theta ** (-torch.arange(0, dim, 2).double() / dim)


def llama3_frequencies(dim, theta, scaling):
    result = []
    for f in plain_frequencies(dim, theta).tolist():
        wavelength = 2 * math.pi / f
        original = scaling["original_max_position_embeddings"]
        low, high = original / scaling["low_freq_factor"], original / scaling["high_freq_factor"]
        if wavelength > low:
            f = f / scaling["factor"]
        elif wavelength >= high:
            smooth = (original / wavelength - scaling["low_freq_factor"]) / (
                scaling["high_freq_factor"] - scaling["low_freq_factor"])
            f = (1 - smooth) * f / scaling["factor"] + smooth * f
        result.append(f)
    return torch.tensor(result, dtype=torch.float64)


def rotate(x, frequencies, factor=1.0):
    """x [heads, length, dim]; the first 2·len(frequencies) dimensions turn, halves paired."""
    dims = 2 * len(frequencies)
    angle = torch.outer(torch.arange(x.shape[1]).double(), frequencies)
    cos, sin = torch.cat((angle, angle), -1).cos() * factor, torch.cat((angle, angle), -1).sin() * factor
    part, rest = x[..., :dims], x[..., dims:]
    first, second = part.chunk(2, -1)
    return torch.cat((part * cos + torch.cat((-second, first), -1) * sin, rest), -1)


def attention(q, k, v, scale, window=None, cap=None):
    """q [heads, length, dim], k and v [kv heads, length, dim] → [length, heads · dim]."""
    repeat = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(repeat, 0), v.repeat_interleave(repeat, 0)
    scores = q @ k.transpose(-1, -2) * scale
    if cap:
        scores = cap * torch.tanh(scores / cap)
    rows, cols = torch.meshgrid(torch.arange(q.shape[1]), torch.arange(q.shape[1]), indexing="ij")
    seen = cols <= rows
    if window:
        seen &= cols > rows - window
    probabilities = scores.masked_fill(~seen, -math.inf).softmax(-1)
    return (probabilities @ v).transpose(0, 1).reshape(q.shape[1], -1)


def heads_of(x, heads):
    return x.view(x.shape[0], heads, -1).transpose(0, 1)


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def llama_like(w, c, ids, *, plus_one=False, qkv_bias=False, qk_norm=False, fused=False, act=F.silu, frequencies=None,
               rope_factor=1.0, windows=None, cap=None, final_cap=None, scale=None, embed_scale=1.0, sandwich=False):
    heads, kv, eps = c["num_attention_heads"], c["num_key_value_heads"], c["rms_norm_eps"]
    hidden, ffn = c["hidden_size"], c["intermediate_size"]
    dim = c.get("head_dim") or hidden // heads
    frequencies = plain_frequencies(dim, c["rope_theta"]) if frequencies is None else frequencies
    norm = lambda x, name: w.rms_norm(x, name, eps, plus_one)
    table = w.make("model.embed_tokens.weight", (VOCAB, hidden), std=0.5)
    x = table[ids] * embed_scale
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        y = norm(x, p + "input_layernorm")
        a = p + "self_attn."
        if fused:
            qkv = w.linear(y, a + "qkv_proj", (heads + 2 * kv) * dim)
            q, k, v = qkv.split((heads * dim, kv * dim, kv * dim), -1)
        else:
            q = w.linear(y, a + "q_proj", heads * dim, qkv_bias)
            k = w.linear(y, a + "k_proj", kv * dim, qkv_bias)
            v = w.linear(y, a + "v_proj", kv * dim, qkv_bias)
        q, k, v = heads_of(q, heads), heads_of(k, kv), heads_of(v, kv)
        if qk_norm:
            q, k = norm(q, a + "q_norm"), norm(k, a + "k_norm")
        q, k = rotate(q, frequencies, rope_factor), rotate(k, frequencies, rope_factor)
        mixed = attention(q, k, v, scale or dim ** -0.5, windows[i] if windows else None, cap)
        mixed = w.linear(mixed, a + "o_proj", hidden)
        if sandwich:
            x = x + norm(mixed, p + "post_attention_layernorm")
            y = norm(x, p + "pre_feedforward_layernorm")
        else:
            x = x + mixed
            y = norm(x, p + "post_attention_layernorm")
        m = p + "mlp."
        if fused:
            gate, up = w.linear(y, m + "gate_up_proj", 2 * ffn).chunk(2, -1)
        else:
            gate, up = w.linear(y, m + "gate_proj", ffn), w.linear(y, m + "up_proj", ffn)
        inner = w.linear(act(gate) * up, m + "down_proj", hidden)
        x = x + (norm(inner, p + "post_feedforward_layernorm") if sandwich else inner)
    x = norm(x, "model.norm")
    logits = x @ table.T if c["tie_word_embeddings"] else w.linear(x, "lm_head", VOCAB)
    return final_cap * torch.tanh(logits / final_cap) if final_cap else logits


def phi(w, c, ids):
    heads, hidden, eps = c["num_attention_heads"], c["hidden_size"], c["layer_norm_eps"]
    dim = hidden // heads
    frequencies = plain_frequencies(int(dim * c["partial_rotary_factor"]), c["rope_theta"])
    x = w.make("model.embed_tokens.weight", (VOCAB, hidden), std=0.5)[ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        y = w.layer_norm(x, p + "input_layernorm", eps)
        q, k, v = (heads_of(w.linear(y, p + f"self_attn.{n}_proj", hidden, True), heads) for n in "qkv")
        mixed = attention(rotate(q, frequencies), rotate(k, frequencies), v, dim ** -0.5)
        mixed = w.linear(mixed, p + "self_attn.dense", hidden, True)
        inner = gelu_tanh(w.linear(y, p + "mlp.fc1", c["intermediate_size"], True))
        x = x + mixed + w.linear(inner, p + "mlp.fc2", hidden, True)
    return w.linear(w.layer_norm(x, "model.final_layernorm", eps), "lm_head", VOCAB, True)


def gpt2(w, c, ids):
    heads, hidden, eps = c["n_head"], c["n_embd"], c["layer_norm_epsilon"]
    table = w.make("transformer.wte.weight", (VOCAB, hidden), std=0.5)
    x = table[ids] + w.make("transformer.wpe.weight", (c["n_positions"], hidden), std=0.5)[: len(ids)]
    for i in range(c["n_layer"]):
        p = f"transformer.h.{i}."
        y = w.layer_norm(x, p + "ln_1", eps)
        q, k, v = w.linear(y, p + "attn.c_attn", 3 * hidden, True, True).split(hidden, -1)
        mixed = attention(heads_of(q, heads), heads_of(k, heads), heads_of(v, heads), (hidden // heads) ** -0.5)
        x = x + w.linear(mixed, p + "attn.c_proj", hidden, True, True)
        y = gelu_tanh(w.linear(w.layer_norm(x, p + "ln_2", eps), p + "mlp.c_fc", 4 * hidden, True, True))
        x = x + w.linear(y, p + "mlp.c_proj", hidden, True, True)
    return w.layer_norm(x, "transformer.ln_f", eps) @ table.T


def opt(w, c, ids):
    heads, hidden, width = c["num_attention_heads"], c["hidden_size"], c["word_embed_proj_dim"]
    before, d = c["do_layer_norm_before"], "model.decoder."
    table = w.make(d + "embed_tokens.weight", (VOCAB, width), std=0.5)
    x = table[ids]
    if width != hidden:
        x = w.linear(x, d + "project_in", hidden)
    x = x + w.make(d + "embed_positions.weight", (c["max_position_embeddings"] + 2, hidden), std=0.5)[2:2 + len(ids)]
    for i in range(c["num_hidden_layers"]):
        p = f"{d}layers.{i}."
        first = lambda t: w.layer_norm(t, p + "self_attn_layer_norm", 1e-5)
        second = lambda t: w.layer_norm(t, p + "final_layer_norm", 1e-5)
        y = first(x) if before else x
        q, k, v = (heads_of(w.linear(y, p + f"self_attn.{n}_proj", hidden, True), heads) for n in "qkv")
        x = x + w.linear(attention(q, k, v, (hidden // heads) ** -0.5), p + "self_attn.out_proj", hidden, True)
        x = x if before else first(x)
        y = second(x) if before else x
        x = x + w.linear(F.relu(w.linear(y, p + "fc1", c["ffn_dim"], True)), p + "fc2", hidden, True)
        x = x if before else second(x)
    if before:
        x = w.layer_norm(x, d + "final_layer_norm", 1e-5)
    if width != hidden:
        x = w.linear(x, d + "project_out", width)
    return x @ table.T


def gpt_neox(w, c, ids):
    heads, hidden, eps = c["num_attention_heads"], c["hidden_size"], c["layer_norm_eps"]
    dim = hidden // heads
    frequencies = plain_frequencies(int(dim * c["rotary_pct"]), c["rotary_emb_base"])
    x = w.make("gpt_neox.embed_in.weight", (VOCAB, hidden), std=0.5)[ids]
    for i in range(c["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."
        y = w.layer_norm(x, p + "input_layernorm", eps)
        qkv = w.linear(y, p + "attention.query_key_value", 3 * hidden, True).view(len(ids), heads, 3 * dim)
        q, k, v = (t.transpose(0, 1) for t in qkv.split(dim, -1))
        mixed = attention(rotate(q, frequencies), rotate(k, frequencies), v, dim ** -0.5)
        mixed = w.linear(mixed, p + "attention.dense", hidden, True)
        source = x if c["use_parallel_residual"] else x + mixed
        y = w.layer_norm(source, p + "post_attention_layernorm", eps)
        y = F.gelu(w.linear(y, p + "mlp.dense_h_to_4h", c["intermediate_size"], True))
        y = w.linear(y, p + "mlp.dense_4h_to_h", hidden, True)
        x = x + mixed + y
    return w.linear(w.layer_norm(x, "gpt_neox.final_layer_norm", eps), "embed_out", VOCAB)


BASE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0,
            tie_word_embeddings=False, torch_dtype="float32")
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
LONG = dict(type="longrope", short_factor=[1.0, 1.1, 1.3, 1.7], long_factor=[1.0, 2.0, 4.0, 8.0])
NEOX = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=64, layer_norm_eps=1e-5, rotary_pct=0.25, rotary_emb_base=10000, hidden_act="gelu",
            tie_word_embeddings=False)
OPT = dict(vocab_size=VOCAB, hidden_size=32, ffn_dim=64, num_hidden_layers=2, num_attention_heads=4,
           max_position_embeddings=64, word_embed_proj_dim=32, do_layer_norm_before=True, activation_function="relu")


def longrope(long):
    """A sequence of TOKENS positions is longer than the original context of 16, but not than that of 32."""
    original = 16 if long else 32
    factors = torch.tensor(LONG["long_factor" if long else "short_factor"], dtype=torch.float64)
    return dict(frequencies=plain_frequencies(8, 10000.0) / factors,
                rope_factor=math.sqrt(1 + math.log(64 / original) / math.log(original)))


FAMILIES = {
    "llama": (dict(BASE, model_type="llama"), llama_like),
    "llama3-scaled": (dict(BASE, model_type="llama", rope_scaling=LLAMA3, tie_word_embeddings=True),
                      lambda w, c, ids: llama_like(w, c, ids, frequencies=llama3_frequencies(8, 10000.0, LLAMA3))),
    "llama-linear": (dict({k: v for k, v in BASE.items() if k != "rope_theta"}, model_type="llama",
                          rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=5000.0)),
                     lambda w, c, ids: llama_like(w, c, ids, frequencies=plain_frequencies(8, 5000.0) / 4)),
    "mistral": (dict(BASE, model_type="mistral", sliding_window=7, head_dim=12),
                lambda w, c, ids: llama_like(w, c, ids, windows=[7, 7])),
    "qwen2": (dict(BASE, model_type="qwen2", tie_word_embeddings=True, rope_theta=1e6),
              lambda w, c, ids: llama_like(w, c, ids, qkv_bias=True)),
    "qwen3": (dict(BASE, model_type="qwen3", head_dim=12, rms_norm_eps=1e-6),
              lambda w, c, ids: llama_like(w, c, ids, qk_norm=True)),
    "gemma": (dict(BASE, model_type="gemma", head_dim=12, tie_word_embeddings=True, hidden_act="gelu"),
              lambda w, c, ids: llama_like(w, c, ids, plus_one=True, act=gelu_tanh, embed_scale=math.sqrt(32))),
    "gemma2": (dict(BASE, model_type="gemma2", head_dim=12, tie_word_embeddings=True, sliding_window=7,
                    query_pre_attn_scalar=10, attn_logit_softcapping=5.0, final_logit_softcapping=3.0,
                    hidden_activation="gelu_pytorch_tanh"),
               lambda w, c, ids: llama_like(w, c, ids, plus_one=True, act=gelu_tanh, embed_scale=math.sqrt(32),
                                            windows=[7, None], cap=5.0, final_cap=3.0, scale=10 ** -0.5,
                                            sandwich=True)),
    "phi3": (dict(BASE, model_type="phi3"), lambda w, c, ids: llama_like(w, c, ids, fused=True)),
    "phi3-short": (dict(BASE, model_type="phi3", original_max_position_embeddings=32, rope_scaling=LONG),
                   lambda w, c, ids: llama_like(w, c, ids, fused=True, **longrope(False))),
    "phi3-long": (dict(BASE, model_type="phi3", original_max_position_embeddings=16, rope_scaling=LONG),
                  lambda w, c, ids: llama_like(w, c, ids, fused=True, **longrope(True))),
    "phi": (dict(vocab_size=VOCAB, model_type="phi", hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                 num_attention_heads=4, max_position_embeddings=64, layer_norm_eps=1e-5, partial_rotary_factor=0.5,
                 rope_theta=10000.0, hidden_act="gelu_new", tie_word_embeddings=False), phi),
    "gpt2": (dict(vocab_size=VOCAB, model_type="gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=32, n_inner=None,
                  layer_norm_epsilon=1e-5, activation_function="gelu_new"), gpt2),
    "opt": (dict(OPT, model_type="opt"), opt),
    "opt-post-norm": (dict(OPT, model_type="opt", word_embed_proj_dim=16, do_layer_norm_before=False), opt),
    "gpt-neox": (dict(NEOX, model_type="gpt_neox", use_parallel_residual=True), gpt_neox),
    "gpt-neox-serial": (dict(NEOX, model_type="gpt_neox", use_parallel_residual=False, rotary_pct=1.0), gpt_neox),
}


def gradients_of(weights, ids, logits):
    """Loss and gradients of predicting each token from those before it. Entries are evenly spaced, in stored order."""
    loss = F.cross_entropy(logits[:-1], ids[1:])
    loss.backward()
    tensors = {}
    for name, leaf in sorted(weights.leaves.items()):
        flat = leaf.grad.flatten()
        step = max(1, len(flat) // ENTRIES)
        tensors[name] = {"norm": float(f"{flat.norm().item():.9g}"), "step": step,
                         "entries": [float(f"{v:.8g}") for v in flat[::step].tolist()]}
    return {"loss": loss.item(), "tensors": tensors}


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, (config, forward) in FAMILIES.items():
        weights = Weights(name)
        ids = torch.randint(0, VOCAB, (TOKENS,), generator=weights.generator)
        logits = forward(weights, config, ids)
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        save_safetensors(folder / "model.safetensors", weights.tensors)
        expected = {"ids": ids.tolist(), "logits": [[round(v, 7) for v in row] for row in logits.tolist()]}
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        (folder / "gradients.json").write_text(json.dumps(gradients_of(weights, ids, logits)) + "\n")
        print(f"{name}: {sum(t.numel() for t in weights.tensors.values())} parameters, "
              f"logits {logits.min():.2f} to {logits.max():.2f}")


if __name__ == "__main__":
    main()
