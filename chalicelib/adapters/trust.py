"""Whom calls over TLS trust: certificates are read once a process."""

import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import SSLError

#: Makes a context of TLS that trusts nobody yet, as a library would.
Make = Callable[[], ssl.SSLContext]


def read_once(pool: HTTPConnectionPool, make: Make) -> None:
    """Have the connections of a pool trust its bundle of certificates, if it has one, as it was.

    urllib3 reads a bundle for each connection that it makes: 13 ms of CPU for the usual hundred
    certificates, and there are several connections in a cold start, and one for each new webhook.
    Nobody else may change what `make` makes: no client's certificate is ever loaded into it.
    Raises urllib3's SSLError where the bundle cannot be read.
    """
    # With a proxy, urllib3 wants the bundle for the proxy's own certificate.
    if isinstance(pool, HTTPSConnectionPool) and pool.ca_certs and pool.proxy is None:
        bundle = Path(pool.ca_certs).expanduser()
        pool.conn_kw["ssl_context"], pool.ca_certs = _trusting(bundle, make), None


@cache
def _trusting(bundle: Path, make: Make) -> ssl.SSLContext:
    context = make()
    try:
        context.load_verify_locations(bundle)
    except OSError as error:
        raise SSLError(error) from error
    return context
