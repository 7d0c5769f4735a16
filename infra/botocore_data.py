"""botocore's data, cut to the services that the functions call and to what is read of them.

All of it is parsed at every cold start: of the endpoints a seventieth is ours, and most of a
service's model is its documentation.
"""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

#: The services the functions call.
SERVICES = frozenset({"dynamodb", "events", "secretsmanager", "ses", "sqs", "sts"})

#: What `endpoints.json` and the models call them where that is another name.
_ENDPOINT_NAMES = SERVICES | {"email"}


def cut(data: Path) -> None:
    """Cut the folder `botocore/data` down, in place."""
    for folder in data.glob("*/"):
        if folder.is_dir() and folder.name not in SERVICES:
            shutil.rmtree(folder)
    for service in SERVICES:
        *older, _ = sorted((data / service).glob("*/"))  # dates; a client takes the newest
        for version in older:
            shutil.rmtree(version)
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        named = partition["services"]
        partition["services"] = {name: named[name] for name in named if name in _ENDPOINT_NAMES}
    _write(data / "endpoints.json", endpoints)
    for packed in list(data.rglob("*.json.gz")):
        content = json.loads(gzip.decompress(packed.read_bytes()))
        _write(packed.with_suffix(""), _without_documentation(content))  # the zip packs it again
        packed.unlink()
    for examples in list(data.rglob("examples-1.json")):
        examples.unlink()


def _without_documentation(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {
            name: _without_documentation(each)
            for name, each in value.items()
            # A text; a structure may well have a member of that name.
            if not (name == "documentation" and isinstance(each, str))
        }
    if isinstance(value, list):
        return [_without_documentation(each) for each in value]
    return value


def _write(path: Path, content: Any) -> None:  # noqa: ANN401 - any JSON
    path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False))
