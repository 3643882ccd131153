// Form of an endpoint, for a new one and for changes.
import { useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import type { NewSubscription, Subscription } from '../api/schema';
import { session } from '../base/session';
import { CheckField, FormError, SelectField, TextField, useSubmit } from '../parts/form';
import { Icon } from '../parts/icon';
import { useCatalogue } from './catalogue-data';
import { FilterField, parseFilter } from './filter-field';
import { TypePicker } from './type-picker';

type Header = { name: string; value: string };
const POINTERS = ['/url', '/events', '/filter', '/description', '/headers', '/timeout', '/payload'];

export type EndpointFormProps = {
  endpoint?: Subscription;
  action: string;
  /** Link that leads away without a change. */
  cancel: string;
  save: (fields: NewSubscription) => Promise<unknown>;
};

export function EndpointForm({ endpoint, action, cancel, save }: EndpointFormProps) {
  const catalogue = useCatalogue();
  const [url, setUrl] = useState(endpoint?.url ?? '');
  const [description, setDescription] = useState(endpoint?.description ?? '');
  const [events, setEvents] = useState(endpoint?.events ?? session()?.types ?? ['*']);
  const [filter, setFilter] = useState(() => parseFilter(endpoint?.filter ? JSON.stringify(endpoint.filter, null, 2) : ''));
  const [payload, setPayload] = useState(endpoint?.payload ?? 'full');
  const [headers, setHeaders] = useState<Header[]>([]);
  const [replaced, setReplaced] = useState(!endpoint || endpoint.headers.length === 0);
  const [timeout, setTimeoutText] = useState(endpoint?.timeout ?? '');
  const { busy, error, submit } = useSubmit(async () => {
    const named = headers.filter(({ name }) => name.trim() !== '');
    const fields: NewSubscription = {
      url: url.trim(),
      events,
      filter: filter.value,
      description: description.trim() || null,
      payload,
      timeout: timeout.trim() || null,
    };
    if (replaced && (named.length > 0 || (endpoint && endpoint.headers.length > 0))) fields.headers = Object.fromEntries(named.map(({ name, value }) => [name.trim(), value]));
    await save(fields);
  });
  const ready = url.trim() !== '' && events.length > 0 && filter.wrong === undefined;
  return (
    <form class="form" onSubmit={submit} novalidate>
      <TextField label="URL" type="url" value={url} onInput={setUrl} placeholder="https://example.com/hooks" required code autofocus={!endpoint} pointer="/url" error={error} />
      <TextField label="Description" value={description} onInput={setDescription} placeholder="What it is for" pointer="/description" error={error} />
      <TypePicker value={events} onChange={setEvents} catalogue={catalogue} error={error} />
      <FilterField filter={filter} onChange={setFilter} events={events} error={error} />
      <SelectField
        label="Payload"
        value={payload}
        onChange={(value) => setPayload(value === 'thin' ? 'thin' : 'full')}
        pointer="/payload"
        error={error}
        options={[
          { value: 'full', label: 'Full: all of the event’s data' },
          { value: 'thin', label: 'Thin: ids, status and times; fetch the rest yourself' },
        ]}
      />
      <details class="more" open={headers.length > 0 || undefined}>
        <summary>
          <Icon name="right" />
          Headers and timeout
        </summary>
        <div class="form">
          {endpoint && endpoint.headers.length > 0 && (
            <CheckField
              label="Replace the present headers"
              value={replaced}
              onChange={setReplaced}
              hint={
                <>
                  It has {endpoint.headers.map((name, index) => [index > 0 && ', ', <code key={name}>{name}</code>])}. Their values are not shown.
                </>
              }
            />
          )}
          {replaced && <Headers headers={headers} onChange={setHeaders} error={error} />}
          <TextField label="Timeout of an attempt" value={timeout} onInput={setTimeoutText} placeholder="default" code pointer="/timeout" error={error} hint={<>Such as <code>5s</code>.</>} />
        </div>
      </details>
      <FormError error={error} pointers={POINTERS} />
      <div class="actions">
        <button type="submit" class="button is-primary" disabled={busy || !ready}>
          {busy ? 'Saving…' : action}
        </button>
        <a class="button" href={cancel}>
          Cancel
        </a>
        {events.length === 0 && <span class="hint">Choose at least one event type.</span>}
      </div>
    </form>
  );
}

function Headers({ headers, onChange, error }: { headers: Header[]; onChange: (headers: Header[]) => void; error: ApiError | undefined }) {
  const change = (index: number, patch: Partial<Header>) => onChange(headers.map((one, at) => (at === index ? { ...one, ...patch } : one)));
  const wrong = error?.at('/headers');
  return (
    <fieldset class={wrong ? 'field picker is-wrong' : 'field picker'}>
      <legend>Headers</legend>
      <div class="header-rows">
        {headers.map((header, index) => (
          <div key={index} class="beside">
            <input class="input is-code" aria-label="Header name" placeholder="x-team" spellcheck={false} value={header.name} onInput={(event) => change(index, { name: event.currentTarget.value })} />
            <input class="input is-code" aria-label={`Value of ${header.name || 'the header'}`} placeholder="value" spellcheck={false} autocomplete="off" value={header.value} onInput={(event) => change(index, { value: event.currentTarget.value })} />
            <button type="button" class="copy" aria-label={`Remove ${header.name || 'header'}`} onClick={() => onChange(headers.filter((_, at) => at !== index))}>
              <Icon name="close" />
            </button>
          </div>
        ))}
        <button type="button" class="button" onClick={() => onChange([...headers, { name: '', value: '' }])}>
          <Icon name="plus" />
          Add a header
        </button>
      </div>
      <p class="hint">Sent with every attempt. Their values are never shown again.</p>
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </fieldset>
  );
}
