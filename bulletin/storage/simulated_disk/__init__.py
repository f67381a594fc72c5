"""A disk in memory under the real SQLite, whose power can fail between any two of its operations.

::

    SqliteStore ── files.Files ──▶ Mount ─────────┐             what the running system sees      content
                                                  ├──▶ SimulatedDisk  what is on the platters         synced
    SQLite ─────── DiskVFS ──────▶ opened files ──┘             what was done in between          pending

``disk.py`` is the disk: files with their bytes, names, what is not synced of both, faults.  ``mount.py`` is one process's
view of it, which implements :class:`bulletin.storage.files.Files`; ``vfs.py`` is the same for SQLite; ``keeping.py`` says
what of the unsynced a power cut leaves.

- *Power cuts.*  :meth:`~bulletin.storage.simulated_disk.disk.SimulatedDisk.cut` throws away what is not synced, but for what
  the cut keeps: nothing, everything, or any part, the last write of a file torn at a sector.  Names are like bytes: a file
  that was made, renamed or removed is so for good when its directory was synced.  ``image`` gives the disk as such a cut
  would leave it, and leaves this one as it is: so each moment of one run can be looked at.
- *Any moment*: ``watch`` is called before each operation that changes something, ``stop_after`` ends the process (by a cut,
  or by ``kill``) before one of them.  The process notices by every further operation failing; whatever it says from then on
  is to be ignored, as nobody would have heard it.
- *Syncs that fail* leave a random part of the bytes for ever unwritten, though the running system goes on seeing them: a
  second sync that succeeds does not bring them back.  That is what Linux does.
- *Damage*: bits are flipped by ``flip``; a full disk by ``capacity``; other errors by ``fault``, which is asked before each
  operation.
- *Determinism*: everything drawn comes from the disk's generator, in an order that follows from the operations.
  SQLite's own generator (it salts the WAL) is seeded by :func:`~bulletin.storage.simulated_disk.vfs.seed_sqlite`.

Nothing here waits for a real disk.  The one thing that is real is an empty file for each database, in a temporary directory:
SQLite's VFS ``unix-excl`` locks it, and keeps the index of the WAL in memory by it, which ``apsw`` cannot do in Python.
"""
