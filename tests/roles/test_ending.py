import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

PATIENCE = 20

ROLE = """
import sys
from twisted.internet import reactor
from bulletin.roles.ending import fail, stop_on_signals
stop_on_signals(reactor)
reactor.callWhenRunning(lambda: print("up", flush=True))
reactor.addSystemEventTrigger("before", "shutdown", lambda: print("closed", flush=True))
if sys.argv[1:] == ["fail"]:
    reactor.callWhenRunning(fail, reactor, "The disk is gone.")
reactor.run()
print("after", flush=True)
"""


class EndingTests(SynchronousTestCase):
    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", ROLE, *arguments],
            bufsize=0,  # communicate() would not see what readline() has read ahead
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def test_a_signal_is_a_clean_stop_with_status_0(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = self.start()
            process.send_signal(number)
            out, error = process.communicate(timeout=PATIENCE)
            self.assertEqual((out, error, process.returncode), (b"closed\nafter\n", b"", 0))

    def test_a_hangup_that_is_ignored_stays_so(self):
        """As nohup has it."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = self.start()
        finally:
            signal.signal(signal.SIGHUP, before)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=PATIENCE)
        self.assertEqual((out, error, process.returncode), (b"closed\nafter\n", b"", 0))

    def test_a_failure_is_a_sentence_and_status_1(self):
        process = self.start("fail")
        out, error = process.communicate(timeout=PATIENCE)
        self.assertEqual((out, error, process.returncode), (b"closed\n", b"The disk is gone.\n", 1))
