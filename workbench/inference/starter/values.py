"""Random text values: names, paths, hosts, codes, dates, phrases. They are said as they are, so they can be copied.

Samplers of lists return ``(value, words)``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from workbench.inference.starter.lexicon import Lexicon
from workbench.inference.starter.numbers import NUMBER_WORDS

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
MONTHS = ("january february march april may june july august september october november december "
          "jan feb mar apr jun jul aug sept oct nov dec").split()  # fmt: skip


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
    """Free text as people dictate it: a chore, a remark, a few words; sometimes with rare words, numbers, capitals."""
    kind = rng.random()
    if kind < 0.3:
        text = chore(rng, lexicon)
    elif kind < 0.5:
        domain = rng.choice(lexicon.domains)
        remarks = [*domain["asides"], *rng.choice(domain["objects"])["trouble"]]
        text = str(rng.choice(remarks))
    elif kind < 0.6:
        text = str(rng.choice(lexicon.chitchat))
    else:
        text = scribble(rng, lexicon)
    style = rng.random()
    if style < 0.3:
        text = text[:1].upper() + text[1:]
    elif style < 0.34:
        text = text.title()
    return text


def chore(rng: random.Random, lexicon: Lexicon) -> str:
    """Something to do, as a command, now and then with a name or a number in it."""
    said = str(rng.choice(rng.choice(lexicon.actions)["ask"]))
    domain = rng.choice(lexicon.domains)
    what = rng.choice(rng.choice(domain["objects"])["say"])
    if rng.random() < 0.3:
        what = rng.choice((rng.choice(domain["things"]), compound(rng, lexicon), invented(rng).capitalize()))
    extra = (
        rng.choice((" for {w}", " before {d}", " with {w}", " ({n})", " at {n}", " and {v}"))
        if rng.random() < 0.3
        else ""
    )
    words = {
        "w": rare_word(rng, lexicon),
        "d": day(rng, lexicon),
        "n": str(rng.randint(2, 99)),
        "v": word(rng, lexicon),
    }
    return said.replace("{o}", what) + extra.format(**words)


def scribble(rng: random.Random, lexicon: Lexicon) -> str:
    """Two to nine words in no grammar: a drill in copying what cannot be guessed."""
    words = [rare_word(rng, lexicon) for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 8)))]
    if rng.random() < 0.2:
        at = rng.randrange(len(words))
        words[at] += rng.choice((",", ":", " &", " -", " /", " +", "?"))
    return " ".join(words).rstrip(",:&-/+ ?") or words[0]


def rare_word(rng: random.Random, lexicon: Lexicon) -> str:
    """A word of any kind: common, invented, a name, a number, a code."""
    kind = rng.random()
    if kind < 0.55:
        return str(rng.choice(lexicon.vocabulary))
    if kind < 0.7:
        return invented(rng)
    if kind < 0.8:
        return invented(rng, 2).capitalize()
    if kind < 0.88:
        return str(rng.randint(0, 3000))
    return rng.choice((compound, reference, version))(rng, lexicon)


def reference(rng: random.Random, lexicon: Lexicon) -> str:
    """A booking, invoice or serial number."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.choice((1, 2, 2, 3))))
    number = str(rng.randint(1, 10 ** rng.choice((2, 3, 4, 5, 6))))
    form = rng.choice(
        ("{l}-{n}", "{l}{n}", "#{n}", "{n}", "{s}-{n}", "{l}-{y}-{n}", "{n}/{y}", "{s}{n}", "{h}", "{l}{n}{s}")
    )
    code = f"{rng.getrandbits(rng.choice((16, 28, 40))):x}"
    return form.format(l=letters, n=number, s=letters.lower(), y=rng.randint(2019, 2031), h=code)


def version(rng: random.Random, lexicon: Lexicon) -> str:
    numbers = ".".join(str(rng.randint(0, 20)) for _ in range(rng.choice((2, 2, 3))))
    form = rng.choice(("{n}", "{n}", "v{n}", "{w}-{n}", "{n}-rc{d}", "{n}-beta", "{w} {d}", "{w}:{n}"))
    return form.format(n=numbers, w=word(rng, lexicon), d=rng.randint(1, 9))


