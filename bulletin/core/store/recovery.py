"""What a start believes: the database's hard state held against that of the file beside it.

::

    file's commit      means                                          the server
    one behind, same   nothing, or a power cut between the two syncs  goes on
    ahead              the database has lost synced commits           takes term and vote from the newer, and does not
    no good slot       what was lost, if anything, is unknown         vote, campaign or count until a leader's committed
    same, a bad slot   the same: the bad one may have been ahead      log is past what it may have acknowledged
    further behind     writes to the file were lost                   goes on: the database is the newer, but says so
    another server     files of two servers, put together by hand     refuses to start

The only server of a cluster has nobody who could bring anything back, and would wait for ever.  Where the file is
ahead, it refuses to start, since a copy may be at hand that has more.  Where there is no file, it goes on with the only
copy there is, and says so; hence an operator who removes the file has decided to go on without what was lost.

The mark that data was lost is itself part of the hard state: a second start before the server has caught up must
know it too.

**A database that is damaged** is put aside whole, and a new one begun (:func:`begin_anew`).  Where the log was never trimmed, and is
whole, the new one gets it: the tables follow from it, nothing was lost, and the server counts as before.  Else the new one has the founding document
and nothing else: that is a database which has lost all of its commits but the first.  So what is above goes for it, too; the log
or tables of a leader bring everything back, and until then the server counts for nothing.  Who it is, which term it has
reached and for whom it has voted must be known for certain: from the hard-state file, to which the database alone can be no
witness, since it is damaged.  If that says that the server was never founded, there is nothing to keep but its id.
"""

from typing import Final

import attrs

from bulletin.core.log.entry import NO_HASH
from bulletin.core.log.founding import FOUNDING_INDEX, FoundingDocument
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.store.port import StoreError


@attrs.frozen
class Verdict:
    """What to go on with.

    :param record: of this start, its incarnation and its commit raised; to be stored in both places before anything
        else is done.
    :param notes: what an operator should know, one sentence each.
    """

    record: HardRecord
    notes: tuple[str, ...]


def judge(
    database: HardRecord,
    file: HardRecord | None,
    bad_slots: int,
    place: str,
    *,
    alone: bool = False,
    founded: bool = False,
) -> Verdict:
    """Compare the two, and raise the incarnation.

    :param database: the database's record, whose last index and hash were found to be those of its log.
    :param file: the newest good record of the file, or None where there is none.
    :param bad_slots: slots of the file that are damaged (or torn by a power cut).
    :param place: the directory, for sentences.
    :param alone: the server is the only one of its cluster.
    :param founded: a file beside both says that the server was founded, or was about to be.
    :raises StoreError: the two are not of one server, or the whole log is gone, or what was lost is nowhere else.
    """
    if file is not None:
        _same_server(database, file, place)
    elif founded and not database.cluster:  # there was a file before there was anything to be founded by
        raise StoreError(f"The database in {place} has lost everything that it held. {_advice(place)}")
    notes = []
    trusted_from = database.trusted_from
    newest = database
    if file is None:
        notes.append(_without_file(place, alone=alone))
        trusted_from = max(trusted_from, database.last_index + 1)
    elif file.commit > database.commit:
        lost = f"The database in {place} has lost its last {file.commit - database.commit} synced commits"
        if alone:
            raise StoreError(
                f"{lost}, and the cluster has no other server: put back a copy of the directory that has them, or remove "
                "the hard-state file to go on without them."
            )
        notes.append(f"{lost}; the server does not vote until it has caught up from the others.")
        trusted_from = max(trusted_from, file.trusted_from, file.last_index, database.last_index + 1)
        newest = file
    elif file.commit == database.commit and file != database:
        raise StoreError(
            f"The database and the hard-state file in {place} contradict each other. {_advice(place)}"
        )
    elif file.commit < database.commit - 1 - bad_slots:
        notes.append(f"The hard-state file in {place} is older than the database: its disk loses writes.")
    elif bad_slots and file.commit == database.commit:
        notes.append(_with_a_bad_slot(place, alone=alone))
        trusted_from = max(trusted_from, database.last_index + 1)
    elif bad_slots:
        notes.append(f"A damaged or torn slot of the hard-state file in {place} was left unused.")
    records = (database,) if file is None else (database, file)
    voter = max(records, key=lambda record: (record.term, record.vote is not None, record.commit))
    record = attrs.evolve(
        database,
        commit=newest.commit + 1,
        incarnation=max(record.incarnation for record in records) + 1,
        term=voter.term,
        vote=voter.vote,
        trusted_from=trusted_from if database.cluster and not alone else 0,
    )
    return Verdict(record, tuple(notes) if database.cluster else ())


