import builtins
import pickle
import re
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmtl._history import TrainingHistory


def make(n_epochs=8, tasks=("heating", "cooling"), valid=True):
    rows = []
    for i in range(n_epochs):
        row = {"epoch": i + 1, "dur": 0.5, "train_loss": 1.0 / (i + 1), "batches": [{"train_loss": 3.0}]}
        row["train_losses"] = [10.0 * t + i for t in range(len(tasks))]
        row["weights"] = np.full(len(tasks), 1.0 / len(tasks))
        if valid:
            row |= {"valid_loss": 2.0 / (i + 1), "valid_losses": [20.0 * t + i for t in range(len(tasks))]}
        rows.append(row)
    return TrainingHistory.from_rows(rows, tasks)


def test_columns_are_named_by_task_in_a_fixed_order():
    assert list(make()) == [
        "epoch",
        "duration",
        "train_loss",
        "valid_loss",
        "train_loss__heating",
        "train_loss__cooling",
        "valid_loss__heating",
        "valid_loss__cooling",
        "weight__heating",
        "weight__cooling",
    ]


def test_columns_hold_a_value_per_epoch():
    history = make(3)
    assert history.n_epochs == 3
    assert history["epoch"].dtype.kind == "i"
    assert_array_equal(history["epoch"], [1, 2, 3])
    assert_array_equal(history["train_loss"], [1, 1 / 2, 1 / 3])
    assert_array_equal(history["train_loss__cooling"], [10, 11, 12])
    assert_array_equal(history["valid_loss__cooling"], [20, 21, 22])
    assert_array_equal(history["weight__heating"], [0.5, 0.5, 0.5])


def test_what_was_not_recorded_has_no_column():
    history = TrainingHistory.from_rows([{"epoch": 1, "train_loss": 1.0}], ["a"])
    assert list(history) == ["epoch", "train_loss"]
    assert "valid_loss" not in make(valid=False)


def test_an_epoch_without_a_record_is_nan():
    rows = [{"epoch": 1, "train_loss": 1.0}, {"epoch": 2, "valid_loss": 3.0, "weights": [0.25, np.nan]}]
    history = TrainingHistory.from_rows(rows, ["a", "b"])
    assert_array_equal(history["train_loss"], [1, np.nan])
    assert_array_equal(history["valid_loss"], [np.nan, 3])
    assert_array_equal(history["weight__a"], [np.nan, 0.25])
    assert_array_equal(history["weight__b"], [np.nan, np.nan])


def test_no_epochs_make_an_empty_table():
    history = TrainingHistory.from_rows([], ["a"])
    assert (len(history), history.n_epochs) == (0, 0)
    assert "no epochs" in repr(history)
    assert "0 epochs" in history._repr_html_()


def test_it_is_a_mapping_that_cannot_be_written():
    history = make(4)
    assert isinstance(history, Mapping)
    assert len(history) == len(list(history)) == 10
    assert dict(history).keys() == history.keys()
    assert history.get("nothing") is None
    with pytest.raises(TypeError):
        history["epoch"] = np.zeros(4)
    with pytest.raises(ValueError, match="read-only"):
        history["train_loss"][0] = 0.0


def test_the_caller_keeps_a_writable_array():
    values = np.zeros(3)
    TrainingHistory({"train_loss": values})
    values[0] = 1.0


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(KeyError, match=r"no column 'train_los'. Did you mean 'train_loss'\?"):
        make()["train_los"]


def test_columns_of_one_task():
    history = make(3).task("cooling")
    assert list(history) == ["epoch", "train_loss", "valid_loss", "weight"]
    assert_array_equal(history["train_loss"], [10, 11, 12])


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(KeyError, match=r"no task 'coling'. Did you mean 'cooling'\?"):
        make().task("coling")


def test_task_names_need_not_be_text_and_may_hold_underscores():
    history = make(2, tasks=(0, "a__b"))
    assert "train_loss__0" in history
    assert_array_equal(history.task(0)["train_loss"], [0, 1])
    assert_array_equal(history.task("a__b")["train_loss"], [10, 11])


def test_frame_is_a_copy_of_the_table():
    pd = pytest.importorskip("pandas")
    history = make(3)
    frame = history.frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.shape == (3, 10)
    assert list(frame) == list(history)
    frame.loc[0, "train_loss"] = -1.0
    assert history["train_loss"][0] == 1.0


def test_frame_without_pandas_says_what_to_do(monkeypatch):
    real = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(ImportError, match=r"pip install pandas.*history_\[\"train_loss\"\]"):
        make(2).frame()


def test_repr_of_a_short_history_is_the_whole_table():
    lines = repr(TrainingHistory({"epoch": np.array([1, 2]), "train_loss": [0.5, 1 / 3]})).splitlines()
    assert [line.split() for line in lines] == [["epoch", "train_loss"], ["1", "0.5"], ["2", "0.333333"]]
    assert len({len(line) for line in lines}) == 1


def test_repr_of_a_long_history_shows_its_ends():
    lines = repr(make(100)).splitlines()
    assert len(lines) == 1 + 3 + 1 + 2 + 1
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "...", "99", "100"]
    assert all(len(line.split()) == 7 and line.endswith("...") for line in lines[:-1])
    assert lines[-1] == "[100 epochs x 10 columns]"


def test_html_escapes_the_names():
    html = make(100, tasks=("<b>", "c"))._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.count("<tr>") == 1 + 3 + 1 + 2
    assert len(re.findall("<th>", html)) == 7
    assert "100 epochs x 10 columns" in html


def test_a_wrong_number_of_values_is_refused():
    with pytest.raises(ValueError, match="'weights' of record 0 has 3 values for 2 tasks"):
        TrainingHistory.from_rows([{"weights": [1, 2, 3]}], ["a", "b"])
    with pytest.raises(ValueError, match="equally long"):
        TrainingHistory({"a": [1], "b": [1, 2]})


def test_it_survives_pickling():
    history = pickle.loads(pickle.dumps(make(3)))
    assert list(history) == list(make(3))
    assert_array_equal(history["train_loss"], make(3)["train_loss"])


def test_a_skorch_history_can_be_read():
    skorch_history = pytest.importorskip("skorch.history")
    log = skorch_history.History()
    for epoch in (1, 2):
        log.new_epoch()
        log.record("epoch", epoch)
        log.record("train_loss", 0.5)
        log.record("train_losses", [0.25, 0.75])
    history = TrainingHistory.from_rows(log, ["a", "b"])
    assert_array_equal(history["epoch"], [1, 2])
    assert_array_equal(history["train_loss__b"], [0.75, 0.75])
