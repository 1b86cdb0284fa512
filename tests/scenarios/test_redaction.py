"""What captured traffic must not hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scenarios.redaction import redact


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("write to ann.b+c@mail.example.org now", "write to [e-mail] now"),
        ("open /home/ann/notes.txt", "open /home/[user]/notes.txt"),
        ("open /Users/ann", "open /Users/[user]"),
        (r"open C:\Users\Ann\x", r"open C:\Users\[user]\x"),
        ("use sk-abcdefghijklmnop1234", "use [token]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz012345 leaked", "[token] leaked"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer [token]"),
        ("api_key=12345 and password: hunter2, ok", "api_key=[secret] and password: [secret], ok"),
        ("git clone https://ann:pw@host/x", "git clone https://ann:[secret]@host/x"),
        ("find big files on D:", "find big files on D:"),
        ("ping 10.0.0.1 five times", "ping 10.0.0.1 five times"),
    ],
)
def test_rules(text: str, kept: str):
    assert redact(text) == kept
    assert redact({"a": [text, 1, None]}) == {"a": [kept, 1, None]}


@given(st.text())
def test_no_address_survives_beside_any_text(text: str):
    assert "ann@example.org" not in redact(f"{text} ann@example.org {text}")


@given(st.text())
def test_redacting_twice_changes_nothing(text: str):
    assert redact(redact(text)) == redact(text)
