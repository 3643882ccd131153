// What the operator can do with an endpoint.
import { useState } from 'preact/hooks';
import { api, path } from '../api/client';
import type { ActivatedSubscription, Recovered, Subscription, TestedSubscription } from '../api/schema';
import { count } from '../base/format';
import { links } from '../base/links';
import { navigate } from '../base/router';
import { Confirm } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { toast, toastError } from '../parts/toast';

type Open = 'disable' | 'recover';

export function Actions({ endpoint, tenant, reload }: { endpoint: Subscription; tenant: string | null; reload: () => void }) {
  const [open, setOpen] = useState<Open>();
  const at = (verb: string) => path('subscriptions', endpoint.id, verb);
  const test = async () => {
    try {
      const { delivery } = await api<TestedSubscription>('POST', at('test'), { tenant, body: {} });
      toast('A test event is on its way.');
      navigate(links.delivery(delivery, tenant));
    } catch (failure) {
      toastError(failure);
    }
  };
  const activate = async () => {
    try {
      await api<ActivatedSubscription>('POST', at('activate'), { tenant });
      toast('The endpoint is active.');
      reload();
    } catch (failure) {
      toastError(failure);
    }
  };
  const close = () => setOpen(undefined);
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen('recover')}>
        <Icon name="retry" />
        Recover
      </button>
      {endpoint.status === 'disabled' ? (
        <button type="button" class="button" onClick={() => void activate()}>
          <Icon name="play" />
          Activate
        </button>
      ) : (
        <button type="button" class="button" onClick={() => setOpen('disable')}>
          <Icon name="pause" />
          Disable
        </button>
      )}
      <button type="button" class="button is-primary" onClick={() => void test()}>
        <Icon name="send" />
        Send a test event
      </button>
      {open === 'disable' && (
        <Confirm title="Disable this endpoint?" action="Disable" danger onClose={close} run={async () => (await api('POST', at('disable'), { tenant }), reload())}>
          <p>It is given no events until it is activated. Its pending deliveries are cancelled.</p>
        </Confirm>
      )}
      {open === 'recover' && (
        <Confirm
          title="Recover the dead letters?"
          action="Recover"
          onClose={close}
          run={async () => {
            let made = 0;
            let cursor: string | null = null;
            do {
              const part: Recovered = await api<Recovered>('POST', at('recover'), { tenant, body: { only: 'dead', ...(cursor ? { cursor } : {}) } });
              made += part.deliveries;
              cursor = part.next_cursor ?? null;
            } while (cursor);
            toast(made === 1 ? 'A new delivery was made.' : `${count(made)} new deliveries were made.`);
          }}
        >
          <p>Each delivery to this endpoint that was given up, and not made again since, is made again, as far back as events are stored.</p>
        </Confirm>
      )}
    </>
  );
}
