"""Where a stack is and what it keeps there: a local one, or a deployed one by its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pynamodb.exceptions import PynamoDBException
from pynamodb.models import Model

from chalicelib.domain.access import Actor, Level
from infra import deploy, local, secret_store
from infra.cloud import LOCAL_KEY, Cloud, one_clear_line
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.operator_api import OPERATOR
from infra.secret_names import SecretName
from infra.secret_store import SecretStore
from infra.stack import Stack

_Row = TypeVar("_Row", bound=Model)


@contextmanager
def told_clearly() -> Iterator[None]:
    """Turn what the cloud refuses, asked by whatever library, into an error for the operator."""
    try:
        with one_clear_line():
            yield
    except PynamoDBException as error:
        raise OperatorError(" ".join(str(error.cause or error).split())) from error


@dataclass(frozen=True)
class Place:
    """A stack's cloud, name and outputs; `who` Audit hears of."""

    cloud: Cloud
    stack_name: str
    outputs: dict[str, str]
    who: str

    @property
    def operator(self) -> Actor:
        """The operator, as Audit hears of who did something."""
        return Actor(
            id=OPERATOR,
            name=self.who,
            role="SuperAdmin",
            level=Level.SUPERADMIN,
            department=None,
        )

    def named(self, output: str) -> str:
        """Return an output of the stack; raises OperatorError where it has none such."""
        if output not in self.outputs:
            raise OperatorError(f"The stack tells of no {output}; deploy it again.")
        return self.outputs[output]

    def secret(self, name: SecretName) -> SecretStore:
        """Return one of the stack's secrets."""
        return secret_store.of_stack(
            self.cloud, Stack(self.cloud, self.stack_name, lambda _: None), name
        )

    def row(self, row: type[_Row], output: str) -> type[_Row]:
        """Return a row class of its own for this stack: the service's has another connection."""
        meta: dict[str, Any] = {
            "table_name": self.named(output),
            "region": self.cloud.region,
            "host": self.cloud.dynamodb.meta.endpoint_url,
        }
        if self.cloud.is_local:
            meta |= {"aws_access_key_id": LOCAL_KEY, "aws_secret_access_key": LOCAL_KEY}
        return type(row.__name__, (row,), {"Meta": type("Meta", (), meta)})


def of_local(stack: RunningStack) -> Place:
    """Return where a local stack is."""
    cloud = Cloud(region=stack.region, endpoint_url=stack.endpoint_url)
    return Place(cloud, stack.stack_name, stack.outputs, OPERATOR)


def of_deployed(stack_name: str, *, region: str, endpoint_url: str | None) -> Place:
    """Return where a deployed stack is; the caller's credentials say who asks."""
    outputs = deploy.outputs(stack_name, endpoint_url=endpoint_url, region=region)
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    with one_clear_line():
        return Place(cloud, stack_name, outputs, cloud.sts.get_caller_identity()["Arn"])


def find(
    stack: str, *, stage: str | None, stack_name: str | None, region: str, endpoint_url: str | None
) -> Place:
    """Return the local stack called `stack`, or with a `stage` or `stack_name` a deployed one."""
    if stage is None and stack_name is None:
        return of_local(local.find(stack))
    return of_deployed(
        stack_name or f"budget-requests-{stage}", region=region, endpoint_url=endpoint_url
    )
