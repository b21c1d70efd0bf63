"""From encoded labels to what a network trains on: weights, and the rows that are held out to be watched."""

import numpy as np
import torch

from .._batches import Data
from .._blocks import task_order
from .._columns import listing
from .._label_weights import class_factors
from .._observed import counts_at_all, take_columns, times
from .._presets import n_folds
from .._stratify import assign_folds, holdout, label_sets


class TrainingDataMixin:
    """The part of an estimator that decides which labels count, and which rows are for what."""

    def _label_weights(self, targets, values, sample_weight):
        """Sample and class weights as one array (n, 1) or (n, T); None where all are one."""
        weights = targets.label_weights(sample_weight, values)
        class_weight = targets.select(getattr(self, "class_weight", None), "class_weight")
        if class_weight is None:
            return weights
        factors = class_factors(class_weight, values, targets.names, targets.classes)
        return factors if weights is None else times(weights, factors)

    def _check_labels(self, targets, values, weights, all_tasks):
        """Every task needs a label that counts; with `all_tasks` False (partial_fit), the batch needs one at all."""
        if weights is None and all_tasks:
            return  # Targets.fit has seen to it
        labelled = counts_at_all(values, weights)
        if all_tasks and not labelled.all():
            empty = [name for name, some in zip(targets.names, labelled, strict=True) if not some]
            raise ValueError(
                f"Every label of task(s) {listing(empty)} has weight 0: sample_weight leaves nothing to train them on."
            )
        if not labelled.any():
            raise ValueError("y has no observed label: every one is missing, or has weight 0.")

    def _split(self, X, values, weights, rng, is_known=False):
        """Data to train on and, with early stopping, rows to watch; `is_known`: the network may know the rows."""
        targets, net = self._targets, self.net_
        order = task_order(self._blocks)
        dtype = np.float64 if net.module_.dtype == torch.float64 else np.float32
        Y = take_columns(targets.scale_values(values, dtype), order)
        if weights is not None:
            weights = take_columns(weights.astype(dtype), order) if weights.shape[1] > 1 else weights.astype(dtype)
        fill = np.array([1.0 if self._losses[t].scaling == "mean" else 0.0 for t in order], dtype=dtype)
        fill[[targets.classes[t] is not None for t in order]] = 0.0
        module = net.module_
        settings = {"dtype": module.dtype, "device": net.device, "copies": module.writes_input, "inputs": self._inputs}
        data = Data(X, Y, weights, fill=fill, **settings)
        # Folds that no member has ever seen its own of; None where there are none.
        unseen, self._fold_of_row = self.__dict__.get("_fold_of_row"), None
        if not net.stopping.early:
            return data, None
        if self._settings.n_members > 1:
            if is_known and unseen is not None and len(unseen) == len(data):
                data.folds = self._fold_of_row = unseen
            else:
                data.folds = self._folds(values, targets.kinds, rng)
                self._fold_of_row = None if is_known else data.folds
            rows = np.flatnonzero(data.folds >= 0)
            watched = data.subset(rows)
            watched.folds = data.folds[rows]
            self._check_split(targets, order, data, watched)
            return data, watched
        trained, watched = holdout(values, targets.kinds, self._settings.validation_fraction, rng)
        train, valid = data.subset(trained), data.subset(watched)
        self._check_split(targets, order, train, valid)
        return train, valid

    def _folds(self, values, kinds, rng):
        """Fold of each row, the rows that one member does not train on; -1 for all train on it."""
        n = self._settings.n_members
        if values.shape[0] < 2 * n:
            raise ValueError(
                f"n_members={n} needs at least {2 * n} rows, of which each member leaves out its own share; got "
                f"{values.shape[0]}. Decrease n_members, or set early_stopping=False."
            )
        folds = assign_folds(values, kinds, n_folds(n, values.shape[0]), rng)
        folds[folds >= n] = -1
        strata = label_sets(values, kinds)[0].tocsc()
        is_single = np.diff(strata.indptr) == 1  # of a class, or of a task: no member can do without it
        folds[strata[:, is_single].indices] = -1
        return folds

    def _check_split(self, targets, order, train, valid):
        """The split must leave something to learn from and something to watch."""
        net = self.net_
        lost = [targets.names[t] for t, some in zip(order, train.observed, strict=True) if not some]
        if lost:
            raise ValueError(
                f"The validation split leaves task(s) {listing(lost)} without a label to train on. Decrease "
                f"validation_fraction={self._settings.validation_fraction}, or set early_stopping=False."
            )
        seen = {t for t, some in zip(order, valid.observed, strict=True) if some}
        main = net.stopping.main_task
        if (main is not None and main not in seen) or seen.isdisjoint(net.criterion_.trained_tasks):
            who = f"main_task {targets.names[main]!r}" if main is not None else "any trained task"
            more = f"Increase validation_fraction={self._settings.validation_fraction}, or set"
            how = more if self._settings.n_members == 1 else "Set"
            raise ValueError(f"The validation split has no label of {who} to watch. {how} early_stopping=False.")
