// Time series chart. uPlot is loaded when the first chart is shown.
import { useEffect, useRef, useState } from 'preact/hooks';
import { theme } from '../base/theme';
import type { Plot } from './plot';

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

export function Chart(props: ChartProps) {
  const { label, times, series, height = 180 } = props;
  const box = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<Plot>();
  const chosen = theme.value;
  const shape = series.map((one) => `${one.label} ${one.tone}`).join();

  useEffect(() => {
    let made: Plot | undefined;
    let gone = false;
    void import('./plot').then(({ makePlot }) => {
      if (gone || !box.current) return;
      made = makePlot(box.current, props, height);
      setPlot(made);
    });
    return () => {
      gone = true;
      made?.destroy();
    };
  }, [shape, chosen, props.bars, height]);
  useEffect(() => plot?.update(times, series), [plot, times, series]);

  const latest = series.map((one) => `${one.label} ${one.values.at(-1) ?? 'none'}`).join(', ');
  return <figure class="chart" ref={box} role="img" aria-label={`${label}. Latest: ${latest}`} />;
}
