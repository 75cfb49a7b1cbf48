"""CCNet: comprehensive competition among learnable Gabor responses (Yang et al., IEEE TIFS 2023)."""
