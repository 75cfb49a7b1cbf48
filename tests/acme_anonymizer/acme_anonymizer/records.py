"""What the package registers beside its plugins: a model, a metric, a set of attackers."""

from deidkit.measures.metric import Metric
from deidkit.models import File, Model
from deidkit.models.web import Web

MODELS = (
    Model(
        name="acme-eyes",
        purpose="sees pictures for acme_difference",
        files=(File(name="eyes.bin", origin="eyes.bin"),),
        licence="MIT",
        source=Web("https://acme.example/eyes.bin", megabytes=1, begins="00000000"),
    ),
)

METRICS = (
    Metric(
        name="acme_difference",
        title="Acme difference",
        unit="distance",
        digits=4,
        group="quality",
        definition="How different a copy looks to Acme.",
        source="Acme",
        safer="lower",
        lowest=0.0,
        model="acme-eyes",
    ),
)

ATTACKERS = ("ignorant",)
