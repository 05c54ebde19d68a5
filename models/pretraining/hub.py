"""Files from the Hugging Face hub: its cache first, then a download, offline known in 3 s."""

import functools
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, HTTPError

from runs.errors import EosweepError

PROBE_SECONDS = 3.0


class WeightsUnavailableError(EosweepError):
    """Weights are not available here; the message says which file to put where.

    Attributes:
        reason: why not.
        remedy: what to do about it, the same for all weights of one kind.
        lacking: which weights, as the remedy names them.
    """

    def __init__(self, reason: str, remedy: str = "", lacking: str = "") -> None:
        told = f"{reason}; {remedy}" if remedy else reason
        super().__init__(f"{told}: {lacking}" if lacking else told)
        self.reason, self.remedy, self.lacking = reason, remedy, lacking


class HubUnreachableError(WeightsUnavailableError):
    """Not in the hub's cache, and there is no network."""


def from_hub(repository: str, filename: str) -> Path:
    """The path of a hub's file on this machine, downloaded if it is not in the hub's cache.

    Args:
        repository: `owner/name`, optionally `owner/name@revision`.
        filename: the file in the repository.

    Raises:
        HubUnreachableError: not in the cache, and the hub cannot be reached.
        WeightsUnavailableError: not in the cache, and it cannot be downloaded.
    """
    name, _, revision = repository.partition("@")
    try:
        cached = try_to_load_from_cache(name, filename, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        if not hub_reachable():
            raise HubUnreachableError(
                f"{repository} is not in the hub's cache, and the hub cannot be reached"
            )
        return Path(hf_hub_download(name, filename, revision=revision or None))
    except (HTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WeightsUnavailableError(
            f"{filename} of {repository} could not be downloaded from the hub ({reason})"
        ) from error


def hub_reachable() -> bool:
    """Whether a download makes sense; asked of the network once a process and endpoint.

    The hub's client retries for half a minute without a network, one connection tells in 3 s.
    """
    return not constants.HF_HUB_OFFLINE and _answers(*_gateway(constants.ENDPOINT))


def _gateway(endpoint: str) -> tuple[str, int]:
    """Host and port that a request to `endpoint` first connects to: a proxy's, or its own."""
    url = urlsplit(endpoint)
    proxy = getproxies().get(url.scheme)
    if proxy and not proxy_bypass(url.hostname or ""):
        url = urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
    return url.hostname or "", url.port or {"http": 80}.get(url.scheme, 443)


@functools.cache
def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True
