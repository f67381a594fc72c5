"""Single fields of what servers and the reference say to each other; what is none is refused by its name."""

from typing import Any, TypeVar

from bulletin.core.errors import Code, Reason, Refusal

Number = TypeVar("Number", int, float)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def required(value: Any, name: str) -> Any:
    """A field's value, which must be there.

    :raises Refusal: it is not.
    """
    if value is None:
        raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.MISSING)
    return value


def real(inner: dict[str, Any], name: str, low: float, high: float) -> float | None:
    """A finite number in a range, both ends included, as a float; None where it is missing.

    :raises Refusal: it is something else.
    """
    value = inner.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.WRONG_TYPE)
    return float(_in_range(value, name, low, high))


def integer(inner: dict[str, Any], name: str, low: int, high: int) -> int | None:
    """A whole number in a range, both ends included; None where it is missing.

    :raises Refusal: it is something else.
    """
    value = inner.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.WRONG_TYPE)
    return _in_range(value, name, low, high)


def _in_range(value: Number, name: str, low: float, high: float) -> Number:
    if not low <= value <= high:  # NaN is not either
        raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.OUT_OF_RANGE)
    return value


def text(inner: dict[str, Any], name: str, bytes_max: int, *, required: bool) -> str:
    """A text without control characters, empty where it is missing and not required.

    :raises Refusal: it is something else, or longer than ``bytes_max`` bytes of UTF-8.
    """
    value = inner.get(name)
    if value is None and not required:
        return ""
    reason = text_fault(value, bytes_max)
    if reason is not None and (required or reason is not Reason.EMPTY):
        raise Refusal(Code.INVALID_FIELD, field=name, reason=reason)
    return str(value)


def text_fault(value: Any, bytes_max: int) -> Reason | None:
    """Why a value is no text of at most so many bytes; None: it is one."""
    if value is None:
        return Reason.MISSING
    if not isinstance(value, str):
        return Reason.WRONG_TYPE
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return Reason.NOT_UNICODE
    if not size:
        return Reason.EMPTY
    if size > bytes_max:
        return Reason.TOO_LONG
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in value):
        return Reason.CONTROL_CHARACTER
    return None


def octets(inner: dict[str, Any], name: str, low: int, high: int) -> bytes | None:
    """Bytes, or their hex, ``low`` to ``high`` of them; None where they are missing.

    :raises Refusal: it is something else.
    """
    value = inner.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value)
        except ValueError:
            raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.NOT_DECODABLE) from None
    if not isinstance(value, bytes):
        raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.WRONG_TYPE)
    if not low <= len(value) <= high:
        raise Refusal(Code.INVALID_FIELD, field=name, reason=Reason.OUT_OF_RANGE)
    return value
