"""What a conversation looks like: text from a model is text; probabilities have colours."""

import math

import pytest
from markupsafe import Markup

from workbench.actions.playground import Exchange, Talk
from workbench.ui import views
from workbench.ui.views.formatted import code, formatted

NASTY = "<script>alert(1)</script> ![x](http://evil.example/x.png) [go](javascript:alert(1)) <img src=x onerror=y>"


def shown(**changes) -> str:
    decision = {
        "calls": [],
        "text": "",
        "raw": NASTY,
        "malformed": "",
        "problems": [],
        "confidence": 0.5,
        "latency_ms": 1.0,
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "finish": "stop",
        "prompt": NASTY,
        "logprobs": [],
    } | changes
    turn = Exchange(({"role": "user", "content": NASTY},), "starter", decision=decision, recorded=True)
    return views.talk(Talk(exchanges=(turn,)), "left")


@pytest.mark.parametrize(
    "changes",
    [
        {"text": NASTY},
        {"malformed": NASTY},
        {"calls": [{"name": NASTY, "arguments": {NASTY: NASTY}}]},
        {"problems": [{"field": NASTY, "message": NASTY}]},
        {"logprobs": [{"token": NASTY, "logprob": -1, "top_logprobs": [{"token": NASTY + "2", "logprob": -2}]}]},
    ],
)
def test_text_from_a_model_stays_text(changes):
    html = shown(**changes)
    for bad in ("<script", "<img", 'href="javascript'):
        assert bad not in html


def test_markdown_and_code():
    html = formatted(
        "a **b** `c`\n\n```python\ndef f(): return 1\n```\n\n| x |\n|---|\n| 1 |\n\n[go](https://example.org)"
    )
    assert isinstance(html, Markup)
    for good in ("<strong>b</strong>", "<code>c</code>", 'class="hl-k"', "<td>1</td>", 'href="https://example.org"'):
        assert good in html
    assert formatted("```nonsense-language\n<b>\n```").count("&lt;b&gt;") == 1
    assert "hl-s2" in code('{"a": "b"}')


def test_levels_of_probability():
    tokens = [
        {"token": f"Ġt{i}", "logprob": math.log(share), "top_logprobs": [{"token": "Ġother", "logprob": -0.5}]}
        for i, share in enumerate((0.999, 0.95, 0.6, 0.2, 0.01))
    ]
    html = shown(logprobs=tokens)
    for i in range(5):
        assert f'class="tok l{i}"' in html
    assert "·t4" in html and "1.0 %; instead: ·other" in html
