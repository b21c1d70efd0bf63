"""MultiTaskNet: skorch's loop, history, callbacks and persistence around our batches and our step."""

import functools
import math

import numpy as np
import scipy.optimize
import scipy.sparse as sp
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer

from ._batches import Batches, Data, MemberBatches, split
from ._module import ROWS
from ._optim import FlatParameters
from ._threads import numerics, one_blas_thread

#: Rows that are predicted at once.
PREDICT_ROWS = 2048
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
#: Tasks that a line of the log has room for.
_SHOWN_TASKS = 6


class Mean:
    """Mean over rows of the column losses ``(C,)`` of several blocks.

    A running one: small tensors that outlive the blocks they come between would pin the memory of those.
    """

    def __init__(self):
        self.total, self.first, self.n = None, None, 0

    def add(self, losses, n):
        if self.first is None:
            self.first = losses, n
        else:
            self.total = (self.first[0] * self.first[1] if self.total is None else self.total) + losses * n
        self.n += n

    def value(self):
        return self.first[0] if self.total is None else self.total / self.n


class DivergenceError(ValueError):
    """The loss of a task, or a parameter, is no longer a finite number."""


def only_observed(losses, data):
    """Column losses ``(C,)`` with NaN where these rows have no label."""
    return losses.masked_fill(torch.from_numpy(~data.observed).to(losses.device), torch.nan)


def check_losses(row, task_names):
    """Raise DivergenceError where a loss in a row of the history is not finite."""
    if math.isfinite(row["train_loss"]) and math.isfinite(row.get("valid_loss", 0.0)):
        return
    losses = [row["train_losses"], row.get("valid_losses", [])]
    bad = [n for values in losses for n, v in zip(task_names, values, strict=False) if not math.isfinite(v)]
    _diverged(f"The loss of task(s) {list(dict.fromkeys(bad))[:5]} is not finite in epoch {row['epoch']}")


def check_parameters(flat, n_epochs):
    """Raise DivergenceError where a parameter is not finite after so many epochs."""
    if not torch.isfinite(flat.values).all():
        _diverged(f"Parameters are not finite after epoch {n_epochs}")


def _diverged(what):
    raise DivergenceError(
        f"{what}: training diverged. Lower learning_rate_init, scale X (StandardScaler), or look at the trunk or "
        "loss that you passed."
    )


class PrintTasks(Callback):
    """Prints a line an epoch: the losses as a whole, and each task's under its name.

    Parameters
    ----------
    task_names : list of str
        The tasks; the first few are shown.
    """

    def __init__(self, task_names):
        self.task_names = task_names

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        if not row.get("is_looked_at", True):
            return
        summary = ["train_loss"] + ["valid_loss"] * ("valid_loss" in row)
        shown = self.task_names[:_SHOWN_TASKS]
        names = [*summary, *shown]
        if len(net.history) == 1:
            more = len(self.task_names) - len(shown)
            print("  epoch" + "".join(f"  {name:>10.24}" for name in names) + (f"  (+{more} tasks)" if more else ""))
        losses = row.get("valid_losses", row["train_losses"])
        values = [*(row[key] for key in summary), *losses[:_SHOWN_TASKS]]
        widths = [max(10, min(24, len(name))) for name in names]
        print(f"{row['epoch']:7d}" + "".join(f"  {v:{w}.4f}" for v, w in zip(values, widths, strict=True)))


