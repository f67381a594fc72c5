"""A cluster that does nothing by itself: a script says which message arrives, which disk syncs, how much time passes.

Where the simulation comes by a schedule once in a thousand runs, or never, a scenario leads to it at once.  Each file in this
folder is one; ``texts.py`` finds them, ``playing.py`` reads them, ``script.py`` carries their commands out on
``machine.py``'s servers, and ``wording.py`` says in words what is stored and sent.

A scenario is a text file of commands, each followed by ``----``, its output, and an empty line::

    # what this part shows
    campaign 1
    ----
    1 is pre-candidate in term 1
    1->2 RequestVote term=2 last=1/1 pre

==============================  ====================================================================
``cluster N [ungreeted] [k=v]`` N servers, numbered from 1, ranks rising; the rest sets fields of the
                                configuration.  Lines below it give logs by terms: ``2: 1 1 4 4 @5``
                                (``@5``: the term that the server remembers)
``campaign N``                  server N has waited long enough
``start_campaign N``            server N campaigns without asking first, as after ``TimeoutNow`` but without its flag
``advance S``                   S seconds pass, with a tick every 0.05
``run S``                       the same, with disks that sync and messages that arrive at once
``propose N TEXT``              one operation proposed at N (``taken`` or ``refused``)
``forward N TEXT``              one operation sent from N to its leader
``read N``, ``transfer N``      ask for a read index; hand over
``apply N INDEX``               the tables of N have reached INDEX
``persist N [COUNT]``           the disk of N syncs its oldest COUNT writes, or all
``deliver A->B [COUNT]``        the oldest messages on a link arrive; ``deliver N``: all to N; ``deliver``: all
``drop A->B [COUNT]``           they get lost instead; also ``drop N``
``double A->B``                 the oldest message on a link comes twice
``keep A->B NAME``              the oldest message leaves the link and is kept; ``replay NAME`` delivers it
``cut A B …``, ``heal``         what is sent between A and the others is lost from now on, until healed
``stabilize [N …]``             disks sync and messages arrive until nothing moves (among those servers)
``stall N``, ``unstall N``      the disk of N does not sync by itself; does again
``pause N``                     N stands still: it notices no time; what is delivered to it by hand it finds in its queue
``crash N [COUNT]``             N stops; COUNT of its unsynced writes have reached the disk all the same
``start N``                     N starts on its disk
``copy N``, ``rollback N``      keep a copy of the disk of N; put it back (N must be down)
``lose N INDEX``                the database of N, which is down, loses all above INDEX and knows it
``forget N SYNCS``              the database of N, which is down, loses its last syncs, and the hard-state file with them
``fetch N``                     the entries that N asked for come from its disk
``corrupt N``                   the last entry of N changes in its memory
``status``, ``logs``            every server in a line
``show_progress N``             the followers as leader N sees them
==============================  ====================================================================

Tables that travel in place of a log are read, kept and put in place at once; the messages about them are like others.

``silent`` before a command suppresses its output.  Chance is taken out: it always falls in the middle, so among
three servers the patience is 0.875 s for server 1, 0.75 s for server 2, 0.625 s for server 3 (without the leader, who is left
out of the ranking: 0.625 s for the higher rank, 0.875 s for the lower).
"""
