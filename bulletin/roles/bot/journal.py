"""What a bot did, written down: one JSON object a line, for whoever wants to hold the board to it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from bulletin.core.board.outcome import StreamKind
from bulletin.core.client.streams import Stream
from bulletin.core.wire.publications import Published
from bulletin.core.wire.requests import Publish, Send


class Journal:
    """Adds lines to a file.

    =============  ===================================================================
    ``what``       and then
    =============  ===================================================================
    ``wrote``      a post or private message was acknowledged: stream, seq, id
    ``refused``    one took no effect: stream, id, erro
    ``unsettled``  the bot ended, and does not know about one: stream, id
    ``began``      it reads a stream: every post above seq
    ``read``       a post: stream, seq, id, user
    ``reset``      the stream is another one from here on, and is read from its start
    =============  ===================================================================

    A stream is ``"channel": name`` or ``"inbox": its owner``.

    :param path: of the file, which is made if it is not there; None: nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._failed: OSError | None = None

    def open(self) -> None:
        """Open the file.

        :raises OSError: it cannot be written.
        """
        if self._path is not None:
            self._file = self._path.open("a", encoding="utf-8")

    def wrote(self, request: Publish | Send, id_: str, seq: int) -> None:
        """A post or private message was acknowledged."""
        self._write("wrote", stream_of(request), seq=seq, id=id_)

    def refused(self, request: Publish | Send, id_: str, word: str) -> None:
        """One took no effect."""
        self._write("refused", stream_of(request), id=id_, erro=word)

    def unsettled(self, request: Publish | Send, id_: str) -> None:
        """One may have taken effect."""
        self._write("unsettled", stream_of(request), id=id_)

    def began(self, stream: Stream, seq: int) -> None:
        """A stream is read from after this number."""
        self._write("began", stream, seq=seq)

    def read(self, stream: Stream, post: Published) -> None:
        """A post was read."""
        self._write("read", stream, seq=post.seq, id=post.id, user=post.user)

    def reset(self, stream: Stream) -> None:
        """A stream begins anew."""
        self._write("reset", stream)

    def flush(self) -> None:
        """Hand to the system what was written.

        :raises OSError: it cannot be written; said once, and nothing more is tried.
        """
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
        if self._file is not None:
            try:
                self._file.flush()
            except OSError:
                self._abandon()
                raise

    def close(self) -> None:
        """Close the file.

        :raises OSError: what was written last cannot be.
        """
        self.flush()
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self, what: str, stream: Stream, **fields: Any) -> None:
        if self._file is None:
            return
        kind = "channel" if stream.kind is StreamKind.CHANNEL else "inbox"
        try:
            self._file.write(
                json.dumps({"what": what, kind: stream.name, **fields}, ensure_ascii=False) + "\n"
            )
        except OSError as error:
            self._failed = error  # told at the next flush
            self._abandon()

    def _abandon(self) -> None:
        """Let go of a file that cannot be written."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # the same once more: it still has what could not be written
                file.close()


def stream_of(request: Publish | Send) -> Stream:
    """Where a post or a private message goes."""
    if isinstance(request, Publish):
        return Stream(StreamKind.CHANNEL, request.channel)
    return Stream(StreamKind.INBOX, request.receiver)
