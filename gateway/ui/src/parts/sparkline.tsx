// A small line without axes, as inline SVG. Nulls are gaps.

const WIDTH = 96;
const HEIGHT = 24;

export function Sparkline({ values, label, tone = 'plain' }: { values: (number | null)[]; label: string; tone?: 'plain' | 'bad' | 'good' }) {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const step = WIDTH / Math.max(1, values.length - 1);
  let pen = false;
  let line = '';
  for (const [index, value] of values.entries()) {
    if (value === null) {
      pen = false;
      continue;
    }
    const y = HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    line += `${pen ? 'L' : 'M'}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return (
    <svg class={`sparkline is-${tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      {line && <path d={line} />}
    </svg>
  );
}
