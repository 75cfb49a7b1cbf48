"""Not collected here: this is somebody else's distribution, and its plugins are not installed. See test_third_party.py."""

collect_ignore_glob = ["*"]
