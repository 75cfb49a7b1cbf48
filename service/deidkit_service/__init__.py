"""Audits as a service on top of `deidkit.pipeline`: benchmarks, submissions, a queue, workers, web pages and an API."""
