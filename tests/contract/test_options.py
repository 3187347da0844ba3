"""No registered thing has an option that its table in a scenario file keeps for itself."""

import pytest

from smoothkit import plugins
from smoothkit.config import SUPPLIED, option_model
from smoothkit.scenario import TargetConfig
from smoothkit.tables import AugmentationConfig, DataConfig, MetricConfig, ModelConfig

TABLES = (TargetConfig, DataConfig, ModelConfig, AugmentationConfig, MetricConfig)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.registry_kind)
def test_no_option_is_called_like_a_field_of_the_table(table):
    kind = table.registry_kind
    entries = plugins.host().registry.entries(kind)
    assert entries
    for entry in entries:
        if callable(factory := entry.load()):
            clashes = set(option_model(factory, SUPPLIED[kind]).model_fields) & set(table.model_fields)
            assert not clashes, f"{kind}: {entry.name}: no file can give {clashes}"
