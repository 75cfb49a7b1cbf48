"""``python -m deidkit`` is the ``deidkit`` command."""

from deidkit.cli import main

main()
