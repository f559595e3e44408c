"""A policy as plain JSON data and back, derived from its dataclass: never pickle, never eval.

The data hold a kind and the dataclass's fields, all of them, checked one by one; one that came later than the files of
a kind has a default and `metadata={"optional": True}`. The kinds are those below and what installed
packages offer as entry points of the group "automix.policies", where a name leads to the class; a file names a kind,
never a module or a path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, fields, is_dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ..decision import Policy
from ..errors import AutoMixError, PolicyError

KINDS = {
    "always": "always:Always",
    "threshold": "threshold:Threshold",
    "band": "threshold:Band",
    "evidence_threshold": "evidence_threshold:EvidenceThreshold",
    "curtailed": "curtailed:Curtailed",
    "skipping": "skipping:Skipping",
    "mixture": "mixture:Mixture",
    "pomdp": "pomdp:POMDP",
    "timed": "timed:Timed",
}
"""The kinds of this package; a new policy is its file and a line here."""

GROUP = "automix.policies"


@dataclass(frozen=True, slots=True)
class Form:
    """How a field stands in the data whose own type can't: a dataclass field has it as `metadata={"form": Form(...)}`.

    `type` is what pydantic checks, `read` makes the field's value of it, and `write` plain data of the value.
    """

    type: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


class Strict(BaseModel):
    """Data that hold these fields and no others, as they are."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def policy_dict(policy: Policy) -> dict[str, Any]:
    """`policy` as plain data. Raises `PolicyError` for a class that no kind stands for."""
    data: dict[str, Any] = {"type": _kind_of(type(policy))}
    for field in _given(type(policy)):
        data[field.name] = _written(field, getattr(policy, field.name))
    return data


def policy_of(data: Any) -> Policy:
    """The policy that `policy_dict` wrote. Raises `PolicyError` if a field is missing or wrong."""
    try:
        return build(data, "policy")
    except AutoMixError as error:
        raise PolicyError(f"This is no policy: {error}") from None


def build(data: Any, where: str) -> Policy:
    """The policy in `data`, which stand at `where` in a file.

    Raises `PolicyError` naming the field, or what the class itself says of its values.
    """
    kind = data.get("type") if isinstance(data, Mapping) else None
    if not isinstance(kind, str):
        raise PolicyError(f'field {where}: a policy is an object whose field "type" names its kind.')
    found = _class_of(kind, where)
    where = f"{where}.{kind}"
    hints, given = get_type_hints(found), _given(found)
    inner = [field.name for field in given if hints[field.name] is Policy]
    values: dict[str, Any] = {name: build(data[name], f"{where}.{name}") for name in inner if name in data}
    rest = {name: value for name, value in data.items() if name not in {*inner, "type"}}
    try:
        record = _form(found).model_validate_json(json.dumps(rest))
    except ValidationError as error:
        raise PolicyError(f"field {where}.{first_of(error)}") from None
    for field in given:
        if field.name in record.model_fields_set:
            form, value = field.metadata.get("form"), getattr(record, field.name)
            values[field.name] = form.read(value) if form else value
    if missing := next((name for name in inner if name not in values), None):
        raise PolicyError(f"field {where}.{missing}: field required.")
    policy = found(**values)
    checked = getattr(policy, "checked", None)  # a table may be such that no solver makes
    made: Policy = checked() if callable(checked) else policy
    return made


def first_of(error: ValidationError) -> str:
    """Pydantic's first complaint as "the field: what is wrong with it."."""
    first = error.errors(include_url=False, include_context=False)[0]
    field, said = ".".join(map(str, first["loc"])), str(first["msg"])
    shown = field if field.isprintable() else repr(field)  # a file may name its fields as it likes
    return f"{shown}: {said[0].lower()}{said[1:]}."


def _written(field: Field[Any], value: Any) -> Any:
    if form := field.metadata.get("form"):
        return form.write(value)
    if isinstance(value, Policy) and not isinstance(value, type):
        return policy_dict(value)
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _given(kind: type) -> list[Field[Any]]:
    """The fields that a constructor takes."""
    return [field for field in fields(kind) if field.init]


def _form(kind: type) -> type[BaseModel]:
    """The fields of a policy that are no policies themselves, as pydantic checks them."""
    hints = get_type_hints(kind)
    shape: dict[str, Any] = {}
    for field in _given(kind):
        if hints[field.name] is not Policy:
            form = field.metadata.get("form")
            missing: Any = None if field.metadata.get("optional") else ...
            shape[field.name] = (form.type if form else hints[field.name], missing)
    return create_model(kind.__name__, __base__=Strict, **shape)


def _class_of(kind: str, where: str) -> type[Any]:
    if kind in KINDS:
        module, _, title = KINDS[kind].partition(":")
        found: type[Any] = getattr(import_module(f".{module}", __package__), title)
        return found
    offered = next((point for point in _offered() if point.name == kind), None)
    if offered is None:
        known = ", ".join([*KINDS, *(point.name for point in _offered())])
        raise PolicyError(
            f"field {where}: no installed package offers policies of the kind {kind!r} (entry points of the group "
            f"{GROUP!r}); install the one that does, or fit another policy. Known are {known}."
        )
    return _loaded(offered)


def _kind_of(kind: type) -> str:
    """The name under which files have the class. Raises `PolicyError` if there is none."""
    own = next((name for name, place in KINDS.items() if place.endswith(f":{kind.__name__}")), None)
    if own is not None and _class_of(own, "") is kind:
        return own
    for point in _offered():
        if point.name not in KINDS and point.attr == kind.__qualname__ and _loaded(point) is kind:
            return point.name
    raise PolicyError(
        f"A policy of class {kind.__name__} can't be saved: it is none of automix_core's, and no installed package "
        f"offers it as an entry point of the group {GROUP!r}."
    )


def _loaded(point: EntryPoint) -> type[Any]:
    try:
        found = point.load()
    except Exception as error:
        raise PolicyError(
            f"The policy {point.name!r} ({point.value}) can't be imported ({type(error).__name__}); "
            "install its package anew."
        ) from error
    if not (isinstance(found, type) and is_dataclass(found) and callable(getattr(found, "decide", None))):
        raise PolicyError(f"The policy {point.name!r} ({point.value}) is no dataclass with a method decide(state).")
    return found


def _offered() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
