"""Whether a client sent the token that the server asks for."""

import hmac


def is_authorised(sent: str, token: str) -> bool:
    """Compares a header with "Bearer TOKEN", in a time that does not depend on the token.

    Args:
        sent: the header's value, "" where there was none.
        token: the token, or "" where none is needed.
    """
    return not token or hmac.compare_digest(sent.encode(), f"Bearer {token}".encode())
