"""Holds every reading until the gateway has acknowledged it.

Promises: a reading that `add` took is given out by `take` again and again until an ack names it, also after a power cut
if it was in flash by then. What no ack has named `PATIENCE` ms after it was measured goes to flash, all of it in one
append, because closing a file costs LittleFS some 2 kB however little is in it. While acks come in time nothing is
written. When the room in flash is nearly used up old readings are thinned before any is dropped, see thinning.py, and
what is given up is given out as a loss in its place: docs/messages.md, "Losses".
Neither the start nor any call fails on what flash does, see store.py. Where it takes nothing the newest readings stay in
RAM. Memory does not grow with the backlog.
Does not promise: that a reading is given out only once, nor that readings younger than `PATIENCE` survive a power cut,
nor an exact `lost`; acks are forgotten at a restart.
"""

from record import MOST_DEFINITIONS, Dictionary, write_json
from store import Store

PATIENCE = 25000  # ms; with the second between two calls of `keep` a power cut costs below 30 s of readings
RAM_LIMIT = 20  # readings in RAM that go to flash at once, however young they are


class Acks:
    """What the gateway has said of each boot, since this start."""

    def __init__(self):
        self._boots = {}  # boot → up to which seq, and the ranges beyond

    def up_to(self, boot):
        return self._boots[boot][0] if boot in self._boots else -1

    def learn(self, boot, up_to, beyond):
        up_to = max(up_to, self.up_to(boot))
        self._boots[boot] = up_to, [(first, last) for first, last in beyond if last > up_to]

    def covers(self, boot, first, last):
        """Whether all from `first` to `last` is acknowledged."""
        up_to, beyond = self._boots.get(boot, (-1, ()))
        first = max(first, up_to + 1)
        return last < first or any([start <= first and last <= end for start, end in beyond])


class Spool:
    """The readings of this start (`boot`) and, in `folder`, those that earlier starts could not deliver.

    `limit` bounds the bytes in the folder, `say` prints one line on the console. Reads the folder once, at the start.
    """

    def __init__(self, folder, boot, limit, say=print):
        self.boot = boot
        self._limit = limit
        self._seq = 0
        self._dictionary = Dictionary()
        self._ram = []  # [seq, up, offset, record, taken, dictionary]
        self._acks = Acks()
        self._store = Store(folder, limit, self._acks, say)

    @property
    def lost(self):
        """Readings that were given up since the start."""
        return self._store.lost

    @property
    def flash_fails(self):
        """Whether flash took nothing when it was last written to."""
        return self._store.fails

    def add(self, source, up, utc, values, error):
        """Takes a reading of `source` (`name`, `model`, `measurement`, `signals`), measured `up` ms after boot, `utc` in
        ms or None. `values` maps names to (integer, decimals), bool or str; `error` is a str or None.
        """
        dictionary = self._dictionary
        is_free = not self._ram and self._store.open is None
        if len(dictionary.definitions) >= MOST_DEFINITIONS or (is_free and dictionary.has_outgrown()):
            self._dictionary = Dictionary(dictionary.next)
        record = self._dictionary.encode(source, values, error)
        self._ram.append([self._seq, up, None if utc is None else utc - up, record, False, self._dictionary])
        self._seq += 1

    def take(self, text):
        """The next reading to publish, (boot, seq, up), or None: fresh ones first, then the backlog in order.

        Its JSON without the brace at its end is appended to `text`, a bytearray.
        """
        for held in self._ram:
            if not held[4]:
                held[4] = True
                boot, record, definitions = self.boot, held, held[5].definitions
                break
        else:
            found = self._store.next(self.boot, self._dictionary.definitions)
            if found is None:
                return None
            boot, record, definitions = found
        seq, up, offset = record[:3]
        write_json(text, definitions, None if offset is None else offset + up, record[3])
        return boot, seq, up

    def rewind(self):
        """From now on `take` gives out again everything that is not acknowledged."""
        for held in self._ram:
            held[4] = False
        self._store.rewind()

    def acknowledge(self, boot, up_to, beyond):
        """Everything of `boot` up to seq `up_to`, and in the ranges `beyond` (first, last), is safe at the gateway."""
        self._acks.learn(boot, up_to, beyond)
        if boot == self.boot:
            self._ram = [held for held in self._ram if not self._acks.covers(boot, held[0], held[0])]
        self._store.acknowledge(boot)

    def oldest(self, boot):
        """Lowest seq of `boot` that is still held; the next one of this boot if none is."""
        held = [max(seq, self._acks.up_to(boot) + 1) for seq in self._store.seqs(boot)]
        if boot == self.boot:
            held.append(self._ram[0][0] if self._ram else self._seq)
        return min(held)

    def readings(self):
        """How many readings are not acknowledged, in RAM and flash."""
        return len(self._ram) + self._store.readings()

    def report(self):
        """For the technician: readings held, those of them in flash, its bytes and their limit, readings lost."""
        return {
            "readings": self.readings(),
            "in_flash": self._store.readings(),
            "flash_bytes": self._store.used(),
            "flash_limit": self._limit,
            "lost": self.lost,
        }

    def keep(self, now):
        """Writes to flash what is due, and thins a little; call it every second or so. `now` is ms since boot."""
        if self._ram and (now - self._ram[0][1] >= PATIENCE or len(self._ram) >= RAM_LIMIT):
            self.write()
            while len(self._ram) >= 2 * RAM_LIMIT:  # flash takes nothing: the oldest go, so that the board goes on
                from loss import join_oldest

                self._store.lost += join_oldest(self._ram)
        self._store.thin()

    def write(self):
        """Writes to flash what is in RAM, due or not: for an orderly end."""
        while self._ram:
            dictionary = self._ram[0][5]
            due = [held for held in self._ram if held[5] is dictionary]
            if not self._store.write(self.boot, dictionary.definitions, due):
                return
            self._ram = self._ram[len(due) :]
