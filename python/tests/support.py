"""A Redis for the tests, with the function library in it; and the program `pond`."""
import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time

from millpond import pond_path

_server = None


def program():
    """The path of the program that is tried."""
    return os.environ.get("POND") or pond_path()


def pond(*arguments, url):
    """Runs `pond` and gives what it wrote."""
    environment = {**os.environ, "MILLPOND_REDIS_URL": url, "SWIFT_BACKTRACE": "enable=no"}
    return subprocess.run([program(), *arguments], env=environment, check=True, capture_output=True, text=True).stdout


def _listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


def redis_url():
    """The address of a server of our own, started by the first call."""
    global _server
    if _server is None:
        folder = tempfile.mkdtemp()
        url = f"unix://{folder}/redis.sock"
        process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        atexit.register(lambda: (process.kill(), process.wait(), shutil.rmtree(folder)))
        deadline = time.monotonic() + 20
        while not _listens(f"{folder}/redis.sock"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)
        _server = url
    return _server
