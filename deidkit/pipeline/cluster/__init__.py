"""Runs the work of an audit on the workers of a Dask cluster, of this machine or of many."""

from deidkit.pipeline.cluster.attacks import ClusterAttackRunner
from deidkit.pipeline.cluster.batches import process_on_cluster
from deidkit.pipeline.cluster.comparisons import ClusterPartRunner
from deidkit.pipeline.cluster.connection import check
from deidkit.pipeline.cluster.copies import copies_on_cluster

__all__ = ["ClusterAttackRunner", "ClusterPartRunner", "check", "copies_on_cluster", "process_on_cluster"]
