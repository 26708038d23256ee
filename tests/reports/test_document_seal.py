"""The seal of a PDF: what breaks it, and that readers do not mind it."""

from __future__ import annotations

import io

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_app.reports import document_seal, sealing

KEY = sealing.key_from("a secret of this test")
PUBLIC = sealing.public_text(KEY)


def blank(*, streams: bool = False) -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    buffer = io.BytesIO()
    mode = pikepdf.ObjectStreamMode.generate if streams else pikepdf.ObjectStreamMode.disable
    pdf.save(buffer, object_stream_mode=mode)
    return buffer.getvalue()


@pytest.mark.parametrize("streams", [False, True])
def test_a_sealed_file_is_read_as_before(streams: bool) -> None:
    content = blank(streams=streams)
    sealed = document_seal.sealed(content, KEY)
    assert document_seal.holds(sealed, PUBLIC)
    with pikepdf.open(io.BytesIO(sealed)) as pdf:
        assert len(pdf.pages) == 1
        assert pdf.check_pdf_syntax() == []
    assert not document_seal.holds(content, PUBLIC)
    assert not document_seal.holds(sealed, sealing.public_text(sealing.key_from("another")))
    assert not document_seal.holds(sealed, "not base64!")


@given(st.data())
def test_no_byte_can_be_changed_or_added(data: st.DataObject) -> None:
    sealed = bytearray(document_seal.sealed(blank(), KEY))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    assert not document_seal.holds(bytes(sealed), PUBLIC)


def test_an_update_at_the_end_breaks_it() -> None:
    """PDF lets pages be changed by what is added at the end, which leaves all signed bytes as they were."""
    sealed = document_seal.sealed(blank(), KEY)
    assert not document_seal.holds(sealed + b"1 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n", PUBLIC)
    assert not document_seal.holds(sealed.replace(b"%deepfake-detector-seal", b"%a remark"), PUBLIC)


def test_what_does_not_end_as_a_pdf_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="startxref"):
        document_seal.sealed(b"%PDF-1.7\nhello", KEY)
