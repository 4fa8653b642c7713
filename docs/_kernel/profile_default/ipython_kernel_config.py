"""Kernels speak to the build over loopback TCP and need not warn of it; errors are still said."""

c = get_config()  # noqa: F821  (IPython gives it)
c.Application.log_level = "ERROR"
