"""Roles without processes, for tests of what is done to them."""

from types import SimpleNamespace


class Role:
    """A process that does what a test says."""

    def __init__(self, name, folder):
        self.name = name
        self.log = folder / f"{name}.log"
        self.log.write_text("")
        self.ready = self.alive = True
        self.says = "Not yet."
        self.starts = self.stops = self.stop_status = 0
        self.running = SimpleNamespace(returncode=None)

    def get(self, path, timeout=1.0):
        return (200, "Ready.") if self.alive and self.ready else (503, self.says)

    def start(self):
        self.alive = self.ready = True
        self.starts += 1

    def stop(self, patience):
        self.alive = False
        self.stops += 1
        return self.stop_status

    def kill(self):
        self.alive = False

    def end(self, status, last):
        self.alive = False
        self.running.returncode = status
        self.log.write_text(f"earlier\n{last}\n")
