"""What is found of a file's provenance: frozen values, and the JSON that they travel as.

All of it is what a file says of itself, signed or not. None of it has a part in a verdict.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What became of looking for Content Credentials."""

    NONE = "none"  # the file has none, which proves nothing
    VALID = "valid"  # signed, and unchanged since
    INVALID = "invalid"  # signed once, and changed since, or badly signed
    UNREADABLE = "unreadable"  # something is there that cannot be read, or reading it took too much
    NOT_SUPPORTED = "not_supported"  # they are not looked for in this format


class Trust(StrEnum):
    """Whether the signer is known."""

    TRUSTED = "trusted"  # its certificate leads to one of the trust list
    UNTRUSTED = "untrusted"  # it does not
    NO_LIST = "no_list"  # no trust list is set on this site: anybody could have signed


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a tool says it did to the file, such as c2pa.created or c2pa.color_adjustments."""

    action: str
    tool: str
    when: str  # as it stands there; mostly ISO 8601, or empty
    source_type: str  # the last part of the IPTC's address, such as trainedAlgorithmicMedia; or empty


@dataclass(frozen=True, slots=True)
class Mark:
    """Words of a file that name a generator, or say that one made it."""

    where: str  # a name of `detection.video.kinds.SAYINGS`
    text: str
    generator: str  # whose words they are known to be; empty where they name none


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that was found."""

    state: State = State.NONE
    trust: Trust | None = None  # None without a signature
    signer: str = ""  # common name of the certificate
    organisation: str = ""  # whom it was issued to, as the certificate says
    algorithm: str = ""
    signed_at: str = ""  # by a time stamp of a third party; empty without one
    tools: tuple[str, ...] = ()  # that wrote the manifest
    actions: tuple[Action, ...] = ()
    ingredients: tuple[str, ...] = ()  # titles of the files that it was made from
    says_generated: bool = False  # an action names a source that a trained model made
    problems: tuple[str, ...] = ()  # codes of the C2PA specification, such as assertion.dataHash.mismatch
    metadata: tuple[
        tuple[str, str], ...
    ] = ()  # a video's own words, unsigned; a picture's are in `file_says`
    marks: tuple[Mark, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As `analyze --json`, the API and reports tell it."""
        has_signature = self.trust is not None
        return {
            "credentials": {
                "state": self.state.value,
                "trust": self.trust.value if self.trust else None,
                "signer": self.signer if has_signature else None,
                "organisation": self.organisation if has_signature else None,
                "algorithm": self.algorithm if has_signature else None,
                "signed_at": self.signed_at or None,
                "tools": list(self.tools),
                "actions": [asdict(action) for action in self.actions],
                "ingredients": list(self.ingredients),
                "says_generated": self.says_generated,
                "problems": list(self.problems),
            },
            "metadata": [list(pair) for pair in self.metadata],
            "marks": [asdict(mark) for mark in self.marks],
        }
