"""Nothing here is collected: the plugins are not installed. `tests/testing/test_third_party.py` installs and tests them."""

collect_ignore_glob = ["*"]
