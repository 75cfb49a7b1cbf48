"""Audits as a service: benchmarks, submissions, a queue, workers, pages and an API on top of `deidkit.pipeline`."""
