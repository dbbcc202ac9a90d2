"""A virtual X server, for tests that look at a window."""
import os
import subprocess


class Screen:
    """An X server of its own, on the first free display, width x height."""

    def __init__(self, width, height):
        self.width, self.height = width, height

    def __enter__(self):
        self.reader, writer = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0",
                                        f"{self.width}x{self.height}x24"], pass_fds=[writer], stderr=subprocess.DEVNULL,
                                       env=dict(os.environ))
        os.close(writer)
        number = os.read(self.reader, 16).decode().strip()
        assert number, "Xvfb did not start"
        self.environment = {**os.environ, "DISPLAY": f":{number}"}
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()
        os.close(self.reader)
