"""Where prepared slices are kept when nobody says where."""

from pathlib import Path

HELP = "where prepared slices are kept (default: kgp's folder in the user's cache, which kgp cache list names)"


def default_cache() -> Path:
    """kgp's own folder among the caches of the user, where the platform has them."""
    import platformdirs

    return platformdirs.user_cache_path("kgp", appauthor=False)
