"""Say whether a webhook is genuine; exit code 1 where it is not. Standard library only.

WEBHOOK_SECRET=whsec_… python verify_webhook.py ID TIMESTAMP SIGNATURE < body

The three are the headers webhook-id, webhook-timestamp and webhook-signature; the body is read as
the bytes that came, before anything parses it.
"""

import base64
import hmac
import os
import sys
import time

TOLERANCE_SECONDS = 300


def is_genuine(secret: str, message_id: str, timestamp: str, signatures: str, body: bytes) -> bool:
    """Whether one of the signatures is ours, and fresh; during a rotation there are two."""
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    expected = f"v1,{base64.b64encode(digest).decode()}"
    return any(hmac.compare_digest(expected, each) for each in signatures.split())


if __name__ == "__main__":
    genuine = is_genuine(os.environ["WEBHOOK_SECRET"], *sys.argv[1:4], sys.stdin.buffer.read())
    print("genuine" if genuine else "not genuine")
    sys.exit(0 if genuine else 1)
