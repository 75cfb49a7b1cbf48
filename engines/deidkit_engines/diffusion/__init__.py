"""The published diffusion de-identifier (Yan et al., arXiv 2504.08272), built on Paint by Example."""