def day(rng: random.Random, lexicon: Lexicon) -> str:
    """A date as people say it; it is copied, not computed."""
    weekday = rng.choice("monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun".split())
    month, number, year = rng.choice(MONTHS), rng.randint(1, 31), rng.randint(2023, 2032)
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number not in (11, 12, 13) else 0, "th")
    forms = ("{w}", "next {w}", "this {w}", "tomorrow", "today", "the {n}{e}", "{m} {n}", "{m} {n}{e}", "{n} {m}",
             "{n}.{k}.", "{n}/{k}", "{k}/{n}/{y}", "{n}.{k}.{y}", "{y}-{k:02}-{n:02}", "{w} the {n}{e}", "{w} week",
             "{n} {m} {y}", "the {n}{e} of {m}", "{m}", "tonight", "end of {m}", "{w} {n}.{k}.")  # fmt: skip
    said = rng.choice(forms).format(w=weekday, m=month, n=number, e=ending, k=rng.randint(1, 12), y=year)
    return said.title() if rng.random() < 0.25 and said[0].isalpha() else said


def clock(rng: random.Random, lexicon: Lexicon) -> str:
    hour, minute = rng.randint(1, 12), rng.choice((0, 5, 10, 15, 20, 25, 30, 40, 45, 50, rng.randint(0, 59)))
    forms = ("{h}:{m:02}", "{t}:{m:02}", "{h}pm", "{h} am", "{h}.{m:02}", "{h} o'clock", "half past {w}", "noon",
             "quarter to {w}", "{t}h", "{t}{m:02}", "{h}:{m:02} pm", "midnight", "ten past {w}", "{h}ish")  # fmt: skip
    return rng.choice(forms).format(h=hour, m=minute, t=rng.randint(0, 23), w=NUMBER_WORDS[hour])


def address(rng: random.Random, lexicon: Lexicon) -> str:
    street = rng.choice((invented(rng, 2), str(rng.choice(lexicon.vocabulary)))).capitalize()
    kind = rng.choice("Street Road Lane Avenue Square Row Hill Close Way Court".split())
    forms = ("{n} {s} {k}", "{s} {k} {n}", "{s} {k}", "{n}{a} {s} {k}, {c}", "{s}strasse {n}", "{c}, {s} {k} {n}")
    town, letter = invented(rng, 2).capitalize(), rng.choice("abcd")
    return rng.choice(forms).format(n=rng.randint(1, 240), s=street, k=kind, a=letter, c=town)


def goods(rng: random.Random, lexicon: Lexicon) -> str:
    """Something to buy or lend, in one to three words."""
    kind = rng.random()
    if kind < 0.4:
        return str(rng.choice(rng.choice(lexicon.domains)["things"]))
    words = [rare_word(rng, lexicon) if rng.random() < 0.3 else rng.choice(lexicon.vocabulary) for _ in range(2)]
    return " ".join(words if kind < 0.85 else [*words, invented(rng)])


def term(rng: random.Random, lexicon: Lexicon) -> str:
    """Something to search for: quoted talk, codes, names, a few words."""
    kind = rng.random()
    if kind < 0.4:
        return scribble(rng, lexicon)
    return rng.choice((goods, reference, compound, word, _person, filename, host))(rng, lexicon)


def people(rng: random.Random, lexicon: Lexicon) -> tuple[list[str], str]:
    names = list(dict.fromkeys(_person(rng, lexicon) for _ in range(rng.choice((1, 2, 2, 3, 4)))))
    return names, enumerate_words(rng, names)


def listing(rng: random.Random, lexicon: Lexicon) -> tuple[list[str], str]:
    """A list of words and the way to say it."""
    draw = rng.choice((filename, compound, compound, word, word, word, rare_word, _plain))
    items = list(dict.fromkeys(draw(rng, lexicon) for _ in range(rng.choice((1, 1, 2, 2, 3)))))
    return items, enumerate_words(rng, items)


def _plain(rng: random.Random, lexicon: Lexicon) -> str:
    return str(rng.choice(lexicon.vocabulary))


