"""Which addresses a webhook may lead to: public ones, spelled plainly (SPEC.md 6)."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

_NO_URL = "must be a valid http(s) URL"

#: Names that lead inwards wherever they are asked for, whatever they resolve to at the moment.
_INWARD_SUFFIXES = (
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "onion",
)

#: Ports below belong to other protocols, some of which would take a POST for their own.
FIRST_FREE_PORT = 1024
_WEB_PORTS = {"http": 80, "https": 443}

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_MAX_NAME_LENGTH = 253
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_LOOPBACK_V4, _LOOPBACK_V6 = IPv4Network("127.0.0.0/8"), IPv6Address("::1")

#: Public by the registry, and still the inside of some cloud, or a way on to other addresses.
_INWARD_V4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata
    IPv4Network("192.88.99.0/24"),  # relays to 6to4
    IPv4Network("168.63.129.16/32"),  # Azure's metadata
)

#: All that is public; the rest holds IPv4 in IPv6 (mapped, compatible, NAT64), local nets, groups.
_PUBLIC_V6 = IPv6Network("2000::/3")
_INWARD_V6 = (
    IPv6Network("2001::/23"),  # Teredo, ORCHID and other assignments
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address within
    IPv6Network("3fff::/20"),  # documentation
)

#: The ISATAP marks that stand before an IPv4 address in the lower half of an address.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def judge_url(url: str) -> str | None:
    """Return what is wrong with a URL as it is written, None for nothing; asks nobody.

    Parsers differ over unusual spellings, so that what is judged might not be what is called:
    only plain ones are taken. A host that ends in a number must be an IPv4 address in four
    decimal parts, one in brackets an IPv6 address without a zone.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return _NO_URL
    if parts.scheme not in _WEB_PORTS or not host or port == 0 or "\\" in url:
        return _NO_URL
    if "@" in parts.netloc:
        return "must not carry credentials"
    if parts.netloc.endswith(":"):
        return _NO_URL
    return _judge_host(host, in_brackets="[" in parts.netloc)


def _judge_host(host: str, *, in_brackets: bool) -> str | None:
    if in_brackets:
        return None if "%" not in host and _address(host) else _NO_URL
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]) or (labels[-1] == "" and _NUMBER.fullmatch(labels[-2])):
        plain = _address(host)
        return None if plain and str(plain) == host else "must spell an address in the usual way"
    is_name = len(host) <= _MAX_NAME_LENGTH and all(_LABEL.fullmatch(label) for label in labels)
    return None if is_name else _NO_URL


def leads_inwards(host: str) -> bool:
    """Whether a name is one of those that mean this network, whatever they resolve to."""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in _INWARD_SUFFIXES)


def is_odd_port(scheme: str, port: int | None) -> bool:
    """Whether a port is another protocol's."""
    return port is not None and port != _WEB_PORTS[scheme] and port < FIRST_FREE_PORT


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, plainly: not one within another."""
    found = _address(address)
    return found in _LOOPBACK_V4 if isinstance(found, IPv4Address) else found == _LOOPBACK_V6


def is_public(address: str) -> bool:
    """Whether an address is one of the internet at large; False for what is no address."""
    found = _address(address)
    if isinstance(found, IPv4Address):
        inward = any(found in net for net in _INWARD_V4)
        return found.is_global and not found.is_multicast and not inward
    if isinstance(found, IPv6Address):
        isatap = (int(found) >> 32) & 0xFFFF_FFFF in _ISATAP
        inward = any(found in net for net in _INWARD_V6)
        return found in _PUBLIC_V6 and not inward and not isatap
    return False


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
