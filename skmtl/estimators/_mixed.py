"""MultiTaskEstimator: columns of y of both kinds."""

import numpy as np
from sklearn.utils import ClassifierTags

from ._base import BaseMultiTask
from ._probabilities import ProbabilityMixin
from ._regressor import MultiTaskRegressor


class MultiTaskEstimator(ProbabilityMixin, BaseMultiTask):
    """One network for tasks of both kinds.

    Every column of y is a task, a regression or a classification. All share a trunk [1]_, and each has a head on it.
    Labels may be missing. To scikit-learn it is neither a regressor nor a classifier, since it can be both.

    Parameters
    ----------
    loss : str, Loss, callable, list or dict, default="auto"
        What the tasks minimise. "auto" is "squared_error" for regression and "log_loss" for classification. An instance
        of `Loss`, such as ``Huber(delta=2.0)``, sets its parameters; a torch callable that returns unreduced losses is
        taken too. A list has an entry for each task, a dict one by task name, where a task left out gets "auto". The
        names are those of `MultiTaskRegressor` and `MultiTaskClassifier`; one given for all tasks must fit the kind of
        each.
    hidden_layer_sizes : int, array-like of int or "auto", default="auto"
        Units of each hidden layer of the trunk. "auto" is ``(128, 128)``, with ``preset="mlp"`` ``(100,)``. ``()``
        makes a linear model. Not used by a trunk of your own.
    activation : {"identity", "logistic", "tanh", "relu", "selu", "silu", "gelu"}, default="relu"
        Activation function of the hidden layers, of the trunk and of the heads.
    preset : {"tabular", "mlp"}, default="tabular"
        What the parameters mean that are left at "auto"; those that are set are obeyed. "tabular" is what was measured
        to be good on real tables, see Notes. "mlp" has the values of scikit-learn's MLP throughout. Where `solver`,
        `learning_rate` or `early_stopping` is set to something else than "tabular" has, and for fewer than 20 rows, all
        parameters of training at "auto" are as with "mlp"; with a trunk of your own, all at "auto" are.
    solver : {"auto", "adam", "adamw", "sgd", "lbfgs"}, default="auto"
        What minimises the objective. "auto" is "adamw", with "mlp" "adam". "adam" is that of [2]_, "adamw" the same
        with decoupled weight decay [3]_. "lbfgs" looks at all rows at once, in float64: a good choice for up to a few
        thousand rows. It trains one network, takes no `dropout`, no `weighting` whose weights move, and ignores
        `early_stopping` and the batches.
    alpha : float or "auto", default="auto"
        Strength of the L2 penalty on the weights of trunk and heads; biases are not penalised. "auto" is 0.1, with
        "mlp" 0.0001. As in scikit-learn's MLP the gradient of a batch gets ``alpha * weight / n_rows_in_batch``. With
        ``solver="adamw"`` each step shrinks the weights by ``learning_rate * alpha`` instead, so useful values are
        larger.
    batch_size : int or "auto", default="auto"
        Rows a batch, of each member. "auto" is, with ``learning_rate="anneal"``, the power of two that is nearest to a
        twelfth of the rows, from 32 to 256; else ``min(200, n)``. Not used by "lbfgs".
    learning_rate : {"auto", "anneal", "constant", "invscaling", "adaptive"}, default="auto"
        How the learning rate goes on from `learning_rate_init`, for every solver but "lbfgs". "auto" is "anneal", with
        "mlp" "constant". "anneal" holds the rate until the validation loss no longer falls, goes back to the best
        epoch, and lets the rate go to zero from there; it needs `early_stopping`. "invscaling" divides the initial rate
        by ``(t + 1) ** power_t`` after each epoch, with t the rows seen so far. "adaptive" divides the rate by 5 each
        time that training would stop for lack of progress, and lets it stop once the rate is at most 1e-6.
    learning_rate_init : float or "auto", default="auto"
        Learning rate of the first epoch. "auto" is 0.005, with "mlp" 0.001. Not used by "lbfgs".
    power_t : float, default=0.5
        Exponent of ``learning_rate="invscaling"``.
    max_iter : int or "auto", default="auto"
        Most passes over the data (epochs), or iterations of "lbfgs". "auto" is as many as the schedule takes, with
        "mlp" 200. ``learning_rate="anneal"`` fits its schedule into a number that is given; of the others a
        `ConvergenceWarning` says where it did not suffice.
    shuffle : bool, default=True
        Whether the rows come in a new order each epoch. Not used by "lbfgs".
    random_state : int, RandomState instance or None, default=None
        Decides the initial weights, the order of the rows, the validation split and dropout. Pass an int for the same
        result each time; the global random states of numpy and torch are neither used nor touched.
    tol : float, default=0.0001
        By how much the watched loss must fall for an epoch to count as progress: the training loss, or with
        `early_stopping` the validation loss. For "lbfgs" the largest component of the gradient at which it ends. Not
        used by ``learning_rate="anneal"``.
    verbose : bool or int, default=False
        Whether to print a line an epoch: the losses as a whole, and of up to six tasks. With ``learning_rate="anneal"``
        there is one for each epoch at the end of which the validation rows are looked at.
    warm_start : bool, default=False
        Whether `fit` goes on from the network that is there, instead of starting afresh. Tasks, losses, layers and the
        scale of the targets stay; solver, weights and all else follow the parameters as they are then.
    momentum : float, default=0.9
        Momentum of ``solver="sgd"``, from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether ``solver="sgd"`` uses Nesterov's momentum.
    early_stopping : bool or "auto", default="auto"
        Whether to set rows aside, stop when the loss on them no longer falls, and go back to the epoch in which it was
        lowest. "auto" is True, with "mlp" False. Of several members each leaves out a fold of its own, and the loss is
        that of all rows, each by the member that did not train on it. Watched is the mean of the validation losses of
        the trained tasks, without any weights, or that of `main_task`.
    validation_fraction : float or "auto", default="auto"
        Share of the rows that `early_stopping` sets aside where there is one member. "auto" is 0.15, with "mlp" 0.1.
        They are stratified over all tasks, by class and by range, and where labels are missing by their number; so are
        the folds of several members.
    beta_1 : float, default=0.9
        Decay of the mean of the gradients in "adam" and "adamw".
    beta_2 : float or "auto", default="auto"
        Decay of the mean of the squared gradients in "adam" and "adamw". "auto" is 0.99, with "mlp" 0.999.
    epsilon : float, default=1e-8
        Term for numerical stability in "adam" and "adamw".
    n_iter_no_change : int, default=10
        Epochs in a row without progress, see `tol`, that are put up with before training stops. Not used by
        ``learning_rate="anneal"``.
    max_fun : int, default=15000
        Most evaluations of the objective by "lbfgs".
    dropout : float, default=0.0
        Share of the hidden units, of trunk and heads, that each training step drops.
    n_members : int or "auto", default="auto"
        Networks that are trained as one; predictions are their mean. Each has initial weights, an order of the rows
        and, with `early_stopping`, validation rows of its own: one part in `n_members` of them, or in 8 if that is less
        and there are 2,000 rows or more. "auto" is 8, from 2,000 rows on 4; with "mlp" 1, and 1 in a `partial_fit` that
        begins a model. A `weighting` or an `aggregator` is there once for each. Not above 1 with "lbfgs".
    head_hidden_layer_sizes : int or array-like of int, default=()
        Units of hidden layers that each task has for itself, between the trunk and its output.
    task_weights : array-like of shape (T,), dict of task name to float, or None, default=None
        Weight of each task in the objective, not negative. None is 1 for all, and so is a task that the dict leaves
        out. A task of weight 0 is not trained; its prediction is a constant.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        Kind of each column of y. "auto", which is also that of a task absent from the dict, takes numbers that are not
        all whole as regression and everything else, whole numbers too, as classification.
    class_weight : "balanced", dict, list or None, default=None
        Weights of the classes: "balanced" for all tasks, or a list with an entry for each task, or a dict by task name,
        of "balanced", None or a dict of class label to weight. With one task, a dict of class label to weight.
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
    architecture : str, Architecture, torch.nn.Module or callable, default="hard_sharing"
        What the tasks share. By name: "hard_sharing", one trunk for all, "independent", "bypass", "soft_sharing",
        "adapters", "cross_stitch", "attention", "mmoe", "cgc", "ple", "dselect_k" and "conditioned". An instance from
        `skmtl.architectures` has parameters. A trunk of your own maps a batch ``(n, ...)`` to ``(n, d)``, or to ``(n,
        T, d)`` for each task, and is trained on a copy, from the weights that it has; a function without arguments
        makes a new one for each fit.
    main_task : str or None, default=None
        Name of the task whose validation loss `early_stopping` watches; the others are auxiliary. None: the mean over
        all.
    feature_scaling : {"auto", "robust", "standard"} or None, default="auto"
        Scale of the numbers in X. "robust" goes by median and interquartile range, and draws in what is far out;
        "standard" by mean and standard deviation; None leaves all as it is. "auto" is "robust", with "mlp" None.
        Columns of 0 and 1 stay as they are, but for 100 and more with no other column beside them, such as
        fingerprints: these get their standard scores, clipped at 4. A sparse X is divided by the largest absolute
        values of its columns. Not used by a trunk of your own.
    numeric_embedding : {"auto", "piecewise_linear", "periodic"} or None, default="auto"
        What the network gets beside each column of numbers [4]_: "piecewise_linear", how far the number is through each
        of up to 8 bins, for 200 rows and more and up to 166 columns; or "periodic", cosines and sines of it. "auto" is
        "piecewise_linear" for the first of the members and every other one, nothing for those between, with "mlp" None.
        Not used by a trunk of your own, nor for a sparse X.
    categorical_features : "from_dtype", None, or array-like of bool, int or str, default="from_dtype"
        Which columns of X hold categories: those that the dtypes of a DataFrame say (text, categorical, objects that
        are not all numbers), none, or a mask, positions or names. Labels that are missing, rare or unseen in `fit` are
        fine. Not used by a trunk of your own.
    missing_features : {"auto", "impute", "raise"}, default="auto"
        What to do about NaN among the numbers in a dense X. "impute" puts the median there, and a column beside it
        tells where, if more than 1 % are missing; "raise" is an error. "auto" is "impute", with "mlp" "raise". A trunk
        of your own gets NaN as it is with "impute", and "auto" is "raise".
    missing_label : scalar, default=np.nan
        What stands for a missing label in y, besides NaN, None and pd.NA, which always do.
    on_empty_task : {"raise", "skip"}, default="raise"
        What to do about a column of y of which there is nothing to learn: without a label, or every label of weight 0.
        "skip" also means columns with labels of one class only. It says so in a warning and leaves them out of
        training; predictions hold NaN there where all labels are numbers, else None, as do probabilities and
        `classes_`. Parameters that name or list all tasks may go on to do so. Later calls take y with all columns, and
        do not look at the labels in those.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of skorch, each an instance or a pair of name and instance.
    device : str or torch.device, default="cpu"
        Where to train and predict, such as "cuda".

    Attributes
    ----------
    net_ : MultiTaskNet
        The network and its training, a ``skorch.NeuralNet``: `module_` (trunk and heads; of several members
        `module_.members`), `criterion_` (the objective), `optimizer_`, `history`.
    history_ : TrainingHistory
        Table with a row an epoch: "train_loss", and for every task "train_loss__{task}" and "weight__{task}"; with
        validation rows "valid_loss" and "valid_loss__{task}" too. ``history_.frame()`` is a pandas DataFrame,
        ``history_.task(name)`` the columns of one task. `warm_start` and `partial_fit` append to it.
    tasks_ : dict of task name to {"regression", "binary", "multiclass"}
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
        is no upper limit for losses that can be negative. ``learning_rate="anneal"`` does not look at it after every
        epoch; the last value then stands.
    best_validation_score_ : float or None
        Highest of `validation_scores_`.
    oof_prediction_ : list of ndarray of shape (n,) or (n, n_classes), or ndarray
        Where several members leave out validation rows: of each training row the value, or the probabilities, by the
        member that did not train on it, task by task. An array (n, T) where all tasks are regressions, and that of its
        task where y had one column. NaN for rows that all train on: those of parts without a member (see
        `n_members`), and those that none can do without, such as the only one of its class or task.
    classes_ : ndarray or None, or list of these
        Class labels of each task, sorted, in the dtype that they had, None for a regression; no list where y had one
        column.
    n_outputs_ : int
        Number of columns of y and of predictions: the tasks T, and those that are skipped.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    MultiTaskRegressor : Where all tasks are regressions.
    MultiTaskClassifier : Where all tasks are classifications.

    Notes
    -----
    With no argument, the estimator takes a table as it is: numbers are scaled and cut into bins [4]_, categories become
    columns, gaps are filled. Four networks with two layers of 128 units are trained as one, by AdamW, at a rate that is
    held until the validation loss no longer falls and then goes to zero. Each leaves out a fold of the rows, and
    predictions are their mean. The user guide says how that was chosen, what it costs, and what to set instead.

    The objective is the mean over tasks of task weight times task loss, plus the penalty. The loss of a task is the
    mean over its observed labels, weighted by `sample_weight` and class weights: how many labels a task has does not
    change its share. Regression targets are standardised by their observed labels (divided by their mean for losses
    with a log link), so that losses of unlike units are comparable, and predictions are scaled back.

    What each task minimises and what they minimise together are two things: `loss`, and `task_weights` with
    `weighting`. ``history_`` and `early_stopping` look at the task losses, which mean the same in every epoch, whatever
    the weights do.

    Parameters that scikit-learn's `MLPRegressor` and `MLPClassifier` has too keep their names; a page of the user guide
    lists where they differ.

    References
    ----------
    .. [1] Caruana (1997). Multitask learning. Machine Learning 28.
    .. [2] Kingma and Ba (2015). Adam: a method for stochastic optimization. ICLR.
    .. [3] Loshchilov and Hutter (2019). Decoupled weight decay regularization. ICLR.
    .. [4] Gorishniy, Rubachev and Babenko (2022). On embeddings for numerical features in tabular deep learning.
       NeurIPS.

    Examples
    --------
    A width and a species, from three other lengths, of which one is known for half of the flowers and one by a word:

    >>> import pandas as pd
    >>> from sklearn.datasets import load_iris
    >>> from skmtl import MultiTaskEstimator
    >>> data = load_iris(as_frame=True)
    >>> X, Y = data.data.iloc[:, :3], data.data[["petal width (cm)"]].assign(species=data.target_names[data.target])
    >>> X = X.assign(sepal=pd.cut(X.pop("sepal length (cm)"), 3, labels=["short", "middling", "long"]))
    >>> X.loc[::2, "sepal width (cm)"] = None
    >>> model = MultiTaskEstimator(random_state=0)
    >>> model.fit(X, Y).predict(X.iloc[[0, 149]])
    array([[0.2..., 'setosa'],
           [1.9..., 'virginica']], dtype=object)
    >>> model.tasks_
    {'petal width (cm)': 'regression', 'species': 'multiclass'}
    >>> width, species = model.predict_proba(X)
    >>> width is None, species.shape
    (True, (150, 3))
    >>> {task: round(score, 1) for task, score in model.score_tasks(X, Y).items()}
    {'petal width (cm)': 1.0, 'species': 1.0}
    """

    _parameter_constraints = (
        BaseMultiTask._parameter_constraints
        | ProbabilityMixin._parameter_constraints
        | {"tasks": "no_validation"}  # Targets says more
    )

    def __init__(
        self,
        loss="auto",
        hidden_layer_sizes="auto",
        activation="relu",
        *,
        preset="tabular",
        solver="auto",
        alpha="auto",
        batch_size="auto",
        learning_rate="auto",
        learning_rate_init="auto",
        power_t=0.5,
        max_iter="auto",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping="auto",
        validation_fraction="auto",
        beta_1=0.9,
        beta_2="auto",
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dropout=0.0,
        n_members="auto",
        head_hidden_layer_sizes=(),
        task_weights=None,
        tasks="auto",
        class_weight=None,
        weighting="equal",
        aggregator=None,
        gradient_level="parameters",
        update_every=1,
        sampling="rows",
        architecture="hard_sharing",
        main_task=None,
        feature_scaling="auto",
        numeric_embedding="auto",
        categorical_features="from_dtype",
        missing_features="auto",
        missing_label=np.nan,
        on_empty_task="raise",
        callbacks=None,
        device="cpu",
    ):
        super().__init__(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            preset=preset,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            dropout=dropout,
            n_members=n_members,
            head_hidden_layer_sizes=head_hidden_layer_sizes,
            task_weights=task_weights,
            weighting=weighting,
            aggregator=aggregator,
            gradient_level=gradient_level,
            update_every=update_every,
            sampling=sampling,
            architecture=architecture,
            main_task=main_task,
            feature_scaling=feature_scaling,
            numeric_embedding=numeric_embedding,
            categorical_features=categorical_features,
            missing_features=missing_features,
            missing_label=missing_label,
            on_empty_task=on_empty_task,
            callbacks=callbacks,
            device=device,
        )
        self.tasks = tasks
        self.class_weight = class_weight

    predict = MultiTaskRegressor.predict

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # No estimator type: scikit-learn would treat every column alike. But who has predict_proba must have these.
        tags.classifier_tags = ClassifierTags()
        return tags
