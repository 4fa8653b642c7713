"""What the runtimes over a network share: address, token, retries, description."""

import logging
import os
import re
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from kgp.errors import KgpError, UsageError
from kgp.runtime.description import Description
from kgp.runtime.runtime import Explanation, Runtime

_log = logging.getLogger(__name__)
_ADDRESS = re.compile(r"(?P<scheme>\w+)://(?P<host>[^/]+:\d+)/(?P<model>[^/:]+)(?:/(?P<version>\d+))?/?")
_PAUSES = (0.2, 0.4, 0.8, 1.6)  # seconds between two tries
Result = TypeVar("Result")


class Unavailable(Exception):
    """The server does not answer now, but may soon."""


class Endpoint(Runtime):
    """A model behind a server. A subclass for each protocol implements `_call`.

    A token that the server wants is taken from the environment variable KGP_TOKEN, and the
    certificates that TLS trusts from the file that SSL_CERT_FILE names, else from the system.

    Args:
        address: SCHEME://HOST:PORT/MODEL or SCHEME://HOST:PORT/MODEL/VERSION.

    Raises:
        UsageError: the address is not of that form.
        KgpError: no kgp model answers there.
    """

    def __init__(self, address: str) -> None:
        match = _ADDRESS.fullmatch(address)
        if not match:
            raise UsageError(f"An address is SCHEME://HOST:PORT/MODEL[/VERSION], not {address!r}.")
        self.host, self.model = match["host"], match["model"]
        self.version = int(match["version"]) if match["version"] else None
        self.name = address
        token = os.environ.get("KGP_TOKEN", "").strip()
        self._authorization = {"authorization": f"Bearer {token}"} if token else {}
        answer = self._with_retries(lambda: self._call("describe", "request", np.zeros(1, np.int32), ("description",)))
        text = np.asarray(answer["description"]).reshape(-1)[0]
        text = text.decode() if isinstance(text, bytes) else str(text)
        super().__init__(address, Description.from_json(text, address))

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, heatmaps = self._ask("serving_default", images, "logits", "heatmap")
        return logits, heatmaps

    def _explain(self, images: np.ndarray) -> Explanation:
        return Explanation(*self._ask("explain", images, "logits", "heatmap", "contributions", "constant"))

    def _ask(self, signature: str, images: np.ndarray, *outputs: str) -> list[np.ndarray]:
        """The named outputs of a signature for raw intensities, in that order, float32."""
        answer = self._with_retries(lambda: self._call(signature, "images", images, outputs))
        return [answer[name].astype(np.float32) for name in outputs]

    def _call(self, signature: str, name: str, value: np.ndarray, outputs: tuple[str, ...]) -> dict[str, np.ndarray]:
        """The named outputs of a signature with one input.

        Raises:
            Unavailable: the server cannot answer now.
            KgpError: it refuses the request.
        """
        raise NotImplementedError

    def _with_retries(self, call: Callable[[], Result]) -> Result:
        """Calls again, with growing pauses, while the server is not available.

        Raises:
            KgpError: it is still not available at the last try.
        """
        for pause in _PAUSES:
            try:
                return call()
            except Unavailable as error:
                _log.info("%s does not answer (%s); trying again in %.1f s", self.name, error, pause)
                time.sleep(pause)
        try:
            return call()
        except Unavailable as error:
            raise KgpError(f"{self.name} does not answer: {error}.") from None

    def _refusal(self, signature: str, message: str, foreign: bool = True) -> KgpError:
        """The error for a refused request.

        Args:
            foreign: whether a server that has no such model or signature refuses in this way.
        """
        if signature == "describe" and foreign:
            return KgpError(f"{self.name} is no kgp model: it does not answer to the signature describe ({message}).")
        return KgpError(f"{self.name} refuses the request: {message}.")
