"""New words that occur nowhere in a template, none of which is part of another."""

from __future__ import annotations

import random
from collections.abc import Callable

_SYLLABLES = [f"{consonant}{vowel}" for consonant in "bdfgklmnprtvz" for vowel in "aeiou"]
_FORMS = ("§{}§", "«{}»", "(({}))")


class Words:
    """Draws new words.

    Args:
        text (`str`): The template, none of whose words is drawn.
        chance (`random.Random`): The source of chance.
    """

    def __init__(self, text: str, chance: random.Random) -> None:
        self.text = text.lower()
        self.chance = chance
        self.taken: set[str] = set()

    def word(self) -> str:
        """Draw a word such as `zorabe`."""
        return self._draw(lambda: "".join(self.chance.choices(_SYLLABLES, k=3)))

    def like(self, model: str) -> str:
        """Draw a word in the case of another one: `Human` → `Zorabe`."""
        word = self.word()
        return word.upper() if model.isupper() else word.capitalize() if model[0].isupper() else word

    def token(self) -> str:
        """Draw a special token such as `§zorabe§`, `«zorabe»`, `((zorabe))` or `XQ7`."""
        return self._draw(self._token)

    def _token(self) -> str:
        word = "".join(self.chance.choices(_SYLLABLES, k=self.chance.choice((2, 3))))
        form = self.chance.randrange(len(_FORMS) + 1)
        if form < len(_FORMS):
            return _FORMS[form].format(word)
        return "".join(self.chance.choices("BDFGHJKQVWXZ", k=2)) + str(self.chance.randint(2, 9))

    def _draw(self, draw: Callable[[], str]) -> str:
        while True:
            drawn = draw()
            small = drawn.lower()
            if small not in self.text and not any(small in each or each in small for each in self.taken):
                self.taken.add(small)
                return drawn
