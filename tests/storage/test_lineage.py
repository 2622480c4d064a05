"""Re-sent, shortened, edited and branched histories: every distinct message once, in order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memori_storage.content import message_key, same
from memori_storage.keys import KEY_LENGTH
from memori_storage.lineage import Placement, place
from memori_storage.records import Message
from memori_storage.tree import Tree, keyed


def text(role: str, content: str) -> Message:
    return Message(role, [{"type": "text", "content": content}])


def user(content: str) -> Message:
    return text("user", content)


def assistant(content: str) -> Message:
    return text("assistant", content)


def run(
    tree: Tree, given: Sequence[Message], output: Iterable[Message], start: str | None = None
) -> Placement:
    return place(tree, keyed(given), keyed(output), start=start)


def new_texts(placement: Placement) -> list[str]:
    return [item.message.text for item, _, _ in placement.new]


class Session:
    """A session as the store keeps it: positions to messages, and the tree, which can be lost."""

    def __init__(self) -> None:
        self.tree = Tree("session")
        self.stored: list[tuple[Message, str | None, bool]] = []
        self.ids: list[str] = []

    def turn(self, given: Sequence[Message], *output: Message, cold: bool = False) -> Placement:
        if cold:
            self.forget()
        placement = run(self.tree, given, output)
        for item, node, _ in placement.new:
            assert node.position == len(self.stored)
            self.stored.append((item.message, node.parent, item.message.role != "system"))
            self.ids.append(node.id)
        return placement

    def forget(self) -> None:
        """What another process knows: rows read back from a database."""
        tree = Tree("session")
        for node_id, (_, _, chained) in zip(self.ids, self.stored, strict=True):
            tree.add(self.tree.nodes[node_id], chained=chained)
        self.tree = tree

    def texts(self) -> list[str]:
        return [message.text for message, _, _ in self.stored]

    def thread(self, leaf: str) -> list[str]:
        """The conversation that ends at a message."""
        texts: list[str] = []
        at: str | None = leaf
        while at is not None:
            message, at, _ = self.stored[self.ids.index(at)]
            texts.append(message.text)
        return texts[::-1]


# What people say over and over, and replies that repeat now and then.
said = st.sampled_from(["yes", "no", "go on", "why?"])
replied = st.one_of(st.sampled_from(["ok", "done"]), st.uuids().map(str))
exchanges = st.lists(st.tuples(said, replied), min_size=1, max_size=20)
cold_at = st.sets(st.integers(0, 20))


@given(exchanges, cold_at)
def test_full_history_is_stored_once(talk: list[tuple[str, str]], cold: set[int]) -> None:
    session, history = Session(), list[Message]()
    for index, (question, answer) in enumerate(talk):
        history.append(user(question))
        placement = session.turn(history, assistant(answer), cold=index in cold)
        assert new_texts(placement) == [question, answer]
        history.append(assistant(answer))
    assert session.texts() == [message.text for message in history]
    assert session.thread(session.ids[-1]) == session.texts()


unique_replies = st.lists(said, min_size=1, max_size=20)


@given(unique_replies, st.integers(2, 7), cold_at)
def test_sliding_window_is_stored_once(questions: list[str], size: int, cold: set[int]) -> None:
    """Users repeat themselves; a model's reply is its own."""
    session, history = Session(), list[Message]()
    for index, question in enumerate(questions):
        history.append(user(question))
        answer = assistant(f"answer {index}")
        session.turn(history[-size:], answer, cold=index in cold)
        history.append(answer)
    assert session.texts() == [message.text for message in history]
    assert session.thread(session.ids[-1]) == session.texts()


@given(st.lists(st.tuples(said, st.sampled_from(["ok", "done"])), min_size=1, max_size=20))
def test_sliding_window_of_six_with_repeated_replies(talk: list[tuple[str, str]]) -> None:
    session, history = Session(), list[Message]()
    for question, answer in talk:
        history.append(user(question))
        session.turn(history[-6:], assistant(answer))
        history.append(assistant(answer))
    assert session.texts() == [message.text for message in history]


