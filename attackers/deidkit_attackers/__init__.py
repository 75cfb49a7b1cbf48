"""deidkit's own attackers."""
