"""What registrars write down of users and channels is what they were told."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.core.board.outcome import StreamKind
from bulletin.linearizability.names import Listing
from bulletin.torture.record import Record
from bulletin.torture.registrar import CHANNELS, NAMES_MAX, USERS, Registrar
from tests.torture.callers import Caller, refused


class RegistrarTests(SynchronousTestCase):
    def registrar(self, *replies):
        self.record = Record()
        self.record.stop.set()  # it does not rest
        self.caller = Caller(*replies)
        return Registrar(self.record, self.caller, "n0", patience=1.0)

    def test_what_a_registration_was_told(self):
        registrar = self.registrar(
            {"status": "sucesso", "existente": False},
            {"status": "sucesso", "existente": True},
            refused("tempo_esgotado", definite=False),
            refused("sem_lider", definite=True),
            None,
        )
        for _ in range(5):
            registrar.register(USERS)
        calls = self.record.names[StreamKind.INBOX].registrations
        self.assertEqual(
            [(call.name, call.existing, call.returned < float("inf")) for call in calls],
            [("u0", False, True), ("u1", True, True), ("u2", None, False), ("u4", None, False)],
        )
        self.assertEqual(self.caller.calls[0], ("login", {"user": "u0"}))
        self.assertEqual(len(self.record.failures), 3)
        self.assertEqual(self.record.names[StreamKind.CHANNEL].registrations, [])

    def test_names_are_registered_again_when_there_are_enough(self):
        registrar = self.registrar(*[{"status": "OK", "existente": False}] * (NAMES_MAX + 1))
        for _ in range(NAMES_MAX + 1):
            registrar.register(CHANNELS)
        names = [call.name for call in self.record.names[StreamKind.CHANNEL].registrations]
        self.assertEqual((len(set(names)), names[-1]), (NAMES_MAX, "c0"))

    def test_a_listing(self):
        registrar = self.registrar({"status": "sucesso", "lista": ["c3", "c4"], "mais": True}, None)
        registrar.list(CHANNELS)
        registrar.list(CHANNELS)
        (listing,) = self.record.names[StreamKind.CHANNEL].listings
        after = self.caller.calls[0][1].get("desde")
        told = Listing(("c3", "c4"), listing.invoked, listing.returned, after, more=True)
        self.assertEqual(listing, told)
        self.assertEqual(len(self.record.failures), 1)

    def test_what_a_look_shows(self):
        registrar = self.registrar(
            {"status": "sucesso", "messages": []},
            refused("usuario_inexistente", definite=True),
            refused("canal_inexistente", definite=True),
        )
        for _ in range(3):
            registrar.look(USERS)
        sights = self.record.names[StreamKind.INBOX].sights
        self.assertEqual([sight.there for sight in sights], [True, False])
        self.assertEqual([failure.code for failure in self.record.failures], ["canal_inexistente"])
