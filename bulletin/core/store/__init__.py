"""What a server's disk holds, without the disk: the port, the rows' bytes, and what a start believes.

::

    port         the store as its server sees it: one interface, with SQLite behind it, or memory
    writes       what is asked of it, and the hard state that follows
    records      the bytes of each table's rows, sealed by a checksum over table, key and body
    hard_record  what must never be forgotten, kept in two places
    recovery     which of the two places a start believes, and what it no longer trusts
    log_tail     the end of the log as it will be once everything asked for is stored
    parts        what travels when a server takes over another's tables
    intake       how those parts are checked and put together, wherever they are kept

The real store (:mod:`bulletin.storage`) and its twin in memory (:mod:`bulletin.simulation.memory_store`) are shells around
these, so that what the one decides the other decides, too.
"""
