"""Real files of which nothing is synced, so that a test may open a hundred databases in a second or two."""

import os

import apsw

from bulletin.storage.files import SystemFiles


class HastyVFS(apsw.VFS):
    NAME = "hasty"

    def __init__(self):
        super().__init__(self.NAME, base="")

    def xOpen(self, name, flags):
        return HastyFile("", name, flags)


class HastyFile(apsw.VFSFile):
    def xSync(self, flags):
        pass


class HastyFiles(SystemFiles):
    """The same files outside of the database."""

    VFS = HastyVFS()

    @property
    def vfs(self):
        return self.VFS.NAME

    def open(self, path, flags):
        return super().open(path, flags & ~os.O_DSYNC)

    def sync(self, path):
        pass
