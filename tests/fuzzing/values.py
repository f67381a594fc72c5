"""Any value that an encoder may be given, whatever its fields: for the way there and back."""

from attrs import evolve
from hypothesis import strategies as st

from bulletin.core.board.commands import Proof
from bulletin.core.board.outcome import Marks, OperationRow, Post, SessionsRow, StreamKind
from bulletin.core.board.remembered import pack_operations
from bulletin.core.board.sessions import pack_sessions
from bulletin.core.clocks.berkeley import Standing
from bulletin.core.clocks.corrected import SECONDS_MAX, State
from bulletin.core.limits import CLOCK_MAX, MEMBERS_MAX, RANK_MAX
from bulletin.core.log.entry import NO_HASH, Anchor, Entry, EntryKind
from bulletin.core.log.founding import FoundingDocument, Member
from bulletin.core.log.port import Operation
from bulletin.core.raft import messages as raft
from bulletin.core.reference.ranks import Record
from bulletin.core.store import parts
from bulletin.core.store.hard_record import HardRecord
from bulletin.core.wire import broker, clocks, peers, reference
from bulletin.core.wire.envelope import Dialect, Encoding
from bulletin.core.wire.publications import Election, Head, Heads, Published

Numbers = st.SearchStrategy[int]

NUMBERS = st.integers(0, 2**63 - 1) | st.sampled_from((0, 1, 2**63 - 1))
INDEXES = st.integers(0, peers.INDEX_MAX)
CLOCKS = st.integers(0, CLOCK_MAX)
TIMES = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.floats(-SECONDS_MAX, SECONDS_MAX)
BOUNDS = st.floats(0.0, SECONDS_MAX)
SEQS = st.integers(1, CLOCK_MAX)
IDS = st.binary(min_size=16, max_size=16)
HASHES = st.binary(min_size=32, max_size=32)
BODIES = st.binary(max_size=60)
NAMES = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=15)
    .filter(str.strip)
    .filter(lambda name: len(name.encode()) <= 60)
)
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\r\n"), min_size=1, max_size=40
)
FLAGS = st.booleans()


def tuples(values: st.SearchStrategy, most: int = 4) -> st.SearchStrategy:
    """Tuples of such values."""
    return st.lists(values, max_size=most).map(tuple)


# Between the servers.

APPENDED_MAX = 4
"""Entries in one message."""

ENTRIES = st.builds(Entry, INDEXES, NUMBERS, st.sampled_from(EntryKind), BODIES, HASHES, NUMBERS, NUMBERS)


@st.composite
def _appends(
    draw: st.DrawFn, terms: Numbers, places: Numbers, rounds: Numbers, entries: st.SearchStrategy[Entry]
) -> raft.Append:
    """Entries that follow on from each other; nothing else about them need be true."""
    previous = draw(places.filter(lambda index: index <= peers.INDEX_MAX - APPENDED_MAX))
    appended = draw(st.lists(entries, max_size=APPENDED_MAX))
    return raft.Append(
        draw(terms),
        previous,
        draw(terms),
        draw(HASHES | st.just(NO_HASH)),
        tuple(evolve(entry, index=previous + number) for number, entry in enumerate(appended, 1)),
        draw(places),
        draw(rounds),
        draw(places),
    )


def raft_messages(
    terms: Numbers,
    places: Numbers,
    rounds: Numbers,
    *,
    entries: st.SearchStrategy[Entry],
    questions: st.SearchStrategy[bytes],
    answers: st.SearchStrategy[bytes],
) -> st.SearchStrategy[raft.Message]:
    """Whatever one server says to another.

    :param places: indexes of entries.
    :param rounds: whatever else is counted.
    :param questions: for a part of a snapshot.
    :param answers: to these.
    """
    return st.one_of(
        st.builds(raft.RequestVote, terms, places, terms, FLAGS, FLAGS),
        st.builds(raft.VoteReply, terms, FLAGS, FLAGS, places, terms),
        _appends(terms, places, rounds, entries),
        st.builds(raft.AppendReply, terms, places, FLAGS, places, places, terms, rounds),
        st.builds(raft.TimeoutNow, terms),
        st.builds(raft.Forward, terms, tuples(st.builds(Operation, IDS, BODIES))),
        st.builds(raft.ReadIndex, terms, rounds),
        st.builds(raft.ReadIndexReply, terms, rounds, places),
        st.builds(raft.Greeting, terms, rounds, places),
        st.builds(raft.GreetingReply, terms, rounds, rounds),
        st.builds(raft.SnapshotOffer, terms, places),
        st.builds(raft.SnapshotAsk, terms, rounds, questions),
        st.builds(raft.SnapshotPart, terms, rounds, answers),
    )


