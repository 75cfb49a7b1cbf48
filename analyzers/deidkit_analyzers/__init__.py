"""Networks that look at whole pictures of hands: segmenters and ROI rules; each is a plugin of `deidkit`."""
