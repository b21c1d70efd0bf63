"""Display: what all displays have in common. Each file beside this one holds only its own drawing."""

from abc import ABC, abstractmethod

from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._component import nearest

#: Inches: width and height of a figure unless a display needs another.
SIZE = (7.0, 4.0)


class Display(ABC):
    """A picture, and the numbers behind it. The constructor stores, `from_...` makes and draws, `plot` draws again.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        What the axes are in.
    """

    def plot(self, *, ax=None):
        """Draw it, or draw it again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : Display
            Itself, with `ax_` and `figure_`.
        """
        return self._drawn(self._draw, ax, self._size())

    @abstractmethod
    def frame(self):
        """Return the numbers behind the picture.

        Returns
        -------
        frame : DataFrame
            Needs pandas.
        """

    @classmethod
    def _check_matplotlib(cls, method="plot"):
        """Say what to install. Call it before long work that the picture is for."""
        check_matplotlib_support(f"{cls.__name__}.{method}")

    def _size(self):
        """Width and height in inches of a figure of its own."""
        return SIZE

    def _drawn(self, draw, ax, size=SIZE):
        """Have `draw(ax)` draw on these axes, or on new ones of this size, and keep them."""
        self._check_matplotlib()
        import matplotlib.pyplot as plt

        self.ax_ = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        draw(self.ax_)
        return self


def check_kind(kind, known, parameter="kind", note=""):
    """Raise an error unless there is such a kind."""
    if kind not in known:
        raise ValueError(f"{parameter} must be one of {list(known)}{note}; got {kind!r}.{nearest(kind, known)}")
