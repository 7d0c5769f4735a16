"""What a local stack is made of, for people and for programs."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from infra.local import RunningStack


class Status(BaseModel):
    """Addresses and names of a stack; nothing secret."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    api_url: str
    endpoint_url: str
    region: str
    stack_name: str
    bus_name: str
    queues: dict[str, str]
    functions: dict[str, str]
    tables: dict[str, str]
    standins: dict[str, str]


def of(stack: RunningStack) -> Status:
    """Return the status of a running stack."""
    return Status(
        api_url=stack.api_url,
        endpoint_url=stack.endpoint_url,
        region=stack.region,
        stack_name=stack.stack_name,
        bus_name=stack.outputs["EventBusName"],
        queues=_ending_with(stack, "QueueUrl"),
        functions=functions(stack),
        tables=_ending_with(stack, "TableName"),
        standins={
            client.name: client.url for client in (stack.finance, stack.audit, stack.receiver)
        },
    )


def functions(stack: RunningStack) -> dict[str, str]:
    """Return the functions by the names people give them."""
    found = _ending_with(stack, "FunctionName")
    return {"api": stack.outputs["APIHandlerName"], **{k.lower(): v for k, v in found.items()}}


def table(status: Status) -> str:
    """Return the status as lines for a person."""
    lines = [
        f"API        {status.api_url}",
        f"Cloud      {status.endpoint_url} ({status.region})",
        f"Bus        {status.bus_name}",
    ]
    for title, names in (
        ("Queues", status.queues),
        ("Functions", status.functions),
        ("Tables", status.tables),
        ("Stand-ins", status.standins),
    ):
        width = max(map(len, names))
        heads = [title, *[""] * len(names)]
        rows = zip(heads, names.items(), strict=False)
        lines += [f"{head:<10} {name:<{width}}  {value}" for head, (name, value) in rows]
    return "\n".join(lines)


def _ending_with(stack: RunningStack, suffix: str) -> dict[str, str]:
    return {
        name.removesuffix(suffix): value
        for name, value in sorted(stack.outputs.items())
        if name.endswith(suffix)
    }
