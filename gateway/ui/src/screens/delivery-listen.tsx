// Dialog: how to receive a delivery on one's own machine.
import { Copy } from '../parts/copy';
import { Dialog } from '../parts/dialog';
import type { DeliveryParts } from './delivery';
import { curl, listen } from './delivery-snippets';
import { useProfile } from './profile';

const PORT = 9000;

export function ListenDialog({ delivery, event, tenant, onClose }: Pick<DeliveryParts, 'delivery' | 'event' | 'tenant'> & { onClose: () => void }) {
  const profile = useProfile(tenant) ?? 'standard';
  const command = listen(profile, PORT);
  const again = event && profile === 'standard' ? curl({ url: `http://127.0.0.1:${PORT}/`, delivery, event }) : null;
  return (
    <Dialog title="Send to my machine" wide onClose={onClose}>
      <p>
        <strong>1.</strong> Start a receiver that verifies and shows what comes. <code>HG_SECRET</code> is the endpoint’s secret.
      </p>
      <Snippet text={command} label="Copy the command" />
      <p>
        <strong>2.</strong>{' '}
        {again
          ? 'In another shell, with HG_SECRET set too, send it this event. It is signed anew, as the gateway does.'
          : event
            ? `The profile “${profile}” makes its own requests: point an endpoint at your machine and retry the delivery.`
            : 'Your session does not include payloads: point an endpoint at your machine and retry the delivery.'}
      </p>
      {again && <Snippet text={again} label="Copy the commands" />}
      <p class="hint">The gateway cannot reach your machine by itself. The data is the event’s as it is stored: an endpoint’s own chain and thin payloads are not applied to it.</p>
    </Dialog>
  );
}

function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div class="snippet">
      <pre class="code" tabIndex={0} aria-label={label.replace('Copy the', 'The')}>
        {text}
      </pre>
      <Copy text={text} label={label} />
    </div>
  );
}
