"""The LED, for eyes on a boat: after a pause of 2 s it blinks as often as the number of what is wrong.

| blinks | what it means | look at |
| --- | --- | --- |
| 1 | all well: the devices answer, the gateway has what they said | |
| 2 | no bus: a device does not answer | A/B wiring, the device's address, its supply |
| 3 | no Wi-Fi | the village's access point, ssid and password, the antenna |
| 4 | no gateway: no reading was acknowledged for 2 minutes | the gateway's power, its address, the unit's password |
| 5 | the unit's settings or profiles cannot be used | `make doctor` says which; `make flash UNIT=…` |

Dark: no power, or the board starts. Lit without a pause: the firmware hangs, and the watchdog restarts it within 2
minutes. Of several things that are wrong the first in this table is shown. Readings are kept in all of them but 5.
"""

import asyncio

WELL, NO_BUS, NO_WIFI, NO_GATEWAY, NO_SETTINGS = 1, 2, 3, 4, 5
ON, OFF, PAUSE = 0.25, 0.35, 2  # seconds


async def blink(light, blinks, sleep=asyncio.sleep):
    """For ever. `light(on)` is a pin, `blinks()` tells how often, asked before every group."""
    while True:
        await sleep(PAUSE)
        for _ in range(blinks()):
            light(1)
            await sleep(ON)
            light(0)
            await sleep(OFF)


def code(bus, wifi, gateway):
    """How often to blink; each argument tells whether that is well."""
    if not bus:
        return NO_BUS
    if not wifi:
        return NO_WIFI
    return WELL if gateway else NO_GATEWAY
