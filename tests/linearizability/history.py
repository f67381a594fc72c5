"""A recorded history: what each client called, when, and what it was told."""

import math

import attrs


@attrs.frozen
class Post:
    """A post to a channel.

    :param invoked: monotonic seconds when it was sent first.
    :param returned: when its acknowledgement came; infinity where none did.
    :param seq: as acknowledged, or None.
    """

    channel: str
    id: str
    invoked: float
    returned: float = math.inf
    seq: int | None = None
    clock: int | None = None


@attrs.frozen
class Read:
    """A linearizable read of a channel's newest posts: the highest ``seq`` that it showed, 0 for none."""

    channel: str
    invoked: float
    returned: float
    head: int


@attrs.frozen
class Stored:
    """One post as the final history of its channel has it."""

    channel: str
    seq: int
    id: str
    clock: int
    received: float
