"""Members by name, as parameters of the estimator that they make up: also the two of a pair, and their parameters."""

from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils.metaestimators import _BaseComposition

from ._defaults import default_members
from ._members import PAIR, is_pair


class NamedMembers(_BaseComposition):
    """Base class: what is to be done with a parameter `estimators`, a list of (name, member), None for the default."""

    def _members(self):
        """Pairs of name and member, without the dropped ones."""
        if self.estimators is None:
            return default_members()
        members = list(self.estimators)
        for member in members:
            if not (isinstance(member, (tuple, list)) and len(member) == 2 and isinstance(member[0], str)):
                raise ValueError(
                    f"The 'estimators' parameter of {type(self).__name__} must be a list of (name, estimator) pairs; "
                    f"got {member!r} in it."
                )
        self._validate_names([name for name, _ in members])
        members = [(name, member) for name, member in members if not is_dropped(member)]
        if not members:
            raise ValueError(
                f"The 'estimators' parameter of {type(self).__name__} has no member that is not dropped; pass at least "
                "one, or None for the default ones."
            )
        return members

    def get_params(self, deep=True):
        """Return the parameters, with `deep` those of the members too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return each member by its name, and its parameters as ``name__parameter``; those of a pair are
            ``name__regressor``, ``name__regressor__parameter`` and so on.

        Returns
        -------
        params : dict
            By name.
        """
        found = self._get_params("estimators", deep=deep)
        for name, pair in self._pairs() if deep else ():
            for kind, part in zip(PAIR, pair, strict=True):
                found[f"{name}__{kind}"] = part
                if hasattr(part, "get_params"):
                    inner = part.get_params(deep=True)
                    found |= {f"{name}__{kind}__{key}": value for key, value in inner.items()}
        return found

    def set_params(self, **params):
        """Set parameters, members by their name, and their parameters.

        Parameters
        ----------
        **params : dict
            As `get_params` returns them. ``name="drop"`` leaves a member out.

        Returns
        -------
        self : blend
            With these parameters.
        """
        whole = {key: value for key, value in params.items() if "__" not in key}
        self._set_params("estimators", **whole)
        rest = {key: value for key, value in params.items() if "__" in key}
        for name, pair in self._pairs():
            new = dict(zip(PAIR, pair, strict=True))
            for kind in PAIR:
                if f"{name}__{kind}" in rest:
                    new[kind] = rest.pop(f"{name}__{kind}")
                prefix = f"{name}__{kind}__"
                inner = {key.removeprefix(prefix): rest.pop(key) for key in list(rest) if key.startswith(prefix)}
                if inner:
                    new[kind].set_params(**inner)
            strange = [key for key in rest if key.startswith(f"{name}__")]
            if strange:
                raise ValueError(
                    f"Invalid parameter {strange[0]!r} for {type(self).__name__}: member {name!r} is a pair, whose "
                    f"parameters start with {name}__regressor and {name}__classifier."
                )
            if tuple(new.values()) != pair:
                self._replace_estimator("estimators", name, tuple(new.values()))
        return self._set_params("estimators", **rest)

    def _pairs(self):
        """Members that are pairs, by name, as far as `estimators` is what it should be."""
        members = self.estimators if isinstance(self.estimators, (list, tuple)) else ()
        members = [m for m in members if isinstance(m, (list, tuple)) and len(m) == 2]
        return [(name, member) for name, member in members if is_pair(member)]

    def _estimators(self):
        """All estimators that the members are made of, by a name for each."""
        for name, member in self.estimators if self.estimators is not None else default_members():
            if is_pair(member):
                yield from ((f"{name} ({kind})", p) for kind, p in zip(PAIR, member, strict=True) if p is not None)
            elif not is_dropped(member):
                yield name, member

    def _sk_visual_block_(self):
        names, estimators = zip(*self._estimators(), strict=True)
        return _VisualBlock("parallel", estimators, names=names)


def is_dropped(member):
    """Whether a member is "drop"."""
    return isinstance(member, str) and member == "drop"
