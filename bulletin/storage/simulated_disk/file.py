"""A file's bytes: what a process sees, what is on the disk, and what lies between the two."""

from collections.abc import Sequence
from typing import Final

from bulletin.storage.simulated_disk.keeping import Keep, Operation, Truncated, Wrote


class File:
    """A file, or a directory, which has no bytes."""

    def __init__(self, synced: bytes | bytearray = b"", *, is_directory: bool = False) -> None:
        """It is new, or found after a power cut."""
        self.is_directory: Final = is_directory
        self.content = bytearray(synced)
        """As the running system sees it."""
        self.synced = bytearray(synced)
        """As it is on the disk …"""
        self.pending: list[Operation] = []
        """… and what was done since."""

    def do(self, operation: Operation) -> None:
        """Change the bytes; not synced."""
        apply(self.content, (operation,))
        self.pending.append(operation)

    def sync(self) -> None:
        """Have all on the disk."""
        apply(self.synced, self.pending)
        self.pending.clear()

    def after(self, keep: Keep) -> "File":
        """As a power cut leaves it."""
        content = bytearray(self.synced)
        if self.pending:
            apply(content, keep(self.pending))
        return File(content, is_directory=self.is_directory)


def apply(content: bytearray, operations: Sequence[Operation]) -> None:
    """Carry operations out."""
    for operation in operations:
        match operation:
            case Wrote(offset, data):
                if len(content) < offset:
                    content.extend(bytes(offset - len(content)))
                content[offset : offset + len(data)] = data
            case Truncated(size):
                del content[size:]
                content.extend(bytes(size - len(content)))
