"""The envelope of src/vault/sealing.ts in Python, so that Celery and Evergrant can decrypt each other's tokens."""

import base64
import hashlib
import hmac
import os
import re
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALT, COMMITMENT, IV, TAG = 16, 32, 12, 16
HEAD = SALT + COMMITMENT + IV + TAG
ENVELOPE = re.compile(r"^ENC:v1:([^:]+):([A-Za-z0-9_-]+)$")
CANARY_PLACE = ("", "canary", "fingerprint_key")
FINGERPRINT_BYTES = 9


class Vault:
    """Places are (organisation, account, field)."""

    def __init__(self, encryption_keys, canary):
        entries = (entry.split(":", 1) for entry in encryption_keys.split(","))
        self._keys = {key_id: base64.b64decode(key) for key_id, key in entries}
        self._sealing_key_id = next(iter(self._keys))
        self._fingerprint_key = base64.b64decode(self.open(canary, CANARY_PLACE))

    def seal(self, plaintext, place):
        key_id = self._sealing_key_id
        salt, iv = os.urandom(SALT), os.urandom(IV)
        key, commitment = self._record_key(key_id, salt)
        sealed = AESGCM(key).encrypt(iv, plaintext.encode(), associated_data(key_id, place))
        ciphertext, tag = sealed[:-TAG], sealed[-TAG:]
        body = salt + commitment + iv + tag + ciphertext
        return f"ENC:v1:{key_id}:{base64url(body)}"

    def open(self, sealed, place):
        key_id, encoded = ENVELOPE.match(sealed).groups()
        body = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        salt, iv = body[:SALT], body[SALT + COMMITMENT : SALT + COMMITMENT + IV]
        key, commitment = self._record_key(key_id, salt)
        if not hmac.compare_digest(commitment, body[SALT : SALT + COMMITMENT]):
            raise ValueError("key mismatch")
        sealed_bytes = body[HEAD:] + body[HEAD - TAG : HEAD]
        return AESGCM(key).decrypt(iv, sealed_bytes, associated_data(key_id, place)).decode()

    def fingerprint(self, token):
        digest = hmac.new(self._fingerprint_key, token.encode(), hashlib.sha256).digest()
        return base64url(digest[:FINGERPRINT_BYTES])

    def _record_key(self, key_id, salt):
        def derive(info):
            kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info)
            return kdf.derive(self._keys[key_id])

        return derive(b"evergrant/v1/token/key"), derive(b"evergrant/v1/token/commitment")


def associated_data(key_id, place):
    parts = [part.encode() for part in ("v1", key_id, *place)]
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
