"""The replicated state machine: the same log makes the same board on every server.  It knows nothing of Raft.

::

    payload ──► commands.decode ──► Board.apply ──► Outcome: answer (for whoever waits), post (to be published),
                                    │  │  │                  rows (for the tables)
               seen? expired? ◄─────┘  │  └─────► chain.py: one more hash in the stream's chain
   remembered.py, sessions.py          └► state.py: names, next seq, last received

``commands`` is what stands in the log, ``outcome`` what comes out, ``history`` which posts a page holds; ``rules``
says what is a valid name, text or id, and is asked before anything goes into the log.

The board is *deterministic*: what it does follows from the log alone, never from a clock, a dictionary's order, a
locale or the database.  Its stamps are monotone whatever the log brings: the clock rises by every operation, over the
whole board; ``received`` never falls within a stream.  It is *total*: each operation that can be read has an outcome.
One that cannot be read stops the server (:class:`~bulletin.core.board.board.CannotApply`).

Only names, heads and remembered operations are in memory; posts go into rows and are forgotten.  A board made of the
rows and marks that another one wrote goes on exactly as that one would have.

Traps:

- The digest covers the *outcomes*, also of repetitions, which write no rows: equal tables do not mean equal digests,
  equal logs do.
- The marks belong to whole entries.  Between two operations of an entry there is nothing that could be stored.
- The number of remembered operations decides which repetition is known as one: it is part of the state, so another
  number is another state machine, and needs another level of the log's entries.
"""
