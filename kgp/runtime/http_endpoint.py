"""A model behind TensorFlow Serving's REST protocol as a runtime: exact, but slower than gRPC."""

import functools
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from kgp.runtime.endpoint import Endpoint, Unavailable

_SECONDS = 120.0
_UNAVAILABLE = (429, 502, 503)
_FOREIGN = (400, 404, 405, 501)


class HttpEndpoint(Endpoint):
    """See `Endpoint`; the address is http://HOST:PORT/MODEL or https://..."""

    batch = 4  # text takes several times the memory of the numbers

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Not the process's own, which keeps the certificates that it trusted at its first call."""
        return urllib.request.build_opener()

    def _call(self, signature: str, name: str, value: np.ndarray, outputs: tuple[str, ...]) -> dict[str, np.ndarray]:
        scheme = self.name.partition("://")[0]
        version = "" if self.version is None else f"/versions/{self.version}"
        request = urllib.request.Request(
            f"{scheme}://{self.host}/v1/models/{urllib.parse.quote(self.model)}{version}:predict",
            data=json.dumps({"signature_name": signature, "inputs": {name: value.tolist()}}).encode(),
            headers={"Content-Type": "application/json", **self._authorization},
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                answer = json.load(response)["outputs"]
            if not isinstance(answer, dict):  # a signature with one output answers without its name
                answer = {outputs[0]: answer}
            return {key: np.array(answer[key]) for key in outputs}
        except urllib.error.HTTPError as error:
            message = error.read(1000).decode(errors="replace")
            if error.code in _UNAVAILABLE:
                raise Unavailable(message) from None
            raise self._refusal(signature, f"HTTP {error.code}, {message}", error.code in _FOREIGN) from None
        except TimeoutError:
            raise self._refusal(signature, f"no answer came in {_SECONDS:.0f} s", foreign=False) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(getattr(error, "reason", error)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise self._refusal(signature, f"no answer of a model server: {error}") from None
