"""What is stored as JSON, read as the class that it is to be: every field there, and of its type."""

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


def read_as(cls: type[Any], data: Any) -> Any:
    """An instance of the dataclass `cls` from JSON data; fields that the class does not have are left out.

    Lists become tuples, and tables within the data dataclasses, where the class says so. Nothing else is converted.

    Raises:
        ValueError: a field is missing, or of another type; it names the first few of them on one line.
    """
    try:
        return _adapter(cls).validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        faults = ((".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()[:3])
        raise ValueError("; ".join(": ".join(filter(None, fault)) for fault in faults)) from error


@cache
def _adapter(cls: type[Any]) -> Any:
    return TypeAdapter(cls)
