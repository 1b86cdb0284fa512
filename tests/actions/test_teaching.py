"""A teacher as a run: a real worker process, a real server, real drafts."""

import json
import os
import re
import threading

import pytest

from tests.chat_server import KEY, completion, hang, send, send_json, serve
from tests.waiting import wait_for
from workbench.actions import curate, runs, teaching
from workbench.actions.curate import ProblemsError
from workbench.actions.orders import Order
from workbench.errors import WorkbenchError
from workbench.runfolder import RunFolder, read_process
from workbench.store.scenarios import ScenarioFilter

DRAFTS = ScenarioFilter(status="draft")
WORDS = "amber birch cedar delta ember flint grove hazel iris jade kelp lotus maple nutmeg olive pearl".split()


def order(server, **changes) -> Order:
    endpoint = {
        "base_url": server.base_url,
        "model": "big",
        "timeout_s": 5.0,
        "backoff_s": 0.0,
        "retries": 1,
        "concurrency": 2,
    }
    settings = {"each": 2, "price_in": 1.0, "price_out": 10.0, **changes.pop("settings", {})}
    data = {"way": "teacher", "toolset": "small", "count": 4, "tools": ["ping"], "oses": ["linux"], "modes": ["act"]}
    return Order.from_dict(
        data | {"endpoint": {**endpoint, **changes.pop("endpoint", {})}, "settings": settings, **changes}
    )


class Teacher:
    """Answers each question with new scenarios; ``first`` are odd answers that come before."""

    def __init__(self, *first):
        self.first = list(first)
        self.lock = threading.Lock()
        self.n = 0

    def __call__(self, handler, body):
        with self.lock:
            odd = self.first.pop(0) if self.first else None
            self.n += 1
            n = self.n
        if odd:
            return odd(handler, body)
        send_json(handler, completion(json.dumps({"scenarios": self.rows(body, n)}), 100, 20))

    def rows(self, body, n):
        wanted = int(re.search(r"Write (\d+) scenarios", body["messages"][1]["content"])[1])
        for i in range(wanted):
            word = f"{WORDS[n % 16]}-{WORDS[(n * 7 + i * 3) % 16]}-{n * wanted + i}.lan"
            yield_ = {
                "request": f"{word} {WORDS[(n + i) % 16]} {WORDS[(n * 5 + i) % 16]} up?",
                "expected": [{"name": "ping", "arguments": {"host": word}}],
            }
            self.made = [*getattr(self, "made", []), yield_]
        return self.made[-wanted:]


def finished(store, run):
    return runs.wait(store, run.id)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.05)


def test_drafts_come_in_as_one_change_with_cost_and_rejects(store):
    bad = json.dumps({"scenarios": [{"request": "what time is it", "expected": [{"name": "clock"}]}, "nonsense"]})
    odd = [
        lambda handler, body: send_json(handler, {}, 429, Retry_After="0"),
        lambda handler, body: send_json(handler, completion(bad, 100, 20)),
        lambda handler, body: send_json(handler, completion("no JSON today", 100, 20)),
    ]
    with serve(Teacher(*odd)) as server:
        run = finished(store, teaching.start(store, order(server), "mara"))
    assert run.state == "done", run.message
    drafts = curate.find(store, DRAFTS)
    assert (
        len(drafts) >= 4
        and {d.source for d in drafts} == {"generate:teacher:big"}
        and {d.os for d in drafts} == {"linux"}
    )
    change = curate.undoable(store)
    assert (change.kind, change.author, change.note, change.scenarios) == ("generate", "mara", run.id, len(drafts))
    found = teaching.report(store, run.id).to_dict()
    assert found["drafts"] == len(drafts) and found["rejects"] == 3 == len(found["rejected"])
    assert {"asked was for ping", "no object", "not JSON"} == {
        w for w in ("asked was for ping", "no object", "not JSON") for r in found["rejected"] if w in r["reason"]
    }
    assert found["cost"] == pytest.approx(found["asks"] * (100 + 200) / 1e6) and run.summary["cost"] == found["cost"]
    # No test scenario was shown, and the key was not asked for.
    shown = json.dumps(server.requests)
    assert "host0" in shown or "host3" in shown
    assert "host9" not in shown and "Authorization" not in server.headers[0]
    curate.undo(store)
    runs.sync(store)
    assert curate.count(store, DRAFTS) == 0


