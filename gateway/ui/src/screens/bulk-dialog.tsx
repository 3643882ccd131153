// Question before a bulk action: the dry run counts, then the action begins as a job.
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, api, toApiError } from '../api/client';
import { useResource } from '../api/resource';
import type { BulkAction, BulkDryRun, BulkJob, TenantPage } from '../api/schema';
import { count } from '../base/format';
import { area, navigate, url } from '../base/router';
import { Confirm, Dialog } from '../parts/dialog';
import { SelectField } from '../parts/form';
import { ErrorBox, Skeleton } from '../parts/state';
import { toast } from '../parts/toast';
import { type Chosen, FilterText, madeBy } from './job-filter';

const place = area === 'dashboard' ? '/v1/operator/bulk' : '/v1/bulk';

export function BulkDialog({ action, filter: given, onClose }: { action: BulkAction; filter: Chosen; onClose: () => void }) {
  // What the list shows meanwhile changes nothing of what was asked.
  const [filter, setFilter] = useState(given);
  const [found, setFound] = useState<BulkDryRun>();
  const [begun, setBegun] = useState<BulkJob>();
  const [error, setError] = useState<ApiError>();
  const unclear = area === 'dashboard' && !filter.tenant;
  useEffect(() => {
    if (unclear) return;
    const abort = new AbortController();
    api<BulkDryRun>('POST', place, { body: { action, filter, dry_run: true }, signal: abort.signal })
      .then(setFound)
      .catch((cause: unknown) => abort.signal.aborted || setError(toApiError(cause)));
    return () => abort.abort();
  }, [unclear]);
  const title = action === 'cancel' ? 'Cancel all that match?' : filter.status === 'pending' ? 'Send all that match now?' : 'Retry all that match?';
  const filters = (
    <p class="muted">
      <FilterText filter={filter} />
    </p>
  );
  if (begun) {
    return (
      <Dialog
        title="The job has begun"
        onClose={onClose}
        actions={
          <>
            <a class="button" href={url('/jobs')} onClick={onClose}>
              Jobs
            </a>
            <a class="button is-primary" href={madeBy({ ...begun, tenant: filter.tenant })} onClick={onClose}>
              See how they fare
            </a>
          </>
        }
      >
        <p>The new deliveries are listed as it makes them. It goes on when this page is closed.</p>
        {filters}
      </Dialog>
    );
  }
  if (!found || found.matched === 0 && !found.partial) {
    return (
      <Dialog title={title} onClose={onClose}>
        {unclear ? (
          <ChooseTenant chosen={(tenant) => setFilter({ ...filter, tenant })} />
        ) : error ? (
          <ErrorBox error={error} />
        ) : found ? (
          <p>No delivery matches.</p>
        ) : (
          <>
            <p role="status">Counting…</p>
            <Skeleton lines={1} />
          </>
        )}
        {filters}
      </Dialog>
    );
  }
  const deliveries = `${found.partial ? 'at least ' : ''}${count(found.matched)} ${found.matched === 1 && !found.partial ? 'delivery' : 'deliveries'}`;
  const run = async () => {
    const job = await api<BulkJob>('POST', place, { body: { action, filter, dry_run: false } });
    if (madeBy(job)) {
      setBegun(job);
      return false;
    }
    toast('The job has begun.');
    navigate(url('/jobs'));
    return true;
  };
  return (
    <Confirm title={title} action={action === 'cancel' ? 'Cancel them' : filter.status === 'pending' ? 'Send them now' : 'Retry them'} danger={action === 'cancel'} run={run} onClose={onClose}>
      <p>
        <strong class="num">{capital(deliveries)}</strong> {found.matched === 1 && !found.partial ? 'matches' : 'match'} now.{' '}
        {action === 'cancel'
          ? 'They are not attempted any more.'
          : filter.status === 'pending'
            ? 'They are due at once.'
            : 'Each becomes a new delivery of the same event, with the same id: a receiver that removes duplicates ignores what it has.'}
      </p>
      {filters}
      <p class="muted">It runs as a job, which can be paused and cancelled.</p>
    </Confirm>
  );
}

/** A job is one tenant's. */
function ChooseTenant({ chosen }: { chosen: (tenant: string) => void }) {
  const { data, error } = useResource<TenantPage>('/v1/tenants', { query: { limit: 500 } });
  if (error) return <ErrorBox error={error} />;
  const options = (data?.data ?? []).map(({ id }) => ({ value: id, label: id }));
  return <SelectField label="Tenant" value="" onChange={chosen} options={[{ value: '', label: 'Choose one: a job is one tenant’s' }, ...options]} hint={data?.next_cursor ? 'The first 500 are here; name another one in the filters of the list.' : undefined} />;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
