"""What the client says to a person, in both languages; the board's refusals have theirs in ``core/errors``."""

from enum import Enum

from bulletin.core.errors import PORTUGUESE


class Text(Enum):
    """A sentence: (English, Portuguese), with places for what it is about."""

    LOGGED_IN = ("{user} is registered now.", "{user} está registrado agora.")
    LOGGED_IN_AGAIN = ("Welcome back, {user}.", "Que bom ver você de novo, {user}.")
    CREATED = ("The channel {channel} is there now.", "O canal {channel} foi criado.")
    CREATED_BEFORE = ("The channel {channel} was there already.", "O canal {channel} já existia.")
    PUBLISHED = ("Published as number {seq} of {stream}.", "Publicado com o número {seq} em {stream}.")
    SENT = (
        "Sent: it is number {seq} in {stream}'s inbox.",
        "Enviado: é o número {seq} na caixa de {stream}.",
    )
    RECEIPT = (
        "Receipt: index {index}, term {term}, hash {hash}.",
        "Recibo: índice {index}, termo {term}, hash {hash}.",
    )
    MORE = ("There is more: {option} {cursor}", "Há mais: {option} {cursor}")
    NO_ANSWER = (
        "No broker answered within {seconds:g} s ({brokers}).",
        "Nenhum corretor respondeu em {seconds:g} s ({brokers}).",
    )
    UNKNOWN = (
        "Whether it took effect is not known.",
        "Não se sabe se o pedido teve efeito.",
    )
    TIMED_OUT = (
        "The board did not learn the outcome in time.",
        "O mural não soube do resultado a tempo.",
    )
    NOT_WRITTEN = ("The result could not be written: {why}.", "O resultado não pôde ser escrito: {why}.")
    WAITING = (
        "{channel}: the history cannot be read at the moment ({why}); waiting for it.",
        "{channel}: o histórico não pode ser lido no momento ({why}); aguardando.",
    )
    SILENCE = ("no answer", "sem resposta")
    BACK = ("{channel}: the board is back.", "{channel}: o mural voltou.")
    RESET = (
        "{channel}: the board was set up anew (it has {head} posts, {cursor} had been read); reading from its start.",
        "{channel}: o mural foi recriado (tem {head} mensagens, {cursor} já tinham sido lidas); lendo do início.",
    )
    FAILED = (
        "The client failed; run it again with twistd --logfile FILE to see why.",
        "O cliente falhou; execute-o de novo com twistd --logfile ARQUIVO para ver o motivo.",
    )

    def say(self, language: str, **values: object) -> str:
        """The sentence, with its places filled."""
        english, portuguese = self.value
        return (portuguese if language == PORTUGUESE else english).format(**values)
