// What the tenant uses of what it may use.
import { useResource } from '../api/resource';
import type { AmountUsage, RateUsage, Usage } from '../api/schema';
import { bytes, count } from '../base/format';
import { Page, Section } from '../parts/page';
import { ErrorBox, Live, Skeleton } from '../parts/state';

type Meter = { label: string; about: string; used: number | null; limit: number | null; format: (value: number) => string; per?: string | undefined };

export default function UsageScreen() {
  const { data, error, reload } = useResource<Usage>('/v1/usage', { poll: 5000 });
  return (
    <Page title="Usage" about="What you use, and how much you may use." actions={<Live on error={error} />}>
      {error && <ErrorBox error={error} retry={reload} />}
      {data ? <Meters usage={data} /> : !error && <Skeleton lines={6} />}
    </Page>
  );
}

export function Meters({ usage }: { usage: Usage }) {
  const { quotas } = usage;
  const amount = (label: string, about: string, { used, limit }: AmountUsage, format = count): Meter => ({ label, about, used, limit: limit ?? null, format });
  const rate = (label: string, about: string, { used, limit, burst, period }: RateUsage): Meter => ({
    label,
    about: limit && burst && burst !== limit ? `${about} ${count(burst)} at once after a pause.` : about,
    used: used ?? null,
    limit: limit ?? null,
    format: count,
    per: period === '1s' ? 'a second' : period === '1m' ? 'a minute' : `in ${period}`,
  });
  const groups: [string, Meter[]][] = [
    [
      'Traffic',
      [
        rate('Events', 'Events that may be published.', quotas.events_per_second),
        amount('Pending deliveries', 'Deliveries that have not ended.', quotas.pending_deliveries),
        rate('Repeats', 'Calls that send again: retry, replay, recover.', quotas.replays_per_minute),
        amount('Waiting readers', 'Requests that wait for new events.', usage.waiting_polls),
      ],
    ],
    [
      'Storage',
      [
        amount('Stored events', 'Payloads that are kept.', quotas.stored_bytes, bytes),
        amount('Endpoints', 'Subscriptions, active or not.', usage.subscriptions),
        amount('Settings', 'Keys, endpoints, chains and event types.', usage.registry_bytes, bytes),
        amount('Stored answers', 'Answers that are kept for repeated calls.', quotas.kept_answers),
        amount('Memory', 'What your requests hold in the gateway now.', usage.memory_bytes, bytes),
      ],
    ],
  ];
  return (
    <>
      {groups.map(([title, meters]) => (
        <Section key={title} title={title}>
          <ul class="meters">
            {meters.map((meter) => (
              <One key={meter.label} {...meter} />
            ))}
          </ul>
        </Section>
      ))}
    </>
  );
}

function One({ label, about, used, limit, format, per = '' }: Meter) {
  const share = used !== null && limit ? used / limit : 0;
  return (
    <li class="card">
      <p class="meter-head">
        <span class="strong">{label}</span>
        <span class="num">
          {used === null ? (limit === null ? 'no limit' : '–') : format(used)}
          {limit !== null && (
            <span class="muted">
              {' '}
              of {format(limit)} {per}
            </span>
          )}
          {limit === null && used !== null && <span class="muted"> · no limit</span>}
        </span>
      </p>
      {limit !== null && used !== null && <meter class={share > 0.9 ? 'is-bad' : share > 0.7 ? 'is-warn' : ''} min={0} max={limit} value={used} aria-label={label} />}
      <p class="hint">{about}</p>
    </li>
  );
}
