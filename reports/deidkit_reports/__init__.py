"""Report writers: one audit result in, files out."""
