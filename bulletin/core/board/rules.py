"""What is a valid name, text or operation id.

Strict, since what passes here is stored for ever and handed to every reader: a refusal says which field and why.
Texts are taken as they are otherwise: nothing is trimmed, folded or normalised, so that what is read is what was
written, and two names are the same only if their bytes are.
"""

import re
from typing import Final

from bulletin.core.errors import Code, Reason, Refusal
from bulletin.core.limits import ID_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX

RESERVED_NAMES: Final = frozenset({"servers", "replication", "replicate", "replica"})
"""Topics and names that the board, or a client that was written for it, uses for something else."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters other than tab, line feed and carriage return."""


def _checked(value: object, field: str, bytes_max: int, forbidden: re.Pattern[str]) -> str:
    """The one way that every string goes."""
    if not isinstance(value, str):
        raise Refusal(Code.INVALID_FIELD, field, Reason.MISSING if value is None else Reason.WRONG_TYPE)
    if not value:
        raise Refusal(Code.INVALID_FIELD, field, Reason.EMPTY)
    if len(value) > bytes_max:
        raise Refusal(Code.INVALID_FIELD, field, Reason.TOO_LONG)
    if not value.isascii():
        try:
            size = len(value.encode("utf-8"))
        except UnicodeEncodeError:
            raise Refusal(Code.INVALID_FIELD, field, Reason.NOT_UNICODE) from None
        if size > bytes_max:
            raise Refusal(Code.INVALID_FIELD, field, Reason.TOO_LONG)
    if forbidden.search(value):
        raise Refusal(Code.INVALID_FIELD, field, Reason.CONTROL_CHARACTER)
    return value


def name(value: object, field: str) -> str:
    """A name of a user or a channel that is asked for: 1 to 64 bytes of UTF-8, no control characters.

    :param field: the field that it came in, for the refusal.
    :raises Refusal: ``INVALID_FIELD`` with the field and the reason.
    """
    text = _checked(value, field, NAME_BYTES_MAX, _CONTROL)
    if text.isspace():
        raise Refusal(Code.INVALID_FIELD, field, Reason.EMPTY)
    return text


def own_name(value: object, field: str) -> str:
    """A name that the request would register, write under or write to: a :func:`name` that is not reserved.

    :raises Refusal: as :func:`name`, and ``RESERVED_NAME``.
    """
    text = name(value, field)
    if text in RESERVED_NAMES:
        raise Refusal(Code.RESERVED_NAME, field)
    return text


def message(value: object, field: str) -> str:
    """The text of a post: 1 byte to 64 KiB of UTF-8; of the control characters only tab and the line ends.

    :raises Refusal: ``INVALID_FIELD`` with the field and the reason.
    """
    return _checked(value, field, MESSAGE_BYTES_MAX, _CONTROL_IN_TEXT)


def operation_id(value: object, field: str = "id") -> str:
    """A request's own ``id``: 1 to 64 bytes of UTF-8, no control characters.

    :raises Refusal: ``INVALID_FIELD`` with the field and the reason.
    """
    return _checked(value, field, ID_BYTES_MAX, _CONTROL)
