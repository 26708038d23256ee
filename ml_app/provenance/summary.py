"""A file's provenance in a few lines of English, for terminals."""

from __future__ import annotations

from ml_app.provenance.findings import Provenance, State, Trust

_STATES = {
    State.NONE: "none in the file, which proves nothing",
    State.INVALID: "the file or its manifest was changed after it was signed",
    State.UNREADABLE: "there is something that cannot be read",
    State.NOT_SUPPORTED: "not looked for in this format",
}
_TRUST = {
    Trust.TRUSTED: "on the trust list",
    Trust.UNTRUSTED: "not on the trust list",
    Trust.NO_LIST: "unverified: no trust list is set",
}


def to_text(found: Provenance) -> str:
    """Lines that say what the file says of itself, indented as those of `detection.summary`."""
    lines = [f"  Content Credentials: {_STATES.get(found.state) or _signed(found)}."]
    if found.state is State.INVALID:
        lines.append(f"    Signed {_signed(found)}; {', '.join(found.problems)}.")
    if found.says_generated:
        lines.append("  The credentials say that a generator made it, or a part of it.")
    for mark in found.marks:
        of = f" ({mark.generator})" if mark.generator else ""
        lines.append(f"  The file says of itself: {mark.where.replace('_', ' ')}: {mark.text}{of}")
    return "\n".join(lines)


def _signed(found: Provenance) -> str:
    who = ", ".join(filter(None, (found.signer, found.organisation))) or "nobody named"
    known = f", {_TRUST[found.trust]}" if found.trust else ""
    return f"valid, by {who}{known}" if found.state is State.VALID else f"by {who}{known}"
