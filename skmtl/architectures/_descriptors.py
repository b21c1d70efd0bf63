"""Descriptors: what the user knows of each task, from a table to standardised numbers in the order of the tasks."""

import numpy as np

from .._columns import listing
from .._component import nearest


class Descriptors:
    """Descriptors of the tasks, standardised over the tasks.

    A column that is the same for all of them says nothing: it becomes zero, for new tasks too.

    Parameters
    ----------
    table : array-like (n_columns, k) or DataFrame indexed by task name
        Of an array, a row for each column of y; of a DataFrame, whatever rows there are besides those of the tasks.
    n_columns : int
        Number of columns of y.
    names, positions : tuple of length T
        As of `Architecture`; empty if the rows are the tasks.
    """

    def __init__(self, table, n_columns, names, positions):
        self.columns = list(table.columns) if _is_frame(table) else None
        values = _numbers(_rows_of(table, n_columns, names, positions))
        self.mean, spread = values.mean(axis=0), values.std(axis=0)
        self._factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=np.ptp(values, axis=0) > 0)
        self.values = self._standardize(values)

    def of_new_tasks(self, table):
        """From the descriptors of m tasks, an array or a DataFrame, to the standardised ones ``(m, k)``."""
        if self.columns is not None and _is_frame(table):
            table = self._in_order(table)
        values = _numbers(table)
        if values.shape[1] != len(self.mean):
            raise ValueError(
                f"The tasks were trained with {len(self.mean)} descriptor(s) each; those of the new tasks have shape "
                f"{values.shape}. Pass one row a new task, with the columns of `context`."
            )
        return self._standardize(values)

    def _standardize(self, values):
        return (values - self.mean) * self._factor

    def _in_order(self, table):
        missing = [name for name in self.columns if name not in table.columns]
        if missing:
            raise ValueError(
                f"The descriptors of the new tasks lack the column(s) {listing(missing)} of `context`."
                f"{nearest(missing[0], table.columns)}"
            )
        return table[self.columns]


def _is_frame(table):
    """Whether rows go by name; of pandas, which is never imported."""
    return hasattr(table, "reindex")


def _rows_of(table, n_columns, names, positions):
    """Rows of the tasks."""
    if _is_frame(table) and names:
        return _named_rows(table, names)
    if len(table) != n_columns:
        raise ValueError(
            f"An array passed as 'context' must have a row for each column of y: {n_columns}; it has {len(table)}. "
            "A DataFrame indexed by task name may have more."
        )
    return np.asarray(table)[list(positions)] if positions else table


def _named_rows(table, names):
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()]
        raise ValueError(f"The DataFrame passed as 'context' has more than one row for {listing(twice.unique())}.")
    missing = [name for name in names if name not in table.index]
    if missing:
        raise ValueError(
            f"The DataFrame passed as 'context' has no row for the task(s) {listing(missing)}; its index has "
            f"{listing(table.index)}.{nearest(missing[0], table.index)} Index it by task name, or pass an array with "
            "rows in the order of y's columns."
        )
    return table.loc[list(names)]


def _numbers(table):
    """Table of finite float64 numbers, with rows and columns."""
    try:
        values = np.asarray(table, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Descriptors of tasks must be numbers: {error}. Encode categories, by OneHotEncoder for example."
        ) from error
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(
            f"Descriptors of tasks must have one row a task and one column a descriptor; got shape {values.shape}. "
            "Give a single descriptor as a column, by reshape(-1, 1)."
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        rows = table.index[bad] if _is_frame(table) else bad.tolist()
        raise ValueError(f"The descriptors of the task(s) {listing(rows)} are NaN or infinite. Impute them first.")
    return values
