"""Old import paths: a module that has moved is still found under the name that it had.

Code of others and the `module:class` names in stored files go on working. Both names give the same
module object, so that classes stay one class.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class MovedModules(MetaPathFinder, Loader):
    """A finder of modules by old names; one for each package, made where the package begins.

    Args:
        package: whose modules have moved.
        places: old names to new ones, both relative to the package.
        gone: old names, relative to the package, of modules that are no more, to where what they
            did is now.

    Attributes:
        places, gone: the same, names with the package's before them.

    >>> import importlib
    >>> importlib.import_module("gqn_rl.view") is importlib.import_module("gqn_rl.geometry.view")
    True
    """

    def __init__(
        self, package: str, places: Mapping[str, str], gone: Mapping[str, str] | None = None
    ) -> None:
        self.places = {f"{package}.{old}": f"{package}.{new}" for old, new in places.items()}
        self.gone = {f"{package}.{old}": where for old, where in (gone or {}).items()}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The spec of an old name; None for every other.

        Raises:
            ModuleNotFoundError: for a module that is gone, with where to look instead.
        """
        if fullname in self.gone:
            raise ModuleNotFoundError(
                f"{fullname} is gone: see {self.gone[fullname]}", name=fullname
            )
        return ModuleSpec(fullname, self) if fullname in self.places else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its new name."""
        module = import_module(self.places[spec.name])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back its own spec, which the import system has just replaced."""
        spec = module.__spec__
        assert spec is not None
        module.__spec__ = spec.loader_state


def register(
    package: str, places: Mapping[str, str], gone: Mapping[str, str] | None = None
) -> None:
    """Let old names of a package's modules be imported, or say where to look; `MovedModules`."""
    # Before the others: below a package that has moved they would load a module a second time.
    sys.meta_path.insert(0, MovedModules(package, places, gone))