RAFT_MESSAGES = raft_messages(NUMBERS, INDEXES, NUMBERS, entries=ENTRIES, questions=BODIES, answers=BODIES)
PEER_FRAMES = st.builds(
    peers.PeerFrame,
    IDS,
    NUMBERS,
    IDS,
    IDS,
    tuples(RAFT_MESSAGES, 6),
    CLOCKS,
    TIMES,
    st.none() | st.builds(peers.Checkpoint, INDEXES, HASHES),
    FLAGS,
)

# Between broker and servers.

_SESSIONS = st.integers(1, broker.SESSION_MAX)
_ATTEMPTS = st.integers(1, broker.ATTEMPT_MAX)
BROKER_MESSAGES = st.one_of(
    st.builds(broker.ServerReady, NAMES, _SESSIONS, CLOCKS, TIMES),
    st.builds(broker.ServerHeartbeat, _SESSIONS, CLOCKS, TIMES),
    st.builds(broker.ServerDraining, _SESSIONS, CLOCKS, TIMES),
    st.builds(broker.BrokerHeartbeat, st.just(0) | _SESSIONS, CLOCKS, TIMES),
    st.builds(
        broker.Requests,
        _SESSIONS,
        tuples(st.builds(broker.Request, IDS, _ATTEMPTS, st.integers(0, broker.MILLISECONDS_MAX), BODIES)),
        CLOCKS,
        TIMES,
    ),
    st.builds(
        broker.Replies,
        _SESSIONS,
        tuples(st.builds(broker.Reply, IDS, _ATTEMPTS, st.sampled_from((0, 1, 2)), BODIES)),
        CLOCKS,
        TIMES,
    ),
)

# With the reference.

_ENDPOINTS = st.just("") | st.from_regex(r"tcp://[a-z]{1,20}:[1-9][0-9]{0,3}", fullmatch=True)
_MEMBERS = st.none() | IDS
_DOCUMENTS = st.none() | st.binary(min_size=1, max_size=60)
_RANKS = st.integers(1, RANK_MAX)
_ROUNDS = st.integers(0, clocks.ROUND_MAX)
_PROBES = st.integers(1, clocks.PROBES_MAX)
_PPM = st.floats(-clocks.PPM_MAX, clocks.PPM_MAX)
_LISTED = st.builds(reference.ListedServer, NAMES, _RANKS, _ENDPOINTS, _MEMBERS)
_ROWS = st.builds(
    clocks.ClockRow,
    NAMES,
    st.integers(0, RANK_MAX),
    st.none() | SECONDS,
    st.none() | BOUNDS,
    st.none() | BOUNDS,
    SECONDS,
    _PPM,
    st.none() | BOUNDS,
    st.none() | BOUNDS,
    st.sampled_from(State),
    st.none() | st.sampled_from(Standing),
)
REFERENCE_REQUESTS = st.one_of(
    st.builds(
        reference.RankRequest,
        NAMES,
        _ENDPOINTS,
        _MEMBERS,
        _DOCUMENTS,
        st.none() | st.integers(1, MEMBERS_MAX),
    ),
    st.builds(reference.ListRequest),
    st.builds(reference.HeartbeatRequest, NAMES, _MEMBERS, _MEMBERS),
    st.builds(reference.ClockRequest),
    st.builds(
        clocks.ProbeAnswer,
        NAMES,
        _ROUNDS,
        _PROBES,
        SECONDS,
        st.none() | BOUNDS,
        SECONDS,
        _PPM,
        st.sampled_from(State),
    ),
    st.builds(clocks.RoundRequest, NAMES),
    st.builds(clocks.ClocksRequest),
)
REFERENCE_REPLIES = st.one_of(
    st.builds(reference.RankReply, _RANKS, _DOCUMENTS),
    st.builds(reference.ListReply, tuples(_LISTED)),
    st.builds(reference.HeartbeatReply, FLAGS, _DOCUMENTS, tuples(_LISTED)),
    st.builds(reference.ClockReply, TIMES),
    st.builds(clocks.Probe, _ROUNDS, _PROBES),
    st.builds(clocks.Adjustment, _ROUNDS, _PROBES, SECONDS, BOUNDS, _ROUNDS),
    st.builds(clocks.RoundReply, FLAGS),
    st.builds(clocks.ClocksReply, SECONDS, _ROUNDS, tuples(_ROWS)),
)


def addressed(bodies: st.SearchStrategy) -> st.SearchStrategy:
    """Such bodies in every envelope and encoding."""
    return st.builds(
        reference.Addressed,
        bodies,
        st.sampled_from(Dialect),
        st.none() | CLOCKS,
        st.none() | st.floats(0, 1e11),
        st.none() | st.integers(0, reference.NONCE_MAX),
        st.sampled_from(Encoding),
    )


# To the readers.

