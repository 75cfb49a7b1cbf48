"""PDF report for filing, ordered by the questions of standards and supervisory authorities."""
