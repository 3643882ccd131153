// uPlot in the page's colours. A chunk of its own: only `chart.tsx` imports it, and lazily.
import uPlot from 'uplot';
import { exact } from '../base/format';
import type { ChartProps, ChartSeries } from './chart';

export type Plot = { update: (times: string[], series: ChartSeries[]) => void; destroy: () => void };

export function makePlot(box: HTMLElement, props: ChartProps, height: number): Plot {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const format = props.format ?? ((value: number) => String(value));
  // On 24 hours, as all times of the pages.
  const clock = (seconds: number, step: number): string => {
    const date = new Date(seconds * 1000);
    const pad = (value: number) => String(value).padStart(2, '0');
    return step < 86_400 ? `${pad(date.getHours())}:${pad(date.getMinutes())}` : `${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  };
  const axis = { stroke: colour('muted'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const bars = props.bars && uPlot.paths.bars ? uPlot.paths.bars({ size: [0.8, 24] }) : null;
  const plot = new uPlot(
    {
      width: box.clientWidth || 300,
      height,
      padding: [10, 8, 0, 0],
      cursor: { y: false, points: { size: 6 } },
      legend: { live: true },
      scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
      axes: [{ ...axis, values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step)) }, { ...axis, size: 44, values: (_, ticks) => ticks.map(format) }],
      series: [
        { value: (_: uPlot, at: number | null) => (at === null ? '–' : exact(at * 1000).slice(0, 16)) },
        ...props.series.map((one) => {
          const stroke = colour(`chart-${one.tone ?? 'accent'}`);
          return {
            label: one.label,
            stroke,
            width: 1.5,
            points: { show: false },
            value: (_: uPlot, value: number | null) => (value === null ? '–' : format(value)),
            ...(bars ? { paths: bars, fill: stroke } : {}),
          };
        }),
      ],
    },
    data(props.times, props.series),
    box,
  );
  const observer = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height }));
  observer.observe(box);
  return {
    update: (times, series) => plot.setData(data(times, series)),
    destroy: () => {
      observer.disconnect();
      plot.destroy();
    },
  };
}

const data = (times: string[], series: ChartSeries[]): uPlot.AlignedData => [times.map((at) => Date.parse(at) / 1000), ...series.map((one) => one.values)];
