"""Whether workers still work. A hung one, as on a dead file system, says and does nothing.

A worker tells every few seconds how much processor time the thread that does its jobs has used. An
epoch may take hours: as long as something is computed, the number grows. In a read that never
returns it stays the same, or nothing is told any more. It is told through the key-value store of
Ray, which reaches the driver from any machine, without a disk.
"""

import threading
import time
from collections.abc import Iterable, Mapping

import ray
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_put

NAMESPACE = "beats of workers"
BEATS = 5
"""In the time after which a worker counts as hung it beats so often, or every `BEAT_S`."""
BEAT_S = 10.0


def beat(stall_s: float) -> None:
    """Tell from now on how much processor time the calling thread uses, in a worker."""
    actor = ray.get_runtime_context().get_actor_id()
    clock = time.pthread_getcpuclockid(threading.get_ident())

    def tell() -> None:
        while True:
            _internal_kv_put(actor, str(time.clock_gettime_ns(clock)), namespace=NAMESPACE)
            time.sleep(min(stall_s / BEATS, BEAT_S))

    threading.Thread(target=tell, daemon=True, name="beat").start()


class Pulse:
    """Listens, in the driver.

    Args:
        stall_s: a worker that has not used its processor for so long hangs.
    """

    def __init__(self, stall_s: float) -> None:
        self.stall_s = stall_s
        self._last: dict[str, tuple[bytes | None, float]] = {}
        self._asked = -stall_s

    def hung(self, workers: Mapping[str, str]) -> Iterable[str]:
        """The jobs whose worker hangs; `workers` has the ids of Ray's actors by job."""
        now = time.monotonic()
        if now - self._asked < min(self.stall_s / BEATS, BEAT_S):
            return []
        self._asked = now
        told = {job: _internal_kv_get(actor, namespace=NAMESPACE) for job, actor in workers.items()}
        self._last = {
            job: self._last[job]
            if job in self._last and self._last[job][0] == beat
            else (beat, now)
            for job, beat in told.items()
        }
        return [job for job, (_, since) in self._last.items() if now - since > self.stall_s]
