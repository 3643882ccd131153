// A new endpoint. When it is made: its secret, shown once, how to verify with it, and a test.
import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { CreatedSubscription } from '../api/schema';
import { links } from '../base/links';
import { lazy } from '../parts/lazy';
import { Page } from '../parts/page';
import { EndpointForm } from './endpoint-form';

const Made = lazy(() => import('./catalogue-screens').then((part) => part.Made));

export default function NewEndpoint() {
  const [made, setMade] = useState<CreatedSubscription>();
  if (made) return <Made endpoint={made} />;
  const save = async (fields: object) => {
    setMade(await api<CreatedSubscription>('POST', '/v1/subscriptions', { body: fields }));
    scrollTo(0, 0);
  };
  return (
    <Page title="New endpoint" crumbs={[{ label: 'Endpoints', href: links.endpoints() }]} about="A URL of yours that receives events as they happen.">
      <EndpointForm action="Create endpoint" cancel={links.endpoints()} save={save} />
    </Page>
  );
}
