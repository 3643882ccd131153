// JSON viewer: a tree of buttons that fold. Reachable by Tab; Right opens, Left closes.
import { useState } from 'preact/hooks';
import { isRecord } from '../api/client';
import { plural } from '../base/format';
import { Copy } from './copy';
import { Icon } from './icon';

/** Members of one value that are shown before "more" is asked for. */
const STEP = 100;
/** Depth down to which values are open at first. */
const OPEN_DEPTH = 2;

export type JsonProps = {
  value: unknown;
  label?: string;
  /** Notes at JSON pointers, such as `removed by redact`: shown beside the member. */
  notes?: Record<string, string>;
};

export function Json({ value, label = 'JSON', notes = {} }: JsonProps) {
  return (
    <div class="json" role="group" aria-label={label}>
      <div class="json-copy">
        <Copy text={JSON.stringify(value, null, 2) ?? ''} label={`Copy ${label}`} />
      </div>
      <Node name={null} value={value} pointer="" depth={0} last notes={notes} />
    </div>
  );
}

type NodeProps = { name: string | null; value: unknown; pointer: string; depth: number; last: boolean; notes: Record<string, string> };

function Node({ name, value, pointer, depth, last, notes }: NodeProps) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(STEP);
  const members = entries(value);
  const note = notes[pointer] && <span class="json-note">{notes[pointer]}</span>;
  const key = name !== null && <span class="json-key">{JSON.stringify(name)}: </span>;
  const comma = last ? '' : ',';
  if (!members || members.length === 0) {
    return (
      <div class="json-line">
        {key}
        <span class={`json-${kind(value)}`}>{members ? (Array.isArray(value) ? '[]' : '{}') : JSON.stringify(value)}</span>
        {comma}
        {note}
      </div>
    );
  }
  const [left, right] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
    event.preventDefault();
    setOpen(event.key === 'ArrowRight');
  };
  return (
    <div class="json-node">
      <div class="json-line">
        <button type="button" class="json-fold" aria-expanded={open} aria-label={name ?? 'value'} onClick={() => setOpen(!open)} onKeyDown={onKeyDown}>
          <Icon name="right" />
        </button>
        {key}
        {left}
        {!open && (
          <span class="faint">
            {' '}
            {plural(members.length, Array.isArray(value) ? 'item' : 'member')} {right}
            {comma}
          </span>
        )}
        {note}
      </div>
      {open && (
        <div class="json-children">
          {members.slice(0, shown).map(([member, child], index) => (
            <Node
              key={member}
              name={Array.isArray(value) ? null : member}
              value={child}
              pointer={`${pointer}/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`}
              depth={depth + 1}
              last={index === members.length - 1}
              notes={notes}
            />
          ))}
          {members.length > shown && (
            <button type="button" class="link" onClick={() => setShown(shown + STEP)}>
              {members.length - shown} more
            </button>
          )}
        </div>
      )}
      {open && (
        <div class="json-line">
          {right}
          {comma}
        </div>
      )}
    </div>
  );
}

const entries = (value: unknown): [string, unknown][] | null =>
  Array.isArray(value) ? value.map((item, index) => [String(index), item]) : isRecord(value) ? Object.entries(value) : null;

const kind = (value: unknown): string => (value === null ? 'null' : typeof value);
