"""One device on the bus: what it is asked, and what is known of it.

What a device refuses is not asked again in every poll: a span it refuses whole with exception 2 is divided, and what
cannot be divided any more is left out of `reads` until `start_anew`. Both last while the device is there: one that comes
back may have another firmware.
"""

from presence import Presence
from tally import Tally


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
        self.start_anew()

    def start_anew(self):
        """Its layout is not known, and all that the profile asks for is asked again."""
        self.is_settled = False
        self.reads = self.profile.reads  # these lists are the profile's: they are replaced, never changed
        self.optional = self.profile.optional
        self.refused = []
        self.refusal = None  # the reason of the first that no other firmware lacks

    def refuse(self, block, reason, divisible):
        """The device refuses `block` of `reads`: its halves stand there now, or nothing if it cannot be divided."""
        halves = list(self.profile.split(block) or ()) if divisible else []
        index = self.reads.index(block)
        self.reads = self.reads[:index] + halves + self.reads[index + 1 :]
        if not halves:
            self.refused = self.refused + [block]
            if block not in self.optional and self.refusal is None:
                self.refusal = reason
        elif block in self.optional:
            self.optional = self.optional + halves

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
