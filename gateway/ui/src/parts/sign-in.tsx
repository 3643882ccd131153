// Sign-in: by the operator's key in the dashboard; the portal is opened by a link, or a tenant's key.
import { useEffect, useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import { brand } from '../base/brand';
import { area } from '../base/router';
import { signInWithKey } from '../base/session';
import { TextField, useSubmit } from './form';
import { Mark } from './icon';
import { ErrorBox } from './state';

export function SignIn({ reason, refresh }: { reason?: ApiError | undefined; refresh?: string | null | undefined }) {
  const [key, setKey] = useState('');
  const { busy, error, submit } = useSubmit(() => signInWithKey(key.trim()));
  useEffect(() => {
    document.title = `Sign in · ${brand.name}`;
  }, []);
  const shown = error ?? reason;
  return (
    <main class="sign-in">
      <div class="sign-in-box">
        <Mark />
        <h1>{area === 'dashboard' ? 'Operator dashboard' : brand.themed ? brand.name : 'Webhooks'}</h1>
        {area === 'portal' && <p class="muted">Open this page by the link in your application. A link works once, for a minute.</p>}
        {shown && <ErrorBox error={shown} />}
        {refresh && (
          <a class="button is-primary" href={refresh} rel="noreferrer">
            Sign in again
          </a>
        )}
        <form onSubmit={submit}>
          <TextField
            label={area === 'dashboard' ? 'Operator key' : 'Or use an API key'}
            type="password"
            value={key}
            onInput={setKey}
            required
            code
            autofocus={area === 'dashboard'}
            hint={area === 'dashboard' ? <>The configured <code>auth.operator_key</code>, or the one that the gateway showed at its first start.</> : undefined}
          />
          <button type="submit" class={`button is-wide ${refresh ? '' : 'is-primary'}`} disabled={busy || key.trim() === ''}>
            {busy ? 'Signing in…' : 'Sign in'}
          </button>
        </form>
        <p class="faint">The key stays in this browser tab and is forgotten when it is closed.</p>
      </div>
    </main>
  );
}
