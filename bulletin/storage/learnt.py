"""Where a server's fellows were last: a small file of advice, beside the database.

It is written when somebody moved, a few times in the life of a board, as a whole and without a sync: what is lost with it the
reference tells again.  So whatever is wrong with it, it counts as empty.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgpack

from bulletin.core.codec import unpack
from bulletin.core.errors import Refusal
from bulletin.core.limits import ENDPOINT_BYTES_MAX, MEMBERS_MAX
from bulletin.core.log.founding import ID_BYTES
from bulletin.storage.files import SYSTEM_FILES, Files

FORMAT: Final = 1

BYTES_MAX: Final = MEMBERS_MAX * (ENDPOINT_BYTES_MAX + ID_BYTES + 16)
"""The file's bytes at most; of a larger one the rest is not read, and so it counts as damaged."""


def read_learnt(path: Path, files: Files = SYSTEM_FILES) -> dict[bytes, str]:
    """Endpoints by member id, as they were written last; empty where the file is not there or not whole."""
    try:
        file = files.open(path, os.O_RDONLY)
        try:
            data = file.read(BYTES_MAX + 1, 0)
        finally:
            file.close()
        format_, endpoints = unpack(data, bytes_max=BYTES_MAX, nesting_max=2, items_max=2 * MEMBERS_MAX + 3)
        if format_ != FORMAT or not isinstance(endpoints, dict):
            return {}
    except (OSError, TypeError, ValueError, Refusal):
        return {}
    return {
        member: endpoint
        for member, endpoint in endpoints.items()
        if isinstance(member, bytes) and isinstance(endpoint, str) and endpoint
    }


def write_learnt(path: Path, endpoints: Mapping[bytes, str], files: Files = SYSTEM_FILES) -> str | None:
    """Write the file in the place of the one before.

    :returns: why that could not be done, or None.
    """
    draft = path.with_name(path.name + ".new")
    try:
        file = files.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            file.write(msgpack.packb([FORMAT, dict(endpoints)]), 0)
        finally:
            file.close()
        files.rename(draft, path)
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    return None
