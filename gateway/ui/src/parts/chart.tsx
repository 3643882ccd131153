// Time series chart. What draws it is loaded when the first chart is shown.
import { lazy } from './lazy';

export type ChartSeries = { label: string; values: (number | null)[]; tone?: 'accent' | 'good' | 'bad' | 'warn' | 'plain' };
export type ChartProps = {
  label: string;
  /** RFC 3339 times of the steps. */
  times: string[];
  series: ChartSeries[];
  /** Text of a value, for the axis and the legend. */
  format?: (value: number) => string;
  /** Bars in place of lines. */
  bars?: boolean;
  height?: number;
};

export const Chart = lazy<ChartProps>(() => import('./plot').then((part) => part.Plot), <figure class="chart" />);
