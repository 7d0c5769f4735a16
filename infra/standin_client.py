"""A client of the stand-ins: what they received, and what they are told to do."""

from typing import Self

import httpx

from infra.ports import LOOPBACK
from infra.services import Ports
from infra.standin_budgets import DepartmentBudget
from infra.standins import Behaviour, Received


class StandInClient:
    """One stand-in; works while it does not listen, too."""

    def __init__(self, http: httpx.Client, name: str, port: int) -> None:
        self._http = http
        self.name = name
        self.url = f"http://{LOOPBACK}:{port}"

    def received(self) -> list[Received]:
        """Return what came in, in order."""
        answer = self._http.get(f"/standins/{self.name}/received").raise_for_status()
        return [Received.model_validate(call) for call in answer.json()["received"]]

    def forget(self) -> None:
        """Drop what came in."""
        self._http.delete(f"/standins/{self.name}/received").raise_for_status()

    def behaviour(self) -> Behaviour:
        """Return what it was told to do."""
        answer = self._http.get(f"/standins/{self.name}/behaviour").raise_for_status()
        return Behaviour.model_validate(answer.json())

    def behave(self, behaviour: Behaviour) -> None:
        """Tell it to fail, to be slow, to redirect; `Behaviour()` is its job again."""
        self._put("behaviour", behaviour.model_dump(mode="json", by_alias=True))

    def stop(self) -> None:
        """Stop listening: connections are refused; what came in is kept."""
        self._put("listening", {"listening": False})

    def start(self) -> None:
        """Listen again, on the same port."""
        self._put("listening", {"listening": True})

    def set_api_keys(self, *api_keys: str) -> None:
        """Ask for one of these keys from now on (Finance and Audit)."""
        self._put("api-keys", {"apiKeys": list(api_keys)})

    def set_budget(self, budget: DepartmentBudget) -> None:
        """Set a department budget (Finance)."""
        self._put("budgets", budget.model_dump(mode="json", by_alias=True))

    def _put(self, what: str, body: dict[str, object]) -> None:
        self._http.put(f"/standins/{self.name}/{what}", json=body).raise_for_status()


class ServicesClient:
    """The host process of a stack: its three stand-ins and its front."""

    def __init__(self, ports: Ports) -> None:
        self._http = httpx.Client(
            base_url=f"http://{LOOPBACK}:{ports.admin}", timeout=10, trust_env=False
        )
        self.finance = StandInClient(self._http, "finance", ports.standins["finance"])
        self.audit = StandInClient(self._http, "audit", ports.standins["audit"])
        self.receiver = StandInClient(self._http, "receiver", ports.standins["receiver"])

    def standin(self, name: str) -> StandInClient:
        """Return a stand-in by its name."""
        return {"finance": self.finance, "audit": self.audit, "receiver": self.receiver}[name]

    def point_front_at(self, api_id: str) -> None:
        """Pass calls on to this deployed API from now on."""
        self._http.put("/front", json={"apiId": api_id}).raise_for_status()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
