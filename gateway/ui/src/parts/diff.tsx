// Difference of two JSON values, line by line, or of a list of changes at their JSON pointers.
import type { Change } from '../api/schema';

type Line = { sign: ' ' | '+' | '-'; text: string };

/** Lines of both sides together beyond which no difference is worked out. */
const MOST_LINES = 4000;
/** Unchanged lines around a change that are shown. */
const AROUND = 3;

export function Diff({ before, after }: { before: unknown; after: unknown }) {
  const lines = diffLines(text(before), text(after));
  if (!lines) return <p class="muted">Too large to compare here.</p>;
  if (lines.every((line) => line.sign === ' ')) return <p class="muted">Nothing differs.</p>;
  return (
    <pre class="diff" tabIndex={0} aria-label="Difference">
      {folded(lines).map((line, index) =>
        line === null ? (
          <span key={index} class="diff-gap">
            ⋯
          </span>
        ) : (
          <span key={index} class={line.sign === '+' ? 'is-added' : line.sign === '-' ? 'is-removed' : ''}>
            <span class="sign">{line.sign}</span>
            {line.text}
          </span>
        ),
      )}
    </pre>
  );
}

/** Changes by pointer, as a dry run of a chain reports them. */
export function Changes({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <p class="muted">Nothing was changed.</p>;
  return (
    <ul class="changes">
      {changes.map((change) => (
        <li key={change.path}>
          <span class={`change-op is-${change.op}`}>{change.op}</span>
          <code>{change.path || '/'}</code>
          {change.old !== undefined && <del>{brief(change.old)}</del>}
          {change.new !== undefined && <ins>{brief(change.new)}</ins>}
        </li>
      ))}
    </ul>
  );
}

const text = (value: unknown): string[] => (value === undefined ? [] : (JSON.stringify(value, null, 2) ?? '').split('\n'));
const brief = (value: unknown): string => {
  const all = JSON.stringify(value) ?? '';
  return all.length > 200 ? `${all.slice(0, 200)}…` : all;
};

/** Longest common subsequence over what is left when the equal beginning and end are taken off. */
export function diffLines(before: string[], after: string[]): Line[] | null {
  if (before.length + after.length > MOST_LINES) return null;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const a = before.slice(start, before.length - end);
  const b = after.slice(start, after.length - end);

  const width = b.length + 1;
  const length = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => length[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      length[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = before.slice(0, start).map((one) => ({ sign: ' ', text: one }));
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && left === right) {
      lines.push({ sign: ' ', text: left });
      i += 1;
      j += 1;
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: left });
      i += 1;
    } else {
      lines.push({ sign: '+', text: right ?? '' });
      j += 1;
    }
  }
  return [...lines, ...before.slice(before.length - end).map((one): Line => ({ sign: ' ', text: one }))];
}

/** Long stretches without a change become one null. */
function folded(lines: Line[]): (Line | null)[] {
  const near = (index: number): boolean => lines.slice(Math.max(0, index - AROUND), index + AROUND + 1).some((line) => line.sign !== ' ');
  const out: (Line | null)[] = [];
  for (const [index, line] of lines.entries()) {
    if (near(index)) out.push(line);
    else if (out[out.length - 1] !== null) out.push(null);
  }
  return out;
}
