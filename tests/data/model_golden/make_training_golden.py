#!/usr/bin/env python3
"""Makes training.json: 20 steps of quantization-aware training of the tiny llama beside it, by PyTorch.

The fake quantizers, their straight-through gradients and the schedule are written here from their papers (LSQ, LSQ+), in
F64; gradients are autograd's and the optimizer is torch.optim.AdamW. Shares no code with QuantScope.

Usage: make_training_golden.py [FOLDER]
"""
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

import make_golden

STEPS, WARM_UP, WINDOWS, LENGTH, BITS, GROUP = 20, 4, 4, 16, 3, 16
RATE, STEP_RATE, NORM_RATE, DECAY, CLIP = 0.004, 0.004, 0.01, 0.1, 0.5
TOP = 2 ** BITS - 1


class FakeQuantize(torch.autograd.Function):
    """w [out, groups, group], s and z [out, groups, 1]; codes 0..TOP around the rounded zero point."""

    @staticmethod
    def forward(ctx, w, s, z):
        whole = torch.round(z).clamp(0, TOP)
        code = torch.round(w / s) + whole
        ctx.save_for_backward(w, s, whole, code)
        return (code.clamp(0, TOP) - whole) * s

    @staticmethod
    def backward(ctx, grad):
        w, s, whole, code = ctx.saved_tensors
        below, above = code < 0, code > TOP
        inside = ~(below | above)
        slope = torch.where(below, -whole, torch.where(above, TOP - whole, torch.round(w / s) - w / s))
        return (grad * inside, (grad * slope).sum(-1, keepdim=True),
                (-grad * s * ~inside).sum(-1, keepdim=True))


def rtn(w):
    """Round-to-nearest grids of groups: the range holds 0, the zero point is whole."""
    low, high = w.amin(-1, keepdim=True).clamp(max=0), w.amax(-1, keepdim=True).clamp(min=0)
    s = (high - low) / TOP
    return s, torch.round(-low / s).clamp(0, TOP)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    config, forward = make_golden.FAMILIES["llama"]
    weights = make_golden.Weights("llama")
    first = torch.randint(0, make_golden.VOCAB, (make_golden.TOKENS,), generator=weights.generator)
    forward(weights, config, first)  # makes the same tensors as make_golden.py
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(0, make_golden.VOCAB, (WINDOWS, LENGTH), generator=generator)
    names = sorted(weights.tensors)
    linears = [n for n in names if "proj" in n]
    norms = [n for n in names if "norm" in n]
    original = {n: weights.tensors[n].double() for n in names}
    teacher = []
    with torch.no_grad():
        for window in ids:
            teacher.append(forward(weights, config, window[:-1]).log_softmax(-1))

    # Each parameter is unit · u, so that AdamW's rate is relative to the unit.
    parameters, groups = {}, {"w": [], "s": [], "n": []}

    def add(key, name, value, unit):
        u = (value / unit).detach().requires_grad_()
        parameters[(key, name)] = (u, unit)
        groups["n" if key == "n" else "w" if key == "w" else "s"].append(u)

    for name in linears:
        w = original[name].view(original[name].shape[0], -1, GROUP)
        s, z = rtn(w)
        add("w", name, w, s)
        add("s", name, s, s)
        add("z", name, z, torch.full_like(s, TOP))
    for name in norms:
        add("n", name, original[name], original[name].abs())
    optimizer = torch.optim.AdamW([{"params": groups["w"], "weight_decay": DECAY, "rate": RATE},
                                   {"params": groups["s"], "weight_decay": 0.0, "rate": STEP_RATE},
                                   {"params": groups["n"], "weight_decay": 0.0, "rate": NORM_RATE}], lr=1.0)
    losses, lengths = [], []
    for step in range(STEPS):
        share = (step + 1) / WARM_UP if step < WARM_UP else 0.5 * (
            1 + math.cos(math.pi * (step - WARM_UP) / (STEPS - WARM_UP)))
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * share
        live = dict(original)
        for name in linears:
            w, s, z = (parameters[(key, name)][0] * parameters[(key, name)][1] for key in "wsz")
            live[name] = FakeQuantize.apply(w, s, z).view_as(original[name])
        for name in norms:
            live[name] = parameters[("n", name)][0] * parameters[("n", name)][1]
        weights.leaves = live
        loss = 0
        for window, expected in zip(ids, teacher):
            got = forward(weights, config, window[:-1]).log_softmax(-1)
            loss = loss + (expected.exp() * (expected - got)).sum(-1).mean() / WINDOWS
        optimizer.zero_grad()
        loss.backward()
        length = math.sqrt(sum((u.grad / unit).pow(2).sum().item() for u, unit in parameters.values()))
        for u, _ in parameters.values():
            u.grad.mul_(min(1.0, CLIP / length))
        optimizer.step()
        losses.append(loss.item())
        lengths.append(length)
    result = {"ids": ids.tolist(), "bits": BITS, "group_size": GROUP, "warm_up": WARM_UP, "rate": RATE,
              "step_rate": STEP_RATE, "norm_rate": NORM_RATE, "weight_decay": DECAY, "clip": CLIP, "losses": losses,
              "lengths": lengths}
    (folder / "training.json").write_text(json.dumps(result) + "\n")
    print("losses", " ".join(f"{v:.4f}" for v in losses))
    print("lengths", " ".join(f"{v:.3f}" for v in lengths))


if __name__ == "__main__":
    main()
