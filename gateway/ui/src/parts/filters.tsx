// Filter bar. The filters are in the address: they can be linked, and the browser's way back undoes them.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { shortId } from '../base/format';
import { useQuery } from '../base/router';
import { Icon } from './icon';

export type Option = { value: string; label: string };
export type Filter =
  /** `usual`: the option that holds where none is chosen. Without one, none is. */
  | { name: string; label: string; kind: 'choice'; options: Option[]; usual?: string }
  | { name: string; label: string; kind: 'text'; placeholder?: string; search?: boolean }
  | { name: 'since'; label: string; kind: 'range' }
  /** Set by a link; it can be removed only. */
  | { name: string; label: string; kind: 'chip' };

/** Names of the parameters that these filters set, for `useList`. */
export const filterNames = (filters: Filter[]): string[] => filters.flatMap((one) => (one.kind === 'range' ? ['since', 'until'] : [one.name]));

export function Filters({ filters, children }: { filters: Filter[]; children?: ComponentChildren }) {
  const { params, set } = useQuery();
  const names = filterNames(filters);
  const active = names.filter((name) => params.get(name));
  const change = (patch: Record<string, string | null>) => set({ ...patch, cursor: null }, { replace: true });
  const [open, setOpen] = useState(false);
  const first = filters[0];
  const hidden = active.filter((name) => first?.kind !== 'text' || !first.search || name !== first.name);
  return (
    <form class={open ? 'filters is-open' : 'filters'} role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {filters.map((filter) => {
        const value = params.get(filter.name) ?? '';
        if (filter.kind === 'choice') return <Choice key={filter.name} filter={filter} value={value} change={change} />;
        if (filter.kind === 'chip') {
          return (
            value && (
              <span key={filter.name} class="chip">
                {filter.label} <code title={value}>{shortId(value)}</code>
                <button type="button" class="copy" aria-label={`Remove the filter ${filter.label}`} onClick={() => change({ [filter.name]: null })}>
                  <Icon name="close" />
                </button>
              </span>
            )
          );
        }
        if (filter.kind === 'range') return <Range key={filter.name} label={filter.label} since={value} until={params.get('until') ?? ''} change={change} />;
        return <Text key={filter.name} filter={filter} value={value} change={change} />;
      })}
      <button type="button" class="button filters-more" aria-expanded={open} onClick={() => setOpen(!open)}>
        Filters
        {hidden.length > 0 && <span class="count">{hidden.length}</span>}
      </button>
      {active.length > 0 && (
        <button type="button" class="link" onClick={() => change(Object.fromEntries(names.map((name) => [name, null])))}>
          Clear
        </button>
      )}
      {children && <div class="filters-end">{children}</div>}
    </form>
  );
}

type Change = (patch: Record<string, string | null>) => void;

function Choice({ filter, value, change }: { filter: Filter & { kind: 'choice' }; value: string; change: Change }) {
  const { usual = '' } = filter;
  return (
    <select
      class={value ? 'filter is-set' : 'filter'}
      aria-label={filter.label}
      value={value || usual}
      onChange={({ currentTarget: { value } }) => change({ [filter.name]: value === usual ? null : value })}
    >
      {!usual && <option value="">{filter.label}</option>}
      {filter.options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

function Text({ filter, value, change }: { filter: Filter & { kind: 'text' }; value: string; change: Change }) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  // Applied when typing pauses: each application is a request.
  useEffect(() => {
    if (draft.trim() === value) return;
    const timer = setTimeout(() => change({ [filter.name]: draft.trim() || null }), 350);
    return () => clearTimeout(timer);
  }, [draft]);
  return (
    <span class={filter.search ? 'search' : 'text-filter'}>
      {filter.search && <Icon name="search" />}
      <input
        type="search"
        class={value ? 'filter is-set' : 'filter'}
        aria-label={filter.label}
        placeholder={filter.placeholder ?? filter.label}
        spellcheck={false}
        autocomplete="off"
        value={draft}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={(event) => event.key === 'Enter' && change({ [filter.name]: draft.trim() || null })}
      />
    </span>
  );
}

const SPANS: (Option & { ms: number })[] = [
  { value: '15m', label: 'Last 15 minutes', ms: 900_000 },
  { value: '1h', label: 'Last hour', ms: 3_600_000 },
  { value: '24h', label: 'Last 24 hours', ms: 86_400_000 },
  { value: '7d', label: 'Last 7 days', ms: 604_800_000 },
];

/** Span of time: a usual one, which becomes a fixed beginning so that the address means the same to everyone, or two times. */
function Range({ label, since, until, change }: { label: string; since: string; until: string; change: Change }) {
  const id = useId();
  const [own, setOwn] = useState(since !== '' || until !== '');
  useEffect(() => {
    if (!since && !until) setOwn(false);
  }, [since, until]);
  const choose = (value: string) => {
    const span = SPANS.find((one) => one.value === value);
    if (span) {
      setOwn(true);
      change({ since: new Date(Date.now() - span.ms).toISOString(), until: null });
    } else if (value === 'own') setOwn(true);
    else change({ since: null, until: null });
  };
  if (!own) {
    return (
      <select class="filter" aria-label={label} value="" onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{label}</option>
        {SPANS.map(({ value, label: text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
        <option value="own">From … to …</option>
      </select>
    );
  }
  const input = (name: 'since' | 'until', value: string, text: string) => (
    <>
      <label class="faint" for={`${id}-${name}`}>
        {text}
      </label>
      <input
        id={`${id}-${name}`}
        type="datetime-local"
        step={1}
        class={value ? 'filter is-set' : 'filter'}
        value={local(value)}
        onChange={(event) => change({ [name]: event.currentTarget.value ? new Date(event.currentTarget.value).toISOString() : null })}
      />
    </>
  );
  return (
    <span class="range">
      {input('since', since, 'From')}
      {input('until', until, 'to')}
    </span>
  );
}

/** An RFC 3339 time in the form of a `datetime-local` input, in the browser's zone. */
function local(at: string): string {
  const time = Date.parse(at);
  return Number.isNaN(time) ? '' : new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
