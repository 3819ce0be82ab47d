"""Signs deliveries as each provider's documentation has it, by code of its own: nothing of the product is used."""

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["PUBLIC_KEY", "SECRET", "SIGNED", "TIMED", "secret_of", "signed_by", "url_of"]

SECRET = "c2VjcmV0LW9mLXRoZS1wcm92aWRlcg"
_KEY = derive_private_key(0x5EED, SECP256R1())
PUBLIC_KEY = base64.b64encode(
    _KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
TIMED = ("stripe", "slack", "hubspot", "sendgrid")
SIGNED = ("facebook", "instagram", "whatsapp", "discourse", "woocommerce", "typeform", "mandrill", *TIMED)


def url_of(name: str) -> str:
    """Return the address as it is registered."""
    return f"https://in.example/v1/webhooks/{name}?writeKey=wk"


def secret_of(name: str) -> str:
    """Return what is set as the secret of a webhook."""
    return PUBLIC_KEY if name == "sendgrid" else SECRET


def _mac(text: bytes, secret: str, name: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), text, getattr(hashlib, name)).digest()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def signed_by(name: str, body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:  # noqa: PLR0911 - one a provider
    """Return the headers of a delivery by which its provider signs it."""
    unix = str(int(at.timestamp()))
    if name in {"facebook", "instagram", "whatsapp"}:
        return {"x-hub-signature-256": "sha256=" + _mac(body, secret).hex()}
    if name == "discourse":
        return {"x-discourse-event-signature": "sha256=" + _mac(body, secret).hex()}
    if name == "woocommerce":
        return {"x-wc-webhook-signature": _b64(_mac(body, secret))}
    if name == "typeform":
        return {"typeform-signature": "sha256=" + _b64(_mac(body, secret))}
    if name == "stripe":
        return {
            "stripe-signature": f"t={unix},v1={'0' * 64},v1={_mac(f'{unix}.'.encode() + body, secret).hex()},v0=00"
        }
    if name == "slack":
        mac = _mac(f"v0:{unix}:".encode() + body, secret).hex()
        return {"x-slack-signature": f"v0={mac}", "x-slack-request-timestamp": unix}
    if name == "hubspot":
        time = str(int(at.timestamp() * 1000))
        mac = _mac(b"POST" + url_of(name).encode() + body + time.encode(), secret)
        return {"x-hubspot-signature-v3": _b64(mac), "x-hubspot-request-timestamp": time}
    if name == "mandrill":
        fields = "".join(
            key + value for key, value in sorted(parse_qsl(body.decode(), keep_blank_values=True))
        )
        return {"x-mandrill-signature": _b64(_mac((url_of(name) + fields).encode(), secret, "sha1"))}
    key = _KEY if secret == SECRET else derive_private_key(0xBAD, SECP256R1())
    made = key.sign(unix.encode() + body, ECDSA(SHA256()))
    return {
        "x-twilio-email-event-webhook-signature": _b64(made),
        "x-twilio-email-event-webhook-timestamp": unix,
    }
