// Shell lines that repeat a delivery or check its signature. They read the secret from a variable: no page shows it.
import type { DeliveryDetail, Event as StoredEvent } from '../api/schema';

type Repeat = { url: string; delivery: DeliveryDetail; event: StoredEvent };

/** The body that the profile `standard` makes of an event. */
export const bodyOf = (event: StoredEvent): unknown => ({ type: event.type, timestamp: event.created, data: event.data });

/** Shell commands that send a body like the delivery's to `url`, signed anew by the secret in HG_SECRET. */
export function curl({ url, delivery, event }: Repeat): string {
  return `id=${quote(delivery.event)}
timestamp=$(date +%s)
body=${quote(JSON.stringify(bodyOf(event)))}
key=$(printf %s "\${HG_SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \\n')
signature=$(printf %s "$id.$timestamp.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
curl -X POST ${quote(url)} -H 'content-type: application/json' \\
  -H "webhook-id: $id" -H "webhook-timestamp: $timestamp" -H "webhook-signature: v1,$signature" --data-raw "$body"
`;
}

/** Shell commands that print the signature of a received body. */
export function verifySnippet(event: string): string {
  return `timestamp=…   # the header webhook-timestamp of the request
key=$(printf %s "\${HG_SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \\n')
{ printf %s "${event}.$timestamp."; cat body.json; } |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64 | sed 's/^/v1,/'
`;
}

/** The command that receives deliveries on one's own machine. */
export const listen = (profile: string, port: number): string => `HG_SECRET=whsec_… hookgate listen --port ${port}${profile === 'standard' ? '' : ` --profile ${profile}`}`;

/** A word of a POSIX shell. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
