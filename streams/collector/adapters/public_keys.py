"""Verifies signatures by public keys: ECDSA over P-256 and SHA-256, as providers of mail sign."""

from contextlib import suppress
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from streams.collector.adapters import Unverified
from streams.collector.adapters.signed import Signed, decoded

__all__ = ["is_signed_by"]


def is_signed_by(keys: tuple[str, ...], signed: Signed) -> bool:
    """Return whether one of these public keys (SubjectPublicKeyInfo, DER in base64) made one of the signatures.

    Raises
    ------
    Unverified
        A key is none of this kind.
    """
    for key in keys:
        for given in signed.given:
            with suppress(InvalidSignature):
                _public_key(key).verify(given, signed.text, ECDSA(SHA256()))
                return True
    return False


@lru_cache(64)
def _public_key(text: str) -> EllipticCurvePublicKey:
    try:
        found = load_der_public_key(decoded(text))
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, EllipticCurvePublicKey) or not isinstance(found.curve, SECP256R1):
        raise Unverified(
            "the secret that is set for this webhook is no public key of ECDSA over P-256, in base64"
        )
    return found
