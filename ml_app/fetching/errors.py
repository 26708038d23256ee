"""What goes wrong with an address or a link, as codes. Their sentences are those of `ml_app.errors`."""

from __future__ import annotations


class FetchError(Exception):
    """A link was refused or led nowhere. `code` is stable; `detail` is for the log, without secrets."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail[:300]


class AddressError(FetchError, OSError):
    """An address that may not be asked. An OSError too: libraries know what to do with those."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("address_not_allowed", detail)
