"""Random numbers and the words that say them: digits, words, units, sums of money, spans of time.

Each sampler returns ``(value, words)``; the value is what the words mean in the argument's own unit.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

NUMBER_WORDS = {
    1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
    11: "eleven", 12: "twelve", 14: "fourteen", 15: "fifteen", 16: "sixteen", 18: "eighteen", 20: "twenty",
    24: "twenty four", 25: "twenty five", 30: "thirty", 40: "forty", 45: "forty five", 50: "fifty", 60: "sixty",
    70: "seventy", 80: "eighty", 90: "ninety", 100: "a hundred",
}  # fmt: skip
NUMBER_NAMES = ((12, "a dozen"), (6, "half a dozen"), (2, "a couple of"), (2, "a pair of"), (1, "a single"),
                (3, "three or so"), (24, "two dozen"), (1000, "a thousand"), (200, "two hundred"),
                (150, "a hundred and fifty"))  # fmt: skip
DURATIONS: Mapping[str, Sequence[tuple[int, str]]] = {
    "seconds": ((90, "a minute and a half"), (180, "3 min"), (30, "half a minute"), (60, "a minute"),
                (120, "two minutes"), (300, "5 minutes"), (600, "10 minutes")),
    "minutes": ((30, "half an hour"), (60, "an hour"), (60, "one hour"), (120, "two hours"), (120, "2 hours"),
                (180, "three hours"), (90, "an hour and a half"), (15, "a quarter of an hour"), (240, "4 hours"),
                (45, "three quarters of an hour"), (75, "an hour and a quarter"), (150, "two and a half hours"),
                (1440, "a day"), (180, "3h"), (360, "six hours"), (480, "8 hrs"), (10, "ten min"), (60, "60 min")),
    "hours": ((24, "a day"), (24, "one day"), (48, "two days"), (48, "2 days"), (12, "half a day"), (72, "three days"),
              (168, "a week"), (1, "an hour"), (36, "a day and a half"), (6, "six hours"), (2, "a couple of hours")),
    "days": ((7, "a week"), (14, "two weeks"), (14, "2 weeks"), (1, "a day"), (30, "a month"), (21, "three weeks"),
             (2, "a couple of days"), (10, "ten days"), (28, "four weeks"), (3, "three days"), (365, "a year"),
             (60, "two months"), (7, "7d"), (5, "five days"), (1, "one day")),
}  # fmt: skip
WEIGHTS = ((0.5, "half a kilo"), (1, "a kilo"), (1.5, "a kilo and a half"), (2, "two kilos"), (0.25, "250 grams"),
           (0.5, "500 g"), (0.1, "100 grams"), (1000, "a ton"), (0.75, "750g"))  # fmt: skip
SUMS = ((1000, "1k"), (2000, "2k"), (1500, "1.5k"), (1000, "a grand"), (0.5, "50 cents"), (50, "fifty quid"))
CURRENCIES = ("{n}", "${n}", "{n} euros", "€{n}", "£{n}", "{n}€", "{n}$")


def integer(rng: random.Random) -> tuple[int, str]:
    draw = rng.random()
    if draw < 0.22:
        return rng.choice(list(NUMBER_WORDS.items()))
    if draw < 0.28:
        return rng.choice(NUMBER_NAMES)
    if draw < 0.32:
        tens, one = rng.choice((20, 30, 40, 50, 60, 70, 80, 90)), rng.randint(1, 9)
        return tens + one, f"{NUMBER_WORDS[tens]}{rng.choice(('-', ' '))}{NUMBER_WORDS[one]}"
    n = rng.choice((rng.randint(1, 12), rng.randint(1, 60), 5 * rng.randint(1, 40), rng.randint(1, 999)))
    return n, str(n)


def number(rng: random.Random) -> tuple[float, str]:
    """A number with or without decimals, sometimes with a unit or a percent sign."""
    value: float
    value, words = integer(rng) if rng.random() < 0.5 else decimal(rng)
    if words[-1:].isdigit() and rng.random() < 0.35:
        words += rng.choice(("%", " percent", " degrees", "°", " litres", " cm", " kWh", "°C", " points", " mm", " km"))
    return value, words


def weight(rng: random.Random) -> tuple[float, str]:
    """Kilograms, said in kilograms, grams or words."""
    if rng.random() < 0.25:
        return rng.choice(WEIGHTS)
    value, words = decimal(rng) if rng.random() < 0.6 else integer(rng)
    return value, words + rng.choice((" kg", "kg", " kilos", " kilograms"))


def money(rng: random.Random) -> tuple[float, str]:
    """An amount as it is written, with or without a currency sign; the value is the bare number."""
    draw = rng.random()
    if draw < 0.1:
        return rng.choice(
            ((1000, "1k"), (2000, "2k"), (1500, "1.5k"), (1000, "a grand"), (0.5, "50 cents"), (50, "fifty quid"))
        )
    if draw < 0.5:
        whole = rng.choice((rng.randint(1, 99), 10 * rng.randint(1, 99), rng.randint(100, 9999)))
        return whole, rng.choice(
            ("{n}", "${n}", "{n} euros", "€{n}", "{n} bucks", "£{n}", "{n}€", "{n} pounds")
        ).format(n=whole)
    cents = rng.randint(101, 99999) / 100
    return cents, rng.choice((*CURRENCIES, "{n} EUR")).format(n=repr(cents))


def decimal(rng: random.Random) -> tuple[float, str]:
    value = rng.choice((rng.randint(1, 99) / 10, rng.randint(1, 400) / 100, rng.randint(1, 20) + 0.5))
    return value, repr(value)
