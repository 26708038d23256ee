"""Where this site sends something that people named: to public hosts alone, judged before each connection."""

from __future__ import annotations

import pytest

from ml_app.services.notifications import outbound
from tests.api.receiver import Receiver


def _post(url: str, *found: str, networks: tuple[str, ...] = ("127.0.0.1/32",)) -> outbound.Outcome:
    return outbound.post(url, b"{}", {}, networks=networks, lookup=lambda host, port: found)


def test_without_the_setting_nothing_reaches_this_machine(receiver: Receiver) -> None:
    assert outbound.post(receiver.url, b"{}", {}).error == "address_not_allowed"
    assert outbound.post(f"http://localhost:{receiver.port}/", b"{}", {}).error == "address_not_allowed"
    assert outbound.post(f"http://2130706433:{receiver.port}/", b"{}", {}).error == "address_not_allowed"
    assert receiver.heard == []


def test_a_name_with_one_private_address_is_refused(receiver: Receiver) -> None:
    url = f"http://hook.example:{receiver.port}/"
    assert _post(url, "127.0.0.1", "10.0.0.1").error == "address_not_allowed"
    assert _post(url).error == "address_not_allowed"
    assert receiver.heard == []


def test_a_name_server_that_changes_its_mind_is_asked_once(receiver: Receiver) -> None:
    """The connection goes to the address that was judged; only the Host header has the name."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    url = f"http://hook.example:{receiver.port}/"
    assert outbound.post(url, b"{}", {}, networks=["127.0.0.1"], lookup=lookup).ok
    assert asked == ["hook.example"]
    assert receiver.heard[0][1]["Host"] == f"hook.example:{receiver.port}"


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("http://127.0.0.2:{port}/", "address_not_allowed"),
        ("http://169.254.169.254/latest", "address_not_allowed"),
        ("http://[::1]:{port}/", "address_not_allowed"),
        ("file:///etc/passwd", "bad_url"),
        ("http://127.0.0.1:{port}/loop", "too_many_redirects"),
    ],
)
def test_redirects_are_judged_anew(receiver: Receiver, target: str, error: str) -> None:
    receiver.answers = [(307, {"Location": target.format(port=receiver.port)})] * 9
    outcome = outbound.post(receiver.url, b"{}", {}, networks=["127.0.0.1"])
    assert (outcome.ok, outcome.error) == (False, error)


def test_a_redirect_that_keeps_the_method_is_followed_and_another_is_not(receiver: Receiver) -> None:
    receiver.answers = [(308, {"Location": "/moved"})]
    assert outbound.post(receiver.url, b"{}", {}, networks=["127.0.0.1"]).ok
    assert [path for path, _headers, _body in receiver.heard] == ["/told", "/moved"]
    receiver.answers = [(302, {"Location": "/login"})]
    assert outbound.post(receiver.url, b"{}", {}, networks=["127.0.0.1"]).error == "HTTP 302"


def test_nobody_waits_long_for_a_slow_one(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "TIMEOUT_SECONDS", 0.3)
    receiver.may_answer.clear()
    outcome = outbound.post(receiver.url, b"{}", {}, networks=["127.0.0.1"])
    assert not receiver.may_answer.is_set(), "it has come back before there was an answer"
    assert not outcome.ok and "imeout" in outcome.error
    receiver.may_answer.set()
