"""Runs under CPython and MicroPython; see run.py."""

import json
import random

from loss import DAMAGED, FULL, THINNED, grow, told
from record import (
    LOSS,
    MOST_DEFINITIONS,
    Dictionary,
    layout_of,
    loss_in,
    packed,
    signed,
    write_json,
    unpacked,
    unsigned,
)


class Source:
    name, model, measurement = "bms1", "jk_pb", "bms"

    def __init__(self, *signals):
        self.signals = signals


CELLS = Source(*["cell_%02d_voltage" % cell for cell in range(1, 17)] + ["current", "balancing", "soc"])


def cells(base, current=0, **more):
    values = {"cell_%02d_voltage" % cell: (base + cell % 5, 3) for cell in range(1, 17)}
    values["current"] = (current, 3)
    values.update(more)
    return values


def text_of(dictionary, record, t=None):
    text = bytearray()
    write_json(text, dictionary.definitions, t, record)
    return bytes(text).decode()


def back(source, values, error=None, t=None):
    dictionary = Dictionary()
    return text_of(dictionary, dictionary.encode(source, values, error), t)


def test_numbers_come_back_as_they_went_in():
    numbers = [0, 1, 7, 8, 63, 64, 1 << 31, (1 << 53) - 1]
    for count in range(len(numbers)):
        back = list(unpacked(packed(numbers[:count])))
        assert back[:count] == numbers[:count] and back[count:] in ([], [0])
    for number in numbers:
        assert signed(unsigned(number)) == number and signed(unsigned(-number)) == -number


def test_a_small_change_takes_half_a_byte():
    assert len(packed([unsigned(value) for value in (0, 1, -1, 3, -4)])) == 3


def test_a_reading_has_exactly_the_digits_of_its_registers():
    source = Source("pack_voltage", "current", "energy_today", "soc", "remaining_capacity", "balancing", "stage")
    values = {
        "pack_voltage": (52287, 3), "current": (-5, 2), "energy_today": (5, -1), "soc": (73, 0),
        "remaining_capacity": (4294967295, 3), "balancing": True, "stage": 'Lan "Hạ"',
    }  # fmt: skip
    assert back(source, values, None, 1_795_562_958_755) == (
        '{"device":"bms1","model":"jk_pb","measurement":"bms","t":1795562958755,"signals":{"pack_voltage":52.287,'
        '"current":-0.05,"energy_today":50,"soc":73,"remaining_capacity":4294967.295,"balancing":true,"stage":%s}'
        % json.dumps('Lan "Hạ"')
    )


def test_what_was_not_read_is_absent():
    assert back(Source("soc", "soh"), {"soh": (99, 0)}).endswith('"signals":{"soh":99}')
    assert back(CELLS, {}, "bms1: no answer").endswith('"t":null,"signals":{},"error":"bms1: no answer"')


def test_later_readings_are_short():
    dictionary = Dictionary()
    first = dictionary.encode(CELLS, cells(3300), None)
    later = dictionary.encode(CELLS, cells(3417, -12345), None)
    assert len(first) <= 4 and len(later) <= 8, (len(first), len(later))
    assert json.loads(text_of(dictionary, later) + "}")["signals"]["cell_16_voltage"] == 3.418


def test_every_record_stands_alone():
    dictionary = Dictionary()
    records = [dictionary.encode(CELLS, cells(3000 + 40 * number, number), None) for number in range(20)]
    random.seed(1)
    for number in sorted(range(20), key=lambda _: random.random()):
        signals = json.loads(text_of(dictionary, records[number]) + "}")["signals"]
        assert round(1000 * signals["cell_05_voltage"]) == 3000 + 40 * number


def test_signals_come_and_go_and_change_their_kind():
    dictionary = Dictionary()
    for values in (
        {}, cells(3300), {"current": (1, 3)}, cells(3301, soc=(50, 0)), cells(3302, soc=(505, 1)), cells(3302, soc="odd"),
        cells(3302, soc=False), {}, {"cell_02_voltage": (0, 3), "cell_03_voltage": (1, 3)},
    ):  # fmt: skip
        record = dictionary.encode(CELLS, values, None)
        assert text_of(dictionary, record) == back(CELLS, values), values


