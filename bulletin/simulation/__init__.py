"""The board in one process and one thread, driven by one seed: the same seed is the same run, event by event.

::

    time           simulated time: a heap of events
    network        messages delayed, lost, doubled, overtaken, cut off
    strikes        when faults strike, and when they end; ``weather``: those of a network
    memory_store   the real store's twin: what is written, and what of it survives a power cut
    checkers/      what must hold, one promise a file, checked after every event
    violation      a broken promise, by its name
    steps          the last steps of a run, in words
    log/           the log tier: nodes, their disks, a digest for a board; fast
    board/         the board tier: every role, clients and readers, and all that lies between them
    run            what the runs of all tiers have in common
    tier, tiers    what a campaign needs of a world; the worlds that there are
    campaign       many seeds, in several processes; ``shrinker`` makes a failing one smaller
    command_line   what the commands of campaigns have in common
    clocks         the physical clocks, in a world of their own

Nothing that is simulated is a copy: what runs here is the shipped core, and around it there is nothing but time, network
and disks that are worse than real ones.  Hence this imports the core alone, and stands beside the roles, which put sockets,
disks and timers around the same core.
"""
