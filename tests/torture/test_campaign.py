"""Which errors of clients are broken promises."""

from twisted.trial.unittest import SynchronousTestCase

from bulletin.torture.campaign import unexcused
from bulletin.torture.record import UNANSWERED, Failure


def failure(code, invoked=10.0, returned=12.0):
    return Failure("w0-1", invoked, returned, code, definite=False)


class UnexcusedTests(SynchronousTestCase):
    def test_an_error_while_something_explains_it(self):
        for code in ("sem_lider", "tempo_esgotado", "sobrecarregado", UNANSWERED):
            self.assertEqual(unexcused([failure(code)], [(11.0, 20.0)]), [])
            self.assertEqual(unexcused([failure(code)], [(5.0, 10.5)]), [])

    def test_one_that_nothing_explains(self):
        late = failure("sem_lider")
        self.assertEqual(unexcused([late], []), [late])
        self.assertEqual(unexcused([late], [(1.0, 9.0), (12.5, 20.0)]), [late])

    def test_one_that_may_never_be_seen(self):
        wrong = failure("canal_inexistente")
        self.assertEqual(unexcused([wrong], [(0.0, 100.0)]), [wrong])
