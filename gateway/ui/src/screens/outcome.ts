// What an attempt came to, in sentences.
import type { Attempt } from '../api/schema';
import { words } from '../base/format';

/** What an attempt came to, as a sentence. */
export function cause(attempt: Attempt): string {
  const reason = attempt.reason ? ` ${attempt.reason.replace(/\.?$/, '.')}` : '';
  switch (attempt.outcome) {
    case 'delivered':
      return `The endpoint answered ${attempt.response_status ?? 'with success'}.`;
    case 'http_error':
      return `The endpoint answered ${attempt.response_status ?? 'an error'}.`;
    case 'timed_out':
      return `The endpoint did not answer in time.${reason}`;
    case 'unreachable':
      return `The endpoint could not be reached${attempt.stage ? ` (${STAGES[attempt.stage] ?? attempt.stage})` : ''}.${reason}`;
    case 'blocked':
      return `The address is not allowed by the gateway’s configuration.${reason}`;
    case 'plugin_failed':
      return `A step of the endpoint’s chain failed.${reason}`;
    case 'dropped':
      return `A step of the endpoint’s chain dropped it.${reason}`;
    case 'postponed':
      return `A step of the endpoint’s chain put it off.${reason}`;
    case 'crashed':
      return 'The gateway stopped during the attempt: it is not known whether the endpoint received it.';
    case 'shadowed':
      return 'Recorded, not sent.';
    default:
      return `${words(attempt.outcome)}.${reason}`;
  }
}

/** Stages of a request, in words. */
export const STAGES: Record<string, string> = {
  resolve: 'its name was not resolved',
  connect: 'no connection',
  tls: 'the TLS handshake failed',
  send: 'while sending the request',
  head: 'before the response’s headers came',
  body: 'while the response’s body came',
};
