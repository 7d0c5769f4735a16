"""The zip: complete, nothing too much, the same from the same sources."""

import importlib.metadata
import marshal
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from botocore.loaders import Loader
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.botocore_data import SERVICES
from infra.package import Package, build
from infra.paths import ROOT
from tests.infra.conftest import STAGE

# Far below Lambda's 250 MB: what is small is unpacked and imported soon.
ZIP_LIMIT_BYTES = 8_500_000
UNPACKED_LIMIT_BYTES = 30_000_000

MODULES = (
    "app",
    "chalicelib.handlers.audit",
    "chalicelib.handlers.finance",
    "chalicelib.handlers.notifications",
    "chalicelib.handlers.relay",
    "chalicelib.handlers.webhooks",
)
UNCHECKED_HASH = 0b01

DOCS_PAGE = "chalicelib/handlers/http/docs_page/"
DOCS_PAGE_LIMIT_BYTES = 600_000


@pytest.fixture(scope="module")
def names(package: Package) -> list[str]:
    with zipfile.ZipFile(package.zip_path) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def unpacked(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(package.zip_path) as archive:
        archive.extractall(folder)
    return folder


def run_alone(script: str) -> None:
    # -I and -S: neither this environment's packages nor the caller's settings.
    command = [sys.executable, "-I", "-S", "-B", "-c", script]
    done = subprocess.run(  # noqa: S603 - this interpreter, on a script of ours
        command, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_the_same_sources_make_the_same_bytes_wherever_they_are(
    package: Package, tmp_path: Path
) -> None:
    for name in ("app.py", "chalicelib", ".chalice", "requirements.txt"):
        source, copied = ROOT / name, tmp_path / "elsewhere" / name
        if source.is_dir():
            shutil.copytree(source, copied)
        else:
            copied.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, copied)

    again = build(
        tmp_path / "again", stage=STAGE, report=lambda _: None, root=tmp_path / "elsewhere"
    )

    assert again.zip_path.read_bytes() == package.zip_path.read_bytes()
    assert again.template_path.read_bytes() == package.template_path.read_bytes()


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_every_stage_has_the_template_that_was_checked(
    stage: str, package: Package, tmp_path: Path
) -> None:
    # Stages differ by parameters and Chalice's tag alone; cfn-lint and the scanner look at one.
    other = build(tmp_path / stage, stage=stage, report=lambda _: None).template_path.read_text()
    assert (
        other.replace(f":stage={stage}:", f":stage={STAGE}:") == package.template_path.read_text()
    )


@pytest.mark.parametrize("module", MODULES)
def test_a_handler_is_imported_from_the_zip_alone(module: str, unpacked: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(unpacked)!r})
import {module}
# Lambda imports a worker by its module: what only app.py would do must not be needed.
assert {module == "app"} or "app" not in sys.modules, "a worker imports app.py"
outside = [
    name for name, found in sys.modules.items()
    if "site-packages" in (getattr(found, "__file__", None) or "")
]
assert not outside, outside
"""
    run_alone(script)


def test_every_module_of_the_service_is_imported_from_the_zip_alone(unpacked: Path) -> None:
    # Builders import adapters, and those their libraries, only when first asked. Warnings are
    # errors, as a library that misses an optional part of itself only warns.
    run_alone(f"""
import importlib, pkgutil, sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, {str(unpacked)!r})
import chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
""")


def test_no_module_is_compiled_when_a_function_starts(unpacked: Path) -> None:
    # Everything there is, so that the lazy ones are among them.
    run_alone(f"""
import builtins, importlib, pkgutil, sys
sys.path.insert(0, {str(unpacked)!r})
compiled, compiler = [], builtins.compile
def watched(source, filename, *args, **options):
    if str(filename).startswith({str(unpacked)!r}):
        compiled.append(filename)
    return compiler(source, filename, *args, **options)
import importlib._bootstrap_external as loading
whole = loading.SourceLoader.source_to_code
def to_code(self, data, path, **options):
    compiled.append(path)
    return whole(self, data, path, **options)
loading.SourceLoader.source_to_code = to_code
builtins.compile = watched
import app, chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
assert len(sys.modules) > 500, "nothing was imported"
assert not compiled, compiled
""")


def test_every_botocore_service_the_functions_call_is_packed(unpacked: Path) -> None:
    data = unpacked / "botocore" / "data"
    assert {folder.name for folder in data.iterdir() if folder.is_dir()} == SERVICES
    for name in SERVICES:
        assert [each.name for each in (data / name).iterdir()] == [
            Loader().determine_latest_version(name, "service-2")
        ]
    for file in ("endpoints.json", "partitions.json", "sdk-default-configuration.json"):
        assert (data / file).exists()


@pytest.mark.parametrize(
    "unwanted", ["pip/", "click/", "chalice/cli/", "chalice/deploy/", "boto3/", "bin/", "infra/"]
)
def test_what_only_develops_and_deploys_is_not_packed(unwanted: str, names: list[str]) -> None:
    assert not [name for name in names if name.startswith(unwanted)]


def test_tests_and_metadata_are_not_packed(names: list[str]) -> None:
    assert not [name for name in names if ".dist-info/" in name or "/test" in name]


def test_bytecode_is_packed_and_used_without_looking_at_the_source(
    names: list[str], unpacked: Path
) -> None:
    # The zip's times would make Python distrust bytecode that is checked by time.
    tag = sys.implementation.cache_tag
    for name in names:
        path = unpacked / name
        if path.suffix == ".py":
            path = path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc"
            assert name.startswith(("app.py", "chalicelib/", "chalice/")), "a library's source"
        if path.suffix == ".pyc":
            header = path.read_bytes()[:16]
            assert int.from_bytes(header[4:8], "little") == UNCHECKED_HASH, name


def test_tracebacks_name_the_path_that_lambda_unpacks_to(unpacked: Path) -> None:
    tag = sys.implementation.cache_tag
    compiled = unpacked / "__pycache__" / f"app.{tag}.pyc"
    code = marshal.loads(compiled.read_bytes()[16:])  # noqa: S302 - bytecode we made ourselves
    assert code.co_filename == "/var/task/app.py"


def test_the_package_is_small(package: Package) -> None:
    assert package.zip_path.stat().st_size < ZIP_LIMIT_BYTES
    with zipfile.ZipFile(package.zip_path) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) < UNPACKED_LIMIT_BYTES


def test_the_documentations_page_is_packed_whole_and_adds_little(package: Package) -> None:
    with zipfile.ZipFile(package.zip_path) as archive:
        packed = [entry for entry in archive.infolist() if entry.filename.startswith(DOCS_PAGE)]
    names = {entry.filename.removeprefix(DOCS_PAGE) for entry in packed}
    assert names == {path.name for path in (ROOT / DOCS_PAGE).iterdir()}
    assert sum(entry.compress_size for entry in packed) < DOCS_PAGE_LIMIT_BYTES


def test_requirements_pin_everything_that_ships(project: Path) -> None:
    pinned = {}
    for line in (project / "requirements.txt").read_text().splitlines():
        text = line.split("#")[0].strip()
        if text:
            requirement = Requirement(text)
            assert str(requirement.specifier).startswith("=="), line
            pinned[canonicalize_name(requirement.name)] = requirement
    # They are installed without looking for more: what one needs must be in the file.
    for name in pinned:
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in pinned, f"{name} needs {text}"
