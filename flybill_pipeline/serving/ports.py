"""Whether a port of this machine can be listened at, told before anything is started. Listening itself: not here."""

import socket
from contextlib import ExitStack

from flybill_pipeline.settings import SettingsError

PORTS = range(1, 65_536)


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


def require_ports(*ports: int, options: str = "--port") -> None:
    """Raises SettingsError when one is no port on any machine, or two are the same. Takes none of them."""
    wrong = [port for port in ports if port not in PORTS]
    if wrong:
        raise SettingsError(f"{wrong[0]} is no port: choose one from {PORTS.start} to {PORTS.stop - 1} with {options}")
    if len(set(ports)) < len(ports):
        raise SettingsError(f"{ports[0]} cannot be used for both: choose another with {options}")
