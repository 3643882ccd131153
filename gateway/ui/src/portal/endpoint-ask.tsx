// Questions before an endpoint is disabled, activated or deleted.
import { api, path } from '../api/client';
import type { ActivatedSubscription, Missed, Subscription } from '../api/schema';
import { links } from '../base/links';
import { navigate } from '../base/router';
import { Confirm } from '../parts/dialog';
import { toast } from '../parts/toast';

type Props = {
  what: 'disable' | 'activate' | 'delete';
  endpoint: Subscription;
  /** Told what an activated endpoint missed. */
  done?: (missed: Missed | undefined) => void;
  reload?: () => void;
  onClose: () => void;
};

export function Ask({ what, endpoint, done, reload, onClose }: Props) {
  const run = async () => {
    if (what === 'delete') {
      await api('DELETE', path('subscriptions', endpoint.id));
      toast('The endpoint was deleted.');
      navigate(links.endpoints());
      return;
    }
    const answer = await api<ActivatedSubscription>('POST', path('subscriptions', endpoint.id, what));
    done?.(what === 'activate' ? (answer.missed ?? undefined) : undefined);
    toast(what === 'activate' ? 'The endpoint receives events again.' : 'The endpoint receives nothing now.');
    reload?.();
  };
  const [title, action, text] = {
    disable: ['Disable this endpoint?', 'Disable', 'It receives nothing until it is activated, and its pending deliveries are cancelled. What it misses can be recovered afterwards.'],
    activate: ['Activate this endpoint?', 'Activate', 'It receives new events again. What it missed is not sent by itself: you are told how much it was.'],
    delete: ['Delete this endpoint?', 'Delete', 'Its settings and its secret are gone, and its pending deliveries are cancelled. This cannot be undone.'],
  }[what] as [string, string, string];
  return (
    <Confirm title={title} action={action} danger={what === 'delete'} run={run} onClose={onClose}>
      <p>{text}</p>
      <p class="muted">{endpoint.url.split('?')[0]}</p>
    </Confirm>
  );
}

