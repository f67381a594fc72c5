"""Whether a role can do its work, as it says itself."""

import attrs


@attrs.frozen
class Health:
    """The answer to ``/readyz``.

    :param ready: whether the role does what it is there for.
    :param reason: one sentence: why not, or what it is doing.
    """

    ready: bool
    reason: str = "Ready."
