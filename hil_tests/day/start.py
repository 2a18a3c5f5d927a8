"""`micropython start.py IMAGE FREE`: the flash image on "/", the stand-ins, and then the firmware's own main.py.

The firmware gets FREE bytes of heap, whatever the stand-ins take: what is more than that is allocated for good.
"""

import gc
import os
import sys

import vfs

vfs.mount(vfs.VfsPosix("/"), "/.host")
vfs.umount("/")
sys.path[:] = ["", ".frozen", "/lib", "/.host" + sys.path[0], "/.host" + sys.path[0] + "/../board_shim"]
import flash

flash.mount("/.host" + sys.argv[1], "/")
os.chdir("/")
sys.path[:] = sys.path[:3]
import day

day.begin()
with open("main.py") as file:
    program = file.read()
gc.collect()
ballast = bytearray(gc.mem_free() - int(sys.argv[2]) - 64)
gc.collect()
try:
    exec(program)
except day.Done as done:
    day.end(done)
