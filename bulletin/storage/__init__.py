"""What a server keeps on its disk, and what it may believe of it after a crash.

::

    reactor                       writer's thread                    on the disk
    SqliteStore.write ──queue──▶  Batch: one statement, one sync ──▶ board.sqlite  log, hard state, tables
                                  HardStateFile.write            ──▶ hard-state    commit, term, vote, log's end
              done  ◀──────────── both are synced
    SqliteStore.page, fetch ────▶ reader's thread: read-only     ◀── board.sqlite

What is stored and what of it is believed is in :mod:`bulletin.core.store`, which has the interface, too: ``sqlite_store.py``
implements it, and passes the same tests as its twin without a disk, :mod:`bulletin.simulation.memory_store`.  ``schema.py`` has
the tables, ``batch.py`` what one transaction stores; ``giver.py`` reads tables for a fellow server that takes them over,
``shelf.py`` puts a fellow's in place; ``ranks.py`` is the reference's.

Files, time and chance come from a ``machine.py``, by way of ``files.py``; the writer and the reader know no threads, but do
their work step by step.  So ``simulated_disk`` can be under all of it, and one thread, driven by a seed, can run it.

What everything rests on:

- *One order.*  The transaction is synced, then the hard-state file, then ``done`` is called.  So what was acknowledged is
  on the disk in two places, and a start that finds the database behind the file knows that it has lost something.
- *One transaction* holds log entries, hard state, applied rows and the applied index.  Rows that were applied are not
  synced by themselves: a power cut takes them and their index away together, and the log has them still.
- *One writer*: the only connection that writes or checkpoints.  Locked out are other processes (``flock``).
- *Fail-stop*: after a failed write or sync nothing is tried again; what is on the disk is for the next start to find out.
- *Checked when read*: log rows by their chain, all others by a checksum, the hard state by both places.

Traps:

- A closed connection would fold the WAL away by itself, in a thread and at a time of its own: that is turned off.
- ``apsw`` releases the interpreter's lock in each step of a statement, and a busy reactor gives it back 5 ms later:
  see ``schema.py`` before adding a statement to the writer's or the reader's way.
- A record's checksum covers its table and key: a row copied elsewhere by hand is a damaged one.
"""
