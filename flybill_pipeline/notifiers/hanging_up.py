"""Ends a conversation that takes too long, whichever side is slow. Nothing about what is said.

A socket's own timeout is for each wait for a byte: one byte from time to time would keep it waiting for hours.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer

Sockets = Callable[[], list[socket.socket | None]]
"""What the conversation is held through at that moment."""


@contextmanager
def hung_up_after(seconds: float, sockets: Sockets) -> Iterator[Event]:
    """Shuts the sockets down when the block has not ended by then. Raises TimeoutError, however the block ends then:
    half of an answer may look like a whole one. What is yielded tells whether it was done.
    """
    late = Event()

    def hang_up() -> None:
        late.set()
        for each in sockets():
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"not done after {seconds} seconds") from None
