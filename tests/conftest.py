"""What all tests share: a seed, tiny data sets, where the real ones lie, and one thread for torch."""

import os
from pathlib import Path

import numpy as np
import pytest

# Before torch and pyplot are imported, here or in a child process.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import torch

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: runs with --slow"))


@pytest.fixture
def seed():
    """The seed of a test; SKMTL_SEED sets another, to see whether a test holds by luck."""
    return int(os.environ.get("SKMTL_SEED", "0"))


@pytest.fixture(autouse=True)
def first_weights(seed):
    """Modules that a test or a page makes draw their weights from torch: the same in every run."""
    torch.manual_seed(seed)


@pytest.fixture(params=["tabular", "mlp"])
def preset(request, monkeypatch):
    """Each preset in turn, as that of the module's QUICK settings."""
    monkeypatch.setitem(request.module.QUICK, "preset", request.param)
    return request.param


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def device():
    """Where the tests of devices train: cpu, or what SKMTL_DEVICE names."""
    return os.environ.get("SKMTL_DEVICE", "cpu")


@pytest.fixture
def regression(rng):
    """X (120, 5) and two related tasks Y (120, 2), on scales far apart."""
    X = rng.normal(size=(120, 5))
    shared = np.tanh(X @ rng.normal(size=(5, 3)))
    Y = shared @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(120, 2))
    return X, Y * [1.0, 100.0] + [0.0, 500.0]


@pytest.fixture
def regression_missing(regression, rng):
    """As `regression`, with 30 % of the labels missing."""
    X, Y = regression
    return X, np.where(rng.random(Y.shape) < 0.3, np.nan, Y)


@pytest.fixture
def mixed(regression, rng):
    """X (120, 5) and a DataFrame of three tasks: three words, two numbers, a quantity; 20 % of the labels missing."""
    pd = pytest.importorskip("pandas")
    X, Y = regression
    words = np.array(["high", "low", "middle"], dtype=object)
    Y = pd.DataFrame(
        {
            "level": words[np.digitize(Y[:, 0], np.quantile(Y[:, 0], [1 / 3, 2 / 3]))],
            "passed": np.where(Y[:, 1] > np.median(Y[:, 1]), 1.0, 0.0),
            "price": Y[:, 1],
        }
    )
    return X, Y.mask(rng.random(Y.shape) < 0.2)


@pytest.fixture(scope="session")
def data_folder():
    """Folder of the public data sets (datasets.json beside the files that it describes)."""
    folder = Path(os.environ.get("SKMTL_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "datasets.json").is_file():
        pytest.skip("the public data sets are not here; SKMTL_DATA names the folder that holds datasets.json")
    return folder
