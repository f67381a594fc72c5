"""``value``: the decorator of this package's value types, which every operation makes ten of.

They are frozen for whoever reads the code and for mypy, which refuses every assignment to their fields.  At run time
they are plain classes with slots, compared and hashed by their fields: attrs' frozen ones take three times as long to
make, since each field has to get past the lock (measured: 5 µs of the 20 that a post took).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from attrs import define

    value = define(unsafe_hash=True)

__all__ = ["value"]
