"""PKLNet-style: segmentation and palm region by one network, after Liang et al., IEEE JSTSP 17(3):662, 2023."""
