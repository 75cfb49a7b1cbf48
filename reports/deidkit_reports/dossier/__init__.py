"""The report that is filed: PDF, in the order in which standards and supervisory authorities ask."""