@given(
    st.lists(st.tuples(said, st.booleans()), min_size=2, max_size=12),
    st.data(),
    cold_at,
)
def test_edit_makes_a_branch(
    questions: list[tuple[str, bool]], data: st.DataObject, cold: set[int]
) -> None:
    """A client goes back, says something else, and goes on from there, with all or no history."""
    session, history = Session(), list[Message]()
    expected: list[str] = []
    for index, (question, goes_back) in enumerate(questions):
        content = question
        if goes_back and history:
            kept = data.draw(st.integers(0, len(history) // 2)) * 2
            history, content = history[:kept], f"rather {index}"
        history.append(user(content))
        answer = assistant(f"answer {index}")
        session.turn(history, answer, cold=index in cold)
        expected += [content, answer.text]
        history.append(answer)
        assert session.thread(session.ids[-1]) == [message.text for message in history]
    assert session.texts() == expected


@given(st.lists(st.tuples(st.booleans(), said), min_size=1, max_size=24), cold_at)
def test_two_interleaved_branches(steps: list[tuple[bool, str]], cold: set[int]) -> None:
    session = Session()
    session.turn([user("hello")], assistant("hi"))
    common = [user("hello"), assistant("hi")]
    branches = {False: [*common], True: [*common]}
    seen = {"hello\x00hi": None}
    for index, (branch, question) in enumerate(steps):
        history = branches[branch]
        history.append(user(question))
        session.turn(history, assistant(f"answer {index}"), cold=index in cold)
        seen["\x00".join(message.text for message in history)] = None
        history.append(assistant(f"answer {index}"))
        assert session.thread(session.ids[-1]) == [message.text for message in history]
    # A question asked in both branches at the same place is one message with two answers.
    assert len(session.stored) == 1 + len(steps) + len(seen)


@given(st.lists(said, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_turns_of_one_conversation_in_any_order(questions: list[str], order: random.Random) -> None:
    history: list[Message] = []
    turns: list[tuple[list[Message], Message]] = []
    for index, question in enumerate(questions):
        history.append(user(question))
        turns.append(([*history], assistant(f"answer {index}")))
        history.append(turns[-1][1])
    order.shuffle(turns)
    session = Session()
    for given_, answer in turns:
        session.turn(given_, answer)
    assert sorted(session.texts()) == sorted(message.text for message in history)
    last = session.ids[session.texts().index(f"answer {len(questions) - 1}")]
    assert session.thread(last) == [message.text for message in history]


@given(st.lists(said, min_size=1, max_size=8), st.integers(2, 4))
def test_regenerated_replies_are_siblings(questions: list[str], tries: int) -> None:
    session, history = Session(), list[Message]()
    for index, question in enumerate(questions):
        history.append(user(question))
        for number in range(tries):
            session.turn(history, assistant(f"answer {index}.{number}"))
        history.append(assistant(f"answer {index}.{tries - 1}"))
    assert len(session.stored) == len(questions) * (1 + tries)
    assert session.thread(session.ids[-1]) == [message.text for message in history]


@given(
    st.lists(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), said)))
)
@settings(max_examples=300)
def test_any_requests_lose_nothing(requests: list[list[tuple[str, str]]]) -> None:
    """Whatever clients send: new input is stored, positions run, parents come first."""
    session = Session()
    for index, request in enumerate(requests):
        messages = [text(role, content) for role, content in request]
        placement = session.turn(messages, assistant(f"answer {index}"))
        for message in messages:
            assert message.text in session.texts()
        assert placement.last_output == session.ids[-1]
        chain = [m for m in messages if m.role != "system"]
        if chain:
            assert placement.last_input is not None
            at = session.ids.index(placement.last_input)
            assert session.stored[at][0].text == chain[-1].text
        again = session.turn(messages, assistant(f"answer {index}"))
        if not any(role == "assistant" for role, _ in request):
            assert not again.new
    assert len(set(session.ids)) == len(session.ids)
    for place_, (_, parent, _) in enumerate(session.stored):
        assert parent is None or session.ids.index(parent) < place_


def chat(session: Session, length: int) -> list[Message]:
    history: list[Message] = []
    for index in range(length):
        history.append(user(f"question {index}"))
        session.turn(history, assistant(f"answer {index}"))
        history.append(assistant(f"answer {index}"))
    return history


def test_summary_in_front_of_a_window() -> None:
    session = Session()
    history = chat(session, 6)
    for index in range(6, 10):
        request = [user("summary: we talked"), *history[-4:], user("yes")]
        placement = session.turn(request, assistant(f"answer {index}"))
        summary = ["summary: we talked"] if index == 6 else []
        assert new_texts(placement) == [*summary, "yes", f"answer {index}"]
        history += [user("yes"), assistant(f"answer {index}")]
    assert session.thread(session.ids[-1]) == [message.text for message in history]


def test_summary_that_changes_each_time() -> None:
    session = Session()
    history = chat(session, 4)
    for index in range(4, 8):
        request = [user(f"summary {index}"), *history[-3:], user("yes")]
        placement = session.turn(request, assistant(f"answer {index}"))
        assert new_texts(placement) == [f"summary {index}", "yes", f"answer {index}"]
        history += [user("yes"), assistant(f"answer {index}")]


def test_first_message_kept_and_middle_dropped() -> None:
    session = Session()
    history = chat(session, 6)
    placement = session.turn([history[0], *history[-3:], user("go on")], assistant("end"))
    assert new_texts(placement) == ["go on", "end"]
    assert session.thread(session.ids[-1]) == [m.text for m in [*history, user("go on")]] + ["end"]


def test_edit_in_the_middle_of_what_is_kept() -> None:
    session = Session()
    history = chat(session, 4)
    edited = [*history[:2], user("question 1, corrected"), *history[3:], user("go on")]
    placement = session.turn(edited, assistant("end"))
    assert new_texts(placement) == ["question 1, corrected", "go on", "end"]


def test_message_inserted_in_the_middle() -> None:
    session = Session()
    history = chat(session, 3)
    placement = session.turn([*history[:2], user("note"), *history[2:], user("go on")])
    assert new_texts(placement) == ["note", "go on"]


def test_two_edits_keep_what_lies_between() -> None:
    session = Session()
    history = chat(session, 5)
    request = [*history, user("go on")]
    request[2], request[6] = user("edited 1"), user("edited 3")
    assert new_texts(session.turn(request)) == ["edited 1", "edited 3", "go on"]


def test_replies_changed_by_the_client() -> None:
    """A client that strips each reply: the stripped form is one more message, once."""
    session, history = Session(), list[Message]()
    for index in range(10):
        history.append(user(f"question {index}"))
        placement = session.turn(history[-5:], assistant(f" answer {index} "))
        assert len(placement.new) == (2 if index == 0 else 3)
        history.append(assistant(f"answer {index}"))


def test_system_messages_stand_beside_the_conversation() -> None:
    session = Session()
    system = text("system", "be brief")
    session.turn([system, user("a")], assistant("b"))
    placement = session.turn([system, user("a"), assistant("b"), user("c")], assistant("d"))
    assert new_texts(placement) == ["c", "d"]
    assert [parent for _, parent, _ in session.stored[:2]] == [None, None]
    assert session.texts() == ["be brief", "a", "b", "c", "d"]


def test_same_request_again_is_nothing_new_but_the_reply() -> None:
    session = Session()
    session.turn([user("a")], assistant("b"))
    assert new_texts(session.turn([user("a")], assistant("b"))) == []
    assert new_texts(session.turn([user("a")], assistant("c"))) == ["c"]


def test_yes_again_is_heard() -> None:
    session = Session()
    session.turn([user("yes")], assistant("ok"))
    session.turn([user("yes"), assistant("ok"), user("yes")], assistant("ok"))
    session.turn([assistant("ok"), user("yes")], assistant("ok"))
    assert session.texts() == ["yes", "ok"] * 3


def test_history_kept_by_the_provider() -> None:
    tree = Tree("session")
    first = run(tree, [user("yes")], [assistant("ok")])
    second = run(tree, [user("yes")], [assistant("ok")], start=first.last_output)
    third = run(tree, [user("yes")], [assistant("ok")], start=second.last_output)
    assert [len(placement.new) for placement in (first, second, third)] == [2, 2, 2]
    again = run(tree, [user("yes")], [assistant("other")], start=first.last_output)
    assert new_texts(again) == ["other"]


def test_several_choices_are_siblings() -> None:
    tree = Tree("session")
    placement = run(tree, [user("a")], [assistant("b"), assistant("c"), assistant("b")])
    nodes = [node for _, node, _ in placement.new]
    assert [node.parent for node in nodes] == [None, nodes[0].id, nodes[0].id]


def calling(argument: object, id: str | None, name: str = "look") -> Message:
    part = {"type": "tool_call", "id": id, "name": name, "arguments": {"at": argument}}
    return Message("assistant", [part])


def answering(response: str, id: str | None) -> Message:
    return Message("tool", [{"type": "tool_call_response", "id": id, "response": response}])


@given(
    st.lists(st.tuples(st.integers(0, 2), said), min_size=1, max_size=12),
    st.booleans(),
    st.sampled_from(["kept", "dropped", "made up", "dropped in answers"]),
    st.integers(4, 40),
    cold_at,
)
def test_tool_rounds_are_stored_once_whatever_clients_do_with_ids(
    rounds: list[tuple[int, str]], numbered: bool, ids: str, window: int, cold: set[int]
) -> None:
    """Calls repeat, answers repeat, the provider numbers its calls or does not; the client keeps
    the ids, leaves them out, or makes up those that are missing."""
    session, history = Session(), [user("How is it?")]
    for index, (argument, result) in enumerate(rounds):
        own = f"c{index}" if numbered else None
        placement = session.turn(history[-window:], calling(argument, own), cold=index in cold)
        assert len(placement.new) == 2
        sent = None if ids == "dropped" else own or (f"own-{index}" if ids == "made up" else None)
        answered = None if ids == "dropped in answers" else sent
        history += [calling(argument, sent), answering(result, answered)]
    session.turn(history[-window:], assistant("done"))
    assert len(session.stored) == len(history) + 1
    parents = [parent for _, parent, _ in session.stored]
    assert parents == [None, *session.ids[:-1]]


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=2, max_size=6))
def test_calls_of_different_ids_stay_apart(ids: list[str | None]) -> None:
    """The same question asked again: each id is a call of its own, unless one without an id can be
    it."""
    session = Session()
    for id in ids:
        session.turn([user("How is it?")], calling(1, id))
    expected: list[str | None] = []
    for id in ids:
        if id not in expected and not (id is None and expected) and None not in expected:
            expected.append(id)
    assert [message.parts[0]["id"] for message, _, _ in session.stored[1:]] == expected


