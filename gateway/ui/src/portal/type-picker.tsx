// Choice of event types: all, or a tree of the catalogue whose groups stand for everything below a name.
import { useId, useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import type { EventType } from '../api/schema';
import { session } from '../base/session';
import { Icon } from '../parts/icon';
import type { Catalogue } from './catalogue-data';

type Node = { path: string; name: string; type: EventType | undefined; children: Node[] };

type Props = { value: string[]; onChange: (patterns: string[]) => void; catalogue: Catalogue; error: ApiError | undefined };

export function TypePicker({ value, onChange, catalogue, error }: Props) {
  const id = useId();
  const [own, setOwn] = useState('');
  const [search, setSearch] = useState('');
  const all = value.includes('*');
  const types = catalogue.data ?? [];
  const tree = treeOf(types.filter((one) => one.type?.includes(search.trim()) || one.description?.toLowerCase().includes(search.trim().toLowerCase())));
  const known = new Set(types.flatMap((one) => (one.type ? [one.type, ...groupsOf(one.type)] : [])));
  const others = value.filter((pattern) => pattern !== '*' && !known.has(pattern));
  const toggle = (pattern: string, on: boolean) => onChange(on ? [...value.filter((one) => one !== pattern && !covers(pattern, one)), pattern] : value.filter((one) => one !== pattern));
  const add = () => {
    for (const pattern of own.split(/[\s,]+/).filter(Boolean)) if (!value.includes(pattern)) value = [...value, pattern];
    onChange(value);
    setOwn('');
  };
  const wrong = error?.at('/events');
  return (
    <fieldset class={wrong ? 'field picker is-wrong' : 'field picker'} aria-describedby={wrong ? `${id}-error` : undefined}>
      <legend>Event types</legend>
      {!session()?.types && (
        <>
          <label class="radio">
            <input type="radio" name={id} checked={all} onChange={() => onChange(['*'])} />
            All events, those of later types too
          </label>
          <label class="radio">
            <input type="radio" name={id} checked={!all} onChange={() => onChange(value.filter((one) => one !== '*'))} />
            Some types
          </label>
        </>
      )}
      {!all && (
        <div class="picker-box">
          {types.length > 12 && <input type="search" class="input" placeholder="Find a type" aria-label="Find a type" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />}
          {types.length > 0 ? (
            <ul class="tree">
              {tree.map((node) => (
                <Branch key={node.path} node={node} value={value} toggle={toggle} />
              ))}
            </ul>
          ) : (
            <p class="hint">{catalogue.error ? 'The catalogue could not be read.' : catalogue.data ? 'No types are catalogued. Name them here.' : 'Reading the catalogue…'}</p>
          )}
          {others.length > 0 && (
            <ul class="chips" aria-label="Patterns">
              {others.map((pattern) => (
                <li key={pattern}>
                  <code>{pattern}</code>
                  <button type="button" class="copy" aria-label={`Remove ${pattern}`} onClick={() => toggle(pattern, false)}>
                    <Icon name="close" />
                  </button>
                </li>
              ))}
            </ul>
          )}
          <div class="beside">
            <input
              class="input is-code"
              aria-label="Type or pattern"
              placeholder="invoice.* or order.paid"
              spellcheck={false}
              autocomplete="off"
              value={own}
              onInput={(event) => setOwn(event.currentTarget.value)}
              onKeyDown={(event) => event.key === 'Enter' && (event.preventDefault(), add())}
            />
            <button type="button" class="button" disabled={own.trim() === ''} onClick={add}>
              Add
            </button>
          </div>
        </div>
      )}
      {wrong && (
        <p class="wrong" id={`${id}-error`}>
          {wrong}
        </p>
      )}
    </fieldset>
  );
}

function Branch({ node, value, toggle, under = false }: { node: Node; value: string[]; toggle: (pattern: string, on: boolean) => void; under?: boolean }) {
  const group = node.children.length > 0;
  const pattern = group ? `${node.path}.*` : node.path;
  const chosen = value.includes(pattern);
  const covered = under || value.some((one) => one !== pattern && covers(one, pattern));
  return (
    <li>
      <label class="radio" title={node.type?.description ?? undefined}>
        <input type="checkbox" checked={chosen || covered} disabled={covered} onChange={(event) => toggle(pattern, event.currentTarget.checked)} />
        <span>
          <code>{group ? pattern : node.path}</code>
          {!group && node.type?.description && <span class="hint"> {node.type.description}</span>}
        </span>
      </label>
      {group && (
        <ul class="tree">
          {node.type && <Branch node={{ ...node, children: [] }} value={value} toggle={toggle} under={covered} />}
          {node.children.map((child) => (
            <Branch key={child.path} node={child} value={value} toggle={toggle} under={covered || chosen} />
          ))}
        </ul>
      )}
    </li>
  );
}

function treeOf(types: EventType[]): Node[] {
  const root: Node = { path: '', name: '', type: undefined, children: [] };
  for (const type of types) {
    if (!type.type) continue;
    let node = root;
    for (const name of type.type.split('.')) {
      const path = node.path ? `${node.path}.${name}` : name;
      let next = node.children.find((child) => child.name === name);
      if (!next) node.children.push((next = { path, name, type: undefined, children: [] }));
      node = next;
    }
    node.type = type;
  }
  return root.children;
}

const groupsOf = (type: string): string[] => {
  const parts = type.split('.');
  return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join('.')}.*`);
};

/** Set when the first pattern takes everything that the second one takes. */
const covers = (wide: string, narrow: string): boolean => wide === '*' || (wide.endsWith('.*') && wide !== narrow && narrow.startsWith(wide.slice(0, -1)));
