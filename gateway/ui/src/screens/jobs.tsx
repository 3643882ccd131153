// Jobs: bulk actions with their progress, to pause, resume and cancel.
import { useState } from 'preact/hooks';
import { api } from '../api/client';
import { useList } from '../api/list';
import type { BulkAction, BulkJob, TenantOfBulkJob } from '../api/schema';
import { count } from '../base/format';
import { area, url } from '../base/router';
import { can } from '../base/session';
import { Confirm } from '../parts/dialog';
import { Page } from '../parts/page';
import { Empty, Live } from '../parts/state';
import { Status } from '../parts/status';
import { type Column, ListTable } from '../parts/table';
import { Time } from '../parts/time';
import { toast, toastError } from '../parts/toast';
import { FilterText, hastens, madeBy } from './job-filter';

const place = area === 'dashboard' ? '/v1/operator/jobs' : '/v1/jobs';
const ACTIONS: Record<BulkAction, string> = { retry: 'Retry', cancel: 'Cancel', recover: 'Recover', disable: 'Disable' };

type Job = BulkJob & Partial<Pick<TenantOfBulkJob, 'tenant'>>;
type Verb = 'pause' | 'resume' | 'cancel';
const DONE: Record<Verb, string> = { pause: 'The job is paused.', resume: 'The job is resumed.', cancel: 'The job is cancelled.' };
const RESULTS: Record<BulkAction, string> = { retry: 'made again', cancel: 'cancelled', recover: 'recovered', disable: 'disabled' };

export default function Jobs() {
  const list = useList<Job>(place, { poll: 1500 });
  const [cancelled, setCancelled] = useState<Job>();
  const act = async (job: Job, verb: Verb) => {
    await api('POST', `${place}/${encodeURIComponent(job.id)}/${verb}`, area === 'dashboard' ? { tenant: job.tenant } : {});
    toast(DONE[verb]);
    list.reload();
  };
  const button = (job: Job, label: string, run: () => void) => (
    <button type="button" class="button is-small" onClick={run} aria-label={`${label} the job ${job.id}`}>
      {label}
    </button>
  );
  const columns: Column<Job>[] = [
    {
      name: 'action',
      title: 'Job',
      grow: true,
      cell: (job) => (
        <>
          <span class="strong">{ACTIONS[job.action]}</span>{' '}
          <span class="muted">
            <FilterText filter={job.filter} />
          </span>
          <span class="only-narrow"> · {result(job)}</span>
          {job.error && <span class="wrong"> {job.error.detail}</span>}
        </>
      ),
    },
    { name: 'tenant', title: 'Tenant', hide: 'narrow', cell: (job) => job.tenant },
    { name: 'state', title: 'State', cell: (job) => <Status value={job.state} /> },
    { name: 'changed', title: 'Result', number: true, hide: 'narrow', cell: (job) => <span title={`${count(job.looked_at)} looked at, ${count(job.matched)} match`}>{result(job)}</span> },
    { name: 'skipped', title: 'Skipped', number: true, hide: 'medium', cell: (job) => count(job.skipped) },
    { name: 'looked', title: 'Looked at', number: true, hide: 'medium', cell: (job) => count(job.looked_at) },
    { name: 'at', title: 'Begun', number: true, hide: 'narrow', cell: (job) => <Time at={job.created} /> },
    {
      name: 'act',
      title: 'Actions',
      quiet: true,
      number: true,
      cell: (job) =>
        can('retry') &&
        (job.state === 'running' || job.state === 'paused') && (
          <span class="row-actions">
            {job.state === 'running' ? button(job, 'Pause', () => void act(job, 'pause').catch(toastError)) : button(job, 'Resume', () => void act(job, 'resume').catch(toastError))}
            {button(job, 'Cancel', () => setCancelled(job))}
          </span>
        ),
    },
  ];
  if (area === 'portal') columns.splice(1, 1);
  return (
    <Page title="Jobs" about="What was asked for many deliveries at once. A job goes on after a restart." actions={<Live on={list.live} error={list.error} />}>
      <ListTable
        label="Jobs"
        list={list}
        columns={columns}
        rowKey={(job) => job.id}
        href={madeBy}
        empty={
          <Empty title="No jobs" icon="job">
            <a href={url('/dead-letters')}>Dead letters</a> can be retried all at once, and deliveries by their filters.
          </Empty>
        }
      />
      {cancelled && (
        <Confirm title="Cancel this job?" action="Cancel the job" danger run={() => act(cancelled, 'cancel')} onClose={() => setCancelled(undefined)}>
          <p>It stops where it is. What it has done stays done: {result(cancelled)} so far.</p>
        </Confirm>
      )}
    </Page>
  );
}

/** What became of those that it found. Pending deliveries are sent, not made again. */
const result = (job: Job): string => `${count(job.changed)} ${hastens(job.action, job.filter) ? 'sent now' : RESULTS[job.action]}`;
