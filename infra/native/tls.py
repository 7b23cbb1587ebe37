"""A certificate authority of this stack's own, and the certificate of Trino that it signs."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.native.stack import write_private

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397  # the longest that browsers take
_RENEW_DAYS = 30


def ensure_certificates(folder: Path, hosts: list[str], now: datetime | None = None) -> None:
    """Make `ca.pem` and `server.pem` (key and certificate), and the latter again before it ends or if a host is new.

    The key of the authority stays in `ca.key`; clients need `ca.pem` alone.
    """
    now = now or datetime.now(UTC)
    wanted = sorted({"localhost", "127.0.0.1", *hosts})
    authority, key = _authority(folder, now)
    server = folder / "server.pem"
    if server.exists() and _is_good(x509.load_pem_x509_certificate(server.read_bytes()), authority, wanted, now):
        return
    own = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("Trino of Carelake", authority.subject, own.public_key(), now, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in wanted]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_identifier(authority), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(server, _pem(certificate) + _pem(authority) + _key_pem(own))


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    file, key_file = folder / "ca.pem", folder / "ca.key"
    if file.exists() and key_file.exists():
        loaded = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        ends = certificate.not_valid_after_utc
        if isinstance(loaded, ec.EllipticCurvePrivateKey) and ends - timedelta(days=_SERVER_DAYS) > now:
            return certificate, loaded
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Carelake stack")])
    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder("Carelake stack", name, key.public_key(), now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_file, _key_pem(key))
    write_private(file, _pem(certificate), mode=0o644)
    return certificate, key


def _builder(
    common: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _is_good(certificate: x509.Certificate, authority: x509.Certificate, hosts: list[str], now: datetime) -> bool:
    if certificate.not_valid_after_utc - timedelta(days=_RENEW_DAYS) < now:
        return False
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        signer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return False
    return signer == _identifier(authority) and set(names) >= {_name(host) for host in hosts}


def _identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
