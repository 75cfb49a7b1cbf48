from __future__ import annotations

import pytest

from deidkit.errors import MissingModel
from deidkit.hand.mediapipe import MediaPipe


@pytest.fixture(scope="session")
def analyzer() -> MediaPipe:
    """The real detector with the real weights."""
    made = MediaPipe()
    try:
        made.prepare(print)
    except MissingModel as error:
        pytest.skip(str(error))
    return made
