"""Brings the catalogues up to date with the sentences in the code: ``python -m tests.catalogue``.

New sentences come in empty, to be translated; those that are no longer in the code go.  Run it again after translating: it
compiles, too.  A merge conflict in a compiled catalogue is solved by running it, once the other one is merged.
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bulletin.language import DOMAIN, LOCALE

PACKAGE = LOCALE.parent
KEYWORDS = {"N_": None, "count": (1, 2)}


def files():
    """The catalogue of each language."""
    return sorted(LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def sentences():
    """What the code says: a catalogue without translations."""
    found = Catalog(domain=DOMAIN, project="bulletinboard", copyright_holder="", fuzzy=False)
    extracted = extract_from_dir(PACKAGE, keywords=KEYWORDS, comment_tags=("Translators:",))
    for path, _line, message, comments, _context in extracted:
        found.add(message, locations=[(path, 0)], auto_comments=comments)
    return found


def read(path: Path) -> Catalog:
    """A catalogue with its translations."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """As ``gettext`` reads it."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def refresh(path: Path) -> list[str]:
    """Bring one up to date, and compile it; returns what it lacks."""
    catalogue = read(path)
    catalogue.update(sentences(), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    with path.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, ignore_obsolete=True, no_location=True)
    path.with_suffix(".mo").write_bytes(compiled(catalogue))
    return [str(message.id) for message in catalogue if message.id and not message.string]


if __name__ == "__main__":
    for po in files():
        for sentence in refresh(po):
            print(f"{po.relative_to(PACKAGE.parent)}: not translated: {sentence}")
