"""What clients saw, held against what the board promises: three checkers that trust each other as little as the board.

A recorded history is a set of calls, each with when it was invoked, when it returned (infinity: it never did, and may
have taken effect or may yet) and what it was told.  It is *linearizable* if each call can be given a moment between
the two, such that the calls, one after the other in that order, are answered so by one board (Herlihy and Wing 1990).

::

    what is known besides the calls                          checker
    the log, and for each read where it was answered         log_order     replays the whole board
    numbers alone: seq of posts, places in listings          streams       posts and reads, each stream by itself
                                                             names         users, channels
    nothing, 12 calls at most                                search        tries every order

``log_order`` is for the simulation, which can look inside: replies on the wire carry no position (a receipt has the
log's index, reads have nothing).  ``streams`` and ``names`` are black boxes, for real processes: a post's ``seq``
forces the order of its stream, and a name's place in the listing that of its kind, so that a greedy walk along it
(:mod:`~bulletin.linearizability.real_time`) is exact, and takes n log n.  ``search`` (Wing and Gong 1993, with the memo
of Lowe 2017) knows no order; it is for the tests, where the other two have to agree with it.

Every checker returns :class:`~bulletin.linearizability.anomaly.Anomaly` values, worst first; an empty list is a history
that keeps the promises.  The sequential model (:mod:`~bulletin.linearizability.board_model`) is written from the
promises and shares no rule with :mod:`bulletin.core.board`; of the core only its values are used.

Trap: a call that is answered by a definite refusal of one sending alone, while an earlier sending of the same id may
still take effect, has to be recorded as one that never returned.
"""
