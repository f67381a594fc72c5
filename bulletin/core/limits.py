"""Every bound of the wire in one place: what is larger is refused before anything is built from it."""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

REQUEST_BYTES_MAX: Final = 1 * MIB
"""A client's request: its one body frame, in bytes.  Larger ones are answered with ``grande_demais``."""

REQUEST_BYTES_CUT: Final = 4 * MIB
"""A client's frame above this many bytes costs the client its connection (ZeroMQ's MAXMSGSIZE)."""

FRAME_BYTES_MAX: Final = 8 * MIB
"""A frame between roles, in bytes."""

BATCH_BYTES_MAX: Final = 4 * MIB
"""What one batch (a log entry's body, a message between broker and server) gathers at most, in bytes."""

OPERATIONS_PER_ENTRY_MAX: Final = 65_535
"""Operations in one log entry: a position is ``index * 2**16 + offset``, with offsets from 1."""

NESTING_MAX: Final = 8
"""Maps and arrays inside each other in a client's body."""

ITEMS_MAX: Final = 1024
"""Values in a client's body, counted over all its maps and arrays (keys count too)."""

NESTING_INTERNAL_MAX: Final = 12
"""Maps and arrays inside each other in a frame between roles."""

ITEMS_INTERNAL_MAX: Final = 400_000
"""Values in a frame between roles."""

MEMBERS_MAX: Final = 64
"""Servers of a cluster."""

RANK_MAX: Final = 2**31 - 1
"""The largest rank of a server."""

NAME_BYTES_MAX: Final = 64
"""The name of a user, a channel or a server, in bytes of UTF-8."""

MESSAGE_BYTES_MAX: Final = 64 * KIB
"""The text of a post, in bytes of UTF-8."""

ID_BYTES_MAX: Final = 64
"""A request's ``id``, in bytes of UTF-8."""

ENDPOINT_BYTES_MAX: Final = 256
"""A ZeroMQ endpoint on the wire, in bytes."""

CLOCK_MAX: Final = 2**53
"""The largest Lamport clock on the wire: the largest integer that every client's JSON keeps exactly."""

CLOCK_JUMP_MAX: Final = 2**20
"""A received clock further ahead of one's own than this is not merged."""

USERS_MAX: Final = 100_000
"""Users of a board, as its founding document has it by default."""

CHANNELS_MAX: Final = 10_000
"""Channels of a board, as its founding document has it by default."""

PAGE_POSTS_DEFAULT: Final = 50
"""Posts in a page of history when the request gives no ``limite``."""

PAGE_POSTS_MAX: Final = 500
"""Posts in a page of history at most."""

PAGE_BYTES_MAX: Final = 512 * KIB
"""Bytes of texts and names after which a page of history ends early."""

HEADS_PER_FRAME_MAX: Final = 1024
"""Streams in one frame of a head beacon."""

PUBLICATION_BYTES_MAX: Final = 256 * KIB
"""A publication's body, in bytes: a text twice, names and fields; or a chunk of a head beacon."""

PUBLICATION_ITEMS_MAX: Final = 2 * HEADS_PER_FRAME_MAX + 64
"""Values in a publication's body, counted as :data:`ITEMS_MAX` are."""

LIST_BYTES_MAX: Final = 2 * MIB
"""Bytes of names after which a list of users or channels ends early (a reply repeats it up to three times)."""

OPERATIONS_REMEMBERED: Final = 131_072
"""Operations whose ids and first answers the replicated state remembers."""

SESSIONS_PER_USER: Final = 16
"""Sessions of a user whose highest evicted number the replicated state remembers."""

BALLAST_BYTES: Final = 8 * MIB
"""What a server keeps in reserve for the day on which its disk is full, unless it is told otherwise."""
