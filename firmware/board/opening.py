"""How a connection to the broker begins, part of mqtt.py that works once a connection; see seldom.py."""

import umqtt.simple

from mqtt import DEADLINE, Lost, Refused

_CONNACK = 2
_SUBACK = 9


async def connect(client):
    answer = await _asked(client, _CONNACK, umqtt.simple.MQTTClient.connect, True)
    if len(answer) != 4:
        raise Lost("broker sent a malformed CONNACK")
    if answer[3] in (4, 5):
        raise Refused(
            "broker refuses the password of %s; [broker] of its settings has to have the gateway's"
            % client.user.decode()
        )
    if answer[3]:
        raise Refused("broker refuses the connection with code %d" % answer[3])


async def subscribe(client, topic):
    answer = await _asked(client, _SUBACK, umqtt.simple.MQTTClient.subscribe, topic, 1)
    if len(answer) != 5 or answer[2] << 8 | answer[3] != client.pid:
        raise Lost("broker sent a SUBACK that fits no subscription")
    if answer[4] & 0x80:
        raise Refused("broker refuses to let us hear %s; check its ACL" % topic.decode())


def untrusted(error):
    """For the ValueError with which MicroPython's TLS tells what it has against the broker's certificate."""
    reason = str(error).strip().replace("\n", "; ")
    return Refused("broker's certificate is refused: %s; see ca and name in [broker] of the unit's settings" % reason)


async def _asked(client, kind, call, *arguments):
    client.make(call, *arguments)
    await client.send()
    answer = await client.next_packet(DEADLINE)
    if answer is None:
        raise Lost("broker does not answer in %d s" % DEADLINE)
    if answer[0] >> 4 != kind:
        raise Lost("broker sent a packet out of turn: %s" % answer[:4].hex())
    return answer
