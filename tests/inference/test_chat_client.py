"""The chat client against a real server that answers well and badly."""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.chat_server import KEY, completion, drip, hang, send, send_json, serve
from workbench.errors import WorkbenchError
from workbench.inference import chat_client
from workbench.inference.chat_client import ChatClient
from workbench.inference.completions import ChatFailure, Completion
from workbench.inference.endpoint import Endpoint

HELLO = [{"role": "user", "content": "hello"}]


def endpoint(url: str, **changes) -> Endpoint:
    return Endpoint(**{"base_url": url, "model": "m", "timeout_s": 5.0, "backoff_s": 0.0, **changes})


def ask(answer, **changes):
    """The client's answer, and the server that saw the request."""
    with serve(answer) as server, ChatClient(endpoint(server.base_url, **changes)) as client:
        return client.complete(HELLO, temperature=0), server


def first_then_fine(*bad):
    """Each of the bad answers once, then a good one."""
    left = list(bad)
    return lambda handler, body: left.pop(0)(handler, body) if left else send_json(handler, completion("hi"))


def status(code: int, data=None, **headers):
    return lambda handler, body: send_json(handler, data or {}, code, **headers)


def test_a_good_answer_has_text_usage_and_latency():
    answer, server = ask(lambda handler, body: send_json(handler, completion("hi there", 12, 3)))
    assert isinstance(answer, Completion)
    assert (answer.text, answer.finish_reason, answer.attempts) == ("hi there", "stop", 1)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.told) == (12, 3, True)
    assert answer.latency_ms > 0
    request = server.requests[0]
    assert request == {"path": "/v1/chat/completions", "model": "m", "messages": HELLO, "temperature": 0}
    assert "Authorization" not in server.headers[0]


def test_tool_calls_come_through_and_missing_usage_is_told():
    message = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    answer, _ = ask(lambda handler, body: send_json(handler, {"choices": [{"message": message}]}))
    assert isinstance(answer, Completion)
    assert answer.text == "" and answer.message == message and not answer.usage.told


def test_the_key_comes_from_the_environment_and_never_shows(monkeypatch):
    def picky(handler, body):
        if handler.headers["Authorization"] == f"Bearer {KEY}":
            send_json(handler, completion("hi"))
        else:
            send_json(handler, {"error": {"message": f"bad key {handler.headers['Authorization']}"}}, 401)

    monkeypatch.setenv("SOME_KEY", KEY)
    answer, _ = ask(picky, key_env="SOME_KEY")
    assert isinstance(answer, Completion)
    monkeypatch.setenv("SOME_KEY", "sk-wrong-key")
    answer, server = ask(picky, key_env="SOME_KEY")
    assert isinstance(answer, ChatFailure)
    assert answer.kind == "refused_key" and answer.is_hopeless and len(server.requests) == 1
    assert "SOME_KEY" in answer.message and "sk-wrong-key" not in answer.message


@pytest.mark.parametrize("code", [429, 500, 503])
def test_what_may_pass_is_tried_again(code):
    answer, server = ask(first_then_fine(status(code), status(code)))
    assert isinstance(answer, Completion) and answer.attempts == 3 and len(server.requests) == 3


def test_retries_end():
    answer, server = ask(status(503, {"error": "overloaded"}), retries=2)
    assert isinstance(answer, ChatFailure)
    assert (answer.kind, answer.status, answer.attempts, len(server.requests)) == ("status", 503, 3, 3)
    assert "overloaded" in answer.message


@pytest.mark.parametrize(("code", "kind"), [(400, "status"), (404, "status"), (403, "refused_key"), (302, "status")])
def test_what_will_not_pass_is_asked_once(code, kind):
    answer, server = ask(status(code, {"error": {"message": "no such model"}}, Location="http://127.0.0.1:9/"))
    assert isinstance(answer, ChatFailure)
    assert (answer.kind, answer.status, len(server.requests)) == (kind, code, 1)


def test_retry_after_is_honoured(monkeypatch):
    waits = []
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    with serve(first_then_fine(status(429, Retry_After="7"), status(503, Retry_After=later))) as server:
        client = ChatClient(endpoint(server.base_url))
        monkeypatch.setattr(client._stopped, "wait", waits.append)
        assert isinstance(client.complete(HELLO), Completion)
    assert waits[0] == 7.0 and 20 < waits[1] <= 30


def test_a_very_long_wait_is_left_to_the_person():
    answer, server = ask(status(429, Retry_After="86400"))
    assert isinstance(answer, ChatFailure)
    assert answer.retry_after_s == 86400 and "86400" in answer.hint and len(server.requests) == 1


