// What of Grafana's own types our dashboards are checked against: tools/grafana-schema makes a JSON Schema of `Checked`.
import { Dashboard, GraphFieldConfig, TableFieldOptions } from '@grafana/schema';
import { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.js';
import {
  Options as StateTimeline,
  FieldConfig as StateTimelineField,
} from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen.js';
import { Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.js';
import { Options as TimeSeries } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.js';

export type Checked = {
  dashboard: Dashboard;
  options: { stat: Stat; 'state-timeline': StateTimeline; table: Table; timeseries: TimeSeries };
  custom: {
    'state-timeline': Partial<StateTimelineField>;
    table: Partial<TableFieldOptions>;
    timeseries: Partial<GraphFieldConfig>;
  };
};
