"""ROI-LAnet and EE-PRnet: whole hands, end to end (Matkowski, Chai, Kong, IEEE TIFS 15:1601, 2019)."""
