"""ArchitectureSummary: what a network takes, beside separate networks for its tasks."""


class ArchitectureSummary:
    """Parameters of a network and its multiply-adds a row, part by part, and what separate networks would take.

    Parameters
    ----------
    parameters : dict of str to int
        Trained numbers of each part: of what two tasks or more share, of what belongs to single tasks, of the heads;
        of the network as a whole; and of T networks with a trunk of the same layers each.
    multiply_adds : dict of str to int
        Multiply-adds of a row through trunk, heads, network and separate networks: in products of matrices, and in
        convolutions.

    See Also
    --------
    ArchitectureSummary.frame : The table as a pandas DataFrame.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01).fit(X, Y)
    >>> model.architecture_summary_
                         parameters  multiply-adds
    shared by tasks              52
    of single tasks               0
    trunk                        52             40
    heads                        10              8
    network                      62             48
    separate networks           114             88
    """

    def __init__(self, parameters, multiply_adds):
        self.parameters, self.multiply_adds = parameters, multiply_adds

    def frame(self):
        """Return the table as a DataFrame.

        Returns
        -------
        frame : DataFrame
            A row a part; needs pandas.
        """
        import pandas as pd

        columns = {"parameters": self.parameters, "multiply-adds": self.multiply_adds}
        return pd.DataFrame(columns, index=list(self.parameters), dtype="Int64")

    def __repr__(self):
        width = max(map(len, self.parameters))
        lines = [" " * width + f"  {'parameters':>12}  {'multiply-adds':>13}"]
        for part, count in self.parameters.items():
            products = self.multiply_adds.get(part)
            lines.append(f"{part:<{width}}  {count:>12,}" + ("" if products is None else f"  {products:>13,}"))
        return "\n".join(lines)
