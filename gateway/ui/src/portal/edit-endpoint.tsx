// Changes of an endpoint.
import { api, path } from '../api/client';
import { useResource } from '../api/resource';
import type { Subscription } from '../api/schema';
import { links } from '../base/links';
import { navigate, type ScreenProps } from '../base/router';
import { Page } from '../parts/page';
import { ErrorBox, Skeleton } from '../parts/state';
import { toast } from '../parts/toast';
import { EndpointForm } from './endpoint-form';
import { hostOf } from '../screens/endpoint-parts';

export default function EditEndpoint({ params }: ScreenProps) {
  const { id = '' } = params;
  const endpoint = useResource<Subscription>(path('subscriptions', id));
  const data = endpoint.data;
  const crumbs = [{ label: 'Endpoints', href: links.endpoints() }];
  if (data) crumbs.push({ label: hostOf(data.url), href: links.endpoint(id) });
  const save = async (fields: object) => {
    await api('PATCH', path('subscriptions', id), { body: fields });
    toast('The endpoint was changed.');
    navigate(links.endpoint(id));
  };
  return (
    <Page title="Edit endpoint" crumbs={crumbs} about="Event types and filter apply to later events.">
      {data && !endpoint.loading ? <EndpointForm key={id} endpoint={data} action="Save" cancel={links.endpoint(id)} save={save} /> : endpoint.error ? <ErrorBox error={endpoint.error} retry={endpoint.reload} /> : <Skeleton lines={6} />}
    </Page>
  );
}
