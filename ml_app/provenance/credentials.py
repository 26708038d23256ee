"""Content Credentials, from what the C2PA library tells of them to our findings. Pure: it opens nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ml_app.provenance.findings import Action, Provenance, State, Trust
from ml_app.provenance.marks import GENERATED

LONGEST, MOST = 200, 40  # letters of a text, and entries of a list: manifests come from strangers
_UNTRUSTED = "signingCredential.untrusted"


def found_in(store: Mapping[str, Any], *, has_list: bool) -> Provenance:
    """What a manifest store says, as `c2pa.Reader.json()` gives it.

    Args:
        store: The parsed JSON.
        has_list: Whether there was a trust list to validate against.
    """
    manifests = _dict(store.get("manifests"))
    active = _dict(manifests.get(str(store.get("active_manifest"))))
    signature = _dict(active.get("signature_info"))
    problems = tuple(dict.fromkeys(_problems(store)))
    actions = tuple(_actions(active))[:MOST]
    found = Provenance(
        state=_state(store, problems),
        signer=_text(signature.get("common_name")),
        organisation=_text(signature.get("issuer")),
        algorithm=_text(signature.get("alg")),
        signed_at=_text(signature.get("time")),
        tools=tuple(_tools(active))[:MOST],
        actions=actions,
        ingredients=tuple(_text(_dict(one).get("title")) or "?" for one in _list(active.get("ingredients")))[
            :MOST
        ],
        says_generated=any(
            action.source_type in GENERATED
            for manifest in manifests.values()
            for action in _actions(_dict(manifest))
        ),
        problems=tuple(code for code in problems if code != _UNTRUSTED)[:MOST],
    )
    return replace(found, trust=_trust(store, problems, has_list) if signature else None)


def _state(store: Mapping[str, Any], problems: tuple[str, ...]) -> State:
    is_good = store.get("validation_state") in ("Valid", "Trusted")
    return State.VALID if is_good and not set(problems) - {_UNTRUSTED} else State.INVALID


def _trust(store: Mapping[str, Any], problems: tuple[str, ...], has_list: bool) -> Trust:
    if not has_list:
        return Trust.NO_LIST
    successes = [
        _text(_dict(one).get("code"))
        for one in _list(_dict(_dict(store.get("validation_results")).get("activeManifest")).get("success"))
    ]
    is_known = "signingCredential.trusted" in successes and _UNTRUSTED not in problems
    return Trust.TRUSTED if is_known else Trust.UNTRUSTED


def _problems(store: Mapping[str, Any]) -> Iterator[str]:
    """Codes of what failed, of the manifest and of those of its ingredients."""
    results = _dict(store.get("validation_results"))
    for one in _list(_dict(results.get("activeManifest")).get("failure")):
        yield _text(_dict(one).get("code"))
    for delta in _list(results.get("ingredientDeltas")):
        for one in _list(_dict(_dict(delta).get("validationDeltas")).get("failure")):
            yield _text(_dict(one).get("code"))
    for one in _list(store.get("validation_status")):
        yield _text(_dict(one).get("code"))


def _tools(manifest: Mapping[str, Any]) -> Iterator[str]:
    for info in _list(manifest.get("claim_generator_info")):
        yield _tool(info)
    if not manifest.get("claim_generator_info") and manifest.get("claim_generator"):
        yield _text(manifest["claim_generator"])


def _actions(manifest: Mapping[str, Any]) -> Iterator[Action]:
    for assertion in map(_dict, _list(manifest.get("assertions"))):
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        for one in map(_dict, _list(_dict(assertion.get("data")).get("actions"))):
            kind = one.get("digitalSourceType") or _dict(one.get("parameters")).get("digitalSourceType")
            yield Action(
                action=_text(one.get("action")),
                tool=_tool(one.get("softwareAgent")),
                when=_text(one.get("when")),
                source_type=_text(kind).rpartition("/")[2],
            )


def _tool(value: Any) -> str:
    """A tool's name and version: a text in older manifests, a record in newer ones."""
    if isinstance(value, Mapping):
        return " ".join(filter(None, (_text(value.get("name")), _text(value.get("version")))))
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:LONGEST]


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
