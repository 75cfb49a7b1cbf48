"""What deidkit's neural networks share: devices, weight files, and training."""
