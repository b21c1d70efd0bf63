"""MultiTaskRegressor: every column of y is a regression task."""

from sklearn.base import RegressorMixin

from ._base import BaseMultiTask


class MultiTaskRegressor(RegressorMixin, BaseMultiTask):
    """One network for several regression tasks.

    Every column of y is a task. All share a trunk [1]_, and each has a head on it. Labels may be missing. The tasks may
    have any units: inside, each is standardised by its observed labels. With one column it is a regressor like any
    other, and predictions are 1-D.

    Parameters
    ----------
    loss : str, Loss, callable, list or dict, default="auto"
        What the tasks minimise. "auto" is "squared_error". An instance of `Loss`, such as ``Huber(delta=2.0)``, sets
        its parameters; a torch callable that returns unreduced losses is taken too. A list has an entry for each task,
        a dict one by task name, where a task left out gets "auto". The names are "squared_error", "absolute_error",
        "huber", "quantile", "poisson", "gamma", "tweedie" and "gaussian_nll".
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer of the trunk. ``()`` makes a linear model. Not used by a trunk of your own.
    activation : {"identity", "logistic", "tanh", "relu", "selu", "silu", "gelu"}, default="relu"
        Activation function of the hidden layers, of the trunk and of the heads.
    solver : {"adam", "adamw", "sgd", "lbfgs"}, default="adam"
        What minimises the objective. "adam" is that of [2]_, "adamw" the same with decoupled weight decay [3]_. "lbfgs"
        looks at all rows at once, in float64: a good choice for up to a few thousand rows. It takes no `dropout`, no
        `weighting` whose weights move, and ignores `early_stopping` and the batches.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights of trunk and heads; biases are not penalised. As in scikit-learn's MLP
        the gradient of a batch gets ``alpha * weight / n_rows_in_batch``. With ``solver="adamw"`` each step shrinks the
        weights by ``learning_rate * alpha`` instead, so useful values are larger, such as 0.01.
    batch_size : int or "auto", default="auto"
        Rows a batch. "auto" is ``min(200, n)``. Not used by "lbfgs".
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        How the learning rate goes on from `learning_rate_init`, for every solver but "lbfgs". "invscaling" divides the
        initial rate by ``(t + 1) ** power_t`` after each epoch, with t the rows seen so far. "adaptive" divides the
        rate by 5 each time that training would stop for lack of progress, and lets it stop once the rate is at most
        1e-6.
    learning_rate_init : float, default=0.001
        Learning rate of the first epoch. Not used by "lbfgs".
    power_t : float, default=0.5
        Exponent of ``learning_rate="invscaling"``.
    max_iter : int, default=200
        Most passes over the data (epochs), or iterations of "lbfgs". A `ConvergenceWarning` says where they did not
        suffice.
    shuffle : bool, default=True
        Whether the rows come in a new order each epoch. Not used by "lbfgs".
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the rows, the validation split and dropout. Pass an int for the same
        result each time; the global random states of numpy and torch are neither used nor touched.
    tol : float, default=0.0001
        By how much the watched loss must fall for an epoch to count as progress: the training loss, or with
        `early_stopping` the validation loss. For "lbfgs" the largest component of the gradient at which it ends.
    verbose : bool or int, default=False
        Whether to print a line an epoch: the losses as a whole, and of up to six tasks.
    warm_start : bool, default=False
        Whether `fit` goes on from the network that is there, instead of starting afresh. Tasks, losses, layers and the
        scale of the targets stay; solver, weights and all else follow the parameters as they are then.
    momentum : float, default=0.9
        Momentum of ``solver="sgd"``, from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether ``solver="sgd"`` uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to set rows aside, stop when the loss on them no longer falls, and go back to the epoch in which it was
        lowest. Watched is the mean of the validation losses of the trained tasks, without any weights, or that of
        `main_task`.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` sets aside. They are stratified over all tasks, by class and by range,
        and where labels are missing by their number.
    beta_1 : float, default=0.9
        Decay of the mean of the gradients in "adam" and "adamw".
    beta_2 : float, default=0.999
        Decay of the mean of the squared gradients in "adam" and "adamw".
    epsilon : float, default=1e-8
        Term for numerical stability in "adam" and "adamw".
    n_iter_no_change : int, default=10
        Epochs in a row without progress, see `tol`, that are put up with before training stops.
    max_fun : int, default=15000
        Most evaluations of the objective by "lbfgs".
    dropout : float, default=0.0
        Share of the hidden units, of trunk and heads, that each training step drops.
    head_hidden_layer_sizes : int or array-like of int, default=()
        Units of hidden layers that each task has for itself, between the trunk and its output.
    task_weights : array-like of shape (T,), dict of task name to float, or None, default=None
        Weight of each task in the objective, not negative. None is 1 for all, and so is a task that the dict leaves
        out. A task of weight 0 is not trained; its prediction is a constant.
    weighting : str or Weighting, default="equal"
        How the task losses become one objective; `task_weights` are multiplied into what it says, or are its
        preferences. By name: "equal", "uncertainty", "uw_so", "dwa", "random", "geometric_mean", "scale_invariant",
        "imtl_l", "famo", "stch", "min_max", "group_dro", "excess_mtl", "gradnorm", "pbi" and "cosmos". An instance from
        `skmtl.weighting` sets its parameters.
    aggregator : str, Aggregator or None, default=None
        What is done with the gradients that the tasks send into what they share; None adds them up. By name: "pcgrad",
        "gradvac", "graddrop", "mgda", "cagrad", "imtl_g", "nash", "fairgrad", "aligned_mtl", "upgrad", "dualproj",
        "config", "moco", "sdmgrad", "db_mtl", and with a `main_task` "cosine_gate" and "pcd". An instance from
        `skmtl.aggregation` sets its parameters; a weighting or aggregator of TorchJD is taken too. Heads follow the
        gradient of their own task. Not with "lbfgs".
    gradient_level : {"parameters", "representation"}, default="parameters"
        Whether `aggregator`, or a `weighting` that looks at gradients, sees those in the parameters of the trunk, or
        those in what the trunk returns, which cost next to nothing.
    update_every : int, default=1
        Steps for which the weights of `aggregator`, or of a `weighting` that looks at gradients, are kept.
    sampling : {"rows", "tasks", "sqrt"} or Sampling, default="rows"
        What an epoch draws: each row once; or n rows such that every task is seen as often as any other, however few
        labels it has, or, between the two, as often as the square root of its labels. What a task weighs in the
        objective stays the same. Not used by "lbfgs".
    architecture : "hard_sharing", Architecture, torch.nn.Module or callable, default="hard_sharing"
        The trunk, which all tasks share. A module of your own maps a batch ``(n, ...)`` to ``(n, d)`` and is trained on
        a copy, from the weights that it has; a function without arguments makes a new one for each fit.
    main_task : str or None, default=None
        Name of the task whose validation loss `early_stopping` watches; the others are auxiliary. None: the mean over
        all.
    missing_label : scalar, default=np.nan
        What stands for a missing label in y, besides NaN, None and pd.NA, which always do.
    on_empty_task : {"raise", "skip"}, default="raise"
        What to do about a column of y without a label, or of which every label has weight 0. "skip" says so in a
        warning and leaves it out of training; predictions hold NaN there. Parameters that name or list all tasks may go
        on to do so. Later calls take y with all columns, and do not look at the labels in those.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of skorch, each an instance or a pair of name and instance.
    device : str or torch.device, default="cpu"
        Where to train and predict, such as "cuda".

    Attributes
    ----------
    net_ : MultiTaskNet
        The network and its training, a ``skorch.NeuralNet``: `module_` (trunk and heads), `criterion_` (the objective),
        `optimizer_`, `history`.
    history_ : TrainingHistory
        Table with a row an epoch: "train_loss", and for every task "train_loss__{task}" and "weight__{task}"; with
        validation rows "valid_loss" and "valid_loss__{task}" too. ``history_.frame()`` is a pandas DataFrame,
        ``history_.task(name)`` the columns of one task. `warm_start` and `partial_fit` append to it.
    tasks_ : dict of task name to {"regression"}
        The tasks, in the order of the columns of y, and what they are. Names are the column names, or "task_0",
        "task_1", ...
    skipped_tasks_ : list
        Names of the columns of y that `on_empty_task` left out.
    n_iter_ : int
        Epochs, or iterations, of the last call of `fit`.
    loss_ : float
        Training loss of the last epoch: the mean over the trained tasks of task weight times loss, before what
        `weighting` does (and with the penalty for "lbfgs").
    loss_curve_ : list of float
        Training loss of each epoch.
    best_loss_ : float or None
        Lowest of `loss_curve_`; None with `early_stopping`.
    validation_scores_ : list of float or None
        With `early_stopping`, the watched validation loss of each epoch with its sign changed: higher is better, and 0
        is no upper limit for losses that can be negative.
    best_validation_score_ : float or None
        Highest of `validation_scores_`.
    n_outputs_ : int
        Number of columns of y and of predictions: the tasks T, and those that are skipped.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    MultiTaskClassifier : The same for tasks of classes.
    MultiTaskEstimator : The same for tasks of both kinds.
    sklearn.neural_network.MLPRegressor : Complete labels, weighted by their variances.
    sklearn.multioutput.MultiOutputRegressor : One model a task.

    Notes
    -----
    The objective is the mean over tasks of task weight times task loss, plus the penalty. The loss of a task is the
    mean over its observed labels, weighted by `sample_weight` and class weights: how many labels a task has does not
    change its share. Regression targets are standardised by their observed labels (divided by their mean for losses
    with a log link), so that losses of unlike units are comparable, and predictions are scaled back.

    What each task minimises and what they minimise together are two things: `loss`, and `task_weights` with
    `weighting`. ``history_`` and `early_stopping` look at the task losses, which mean the same in every epoch, whatever
    the weights do.

    Parameters that scikit-learn's `MLPRegressor` has too keep their names; a page of the user guide lists where they
    differ.

    References
    ----------
    .. [1] Caruana (1997). Multitask learning. Machine Learning 28.
    .. [2] Kingma and Ba (2015). Adam: a method for stochastic optimization. ICLR.
    .. [3] Loshchilov and Hutter (2019). Decoupled weight decay regularization. ICLR.

    Examples
    --------
    Three measurements of athletes, of which the pulse is known for half of them and weighs double:

    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmtl import MultiTaskRegressor
    >>> X, Y = load_linnerud(return_X_y=True, as_frame=True)
    >>> Y.loc[::2, "Pulse"] = None
    >>> regressor = MultiTaskRegressor(
    ...     hidden_layer_sizes=5, solver="lbfgs", alpha=1.0, tol=1e-3, task_weights={"Pulse": 2}, random_state=0
    ... )
    >>> model = make_pipeline(StandardScaler(), regressor).fit(X, Y)
    >>> model.predict(X).shape
    (20, 3)
    >>> list(regressor.tasks_)
    ['Weight', 'Waist', 'Pulse']
    >>> float(regressor.history_.task("Pulse")["weight"][-1])
    2.0
    """

    _kind = "regression"

    def predict(self, X, return_std=False):
        """Predict all tasks.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.
        return_std : bool, default=False
            Whether to return the predicted standard deviations too; needs ``loss="gaussian_nll"``.

        Returns
        -------
        y : ndarray of shape (n, T), or (n,) where y had one column
            Values in the units of y.
        std : ndarray of the same shape
            With `return_std` only; NaN for a task whose loss has none.
        """
        raw = self._raw(X)
        y = self._targets.decode(self._predict_values(*raw))
        return (y, self._predict_std(*raw)) if return_std else y

    score = BaseMultiTask.score  # RegressorMixin's refuses missing labels
