// An endpoint that was just made: its secret, how to verify with it, and a test.
import { useEffect } from 'preact/hooks';
import type { CreatedSubscription } from '../api/schema';
import { links } from '../base/links';
import { can } from '../base/session';
import { Icon } from '../parts/icon';
import { lazy } from '../parts/lazy';
import { Page, Section } from '../parts/page';
import { EndpointUrl } from '../screens/endpoint-parts';
import { Test } from './test';

const Secret = lazy(() => import('../screens/shared').then((part) => part.Secret));
const Snippet = lazy(() => import('../screens/shared').then((part) => part.Snippet));

const crumbs = [{ label: 'Endpoints', href: links.endpoints() }];

export function Made({ endpoint }: { endpoint: CreatedSubscription }) {
  const value = endpoint.secret ?? endpoint.public_key;
  // The address stays, so the page moves no focus by itself; the button that had it is gone.
  useEffect(() => document.querySelector('h1')?.focus({ preventScroll: true }), []);
  return (
    <Page
      title="Endpoint created"
      crumbs={crumbs}
      about={<EndpointUrl url={endpoint.url} />}
      actions={
        <a class="button is-primary" href={links.endpoint(endpoint.id)}>
          Go to the endpoint
          <Icon name="right" />
        </a>
      }
    >
      <Section title={endpoint.secret ? 'Signing secret' : value ? 'Public key' : 'Signing'}>
        {value ? (
          <>
            <div class="card secret">
              <Secret value={value} />
            </div>
            <p class="hint">
              {endpoint.secret && (can('secrets.view') ? 'Store it where your endpoint finds it. You can see it again under Signing.' : 'Store it now where your endpoint finds it: it is shown this once.')}
            </p>
          </>
        ) : (
          <p class="muted">The secret of your account signs the deliveries.</p>
        )}
      </Section>
      <Section title="Verify">
        <Snippet ed25519={!endpoint.secret && Boolean(endpoint.public_key)} />
      </Section>
      {can('test') && (
        <Section title="Test">
          <Test endpoint={endpoint} />
        </Section>
      )}
    </Page>
  );
}
