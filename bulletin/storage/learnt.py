"""Where a server's fellows were last: a small file of advice, beside the database.

It is written when somebody moved, a few times in the life of a board, as a whole and without a sync: what is lost with it the
reference tells again.  So whatever is wrong with it, it counts as empty.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgpack

from bulletin.core.limits import ENDPOINT_BYTES_MAX, MEMBERS_MAX
from bulletin.core.log.founding import ID_BYTES

FORMAT: Final = 1

BYTES_MAX: Final = MEMBERS_MAX * (ENDPOINT_BYTES_MAX + ID_BYTES + 16)
"""The file's bytes at most; of a larger one the rest is not read, and so it counts as damaged."""


def read_learnt(path: Path) -> dict[bytes, str]:
    """Endpoints by member id, as they were written last; empty where the file is not there or not whole."""
    try:
        with path.open("rb") as file:
            format_, endpoints = msgpack.unpackb(file.read(BYTES_MAX + 1), strict_map_key=False)
        if format_ != FORMAT or not isinstance(endpoints, dict):
            return {}
    except (OSError, TypeError, ValueError, msgpack.UnpackException):
        return {}
    return {
        member: endpoint
        for member, endpoint in endpoints.items()
        if isinstance(member, bytes) and isinstance(endpoint, str) and endpoint
    }


def write_learnt(path: Path, endpoints: Mapping[bytes, str]) -> str | None:
    """Write the file in the place of the one before.

    :returns: why that could not be done, or None.
    """
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_bytes(msgpack.packb([FORMAT, dict(endpoints)]))
        draft.replace(path)
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    return None