class MultiTaskNet(NeuralNet):
    """The network of an estimator: what skorch trains, stores and resumes.

    Where no callback looks at batches or gradients, an epoch runs without skorch's bookkeeping of each batch; where one
    does, skorch's own loop calls the same step. Both give the same result.

    Parameters
    ----------
    module : Network
        Trunk and heads.
    criterion : Objective
        The objective.
    optimizer : callable
        Returns the solver.
    stopping : Stopping
        When to stop, and which epoch to keep.
    task_names : list
        The tasks, for messages and the log.
    seed : int
        Of the order of the rows and of dropout. Each epoch has its own, so a resumed run goes on as it would have.
    inputs : Inputs, default=None
        Encodes rows to predict; None: the network gets them as they are.
    sampling : Sampling, default=None
        Which rows an epoch visits, and in which order; None: all, as they come.
    max_fun : int, default=None
        Train with L-BFGS on all rows at once, with at most so many evaluations; None: a step a batch.
    **kwargs : dict
        Passed to ``skorch.NeuralNet``.
    """

    def __init__(
        self,
        module,
        criterion,
        *,
        optimizer,
        stopping,
        task_names,
        seed,
        inputs=None,
        sampling=None,
        max_fun=None,
        **kwargs,
    ):
        # No caching: skorch would store the targets of a batch as one array, and ours are two.
        super().__init__(module, criterion, optimizer=optimizer, train_split=None, use_caching=False, **kwargs)
        self.stopping = stopping
        self.task_names = task_names
        self.seed = seed
        self.inputs = inputs
        self.sampling = sampling
        self.max_fun = max_fun

    # What skorch asks for

    @property
    def _default_callbacks(self):
        log = [("print_tasks", PrintTasks([str(name) for name in self.task_names]))] if self.verbose else []
        return [("epoch_timer", EpochTimer()), *log]

    def initialize_optimizer(self, triggered_directly=None):
        self.optimizer_ = self.optimizer()
        return self

    def get_dataset(self, X, y=None):
        return X if isinstance(X, Data) else Data(X, dtype=self.module_.dtype, device=self.device, inputs=self.inputs)

    def get_split_datasets(self, X, y=None, **fit_params):
        return X, self._valid

    def get_iterator(self, dataset, training=False):
        if not training:
            return Batches(dataset, PREDICT_ROWS)
        merge, n_members = not self.module_.takes_single_rows, self.module_.n_members
        if n_members > 1:
            return MemberBatches(dataset, self.batch_size, self._member_orders, n_members, self.n_rows, merge)
        return Batches(dataset, self.batch_size, None if self.sampling is None else self._order, merge)

    def train_step_single(self, batch, **fit_params):
        x, (y, m) = batch
        n = len(x)
        raw, slope = x.new_empty(2, n, self.module_.n_raw).unbind()
        with torch.no_grad():
            cells = self.criterion_.cells(self.criterion_.views(raw, slope, [n]), y, m, [n])
            batch = n, x, raw, slope, next(cells)
            self._step(*batch, self.optimizer_.decay)
            self._stepped = batch
            return {"loss": self._count(raw, y, m), "y_pred": raw}

    def train_step(self, batch, **fit_params):
        result = super().train_step(batch, **fit_params)
        if self.criterion_.looks_after_step:
            with torch.no_grad():
                self._look_again(*self._stepped)
        return result

    def validation_step(self, batch, **fit_params):
        x, (y, m) = batch
        self._set_training(False)
        with torch.no_grad():
            raw = self.module_.infer(x)
            return {"loss": self._count(raw, y, m), "y_pred": raw}

    # Training

    def train(self, data, valid=None, epochs=1):
        """Train for so many epochs at the most.

        Parameters
        ----------
        data, valid : Data
            Rows to learn from, and rows to watch.
        epochs : int
            Passes over the rows, or iterations of L-BFGS.

        Returns
        -------
        finished : bool
            False where the user broke it off; the network is then as far as it got.

        Raises
        ------
        DivergenceError
            If a loss or a parameter is not finite.
        """
        self._valid, self._finished, self._epochs = valid, False, epochs
        self.n_rows, self._folds = len(data), np.full(len(data), -1) if data.folds is None else data.folds
        if data.folds is not None:  # as many as the member that is left with the fewest
            self.n_rows -= int(np.bincount(data.folds + 1)[1:].max())
        self.steps_per_epoch = -(-self.n_rows // min(self.batch_size, self.n_rows))
        if self.sampling is not None:
            data.importance = self.sampling.initialize(self.criterion_.trained_columns(data.labelled)).factor
        self._known = len(self.history)
        self._walk, self._workspaces, self._stepped, self._noise = None, {}, None, None
        self.complaint = None  # why training ended before it converged, where the solver says so
        self.flat = FlatParameters(self.module_, self.criterion_.weighting)
        self._devices = [] if self.flat.values.device.type == "cpu" else [self.flat.values.device]
        try:
            self.module_.attach(self.flat)
            if self.module_.n_members > 1 and self.criterion_.keeps_apart:
                self.module_.keep_apart()
            if not self.max_fun:
                self.optimizer_.attach(self.flat)
                self.stopping.begin(self)
            rows = len(data) if self.max_fun else min(self.batch_size, len(data)) * self.module_.n_members
            with torch.random.fork_rng(self._devices), numerics(self.module_.sizes, rows):
                self.partial_fit(data)
            check_parameters(self.flat, len(self.history))
            return self._finished
        finally:
            if len(self.history) and "train_loss" not in self.history[-1]:
                del self.history[-1:]  # an epoch that was broken off
            self.module_.attach(None)
            self.optimizer_.detach()
            self.flat.release()
            self.module_.eval()
            self._folds = None
            self.flat = self._valid = self._walk = self._workspaces = self._stepped = self._noise = None

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        # Epochs that a loaded checkpoint has behind it need not be run again.
        epochs = max(0, self._epochs - (len(self.history) - self._known))
        try:
            if self.max_fun:
                self._fit_lbfgs(X, epochs)
            else:
                self._fit_epochs(X, epochs)
            self._finished = True
        finally:
            self.stopping.restore(self)
        return self

    def _fit_epochs(self, data, epochs):
        notified = {"dataset_train": data, "dataset_valid": self._valid}
        run = self._run_stock_epoch if self._looks_at_batches() else self._run_epoch
        for _ in range(epochs):
            self.notify("on_epoch_begin", **notified)
            torch.default_generator.manual_seed(self._epoch_seed)
            self.criterion_.on_epoch_begin(self._epoch_seed)
            run(data, self._valid)
            check_losses(self.row, self.task_names)
            # First, so that a checkpoint saved now knows of this epoch.
            last = self.stopping.update(self)
            if self._notify_epoch_end(notified) or last:
                break

    def _looks_at_batches(self):
        """Whether a callback needs skorch's loop over batches."""
        callbacks = [callback for _, callback in self.callbacks_]
        return any(getattr(type(c), hook) is not getattr(Callback, hook) for c in callbacks for hook in _BATCH_HOOKS)

    def _notify_epoch_end(self, notified):
        """Return whether a callback asks to stop, which in skorch it does by a KeyboardInterrupt."""
        try:
            self.notify("on_epoch_end", **notified)
        except KeyboardInterrupt:
            if not self.callbacks:  # only the user can have meant it
                raise
            return True
        return False

    @property
    def _epoch_seed(self):
        return self.seed + len(self.history)

    def _order(self):
        return self.sampling.order(self._epoch_seed)

    def _member_orders(self):
        """Rows of an epoch for every member, none of them of its own fold: ``(K, m)``."""
        folds, n_members, orders = self._folds, self.module_.n_members, []
        for member in range(n_members):
            if self.sampling is None:
                order = np.arange(len(folds))
            else:
                order = self.sampling.order((self._epoch_seed * n_members + member) % 2**31)
            orders.append(order[folds[order] != member])
        n = min(self.n_rows, *map(len, orders))
        return np.stack([order[np.arange(self.n_rows) % n] for order in orders])

    def _run_epoch(self, data, valid):
        """One epoch, without a record of its batches."""
        objective, step, update = self.criterion_, self._step, self.optimizer_.step
        looks_again = objective.looks_after_step
        decay, losses = self.optimizer_.decay, Mean()
        self.history.new_batch()  # empty: Checkpoint looks for the last one
        with torch.no_grad():
            if not self.module_.training:
                self.module_.train()
            for x, y, m, sizes in self._batches(data).blocks():
                raw, raws, slopes, views = self._workspace(x, sizes)
                cells = objective.cells(views, y, m, sizes)
                for n, *batch in zip(sizes, split(x, sizes), raws, slopes, cells, strict=True):
                    step(n, *batch, decay)
                    update()
                    if looks_again:
                        self._look_again(n, *batch)
                # Of all batches of the block at once, so that the record costs no operation a batch.
                losses.add(objective.column_losses(raw, y, m), x.shape[0])
        self._record_training(losses.value())
        if self._is_watched(valid):
            self._record_validation(self.evaluate(valid))

    def _is_watched(self, valid):
        """Whether to look at the validation rows now; if there are some and it is not, the last values stand."""
        if valid is None or self.stopping.is_due(self):
            return valid is not None
        last = list.__getitem__(self.history_, -2)
        self.row.update({name: last[name] for name in ("valid_loss", "valid_losses")})
        self.row.update(valid_loss_best=False, is_looked_at=False)
        return False

    def _batches(self, data):
        """The walk over these rows, the same object in every epoch."""
        if self._walk is None or self._walk.data is not data:
            self._walk = self.get_iterator(data, training=True)
        return self._walk

    def _workspace(self, x, sizes):
        """Raw output of a block of rows, it and its slope cut into batches: made once for each number of rows."""
        n = x.shape[0]
        if n not in self._workspaces:
            raw, slope = x.new_empty(2, n, self.module_.n_raw).unbind()
            views = self.criterion_.views(raw, slope, sizes)
            self._workspaces[n] = raw, split(raw, sizes), split(slope, sizes), views
        return self._workspaces[n]

    def _step(self, n, x, raw, slope, cells, decay):
        """All of a step but the solver's: raw output, slope, gradients of a batch of n rows."""
        if self.criterion_.looks_after_step:
            self._noise = torch.random.get_rng_state()
        self.module_.raw(x, raw)
        n //= self.module_.n_members
        self.criterion_.backward(self.module_, cells, slope, n, decay / n)

    def _look_again(self, n, x, raw, slope, cells):
        """Show the weighting what the step did to the losses of the batch; with the same dropout, it is the step's."""
        noise = torch.random.get_rng_state()
        torch.random.set_rng_state(self._noise)
        self.module_.raw_again(x, slope)  # which has done its work, while the epoch's record needs `raw`
        torch.random.set_rng_state(noise)
        self.criterion_.after_step([(out, y, out, m) for _, y, out, m in cells])

    def _run_stock_epoch(self, data, valid):
        """One epoch in skorch's own loop, for callbacks that look at batches or gradients."""
        self._set_training(True)
        self._sums = 0.0
        self.run_single_epoch(self.get_iterator(data, training=True), True, "train", self.train_step)
        self._record_training(self._sums / (self.n_rows * self.module_.n_members))
        if not self._is_watched(valid):
            return
        if valid.folds is not None:  # each row by a member of its own, which no batch of skorch's knows of
            self._record_validation(self.evaluate(valid))
        else:
            self._sums = 0.0
            self.run_single_epoch(self.get_iterator(valid), False, "valid", self.validation_step)
            self._record_validation(only_observed(self._sums / len(valid), valid))

    def _count(self, raw, y, m):
        """Loss of a batch; its column losses are added to those of the epoch."""
        losses = self.criterion_.column_losses(raw, y, m)
        self._sums = self._sums + losses * len(raw)
        return self.criterion_.mean(losses)

    def evaluate(self, data):
        """Loss of each column ``(C,)`` on other rows; NaN where none of its labels is observed."""
        self._set_training(False)
        losses = Mean()
        with torch.no_grad():
            for _, raw, y, m in self._inferred(data):
                losses.add(self.criterion_.column_losses(raw, y, m), len(raw))
        return only_observed(losses.value(), data)

    def _inferred(self, data):
        """Yield rows, and of these raw output, targets and weights: by the member that does not train on them."""
        if data.folds is None:
            for x, y, m, _ in Batches(data, PREDICT_ROWS).blocks():
                yield None, self.module_.infer(x), y, m
            return
        for fold, member in enumerate(self.module_.members):
            rows = np.flatnonzero(data.folds == fold)
            for start in range(0, len(rows), PREDICT_ROWS):
                part = rows[start : start + PREDICT_ROWS]
                x, y, m = data.gather(part)
                yield part, member.infer(self.module_.shown(x, fold)), y, m

    def infer_out_of_fold(self, data):
        """Raw output ``(n, R)`` of each row by the member that has not trained on it; NaN where all have."""
        raw = torch.full((len(data), self.module_.n_raw), torch.nan, dtype=self.module_.dtype)
        with torch.no_grad():
            for rows, part, _, _ in self._inferred(data):
                raw[torch.from_numpy(rows)] = part.cpu()
        return raw

    def _record_training(self, losses):
        objective, row = self.criterion_, self.row
        row["train_loss"] = objective.mean(losses).item()
        row["train_losses"] = objective.by_task(losses).tolist()
        row["weights"] = self._last_weights()
        aggregation = objective.aggregation_weights()
        if aggregation is not None:
            row["aggregation"] = aggregation
        objective.on_epoch_end(losses)

    def _last_weights(self):
        """Task weights of this epoch; looked up once where they cannot change."""
        if len(self.history_) > 1 and self.criterion_.is_constant:
            return list.__getitem__(self.history_, -2)["weights"]
        return self.criterion_.task_weights().tolist()

    def _record_validation(self, losses):
        loss, record = self.stopping.watched(self.criterion_, losses), self.history.record
        record("valid_loss", loss)
        record("valid_losses", self.criterion_.by_task(losses).tolist())
        record("is_looked_at", True)
        # Under this name skorch's Checkpoint looks for it.
        record("valid_loss_best", loss < self.criterion_.progress.get("best_loss", math.inf))

    @property
    def row(self):
        """The history's row of this epoch: past skorch's look-ups, which are for slices of it."""
        return list.__getitem__(self.history_, -1)

    # L-BFGS

    def _fit_lbfgs(self, data, epochs):
        flat, notified = self.flat, {"dataset_train": data, "dataset_valid": None}
        begun = len(self.history)

        def evaluate(values):
            flat.values.copy_(torch.from_numpy(values))
            return self._evaluate_all(data), flat.gradients.cpu().numpy().copy()

        def iteration(intermediate_result):
            self.notify("on_epoch_begin", **notified)
            self.history.new_batch()
            self._record_training(self._losses)
            self.history.record("train_loss", float(intermediate_result.fun))
            check_losses(self.row, self.task_names)
            if self._notify_epoch_end(notified):
                raise StopIteration

        with one_blas_thread():
            result = scipy.optimize.minimize(
                evaluate,
                flat.values.cpu().numpy().copy(),
                method="L-BFGS-B",
                jac=True,
                callback=iteration,
                options={"maxiter": epochs, "maxfun": self.max_fun, "gtol": self.stopping.tol},
            )
        flat.values.copy_(torch.from_numpy(result.x))
        if result.status == 1:
            self.complaint = (
                f"L-BFGS did not converge in {len(self.history) - begun} iterations: {result.message}. Increase "
                "max_iter, max_fun or tol, or scale the data."
            )

    def _evaluate_all(self, data):
        """Objective with its penalty, on all rows; sets the gradients."""
        module, objective, flat, n = self.module_, self.criterion_, self.flat, len(data)
        # Not the number of rows: a row of weight two must count as two rows.
        decay = self.optimizer_.decay / data.totals.max()
        total, penalty, weights = 0.0, 0.0, flat.values[: flat.n_weights]
        flat.gradients.zero_()
        torch.mul(weights, decay, out=flat.gradients[: flat.n_weights])
        with torch.no_grad():
            module.train()
            for x, y, m, _ in Batches(data, data.block_rows).blocks():
                raw, slope = x.new_empty(2, len(x), module.n_raw).unbind()
                module.raw(x, raw)
                sizes, share = [len(x)], len(x) / n
                objective.fill_slope(next(objective.cells(objective.views(raw, slope, sizes), y, m, sizes)), len(x))
                penalty = penalty + module.penalize(share)
                module.backward(slope.mul_(share), accumulate=True)
                total = total + objective.column_losses(raw, y, m) * len(x)
            self._losses = total / n
            value = objective.mean(self._losses) + 0.5 * decay * torch.dot(weights, weights)
            return float(value + penalty)

    # Prediction

    def infer_rows(self, X, compute=None):
        """Return the raw output ``(m, R)`` of rows, or whatever else can be computed of them, as a tensor.

        Where there are K members the raw output is that of each: ``(K, m, R)``.

        Rows go through in multiples of `ROWS`, and always by the same kernel: the digits of a row do not depend on its
        neighbours. So m is the number of rows rounded up; cut off the rest when all is computed.

        Parameters
        ----------
        X : ndarray (n, ...) or CSR array (n, d)
            Validated rows.
        compute : callable, default=None
            From a tensor of rows to that of results, row by row; None: ``module_.infer``.
        """
        compute = compute or self.module_.infer
        n, parts = X.shape[0], []
        for start in range(0, n, PREDICT_ROWS):
            part = X if n <= PREDICT_ROWS else X[start : start + PREDICT_ROWS]
            rows = part.shape[0]
            if self.inputs is not None:
                part = self.inputs.encode(part)
            x = np.zeros((-(-rows // ROWS) * ROWS, *part.shape[1:]), dtype=self._row_type)
            if part.dtype == self._row_type:
                x[:rows] = part.toarray() if sp.issparse(part) else part
            else:
                with np.errstate(over="ignore"):  # what is too large for float32 is reported by its result
                    x[:rows] = part.toarray() if sp.issparse(part) else part
            x = torch.from_numpy(x)
            parts.append(compute(x) if self.device == "cpu" else compute(x.to(self.device)).cpu())
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)

    @functools.cached_property
    def _row_type(self):
        return np.dtype(str(self.module_.dtype).removeprefix("torch."))

    def __getstate__(self):
        # The module and the criterion are what `module_` and `criterion_` are: once is enough.
        return super().__getstate__() | dict.fromkeys(
            ["flat", "_valid", "_walk", "_workspaces", "_stepped", "_noise", "_folds", "module", "criterion"]
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        self.module, self.criterion = self.module_, self.criterion_
