"""What the chip does before the firmware: flash on "/", then boot.py and main.py. The host's files are below /.host."""

import os
import sys
import vfs

import flash

_shim = sys.path[0]
_image = os.getenv("BOARD_FLASH")
_mode = os.getenv("BOARD_MODE")
vfs.mount(vfs.VfsPosix("/"), "/.host")
vfs.umount("/")
flash.mount("/.host" + _image, "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib", "/.host" + _shim]
import machine  # on the chip both are in ROM: compiled now, they are not in the way of the firmware's larger files
import network


def _run(name):
    try:
        with open(name) as file:
            program = compile(file.read(), name, "exec")
    except OSError:
        return
    try:
        exec(program, {"__name__": "__main__"})
    except (KeyboardInterrupt, Exception) as error:  # MicroPython prints it and goes to the prompt
        sys.print_exception(error)


_run("boot.py")
if _mode == "main":
    _run("main.py")
