"""How fast this machine multiplies matrices in float32, by either of torch's two kernels: the floor under any fit."""

import contextlib
import functools
import itertools
import time

import torch

#: A product of (1024, 256) with (256, 256), in floating-point operations.
OPERATIONS = 2 * 1024 * 256 * 256


@contextlib.contextmanager
def precision(name):
    """Let torch multiply by this kernel: "highest" is MKL's, "medium" may be oneDNN's."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def multiply(operations, kernel):
    """Spend so many operations on products."""
    a, b, out = torch.ones(1024, 256), torch.ones(256, 256), torch.empty(1024, 256)
    with precision(kernel):
        for _ in range(max(1, round(operations / OPERATIONS))):
            torch.mm(a, b, out=out)


@functools.cache
def rates():
    """Operations a second of both kernels, the best of several tries by turns."""
    best = {"highest": 0.0, "medium": 0.0}
    for _ in range(10):
        for kernel in best:
            start = time.perf_counter()
            multiply(10 * OPERATIONS, kernel)
            best[kernel] = max(best[kernel], 10 * OPERATIONS / (time.perf_counter() - start))
    return best


@functools.cache
def has_faster_kernel():
    """Whether oneDNN multiplies much faster than MKL here, as on some of AMD's processors: then goals are higher."""
    measured = rates()
    return measured["medium"] > 1.4 * measured["highest"]


def step_operations(batch, sizes):
    """Operations of the products of a training step through layers of these sizes."""
    pairs = [a * b for a, b in itertools.pairwise(sizes)]
    # Forward and the weights' gradients through every layer; back to the input through all but the first.
    return 2 * batch * (2 * sum(pairs) + sum(pairs[1:]))
