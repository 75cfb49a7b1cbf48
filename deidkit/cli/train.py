"""``deidkit train``: make the weights of a network from a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from deidkit.cli import output
from deidkit.cli.configuration import config_option
from deidkit.cli.shared import FOLDER, PluginText, analyzer_option, quiet_option, roi_rule_option, segmenter_option

JOB_OPTIONS = ("resume", "epochs", "minutes", "batch", "seed", "device", "precision", "held_out", "first")
"""Options that are passed to the training job unchanged."""


@click.command()
@click.argument("network", metavar="NETWORK[:OPTIONS]")
@click.option("--dataset", type=PluginText("dataset"), required=True, metavar="PATH|NAME[:PATH]",
              help="Training data: folder, manifest, or an adapter and its folder.")  # fmt: skip
@click.option("--output", "folder", required=True, type=FOLDER, metavar="DIR",
              help="For weights, model card, checkpoint, and prepared pictures (biometric data).")  # fmt: skip
@click.option("--epochs", type=click.FloatRange(0, min_open=True),
              help="How often each picture is shown. Default: the network's own.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help="Train for this long instead; the result then depends on the machine's speed.")  # fmt: skip
@click.option("--batch", type=click.IntRange(2), help="Pictures per step. Default: the network's own.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random numbers.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True,
              help="Arithmetic; auto: bfloat16 on a GPU. Newer CPUs are faster with bfloat16, too.")  # fmt: skip
@click.option("--held-out", type=click.FloatRange(0, 1, max_open=True), default=0.1, show_default=True,
              help="Share of the identities that is held out of training, for evaluation.")  # fmt: skip
@click.option("--first", type=click.IntRange(1), metavar="N",
              help="Split by picture instead: train on the first N of each identity.")  # fmt: skip
@click.option("--data-name", metavar="TEXT",
              help="What the data is, for the model card and every report that uses the weights.")  # fmt: skip
@click.option("--data-licence", metavar="TEXT", help="Licence of the data, for the model card.")
@click.option("--resume", is_flag=True, help="Resume an interrupted training with the same options.")
@analyzer_option
@segmenter_option
@roi_rule_option
@quiet_option
@config_option
def train(network: str, folder: Path, **options: Any) -> None:
    r"""Train NETWORK on a data set and write weights that recognizers load with weights=FILE.

    A training that was stopped, even killed, continues with --resume. The model card next to the weights says what
    they were trained on and how well they distinguish identities that were held out.

    \b
    Examples:
        deidkit train ccnet --dataset synthetic:subjects=2000,seed=1000 --output ccnet/
        deidkit train ccnet:hidden=4096,embedding=2048 --dataset iitd:IITD/ --first 3 --output ccnet-iitd/
        deidkit audit --engine blur --recognizer ccnet:weights=ccnet-iitd/weights.safetensors

    The networks and their options: deidkit plugins --kind trainer --options
    """
    from deidkit import plugins
    from deidkit.errors import UsageError
    from deidkit.pipeline import build_analysis, open_dataset
    from deidkit.training import Examples, TrainingJob

    if options["epochs"] is not None and options["minutes"] is not None:
        raise UsageError("give --epochs or --minutes, not both.")
    progress = output.progress(options["quiet"])
    trainer, trainer_component = plugins.create("trainer", network, note=progress.note)
    dataset, dataset_component = open_dataset(options["dataset"], progress.note)
    choices = (options["analyzer"], options["segmenter"], options["roi_rule"])
    analysis, components = build_analysis(*choices, note=progress.note)
    job = TrainingJob(
        trainer=trainer_component,
        examples=Examples(dataset, analysis),
        output=folder,
        description=options["data_name"] or getattr(dataset, "description", dataset_component.name),
        licence=options["data_licence"] or getattr(dataset, "licence", "not stated"),
        components=[dataset_component, *components],
        **{name: options[name] for name in JOB_OPTIONS},
    )
    for path in trainer.train(job, progress):
        output.echo(f"written: {path}")
