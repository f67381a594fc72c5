"""What the board answers where it cannot do everything: within its time, and with the right word."""

from time import monotonic
from types import TracebackType
from typing import Final, Self

import zmq

from bulletin.torture.calls import Caller, Reply
from bulletin.torture.faults.fault import Scene
from bulletin.torture.load import CHANNELS
from bulletin.torture.record import ANSWERED_SECONDS, UNANSWERED, Late

PATIENCE: Final = 8.0
"""Seconds that it waits; what took longer than a board may take is judged at the end, when it is known what the machine did."""

WITHOUT_MAJORITY: Final = {"sem_lider", "sem_servidores", "tempo_esgotado"}
"""What a write may be refused with where a majority is gone."""


class Probe:
    """A client that asks a board in trouble; a context manager.

    :param scene: gets what is not answered as promised.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._caller = Caller(self._context, scene.board.broker_endpoint, None)

    def write(self) -> str:
        """Ask for something that changes nothing, were it carried out; the refusal's word, or nothing."""
        reply = self._ask("cadastrar canal", {"canal": CHANNELS[0]})
        return UNANSWERED if reply is None else str(reply.get("erro", ""))

    def read(self) -> None:
        """Read locally, which every server that lives can answer."""
        reply = self._ask("listar historico", {"canal": CHANNELS[0], "leitura": "local"})
        if reply is None or reply["status"] != "sucesso":
            self._scene.broken.append(f"a local read was not answered: {reply}")

    def _ask(self, operation: str, fields: Reply) -> Reply | None:
        begun = monotonic()
        reply = self._caller.call(operation, fields, PATIENCE)
        ended = monotonic()
        if reply is None:
            self._scene.broken.append(f"{operation!r} was not answered within {ended - begun:.2f} s")
        elif ended - begun > ANSWERED_SECONDS:
            code = reply.get("erro") or reply["status"]
            self._scene.late.append(Late(f"a probe, {operation!r},", begun, ended, code, repeats=False))
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._caller.close()
        self._context.destroy(0)
