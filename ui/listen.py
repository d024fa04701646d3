"""Can the page listen there? Asked before anything heavy is loaded, and answered in one sentence."""

from __future__ import annotations

import errno
import re
import socket

from tools.core.errors import ResourceError


def check_address(host: str, port: int) -> None:
    """Bind the address for a moment.

    Raises:
        ResourceError: the address is none of this machine's, or the port is taken or reserved.
    """
    numbers = socket.AI_NUMERICHOST if re.fullmatch(r"[\d.]+", host) else 0  # no name server is asked about numbers
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numbers)[0]
    except (OSError, UnicodeError):
        raise _not_ours(host) from None
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a port just left is free
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise port_taken(port) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise ResourceError(
                f"Port {port} may not be used by an ordinary program.", hint="Choose one above 1023 with --port."
            ) from None
        raise _not_ours(host) from None


def port_taken(port: int) -> ResourceError:
    """That another program has the port."""
    free = port + 1 if port < 65535 else 7860
    return ResourceError(
        f"Port {port} is taken by another program.", hint=f"Choose a free one, for instance --port {free}."
    )


def _not_ours(host: str) -> ResourceError:
    return ResourceError(
        f"'{host}' is not an address of this machine.",
        hint="Use --host 127.0.0.1 for this machine alone, or --host 0.0.0.0 for the whole network.",
    )
