"""Files with Content Credentials, signed by certificates made on the spot."""

from __future__ import annotations

import datetime
import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ml_app.provenance.findings import Action, Mark, Provenance, State, Trust

BEGIN = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"

# Something of everything that can be found
GENERATED = Provenance(
    state=State.VALID,
    trust=Trust.NO_LIST,
    signer="Camera <7>",
    organisation="Newsroom",
    tools=("Tool 1.0",),
    actions=(
        Action("c2pa.created", "Model 3", "2026-01-02", "trainedAlgorithmicMedia"),
        Action("x.unheard-of", "", "", ""),
    ),
    ingredients=("before.jpg",),
    says_generated=True,
    metadata=(("software", "Lavf62"),),
    marks=(Mark("comment", "Made with HeyGen", "HeyGen"),),
)


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, and the root that it leads to, in PEM."""

    chain: str
    key: str
    root: str


@functools.cache
def signer(organisation: str = "Newsroom of this test") -> Signer:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate(organisation, "Root", root_key, root_key, is_root=True)
    leaf = _certificate(organisation, "Camera 7", key, root_key, is_root=False)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Signer(_pem(leaf) + _pem(root), secret.decode(), _pem(root))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _certificate(
    organisation: str,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *,
    is_root: bool,
) -> x509.Certificate:
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | dict.fromkeys(("encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(organisation, name))
        .issuer_name(_name(organisation, "Root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + datetime.timedelta(days=9000))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if not is_root:
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usages, critical=True)
    return builder.sign(by, hashes.SHA256())


def _name(organisation: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def sign(
    source: bytes, kind: str, *, source_type: str = "digitalCapture", by: Signer | None = None, **more: Any
) -> bytes:
    """The same file with a manifest: a tool of this test created it, and then changed its colours."""
    by = by or signer()
    created = {
        "action": "c2pa.created",
        "when": "2026-01-02T03:04:05Z",
        "softwareAgent": {"name": "Model of this test", "version": "3"},
        "digitalSourceType": IPTC + source_type,
    }
    actions = [created, {"action": "c2pa.color_adjustments"}]
    manifest = {
        "claim_generator_info": [{"name": "Tool of this test", "version": "1.0"}],
        "title": "a file",
        "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
        **more,
    }
    information = c2pa.C2paSignerInfo("es256", by.chain.encode(), by.key.encode(), None)
    result = io.BytesIO()
    with c2pa.Signer.from_info(information) as pen, c2pa.Builder.from_json(json.dumps(manifest)) as builder:
        builder.sign(pen, kind, io.BytesIO(source), result)
    return result.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
