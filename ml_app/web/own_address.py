"""Addresses that a request gives to go on to: followed only where they are the site's own."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def own_address(request: HttpRequest, field: str = "next") -> str:
    """The address in a field of the query, if it leads to a page of this site; else empty."""
    given = request.GET.get(field, "")
    is_ours = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if is_ours else ""
