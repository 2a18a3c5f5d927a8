import gc

gc.threshold(4096)  # bytes between two collections: the heap has to keep room in one piece, from the first import on
import unit

unit.run()
