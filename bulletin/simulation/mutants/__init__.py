"""Planted bugs: what each checker is there for, put in on purpose, one at a time.

A checker that nothing ever fails shows nothing.  So each known way to get this wrong is kept as a *mutant*: a change of a few
words in one or two methods of the shipped code.  Each is to be noticed twice:

- by its *schedule*, a script that leads to it without luck (a scenario of :mod:`bulletin.simulation.scenarios`, or a
  function here that drives parts of the core by hand);
- *by chance*, in runs of a tier of the simulation from seeds, where that is likely enough; else the mutant says why not.

::

    mutant.py       what a mutant is, and how its words are replaced
    trial.py        whether one is noticed, and by what
    chance.py       runs of the tiers that are wild in the way a mutant needs
    catalogue.py    all of them

    election, replication, reads, disks, snapshots      the log: safety
    liveness                                            the log: what must come to pass
    state, tables                                       the board: its state machine, and what a disk keeps of it
    broker, reader, client, clocks                      the other roles' core

``python -m bulletin.simulation.mutants`` tries all and prints the table; its exit status is 1 where one survives.

A mutant names the words that it replaces, so it fails loudly where the method has changed meanwhile: then plant it anew.
"""
