// Signing secret: shown on demand, rotated with a grace time that is counted down, and how to verify with it.
import { useState } from 'preact/hooks';
import { type ApiError, api, path, toApiError } from '../api/client';
import type { SigningSecrets } from '../api/schema';
import { can } from '../base/session';
import { Copy } from '../parts/copy';
import { Dialog } from '../parts/dialog';
import { FormError, SelectField, useSubmit } from '../parts/form';
import { Icon } from '../parts/icon';
import { Section } from '../parts/page';
import { Empty, ErrorBox } from '../parts/state';
import { now } from '../parts/time';
import { toast } from '../parts/toast';
import { Snippet } from './snippet';

export function Signing({ id, tenant = null }: { id: string; tenant?: string | null }) {
  const [secrets, setSecrets] = useState<SigningSecrets>();
  const [error, setError] = useState<ApiError>();
  const [rotating, setRotating] = useState(false);
  const show = () =>
    api<SigningSecrets>('GET', path('subscriptions', id, 'secret'), { tenant })
      .then(setSecrets)
      .then(() => setError(undefined))
      .catch((cause: unknown) => setError(toApiError(cause)));
  if (!can('secrets.view') && !can('secrets.rotate')) {
    return (
      <Empty title="Your session does not include secrets" icon="key">
        It needs the capability <code>secrets.view</code>.
      </Empty>
    );
  }
  const value = secrets?.secret ?? secrets?.public_key;
  return (
    <>
      <Section title={secrets?.public_key ? 'Public key' : 'Signing secret'}>
        <div class="card secret">
          {value ? <Secret value={value} /> : <code class="faint">{secrets ? 'the secret of your account signs' : '••••••••••••••••••••••••••••••••'}</code>}
          <span class="actions">
            {can('secrets.view') && (
              <button type="button" class="button" onClick={() => (secrets ? setSecrets(undefined) : void show())}>
                {secrets ? 'Hide' : 'Show'}
              </button>
            )}
            {can('secrets.rotate') && (
              <button type="button" class="button" onClick={() => setRotating(true)}>
                <Icon name="retry" />
                Rotate
              </button>
            )}
          </span>
        </div>
        {error && <ErrorBox error={error} />}
        {secrets?.previous.map((old) => (
          <p key={old.expires} class="note">
            <Icon name="history" />
            <span>
              The secret before it still signs for <Countdown until={old.expires ?? ''} />. Until then each delivery has both signatures.
            </span>
            {old.secret && <Copy text={old.secret} label="Copy the old secret" words />}
          </p>
        ))}
      </Section>
      <Section title="Verify">
        <Snippet ed25519={secrets?.public_key !== undefined && secrets.public_key !== null} />
      </Section>
      {rotating && <Rotate id={id} tenant={tenant} done={setSecrets} onClose={() => setRotating(false)} />}
    </>
  );
}

export function Secret({ value }: { value: string }) {
  return (
    <span class="secret-value">
      <code>{value}</code>
      <Copy text={value} label="Copy" words />
    </span>
  );
}

const GRACES = [
  { value: '24h', label: '24 hours' },
  { value: '1h', label: '1 hour' },
  { value: '7d', label: '7 days' },
  { value: '0s', label: 'Not at all: the old secret leaked' },
];

function Rotate({ id, tenant, done, onClose }: { id: string; tenant: string | null; done: (secrets: SigningSecrets) => void; onClose: () => void }) {
  const [grace, setGrace] = useState('24h');
  const { busy, error, submit } = useSubmit(async () => {
    done(await api<SigningSecrets>('POST', path('subscriptions', id, 'rotate-secret'), { tenant, body: { grace } }));
    toast('A new secret signs from now on.');
    onClose();
  });
  return (
    <Dialog
      title="Rotate the secret"
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" class="button is-primary" disabled={busy} onClick={submit}>
            Rotate
          </button>
        </>
      }
    >
      <p>A new secret is made and signs at once. During the grace time the old one signs beside it, so that no delivery fails to verify while you change over.</p>
      <SelectField label="Grace time of the old secret" value={grace} onChange={setGrace} options={GRACES} />
      <FormError error={error} pointers={[]} />
    </Dialog>
  );
}

function Countdown({ until }: { until: string }) {
  const left = Math.max(0, Math.round((Date.parse(until) - now.value) / 1000));
  if (Number.isNaN(left)) return <>some time</>;
  const pad = (value: number) => String(value).padStart(2, '0');
  const days = Math.floor(left / 86_400);
  return (
    <strong class="num">
      {days > 0 && `${days} d `}
      {pad(Math.floor(left / 3600) % 24)}:{pad(Math.floor(left / 60) % 60)}:{pad(left % 60)}
    </strong>
  );
}
