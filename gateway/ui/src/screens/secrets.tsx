// Secrets of an endpoint: their kind and how long old ones sign. Their values come only when they are asked for.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { api, type ApiError, path, toApiError } from '../api/client';
import type { SigningSecrets } from '../api/schema';
import { can } from '../base/session';
import { Copy } from '../parts/copy';
import { Confirm } from '../parts/dialog';
import { SelectField } from '../parts/form';
import { Icon } from '../parts/icon';
import { ErrorBox } from '../parts/state';
import { Badge } from '../parts/status';
import { Time } from '../parts/time';
import { toast } from '../parts/toast';

export function Secrets({ id, tenant }: { id: string; tenant: string | null }) {
  const [secrets, setSecrets] = useState<SigningSecrets>();
  const [error, setError] = useState<ApiError>();
  const [rotating, setRotating] = useState(false);
  const [grace, setGrace] = useState('24h');
  const read = async () => {
    try {
      setSecrets(await api<SigningSecrets>('GET', path('subscriptions', id, 'secret'), { tenant }));
      setError(undefined);
    } catch (cause) {
      setError(toApiError(cause));
    }
  };
  return (
    <>
      <p class="muted note">Each delivery is signed with the endpoint’s secret. During a rotation the old one signs too, so that the receiver can change at leisure.</p>
      {error && <ErrorBox error={error} />}
      {secrets && (
        <ul class="step-list">
          <Secret value={secrets.secret} publicKey={secrets.public_key} badge={<Badge tone="good">signs</Badge>} />
          {secrets.previous.map((one, index) => (
            <Secret
              key={index}
              value={one.secret}
              publicKey={one.public_key}
              badge={
                <>
                  <Badge tone="warn">old</Badge>
                  <span class="muted">signs until <Time at={one.expires} /></span>
                </>
              }
            />
          ))}
        </ul>
      )}
      <div class="actions after">
        {!secrets && can('secrets.view') && (
          <button type="button" class="button" onClick={() => void read()}>
            <Icon name="key" />
            Read the secrets
          </button>
        )}
        {can('secrets.rotate') && (
          <button type="button" class="button" onClick={() => setRotating(true)}>
            Rotate
          </button>
        )}
      </div>
      {rotating && (
        <Confirm
          title="Rotate the secret?"
          action="Rotate"
          onClose={() => setRotating(false)}
          run={async () => {
            await api('POST', path('subscriptions', id, 'rotate-secret'), { tenant, body: { grace } });
            toast('A new secret signs now.');
            if (can('secrets.view')) await read();
          }}
        >
          <p>A new secret is generated and signs at once. The old one signs too for the time of grace.</p>
          <SelectField
            label="Grace"
            value={grace}
            onChange={setGrace}
            options={[
              { value: '0s', label: 'none: the old secret stops now' },
              { value: '1h', label: 'an hour' },
              { value: '24h', label: 'a day' },
              { value: '168h', label: 'a week' },
            ]}
          />
        </Confirm>
      )}
    </>
  );
}

function Secret({ value, publicKey, badge }: { value: string | null | undefined; publicKey: string | null | undefined; badge: ComponentChildren }) {
  const [shown, setShown] = useState(false);
  const text = value ?? publicKey;
  return (
    <li>
      <div class="attempt-head">
        <span class="strong">{publicKey ? 'Ed25519' : value ? 'HMAC' : 'The tenant’s own secret'}</span>
        {badge}
      </div>
      {text && (
        <div class="attempt-head">
          <code>{publicKey || shown ? text : `${text.slice(0, 6)}${'•'.repeat(20)}`}</code>
          {!publicKey && (
            <button type="button" class="link" onClick={() => setShown(!shown)}>
              {shown ? 'Hide' : 'Show'}
            </button>
          )}
          <Copy text={text} label={publicKey ? 'Copy the public key' : 'Copy the secret'} />
        </div>
      )}
    </li>
  );
}
