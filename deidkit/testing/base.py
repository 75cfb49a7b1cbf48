"""The common part of all conformance suites."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from deidkit import options, plugins
from deidkit.result import Component


class PluginConformance:
    """Finds the plugin by its entry point, as a user's audit does."""

    kind: ClassVar[str] = ""
    plugin: ClassVar[str] = ""
    """``NAME`` or ``NAME:OPTIONS``."""

    @pytest.fixture
    def spec(self) -> str:
        """The plugin as a user writes it; override this fixture where an option is a path made for the test."""
        assert self.plugin, "set the class attribute `plugin` to your entry point's name"
        return self.plugin

    @pytest.fixture
    def made(self, spec: str) -> tuple[Any, Component]:
        """The plugin with its options set and prepared, and how a report names it."""
        return plugins.create(self.kind, spec)

    @pytest.fixture
    def tested(self, made: tuple[Any, Component]) -> Any:
        """The plugin itself."""
        return made[0]

    def test_has_a_version(self, tested: Any) -> None:
        """A report names it, and templates and scores of another version are not reused."""
        assert isinstance(tested.version, str)
        assert tested.version.strip()

    def test_options_have_help_and_defaults_within_their_limits(self, made: tuple[Any, Component]) -> None:
        """``deidkit plugins --options`` shows them, and a default must pass the check that a user's value must."""
        plugin, component = made
        fields = options.declared(type(plugin))
        assert [option for option, field in fields.items() if not field.metadata.get("help")] == []
        values = options.values(plugin)
        values = {
            option: values[option] if options.is_required(field) else options.default(field)
            for option, field in fields.items()
        }
        options.build(type(plugin), "", what=component.name, extra=values)

    def test_a_report_can_describe_it(self, made: tuple[Any, Component]) -> None:
        """Its options are plain values, its weights are files."""
        component = made[1]
        assert json.loads(json.dumps(component.options, allow_nan=False)) == component.options
        assert component.distribution
