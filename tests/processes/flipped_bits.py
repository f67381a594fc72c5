"""Flip bits in the files of a real board's servers, and see that nothing wrong is served and all is mended.

    python -m tests.processes.flipped_bits --seeds 0:50

For each seed one server is chosen, and one of its files: database, write-ahead log, or hard state.  A bit flips at a random
place of it, while the server is dead, stopped, or running.  A server that stops with a sentence is started again, as whoever watches
it would; it has to be ready again by itself.  (One that refuses to start, since its hard state is gone with the database, gets its
files back.)  Meanwhile clients write, and read every page against what they know was written.  At the end all rows of
all servers are read, and the servers' histories compared.  Prints one JSON line of figures and what was wrong, and exits with 1
where something was.
"""

import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import apsw
import zmq

from bulletin.core.board.history import PageQuery
from bulletin.core.board.outcome import StreamKind
from bulletin.core.store.records import Damaged, decode_stream
from bulletin.simulation.command_line import Parser, carry_out, new_folder, seed_range, whole
from bulletin.storage import database
from bulletin.storage.files import SYSTEM_FILES
from bulletin.storage.history import Located, read_page
from bulletin.storage.scrub import Scrubber
from bulletin.storage.server_directory import DAMAGED
from bulletin.storage.tables import read_document
from bulletin.torture.board import Board, RoleProcess
from bulletin.torture.calls import Caller
from bulletin.torture.waiting import until

CHANNELS = ["geral", "avisos"]
FILES = ["board.sqlite"] * 6 + ["board.sqlite-wal"] * 3 + ["hard-state"] * 2
PATIENCE = 60.0
RETAIN = 100


def text_of(id_: str) -> str:
    """What the post of an id says."""
    return f"{id_} " + Random(id_).choice("abcdef") * Random(id_).randrange(400)


