"""Whether every sentence of the code is in every catalogue, and none that is not."""

import gettext
import string
from io import BytesIO

from twisted.trial.unittest import SynchronousTestCase

from tests import catalogue


def places(sentence):
    """The names of a sentence's places."""
    return sorted({name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None})


def forms(message):
    """Pairs: an English form, and a translated one."""
    if not message.pluralizable:
        return [(message.id, message.string)]
    return list(zip(message.id, message.string, strict=True))


class Catalogues(SynchronousTestCase):
    def setUp(self):
        self.catalogues = [(path, catalogue.read(path)) for path in catalogue.files()]
        self.assertTrue(self.catalogues)

    def test_nothing_lacks_and_nothing_is_unused(self):
        """If this fails: ``python -m tests.catalogue``, then translate."""
        said = {message.id for message in catalogue.sentences() if message.id}
        self.assertGreater(len(said), 10)
        for path, translated in self.catalogues:
            self.assertEqual({message.id for message in translated if message.id} ^ said, set(), path)
            self.assertFalse(translated.obsolete, path)

    def test_everything_is_translated_with_the_same_places(self):
        for path, translated in self.catalogues:
            for message in translated:
                if not message.id:
                    continue
                self.assertFalse(message.fuzzy, f"{path}: {message.id}")
                for english, other in forms(message):
                    self.assertTrue(other, f"{path}: not translated: {english}")
                    self.assertEqual(places(english), places(other), f"{path}: {english}")

    def test_the_compiled_form_is_of_today(self):
        """If this fails: ``python -m tests.catalogue``."""

        def messages(data):
            catalogued = gettext.GNUTranslations(BytesIO(data))._catalog
            return {key: value for key, value in catalogued.items() if key}

        for path, translated in self.catalogues:
            installed = messages(path.with_suffix(".mo").read_bytes())
            self.assertEqual(installed, messages(catalogue.compiled(translated)), path)
