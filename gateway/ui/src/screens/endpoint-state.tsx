// State of an endpoint in a word, with the reason in its title. `quiet`: `active` without a colour.
import type { Subscription } from '../api/schema';
import { words } from '../base/format';
import { Badge } from '../parts/status';

export function EndpointState({ endpoint, quiet }: { endpoint: Subscription; quiet?: boolean }) {
  if (endpoint.status === 'disabled') {
    return (
      <Badge tone="warn" title={endpoint.disabled ? `since ${endpoint.disabled.since}` : undefined}>
        disabled{endpoint.disabled && endpoint.disabled.reason !== 'asked' ? `: ${words(endpoint.disabled.reason)}` : ''}
      </Badge>
    );
  }
  if (endpoint.pause) {
    return (
      <Badge tone="warn" title={`until ${endpoint.pause.until}`}>
        paused: {endpoint.pause.reason}
      </Badge>
    );
  }
  if (endpoint.mode === 'shadow') return <Badge>shadow</Badge>;
  return <Badge tone={quiet ? 'plain' : 'good'}>active</Badge>;
}
