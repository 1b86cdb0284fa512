"""The README.md that goes with an artefact: what it is, how good it was, how to load it, where its limits are. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.training.artefacts.settings import FORMATS

_ADAPTER = """```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
base = AutoModelForCausalLM.from_pretrained("BASE")
model = PeftModel.from_pretrained(base, "FOLDER")
```"""
_MERGED = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = AutoModelForCausalLM.from_pretrained("FOLDER", dtype="auto")
```"""
_GGUF = """```
llama-server -m FILE --special --temp 0
ollama create NAME -f Modelfile
```

`--special` lets control tokens through to the output; a parser of calls needs them. The Modelfile passes prompts on as
they are: render them with the chat template, which is in the file's metadata."""
_INT8 = """```python
from pathlib import Path

from workbench.inference.quantise import load_int8

model, tokenizer = load_int8(Path("FOLDER"))
```

Each matrix is stored as integers with one scale a row, see `workbench/inference/quantise.py`. Other programs do not
know this form."""


def write_card(about: Mapping[str, Any], files: Sequence[str], parity: Mapping[str, Any] | None) -> str:
    """The card's text.

    Args:
        about: ``name``, ``base``, ``toolset``, ``tools``, ``snapshot``, ``dialect``, ``format``, ``settings``
            (of the training) and ``scores``, rows as the store's evaluations give them.
        files: names of the files beside the card.
        parity: as ``Parity.to_dict`` gives it, with ``split`` and ``how``; None while nothing was compared.
    """
    parts = [
        f"# {_plain(about['name'])}",
        f"A router for the toolset `{about['toolset']}` ({about['tools']} tools), {FORMATS[about['format']]}. Written "
        "by the Tool Router Workbench.",
        _table(
            ("", ""),
            [
                ("Base model", f"`{about['base']}`"),
                ("Trained on snapshot", f"`{about['snapshot']}`"),
                ("Way of writing calls", about["dialect"]),
                ("Files", ", ".join(f"`{name}`" for name in files)),
            ],
        ),
        "## Scores",
        _scores(about["scores"]),
        "## Does it answer as the model that was measured?",
        _parity(parity),
        "## Load it",
        _loading(about, files),
        "## Settings of the training",
        _table(("Setting", "Value"), [(name, f"`{value}`") for name, value in about["settings"].items()]),
        "## Limits",
        "- It knows the tools that it was trained for. With other tools, or the same ones described otherwise, its "
        "scores do not hold.\n- Scores are of scenarios like those of its snapshot; requests of real people may "
        "differ.\n- It may call the wrong tool. Ask before a call does what cannot be undone.\n- The licence of the "
        "base model holds for this one, too.",
    ]
    return "\n\n".join(parts) + "\n"


def _scores(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "This model was not evaluated before it was exported."
    cells = [
        (row["snapshot"], row["split"], str(row["n"]), _rate(row["tool_accuracy"]), _rate(row["exact_calls"]))
        for row in rows
    ]
    note = "Of the trained model, before the export; 95% Wilson intervals."
    return f"{note}\n\n{_table(('Snapshot', 'Split', 'n', 'Right tool', 'Exact call'), cells)}"


def _rate(rate: Mapping[str, Any]) -> str:
    if rate["value"] is None:
        return "–"
    return f"{rate['value']:.0%} ({rate['low']:.0%} to {rate['high']:.0%})"


def _parity(parity: Mapping[str, Any] | None) -> str:
    if parity is None:
        return "Not checked: the export was stopped before."
    verdict = "It matches" if parity["matches"] else "**It does not match**"
    kinds = ", ".join(f"{kind}: {n}" for kind, n in parity["kinds"].items() if n)
    counted = f"{parity['flips']} of {parity['n']} {parity['split']} scenarios are answered otherwise"
    limit = f"the limit is {parity['limit']:.1%}"
    return f"{verdict}: {counted}{f' ({kinds})' if kinds else ''}; {limit}. {parity['how']}"


def _loading(about: Mapping[str, Any], files: Sequence[str]) -> str:
    texts = {"adapter": _ADAPTER, "merged": _MERGED, "gguf": _GGUF, "int8": _INT8}
    text = texts[about["format"].partition("-")[0]]
    file = next((name for name in files if name.endswith(".gguf")), "")
    return text.replace("FOLDER", ".").replace("BASE", about["base"]).replace("FILE", file).replace("NAME", "router")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_plain(str(cell)).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """One line, so that a name from outside cannot begin a heading or a table of its own."""
    return " ".join(text.split()).replace("<", "&lt;")