def test_a_killed_run_goes_on_without_asking_again(store):
    with serve(Teacher()) as server:
        polite = server.answer
        server.answer = lambda handler, body: (
            polite(handler, body) if len(server.requests) <= 2 else hang(server)(handler, body)
        )
        run = teaching.start(store, order(server, count=8, endpoint={"concurrency": 1, "timeout_s": 60.0}))
        wait_for(lambda: teaching.report(store, run.id).tally.answered == {0, 1})
        wait_for(lambda: len(server.requests) == 3)
        os.kill(read_process(RunFolder(store.workspace.run_folder(run.id))).pid, 9)
        assert finished(store, run).state == "failed"
        kept = curate.count(store, DRAFTS)
        assert kept == 4
        with pytest.raises(WorkbenchError, match="does not generate|no run"):
            teaching.start(store, order(server), resume="nothing")
        curate.delete(store, [curate.find(store, DRAFTS)[0].id])
        server.answer = polite
        again = finished(store, teaching.start(store, order(server), resume=run.id))
    assert again.state == "done" and teaching.report(store, again.id).tally.answered == {0, 1, 2, 3}
    assert len(server.requests) == 5
    # What a person deleted meanwhile does not come back.
    assert curate.count(store, DRAFTS) == 7


def test_a_refused_key_ends_the_run_and_keeps_what_it_has(store, monkeypatch):
    def picky(handler, body):
        right = handler.headers["Authorization"] == f"Bearer {KEY}" and len(server.requests) < 2
        teacher(handler, body) if right else send_json(handler, {"error": {"message": "key expired"}}, 401)

    teacher = Teacher()
    monkeypatch.setenv("TEACHER_KEY", KEY)
    with serve(picky) as server:
        run = finished(
            store, teaching.start(store, order(server, endpoint={"key_env": "TEACHER_KEY", "concurrency": 1}))
        )
    assert run.state == "failed" and "TEACHER_KEY" in run.message and KEY not in json.dumps(run.config)
    assert curate.count(store, DRAFTS) == 2 and len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda handler, body: send(handler, 200, b"<html>Welcome</html>"), "web page"),
        (lambda handler, body: send_json(handler, {"error": "down"}, 503), "503"),
    ],
)
def test_an_endpoint_that_does_not_work_ends_the_run(store, answer, says):
    with serve(answer) as server:
        run = finished(store, teaching.start(store, order(server, count=40, endpoint={"retries": 0})))
    assert run.state == "failed" and says in run.message and len(server.requests) < 10
    assert says in " ".join(teaching.report(store, run.id).to_dict()["reasons"])


def test_cancelling_a_run_that_hangs(store):
    with serve(lambda handler, body: None) as server:
        server.answer = lambda handler, body: send_json(handler, {}, 429, Retry_After="60")
        run = teaching.start(store, order(server))
        wait_for(lambda: server.requests)
        assert runs.cancel(store, run.id).state == "stopping"
        assert finished(store, run).state == "stopped"
    assert curate.count(store, DRAFTS) == 0


def test_money_ends_the_run(store):
    with serve(Teacher()) as server:
        limited = order(server, count=100, settings={"max_cost": 0.0005}, endpoint={"concurrency": 1})
        run = finished(store, teaching.start(store, limited))
    assert run.state == "done" and "money" in run.message and len(server.requests) == 2


def test_a_generation_does_not_wait_for_training(store, stub_workers):
    from workbench.training.settings import TrainSettings

    training = runs.start_training(store, "small", settings=TrainSettings(epochs=1000))
    with serve(Teacher()) as server:
        run = teaching.start(store, order(server))
        assert (training.state, run.state) == ("running", "running")
        finished(store, run)
    runs.cancel(store, training.id)
    finished(store, training)


def test_paraphrases_of_train_scenarios(store):
    def reworded(handler, body):
        kept = re.search(r'letter by letter: "(\w+)"', body["messages"][0]["content"])
        host = kept[1] if kept else "now"
        send_json(handler, completion(json.dumps({"requests": [f"any sign of life from {host}", f"wake {host} up"]})))

    with serve(reworded) as server:
        run = finished(store, teaching.start(store, order(server, paraphrase=True, count=2)))
    drafts = curate.find(store, DRAFTS)
    assert run.state == "done" and len(drafts) == 2
    assert {d.split for d in drafts} == {"train"} and all("paraphrase" in d.tags for d in drafts)


def test_settings_that_cannot_work_are_refused_before_a_run_is_made(store):
    with serve(Teacher()) as server:
        for changes, field in (
            ({"endpoint": {"base_url": "nowhere"}}, "endpoint.base_url"),
            ({"endpoint": {"key_env": "NOT_SET_ANYWHERE"}}, "endpoint.key_env"),
            ({"settings": {"each": 0}}, "settings.each"),
            ({"settings": {"max_cost": 1.0, "price_in": 0.0, "price_out": 0.0}}, "settings.max_cost"),
        ):
            with pytest.raises(ProblemsError) as caught:
                teaching.start(store, order(server, **changes))
            assert caught.value.problems[0].field == field
        assert "about 2 questions" in teaching.plan(store, order(server))
    assert runs.runs(store) == []
