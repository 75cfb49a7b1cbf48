"""palm-tiny: Paint by Example's architecture at a size that a laptop trains and runs."""
