"""The page at /docs: from this host alone, and never stale."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib.handlers.http import docs
from chalicelib.handlers.http.docs import ASSETS
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS

FOLDER = Path(docs.__file__).with_name("docs_page")


@pytest.fixture
def client(environment: dict[str, str]) -> Client:  # noqa: ARG001 - read when a call comes
    return Client(app, project_dir=str(Path(__file__).parents[2]))


def read(client: Client, path: str) -> HTTPResponse:
    answer = client.http.get(path, headers={"Host": "api.example.com"})
    assert answer.status_code == 200
    return answer


def text_of(answer: HTTPResponse) -> str:
    return str(answer.body.decode())


def test_the_page_needs_no_token_and_names_each_asset_by_its_content(client: Client) -> None:
    page = text_of(read(client, "/docs"))
    named = dict(re.findall(r'"docs/([\w.-]+)\?v=(\w+)"', page))
    assert set(named) == set(ASSETS)
    for name, version in named.items():
        content = text_of(read(client, f"/docs/{name}?v={version}")).encode()
        assert hashlib.sha256(content).hexdigest().startswith(version)


@pytest.mark.parametrize(("name", "media_type"), ASSETS.items())
def test_assets_come_whole_as_what_they_are_and_may_be_kept(
    client: Client, name: str, media_type: str
) -> None:
    answer = read(client, f"/docs/{name}")
    assert text_of(answer) == (FOLDER / name).read_text(encoding="utf-8")
    assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_page_itself_is_asked_for_anew(client: Client) -> None:
    for path in ("/docs", "/openapi.json"):
        assert read(client, path).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_a_page_asked_for_with_a_slash_is_where_its_links_lead(client: Client, path: str) -> None:
    answer = client.http.get(f"{path}/", headers={"Host": "api.example.com"})

    assert answer.status_code == 308
    for stage in ("", "/api"):
        assert urljoin(f"{stage}{path}/", answer.headers["Location"]) == f"{stage}{path}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "index.html", "..", "nothing.js"])
def test_nothing_else_of_the_folder_is_served(client: Client, name: str) -> None:
    answer = client.http.get(f"/docs/{name}", headers={"Host": "api.example.com"})
    assert answer.status_code == 404
    assert answer.json_body["code"] == "ROUTE_NOT_FOUND"


def test_pages_carry_the_security_headers_and_allow_this_host_alone(client: Client) -> None:
    for path in ("/docs", "/docs/init.js", "/openapi.json"):
        headers = read(client, path).headers
        kept = SECURITY_HEADERS.keys() - {"Cache-Control"}
        assert {name: headers[name] for name in kept} == {n: SECURITY_HEADERS[n] for n in kept}
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_the_page_has_no_inline_script_and_asks_no_other_host() -> None:
    ours = "".join((FOLDER / name).read_text() for name in ("index.html", "init.js", "page.css"))
    assert re.findall(r"<script(?! src=)", ours) == []
    assert "://" not in ours


def test_vendored_files_are_those_that_the_readme_vouches_for() -> None:
    vouched = re.findall(r"\| `([\w.-]+)` \| `(\w{64})` \|", (FOLDER / "README.md").read_text())
    assert {name for name, _ in vouched} == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for name, digest in vouched:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert (FOLDER / "LICENSE").exists()
