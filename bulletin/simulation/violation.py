"""A broken promise, by its name."""

import re
from typing import Final, Self

_NAMED: Final = re.compile(r"([SWL]\d+): (.*)", re.DOTALL)
UNNAMED: Final = "invariant"
"""The name of what the core itself asserts."""
CRASHED: Final = "crash"
"""The name of an exception in what was run."""


class Violation(AssertionError):
    """A run broke a promise.

    :param name: which one: S1 to S14 (safety), W1 to W4 (looking ahead), L1 to L5 (liveness), as ``docs/simulation.md`` lists
        them; ``twins``, ``damage``, ``fail-stop`` (a server stopped that may not), :data:`UNNAMED` or :data:`CRASHED`.
    :param sentence: what was seen.
    """

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name
        self.sentence = sentence

    @classmethod
    def of(cls, error: AssertionError) -> Self:
        """The same, said by an assertion whose sentence may begin with the promise's name and a colon."""
        said = str(error) or "an assertion without words"
        named = _NAMED.fullmatch(said)
        return cls(*named.groups()) if named else cls(UNNAMED, said)
