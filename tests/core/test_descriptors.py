"""Standard error of the process while a library prints to them."""

from __future__ import annotations

import os
import threading

from deidkit.descriptors import StandardStreams, stderr_silenced


def test_a_library_that_is_silenced_in_another_thread_is_no_change() -> None:
    standard, found, silent = StandardStreams(), [], threading.Event()

    def look() -> None:
        silent.wait()
        found.append(standard.restored())

    looking = threading.Thread(target=look)
    looking.start()
    with stderr_silenced():
        silent.set()
        looking.join(0.2)  # long enough for one that does not wait to see where it leads meanwhile
    looking.join()
    assert found == [False]


def test_two_that_are_silenced_at_once_leave_errors_as_they_were() -> None:
    before = os.fstat(2)

    def silenced() -> None:
        for _ in range(200):
            with stderr_silenced():
                pass

    threads = [threading.Thread(target=silenced) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.path.samestat(os.fstat(2), before)