def test_random_readings_come_back():
    random.seed(7)
    names = ["cell_%02d_voltage" % cell for cell in range(1, 9)] + ["temperature_1", "temperature_2", "stage", "faults"]
    source = Source(*names)
    dictionary = Dictionary()
    for _ in range(300):
        values = {}
        for name in names:
            kind = random.randint(0, 9)
            if kind < 6:
                values[name] = (random.randint(-(1 << random.randint(0, 32)), 1 << 32), random.randint(-3, 6))
            elif kind < 8:
                values[name] = random.choice((True, False, "night", "float", "fault"))
        error = random.choice((None, "no answer", "refuses"))
        if len(dictionary.definitions) >= MOST_DEFINITIONS:
            dictionary = Dictionary(dictionary.next)
        record = dictionary.encode(source, values, error)
        assert text_of(dictionary, record) == back(source, values, error)


def test_the_same_layout_and_the_same_words_are_defined_once():
    dictionary = Dictionary()
    source = Source("stage", "soc")
    for soc in range(100):
        dictionary.encode(source, {"stage": ("night", "float")[soc % 2], "soc": (soc, 0)}, "no answer")
    assert len(dictionary.definitions) == 4


def test_a_device_that_gets_other_signals_gets_another_layout():
    dictionary = Dictionary()
    first = dictionary.encode(Source("soc"), {"soc": (1, 0)}, None)
    second = dictionary.encode(Source("soh"), {"soh": (2, 0)}, None)
    assert layout_of(first) != layout_of(second)
    assert '{"soc":1}' in text_of(dictionary, first) and '{"soh":2}' in text_of(dictionary, second)


def test_a_dictionary_is_full_in_time_and_the_next_one_counts_on():
    dictionary = Dictionary()
    while len(dictionary.definitions) < MOST_DEFINITIONS:
        dictionary.encode(CELLS, {}, "error %d" % dictionary.next)
    assert dictionary.next == MOST_DEFINITIONS + 1
    later = Dictionary(dictionary.next)
    later.encode(CELLS, {}, "x")
    assert not set(later.definitions) & set(dictionary.definitions)


def test_a_word_whose_definition_is_gone_is_left_out():
    dictionary = Dictionary()
    record = dictionary.encode(Source("stage", "soc"), {"stage": "night", "soc": (7, 0)}, "no answer")
    for number, definition in list(dictionary.definitions.items()):
        if definition in (b"night", b"no answer"):
            del dictionary.definitions[number]
    assert text_of(dictionary, record).endswith('"signals":{"soc":7},"error":"its text is damaged"')


def test_a_loss_is_a_reading_of_the_board():
    losses = {}
    grow(losses, FULL, 24, 2000, 5, 17, 40, 390_001)
    ((seq, up, offset, record),) = told(losses)
    assert (seq, up, offset) == (24, 2000, 5)
    assert layout_of(record) == LOSS and loss_in(record) == [17, 40, 390_001, FULL]
    text = bytearray()
    write_json(text, {}, 1_795_562_958_755, record)
    assert json.loads(text + b"}") == {
        "device": "board", "model": "esp32", "measurement": "loss", "t": 1_795_562_958_755,
        "signals": {"readings": 17, "last_seq": 40, "duration": 390.001, "reason": "spool_full"},
    }  # fmt: skip


def test_a_loss_grows_from_the_first_to_the_last_and_one_for_each_reason():
    losses = {}
    grow(losses, THINNED, 10, 1000, None)
    grow(losses, DAMAGED, 12, 1200, None)
    grow(losses, THINNED, 20, 2000, 7)
    grow(losses, THINNED, 5, 500, 3, 4, 30, 9500)
    grow(losses, THINNED, 6, 600, 3)
    records = {loss_in(each[3])[3]: each for each in told(losses)}
    assert records[THINNED][:3] == (5, 500, 3) and loss_in(records[THINNED][3]) == [7, 30, 9500, THINNED]
    assert records[DAMAGED][:3] == (12, 1200, None) and loss_in(records[DAMAGED][3]) == [1, 12, 0, DAMAGED]
