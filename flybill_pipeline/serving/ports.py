"""Whether a port of this machine can be listened at, told before anything is started. Listening itself: not here."""

import socket
from contextlib import ExitStack

from flybill_pipeline.settings import SettingsError


def require_free(*ports: int, options: str = "--port") -> None:
    """Raises SettingsError when one of the ports is taken, is no port, or may not be used by us. 0 is any free one."""
    with ExitStack() as taken:
        for port in ports:
            try:
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                raise SettingsError(
                    f"Port {port} cannot be used on this machine: choose another with {options}"
                ) from None
