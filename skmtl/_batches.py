"""Batches sliced from arrays in memory: blocks of rows are gathered, cast and masked, then cut into batches."""

import functools
import itertools

import numpy as np
import scipy.sparse as sp
import torch

from ._observed import positions, times, with_data
from ._observed import totals as label_totals

#: Size of a gathered block of X in bytes: it should stay in the cache until its last batch is done.
BLOCK_BYTES = 1 << 19
#: Up to this size in bytes X is cast to the network's type once; above, nothing is copied whole.
COPY_BYTES = 1 << 25
#: Up to this size in bytes X is encoded once; above, batch by batch.
ENCODED_BYTES = 1 << 28

_TORCH_KINDS = {np.dtype(t) for t in ("f2", "f4", "f8", "u1", "i1", "i2", "i4", "i8", "?")}


class Data:
    """Inputs, encoded targets and weights of some rows; what skorch calls a dataset.

    Parameters
    ----------
    X : ndarray (n, ...) or CSR array (n, d)
        Inputs of any numeric type.
    Y : ndarray or CSR array (n, C), default=None
        Encoded targets; NaN, or not stored, where missing; columns in block order.
    weights : ndarray (n, 1), or (n, C) of the form of Y, default=None
        Weights of the labels.
    fill : ndarray (C,), default=None
        What a missing label is replaced by: any value that the losses take.
    dtype : torch.dtype, default=torch.float32
        Floating type of the batches.
    device : str, default="cpu"
        Where the batches go.
    copies : bool, default=False
        Whether a batch never shares memory with X, as a layer may write into it.
    inputs : Inputs, default=None
        Encodes rows of X; None: the network gets them as they are.
    """

    def __init__(
        self, X, Y=None, weights=None, *, fill=None, dtype=torch.float32, device="cpu", copies=False, inputs=None
    ):
        self.X, self.Y, self.weights, self.fill = X, Y, weights, fill
        self.dtype, self.device, self.copies = dtype, device, copies
        self.rows = None
        #: Fold (n,) of each row, which the member of this number does not train on; None: all train on all.
        self.folds = None
        #: Factor (n,) of the labels of each row, which makes up for how often it is drawn; None: one for all.
        self.importance = None
        self._numpy_type = np.dtype(str(dtype).removeprefix("torch."))
        self.inputs = inputs
        if inputs is not None and 4 * X.shape[0] * inputs.n_columns <= ENCODED_BYTES:
            self.X, self.inputs = inputs.encode(X).astype(self._numpy_type, copy=False), None
        elif inputs is None and not sp.issparse(X) and X.size * self._numpy_type.itemsize <= COPY_BYTES:
            self.X = np.ascontiguousarray(_cast(X, self._numpy_type))
        if Y is not None:
            self._set_scale(Y, weights)

    def subset(self, rows):
        """Return the same arrays seen through these rows; nothing is copied."""
        other = object.__new__(Data)
        other.__dict__.update(self.__dict__)
        other.rows, other.importance = rows, None
        other.__dict__.pop("_prepared", None)  # on these rows the tasks have another scale
        if self.Y is not None:
            other._set_scale(self.Y[rows], None if self.weights is None else self.weights[rows])
        return other

    def _set_scale(self, Y, weights):
        """Set the factor (C,) that makes each task's loss a mean over its labels, wherever they fall."""
        totals = label_totals(Y, weights)
        self.masked = weights is not None or sp.issparse(Y) or np.isnan(Y).any()
        self.totals = totals
        self.observed = totals > 0
        self.scale = np.divide(Y.shape[0], totals, out=np.zeros_like(totals), where=self.observed)

    @functools.cached_property
    def _prepared(self):
        """All targets filled and all weights of their cells, where they are small; else None: made block by block."""
        if not self.masked or sp.issparse(self.Y) or self.Y.nbytes > COPY_BYTES:
            return None
        return tuple(t.numpy() for t in self._mask(torch.from_numpy(self.Y), self.weights))

    @property
    def labelled(self):
        """Which labels there are, ``(n, C)`` of bool, CSR where Y is: those observed, with a weight above zero."""
        Y, weights = (a if self.rows is None or a is None else a[self.rows] for a in (self.Y, self.weights))
        if sp.issparse(Y):
            counted = np.ones(Y.nnz) if weights is None else times(weights, with_data(Y, np.ones(Y.nnz))).data
            return with_data(Y, counted > 0)
        observed = ~np.isnan(Y)
        return observed if weights is None else observed & (weights > 0)

    def __len__(self):
        return self.X.shape[0] if self.rows is None else len(self.rows)

    @functools.cached_property
    def block_rows(self):
        """How many rows make a block: of X, and of what the losses work on."""
        width = int(np.prod(self.X.shape[1:])) if self.inputs is None else self.inputs.n_columns
        width += 0 if self.Y is None else 4 * self.Y.shape[1]
        return max(1, BLOCK_BYTES // (self._numpy_type.itemsize * max(1, width)))

    def gather(self, index):
        """Return ``(x, y, m)`` of these rows: inputs, filled targets and the label weights (n, C), None if all are one.

        The mean over rows of ``m * losses`` is each task's loss. ``y`` is None where the data has no targets.
        """
        x, y, m = self._gather(index if self.rows is None else self.rows[index])
        if self.importance is not None:
            rows = torch.from_numpy(self.importance[index]).to(y).unsqueeze(1)
            m = rows.expand_as(y) if m is None else m * rows
        return x, y, m

    def _gather(self, index):
        x = self._tensor(self._take(index))
        if self.copies and isinstance(index, slice):
            x = x.clone()
        if self.Y is None:
            return x, None, None
        if sp.issparse(self.Y):
            return x, *(self._tensor(array) for array in self._scatter(index))
        if self._prepared is not None:
            return x, *(self._tensor(_rows(array, index)) for array in self._prepared)
        y = self._tensor(_rows(self.Y, index))
        if not self.masked:
            return x, y, None
        return x, *self._mask(y, None if self.weights is None else self.weights[index])

    def _mask(self, y, weights):
        """Fill the gaps of y; return it and the weights of its cells."""
        observed = ~torch.isnan(y)
        m = observed.to(y.dtype).mul_(torch.from_numpy(self.scale).to(y))
        if weights is not None:
            m.mul_(torch.from_numpy(weights).to(y))
        return torch.where(observed, y, torch.from_numpy(self.fill).to(y)), m

    def _scatter(self, index):
        """Filled targets and weights of the cells of some rows of sparse targets."""
        where, lengths = positions(self.Y.indptr, index)
        rows, columns = np.repeat(np.arange(len(lengths)), lengths), self.Y.indices[where]
        y = np.tile(self.fill.astype(self.Y.dtype, copy=False), (len(lengths), 1))
        m = np.zeros_like(y)
        y[rows, columns] = self.Y.data[where]
        m[rows, columns] = self.scale.astype(y.dtype)[columns]
        if self.weights is not None:
            of_labels = sp.issparse(self.weights)
            m[rows, columns] *= self.weights.data[where] if of_labels else self.weights[index][rows, 0]
        return y, m

    def _take(self, index):
        rows = self.X[index] if sp.issparse(self.X) else _rows(self.X, index)
        if self.inputs is not None:
            return self.inputs.encode(rows)
        return rows.toarray() if sp.issparse(rows) else rows

    def _tensor(self, array):
        if array.dtype not in _TORCH_KINDS:
            array = _cast(array, self._numpy_type)
        if not array.flags.writeable:  # torch takes none
            array = array.copy()
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if array.dtype == self._numpy_type and self.device == "cpu":
            return tensor
        return tensor.to(device=self.device, dtype=self.dtype)


def _rows(array, index):
    # take() is fast, but would copy an array of another layout first.
    return array.take(index, axis=0) if array.flags.c_contiguous and not isinstance(index, slice) else array[index]


def _cast(array, dtype):
    with np.errstate(over="ignore"):  # what is too large for float32 shows in the losses, and is reported there
        return array.astype(dtype, copy=False)


def split(tensor, sizes):
    """Cut a tensor into batches; less ado than ``tensor.split``."""
    return torch.split_with_sizes(tensor, sizes)


class Batches:
    """Walks over the rows in batches; what skorch calls an iterator.

    Parameters
    ----------
    data : Data
        What to walk over.
    batch_size : int
        Rows a batch.
    order : callable, default=None
        Returns the order of the rows of an epoch; None: as they come.
    merge_single : bool, default=False
        Whether a last batch of one row joins the batch before it.
    """

    n_members = 1

    def __init__(self, data, batch_size, order=None, merge_single=False):
        self.data, self.batch_size, self.order = data, min(batch_size, len(data)), order
        self._n = len(data)
        self._set_stop(merge_single)

    def _set_stop(self, merge_single):
        n, size = self._n, self.batch_size
        self._stop = n - 1 if merge_single and size > 1 and n % size == 1 and n > size else n

    def blocks(self):
        """Yield ``(x, y, m, sizes)``: the rows of several batches, and where to cut them."""
        order = None if self.order is None else self.order()
        for start, stop, sizes in self._cuts:
            index = slice(start, stop) if order is None else order[start:stop]
            yield *self.data.gather(index), sizes

    @functools.cached_property
    def _cuts(self):
        """Where a block begins and ends, and the rows of its batches."""
        n, size, cuts = self._n, self.batch_size, []
        step = max(1, self.data.block_rows // (size * self.n_members)) * size
        for start in range(0, self._stop, step):
            stop = min(start + step, self._stop)
            sizes = [min(size, stop - i) for i in range(start, stop, size)]
            if stop == self._stop and stop < n:
                sizes[-1], stop = sizes[-1] + 1, n
            cuts.append((start, stop, sizes))
        return cuts

    def __iter__(self):
        """Yield ``(x, (y, m))``, a batch at a time."""
        for x, y, m, sizes in self.blocks():
            masks = [None] * len(sizes) if m is None else split(m, sizes)
            for batch in zip(split(x, sizes), split(y, sizes), masks, strict=True):
                yield batch[0], batch[1:]

    def __len__(self):
        return -(-self._stop // self.batch_size)


class MemberBatches(Batches):
    """Walks over the rows of several members at once: each batch holds theirs one after the other.

    Parameters
    ----------
    data : Data
        What to walk over.
    batch_size : int
        Rows a batch and member.
    orders : callable
        Returns the rows of an epoch, ``(K, m)``.
    n_members : int
        K.
    n_rows : int
        m, the rows that each member visits.
    merge_single : bool, default=False
        As of `Batches`.
    """

    def __init__(self, data, batch_size, orders, n_members, n_rows, merge_single=False):
        self.data, self.batch_size, self.order = data, min(batch_size, n_rows), orders
        self.n_members, self._n = n_members, n_rows
        self._set_stop(merge_single)

    def blocks(self):
        """Yield ``(x, y, m, sizes)``: the rows of several batches, and where to cut them."""
        orders = self.order()
        for start, _, sizes in self._cuts:
            stops = np.cumsum([start, *sizes])
            index = [orders[:, a:b].ravel() for a, b in itertools.pairwise(stops)]
            yield *self.data.gather(np.concatenate(index)), [self.n_members * size for size in sizes]