def test_a_call_without_id_is_no_other_call() -> None:
    session = Session()
    session.turn([user("How is it?")], calling(1, "a"))
    for other in (calling(2, None), calling(1, None, "hear")):
        assert len(session.turn([user("How is it?"), other, user("Well?")]).new) == 2


def test_calls_side_by_side() -> None:
    both = Message("assistant", [*calling(1, "a").parts, *calling(2, "b").parts])
    bare = Message("assistant", [*calling(1, None).parts, *calling(2, None).parts])
    turned = Message("assistant", [*calling(2, None).parts, *calling(1, None).parts])
    session = Session()
    session.turn([user("How is it?")], both)
    results = [answering("x", None), answering("x", None)]
    assert len(session.turn([user("How is it?"), bare, *results], assistant("so")).new) == 3
    assert len(session.turn([user("How is it?"), turned, *results], assistant("so")).new) == 4


def test_long_repetitive_session_stays_quick() -> None:
    """The search is bounded where everything looks alike."""
    session, history = Session(), list[Message]()
    for _ in range(300):
        history += [user("yes"), assistant("ok")]
    session.turn(history)
    assert len(session.stored) == 600
    placement = session.turn([user("other"), *history[-100:], user("yes")])
    assert new_texts(placement) == ["other", "yes"]


