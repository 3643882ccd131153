// What was sent: headers, the signature explained, and the body, as far as they are stored.
import type { ApiError } from '../api/client';
import type { Attempt, DeliveryDetail, Subscription } from '../api/schema';
import { links } from '../base/links';
import { can } from '../base/session';
import { Copy } from '../parts/copy';
import { Json } from '../parts/json';
import { Section } from '../parts/page';
import { Empty, ErrorBox, Skeleton } from '../parts/state';
import type { DeliveryParts } from './delivery';
import { bodyOf, curl, verifySnippet } from './delivery-snippets';
import { useProfile } from './profile';
import { Which } from './which';

type Header = { name: string; value: string | null; note?: string };

export function RequestTab(parts: DeliveryParts & { failed: ApiError | undefined }) {
  const { attempt, delivery, event, endpoint, tenant, failed } = parts;
  const profile = useProfile(tenant);
  const known = profile === undefined || profile === 'standard';
  const recorded = attempt?.request;
  const url = recorded?.url ?? endpoint?.url ?? event?.deliver_to ?? null;
  const headers = recorded ? recorded.headers.map((one): Header => ({ name: one.name, value: one.value ?? null })) : known ? composed(delivery, attempt, endpoint) : [];
  return (
    <>
      {attempt && <Which attempt={attempt} delivery={delivery} />}
      <p class="request-line">
        <strong>POST</strong> <code>{url ?? 'endpoint'}</code>
        {event && <Copy words text={curl({ url: endpoint?.url ?? event.deliver_to ?? 'https://example.com/', delivery, event })} label="Copy as curl" />}
      </p>
      <Section title="Headers">
        {recorded ? (
          <p class="muted remark">As they would have been sent: the endpoint is in shadow mode, which records the request.</p>
        ) : (
          <p class="muted remark">
            A request that was sent is not stored.{' '}
            {known
              ? `These are the headers that ${profile ? `the profile “${profile}”` : 'Standard Webhooks'} makes of the event${attempt ? ` for attempt ${attempt.number}` : ''}.`
              : `The profile “${profile}” decides its headers and body; they are described with the profile.`}
          </p>
        )}
        {headers.length > 0 && (
          <dl class="headers">
            {headers.map(({ name, value, note }) => (
              <div key={name}>
                <dt>
                  <code>{name}</code>
                </dt>
                <dd>{value === null ? <span class="faint">{note ?? 'set by the endpoint’s owner; never shown'}</span> : <code>{value}</code>}</dd>
              </div>
            ))}
          </dl>
        )}
        {!recorded && headers.length > 0 && <p class="hint after">Besides them: those of HTTP itself (host, length, user agent) and those by which gateways notice loops.</p>}
        {recorded && recorded.more_headers > 0 && <p class="hint">{recorded.more_headers} further headers were not recorded.</p>}
      </Section>
      {known && <Signature {...parts} recorded={recorded !== null && recorded !== undefined} />}
      <Section title="Body">
        {recorded && (
          <p class="muted remark">
            {recorded.body_bytes} bytes, SHA-256 <code>{recorded.body_sha256}</code>
          </p>
        )}
        <Body {...parts} known={known} failed={failed} />
      </Section>
    </>
  );
}

function Body({ event, endpoint, attempt, delivery, tenant, known, failed }: DeliveryParts & { known: boolean; failed: ApiError | undefined }) {
  if (!can('payloads')) return <Empty title="Your session does not include payloads" icon="key" />;
  if (!event) return failed ? <ErrorBox error={failed} /> : <Skeleton />;
  const changed = delivery.attempts.some((one) => one.steps.length > 0);
  const thin = endpoint?.payload === 'thin';
  const exactly = known && !changed && !thin;
  return (
    <>
      <p class="muted remark">
        {exactly
          ? 'The body is made of the stored event anew for each attempt.'
          : thin
            ? 'The endpoint is sent thin payloads: the ids in the data only. This is the event’s whole data as it is stored.'
            : changed
              ? 'The endpoint’s chain changed the data before it was sent. This is the event’s data as it is stored, before that chain.'
              : 'This is the event’s data as it is stored.'}{' '}
        {event.steps.some((step) => step.changed.length > 0) && <a href={`${links.delivery(delivery.id, tenant)}?tab=chain`}>Something was changed or removed before it was stored.</a>}
      </p>
      <Json value={exactly ? bodyOf(event) : event.data} label={exactly ? 'body' : 'data'} key={attempt?.number ?? 0} />
    </>
  );
}

function Signature({ attempt, delivery, endpoint, recorded }: DeliveryParts & { recorded: boolean }) {
  const seconds = attempt ? Math.floor(Date.parse(attempt.started) / 1000) : null;
  const snippet = verifySnippet(delivery.event);
  return (
    <Section title="Signature">
      <ol class="explain">
        <li>
          <span class="strong">Content that is signed</span>
          <code class="signed">
            <b>{delivery.event}</b>.<b>{seconds ?? 'time'}</b>.<b>body</b>
          </code>
          <span class="muted">the event’s id, the time of the attempt in seconds, and the body byte by byte, joined by dots</span>
        </li>
        <li>
          <span class="strong">Secret</span>
          <span class="muted">
            {delivery.subscription === 'inline' ? 'the tenant’s signing secret, as the event itself named the endpoint' : 'that of the endpoint; during a rotation the old one signs too, and there are two signatures'}. It is not shown here.
          </span>
        </li>
        <li>
          <span class="strong">Algorithm</span>
          <span class="muted">
            HMAC-SHA256 with the bytes behind <code>whsec_</code>, base64 decoded, sent as <code>v1,BASE64</code>; with an Ed25519 secret (<code>whsk_</code>) <code>v1a,BASE64</code>
          </span>
        </li>
      </ol>
      {!recorded && attempt && <p class="hint">The time of a signature can be a second later than the start of its attempt.</p>}
      <details class="fold">
        <summary>Verify it yourself</summary>
        <p class="muted">
          With the body that your endpoint received in <code>body.json</code> and the secret in <code>HG_SECRET</code>; compare the line with <code>webhook-signature</code>.
        </p>
        <div class="snippet">
          <pre class="code" tabIndex={0} aria-label="Shell commands">{snippet}</pre>
          <Copy text={snippet} label="Copy the commands" />
        </div>
        {endpoint && endpoint.headers.length > 0 && <p class="hint">The endpoint’s own headers ({endpoint.headers.join(', ')}) are not signed.</p>}
      </details>
    </Section>
  );
}

function composed(delivery: DeliveryDetail, attempt: Attempt | undefined, endpoint: Subscription | undefined): Header[] {
  const own = endpoint?.headers ?? [];
  return [
    { name: 'content-type', value: 'application/json' },
    { name: 'webhook-id', value: delivery.event },
    { name: 'webhook-timestamp', value: attempt ? String(Math.floor(Date.parse(attempt.started) / 1000)) : null, note: 'the time of the attempt, in seconds' },
    { name: 'webhook-signature', value: null, note: 'v1,… made at each attempt; not stored' },
    ...(delivery.trigger === 'test' ? [{ name: 'webhook-test', value: 'true' }] : []),
    ...own.map((name): Header => ({ name, value: null })),
  ];
}
