"""Names of a package that are imported at their first use: a program pays only for the modules that it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def importer(
    package: str, homes: Mapping[str, Collection[str]], submodules: Collection[str] = ()
) -> Callable[[str], Any]:
    """Return the `__getattr__` for the `__init__` of a package.

    Args:
        package (`str`): The name of the package.
        homes (`Mapping[str, Collection[str]]`): Modules, each with the names that the package offers from it.
        submodules (`Collection[str]`): Modules of the package that are attributes without an import of their own.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def attribute(name: str) -> Any:
        if name in home_of:
            return getattr(import_module(home_of[name]), name)
        if name in submodules:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return attribute