call = {"type": "tool_call", "id": "c1", "name": "add"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["Hel", "lo"], ["Hello"]),
        (["Hello", ""], ["Hello"]),
    ],
)
def test_key_of_split_replies(one: list[str], other: list[str]) -> None:
    keys = [
        message_key(Message("assistant", [{"type": "text", "content": c} for c in contents]))
        for contents in (one, other)
    ]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (call | {"arguments": '{"b": 1, "a": [2]}'}, call | {"arguments": {"a": [2], "b": 1}}),
        (call | {"arguments": ""}, call | {"arguments": {}}),
        (
            {"type": "blob", "sha256": "ab", "size": 3},
            {"type": "blob", "sha256": "ab", "mime_type": "image/png"},
        ),
    ],
)
def test_key_of_equal_parts(one: dict[str, object], other: dict[str, object]) -> None:
    assert message_key(Message("assistant", [one])) == message_key(Message("assistant", [other]))


@pytest.mark.parametrize("make", [calling, answering])
def test_same_without_ids(make: Callable[[str, str | None], Message]) -> None:
    one, other, none = (message_key(make("x", id)) for id in ("a", "b", None))
    assert same(one, none)
    assert same(none, other)
    assert not same(one, other)
    assert not same(none, message_key(make("y", None)))
    assert len(one) == len(none) == KEY_LENGTH


