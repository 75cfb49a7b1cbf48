"""The model card, which describes weights in words."""

from __future__ import annotations

import json

from deidkit.training import TrainingJob
from deidkit_networks.weights import Weights


def text(made: Weights, job: TrainingJob) -> str:
    """A Markdown page."""
    facts = made.card
    held_out = facts["held_out"]
    numbers = [f"| {name} | {value:.4g} |" for name, value in held_out.items()]
    table = ["| held-out measure | value |", "| --- | --- |", *numbers] if numbers else [
        "Nothing was held out, so nothing was measured."
    ]  # fmt: skip
    return "\n".join([
        f"# Weights of {made.architecture}",
        "",
        f"Trained on {made.trained_on}; licence of the data: {job.licence}.",
        "",
        f"{facts['identities']['trained on']} identities, {facts['pictures']['trained on']} pictures; "
        f"{facts['epochs']:g} epochs in {facts['steps']} steps of {facts['batch']} pictures, "
        f"{facts['minutes']:g} minutes on {facts['device']}; {facts['parameters']:,} parameters, stored as float16.",
        "",
        f"## Measured on {facts['pictures']['measured on']} pictures of {facts['identities']['measured on']} "
        "identities",
        "",
        f"The split: {facts['split']}. {facts['pictures']['left out']} pictures could not be used.",
        "",
        *table,
        "",
        "Identities not seen in training are no promise for other cameras, light and people: measure on your own data.",
        "",
        "## How they were made",
        "",
        "```json",
        json.dumps({"recipe": facts["recipe"], "settings": made.settings, "loss": facts["loss"]}, indent=1,
                   sort_keys=True),
        "```",
        "",
    ])  # fmt: skip
