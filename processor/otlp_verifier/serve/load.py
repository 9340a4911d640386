"""What is being served at this moment, against how much may be."""

import threading
import time


class Load:
    """Counts open streams and requests in flight.

    A request is in flight from the moment its message has been read until its
    answer has been handed to the transport.
    """

    def __init__(self, streams_max: int, requests_max: int) -> None:
        self._lock = threading.Lock()
        self._streams_max = streams_max
        self._requests_max = requests_max
        self._last_end_s = 0.0
        self.streams = 0
        self.requests = 0

    def open_stream(self) -> bool:
        """Count one more stream; False, and nothing counted, when there are as many as may be."""
        with self._lock:
            if self.streams >= self._streams_max:
                return False
            self.streams += 1
            return True

    def close_stream(self) -> None:
        """Take back what `open_stream` counted."""
        with self._lock:
            self.streams -= 1

    def begin_request(self) -> bool:
        """Count one more request, in any case; False when that is more than may be."""
        with self._lock:
            self.requests += 1
            return self.requests <= self._requests_max

    def end_request(self) -> None:
        """Take back what `begin_request` counted, whatever it returned."""
        with self._lock:
            self.requests -= 1
            self._last_end_s = time.monotonic()

    def quiet_for_s(self) -> float:
        """Seconds since the last request ended; 0 while any is in flight."""
        with self._lock:
            return 0.0 if self.requests else time.monotonic() - self._last_end_s
