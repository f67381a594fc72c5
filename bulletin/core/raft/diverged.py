"""The one exception that a node raises because of what it received: the promise is broken, and stopping is all that is left."""


class Diverged(Exception):
    """This node's log and its leader's differ where they must be equal, or one term has two leaders.

    The process must stop, loudly, and must not be restarted before a person has looked: going on would show
    some users one history and others another.
    """
