"""Random argument values and the words that say them: names, paths, hosts, numbers, phrases.

Each sampler returns ``(value, words)``. A text value stands in its words letter by letter, so that a model can learn to
copy it; numbers may be said in words, durations in other units.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from workbench.inference.starter.lexicon import Lexicon

ONSETS = "b br c ch cl d dr f fl g gr h j k kl l m n p pl pr qu r s sh sk st t th tr v w x y z".split()
VOWELS = "a e i o u ai ea ee io oo ou y".split()
CODAS = ["", "", "", "n", "r", "s", "t", "l", "m", "x", "ck", "nd", "st", "ng", "rt", "zz", "ph"]
EXTENSIONS = (
    "txt pdf png jpg csv json yaml toml md log conf ini db sqlite py js ts rs go java sh bat ps1 docx xlsx pptx odt "
    "zip tar.gz iso mp3 mp4 wav mkv svg html css bak tmp key pem"
).split()
UNIX_ROOTS = "~ ~/Documents ~/Desktop ~/src ~/work /etc /var /opt /srv /usr/local /home/{w} /mnt/{w} /data .".split()
WINDOWS_ROOTS = ["C:", "D:", "E:", "F:", "C:\\Users\\{w}", "D:\\{w}", "C:\\Program Files", "%APPDATA%", "G:\\{w}"]
TOP_LEVELS = "com org net io dev de fr co.uk local lan internal example test edu app".split()
NUMBER_WORDS = {
    1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
    11: "eleven", 12: "twelve", 14: "fourteen", 15: "fifteen", 16: "sixteen", 18: "eighteen", 20: "twenty",
    24: "twenty four", 25: "twenty five", 30: "thirty", 40: "forty", 45: "forty five", 50: "fifty", 60: "sixty",
    70: "seventy", 80: "eighty", 90: "ninety", 100: "a hundred",
}  # fmt: skip
DURATIONS: Mapping[str, Sequence[tuple[int, str]]] = {
    "seconds": ((30, "half a minute"), (60, "a minute"), (120, "two minutes"), (300, "5 minutes"), (600, "10 minutes")),
    "minutes": ((30, "half an hour"), (60, "an hour"), (60, "one hour"), (120, "two hours"), (120, "2 hours"),
                (180, "three hours"), (90, "an hour and a half"), (15, "a quarter of an hour"), (240, "4 hours"),
                (45, "three quarters of an hour")),
    "hours": ((24, "a day"), (24, "one day"), (48, "two days"), (48, "2 days"), (12, "half a day"), (72, "three days"),
              (168, "a week")),
    "days": ((7, "a week"), (14, "two weeks"), (14, "2 weeks"), (1, "a day"), (30, "a month"), (21, "three weeks"),
             (2, "a couple of days")),
}  # fmt: skip


def invented(rng: random.Random, syllables: int = 0) -> str:
    """A pronounceable word that no dictionary has."""
    n = syllables or rng.choice((1, 2, 2, 3))
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(n))


def word(rng: random.Random, lexicon: Lexicon) -> str:
    """One lower-case word: from the lexicon's things, or invented."""
    if rng.random() < 0.45:
        return invented(rng)
    thing: str = rng.choice(rng.choice(lexicon.domains)["things"])
    return rng.choice(thing.split()).lower()


