"""`micropython install.py IMAGE FOLDER` copies what is in FOLDER into the flash image; the other files there stay."""

import os
import sys

import flash

_DIRECTORY = 0x4000


def copy(source, target):
    for name, kind, *_ in os.ilistdir(source):
        if name in (".", ".."):
            continue
        if kind == _DIRECTORY:
            try:
                os.mkdir(target + "/" + name)
            except OSError:  # it is there
                pass
            copy(source + "/" + name, target + "/" + name)
        else:
            with open(source + "/" + name, "rb") as read, open(target + "/" + name, "wb") as write:
                write.write(read.read())


flash.mount(sys.argv[1], "/flash")
copy(sys.argv[2], "/flash")
