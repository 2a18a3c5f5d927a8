"""`micropython start.py SHIM IMAGE FREE`: the flash image on "/", the stand-ins, and then the firmware's own main.py.

SHIM is the folder of the rig's flash. The firmware gets FREE bytes of heap, whatever the stand-ins take: what is more than that is allocated for good.
"""

import gc
import os
import sys

import vfs

vfs.mount(vfs.VfsPosix("/"), "/.host")
vfs.umount("/")
sys.path[:] = ["", ".frozen", "/lib", "/.host" + sys.path[0], "/.host" + sys.argv[1]]
import flash

flash.mount("/.host" + sys.argv[2], "/")
os.chdir("/")
sys.path[:] = sys.path[:3]
import day

day.begin()
with open("main.py") as file:
    program = file.read()
gc.collect()
ballast = bytearray(gc.mem_free() - int(sys.argv[3]) - 64)
gc.collect()
try:
    exec(program)
except day.Done as done:
    day.end(done)