def compound(rng: random.Random, lexicon: Lexicon) -> str:
    """A technical name: words joined by hyphens, underscores or camel case, sometimes with a number."""
    words = [word(rng, lexicon) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    style = rng.random()
    if style < 0.35:
        name = "-".join(words)
    elif style < 0.6:
        name = "_".join(words)
    elif style < 0.8:
        name = "".join(w.capitalize() for w in words)
    else:
        name = "".join(words)
    if rng.random() < 0.25:
        number = rng.choice((1, 2, 3, rng.randint(0, 99), rng.randint(2000, 2030)))
        name += rng.choice(("", "-", "_", "v")) + str(number)
    return name.upper() if rng.random() < 0.04 else name


def filename(rng: random.Random, lexicon: Lexicon) -> str:
    kind = rng.random()
    extension = rng.choice(EXTENSIONS)
    if kind < 0.2:
        return f"*.{extension}"
    if kind < 0.28:
        return rng.choice(("{w}*", "*{w}*", "{w}-*.{e}", "{w}_??.{e}")).format(w=word(rng, lexicon), e=extension)
    if kind < 0.36:
        return f".{word(rng, lexicon)}{rng.choice(('', 'rc', 'ignore', '.' + extension))}"
    return f"{compound(rng, lexicon)}.{extension}"


def path(rng: random.Random, lexicon: Lexicon) -> str:
    windows = rng.random() < 0.35
    slash = "\\" if windows else "/"
    parts = [rng.choice(WINDOWS_ROOTS if windows else UNIX_ROOTS).format(w=word(rng, lexicon))]
    parts += [compound(rng, lexicon) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    if rng.random() < 0.25:
        parts.append(filename(rng, lexicon))
    if rng.random() < 0.2:
        parts = [compound(rng, lexicon)]
    return slash.join(parts)


def host(rng: random.Random, lexicon: Lexicon) -> str:
    kind = rng.random()
    if kind < 0.25:
        return ".".join(str(rng.choice((10, 192, 172, 1, 8, rng.randint(0, 255)))) for _ in range(4))
    if kind < 0.4:
        return compound(rng, lexicon).lower()
    labels = [word(rng, lexicon) for _ in range(rng.choice((1, 1, 2)))]
    return ".".join([*labels, rng.choice(TOP_LEVELS)])


def phrase(rng: random.Random, lexicon: Lexicon) -> str:
    """Free text as people dictate it: a chore, a remark, a few words."""
    domain = rng.choice(lexicon.domains)
    kind = rng.random()
    if kind < 0.5:
        said = rng.choice(rng.choice(lexicon.actions)["ask"])
        return str(said.replace("{o}", rng.choice(rng.choice(domain["objects"])["say"])))
    if kind < 0.7:
        said = rng.choice(rng.choice(domain["objects"])["say"])
        return f"{said} {rng.choice(('is', 'needs', 'for', 'and', 'at'))} {rng.choice(domain['things'])}"
    if kind < 0.85:
        return str(rng.choice(rng.choice(domain["objects"])["trouble"]))
    return " ".join(rng.choice(domain["things"]) for _ in range(rng.choice((1, 2))))


def integer(rng: random.Random) -> tuple[int, str]:
    if rng.random() < 0.22:
        return rng.choice(list(NUMBER_WORDS.items()))
    n = rng.choice((rng.randint(1, 12), rng.randint(1, 60), 5 * rng.randint(1, 40), rng.randint(1, 999)))
    return n, str(n)


def decimal(rng: random.Random) -> tuple[float, str]:
    value = rng.choice((rng.randint(1, 99) / 10, rng.randint(1, 400) / 100, rng.randint(1, 20) + 0.5))
    return value, repr(value)


def listing(rng: random.Random, lexicon: Lexicon) -> tuple[list[str], str]:
    """A list of words and the way to say it."""
    draw = filename if rng.random() < 0.2 else (compound if rng.random() < 0.4 else word)
    items = list(dict.fromkeys(draw(rng, lexicon) for _ in range(rng.choice((1, 1, 2, 2, 3)))))
    return items, enumerate_words(rng, items)


def enumerate_words(rng: random.Random, items: Sequence[str]) -> str:
    if len(items) == 1:
        return items[0]
    joiner = rng.choice((" and ", " and ", ", ", " & ", " plus "))
    return ", ".join(items[:-1]) + joiner + items[-1]


def _person(rng: random.Random, lexicon: Lexicon) -> str:
    return invented(rng, 2).capitalize() if rng.random() < 0.6 else word(rng, lexicon)


def _place(rng: random.Random, lexicon: Lexicon) -> str:
    return f"{invented(rng, 2).capitalize()}{rng.choice(('', '', ' street', ' hall', 'ville'))}"


def _url(rng: random.Random, lexicon: Lexicon) -> str:
    return f"https://{host(rng, lexicon)}/{compound(rng, lexicon)}"


def _email(rng: random.Random, lexicon: Lexicon) -> str:
    return f"{word(rng, lexicon)}@{word(rng, lexicon)}.{rng.choice(TOP_LEVELS)}"


def _version(rng: random.Random, lexicon: Lexicon) -> str:
    return ".".join(str(rng.randint(0, 20)) for _ in range(rng.choice((2, 3))))


def _date(rng: random.Random, lexicon: Lexicon) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2020, 2031)
    return rng.choice((f"{day}.{month}.{year}", f"{year}-{month:02}-{day:02}"))


def _time(rng: random.Random, lexicon: Lexicon) -> str:
    return f"{rng.randint(0, 23)}:{rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02}"


def _thing(rng: random.Random, lexicon: Lexicon) -> str:
    return str(rng.choice(rng.choice(lexicon.domains)["things"]))


TEXT_KINDS: Mapping[str, Callable[[random.Random, Lexicon], str]] = {
    "path": path, "filename": filename, "host": host, "phrase": phrase, "title": phrase, "word": compound,
    "code": compound, "person": _person, "place": _place, "url": _url, "email": _email, "version": _version,
    "date": _date, "time": _time,
}  # fmt: skip


def text_value(rng: random.Random, lexicon: Lexicon, kind: str) -> str:
    """A text value of the given kind; kinds without a sampler of their own give a thing of the lexicon."""
    return TEXT_KINDS.get(kind, _thing)(rng, lexicon)
