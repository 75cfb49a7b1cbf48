"""Command groups that suggest corrections of mistyped commands and refuse repeated options."""

from __future__ import annotations

from collections import Counter

import click

from deidkit.errors import UsageError, did_you_mean


class Group(click.Group):
    """Suggests the nearest command for a mistyped one, and refuses repetition of single-valued options."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command named by the first argument."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            commands = self.list_commands(ctx)
            hint = did_you_mean(args[0], commands) or f" The commands: {', '.join(commands)}."
            raise UsageError(f"No such command '{args[0]}'.{hint}")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not isinstance(command, click.Group):
            _refuse_repeated(ctx, command, rest)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the first sentence of their help, not truncated."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit=500)) for name, command in found if command])


def _refuse_repeated(parent: click.Context, command: click.Command, args: list[str]) -> None:
    """Raise UsageError if a single-valued option is repeated, as click would silently use the last."""
    with click.Context(command, parent=parent, resilient_parsing=True) as ctx:  # click caches the names of help options
        try:
            _, _, order = command.make_parser(ctx).parse_args(list(args))
        except click.UsageError:
            return  # reported when the command is parsed
    counts = Counter(id(parameter) for parameter in order)
    for option in order:
        single = isinstance(option, click.Option) and not (option.multiple or option.is_flag or option.count)
        if single and counts[id(option)] > 1:
            raise UsageError(f"{max(option.opts, key=len)} is given {counts[id(option)]} times and takes one value.")
