"""Packaging: the zip that Lambda runs and the template that deploys it, from the sources."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.archive import compile_bytecode, write_zip
from infra.dependencies import dependencies
from infra.errors import OperatorError
from infra.paths import ROOT
from infra.template import whole

BUILD = ROOT / "build"
ZIP_NAME = "budget-requests.zip"
TEMPLATE_NAME = "template.yaml"

# Chalice takes what it needs from these alone.
_SOURCES = ("app.py", "chalicelib", ".chalice")
_NOT_SOURCES = shutil.ignore_patterns("__pycache__", "*.pyc", "deployments", "deployed")
_CHALICE_TIMEOUT_SECONDS = 120

# Chalice asks botocore for the domain of a region although the template names none. Always the
# same, so that a package depends on the sources alone and not on who builds it.
_ANY_REGION = "us-east-1"
_AWS_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION")


class _WithoutAliases(yaml.CSafeDumper):
    """Writes what stands in two places twice: CloudFormation refuses YAML's aliases."""

    def ignore_aliases(self, _: object) -> bool:
        """Leave none."""
        return True


@dataclass(frozen=True)
class Package:
    """What `deploy` takes: the code, and the template that points to it."""

    zip_path: Path
    template_path: Path


def build(
    target: Path,
    *,
    stage: str,
    report: Callable[[str], None],
    root: Path = ROOT,
    cache: Path = BUILD,
) -> Package:
    """Write the deployment zip and the template of the service in `root` to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    libraries = dependencies(root / "requirements.txt", cache / "deps", stage=stage, report=report)
    report("Packaging the service")
    with tempfile.TemporaryDirectory(dir=cache, prefix="staging-") as folder:
        staging = Path(folder)
        template, code = _run_chalice(root, staging, stage)
        compile_bytecode(code)
        write_zip(target / ZIP_NAME, [code, libraries])
    package = Package(zip_path=target / ZIP_NAME, template_path=target / TEMPLATE_NAME)
    _point_to_zip(template)
    text = yaml.dump(template, Dumper=_WithoutAliases, sort_keys=False, width=100)
    package.template_path.write_text(text)
    return package


def _run_chalice(root: Path, staging: Path, stage: str) -> tuple[dict[str, Any], Path]:
    """Return Chalice's template and the folder with our code and Chalice's runtime.

    In a process of its own: Chalice imports the app, which has no business in this one.
    """
    project, output, code = staging / "project", staging / "output", staging / "code"
    project.mkdir()
    for name in _SOURCES:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=_NOT_SOURCES)
        else:
            shutil.copy(source, project / name)
    # Dependencies are added from a cache of ours; Chalice would download them on every change.
    (project / "requirements.txt").touch()
    command = [sys.executable, "-c", "from chalice.cli import main; main()", "package"]
    merged = staging / "merged.json"
    merged.write_text(json.dumps(whole.template()))
    command += ["--stage", stage, "--merge-template", str(merged), str(output)]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in _AWS_VARIABLES},
        "AWS_DEFAULT_REGION": _ANY_REGION,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(
            command,
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_CHALICE_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise OperatorError("Chalice took over two minutes to package the service.") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or done.stdout.strip().splitlines()
        raise OperatorError(
            f"Chalice could not package the service: {(lines or ['no reason'])[-1]}"
        )
    with zipfile.ZipFile(output / "deployment.zip") as archive:
        archive.extractall(code)
    return json.loads((output / "sam.json").read_text()), code


def _point_to_zip(template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"./{ZIP_NAME}"


def load_template(package: Package) -> dict[str, Any]:
    """Return the package's template."""
    template: dict[str, Any] = yaml.load(package.template_path.read_text(), Loader=yaml.CSafeLoader)
    return template
