#!/usr/bin/env python3
"""Makes thumbnails: {"source": "photo.jpg", "folder": "small", "size": 200}."""
import os

from millpond import Fail, handles, run

try:
    from PIL import Image, UnidentifiedImageError
except ImportError:
    raise SystemExit("Pillow is not installed; pip install pillow, or apt-get install python3-pil")


@handles("image.thumbnail")
def thumbnail(job):
    source, folder, size = job["data"]["source"], job["data"]["folder"], job["data"].get("size", 200)
    target = os.path.join(folder, os.path.splitext(os.path.basename(source))[0] + ".png")
    try:
        with Image.open(source) as image:
            job.heartbeat(0.2, "opened")
            image.thumbnail((size, size))
            os.makedirs(folder, exist_ok=True)
            # Under a name of its own first, so that a second run, or one that is cut off, leaves no half an image.
            unfinished = f"{target}.{os.getpid()}"
            image.save(unfinished, "PNG")
            os.replace(unfinished, target)
            return {"file": target, "width": image.width, "height": image.height}
    except FileNotFoundError:
        raise Fail(f"there is no file {source}", cause="no_file")
    except UnidentifiedImageError:
        raise Fail(f"{source} is no image", cause="no_image")


run()
