"""Conditioned: one network for all tasks, which is told the task."""

from numbers import Integral

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn
from torch.nn import functional

from .._component import nearest
from ._base import Architecture
from ._descriptors import Descriptors
from ._injections import INJECTIONS, Untold
from ._layers import linear_layers

_CONTEXTS = ("one_hot", "embedding")


class Conditioned(Architecture):
    r"""One dense trunk for all tasks, which is told the task by a code :math:`z_t`.

    The trunk has the layers `hidden_layer_sizes` of the estimator, each followed by its `activation` and `dropout`.
    Where a layer :math:`h` is told the task, what is above it sees one of these instead, by `injection`:

    - "concatenate": :math:`[h, z_t]`, as csMTL [1]_ does with the input;
    - "add": :math:`h + A z_t`;
    - "multiply": :math:`(1 + S z_t) \odot h + A z_t`, the scale and shift of FiLM [2]_;
    - "gate": :math:`2 \sigma(G z_t) \odot h`, which LHUC [3]_ does with unit vectors.

    Parameters
    ----------
    context : {"one_hot", "embedding"} or array-like of shape (T, k), default="one_hot"
        The code of a task: its unit vector, so that nothing is known of it; a vector that is learned; or descriptors
        that you have of it, such as a school's size or the properties of a molecule: an array with rows in the order of
        y's columns, or a DataFrame indexed by task name. Descriptors are standardised over the tasks; one that is the
        same for all tasks is ignored.
    injection : {"concatenate", "add", "multiply", "gate"}, default="concatenate"
        What the code does, as above.
    layers : {"all", "input"} or tuple of int, default="all"
        Which layers are told: 0 is the input, i the output of hidden layer i. "all" leaves the last one out if tasks
        have heads of their own, which make up for whatever is told there.
    embedding_size : int, default=8
        Length of the code, if it is learned.
    heads : {"own", "shared"}, default="own"
        A head for each task, or one for all, so that tasks differ by their codes alone. They must be of one kind then.

    See Also
    --------
    HardSharing : The same trunk, told nothing.

    Notes
    -----
    All maps of the code begin at zero: at first the trunk is that of `HardSharing`, and tasks part as far as it pays.
    The penalty `alpha` is on these maps, too: it holds the tasks together. Tasks with the same code are predicted alike
    by a shared head. Gates on unit vectors can cut the trunk into separate networks.

    The trunk is shared. The maps of unit vectors have a row for each task, so these are task-specific, as learned codes
    are; the maps of learned codes and of descriptors are shared. For each layer that is told there are as many
    parameters as the code is long (T of unit vectors) times the units of the layer; twice that to multiply; and to
    concatenate, times the units of the layer above.

    From the first layer that is told on, all is computed for each task: up to T times the work of `HardSharing`.
    Concatenation and addition at the input leave the product of the first layer as it is.

    With descriptors and a shared head the model also predicts tasks that it has seen no label of [4]_:
    `predict_new_tasks` of the estimators.

    References
    ----------
    .. [1] Silver, Poirier and Currie (2008). Inductive transfer with context-sensitive neural networks. Machine
       Learning 73.
    .. [2] Perez, Strub, de Vries, Dumoulin and Courville (2018). FiLM: Visual reasoning with a general conditioning
       layer. AAAI.
    .. [3] Swietojanski and Renals (2014). Learning hidden unit contributions for unsupervised speaker adaptation of
       neural network acoustic models. SLT.
    .. [4] Bonilla, Agakov and Williams (2007). Kernel multi-task learning using task-specific features. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import Conditioned
    >>> X = np.linspace(-3, 3, 60).reshape(-1, 1)
    >>> places = np.array([[-1.0], [-0.5], [0.0], [0.5], [1.0]])
    >>> Y = np.tanh(X - places.T)
    >>> trunk = Conditioned(places, heads="shared")
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(16, 8), solver="lbfgs", tol=0.01).fit(X, Y)
    >>> new = model.predict_new_tasks(X, [[0.2]])[:, 0]
    >>> bool(np.abs(new - np.tanh(X[:, 0] - 0.2)).max() < 0.3)
    True
    """

    _parameter_constraints = {
        "context": [str, "array-like"],
        "injection": [StrOptions(set(INJECTIONS))],
        "layers": [StrOptions({"all", "input"}), tuple, list],
        "embedding_size": [Interval(Integral, 1, None, closed="left")],
        "heads": [StrOptions({"own", "shared"})],
    }

    def __init__(self, context="one_hot", injection="concatenate", layers="all", embedding_size=8, heads="own"):
        self.context = context
        self.injection = injection
        self.layers = layers
        self.embedding_size = embedding_size
        self.heads = heads

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the layers, and the codes."""
        self._validate_params()
        told = self._told(len(hidden_layer_sizes))
        self.activation, self.dropout = activation, dropout
        self.trunk = linear_layers(n_features, hidden_layer_sizes, activation.gain)
        n_codes = self._make_codes(n_tasks)
        widths = [n_features, *hidden_layer_sizes, None]
        self.injections = nn.ModuleList(
            (INJECTIONS[self.injection] if i in told else Untold)(n_codes, widths[i], widths[i + 1])
            for i in range(len(widths) - 1)
        )
        return self

    def _told(self, n_layers):
        """Numbers of the layers that are told the task."""
        if self.layers == "all":
            return range(n_layers + (self.heads == "shared"))
        layers = (0,) if self.layers == "input" else self.layers
        if not layers:
            raise ValueError(f"layers={self.layers!r} of Conditioned tells no layer the task; name one, or pass 'all'.")
        for layer in layers:
            if not isinstance(layer, Integral) or not 0 <= layer <= n_layers:
                raise ValueError(
                    f"layers={self.layers!r} of Conditioned has {layer!r}, but the trunk's layers are 0, its input, to "
                    f"{n_layers}, its last: hidden_layer_sizes has {n_layers} of them."
                )
        return layers

    def _make_codes(self, n_tasks):
        """Make the codes, and return their length."""
        self._descriptors = self.embedding = None
        self.register_buffer("_standardized", None, persistent=False)
        if self._has_descriptors:
            self._descriptors = Descriptors(
                self.context, self.n_columns or n_tasks, self.task_names, self.task_positions
            )
            self._standardized = torch.as_tensor(self._descriptors.values, dtype=torch.get_default_dtype())
            return self._standardized.shape[1]
        if self.context not in _CONTEXTS:
            raise ValueError(
                f"The 'context' parameter of Conditioned must be one of {list(_CONTEXTS)}, or the descriptors of the "
                f"tasks; got {self.context!r}.{nearest(self.context, _CONTEXTS)}"
            )
        if self.context == "one_hot":
            return n_tasks
        self.embedding = nn.Parameter(torch.randn(n_tasks, self.embedding_size))
        return self.embedding_size

    @property
    def _has_descriptors(self):
        return not isinstance(self.context, str)

    @property
    def _codes(self):
        """Codes ``(T, k)``; None for unit vectors."""
        return self._standardized if self.embedding is None else self.embedding

    def forward(self, X):
        """Return the representation of each task ``(n, T, d)``, or ``(n, d)`` where no layer is told the task."""
        return self._represent(X, self._codes)

    def _represent(self, H, z):
        *injections, last = self.injections
        for injection, layer in zip(injections, self.trunk, strict=True):
            H = self.activation.function(injection.sums(H, z, layer))
            H = functional.dropout(H, self.dropout, self.training)
        return last(H, z)

    def shared_parameters(self):
        """Return all parameters but those with a row for each task."""
        rows = self.injections.parameters() if self._codes is None else [self.embedding]
        own = set(map(id, rows))
        return [p for p in self.parameters() if id(p) not in own]

    @property
    def can_represent_new_tasks(self):
        """Whether tasks are told by descriptors, and their heads shared."""
        return self._has_descriptors and self.heads == "shared"

    def represent_tasks(self, X, descriptors):
        """Return the representation for tasks that the trunk was not trained for.

        Parameters
        ----------
        X : tensor (n, n_features)
            A batch.
        descriptors : array-like or DataFrame of shape (m, k)
            A row for each of m new tasks, with the columns of `context`, in its units.

        Returns
        -------
        Z : tensor (n, m, d)
            One representation for each new task.

        Raises
        ------
        ValueError
            If tasks are not told by descriptors, or have heads of their own; or if these descriptors do not fit.
        """
        if not self.can_represent_new_tasks:
            raise ValueError(
                "New tasks need Conditioned(context=<descriptors of the tasks>, heads='shared'); this one has "
                f"context={'<descriptors>' if self._has_descriptors else repr(self.context)}, heads={self.heads!r}."
            )
        z = self._descriptors.of_new_tasks(descriptors)
        return self._represent(X, torch.as_tensor(z, dtype=self._standardized.dtype, device=X.device))
