"""One device on the bus: what it is asked, and what is known of it.

What a device refuses is not asked again in every poll: a span it refuses whole with exception 2 is divided, and what
cannot be divided any more is left out of `reads`. An optional block that is not answered in `OFFLINE_AFTER` polls in a
row, though others are, is taken for refused. All that lasts until the device comes back from offline, maybe with
another firmware, or until `_REFUSALS_LAST` after the last refusal, because a device that is only starting may refuse what
it has.
"""

from presence import OFFLINE_AFTER, Presence
from tally import Tally

_REFUSALS_LAST = 3600000  # ms


class Device:
    """Also the source of its readings. `profile` is a decode.Profile of its own, because it may settle a layout."""

    def __init__(self, name, address, profile):
        self.name = name
        self.model = profile.model
        self.measurement = profile.measurement
        self.signals = profile.signals
        self.address = address
        self.profile = profile
        self.presence = Presence()
        self.tally = Tally(name, profile.model)
        self.error = None  # of the last poll
        self._refused_at = 0
        self.silences = 0  # of optional blocks, in a row
        self.start_anew()

    def start_anew(self, is_settled=False):
        """All that the profile asks for is asked again, and before it the layout, unless that `is_settled`."""
        self.is_settled = is_settled
        self.reads = self.profile.reads  # these lists are the profile's: they are replaced, never changed
        self.optional = self.profile.optional
        self.refused = []
        self.refusal = None  # the reason of the first that no other firmware lacks

    def forget_old_refusals(self, now):
        """Asks again for what was refused too long ago; `now` is in ms since boot."""
        if self.reads is not self.profile.reads and now - self._refused_at >= _REFUSALS_LAST:
            self.start_anew(self.is_settled)

    def refuse(self, block, reason, divisible, now):
        """The device refuses `block` of `reads`: its halves stand there now, or nothing if it cannot be divided."""
        self._refused_at = now
        halves = list(self.profile.split(block) or ()) if divisible else []
        index = self.reads.index(block)
        self.reads = self.reads[:index] + halves + self.reads[index + 1 :]
        if not halves:
            self.refused = self.refused + [block]
            if block not in self.optional and self.refusal is None:
                self.refusal = reason
        elif block in self.optional:
            self.optional = self.optional + halves

    def is_silent(self, block, now):
        """Whether `block`, which was not answered though others were, is optional and not there: it is refused then."""
        if block not in self.optional:
            return False
        self.silences += 1
        if self.silences < OFFLINE_AFTER:
            return False
        self.refuse(block, None, False, now)
        return True

    def unread(self, read):
        """The blocks whose signals are not known when only those in `read` were; what may be missing is not one."""
        return [block for block in self.reads if block not in read] + [
            block for block in self.refused if block not in self.optional
        ]

    def report(self):
        """For the technician."""
        report = self.tally.report()
        report["name"] = self.name
        report["model"] = self.model
        report["address"] = self.address
        report["state"] = self.presence.state()
        report["error"] = self.error
        return report