_SENT = st.none() | st.integers(0, 10**11) | st.floats(0, 1e11) | st.just("2026-01-01T00:00:00Z")
_CLOSE = st.floats(-1e17, 1e17)
PUBLISHED = st.builds(
    Published,
    st.sampled_from(StreamKind),
    NAMES,
    SEQS,
    NAMES,
    NAMES,
    st.none() | TEXTS,
    _CLOSE,
    _SENT,
    CLOCKS,
    _CLOSE,
    st.none() | _CLOSE,
)
_HEADS = st.lists(
    st.builds(Head, st.sampled_from(StreamKind), NAMES, SEQS),
    max_size=6,
    unique_by=lambda head: (head.kind, head.stream),
).map(lambda heads: tuple(sorted(heads, key=lambda head: head.kind)))
PUBLICATIONS = st.one_of(
    PUBLISHED,
    st.builds(Heads, _HEADS.filter(bool), CLOCKS, _CLOSE),
    st.builds(Election, NAMES, CLOCKS, _CLOSE),
)

# What stands in the log and on the disks.


@st.composite
def documents(draw: st.DrawFn) -> FoundingDocument:
    """A founding document: no two members share an id, a name or a rank."""
    count = draw(st.integers(1, 5))
    ids = draw(st.lists(IDS, min_size=count, max_size=count, unique=True))
    names = draw(st.lists(NAMES, min_size=count, max_size=count, unique=True))
    ranks = draw(st.lists(st.integers(1, RANK_MAX // 2), min_size=count, max_size=count, unique=True))
    members = tuple(
        Member(id_, name, draw(_ENDPOINTS), rank) for id_, name, rank in zip(ids, names, ranks, strict=True)
    )
    limits = st.integers(1, CLOCK_MAX)
    return FoundingDocument(draw(IDS), members, draw(limits), draw(limits), draw(limits), draw(CLOCKS))


@st.composite
def rank_records(draw: st.DrawFn) -> Record:
    """What the reference keeps."""
    names = draw(st.lists(NAMES, max_size=5, unique=True))
    ranks = draw(st.lists(_RANKS, min_size=len(names), max_size=len(names), unique=True))
    document = draw(st.none() | documents())
    cluster = draw(_MEMBERS) if document is None else document.cluster
    return Record(
        tuple(zip(names, ranks, strict=True)), None if document is None else document.encode(), cluster
    )


HARD_RECORDS = st.builds(
    HardRecord,
    IDS,
    st.just(b"") | IDS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    _MEMBERS,
    NUMBERS,
    HASHES,
    NUMBERS,
    NUMBERS,
)
POSTS = st.builds(
    Post,
    st.sampled_from(StreamKind),
    NAMES,
    st.integers(1, 2**40 - 1),
    NUMBERS,
    NAMES,
    NAMES,
    TEXTS,
    IDS,
    TIMES,
    _SENT | st.integers(0, 2**64 - 1),
    CLOCKS,
    TIMES,
    st.none() | BOUNDS,
    HASHES,
    st.sampled_from(Proof),
)
OPERATIONS = st.lists(st.tuples(IDS, BODIES), min_size=1, max_size=32).map(
    lambda packed: pack_operations(None, [OperationRow(33 + at, *one) for at, one in enumerate(packed)])[0]
)
SESSIONS = st.builds(
    SessionsRow, NAMES | st.just(""), st.lists(st.tuples(NAMES, CLOCKS, SEQS), min_size=1).map(pack_sessions)
)
MARKS = st.builds(Marks, NUMBERS, CLOCKS, NUMBERS, HASHES)
ANCHORS = st.builds(Anchor, NUMBERS, NUMBERS, HASHES)
LOG_ENTRIES = st.builds(
    Entry,
    st.just(7),
    NUMBERS,
    st.sampled_from(EntryKind),
    BODIES,
    HASHES,
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
)

# Another server's tables.

_KEYS = NUMBERS | NAMES
ROWS = st.lists(st.tuples(_KEYS, st.binary(min_size=1, max_size=40)), max_size=5)
ASKS = st.one_of(
    st.builds(parts.AskChunk, IDS, st.integers(1, 2**63 - 1)),
    st.builds(
        parts.AskPosts,
        st.lists(
            st.builds(
                lambda stream, after, more: parts.Range(stream, after, after + more),
                st.integers(1, 2**22 - 1),
                st.integers(0, 2**39),
                st.integers(1, 2**39 - 1),
            ),
            min_size=1,
            max_size=4,
        ).map(tuple),
    ),
)


@st.composite
def manifests(draw: st.DrawFn) -> parts.Manifest:
    """Tables at one index."""
    marks = draw(MARKS)
    chunks = tuples(st.builds(parts.Chunk, st.sampled_from(parts.CHUNKED), _KEYS, HASHES))
    return parts.Manifest(draw(IDS), marks.applied, draw(NUMBERS), draw(HASHES), marks, draw(chunks))
