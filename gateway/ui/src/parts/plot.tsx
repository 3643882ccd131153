// The chart itself, as inline SVG: lines or bars; the values under the pointer are in the legend. Only `chart.tsx` imports it, when one is shown.
import '../core';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { exact } from '../base/format';
import type { ChartProps, ChartSeries } from './chart';

/** Pixels around the plot: those of the axes' texts. */
const EDGE = { left: 46, right: 12, top: 10, bottom: 22 };
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
/** Distances of the marks of the time axis. */
const MARKS = [1, 5, 10, 15, 30, 60, 180, 360, 720, 1440, 2880, 10_080].map((minutes) => minutes * MINUTE);

export function Plot({ label, times, series, format = String, bars, height = 180 }: ChartProps) {
  const box = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState<number>();
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const moments = times.map((time) => Date.parse(time));
  const first = moments[0] ?? 0;
  const span = Math.max(1, (moments.at(-1) ?? 0) - first);
  const step = moments.length > 1 ? span / (moments.length - 1) : MINUTE;
  const plot = { width: Math.max(1, width - EDGE.left - EDGE.right), height: height - EDGE.top - EDGE.bottom };
  // Bars stand in the middle of their step, and so need half of one at each end.
  const scale = bars ? { from: first - step / 2, span: span + step } : { from: first, span };
  const x = (moment: number) => EDGE.left + ((moment - scale.from) / scale.span) * plot.width;
  const levels = ticks(series.reduce((most, one) => one.values.reduce<number>((high, value) => Math.max(high, value ?? 0), most), 1));
  const top = levels.at(-1) ?? 1;
  const y = (value: number) => EDGE.top + (1 - value / top) * plot.height;

  const point = (event: PointerEvent & { currentTarget: Element }) => {
    const moment = scale.from + ((event.clientX - event.currentTarget.getBoundingClientRect().left - EDGE.left) / plot.width) * scale.span;
    setAt(Math.min(moments.length - 1, Math.max(0, Math.round((moment - first) / step))));
  };
  const pointed = at === undefined ? undefined : moments[at];
  const latest = series.map((one) => `${one.label} ${one.values.at(-1) ?? 'none'}`).join(', ');
  return (
    <figure class="chart" ref={box}>
      <svg width={width} height={height} role="img" aria-label={`${label}. Latest: ${latest}`} onPointerMove={point} onPointerLeave={() => setAt(undefined)}>
        {levels.map((level) => (
          <g key={level}>
            <path class="chart-grid" d={`M${EDGE.left} ${Math.round(y(level)) + 0.5}h${plot.width}`} />
            <text x={EDGE.left - 8} y={y(level) + 4} text-anchor="end">
              {format(level)}
            </text>
          </g>
        ))}
        {moments.length > 1 &&
          marks(scale.from, scale.span, plot.width / 84).map(({ moment, text }) => (
            <text key={moment} x={x(moment)} y={height - 5} text-anchor="middle">
              {text}
            </text>
          ))}
        {pointed !== undefined && <path class="chart-pointer" d={`M${Math.round(x(pointed)) + 0.5} ${EDGE.top}v${plot.height}`} />}
        {series.map((one, index) => (
          <path key={one.label} class={`${bars ? 'chart-bars' : 'chart-line'} is-${one.tone ?? 'accent'}`} d={bars ? columns(one, index) : line(one)} />
        ))}
      </svg>
      <figcaption>
        {series.map((one) => (
          <span key={one.label}>
            <i class={`is-${one.tone ?? 'accent'}`} />
            {one.label}
            {at !== undefined && <b>{typeof one.values[at] === 'number' ? format(one.values[at]) : '–'}</b>}
          </span>
        ))}
        {pointed !== undefined && <span class="push num">{exact(pointed).slice(0, 16)}</span>}
      </figcaption>
    </figure>
  );

  function line({ values }: ChartSeries): string {
    let pen = 'M';
    let path = '';
    for (const [index, value] of values.entries()) {
      const moment = moments[index];
      if (value === null || moment === undefined) {
        pen = 'M';
        continue;
      }
      // A value between two gaps is a dot: a line of no length, with round ends.
      path += `${pen}${x(moment).toFixed(1)} ${y(value).toFixed(1)}${pen === 'M' ? 'h0' : ''}`;
      pen = 'L';
    }
    return path;
  }

  function columns({ values }: ChartSeries, index: number): string {
    const wide = Math.max(1, ((step / scale.span) * plot.width * 0.8) / series.length);
    let path = '';
    for (const [place, value] of values.entries()) {
      const moment = moments[place];
      if (!value || moment === undefined) continue;
      const left = x(moment) + (index - series.length / 2) * wide;
      path += `M${left.toFixed(1)} ${y(0).toFixed(1)}V${y(value).toFixed(1)}h${(wide * 0.92).toFixed(1)}V${y(0).toFixed(1)}z`;
    }
    return path;
  }
}

/** Round levels from 0 to beyond the highest value. */
function ticks(most: number): number[] {
  const rough = most / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power, Number.isInteger(most) ? 1 : 0);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

/** Marks at round local times, at most so many. */
function marks(from: number, span: number, most: number): { moment: number; text: string }[] {
  const distance = MARKS.find((one) => span / one <= most) ?? 30 * DAY;
  const zone = new Date(from).getTimezoneOffset() * MINUTE;
  const found: { moment: number; text: string }[] = [];
  for (let moment = Math.ceil((from - zone) / distance) * distance + zone; moment <= from + span; moment += distance) {
    found.push({ moment, text: distance < DAY ? exact(moment).slice(11, 16) : exact(moment).slice(5, 10) });
  }
  return found;
}
