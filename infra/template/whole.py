"""The whole of what is merged into Chalice's template."""

import json
from functools import cache
from pathlib import Path

from infra.template.alarms import alarms
from infra.template.cloudformation import Template, get, read, ref, sub
from infra.template.dashboard import dashboard
from infra.template.logs import logs
from infra.template.parts import FUNCTIONS, TABLES, called
from infra.template.queues import monitored, queues

_FOLDER = Path(__file__).parent
_FILES = ("api", "functions", "tables", "bus", "secrets", "encryption", "topic")


@cache
def template() -> Template:
    """Return the template; the caller may not change it."""
    found = read(_FOLDER / "parameters.yaml")
    resources: Template = {}
    for name in _FILES:
        resources |= read(_FOLDER / f"{name}.yaml")["Resources"]
    resources |= queues() | logs() | alarms() | dashboard()
    api = resources["APIHandler"]["Properties"]["Environment"]["Variables"]
    # Metrics and health look at every queue there is.
    api["MONITORED_QUEUES"] = sub(
        json.dumps({name: f"${{{queue}}}" for name, queue in monitored().items()})
    )
    return found | {"Resources": resources, "Outputs": _outputs()}


def _outputs() -> Template:
    """Return what the command line and the tests find their way by.

    Chalice adds RestAPIId, EndpointURL, APIHandlerName and APIHandlerArn.
    """
    functions = {
        f"{called(name)}FunctionName": ref(name) for name in FUNCTIONS if name != "APIHandler"
    }
    tables = {f"{name}TableName": ref(f"{name}Table") for name in TABLES}
    urls = {f"{queue}Url": ref(queue) for queue in monitored().values()}
    others = {
        "EventBusName": ref("EventBus"),
        "BusKeysSecretArn": get("BusKeysSecretValue", "Id"),
        "TablesAreProtected": {"Fn::If": ["ProtectsTables", "true", "false"]},
    }
    return {name: {"Value": value} for name, value in (functions | tables | urls | others).items()}
