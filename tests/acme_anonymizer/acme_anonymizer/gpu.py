"""Needs a package that is not there."""

import acme_cuda_runtime


class OnGpu:
    """Never gets this far."""

    runtime = acme_cuda_runtime