def enumerate_words(rng: random.Random, items: Sequence[str]) -> str:
    if len(items) == 1:
        return items[0]
    joiner = rng.choice((" and ", " and ", ", ", " & ", " plus "))
    return ", ".join(items[:-1]) + joiner + items[-1]


def _person(rng: random.Random, lexicon: Lexicon) -> str:
    kind = rng.random()
    first, last = invented(rng, 2).capitalize(), invented(rng, rng.choice((1, 2))).capitalize()
    if kind < 0.4:
        return first
    if kind < 0.75:
        title = rng.choice(
            ("{f} {l}", "Mr {l}", "Mrs {l}", "Dr {l}", "Ms {l}", "{f} {i}. {l}", "uncle {f}", "aunt {f}", "{f}-{l}")
        )
        return title.format(f=first, l=last, i=last[0])
    if kind < 0.9:
        return (
            rng.choice(("{i}{l}", "{l}{n}", "{f}.{l}", "{f}_{i}", "{l}"))
            .format(i=first[0], f=first, l=last, n=rng.randint(1, 99))
            .lower()
        )
    return word(rng, lexicon)


def place(rng: random.Random, lexicon: Lexicon) -> str:
    kind = rng.random()
    if kind < 0.5:
        return f"{invented(rng, 2).capitalize()}{rng.choice(('', '', ' street', ' hall', 'ville'))}"
    spot = rng.choice("room hall floor bay shelf desk gate platform building aisle rack corner wing row".split())
    which = rng.choice((str(rng.randint(1, 40)), rng.choice("ABCDEFGH"), f"{rng.choice('ABCD')}{rng.randint(1, 20)}"))
    form = ("{s} {w}", "the {v} {s}", "{s} {w}", "{v} {s}", "the {s}", "{w}")
    return rng.choice(form).format(s=spot, w=which, v=rng.choice(lexicon.vocabulary))


def _url(rng: random.Random, lexicon: Lexicon) -> str:
    base = f"{rng.choice(('https://', 'https://', 'http://', 'www.', ''))}{host(rng, lexicon)}"
    if rng.random() < 0.25:
        return base
    base += "/" + "/".join(compound(rng, lexicon).lower() for _ in range(rng.choice((1, 1, 2))))
    if rng.random() < 0.2:
        base += rng.choice(("?id={n}", "?q={w}", "#{w}", ".html", "?page={n}&sort={w}", "/{n}")).format(
            n=rng.randint(1, 9999), w=word(rng, lexicon)
        )
    return base


def _email(rng: random.Random, lexicon: Lexicon) -> str:
    user = word(rng, lexicon) + rng.choice(
        ("", "", f".{word(rng, lexicon)}", str(rng.randint(1, 99)), f"+{invented(rng)}")
    )
    return f"{user}@{word(rng, lexicon)}.{rng.choice(TOP_LEVELS)}"


def _date(rng: random.Random, lexicon: Lexicon) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2020, 2031)
    return rng.choice((f"{day}.{month}.{year}", f"{year}-{month:02}-{day:02}"))


def _time(rng: random.Random, lexicon: Lexicon) -> str:
    return f"{rng.randint(0, 23)}:{rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02}"


def _thing(rng: random.Random, lexicon: Lexicon) -> str:
    return str(rng.choice(rng.choice(lexicon.domains)["things"]))


TEXT_KINDS: Mapping[str, Callable[[random.Random, Lexicon], str]] = {
    "path": path, "filename": filename, "host": host, "phrase": phrase, "title": phrase, "word": compound,
    "code": compound, "person": _person, "place": place, "url": _url, "email": _email, "version": version,
    "date": _date, "time": _time, "ref": reference, "day": day, "clock": clock, "address": address, "goods": goods,
    "term": term, "chore": chore,
}  # fmt: skip


def text_value(rng: random.Random, lexicon: Lexicon, kind: str) -> str:
    """A text value of the given kind; kinds without a sampler of their own give a thing of the lexicon."""
    return TEXT_KINDS.get(kind, _thing)(rng, lexicon)
