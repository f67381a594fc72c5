"""The scenarios that there are."""

from importlib.resources import files
from typing import Final

SUFFIX: Final = ".txt"


def names() -> tuple[str, ...]:
    """All of them, in order."""
    found = (file.name for file in files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


def text(name: str) -> str:
    """One of them.

    :raises FileNotFoundError: there is none of that name.
    """
    return files(__package__).joinpath(name + SUFFIX).read_text("utf-8")
