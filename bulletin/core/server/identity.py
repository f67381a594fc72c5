"""Whose directory a server was started on."""

from bulletin.core.store.port import Opened


def identity_refusal(opened: Opened, name: str) -> str | None:
    """Why a server must not start on what its disk holds, as a clause, or None: it is its own.

    A directory belongs to one server of one name; its endpoint may be another than before.

    :param opened: what the disk holds.
    :param name: what the server is called.
    """
    if opened.restored is None:
        return None
    document = opened.restored.document
    own = next((member for member in document.members if member.member == opened.member), None)
    if own is None:
        return "the cluster in this directory does not have this server among its members"
    if own.name != name:
        return f"this directory belongs to the server {own.name!r}: start that one here, or name another directory"
    return None
