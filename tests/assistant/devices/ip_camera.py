"""A camera in the network without a network: MJPEG over HTTP on loopback, with a sensor's noise, which can stop, freeze and be cut."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from assistant.devices.camera_sources import Frame


class IpCamera:
    """What a phone with an IP webcam sends."""

    def __init__(self, picture: Frame, port: int = 0) -> None:
        """`picture`: blue green red. `mode` may be changed at any time: run, freeze, dark, hang or cut."""
        self.mode = "run"
        self.show(picture)
        self.watchers = self.number = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Silent."""

            def do_GET(self) -> None:
                server.watchers += 1
                try:
                    server.send(self)
                except OSError:
                    pass  # the camera let go
                finally:
                    server.watchers -= 1

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def show(self, picture: Frame) -> None:
        """Send this from now on; its frames are made here, so that sending them takes next to no time."""
        self._dark = _jpeg(np.zeros_like(picture))
        self._frames = [_jpeg(_noisy(picture, number)) for number in range(8)]

    def send(self, to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        to.end_headers()
        while self.mode != "cut":
            if self.mode != "hang":
                self.number += self.mode == "run"
                frames = self._frames
                # In no regular order: who looks at every eighth frame must not see one and the same.
                data = self._dark if self.mode == "dark" else frames[(self.number * 2654435761 >> 7) % len(frames)]
                head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                to.wfile.write(head + data + b"\r\n")
            time.sleep(1 / 15)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def close(self) -> None:
        self.mode = "cut"
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _noisy(picture: Frame, number: int) -> Frame:
    """Noise of two grey levels; no two frames in a row are alike to the last bit."""
    strip = np.random.default_rng(number).normal(0, 2, (64, *picture.shape[1:]))
    noise = np.tile(strip, (-(-len(picture) // 64), 1, 1))[: len(picture)]
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _jpeg(frame: Frame) -> bytes:
    return cv2.imencode(".jpg", frame)[1].tobytes()