MAJORITY_WITHOUT_ONE: Final = 3
"""Members from which on there is a majority without one of them."""


def begin_anew(
    file: HardRecord | None,
    bad_slots: int,
    database: HardRecord | None,
    document: FoundingDocument | None,
    damage: str,
    *,
    whole_log: bool = False,
) -> HardRecord:
    """What a server keeps of itself whose database is damaged; to be stored in a new one, with the founding document.

    :param file: the newest good record of the hard-state file, or None where there is none.
    :param bad_slots: slots of it that are damaged.
    :param database: the database's record, if that at least can be read.
    :param document: the founding document, if it can be read anywhere.
    :param damage: which database is damaged, and how: the beginning of a sentence.
    :param whole_log: the log that goes with ``database`` was found to be whole, from its first entry to its last.
    :raises StoreError: it is not safe, or nobody could bring back what is lost.
    """
    # A record of the file that cannot be read may be the newest, unless the database has a newer one than that which can.
    complete = not bad_slots or (database is not None and file is not None and database.commit > file.commit)
    if file is None or not complete:
        raise StoreError(
            f"{damage}, and the hard-state file is damaged too, so that nothing tells for whom this server has voted."
            f" {_ADVICE}"
        )
    if not file.cluster and not bad_slots and (database is None or _next_of(database, file)):
        return HardRecord(file.member, b"", file.commit + 1, file.incarnation, 0, None, 0, NO_HASH)
    if database is not None and (database.member, database.cluster) != (file.member, file.cluster):
        raise StoreError(f"{damage}, and it is not of the server that the hard-state file is of. {_ADVICE}")
    if document is None or document.cluster != file.cluster:
        raise StoreError(f"{damage}, and nothing tells who the other servers are. {_ADVICE}")
    records = (file,) if database is None else (file, database)
    incarnation = max(record.incarnation for record in records)
    if whole_log and database is not None and (database == file or database.commit > file.commit):
        return attrs.evolve(database, commit=file.commit + 1, incarnation=incarnation)
    if len(document.members) < MAJORITY_WITHOUT_ONE:
        raise StoreError(
            f"{damage}, and the cluster has no majority without this server that could bring it back: put back a copy of"
            " the directory."
        )
    newest = max(records, key=lambda record: record.commit)
    return HardRecord(
        file.member,
        file.cluster,
        file.commit + 1,
        incarnation,
        newest.term,
        newest.vote,
        FOUNDING_INDEX,
        document.entry().hash,
        max(max(record.last_index, record.trusted_from) for record in records),
    )


def _next_of(database: HardRecord, file: HardRecord) -> bool:
    """Whether a database has one commit at most that the file has not: then nobody was told of that."""
    return database.member == file.member and database.commit <= file.commit + 1


_ADVICE = (
    "Put the directory aside and start the server with an empty one: it is then a new member, and the other servers hold"
    " the board."
)


def _with_a_bad_slot(place: str, *, alone: bool) -> str:
    lost = f"A damaged or torn slot of the hard-state file in {place} was left unused"
    if alone:
        return f"{lost}."
    return f"{lost}, and nothing tells what was in it; the server does not vote until it has caught up from the others."


def _without_file(place: str, *, alone: bool) -> str:
    lost = f"The hard-state file in {place} has no readable record"
    if alone:
        return (
            f"{lost}, and the cluster has no other server: the database is the only copy there is, the server goes on with "
            "it, and what it may have lost at its end is gone."
        )
    return f"{lost}; the server waits for the others."


def _same_server(database: HardRecord, file: HardRecord, place: str) -> None:
    if file.member != database.member:
        raise StoreError(
            f"The database and the hard-state file in {place} are of two different servers: "
            "put back the files that belong together."
        )
    if file.cluster and database.cluster and file.cluster != database.cluster:
        raise StoreError(
            f"The database and the hard-state file in {place} are of two different clusters: "
            "put back the files that belong together."
        )
    if file.cluster and not database.cluster:
        raise StoreError(f"The database in {place} has lost everything that it held. {_advice(place)}")


def _advice(place: str) -> str:
    return (
        f"Put {place} aside and start the server with an empty directory: it is then a new member, and the other "
        "servers hold the board."
    )
