// One plugin: its versions, how its calls went, and its journal.
import { path } from '../api/client';
import { useResource } from '../api/resource';
import type { Plugin, PluginLogs, PluginStats, PluginVersion, PluginVersionStats } from '../api/schema';
import { bytes, count, micros, plural, words } from '../base/format';
import { links } from '../base/links';
import { type ScreenProps, useQuery } from '../base/router';
import { Id } from '../parts/copy';
import { Json } from '../parts/json';
import { Facts, Page, Section } from '../parts/page';
import { Empty, ErrorBox, Live, Skeleton } from '../parts/state';
import { Badge } from '../parts/status';
import { Tabs } from '../parts/tabs';
import { ExactTime, Time } from '../parts/time';

export default function PluginScreen({ params }: ScreenProps) {
  const { id = '', tenant = null } = params;
  const plugin = useResource<Plugin>(path('plugins', id), { tenant, poll: 15_000 });
  const crumbs = tenant
    ? [
        { label: tenant, href: links.tenant(tenant) },
        { label: 'Plugins', href: `${links.tenant(tenant)}?tab=plugins` },
      ]
    : [];
  if (!plugin.data) {
    return (
      <Page title={id} crumbs={crumbs}>
        {plugin.error ? <ErrorBox error={plugin.error} retry={plugin.reload} /> : <Skeleton lines={6} />}
      </Page>
    );
  }
  const { versions, owner } = plugin.data;
  return (
    <Page
      title={id}
      heading={
        <>
          {id} <Badge>{owner}</Badge>
        </>
      }
      about={versions[0]?.summary}
      crumbs={crumbs}
    >
      <Tabs
        label="Plugin"
        tabs={[
          { name: 'calls', label: 'Calls', body: () => <Calls id={id} tenant={tenant} /> },
          { name: 'versions', label: 'Versions', count: versions.length, body: () => <Versions versions={versions} /> },
          { name: 'journal', label: 'Journal', body: () => <Journal id={id} tenant={tenant} /> },
        ]}
      />
    </Page>
  );
}

function Calls({ id, tenant }: { id: string; tenant: string | null }) {
  const stats = useResource<PluginStats>(path('plugins', id, 'stats'), { tenant, poll: 3000 });
  if (!stats.data) return stats.error ? <ErrorBox error={stats.error} retry={stats.reload} /> : <Skeleton />;
  if (stats.data.versions.length === 0) return <Empty title="Never called" icon="plugin">No chain of the tenant has it as a step, in the gateway that answered.</Empty>;
  return (
    <>
      {stats.data.versions.map((version) => (
        <VersionCalls key={version.digest} version={version} />
      ))}
      <p class="hint">Counted by the gateway process that answered, since the version entered a chain there.</p>
    </>
  );
}

function VersionCalls({ version }: { version: PluginVersionStats }) {
  const failures = Object.entries(version.failures);
  const verdicts = Object.entries(version.verdicts).filter(([, number]) => number > 0);
  return (
    <Section title={`Version ${version.version}`} actions={version.breaker === 'closed' ? undefined : <Badge tone="bad">{`stopped: breaker ${words(version.breaker)}`}</Badge>}>
      <Facts
        items={[
          ['Calls', <span key="c" class="num">{count(version.calls)}</span>],
          ['Median', version.time.p50_us ? micros(version.time.p50_us) : null],
          ['99th percentile', version.time.p99_us ? micros(version.time.p99_us) : null],
          ['Longest', version.time.max_us ? micros(version.time.max_us) : null],
          ['Verdicts', verdicts.map(([name, number]) => `${words(name)} ${count(number)}`).join(', ') || 'none'],
          ['Failures', failures.length > 0 ? failures.map(([name, number]) => `${words(name)} ${count(number)}`).join(', ') : 'none'],
          ['Documents in', bytes(version.bytes_in)],
          ['Documents out', bytes(version.bytes_out)],
          ['Last call', version.last_call ? <Time key="l" at={version.last_call} /> : null],
          ['Last failure', version.last_failure ? <span key="f">{words(version.last_failure.kind)} <Time at={version.last_failure.at} /></span> : null],
          ['Breaker opened', version.breaker_opened > 0 ? plural(version.breaker_opened, 'time') : null],
          ['Counted since', <ExactTime key="s" at={version.since} />],
        ]}
      />
    </Section>
  );
}

function Versions({ versions }: { versions: PluginVersion[] }) {
  return (
    <ul class="step-list">
      {versions.map((version) => (
        <li key={version.digest}>
          <div class="attempt-head">
            <span class="strong">{version.version}</span>
            {version.redacts && <Badge tone="info">redacts</Badge>}
            {version.breaker !== 'closed' && <Badge tone="bad">stopped</Badge>}
            <Id value={version.digest} />
            <span class="push muted">
              {bytes(version.bytes)}
              {version.uploaded && (
                <>
                  , <Time at={version.uploaded} />
                </>
              )}
            </span>
          </div>
          {version.imports_more.length > 0 && (
            <p>
              <Badge tone="warn">imports more</Badge> {version.imports_more.join(', ')}
            </p>
          )}
          <details class="fold">
            <summary>Settings and imports</summary>
            <p class="muted">{version.imports.join(', ')}</p>
            {version.settings_schema ? <Json value={version.settings_schema} label="schema of the settings" /> : <p class="muted">It has no settings.</p>}
          </details>
        </li>
      ))}
    </ul>
  );
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];

function Journal({ id, tenant }: { id: string; tenant: string | null }) {
  const { params, set } = useQuery();
  const level = params.get('level') ?? '';
  const logs = useResource<PluginLogs>(path('plugins', id, 'logs'), { tenant, query: { limit: 500, level }, poll: 2000 });
  return (
    <>
      <div class="filters">
        <select class="filter" aria-label="Level" value={level} onChange={(event) => set({ level: event.currentTarget.value || null }, { replace: true })}>
          <option value="">Every level</option>
          {LEVELS.map((one) => (
            <option key={one} value={one}>
              {one} and above
            </option>
          ))}
        </select>
        <div class="filters-end">
          <Live on error={logs.error} />
        </div>
      </div>
      {logs.error && !logs.data && <ErrorBox error={logs.error} retry={logs.reload} />}
      {logs.data?.data.length === 0 ? (
        <Empty title="No lines" icon="catalogue">
          The plugin wrote nothing of this level that is still kept.
        </Empty>
      ) : (
        <ol class="journal" aria-label="Journal, the newest first">
          {[...(logs.data?.data ?? [])].reverse().map((line, index) => (
            <li key={`${line.at} ${index}`}>
              <span class="faint num">{line.at.slice(11, 23)}</span>
              <Badge tone={line.level === 'error' ? 'bad' : line.level === 'warn' ? 'warn' : 'plain'}>{line.level}</Badge>
              <a href={links.event(line.event, tenant)}>event</a>
              <code>{line.text}</code>
              {line.dropped > 0 && <span class="faint">{plural(line.dropped, 'line')} before it left out</span>}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
