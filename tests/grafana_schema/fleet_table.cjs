// The fleet's table as Grafana's own transformations (npm @grafana/data) make it of three units: one has an open alarm, one
// has nothing but a last reading. tools/grafana-fleet-table runs it; it prints the columns, and fails when they are others.
globalThis.window = { grafanaBootData: { settings: { featureToggles: {} } } };
globalThis.localStorage = { getItem: () => null };
const assert = require('node:assert');
const { readFileSync } = require('node:fs');
const data = require('@grafana/data');

const known = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
data.standardTransformersRegistry.setInit(() =>
  [...known.values()].map((one) => ({ id: one.id, name: one.name, transformation: one }))
);

const frame = (column, rows) =>
  data.toDataFrame({
    fields: ['Time', 'unit', column].map((name, index) => ({ name, values: rows.map((row) => row[index]) })),
  });
const frames = [
  frame('time_quality', [[10, 'raft-01', 'device'], [5, 'raft-02', 'device'], [1, 'raft-03', 'late']]),
  frame('soc', [[10, 'raft-01', 80], [5, 'raft-02', 20]]),
  frame('pv_power', [[10, 'raft-01', 300], [5, 'raft-02', 0]]),
  frame('spool_readings', [[10, 'raft-01', 3], [5, 'raft-02', 4]]),
  frame('begun', [[0, 'raft-01', 3], [0, 'raft-02', 4]]),
  frame('over', [[0, 'raft-01', -3]]),
];
const board = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const panel = board.panels.find((one) => one.type === 'table' && one.title === 'Units');

data.transformDataFrame(panel.transformations, frames).subscribe(([table]) => {
  const shown = Object.fromEntries(
    table.fields.map((field) => [data.getFieldDisplayName(field, table), [...field.values]])
  );
  console.log(shown);
  assert.deepStrictEqual(shown, {
    unit: ['raft-01', 'raft-02', 'raft-03'],
    'Last seen': [10, 5, 1],
    'State of charge': [80, 20, undefined],
    'PV now': [300, 0, undefined],
    'Backlog on the board': [3, 4, undefined],
    'Open alarms': [0, 4, 0],
  });
});
