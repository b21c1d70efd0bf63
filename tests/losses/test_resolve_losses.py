"""The `loss` parameter in all its forms, and what is said where it is wrong."""

import pytest
import torch.nn.functional as F
from torch import nn

from skmtl.losses import LOSSES, CallableLoss, Huber, LogLoss, Quantile, SquaredError, resolve_losses

NAMES, KINDS = ["age", "income", "hours"], ["regression", "classification", "regression"]


def resolve_mixed(loss):
    return resolve_losses(loss, NAMES, KINDS, "MultiTaskEstimator")


def resolve_regression(loss):
    return resolve_losses(loss, NAMES, ["regression"] * 3, "MultiTaskRegressor")


def types(losses):
    return [type(loss) for loss in losses]


def test_auto_follows_the_kind():
    assert types(resolve_mixed("auto")) == [SquaredError, LogLoss, SquaredError]


@pytest.mark.parametrize("name", LOSSES)
def test_every_name(name):
    kind = LOSSES[name].kind
    losses = resolve_losses(name, ["a", "b"], [kind, kind], "Owner")
    assert types(losses) == [LOSSES[name]] * 2
    assert losses[0].key == losses[1].key


def test_list_dict_and_tuple():
    assert types(resolve_mixed(["huber", "focal", "auto"])) == [Huber, LOSSES["focal"], SquaredError]
    assert types(resolve_mixed(("huber", "focal", "auto"))) == [Huber, LOSSES["focal"], SquaredError]
    assert types(resolve_mixed({"hours": "poisson"})) == [SquaredError, LogLoss, LOSSES["poisson"]]
    assert types(resolve_mixed({})) == types(resolve_mixed("auto"))


def test_instances_are_cloned():
    huber = Huber(delta=2.0)
    losses = resolve_regression(huber)
    assert all(loss is not huber and loss.delta == 2.0 for loss in losses)


def test_equal_entries_have_equal_keys():
    same = resolve_regression([Huber(delta=2.0), Huber(delta=2.0), Huber()])
    assert same[0].key == same[1].key != same[2].key
    module = nn.SmoothL1Loss(reduction="none")
    for loss in (module, F.smooth_l1_loss, CallableLoss(module)):
        assert len({resolved.key for resolved in resolve_regression(loss)}) == 1


def test_callables_take_the_kind_of_their_task():
    losses = resolve_mixed({"age": F.smooth_l1_loss, "income": nn.CrossEntropyLoss(reduction="none")})
    assert types(losses) == [CallableLoss, CallableLoss, SquaredError]
    assert [loss.kind for loss in losses] == KINDS
    assert [loss.kind for loss in resolve_mixed(F.mse_loss)] == KINDS


def test_nothing_passed_in_is_changed():
    given = {"hours": Huber(delta=2.0)}
    resolve_mixed(given)
    assert list(given) == ["hours"]
    assert vars(given["hours"]) == {"delta": 2.0}


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("hubber", r"'loss' parameter of MultiTaskEstimator got 'hubber', .*'auto'. Did you mean 'huber'\?"),
        ("atuo", r"got 'atuo', .* Did you mean 'auto'\?"),
        ({"hours": "hubber"}, r"got 'hubber', .* Did you mean 'huber'\?"),
        (["auto", "auto"], r"has 2 entries for 3 tasks\. Give one a task"),
        ({"hour": "huber"}, r"entry for 'hour', which is not a task\. Did you mean 'hours'\? The tasks are \['age', "),
        (
            "huber",
            r"task 'income' is classification; huber is for regression\. Losses for classification: \['log_loss', "
            r".*dict, loss=\{'age': 'huber', \.\.\.\}; a task left out gets 'auto'",
        ),
        (
            "log_loss",
            r"task 'age' is regression; log_loss is for classification.*loss=\{'income': 'log_loss', \.\.\.\}",
        ),
        (Huber(delta=2.0), r"task 'income' is classification; Huber\(delta=2\.0\) is for regression"),
        (
            {"hours": "focal"},
            r"task 'hours' is regression; focal is for classification\. Losses for .*'gaussian_nll'\]\.$",
        ),
        (CallableLoss(F.mse_loss), r"task 'income' is classification; CallableLoss\(.*\) is for regression"),
        (Huber, r"got <class .*Huber'>\. Pass an instance, not the class: Huber\(\.\.\.\)\."),
        (nn.SmoothL1Loss, r"Pass an instance, not the class: SmoothL1Loss\(\.\.\.\)\."),
        (3, r"'loss' parameter of MultiTaskEstimator must be 'auto', one of .* got 3\.$"),
        (None, r"got None\.$"),
        ({"age": Quantile(level=2)}, r"'level' parameter of Quantile must be a float in the range \(0\.0, 1\.0\)"),
    ],
)
def test_errors(loss, message):
    with pytest.raises(ValueError, match=message):
        resolve_mixed(loss)


def test_no_dict_is_suggested_where_no_task_fits():
    with pytest.raises(ValueError, match=r"'gaussian_nll'\]\.$"):
        resolve_regression("log_loss")


def test_many_task_names_are_not_all_listed():
    names = [f"task{i}" for i in range(500)]
    with pytest.raises(ValueError, match=r"'task9'\] and 490 more\.$"):
        resolve_losses({"x": "huber"}, names, ["regression"] * 500, "MultiTaskRegressor")
