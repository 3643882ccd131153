// Choice of the attempt that a tab of a delivery shows.
import type { Attempt, DeliveryDetail } from '../api/schema';
import { words } from '../base/format';
import { useQuery } from '../base/router';

/** The attempt that is shown, where there are several. */
export function Which({ attempt, delivery }: { attempt: Attempt; delivery: DeliveryDetail }) {
  const { set } = useQuery();
  if (delivery.attempts.length < 2) return null;
  const last = delivery.attempts.at(-1);
  return (
    <p class="which">
      <label>
        <span class="muted">Attempt</span>
        <select class="filter" value={attempt.number} onChange={(event) => set({ attempt: event.currentTarget.value === String(last?.number) ? null : event.currentTarget.value }, { replace: true })}>
          {delivery.attempts.map((one) => (
            <option key={one.number} value={one.number}>
              {one.number} · {one.response_status ?? words(one.outcome)}
            </option>
          ))}
        </select>
      </label>
      <span class="muted">of {delivery.attempts.length}</span>
    </p>
  );
}
