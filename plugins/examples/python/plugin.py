"""Masks contact details, drops events by their status, and joins a customer's names into one."""

import json
from typing import Any, List, Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.config import settings as given
from wit_world.imports.document import Json, Redaction_Mask, Scalar_Text
from wit_world.imports.log import Level, log
from wit_world.imports.types import (
    Description,
    EventInfo,
    Failure,
    FailureCode,
    Problem,
    Verdict,
    Verdict_Drop,
    Verdict_Pass,
)

DEFAULTS = {"redact": ["/**/~email|phone"], "drop": []}

SETTINGS_SCHEMA = {
    "type": "object",
    "properties": {
        "redact": {
            "type": "array",
            "items": {"type": "string", "pattern": "^/"},
            "default": DEFAULTS["redact"],
            "description": "Patterns of what is masked.",
        },
        "drop": {
            "type": "array",
            "items": {"type": "string"},
            "default": DEFAULTS["drop"],
            "description": "Events of these statuses go no further.",
        },
    },
    "additionalProperties": False,
}


class Handler(exports.Handler):
    def describe(self) -> Description:
        return Description(
            name="contacts-py",
            version="0.1.0",
            summary="Masks contact details, drops by status and joins names.",
            settings_schema=json.dumps(SETTINGS_SCHEMA),
            redacts=True,
        )

    def check_settings(self, settings: Json) -> None:
        problems = problems_of(json.loads(settings.get_json("")))
        if problems:
            raise Err(problems)

    def handle(self, info: EventInfo, metadata: Json, data: Json) -> Verdict:
        # A component without WASI has no standard error: what is not caught here is a bare trap without its text.
        try:
            return handle(data)
        except Exception as error:
            raise Err(Failure(FailureCode.INTERNAL, f"{type(error).__name__}: {error}"))


def handle(data: Json) -> Verdict:
    options = {**DEFAULTS, **json.loads(given().get_json(""))}
    status, first, last = texts(data, ["/status", "/customer/first_name", "/customer/last_name"])
    if status in options["drop"]:
        return Verdict_Drop(f"status {status} stays here")
    masked = data.redact(options["redact"], Redaction_Mask("[removed]"))
    if first is not None and last is not None:
        data.set("/customer/name", Scalar_Text(f"{first} {last}"))
        data.remove("/customer/~firstname|lastname")
    log(Level.INFO, f"values masked: {masked}")
    return Verdict_Pass()


def texts(data: Json, pointers: List[str]) -> List[Optional[str]]:
    """The texts at these pointers, in one operation; `None` where no text stands."""
    return [scalar.value if isinstance(scalar, Scalar_Text) else None for scalar in data.get_many(pointers)]


def problems_of(settings: dict) -> List[Problem]:
    problems = []
    for name, value in settings.items():
        if name not in DEFAULTS:
            problems.append(Problem(f"/{name}", "there is no such setting"))
        elif not isinstance(value, list):
            problems.append(Problem(f"/{name}", "a list of texts is expected"))
        else:
            wrong = (n for n, item in enumerate(value) if not fits(name, item))
            problems.extend(Problem(f"/{name}/{n}", "this is none") for n in list(wrong)[:1])
    return problems


def fits(name: str, item: Any) -> bool:
    return isinstance(item, str) and (name != "redact" or item.startswith("/"))