class Client(threading.Thread):
    """Writes a post, reads a page at a server that is up to date or not, and holds what it read against what was written."""

    def __init__(self, context: zmq.Context, endpoint: str, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.caller = Caller(context, endpoint, 2.0)
        self.written: dict[tuple[str, int], str] = {}
        self.wrong: list[str] = []
        self.pages = 0
        self.stop = threading.Event()

    def run(self) -> None:
        random = Random(self.name)
        number = 0
        while not self.stop.is_set():
            number += 1
            channel, id_ = random.choice(CHANNELS), f"{self.name}-{number}"
            fields = {"canal": channel, "user": self.name, "message": text_of(id_), "id": id_}
            reply = self.caller.call("publicar mensagem", fields, 30.0)
            if reply is not None and reply["status"] == "sucesso":
                self.written[channel, reply["seq"]] = id_
            self._read(random)
        self.caller.close()

    def _read(self, random: Random) -> None:
        channel = random.choice(CHANNELS)
        fields = {"canal": channel, "limite": 200, "leitura": random.choice(["local", "linearizavel"])}
        if random.random() < 0.5:
            fields["desde"] = random.randrange(1 + max((seq for _, seq in self.written), default=0))
        reply = self.caller.call("listar historico", fields, 10.0)
        if reply is None or reply["status"] != "sucesso":
            return
        self.pages += 1
        seqs = [post["seq"] for post in reply["messages"]]
        if seqs and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            self.wrong.append(f"a page of {channel} has gaps: {seqs}")
        for post in reply["messages"]:
            known = self.written.get((channel, post["seq"]), post["id"])
            if post["message"] != text_of(post["id"]) or known != post["id"]:
                self.wrong.append(f"post {post['seq']} of {channel} is not what was written")


class Trial:
    """A board whose files are damaged."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.counts: Counter[str] = Counter()

    def folder(self, server: RoleProcess) -> Path:
        return self.board.folder / server.name

    def damage(self, seed: int) -> None:
        """One server's file; then wait until it is as good as before."""
        random = Random(seed)
        server = random.choice(self.board.servers)
        how = random.choice(["killed", "killed", "stopped", "running"])
        if how == "killed":
            server.kill()
        elif how == "stopped":
            server.signal(signal.SIGTERM)
            server.running.wait(PATIENCE)
        name = random.choice(FILES)
        if how == "stopped" and name == "board.sqlite-wal":
            name = "board.sqlite"
        path = self.folder(server) / name
        kept = self.folder(server).with_name(server.name + ".kept")
        if how != "running":
            shutil.copytree(self.folder(server), kept)
        flip(path, random)
        self.counts[how] += 1
        self.counts[name] += 1
        if how != "running":
            server.start()
        self.await_ready(server, kept)
        shutil.rmtree(kept, ignore_errors=True)
        self.find_the_rest(server)

    def find_the_rest(self, server: RoleProcess) -> None:
        """Read all rows of it, as its scrubber would in time: the next round's damage is not to meet this one's."""
        folder = self.folder(server)
        try:
            scrub(folder)
        except database.DAMAGE as error:
            self.counts["found by scrubbing"] += 1
            server.kill()
            (folder / DAMAGED).write_text(str(error))
            server.start()
            self.await_ready(server)

    def await_ready(self, server: RoleProcess, kept: Path | None = None) -> None:
        """Until it is ready; it is started again as often as it stops."""

        def ready() -> bool:
            if not server.alive:
                self.start_again(server, kept)
            return server.get("/readyz")[0] == 200

        until(ready, lambda: f"{server.name} is ready: {server.get('/readyz')}", PATIENCE)

    def start_again(self, server: RoleProcess, kept: Path | None) -> None:
        sentence = server.log.read_text(errors="replace").strip().splitlines()[-1]
        if server.running.returncode != 1 or not sentence.startswith("server: "):
            raise AssertionError(f"{server.name} ended with {server.running.returncode}: {sentence}")
        if (
            "for whom this server has voted" in sentence
            or "another application" in sentence
            or "newer" in sentence
        ):
            self.counts["refused"] += 1
            assert kept is not None, sentence
            shutil.rmtree(self.folder(server))
            shutil.copytree(kept, self.folder(server))
        else:
            self.counts["stopped by damage"] += 1
        server.start()

    def repaired(self) -> int:
        return sum(
            server.log.read_text(errors="replace").count("was put aside") for server in self.board.servers
        )


def flip(path: Path, random: Random) -> None:
    """A bit of a file; nothing where the file is empty."""
    size = path.stat().st_size if path.exists() else 0
    if size:
        where = random.randrange(size)
        with path.open("r+b", buffering=0) as file:
            file.seek(where)
            byte = file.read(1)[0]
            file.seek(where)
            file.write(bytes([byte ^ 1 << random.randrange(8)]))


def scrub(folder: Path) -> None:
    """Read all rows of a server.

    :raises Damaged: one is not what was written; or another error of :data:`bulletin.storage.database.DAMAGE`.
    """
    connection = database.open_reader(folder / "board.sqlite", SYSTEM_FILES)
    try:
        found = connection.execute("PRAGMA integrity_check").get
        if found != "ok":
            raise Damaged(found)
        scrubber = Scrubber(read_document(connection).identity, 1)
        while not scrubber.rounds:
            scrubber.step(connection)
    finally:
        connection.close()


def history(folder: Path) -> list[tuple[str, int, str, str]]:
    """All posts of a server that does not run: channel, ``seq``, id and text."""
    connection = apsw.Connection(str(folder / "board.sqlite"))
    posts: list[tuple[str, int, str, str]] = []
    try:
        numbers = names(connection)
        for channel in CHANNELS:
            since, more = 0, True
            while more:
                query = PageQuery(StreamKind.CHANNEL, channel, None, since, None, 500)
                page = read_page(connection, Located(query, numbers))
                posts += [(channel, post.seq, post.id, post.message) for post in page.posts]
                since = page.posts[-1].seq if page.posts else since
                more = page.more
    finally:
        connection.close()
    return posts


def names(connection: apsw.Connection) -> dict[str, int]:
    """The number of each stream, by its name."""
    rows = connection.execute("SELECT number, body FROM streams").fetchall()
    return {decode_stream(number, body, None).name: number for number, body in rows}


def run(folder: Path, seeds: range, retain: int = RETAIN) -> tuple[dict, list[str]]:
    """A board in a folder, damaged once for each seed; figures, and what was wrong.

    :param retain: log entries that its servers keep; with all of them, tables are made of the log anew.
    """
    board = Board(folder)
    for server in board.servers:
        server.environment = {"BULLETIN_RETAIN": str(retain)}
    context = zmq.Context()
    clients = [Client(context, board.broker_endpoint, f"c{number}") for number in range(2)]
    begun = time.monotonic()
    try:
        board.start()
        caller = Caller(context, board.broker_endpoint, 2.0)
        for channel in CHANNELS:
            reply = caller.call("cadastrar canal", {"canal": channel}, PATIENCE)
            assert reply is not None, channel
        caller.close()
        for client in clients:
            client.start()
        trial = Trial(board)
        for seed in seeds:
            trial.damage(seed)
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join(60)
        for server in board.servers:
            trial.find_the_rest(server)
        until(
            lambda: len({metric_digest(server) for server in board.servers}) == 1, "equal digests", PATIENCE
        )
        board.stop()
        histories = [history(board.folder / server.name) for server in board.servers]
        wrong = [sentence for client in clients for sentence in client.wrong]
        wrong += judge(histories, clients)
        figures = {
            "rounds": len(seeds),
            "posts": sum(len(client.written) for client in clients),
            "pages": sum(client.pages for client in clients),
            "begun_anew": trial.repaired(),
            **trial.counts,
            "wrong": len(wrong),
            "seconds": round(time.monotonic() - begun),
        }
        return figures, wrong
    finally:
        for client in clients:
            client.stop.set()
        board.destroy()
        context.destroy(0)


def metric_digest(server: RoleProcess) -> str:
    """The line with its digest."""
    return next((line for line in server.get("/metrics")[1].splitlines() if "board_digest{" in line), "")


def judge(histories: list[list[tuple[str, int, str, str]]], clients: list[Client]) -> list[str]:
    """What is wrong with the histories of all servers."""
    wrong = [
        f"server {number} has another history" for number, one in enumerate(histories) if one != histories[0]
    ]
    there = {(channel, seq): (id_, text) for channel, seq, id_, text in histories[0]}
    for channel in CHANNELS:
        seqs = [seq for name, seq, _, _ in histories[0] if name == channel]
        if seqs != list(range(1, len(seqs) + 1)):
            wrong.append(f"{channel} has gaps")
    for client in clients:
        for place, id_ in client.written.items():
            if there.get(place) != (id_, text_of(id_)):
                wrong.append(f"post {place} was acknowledged, and is {there.get(place)}")
    return wrong


def main() -> int:
    parser = Parser("python -m tests.processes.flipped_bits", __doc__)
    parser.add_argument("--seeds", type=seed_range, default=range(50), help="FIRST:AFTER, such as 0:50")
    parser.add_argument(
        "--keep", type=new_folder, help="a new folder for data and logs; a temporary one by default"
    )
    parser.add_argument("--retain", type=whole(1), default=RETAIN, help="log entries that the servers keep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bulletin-bits-") as temporary:
        figures, wrong = run(options.keep or Path(temporary), options.seeds, options.retain)
    print(json.dumps(figures))
    for line in wrong[:50]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(carry_out(main))
