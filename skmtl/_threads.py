"""How the arithmetic is run: threads where they pay, the faster of two kernels where it is as exact."""

import contextlib
import functools

import torch
from threadpoolctl import ThreadpoolController

#: Below this many multiply-adds a step, a second thread costs more than it does.
_THREADED_OPERATIONS = 50_000_000
#: Smallest matrix product, in multiply-adds, for which the switch of kernels pays; below it costs.
_LARGE_PRODUCT = 2_000_000
#: Narrow matrices gain nothing.
_WIDE = 64


def one_blas_thread():
    """Run NumPy's and SciPy's products in one thread: theirs are of small matrices, where others only wait and spin.

    SciPy's L-BFGS took ten times as long with two threads, on a machine that had other work.
    """
    return _libraries().limit(limits=1, user_api="blas")


@functools.cache
def _libraries():
    return ThreadpoolController()  # looks for them, which takes milliseconds


@contextlib.contextmanager
def numerics(sizes, rows):
    """Run training steps of so many rows with the threads, and the kernel, that suit them; put both back afterwards.

    Parameters
    ----------
    sizes : list of (int, int)
        Shapes of the matrices that the rows are multiplied by.
    rows : int
        Rows a step.
    """
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    products = [rows * a * b for a, b in sizes]
    single = threads > 1 and 3 * sum(products) < _THREADED_OPERATIONS
    wide = [product for product, size in zip(products, sizes, strict=True) if min(size) >= _WIDE]
    switch = max(wide, default=0) >= _LARGE_PRODUCT and _alternative_pays()
    try:
        if single:
            torch.set_num_threads(1)
        if switch:
            torch.set_float32_matmul_precision("medium")
        yield
    finally:
        if single:
            torch.set_num_threads(threads)
        if switch:
            torch.set_float32_matmul_precision(precision)


@functools.cache
def _alternative_pays():
    """Whether this processor is one on which torch's other float32 kernel is faster, and as exact.

    Torch multiplies by MKL, which keeps to older instructions on processors that are not Intel's; oneDNN does not. It
    was 1.6 to 1.9 times as fast on AMD's Zen 5, and no faster on Zen 4. This is decided by what the machine is and
    never by a clock, so that results can be repeated.
    """
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()) or not _is_zen_5():
        return False
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(256, 256, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        error = ((a @ b).double() - exact).abs().max() / exact.abs().max()
    finally:
        torch.set_float32_matmul_precision(before)
    return bool(error < 1e-5)


def _is_zen_5():
    """Whether the processor is AMD's of family 26 or later, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line.split(":") for line in file.read().split("\n\n")[0].splitlines()]
    except OSError:
        return False
    facts = {parts[0].strip(): parts[1].strip() for parts in lines if len(parts) == 2}
    return facts.get("vendor_id") == "AuthenticAMD" and int(facts.get("cpu family", 0)) >= 26