def test_key_ignores_reasoning() -> None:
    thought = {"type": "reasoning", "content": "hm"}
    answer = {"type": "text", "content": "42"}
    assert message_key(Message("assistant", [thought, answer])) == message_key(
        Message("assistant", [answer])
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (user("a"), assistant("a")),
        (user("C++"), user("C")),
        (user("-5"), user("5")),
        (user("é"), user("e\u0301")),
        (user("\ud800"), user("\ufffd")),
        (
            Message("user", [{"type": "text", "content": c} for c in ("a", "b")]),
            user("ab"),
        ),
        (
            Message("assistant", [call | {"arguments": "{"}]),
            Message("assistant", [call | {"arguments": "["}]),
        ),
        (
            Message("assistant", [call]),
            Message("assistant", [call | {"id": "c2"}]),
        ),
        (
            Message("tool", [{"type": "tool_call_response", "id": "c1", "response": "1"}]),
            Message("tool", [{"type": "tool_call_response", "id": "c2", "response": "1"}]),
        ),
        (
            Message("user", [{"type": "uri", "uri": "https://a"}]),
            Message("user", [{"type": "file", "file_id": "https://a"}]),
        ),
    ],
)
def test_keys_of_different_messages_differ(one: Message, other: Message) -> None:
    assert message_key(one) != message_key(other)


def test_arguments_nested_beyond_reason_have_a_key() -> None:
    nested = "[" * 100_000 + "]" * 100_000
    assert message_key(Message("assistant", [call | {"arguments": nested}]))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_arguments_as_text_and_as_object_are_equal(arguments: dict[str, object]) -> None:
    as_text = Message("assistant", [call | {"arguments": json.dumps(arguments)}])
    as_object = Message("assistant", [call | {"arguments": arguments}])
    assert message_key(as_text) == message_key(as_object)
