"""Ways in which a disk is damaged."""

from random import Random
from typing import Final

from bulletin.storage.simulated_disk.disk import SimulatedDisk
from bulletin.storage.simulated_disk.keeping import SECTOR

KINDS: Final = ("flip", "flip", "flip", "flips", "zeros", "truncated", "misplaced", "lost")
"""One bit, three bits, a sector of zeros, a shorter file, a sector of another place, a file that is gone."""


def spoil(disk: SimulatedDisk, rng: Random) -> str:
    """Damage a disk that nobody uses; what was done, in words."""
    files = [(path, len(data)) for path, data in sorted(disk.files().items()) if data]
    if rng.random() < 0.5:
        path, size = rng.choices(files, weights=[size for _, size in files])[0]
    else:
        path, size = rng.choice(files)
    kind = rng.choice(KINDS)
    place = rng.randrange(size) // SECTOR * SECTOR
    data = disk.files()[path]
    if kind == "lost":
        disk.forget(path)
    elif kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else 3):
            bit = rng.randrange(8 * size)
            place = bit // 8
            disk.flip(path, bit)
    elif kind == "truncated":
        disk.put(path, data[:place])
    else:
        source = rng.randrange(size) // SECTOR * SECTOR
        sector = bytes(SECTOR) if kind == "zeros" else data[source : source + SECTOR]
        disk.put(path, (data[:place] + sector + data[place + len(sector) :])[:size])
    return f"{path} of {size} bytes {kind} at {place}"
