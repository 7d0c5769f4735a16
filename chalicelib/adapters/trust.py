"""Whom calls over TLS trust: certificates are read once a process."""

import ssl
from functools import cache

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context


def read_once(pool: HTTPConnectionPool) -> None:
    """Have the connections of a pool trust its bundle of certificates, if it has one, as it was.

    urllib3 reads a bundle for each connection that it makes: 13 ms of CPU for the usual 140
    certificates, and there are several connections in a cold start, and one for each new webhook.
    """
    if isinstance(pool, HTTPSConnectionPool) and pool.ca_certs:
        pool.conn_kw["ssl_context"], pool.ca_certs = _trusting(pool.ca_certs), None


@cache
def _trusting(bundle: str) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(bundle)
    return context
