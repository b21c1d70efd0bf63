"""Seeds, drawn from a random state for what has one of its own."""

import numpy as np


def draw_seed(rng):
    """Return an int for a parameter `random_state`, from a RandomState."""
    return int(rng.randint(np.iinfo(np.int32).max))
