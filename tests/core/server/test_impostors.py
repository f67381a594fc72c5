"""Somebody who knows the cluster's and its members' ids, and says as one of them whatever can be said.

The board does not promise anything against such a one (docs/guarantees.md), but what comes from outside is worked on, dropped, or
stops a server with a sentence: no exception, no assertion of an invariant.
"""

from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.log.entry import Entry, EntryKind
from bulletin.core.raft import messages as raft
from bulletin.core.raft.config import Config
from bulletin.core.store import parts
from bulletin.core.wire import peers
from tests.core.server.cluster import Cluster
from tests.fuzzing.values import (
    ASKS,
    BODIES,
    FLAGS,
    HASHES,
    INDEXES,
    NUMBERS,
    ROWS,
    manifests,
    raft_messages,
)

SHORT = Config(retained_entries=8, held_entries=8, memory_bytes_kept=0)
TERMS = st.integers(0, 9) | NUMBERS
PLACES = st.integers(0, 40) | INDEXES
ROUNDS = st.integers(0, 9) | NUMBERS
ENTRIES = st.builds(
    Entry, PLACES, TERMS, st.sampled_from(EntryKind), BODIES, HASHES, st.integers(0, 2), st.integers(0, 2)
)
QUESTIONS = st.binary(max_size=30) | ASKS.map(parts.encode_ask) | st.just(parts.BEGIN)
ANSWERS = st.one_of(
    st.binary(max_size=40), manifests().map(parts.encode_manifest), ROWS.map(parts.encode_posts), st.just(b"")
)


MESSAGES = raft_messages(TERMS, PLACES, ROUNDS, entries=ENTRIES, questions=QUESTIONS, answers=ANSWERS)
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.lists(MESSAGES, min_size=1, max_size=3), FLAGS), min_size=1, max_size=8
)


class Impostors(SynchronousTestCase):
    @settings(
        deadline=None,
        max_examples=25,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS, st.integers(0, 5), FLAGS)
    def test_whatever_is_said_no_server_ends_without_a_sentence(
        self, steps: Sequence[tuple[int, list[raft.Message], bool]], seed: int, short: bool
    ) -> None:
        cluster = Cluster(seed, config=SHORT if short else None)
        cluster.form()
        for number in range(12 if short else 1):
            cluster.ask("channel", channel=f"c{number}")
        document = cluster.servers[0].replica.document
        assert document is not None
        ids = {member.name: member.member for member in document.members}
        for number, messages, waits in steps:
            server, other = cluster.servers[number], cluster.servers[(number + 1) % 3]
            frame = peers.PeerFrame(
                document.cluster, 0, ids[other.name], ids[server.name], tuple(messages), 5, 1.5
            )
            heard = peers.decode(peers.encode(frame))
            server.input(lambda server=server, heard=heard: server.replica.peer(heard, cluster.now))
            cluster.run(0.05 if waits else 0.005)
        cluster.run(1.0)
        for server in cluster.servers:
            self.assertTrue(server.running or server.fatal or server.refused, server.name)
