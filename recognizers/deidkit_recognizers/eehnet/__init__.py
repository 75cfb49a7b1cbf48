"""An EEHNet-style recognizer of whole hands.

Of EEHNet (Matkowski, arXiv 2311.05383) only the abstract is public: spatial transformers for palm and fingers, a
convolutional network for each, several losses, trained end to end. This is a network of that kind and makes no claim to
be that one.
"""
