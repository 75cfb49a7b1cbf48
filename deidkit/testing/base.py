"""Common base of all conformance suites."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from deidkit import options, plugins
from deidkit.result import Component


class PluginConformance:
    """Tests for plugins of every kind; finds the plugin by its entry point, as an audit does."""

    kind: ClassVar[str] = ""
    plugin: ClassVar[str] = ""
    """Entry point's name, optionally with options: ``NAME`` or ``NAME:OPTIONS``."""

    @pytest.fixture
    def spec(self) -> str:
        """The plugin as on the command line; override this fixture if an option is a path made for the test."""
        assert self.plugin, "set the class attribute `plugin` to your entry point's name"
        return self.plugin

    @pytest.fixture
    def made(self, spec: str) -> tuple[Any, Component]:
        """The prepared plugin and its record in reports."""
        return plugins.create(self.kind, spec)

    @pytest.fixture
    def tested(self, made: tuple[Any, Component]) -> Any:
        """The plugin under test."""
        return made[0]

    def test_has_a_version(self, tested: Any) -> None:
        """The version is a text; reports show it, and templates and scores of other versions are not reused."""
        assert isinstance(tested.version, str)
        assert tested.version.strip()

    def test_options_have_help_and_defaults_within_their_limits(self, made: tuple[Any, Component]) -> None:
        """Every option has a help text, and its default passes the validation of user values."""
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
        """Options are plain JSON values, and the distribution is known."""
        component = made[1]
        assert json.loads(json.dumps(component.options, allow_nan=False)) == component.options
        assert component.distribution
