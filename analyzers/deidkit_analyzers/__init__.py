"""Plugins that analyse whole pictures of hands with networks: segmenters, ROI rules, and measures of quality."""
