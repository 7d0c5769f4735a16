"""The schemas of the OpenAPI document, generated from the models that parse and present."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from chalicelib.domain.event_catalogue import CATALOGUE
from chalicelib.domain.events import plain
from chalicelib.domain.model import Value
from chalicelib.handlers.http.answers import Gives, ManyOf, Shown
from chalicelib.handlers.http.api import Route

Schema = dict[str, Any]

REF = "#/components/schemas/"
_REF_TEMPLATE = REF + "{model}"


class _Generator(GenerateJsonSchema):
    """Pydantic's own, but answers leave nothing out, names speak, and amounts are numbers."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401, FBT001 - pydantic's
        """Answer that what is dumped is always there, be it null."""
        return self.mode == "serialization" or super().field_is_required(field, total)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's
        """Answer that no field needs its own name as a title."""
        return False

    def default_schema(self, schema: Any) -> Any:  # noqa: ANN401 - pydantic's
        """Leave out of answers what the model would fill in: they always say it."""
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - pydantic's
        """Return a default as answers tell it; pydantic would make a text of an amount."""
        return plain(dft) if isinstance(dft, Decimal) else super().encode_default(dft)


class Schemas:
    """Every schema the routes and events need, and where each stands."""

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = tuple(routes)
        shown = {s.name: s for route in routes if (s := _shown(route.gives))}
        taken = [model for route in routes for model in (route.body, route.query)]
        given = [route.gives for route in routes] + [route.meta for route in routes]
        models = [_model(each) for each in given if each] + list(CATALOGUE.values())
        more: list[Any] = [each for one in shown.values() for each in one.more.values()]
        asked: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
            *((model, "validation", TypeAdapter(model)) for model in dict.fromkeys(taken)),
            *((model, "serialization", TypeAdapter(model)) for model in dict.fromkeys(models)),
            *((id(each), "serialization", TypeAdapter(each)) for each in more),
        ]
        self._found: dict[tuple[Any, JsonSchemaMode], Schema]
        self._found, definitions = TypeAdapter.json_schemas(
            asked, ref_template=_REF_TEMPLATE, schema_generator=_Generator
        )
        self.components: Schema = dict(definitions.get("$defs", {}))
        originals = dict(self.components)
        for one in shown.values():
            if one.name in originals and one.name != one.model.__name__:
                raise ValueError(f"two schemas have the name {one.name}")
            self.components[one.name] = self._as_shown(one, originals)

    def of_body(self, model: type[Value]) -> Schema:
        """Return the schema of a body."""
        return dict(self._found[model, "validation"])

    def needs_body(self, model: type[Value]) -> bool:
        """Whether an empty object, which is what no body stands for, is too little."""
        schema = self._resolved(self._found[model, "validation"], self.components)
        return bool(schema.get("required") or schema.get("minProperties"))

    def of_query(self, model: type[Value]) -> Schema:
        """Return the schema of a query as an object, a property for each parameter."""
        found = self._found[model, "validation"]
        return dict(self._resolved(found, self.components))

    def of_answer(self, gives: Gives) -> Schema:
        """Return the schema of what a route gives."""
        if isinstance(gives, ManyOf):
            return {"type": "array", "items": self.of_answer(gives.of)}
        if isinstance(gives, Shown):
            return {"$ref": REF + gives.name}
        return dict(self._found[gives, "serialization"])

    def _as_shown(self, shown: Shown, originals: Schema) -> Schema:
        whole = self._resolved(self._found[shown.model, "serialization"], originals)
        aliases = {n: f.alias or n for n, f in shown.model.model_fields.items()}
        kept = {
            alias
            for name, alias in aliases.items()
            if name not in shown.hidden and (shown.only is None or name in shown.only)
        }
        more = {name: self._found[id(each), "serialization"] for name, each in shown.more.items()}
        properties = {n: s for n, s in whole["properties"].items() if n in kept} | more
        return {**whole, "title": shown.name, "properties": properties, "required": [*properties]}

    @staticmethod
    def _resolved(schema: Any, definitions: Schema) -> Schema:  # noqa: ANN401 - JSON
        ref = schema.get("$ref")
        resolved: Schema = definitions[ref.removeprefix(REF)] if ref else schema
        return resolved


def alone(model: type[Value]) -> Schema:
    """Return the schema of what is told of a model, with all that it refers to spelled out."""
    adapter = TypeAdapter(model)
    schema = adapter.json_schema(mode="serialization", schema_generator=_Generator)
    spelled_out: Schema = _spelled_out(schema, schema.pop("$defs", {}))
    return spelled_out


def _spelled_out(node: Any, definitions: Schema) -> Any:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        return [_spelled_out(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    ref = node.get("$ref")
    if isinstance(ref, str):
        rest = {name: value for name, value in node.items() if name != "$ref"}
        return _spelled_out(definitions[ref.rpartition("/")[2]] | rest, definitions)
    return {name: _spelled_out(value, definitions) for name, value in node.items()}


def used(document: Schema) -> set[str]:
    """Return the names of the schemas that a document refers to, directly or through others."""
    components = document["components"]["schemas"]
    outside = {**document, "components": {**document["components"], "schemas": {}}}
    found: set[str] = set()
    waiting = _refs(outside)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= _refs(components[name])
    return found


def _refs(node: object) -> set[str]:
    if isinstance(node, dict):
        ref = node.get("$ref")
        own = {ref.removeprefix(REF)} if isinstance(ref, str) and ref.startswith(REF) else set()
        return own.union(*(_refs(value) for value in node.values()))
    if isinstance(node, list | tuple):
        return set().union(*(_refs(value) for value in node))
    return set()


def _shown(gives: Gives | None) -> Shown | None:
    if isinstance(gives, ManyOf):
        return _shown(gives.of)
    return gives if isinstance(gives, Shown) else None


def _model(gives: Gives) -> type[Value]:
    if isinstance(gives, ManyOf):
        return _model(gives.of)
    return gives.model if isinstance(gives, Shown) else gives