@pytest.mark.parametrize("value", ["soon", "", "-3", "nan", "0"])
def test_a_strange_retry_after_does_no_harm(value):
    answer, _ = ask(first_then_fine(status(429, Retry_After=value)))
    assert isinstance(answer, Completion)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><body>It works!</body></html>", "html"),
        (b'{"choices": [{"mess', "half_json"),
        (b'{"choices": [', "half_json"),
        (b'{"choices": [{"message": nul', "half_json"),
        (b'{"choices": nonsense}', "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"{}", "not_chat"),
        (b"[]", "not_chat"),
        (b'{"choices": []}', "not_chat"),
        (b'{"choices": [{"message": "text"}]}', "not_chat"),
        (b'{"choices": [{"message": {"content": 5}}]}', "not_chat"),
    ],
)
def test_an_answer_of_another_form_is_a_failure(body, kind):
    answer, server = ask(lambda handler, _: send(handler, 200, body))
    assert isinstance(answer, ChatFailure) and answer.kind == kind and len(server.requests) == 1


def test_a_hanging_server_is_a_timeout():
    with serve(lambda handler, body: None) as server:
        server.answer = hang(server)
        with ChatClient(endpoint(server.base_url, timeout_s=0.1, retries=1)) as client:
            answer = client.complete(HELLO)
    assert isinstance(answer, ChatFailure) and answer.kind == "timeout" and answer.attempts == 2


def test_a_body_that_breaks_off_is_tried_again():
    def breaks_off(handler, body):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices"')
        handler.close_connection = True

    answer, server = ask(breaks_off, retries=1)
    assert isinstance(answer, ChatFailure) and answer.kind == "truncated" and len(server.requests) == 2
    answer, _ = ask(first_then_fine(breaks_off))
    assert isinstance(answer, Completion)


def test_a_body_that_does_not_end_is_given_up(monkeypatch):
    answer, server = ask(drip, timeout_s=0.3)
    assert isinstance(answer, ChatFailure) and answer.kind == "endless" and len(server.requests) == 1
    monkeypatch.setattr(chat_client, "MAX_BYTES", 1000)
    answer, _ = ask(lambda handler, body: send(handler, 200, b" " * 5000))
    assert isinstance(answer, ChatFailure) and answer.kind == "endless"


def test_nobody_there():
    with serve(status(200)) as server:
        url = server.base_url
    with ChatClient(endpoint(url, retries=0)) as client:
        answer = client.complete(HELLO)
    assert isinstance(answer, ChatFailure) and answer.kind == "connection"


def test_many_are_asked_at_once_but_no_more_than_allowed():
    gate = threading.Barrier(3)

    def together(handler, body):
        gate.wait(10)
        send_json(handler, completion(body["messages"][0]["content"]))

    with serve(together) as server, ChatClient(endpoint(server.base_url, concurrency=3)) as client:
        jobs = [str(i) for i in range(9)]
        found = dict(client.complete_all(jobs, lambda job: ([{"role": "user", "content": job}], {})))
    assert {job: answer.text for job, answer in found.items()} == {job: job for job in jobs}
    assert server.most_at_once == 3


def test_stopping_ends_waits_and_asks_nothing_more():
    with serve(status(503, Retry_After="60")) as server, ChatClient(endpoint(server.base_url)) as client:
        threading.Timer(0.2, client.stop).start()
        answer = client.complete(HELLO)
        again = client.complete(HELLO)
    assert isinstance(answer, ChatFailure) and answer.kind == "cancelled"
    assert isinstance(again, ChatFailure) and again.kind == "cancelled" and len(server.requests) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "ftp://x"),
        ("base_url", "localhost:8000"),
        ("base_url", "http://[x"),
        ("model", " "),
        ("key_env", "NOT_SET_ANYWHERE"),
        ("timeout_s", 0),
        ("concurrency", 0),
        ("retries", -1),
    ],
)
def test_settings_that_cannot_work_are_named(field, value):
    settings = endpoint("http://127.0.0.1:1/v1", **{field: value})
    assert [problem.field for problem in settings.check()] == [field]
    with pytest.raises(WorkbenchError, match="cannot be used"):
        ChatClient(settings)


def test_a_key_with_a_line_end_inside_is_refused(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-\nEvil: 1")
    with pytest.raises(WorkbenchError, match="SOME_KEY"):
        ChatClient(endpoint("http://127.0.0.1:1/v1", key_env="SOME_KEY"))


def test_endpoints_come_back_from_json():
    settings = endpoint("http://127.0.0.1:1/v1/", key_env="K")
    assert Endpoint.from_dict(settings.to_dict()) == settings
    assert settings.url == "http://127.0.0.1:1/v1/chat/completions"
    assert endpoint("http://h/v1/chat/completions").url == "http://h/v1/chat/completions"
    for wrong in (
        {"model": "m"},
        {"base_url": 5, "model": "m"},
        {"base_url": "http://h", "model": "m", "retries": 1.5},
    ):
        with pytest.raises(WorkbenchError):
            Endpoint.from_dict(wrong)
