// Readiness of the gateway, with its warnings and advice in its own words.
import { useResource } from '../api/resource';
import type { Health } from '../api/schema';
import { Icon } from '../parts/icon';
import { Prose } from '../parts/state';

export function Readiness() {
  const health = useResource<Health>('/readyz', { poll: 10_000 });
  if (!health.data) {
    return health.error ? (
      <div class="why is-bad">
        <Icon name="dead" />
        <div>
          <p class="strong">The gateway is not ready.</p>
          <p>
            <Prose text={health.error.problem.detail} /> <Prose text={health.error.problem.fix} />
          </p>
        </div>
      </div>
    ) : null;
  }
  const { status, warnings, advice = [] } = health.data;
  const bad = status !== 'ok' || health.error !== undefined;
  const tone = bad ? 'bad' : warnings.length > 0 ? 'warn' : 'good';
  return (
    <div class={`why is-${tone}`}>
      <Icon name={tone === 'good' ? 'check' : 'dead'} />
      <div>
        <p class="strong">{bad ? 'The gateway is not ready.' : warnings.length === 0 ? 'Ready, without warnings.' : warnings.length === 1 ? 'Ready, with a warning:' : `Ready, with ${warnings.length} warnings:`}</p>
        {warnings.length > 0 && (
          <ul class="bullets">
            {warnings.map((text) => (
              <li key={text}>
                <Prose text={text} />
              </li>
            ))}
          </ul>
        )}
        {advice.length > 0 && (
          <details class="fold">
            <summary>{advice.length === 1 ? 'A recommendation' : `${advice.length} recommendations`}</summary>
            <ul class="bullets">
              {advice.map((text) => (
                <li key={text}>
                  <Prose text={text} />
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </div>
  );
}
