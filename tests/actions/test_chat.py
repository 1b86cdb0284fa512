"""What other programs write around a request is read; what is no such form is the request itself."""

import pytest

from workbench.actions.chat import read_request


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("free some space", {"request": "free some space"}),
        ("OS: my phone", {"request": "OS: my phone"}),
        ("OS: linux, Shell: bash\nQuery: pack it", {"os": "linux", "shell": "bash", "request": "pack it"}),
        ("OS: bsd\nQuery: a\nb", {"os": "bsd", "shell": "", "request": "a\nb"}),
        (
            "OS: darwin (macOS), Shell: zsh, Preferences: prefer_modern_tools\nQuery: find python files",
            {"os": "macos", "shell": "zsh", "request": "find python files"},
        ),
        ("OS: Ubuntu, Shell: fish\nQuery: x", {"os": "linux", "shell": "fish", "request": "x"}),
        ("OS: haiku, Shell: bash\nQuery: x", {"os": "haiku", "shell": "bash", "request": "x"}),
        (
            "[MODE] diagnose\n[SYSTEM_PROMPT]\nYou route.\n[USER_REQUEST]\nis the disk full",
            {"mode": "diagnose", "request": "is the disk full"},
        ),
    ],
)
def test_requests_of_other_programs(said, told):
    assert read_request(said) == told
