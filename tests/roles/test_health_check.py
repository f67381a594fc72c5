import io
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from bulletin.roles import health_check
from bulletin.roles.health_check import main


class Page(BaseHTTPRequestHandler):
    sentence = b"No broker knows this server.\n"

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.drips:
            self.drip()
            return
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.sentence)

    def drip(self):
        """Send a byte, have the time of a byte pass, until the other one has had enough."""
        try:
            while True:
                self.wfile.write(b"x")
                self.server.clock.advance(1)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class HealthCheckTests(SynchronousTestCase):
    def setUp(self):
        self.server = HTTPServer(("127.0.0.1", 0), Page)
        self.server.asked = []
        self.server.status = 200
        self.server.drips = False
        self.address = f"127.0.0.1:{self.server.server_port}"
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def check(self, *arguments):
        out, errors = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", errors)
        return main(arguments), out.getvalue(), errors.getvalue()

    def test_the_status_and_the_sentence_of_the_role(self):
        self.assertEqual(self.check(self.address), (0, "No broker knows this server.\n", ""))
        self.server.status = 503
        self.assertEqual(self.check(self.address), (1, "No broker knows this server.\n", ""))
        self.assertEqual(self.server.asked, ["/readyz"] * 2)

    def test_an_answer_without_end(self):
        """A byte now and then keeps nobody."""
        self.server.drips = True
        self.server.clock = Clock()
        self.patch(health_check.time, "monotonic", self.server.clock.seconds)
        status, out, _ = self.check(self.address)
        self.assertEqual(status, 1)
        self.assertIn("does not answer", out)

    def test_the_sentence_is_one_harmless_line(self):
        self.patch(Page, "sentence", b"\x1b[2Jgone\nREADY\r\n")
        self.assertEqual(self.check(self.address)[1], "[2Jgone READY\n")

    def test_nobody_there(self):
        status, out, _ = self.check("127.0.0.1:1")
        self.assertEqual(status, 1)
        self.assertIn("127.0.0.1:1 does not answer", out)

    def test_wrong_usage_is_one_line(self):
        for arguments in ((), ("a", "b"), ("localhost",), ("*:80",)):
            status, out, errors = self.check(*arguments)
            self.assertEqual((status, out, errors.count("\n")), (2, "", 1))
