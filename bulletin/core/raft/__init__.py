"""A replicated log by Raft, behind the port of :mod:`bulletin.core.log.port`; it knows nothing of the board.

After Ongaro's dissertation, whose sections are cited where they are implemented.  Values in, values out: no clock,
socket, disk or randomness of its own::

      receive tick propose read_index persisted fetched given taken applied_to
          |
        Node ----------- State: role, term, commit, RaftLog, Disk, Outbox
          |
          +-- Greeter      may this disk take part at all?
          +-- Election     who leads: pre-vote, vote, check-quorum, stickiness
          +-- Replication  the leader's side, one Progress a follower
          +-- Acceptance   the follower's side
          +-- Reads        ReadIndex
          +-- Snapshots    tables for a follower that lacks what is trimmed
          +-- Trust        when a disk that has lost entries may take part again
          +-- Transfer     leadership handed over
          |
        ready() -> Persist, messages, committed entries, reads, fetches, gives, take, install

:class:`~bulletin.core.raft.ordered_log.RaftLogPort` wraps a ``Node`` for a server: it has the same events, keeps what
was proposed until it is seen committed, and forwards it to whoever leads.

Rules that everything rests on:

* A message leaves only when the term, vote and entries that it reflects are synced: ``Outbox`` holds it until the
  write it needs was ``persisted``.  What is held is dropped when the term changes.
* ``RaftLog.synced`` speaks of the log *as it is now*; a late acknowledgement of overwritten entries claims nothing.
* The leader's own disk counts like a follower's: it may be the last of the majority, or not be needed for it.
* An acknowledgement that must not count (a disk that was rolled back, or has lost entries, or has not been judged
  yet) is sent with ``match`` and ``round`` 0, so that such a node is still brought up to date.

* The log is trimmed, on each server by itself, up to what its tables hold and beyond what ``Config`` retains.  What was
  trimmed was committed; its end, the *anchor*, stays, so that the chain of hashes has no gap.

Traps.  ``Ready.committed`` may hold entries that this node's own disk does not have yet.  ``ready()`` changes state:
what it returned must be carried out.  An exception of this package (``Diverged``, ``AssertionError``) means: stop the
process, do not restart it by itself.

Known limits.  Pre-vote and check-quorum solve most partial partitions, not all: if every link but one between two
majorities is cut, leadership may change back and forth.  A rolled-back disk is not noticed while all peers that heard
more from it are away.
"""
