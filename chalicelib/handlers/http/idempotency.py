"""`Idempotency-Key` (SPEC.md 3): a call that comes again gets the answer it got."""

import re
from collections.abc import Callable
from datetime import datetime

from chalice import Response

from chalicelib.domain.access import Actor
from chalicelib.domain.errors import (
    BudgetRequestsError,
    ClaimHeldError,
    FieldError,
    IdempotencyKeyReusedError,
    IdempotencyKeyTakenError,
    InvalidInputError,
)
from chalicelib.domain.idempotency import MAX_KEY_LENGTH, REMEMBER, Receipt
from chalicelib.handlers.http import envelope
from chalicelib.usecases.ports import Claims, Receipts

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

#: Under which name keys are claimed while their calls run.
_CONSUMER = "idempotency"

_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_LENGTH}}}")


class KeyedCall:
    """One call with a key: its receipt is looked for before all else, and again where it fails."""

    def __init__(
        self, receipts: Receipts, actor: Actor, key: str, fingerprint: str, at: datetime
    ) -> None:
        if not _KEY.fullmatch(key):
            wrong = f"must be 1 to {MAX_KEY_LENGTH} visible ASCII characters"
            raise InvalidInputError((FieldError(HEADER, wrong),))
        self._receipts = receipts
        self._caller = f"{actor.level}#{actor.id}"
        self._key = key
        self._fingerprint = fingerprint
        self._at = at

    def replay(self) -> Response | None:
        """Return the answer that was given before, or None.

        Raises IdempotencyKeyReusedError where the key came with another call.
        """
        known = self._receipts.find(self._caller, self._key, self._at)
        if known is None:
            return None
        if known.fingerprint != self._fingerprint:
            raise IdempotencyKeyReusedError
        return envelope.raw(known.body, known.status, known.headers | {REPLAYED: "true"})

    def run(self, act: Callable[[], Response]) -> Response:
        """Run `act`, of which there was no answer to replay.

        A call that lost a race against its own twin fails on what the twin changed: its receipt
        is looked for once more before the failure is told. Raises IdempotencyKeyReusedError where
        the key came with another call, and what `act` raises.
        """
        try:
            return act()
        except BudgetRequestsError:
            replayed = self.replay()
            if replayed:
                return replayed
            raise

    def run_alone(self, claims: Claims, act: Callable[[], Response]) -> Response:
        """Do as `run` does where `act` has effects before its receipt is kept.

        Its twin must not be at it meanwhile, and may just have ended: raises
        IdempotencyKeyTakenError where nothing is kept yet.
        """
        own = f"{len(self._caller)}#{self._caller}#{self._key}"
        try:
            claims.claim(_CONSUMER, own, self._at)
        except ClaimHeldError:
            replayed = self.replay()
            if replayed:
                return replayed
            raise IdempotencyKeyTakenError from None
        try:
            return self.replay() or self.run(act)
        finally:
            claims.release(_CONSUMER, own)

    def receipt(self, response: Response, headers: dict[str, str]) -> Receipt:
        """Return the receipt of an answer that is about to be given."""
        return Receipt(
            caller=self._caller,
            key=self._key,
            fingerprint=self._fingerprint,
            status=response.status_code,
            headers=headers,
            body=str(response.body),
            expires_at=self._at + REMEMBER,
        )
