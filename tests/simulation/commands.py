"""A command as it is run by hand, in this process."""

from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO


def carried_out(main: Callable[[list[str]], int], *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    output, errors = StringIO(), StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            status = main(list(words))
        except SystemExit as ended:
            status = ended.code
    return status, output.getvalue(), errors.getvalue()
