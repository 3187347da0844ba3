"""JSON Schema of scenario files, so that an editor completes and checks them."""

from typing import Any

from smoothkit.config import Component, Config, components, option_model
from smoothkit.registry import SUPPLIED, Registry


def scenario_schema(name: str, registry: Registry) -> dict[str, Any]:
    """The schema of the files of scenario `name`, with every registered component's options.

    Nothing is required, because a file may extend another.

    Raises:
        UserError: there is no such scenario.
    """
    model: type[Config] = registry.get("scenarios", name).load().config
    schema = model.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for component in dict.fromkeys(component for _, component, _ in components(model)):
        definitions[component.__name__] = _component_schema(component, definitions[component.__name__], registry)
    properties = schema.pop("properties")
    schema.pop("required", None)
    properties["scenario"] = {"const": name, "description": "The registered scenario."}
    definitions["Overrides"] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": f"smoothkit scenario: {name}",
        "properties": {**_composition({"$ref": "#/$defs/Overrides"}), **properties},
        "additionalProperties": False,
        "not": {"required": ["grid", "variants"]},
        "dependentRequired": {"levels": ["variants"]},
    }


def _composition(overrides: dict[str, Any]) -> dict[str, Any]:
    """The keys that say how configurations are made of `overrides`."""
    text = {"type": "string"}
    some = {"type": "object", "minProperties": 1}
    tables = {**some, "additionalProperties": overrides}
    compared = "The variant that the others are compared with, or the level on the axis `against`; else the first."
    along = "An axis: each variant is compared with the one that has the baseline there, and all else equal."
    combined = "In place of variants: axes, each with named overrides; every combination of these is a variant."
    own = "By variant, its level on each axis, for `against`: what a study writes of the grid that it was begun with."
    files = "One-file plugins to load, relative to this file; `use` lets one wrap targets, too."
    return {
        "title": {**text, "description": "What the study is about, for reports."},
        "extends": {**text, "description": "A scenario file that this one changes, relative to it."},
        "baseline": {**text, "description": compared},
        "against": {**text, "description": along},
        "plugins": {"type": "array", "items": text, "description": files},
        "variants": {**tables, "description": "Named overrides that are compared with each other."},
        "grid": {**some, "additionalProperties": tables, "description": combined},
        "levels": {**some, "additionalProperties": {**some, "additionalProperties": text}, "description": own},
        "profiles": {
            "type": "object",
            "additionalProperties": overrides,
            "description": "Named overrides for all variants, chosen with --profile.",
        },
    }


def _component_schema(component: type[Component], base: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """One alternative for each registered name, with its own options; a bare string stands for the name."""
    kind = component.registry_kind
    alternatives = []
    for entry in registry.entries(kind):
        factory = entry.load()
        options = option_model(factory, SUPPLIED[kind]).model_json_schema()
        # A ready-made object has its class's docstring, so it says by `about` what it is itself.
        summary = (getattr(factory, "about", "") or factory.__doc__ or entry.name).strip().splitlines()[0]
        alternatives.append(
            {
                "type": "object",
                "description": summary,
                "properties": {**base["properties"], "name": {"const": entry.name}, **options.get("properties", {})},
                "additionalProperties": False,
            }
        )
    names = {"type": "string", "enum": list(registry.names(kind))}
    return {"description": base.get("description", ""), "anyOf": [names, *alternatives]}
