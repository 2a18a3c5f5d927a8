"""TLS to the broker with its certificate checked, which MicroPython's TLS does not do unless it is told to.

What cannot be checked is whether the certificate is still valid today, because the board does not know what day it is
before it has heard the gateway: docs/decisions/003. Only a unit with a CA in its settings loads this room.
"""

import binascii
import ssl


def checked(ca):
    """An SSLContext that trusts only what the CA has signed; `ca` is its certificate in base64. Raises ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined] # the stubs lack it, the port has it
    context.load_verify_locations(cadata=binascii.a2b_base64(ca))
    return context
