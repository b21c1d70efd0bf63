"""CategoryTables: a category of many labels enters a network as a row of a table, which is trained with all else."""

import torch
from torch import nn
from torch.nn import functional

#: A row has so many columns for each task, and not less or more than these in all.
_COLUMNS_PER_TASK, _LEAST_COLUMNS, _MOST_COLUMNS = 4, 8, 16
#: Standard deviation of the rows before training.
_SCALE = 0.1


class CategoryTables(nn.Module):
    """Put rows of learned tables in the place of codes.

    The tables lie one below the other in one matrix. The last row of each is for labels that are not among the training
    rows, where none of these was rare. It begins as zeros, and stays that as long as no such label is learned from.

    Parameters
    ----------
    n_codes : sequence of int
        Number of codes in each of the last columns of a batch.
    n_tasks : int
        Tasks that the rows must do for: they have four columns a task, but not less than 8, nor more than 16.

    References
    ----------
    Guo & Berkhahn, *Entity Embeddings of Categorical Variables*, 2016, https://arxiv.org/abs/1604.06737. There the
    number of columns is chosen for each table by hand.
    """

    def __init__(self, n_codes, n_tasks):
        super().__init__()
        n_rows = torch.tensor(n_codes) + 1
        stops = n_rows.cumsum(0)
        #: First row of each table.
        self.register_buffer("first", stops - n_rows, persistent=False)
        width = min(max(_COLUMNS_PER_TASK * n_tasks, _LEAST_COLUMNS), _MOST_COLUMNS)
        self.weight = nn.Parameter(torch.empty(int(stops[-1]), width).normal_(0.0, _SCALE))
        self.weight.data[stops - 1] = 0.0

    def forward(self, X):
        """From a batch with codes ``(n, d + c)`` to one with rows of the tables ``(n, d + c * width)``."""
        n_columns = len(self.first)
        rows = functional.embedding(X[:, -n_columns:].long() + self.first, self.weight)
        return torch.cat([X[:, :-n_columns], rows.flatten(1)], dim=1)


class TablesInTraining:
    """Tables of a network, or of several members at once, with the chain rule written out.

    Parameters
    ----------
    tables : CategoryTables
        Of the network, or of the first member.
    values, gradients : tensors (K N, width)
        N rows of the tables of each of K members, and the gradients in these.
    """

    def __init__(self, tables, values, gradients):
        self._values, self._gradients = values, gradients
        members = torch.arange(0, len(values), len(tables.weight), device=values.device)
        self._first = tables.first + members.view(-1, 1, 1)
        self._rows = None  # of the last batch, for `backward`

    def forward(self, X):
        """As of `CategoryTables`, for a batch with the rows of all members one after the other."""
        n_members, _, n_columns = self._first.shape
        codes = X[:, -n_columns:].reshape(n_members, -1, n_columns).long()
        self._rows = (codes + self._first).view(-1)
        rows = self._values.index_select(0, self._rows)
        return torch.cat([X[:, :-n_columns], rows.view(len(X), -1)], dim=1)

    def backward(self, slope, weight, decay, accumulate=False):
        """Set the gradients.

        Parameters
        ----------
        slope : tensor (n, h) or (K, n, h)
            Slope of the objective in the sums of the first layer.
        weight : tensor (h, q) or (K, h, q)
            Of that layer.
        decay, accumulate : float, bool
            As of `Network.backward`.
        """
        if not accumulate:
            torch.mul(self._values, decay, out=self._gradients)
        pulled = torch.matmul(slope, self._behind(weight))
        self._gradients.index_add_(0, self._rows, pulled.view(-1, self._values.shape[1]))

    def task_gradients(self, slopes, weight, decay=0.0):
        """Return the gradients of each column's part of the objective, as of `ParameterGradients`; of one network.

        Parameters
        ----------
        slopes : tensor (n, C, h)
            Slope of each part in the sums of the first layer, for the first n rows of the batch.
        weight : tensor (h, q)
            Of that layer.
        decay : float
            As of `Network.backward`.
        """
        pulled = torch.matmul(slopes.transpose(0, 1), self._behind(weight)).view(
            slopes.shape[1], -1, self._values.shape[1]
        )
        each = pulled.new_zeros(len(pulled), *self._values.shape).index_add_(1, self._rows[: pulled.shape[1]], pulled)
        return each.flatten(1), self._values.view(-1), decay, self._gradients.view(-1)

    def _behind(self, weight):
        """Weights of the inputs that the rows are."""
        return weight[..., -self._first.shape[-1] * self._values.shape[1] :]
