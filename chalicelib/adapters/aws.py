"""AWS clients: one botocore session, one client a service, with bounded waits."""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.httpsession import URLLib3Session, create_urllib3_context
from urllib3 import HTTPConnectionPool

from chalicelib.adapters.trust import read_once
from chalicelib.settings import SERVICE_NAME

#: Well below every function's timeout, so that a stuck call fails while there is time to say so.
CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 5
MAX_ATTEMPTS = 3


@cache
def client(service: str) -> Any:  # noqa: ANN401 - botocore makes its clients' classes at run time
    """Return the client of `service`, made once a process."""
    made: Any = _session().create_client(
        service,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            # What is sent is made of our rows; looking it through again costs each call.
            parameter_validation=service != "dynamodb",
            # Botocore's own is put together anew, twice, for each call: a tenth of its time.
            user_agent=SERVICE_NAME,
        ),
    )
    # Botocore makes it of what the environment says, and takes no other kind.
    made._endpoint.http_session.__class__ = _Http  # noqa: SLF001 - as said
    config = made.meta.config
    if not (config.use_fips_endpoint or config.use_dualstack_endpoint):
        # Botocore works the address out for each call, a sixth of its time. It is always the one of
        # the region, but for these two, which only its rules know; it has no public way to say so.
        made._ruleset_resolver = None  # noqa: SLF001 - as said
    return made


class _Http(URLLib3Session):
    """Botocore's, but for the certificates."""

    def _setup_ssl_cert(self, conn: HTTPConnectionPool, url: str, verify: bool | str) -> None:  # noqa: FBT001 - botocore's
        super()._setup_ssl_cert(conn, url, verify)  # type: ignore[misc]  # its stubs lack it
        read_once(conn, create_urllib3_context)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
