"""Questions over HTTP: the answer as it comes, conversations that go on, and what answers mark."""

import json
import threading

import numpy as np
from fakes import FakeChat, FakeConversation
from review.conftest import API

GREEN = 2


def asked(server, question, **more):
    """All that is said to a question."""
    answer = server.client.post(f"{API}/clips/{server.id}/ask", json={"question": question, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in answer.text.splitlines() if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines]


def test_an_answer_comes_in_pieces_and_says_what_it_marks(serve):
    server = serve()
    said = asked(server, "What is green?", frames=[2, 5])
    assert "".join(one.get("text", "") for one in said) == "It is the green"
    end = said[-1]
    assert end["done"]
    assert [one["label"] for one in end["objects"]] == ["the green"]
    assert [index for index, _ in end["objects"][0]["masks"]] == [2, 5]
    assert len(server.chat.questions[0].pictures[0].images) == 2


def test_a_conversation_goes_on_and_shows_only_what_is_new(serve):
    server = serve()
    conversation = asked(server, "What is green?", frames=[2])[-1]["conversation"]
    asked(server, "And red?", frames=[2], conversation=conversation)
    asked(server, "And now?", frames=[7], conversation=conversation)
    assert [len(one.pictures) for one in server.chat.questions] == [1, 0, 1]
    assert len(server.chat.generations) == 1
    server.post(f"/clips/{server.id}/ask", {"question": "?", "conversation": "gone"}, code=400)


def test_what_an_answer_marks_becomes_an_object(serve):
    server = serve()
    conversation = asked(server, "What is green?", frames=[5])[-1]["conversation"]
    made = server.edit("answer", conversation=conversation, index=0, frame=5)
    assert server.done(made["job"])["state"] == "done"
    assert server.clip()["objects"][-1]["name"] == "the green"
    masks = server.masks(9)
    assert np.array_equal(masks[made["object"]], masks[GREEN])
    wrong = {"type": "answer", "conversation": conversation, "index": 3, "frame": 5}
    assert "marks no thing" in server.post(f"/clips/{server.id}/edits", wrong, code=400)["error"]


def test_what_the_network_must_follow_is_refused_where_too_much_waits(serve, monkeypatch):
    server = serve()
    conversation = asked(server, "What is green?", frames=[5])[-1]["conversation"]
    monkeypatch.setattr("sa2va_cli.review.desk.MOST_WAITING", 0)
    before = server.clip()["revision"]
    bodies = {
        "points": {"object": 1, "points": [[5, 5, 1]]},
        "box": {"object": 1, "box": [5, 5, 20, 20]},
        "brush": {"object": 1, "add": True, "radius": 2, "stroke": [[5, 5]]},
        "words": {"prompt": "green"},
        "answer": {"conversation": conversation, "index": 0},
    }
    for kind, body in bodies.items():
        refused = server.post(f"/clips/{server.id}/edits", {"type": kind, "frame": 5, **body}, code=429)
        assert refused["code"] == "busy", kind
    assert server.clip()["revision"] == before
    server.edit("hide", object=1, hidden=True)


def test_a_question_that_cannot_be_asked_is_told_in_the_stream(serve):
    said = asked(serve(), "refuse this")
    assert said[-1]["error"] == "this cannot be asked"


def test_an_answer_is_ended_by_whoever_asked(serve):
    waiting, go_on = threading.Event(), threading.Event()

    class SlowConversation(FakeConversation):
        def ask(self, question, listener=None):
            waiting.set()
            assert go_on.wait(300)
            return super().ask(question, listener)

    class SlowChat(FakeChat):
        def converse(self, generation):
            return SlowConversation(self)

    server = serve(engine=SlowChat())
    said = []
    thread = threading.Thread(target=lambda: said.extend(asked(server, "What is green?")))
    thread.start()
    assert waiting.wait(300)
    (job,) = server.desk.jobs.active()
    assert server.client.delete(f"{API}/asks/{job.id}").status_code == 200
    go_on.set()
    thread.join()
    assert server.done(job.id)["state"] == "cancelled"
    assert "".join(one.get("text", "") for one in said) == "It"
