"""Palms that nobody has, drawn onto the hands of a picture; no neural network draws."""
