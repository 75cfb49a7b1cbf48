"""Quality of pictures as networks trained on photographs see it."""
