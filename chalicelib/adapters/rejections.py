"""What partners are told of messages that were refused: answers on the bus they came by."""

from chalicelib.adapters.bus import entry_of, put
from chalicelib.domain.events import EVENT_SOURCE
from chalicelib.domain.inbound import REJECTED, Parked, rejection_event


class EventBridgeRejections:
    """The Rejections on EventBridge: for partners alone, so that nothing is sealed."""

    def __init__(self, name: str, *, key: bytes, key_id: str) -> None:
        self._name = name
        self._key = key
        self._key_id = key_id

    def tell(self, message: Parked) -> None:
        """Answer a refused message; raises DeliveryFailedError."""
        told = rejection_event(message, key=self._key, key_id=self._key_id)
        put([entry_of(self._name, EVENT_SOURCE, REJECTED, told)])
