"""One planted bug: words of a method that are replaced while it is tried."""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Final

import attrs

SEEDS_DEFAULT: Final = 60


class Moved(Exception):
    """A method does not have the words any more that a mutant replaces."""

    def __init__(self, patch: "Patch") -> None:
        place = f"{patch.owner.__name__}.{patch.name}"
        super().__init__(f"{place} has not the words {patch.words!r} once: plant the bug anew")


@attrs.frozen
class Patch:
    """A change of a few words.

    :param owner: the class whose method is changed, or the module whose function or constant is.
    :param name: of that.
    :param words: what is replaced; they occur once.
    :param bug: what they are replaced by.
    """

    owner: type | ModuleType
    name: str
    words: str
    bug: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is there while the context lasts.

        :raises Moved: the words are not there.
        """
        original: Any = self.owner.__dict__[self.name]
        setattr(self.owner, self.name, self._changed(original))
        try:
            yield
        finally:
            setattr(self.owner, self.name, original)

    def _changed(self, original: Any) -> Any:
        function: Any = original
        if isinstance(original, property):
            function = original.fget
        elif isinstance(original, staticmethod | classmethod):
            function = original.__func__
        source = textwrap.dedent(inspect.getsource(function))
        if source.count(self.words) != 1:
            raise Moved(self)
        changed: dict[str, Any] = {}
        # What is run is the shipped source with a mutant's own words in it: nothing comes from outside.
        exec(source.replace(self.words, self.bug), vars(sys.modules[function.__module__]), changed)
        return changed[self.name]


@attrs.frozen
class Constant:
    """Another value of a constant.

    :param owner: the module that uses it.
    :param name: of the constant there.
    :param bug: the other value.
    """

    owner: ModuleType
    name: str
    bug: object

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The other value is there while the context lasts."""
        original = self.owner.__dict__[self.name]
        setattr(self.owner, self.name, self.bug)
        try:
            yield
        finally:
            setattr(self.owner, self.name, original)


@attrs.frozen
class Chance:
    """Runs from seeds.

    :param run: one run; raises where a promise is broken.
    :param seeds: so many are tried unless somebody says otherwise.
    :param quick: whether the tests try it as well: it falls within seconds.
    """

    run: Callable[[int], None]
    seeds: int = SEEDS_DEFAULT
    quick: bool = False


@attrs.frozen
class Mutant:
    """One planted bug.

    :param number: in the table: of the dissertation's list of safety mutants, ``L-a`` … of liveness, ``B1`` … of the board.
    :param name: what is wrong, in words.
    :param patches: the bug.
    :param check: a regular expression: the names of the promises that it breaks.
    :param schedule: leads to it without luck; returns where nothing is wrong, raises ``AssertionError`` where something is.
    :param chance: runs that come by it, or None.
    :param why: where there are no such runs, why not.
    """

    number: str
    name: str
    patches: tuple[Patch | Constant, ...]
    check: str
    schedule: Callable[[], None]
    chance: Chance | None = None
    why: str = attrs.field(default="")

    @why.validator
    def _says_why(self, _attribute: object, value: str) -> None:
        if (self.chance is None) != bool(value):
            raise ValueError(
                f"{self.number}: either there are runs by chance, or it is said why there are none"
            )

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is there while the context lasts.

        :raises Moved: a method has changed meanwhile.
        """
        with ExitStack() as stack:
            for patch in self.patches:
                stack.enter_context(patch.planted())
            yield
