"""Fits that differ by the weights of the tasks alone, made at once."""

import copy
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _num_samples

from .._blocks import task_order
from .._candidates import Candidate, can_be_stacked, train_candidates
from .._label_weights import static_weights
from ..sampling import RowSampling


class CandidatesMixin:
    """The part of an estimator that a search over task weights asks for."""

    def fit_candidates(self, X, y, task_weights, sample_weight=None):
        """Fit a copy of this estimator for each of several task weights, all side by side.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets, as in `fit`.
        task_weights : list
            What the parameter `task_weights` is to be.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            As in `fit`.

        Returns
        -------
        fitted : list of estimators or exceptions, or None
            What `fit` would have made of each: an estimator that predicts, without a history, or the error that `fit`
            would have raised. None where such networks cannot be trained side by side.

        Raises
        ------
        ValueError
            If the data or a parameter are such that none can be fitted.
        """
        if not self._may_be_stacked():
            return None
        template = clone(self).set_params(task_weights=None, verbose=False)
        template._validate_params()
        settings = template._resolve_settings(_num_samples(X), once=False)
        if settings.n_members > 1 or settings.solver == "lbfgs":  # known before anything is set up
            return None
        train, valid = template._prepare(X, y, sample_weight)
        net = template.net_
        if not can_be_stacked(net.module_, net.criterion_):
            return None
        net.batch_size = template._batch_rows(len(train))
        made, different = [], {}
        for weights in task_weights:
            candidate = template._candidate(weights, train, valid)
            if isinstance(candidate, Candidate):  # the same weights in other words are the same network, digit by digit
                candidate = different.setdefault(tuple(candidate.criterion_.share.tolist()), candidate)
            made.append(candidate)
        candidates = list(different.values())
        if candidates:
            train_candidates(net, candidates, train, valid, template._most_epochs)
        template._warn_of_cut_off(candidates)
        template.verbose = self.verbose
        return [
            template._as_fitted(candidate, weights) if isinstance(candidate, Candidate) else candidate
            for candidate, weights in zip(made, task_weights, strict=True)
        ]

    def _may_be_stacked(self):
        """What can be said before there are data."""
        plain = self.aggregator is None and not self.callbacks and not self.warm_start and str(self.device) == "cpu"
        return plain and not self._fits_in_its_own_way() and isinstance(self._sampling(), RowSampling)

    def _fits_in_its_own_way(self):
        """Whether this is of a class of the user's, with another `fit`."""
        owner = next(kind for kind in type(self).__mro__ if "fit" in vars(kind))
        return owner.__module__.partition(".")[0] != __package__.partition(".")[0]

    def _candidate(self, given, train, valid):
        """Make what is one candidate's own, or the error that its weights lead to."""
        other, targets = self._with(task_weights=given), self._targets
        try:
            weights = static_weights(targets.select(given, "task_weights"), targets.names)
            main_task = other._main_task(targets, weights)
            module = copy.deepcopy(self.net_.module_)
            order = task_order(self._blocks)
            module.heads.reset_tasks([c for c, t in enumerate(order) if weights[t] == 0])
            objective = other._objective(module, weights, main_task).to(module.dtype)
            candidate = Candidate(module, objective, self._solver()(), other._stopping(main_task))
            if valid is not None:
                other._with(net_=candidate)._check_split(targets, order, train, valid)
        except ValueError as error:
            return error
        return candidate

    def _as_fitted(self, candidate, weights):
        """Make an estimator of what was trained."""
        if candidate.error is not None:
            return candidate.error
        net = object.__new__(type(self.net_))
        net.__dict__.update(self.net_.__dict__ | {"module_": candidate.module_, "criterion_": candidate.criterion_})
        return self._with(task_weights=weights, net_=net, n_iter_=candidate.n_epochs)

    def _with(self, **changed):
        """Make an estimator that shares everything else with this one."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__ | changed)
        return other

    def _warn_of_cut_off(self, candidates):
        most = self._settings.max_iter
        n = np.sum([c.n_epochs == most and not c.stopping.is_patience_spent(c) for c in candidates], dtype=int)
        if n:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({most}) reached and the optimization hasn't converged yet "
                f"with {n} of {len(candidates)} task weights. Increase max_iter, or learning_rate_init.",
                ConvergenceWarning,
                stacklevel=3,
            )
