"""HTTP to partners we are configured with: one session, bounded waits, no surprises."""

from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

CONNECT_TIMEOUT_SECONDS = 3.05


@cache
def session() -> requests.Session:
    """Return the process's session: keeps connections, no cookies, no proxy of the environment."""
    made = requests.Session()
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return made


def call(
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    timeout_seconds: float,
    json: dict[str, Any] | None = None,
) -> requests.Response:
    """Call a partner without following redirects; raises requests.RequestException."""
    return session().request(
        method,
        url,
        headers=headers,
        json=json,
        timeout=(CONNECT_TIMEOUT_SECONDS, timeout_seconds),
        allow_redirects=False,
    )
