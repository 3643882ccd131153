// Written by tools/api-types.mjs from the OpenAPI document of the gateway. Do not edit.

/** Response to one event, or to an array. */
export type Accepted = AcceptedEvent | AcceptedEvents;

/** Result of an accepted event. */
export type AcceptedEvent = {
  /** Id of the event: the producer's own if it gave one. Of a dry run without one: publishing makes another. */
  id: string;
  /** Status of the event. */
  status: EventStatus;
  /** Number of deliveries that this request created. */
  deliveries: number;
  /** The subscriptions that they go to; `inline`: the endpoint that the event itself names. */
  subscriptions: Array<string>;
  /** Set for a dry run: nothing was stored, and nobody receives anything. */
  dry_run?: boolean;
  /** The plugin that drops the event, in a dry run. */
  dropped_by?: string | null;
  /** The plugin's reason, in a dry run. */
  reason?: string | null;
};

/** Results of an array's events, in its order. */
export type AcceptedEvents = {
  /** One result for each event of the array. */
  events: Array<AcceptedEvent>;
};

/** Subscription that was activated, with the events that it missed. */
export type ActivatedSubscription = {
  /** Subscription id. */
  id: string;
  /** Endpoint URL. */
  url: string;
  /** Event types. */
  events: Array<string>;
  /** Filter: further conditions on an event's type and data. */
  filter?: Record<string, unknown> | null;
  /** Status of the subscription. */
  status: SubscriptionStatus;
  /** Time and reason, if the subscription is disabled. */
  disabled?: Disabled | null;
  /** Pause of the endpoint, with reason and end, while the subscription is active. */
  pause?: EndpointPause | null;
  /** Free text for humans. */
  description?: string | null;
  /** Names of the headers that are sent; their values are not shown. */
  headers: Array<string>;
  /** Timeout of a whole attempt; `null`: the configuration's. */
  timeout?: Span | null;
  /** Retry policy of failed deliveries; `null`: the configuration's. */
  retry?: RetryPolicy | null;
  /** Payload mode: the part of an event that is sent. */
  payload: PayloadMode;
  /** Owner within the tenant. */
  owner: SubscriptionOwner;
  /** Delivery mode. */
  mode: SubscriptionMode;
  /** Creation time. */
  created: string;
  /** Missed events; `null` if the subscription was active. */
  missed?: Missed | null;
};

/** Amount used, and its limit. */
export type AmountUsage = {
  /** Amount used now. */
  used: number;
  /** Limit; `null` if there is none. */
  limit?: number | null;
};

/** HTTP attempt of a delivery, or the reason for which it was not made. */
export type Attempt = {
  /** Attempt number, from 1. */
  number: number;
  /** Start of the attempt. */
  started: string;
  /** Duration in milliseconds. */
  took_ms: number;
  /** Outcome of the attempt. */
  outcome: AttemptOutcome;
  /** HTTP status of the response. */
  response_status?: number | null;
  /** Beginning of the response body. */
  response_body?: string | null;
  /** Delay that the response's `Retry-After` asked for, in seconds. */
  retry_after?: number | null;
  /** Stage of the failure. */
  stage?: AttemptStage | null;
  /** Reason for the failure, or for the drop by a step. */
  reason?: string | null;
  /** Report of the subscription's chain, if it ran for this attempt. It runs once per delivery. */
  steps: Array<StepReport>;
  /** Request that was recorded in place of being sent. */
  request?: UnsentRequest | null;
};

/** Attempts that ended in a bucket of time. */
export type AttemptBucket = {
  /** Start of the bucket. */
  start: string;
  /** All attempts. Those of test events do not count. */
  attempts: number;
  /** Attempts that succeeded. */
  delivered: number;
  /** Attempts that failed. */
  failed: number;
  /** Deliveries that were given up. */
  dead: number;
  /** Share of attempts that failed, 0 to 1. */
  failed_share: number;
  /** Median duration of successful attempts, rounded up; `null` if none succeeded. */
  p50?: Span | null;
  /** 95th percentile of their duration, rounded up. */
  p95?: Span | null;
};

/** Counts of attempts. */
export type AttemptCounts = {
  /** All attempts. Those of test events do not count. */
  attempts: number;
  /** Attempts that succeeded. */
  delivered: number;
  /** Attempts that failed. */
  failed: number;
  /** Deliveries that were given up. */
  dead: number;
  /** Share of attempts that failed, 0 to 1. */
  failed_share: number;
  /** Median duration of successful attempts, rounded up; `null` if none succeeded. */
  p50?: Span | null;
  /** 95th percentile of their duration, rounded up. */
  p95?: Span | null;
};

/** Outcome of an attempt. `http_error`: an answer that is not 2xx. */
export type AttemptOutcome = "delivered" | "http_error" | "timed_out" | "unreachable" | "blocked" | "plugin_failed" | "dropped" | "postponed" | "crashed" | "shadowed";

/** Stage of an attempt. */
export type AttemptStage = "resolve" | "connect" | "tls" | "send" | "head" | "body";

/** Policy that disables a subscription. */
export type AutoDisable = {
  /** Share of failed attempts that must be exceeded. */
  over: number;
  /** Minimum number of attempts in the window. */
  least_attempts: number;
  /** Minimum time for which the subscription has been failing. */
  for_at_least: Span;
  /** Share of failed attempts above which the owner is warned first. */
  warn_over?: number | null;
};

/** Backup file. */
export type BackupFile = {
  /** File name, which contains the time of the backup. */
  name: string;
  /** File size in bytes. */
  bytes: number;
};

/** Backups of the embedded store. */
export type Backups = {
  /** Directory of the backup files on the gateway's machine. */
  directory: string;
  /** Backup in progress; `null` if there is none. */
  running?: RunningBackup | null;
  /** Last backup that ended since the gateway started; `null` if there is none. */
  last?: EndedBackup | null;
  /** Backup files, newest first. */
  data: Array<BackupFile>;
};

/** Part of a tenant that a profile blocks. */
export type BlockedPart = {
  /** Subscription concerned; `null` for the tenant itself. */
  subscription?: string | null;
  /** JSON pointer (RFC 6901) to the part. */
  pointer: string;
  /** Reason. */
  detail: string;
};

/** State of a circuit breaker. */
export type Breaker = "closed" | "open" | "half_open";

/** Action of a bulk job. */
export type BulkAction = "retry" | "cancel" | "recover" | "disable";

/** Result of the dry run of a bulk job. */
export type BulkDryRun = {
  /** Number of deliveries or subscriptions that the filter finds. */
  matched: number;
  /** Flag: it looked at as much as one request may (`api.list_scan`), and there may be more. */
  partial: boolean;
};

/** Filter of a bulk job. At least one field; which ones an action takes, its route says. */
export type BulkFilter = {
  /** Only from this time on (RFC 3339). */
  since?: string | null;
  /** Only from before this time (RFC 3339). */
  until?: string | null;
  /** Only of events of these types: patterns such as `invoice.*`. Of subscriptions to disable: only those that take no others. */
  types?: Array<string> | null;
  /** Only to this subscription; `inline`: to endpoints that events name themselves. */
  subscription?: string | null;
  /** Only deliveries in this status. */
  status?: DeliveryStatus | null;
  /** Only deliveries whose last attempt came to this. */
  status_class?: StatusClass | null;
  /** Only deliveries with at most one attempt, or with more. */
  attempt?: Tries | null;
  /** Only deliveries in whose place another one was made, or only those without. */
  replayed?: boolean | null;
};

/** Bulk job. */
export type BulkJob = {
  /** Id of the job. */
  id: string;
  /** Action on all that the filter finds. */
  action: BulkAction;
  /** Selection of deliveries or subscriptions. */
  filter: BulkFilter;
  /** State of the job. */
  state: BulkJobState;
  /** Caller that started it: the id of an API key, `operator`, or `portal`. */
  by: string;
  /** Time of the start. */
  created: string;
  /** Time of the last change of this record. */
  updated: string;
  /** Time of the end. */
  finished?: string | null;
  /** Number of events, dead letters or subscriptions looked at. */
  looked_at: number;
  /** Number of deliveries or subscriptions that the filter found. */
  matched: number;
  /** Number of them that were changed. */
  changed: number;
  /** Number of them that were left as they were: not in a state for the action, or changed meanwhile. */
  skipped: number;
  /** Reason for which it failed, or for which a running job waits. */
  error?: BulkJobError | null;
};

/** Error of a bulk job. */
export type BulkJobError = {
  /** Code of a problem. */
  code: string;
  /** Description of the problem. */
  detail: string;
};

/** Page of a list. */
export type BulkJobPage = {
  /** Items of the page. */
  data: Array<BulkJob>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** State of a bulk job. */
export type BulkJobState = "running" | "paused" | "done" | "cancelled" | "failed";

/** Line of a plugin log. */
export type CallLogLine = {
  /** Level of the line. */
  level: LogLevel;
  /** Text; control characters are escaped. */
  text: string;
};

/** Duration of calls in microseconds; `null` if there were none. */
export type CallTime = {
  /** Total duration. */
  total_us: number;
  /** Median; up to an eighth too high. */
  p50_us?: number | null;
  /** 99th percentile; up to an eighth too high. */
  p99_us?: number | null;
  /** Longest duration. */
  max_us?: number | null;
};

/** Amount used, and its limit. */
export type CallUsage = {
  /** Amount used. */
  used: number;
  /** Limit. */
  limit: number;
};

/** Canary: another version for a share of the events, which are selected by their ids. */
export type Canary = {
  /** Version, range, `latest` or digest, as for a step. */
  version: string;
  /** Share of the events: over 0 and up to 1; `0.05` is one event in twenty. */
  share: number;
  /** Version that runs now. Read-only: ignored in a request. */
  running?: RunningVersion | null;
  /** Time and reason of the stop, if the canary was stopped and gets no more events. Read-only: ignored in a request, which starts the canary anew. */
  stopped?: StoppedCanary | null;
};

/** Permission of a portal session. */
export type Capability = "view" | "payloads" | "secrets.view" | "secrets.rotate" | "endpoints.write" | "retry" | "test" | "chain.write";

/** Plugin chain. */
export type Chain = {
  /** Steps, in the order in which they run. */
  steps: Array<Step>;
  /** Dictionary classes that the tenant's profile removes from every event. They are removed before the chain and again after it. The profile sets them: leave the field out, or send the value that was read. Fields that the schemas of event types remove in addition are shown with each type, as `removed`. */
  always_removed?: Array<string> | null;
};

/** Action on a chain. */
export type ChainAction = "chain_set" | "chain_removed" | "uploaded" | "deleted" | "moved" | "kept" | "canary_begun" | "promoted" | "canary_stopped" | "rolled_back";

/** Change of a plugin or a chain. */
export type ChainChange = {
  /** Time of the change. */
  at: string;
  /** Actor of the change. The id of an API key, `operator`, `portal` (a session of the portal), `declared` (the configuration file) or `automatic` (the gateway itself). */
  who: string;
  /** Action. `moved` and `kept`: a step, after an upload. */
  what: ChainAction;
  /** Chain concerned, if any: `ingress`, or a subscription's id. */
  chain?: string | null;
  /** Plugin concerned, if any. */
  plugin?: string | null;
  /** Previous version. */
  from?: string | null;
  /** New version. */
  to?: string | null;
  /** Reason, or further details. */
  note?: string | null;
};

/** Latest changes. */
export type ChainHistory = {
  /** Changes, newest first. */
  data: Array<ChainChange>;
};

/** Single change. */
export type Change = {
  /** Operation. */
  op: ChangeOperation;
  /** JSON pointer to the place. */
  path: string;
  /** Previous value. */
  old?: unknown;
  /** New value. */
  new?: unknown;
};

/** Operation of a change. */
export type ChangeOperation = "add" | "remove" | "replace";

/** Row that was created or changed. */
export type ChangedRow = {
  /** Line of the row in the document. */
  line: number;
  /** Kind of the row. */
  kind: RowKind;
  /** Tenant of the row. */
  tenant: string;
  /** Id or name of the row. */
  id: string;
  /** Change of the row. */
  change: RowChange;
  /** Fields that differed. */
  fields: Array<string>;
};

/** Tenant after a change or a dry run. */
export type ChangedTenant = {
  /** Tenant name. */
  id: string;
  /** Profile, the tenant's public contract. */
  profile: string;
  /** Set when the metadata of events is stored: neither the tenant nor its profile drops it. */
  keep_metadata: boolean;
  /** Creation time. */
  created: string;
  /** Number of subscriptions. */
  subscriptions: number;
  /** Quotas of the tenant. Those left out are the profile's or the gateway's. */
  quotas: Quotas;
  /** Parts that another profile blocks or would block, at most 50. Empty if there are none, or if the profile is unchanged. */
  blocked: Array<BlockedPart>;
  /** Set when more parts are blocked. */
  more_blocked: boolean;
};

/** Classified place in the data or the metadata. */
export type ClassifiedField = {
  /** JSON pointer; `*` matches every element, and every member that no other place names. */
  pointer: string;
  /** Class. `public` is not removed; `internal`, `confidential` and `restricted` are removed with all that is inside. */
  class: FieldClass;
};

/** An event in the structured form of CloudEvents 1.0; extensions are members beside these. */
export type CloudEvent = {
  specversion: "1.0";
  id: string;
  source: string;
  type: string;
  time?: string;
  subject?: string;
  datacontenttype?: string;
  dataschema?: string;
  /** Any JSON. */
  data?: unknown;
  data_base64?: string;
};

/** A whole number, 1 or more, or `unlimited`. */
export type CountLimit = number | string;

/** API key that was created. */
export type CreatedKey = {
  /** Key id. */
  id: string;
  /** First characters of the key. */
  hint: string;
  /** Scopes of the key. */
  scopes: Array<KeyScope>;
  /** Creation time. */
  created: string;
  /** Expiry time; `null` if the key does not expire. */
  expires?: string | null;
  /** Set when the key has expired. */
  expired: boolean;
  /** Time of the last request with the key, to the minute; `null` if there was none. Requests at other gateways are shown after `auth.last_used_interval`. */
  last_used?: string | null;
  /** Only subscription within the key's reach; `null` if only the scopes limit it. */
  subscription?: string | null;
  /** The key. It is not shown again; `null` if it was given by its digest. */
  key?: string | null;
};

/** Subscription that was created, with its secret. */
export type CreatedSubscription = {
  /** Subscription id. */
  id: string;
  /** Endpoint URL. */
  url: string;
  /** Event types. */
  events: Array<string>;
  /** Filter: further conditions on an event's type and data. */
  filter?: Record<string, unknown> | null;
  /** Status of the subscription. */
  status: SubscriptionStatus;
  /** Time and reason, if the subscription is disabled. */
  disabled?: Disabled | null;
  /** Pause of the endpoint, with reason and end, while the subscription is active. */
  pause?: EndpointPause | null;
  /** Free text for humans. */
  description?: string | null;
  /** Names of the headers that are sent; their values are not shown. */
  headers: Array<string>;
  /** Timeout of a whole attempt; `null`: the configuration's. */
  timeout?: Span | null;
  /** Retry policy of failed deliveries; `null`: the configuration's. */
  retry?: RetryPolicy | null;
  /** Payload mode: the part of an event that is sent. */
  payload: PayloadMode;
  /** Owner within the tenant. */
  owner: SubscriptionOwner;
  /** Delivery mode. */
  mode: SubscriptionMode;
  /** Creation time. */
  created: string;
  /** Signing secret; `null` if it is an Ed25519 key, or the tenant's own secret. */
  secret?: string | null;
  /** Public key that verifies deliveries, of an Ed25519 key: `whpk_…`. */
  public_key?: string | null;
};

/** Tenant that was created. */
export type CreatedTenant = {
  /** Tenant name. */
  id: string;
  /** Profile, the tenant's public contract. */
  profile: string;
  /** Set when the metadata of events is stored: neither the tenant nor its profile drops it. */
  keep_metadata: boolean;
  /** Creation time. */
  created: string;
  /** Number of subscriptions. */
  subscriptions: number;
  /** Quotas of the tenant. Those left out are the profile's or the gateway's. */
  quotas: Quotas;
  /** First API key. It is not shown again. */
  key: string;
  /** Signing secret for endpoints that events name themselves. */
  signing_secret?: string | null;
};

/** A problem (RFC 9457), as a product's customers are told of it. */
export type CustomerProblem = {
  /** The status in words. */
  title: string;
  status: number;
  /** A stable word for programs. */
  code: string;
  /** What is wrong with this request. */
  detail: string;
  retry: Retry;
  errors?: Array<FieldError>;
};

/** Delivery and its state. */
export type Delivery = {
  /** Delivery id. */
  id: string;
  /** Id of the event that is delivered. */
  event: string;
  /** Id of the subscription; `inline` for the endpoint that the event itself names. */
  subscription: string;
  /** The event's type. */
  type: string;
  /** Origin of the delivery. */
  trigger: DeliveryTrigger;
  /** Status of the delivery. */
  status: DeliveryStatus;
  /** Due time of a pending delivery. While an attempt is in progress: the time until which it may take. */
  next_attempt?: string | null;
  /** Time at which the delivery ended. */
  finished?: string | null;
  /** Time of the first attempt. */
  first_attempt?: string | null;
  /** Outcome of the last attempt. */
  last_outcome?: AttemptOutcome | null;
  /** The status that the last attempt was answered. */
  last_status?: number | null;
  /** The class of what the last attempt came to; null where it says nothing of the endpoint or of a plugin. */
  status_class?: StatusClass | null;
  /** The newest delivery that was made of the same event to the same endpoint since, by a retry, a replay or a recovery: a dead letter with one is not open any more. */
  replayed_as?: string | null;
  /** Number of attempts made. */
  attempts: number;
};

/** Number of an event's deliveries, by status. */
export type DeliveryCounts = {
  pending: number;
  delivered: number;
  dead: number;
  cancelled: number;
  shadowed: number;
};

/** Delivery with its attempts. */
export type DeliveryDetail = {
  /** Delivery id. */
  id: string;
  /** Id of the event that is delivered. */
  event: string;
  /** Id of the subscription; `inline` for the endpoint that the event itself names. */
  subscription: string;
  /** The event's type. */
  type: string;
  /** Origin of the delivery. */
  trigger: DeliveryTrigger;
  /** Status of the delivery. */
  status: DeliveryStatus;
  /** Due time of a pending delivery. While an attempt is in progress: the time until which it may take. */
  next_attempt?: string | null;
  /** Time at which the delivery ended. */
  finished?: string | null;
  /** Time of the first attempt. */
  first_attempt?: string | null;
  /** Outcome of the last attempt. */
  last_outcome?: AttemptOutcome | null;
  /** The status that the last attempt was answered. */
  last_status?: number | null;
  /** The class of what the last attempt came to; null where it says nothing of the endpoint or of a plugin. */
  status_class?: StatusClass | null;
  /** The newest delivery that was made of the same event to the same endpoint since, by a retry, a replay or a recovery: a dead letter with one is not open any more. */
  replayed_as?: string | null;
  /** Attempts, oldest first. */
  attempts: Array<Attempt>;
};

/** A page of a list, the newest first. */
export type DeliveryList = {
  /** The items, the newest first whichever way they were read. */
  data: Array<Delivery>;
  /** The page of what is older; null: there is nothing older. */
  next_cursor?: string | null;
  /** The page of what is newer, now or later; null: the list has no way back. */
  previous_cursor?: string | null;
  /** The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on to it, even where `data` is empty. */
  partial: boolean;
};

/** Method of a delivery. */
export type DeliveryMethod = "POST";

/** Status of a delivery. */
export type DeliveryStatus = "pending" | "delivered" | "dead" | "cancelled" | "shadowed";

/** Cause of a delivery. */
export type DeliveryTrigger = "published" | "replay" | "test";

/** Reason for the disabling of a subscription. `gone`: the endpoint answered 410. */
export type DisableReason = "asked" | "gone" | "failing";

/** Time and reason of the disabling of a subscription. */
export type Disabled = {
  /** Time at which it was disabled. */
  since: string;
  /** Reason. `failing`: too many of its attempts failed. */
  reason: DisableReason;
};

/** Backup that has ended. */
export type EndedBackup = {
  /** Name of the backup file. */
  name: string;
  /** Start time, RFC 3339. */
  began: string;
  /** End time, RFC 3339. */
  ended: string;
  /** Reason for the failure, which left no file; `null` if the backup succeeded. */
  error?: string | null;
};

/** Pause of an endpoint: no requests are sent to it, and no attempts are used up. */
export type EndpointPause = {
  /** Time of the next attempt. */
  until: string;
  /** Reason. `failing`: its last attempts failed. */
  reason: PauseReason;
  /** Scope: other gateways detect failures independently. */
  scope: ProcessScope;
};

/** Event with its status, the steps of its chain and its deliveries. */
export type Event = {
  /** Event id; the `webhook-id` of its deliveries. */
  id: string;
  /** Event type. */
  type: string;
  /** Time at which the event happened. */
  created: string;
  /** Payload after the tenant's chain; `null` for a session without the capability `payloads`. */
  data: unknown;
  /** Status of the event. */
  status: StoredEventStatus;
  /** Reason for which a plugin dropped the event. */
  reason?: string | null;
  /** Metadata of the producer. */
  metadata?: Record<string, unknown> | null;
  /** Endpoint that the event itself named. */
  deliver_to?: string | null;
  /** Report of each step of the chain. */
  steps: Array<StepReport>;
  /** Deliveries: those of the publication, then replays. */
  deliveries: Array<Delivery>;
};

/** An event without its payload. */
export type EventLine = {
  /** Id of the event. */
  id: string;
  /** Type of the event. */
  type: string;
  /** Time at which the event happened. */
  created: string;
  /** Time at which the event was accepted. */
  accepted: string;
  /** Size of the stored payload in bytes. */
  bytes: number;
  /** Number of its deliveries, by status. */
  deliveries: DeliveryCounts;
};

/** A page of a list, the newest first. */
export type EventLineList = {
  /** The items, the newest first whichever way they were read. */
  data: Array<EventLine>;
  /** The page of what is older; null: there is nothing older. */
  next_cursor?: string | null;
  /** The page of what is newer, now or later; null: the list has no way back. */
  previous_cursor?: string | null;
  /** The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on to it, even where `data` is empty. */
  partial: boolean;
};

/** An order of events. */
export type EventOrder = "oldest" | "newest";

/** Status of an event. */
export type EventStatus = "accepted" | "duplicate" | "filtered";

/** Event type. */
export type EventType = {
  /** Name of the type; `null` for a type that the profile describes without a name. */
  type?: string | null;
  /** Entity that the type is about. */
  entity?: string | null;
  /** Description: the occasion on which an event of this type is sent. */
  description?: string | null;
  /** JSON Schema of the event data. */
  schema?: JsonSchema | null;
  /** Set when data that does not fit the schema is refused. */
  validate: boolean;
  /** Fields removed from events of the type before they are stored. The removal does not depend on the chain. Left out if there are none. Read-only. */
  removed?: RemovedFields | null;
  /** Origin. A type of the tenant is created over the API or declared in the configuration; the profile's types are documented by the tenant's profile. */
  source: EventTypeSource;
};

/** Page of a list. */
export type EventTypePage = {
  /** Items of the page. */
  data: Array<EventType>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** Origin of an event type. */
export type EventTypeSource = "tenant" | "profile";

/** A page of events, in the order that was asked for. */
export type EventsPage = FeedPage | EventLineList;

/** Path in the event data. */
export type ExposedPath = {
  /** JSON pointer; `*` matches every element, and keys that may be values. */
  pointer: string;
  /** Number of events that have the path. */
  events: number;
  /** Class of the path; `null` if nothing classifies it. */
  class?: FieldClass | null;
  /** Source of the class. `name` is that of the path or of a parent, `default` that of the schema. */
  by?: FieldClassBasis | null;
  /** Set when today's rules deliver the path. */
  stays: boolean;
};

/** Exposure of an event type. */
export type Exposure = {
  /** Event type. */
  type: string;
  /** Number of events examined. */
  events: number;
  /** Number of these events that exceeded the work budget and are reported in part. */
  left_out: number;
  /** Time of the oldest of these events. */
  since?: string | null;
  /** Paths in the data of these events, ordered by name; at most 500. */
  paths: Array<ExposedPath>;
  /** Set when there are more paths. */
  cut: boolean;
};

/** Event as its consumers see it. */
export type FeedEvent = {
  /** Event id; the `webhook-id` of its deliveries. */
  id: string;
  /** Event type. */
  type: string;
  /** Time at which the event happened. */
  created: string;
  /** Payload after the tenant's chain; `null` for a session without the capability `payloads`. */
  data: unknown;
};

/** A page of the feed. */
export type FeedPage = {
  /** Events, oldest first. */
  data: Array<FeedEvent>;
  /** Cursor of the next page, usable now or later. Always present. */
  next_cursor: string;
  /** Set when more events are available already. */
  has_more: boolean;
};

/** Class of a field. */
export type FieldClass = "public" | "internal" | "confidential" | "restricted";

/** Source of a field's class. */
export type FieldClassBasis = "schema" | "name" | "default";

/** Problem of one field. */
export type FieldError = {
  /** Location in the body: a JSON pointer (RFC 6901). */
  pointer: string;
  /** Description of the problem. */
  detail: string;
};

/** Health of the gateway. */
export type Health = {
  /** Status, always `ok`. */
  status: HealthStatus;
  /** Warnings for the operator. */
  warnings: Array<string>;
  /** Recommendations, shown only to the operator's key. */
  advice?: Array<string>;
};

/** Status of a gateway that answers. */
export type HealthStatus = "ok";

/** Result of an import or of its dry run. */
export type Import = {
  /** Set for a dry run: nothing was changed. */
  dry_run: boolean;
  /** Number of tenants that the document has rows of. */
  tenants: number;
  /** Number of rows in the document. */
  rows: number;
  /** Number of rows that were created. */
  created: number;
  /** Number of rows that were changed. */
  changed: number;
  /** Number of rows that were as in the document already. */
  unchanged: number;
  /** Number of rows that were refused. */
  refused: number;
  /** Rows that were created or changed, as far as they are listed. */
  changes: Array<ChangedRow>;
  /** Rows that were refused, as far as they are listed. */
  refusals: Array<RefusedRow>;
  /** Number of created, changed or refused rows that are not listed. The limit of the lists is `api.max_import_rows_shown`. */
  more: number;
};

/** Treatment of a document with a refused row. */
export type ImportMode = "all" | "rows";

/** JSON Schema: an object, or `true` or `false`. */
export type JsonSchema = Record<string, unknown> | boolean;

/** API key, without the key itself. */
export type Key = {
  /** Key id. */
  id: string;
  /** First characters of the key. */
  hint: string;
  /** Scopes of the key. */
  scopes: Array<KeyScope>;
  /** Creation time. */
  created: string;
  /** Expiry time; `null` if the key does not expire. */
  expires?: string | null;
  /** Set when the key has expired. */
  expired: boolean;
  /** Time of the last request with the key, to the minute; `null` if there was none. Requests at other gateways are shown after `auth.last_used_interval`. */
  last_used?: string | null;
  /** Only subscription within the key's reach; `null` if only the scopes limit it. */
  subscription?: string | null;
};

/** Page of a list. */
export type KeyPage = {
  /** Items of the page. */
  data: Array<Key>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** Scope of an API key. */
export type KeyScope = "publish" | "read" | "manage" | "consumer";

/** Failed call. */
export type LastCallFailure = {
  /** Time of the failure. */
  at: string;
  /** Kind of the failure. */
  kind: string;
};

/** Attempt that failed. */
export type LastFailure = {
  /** Time of the failure. */
  at: string;
  /** Its outcome. */
  outcome: AttemptOutcome;
  /** HTTP status of the response, if there was one. */
  http_status?: number | null;
  /** Time of the delivery's next attempt; `null` if there is none. */
  next_attempt?: string | null;
};

/** Log level. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** Attempt, as recorded in the attempt log. */
export type LoggedAttempt = {
  /** Time at which the attempt ended and was recorded. */
  at: string;
  /** Id of the delivery. */
  delivery: string;
  /** Id of the event. */
  event: string;
  /** The event's type. */
  type: string;
  /** Id of the subscription; `inline`: the endpoint that the event itself names. */
  subscription: string;
  /** Origin of the delivery. */
  trigger: DeliveryTrigger;
  /** Number of the attempt, from 1. */
  number: number;
  /** Outcome of the attempt. */
  outcome: AttemptOutcome;
  /** HTTP status of the response, if there was one. */
  response_status?: number | null;
  /** Class of the outcome; null if it shows nothing about the endpoint or a plugin. */
  status_class?: StatusClass | null;
  /** Its length in milliseconds. */
  took_ms: number;
  /** State of the delivery after it: `pending` is tried again. */
  status: DeliveryStatus;
};

/** A page of a list, the newest first. */
export type LoggedAttemptList = {
  /** The items, the newest first whichever way they were read. */
  data: Array<LoggedAttempt>;
  /** The page of what is older; null: there is nothing older. */
  next_cursor?: string | null;
  /** The page of what is newer, now or later; null: the list has no way back. */
  previous_cursor?: string | null;
  /** The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on to it, even where `data` is empty. */
  partial: boolean;
};

/** Delivery that was created. */
export type MadeDelivery = {
  /** Delivery id. */
  id: string;
};

/** Events that a subscription missed while it was disabled. None of them is delivered unless a */
export type Missed = {
  /** Time at which it was disabled; the `since` of a recovery. */
  since: string;
  /** Number of events that it would have been sent, as far as counted. `null`: they could not be counted. */
  events?: number | null;
  /** Set when there may be more: 1,000 events are examined, and some may be gone from the feed. */
  more: boolean;
  /** Path of the recovery: `POST` with `{"since": …}`. */
  recover: string;
};

/** Result of a promotion or rollback. */
export type MovedSteps = {
  /** Version changes of the steps concerned. */
  steps: Array<StepMove>;
};

/** New bulk job. */
export type NewBulkJob = {
  /** Action on all that the filter finds. */
  action: BulkAction;
  /** Selection of deliveries or subscriptions. */
  filter: BulkFilter;
  /** Flag: nothing is changed, only counted. */
  dry_run?: boolean;
};

/** Parameters of a link into the dashboard. */
export type NewDashboardLink = {
  /** Time after which the session ends, however often it is renewed: up to `24h`, default `1h`. */
  ttl?: Span | null;
  /** Path within the dashboard to open first. */
  next?: string | null;
  /** Theme of the pages. */
  theme?: PageTheme;
};

/** Event in the producer's form. */
export type NewEvent = {
  /** Event type, such as `invoice.paid`: 1 to 256 printable ASCII characters. Its parts are joined by single dots and have none of `* , " < > \ ^ { | }` and the grave accent. */
  type: string;
  /** Payload: any JSON. It passes the tenant's chain before it is stored. */
  data: unknown;
  /** The producer's own id, 1 to 64 of `A-Z a-z 0-9 _ - . :`. A repeated id makes a duplicate. */
  id?: string | null;
  /** Time of the event (RFC 3339); by default the time of its acceptance. */
  created?: string | null;
  /** The producer's metadata. Plugins can read it, consumers never see it. */
  metadata?: Record<string, unknown> | null;
  /** Endpoint of this event only, in addition to the subscriptions. */
  deliver_to?: string | null;
};

/** Definition of an event type. */
export type NewEventType = {
  /** Entity that the type is about; at most 1024 bytes. */
  entity?: string | null;
  /** Description: the occasion on which an event of this type is sent; at most 1024 bytes. */
  description?: string | null;
  /** JSON Schema of the event data, draft 2020-12. */
  schema?: JsonSchema | null;
  /** Refuses data that does not fit the schema. */
  validate?: boolean;
};

/** One event or an array. */
export type NewEvents = NewEvent | Array<NewEvent>;

/** Parameters of a new API key. */
export type NewKey = {
  /** Scopes, one or more; default: `auth.key_scopes`. */
  scopes?: Array<KeyScope> | null;
  /** Expiry time (RFC 3339); default: the key does not expire. */
  expires?: string | null;
  /** Subscription that the key is limited to, with its deliveries. The only scope of such a key is `consumer`. */
  subscription?: string | null;
  /** SHA-256 of an existing key, 64 hexadecimal digits; if left out, a key is generated. */
  digest?: string | null;
};

/** Parameters of a link into the portal. */
export type NewPortalLink = {
  /** Permitted actions; default: `view`. */
  capabilities?: Array<Capability> | null;
  /** Time after which the session ends, however often it is renewed: up to `24h`, default `1h`. */
  ttl?: Span | null;
  /** Label, 1 to 64 characters, by which the session can be ended. */
  session?: string | null;
  /** Patterns of the event types that the session sees, 1 to 64; default: all. */
  types?: Array<string> | null;
  /** Limits the session to what a consumer's key reaches: consumers' subscriptions. */
  consumer?: boolean;
  /** Limits the session to one subscription and its deliveries. */
  subscription?: string | null;
  /** Path within the portal to open first, such as `/deliveries?status=dead`. */
  next?: string | null;
  /** Theme of the pages. */
  theme?: PageTheme;
};

/** Parameters of a new subscription. */
export type NewSubscription = {
  /** Endpoint URL: https or http, without user name or password. */
  url: string;
  /** Event types: a type (`invoice.paid`), all below a name (`invoice.*`), or all (`*`). */
  events: Array<string>;
  /** Filter: further conditions on an event's type and data. */
  filter?: Record<string, unknown> | null;
  /** Signing secret; generated if left out. Either `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and an Ed25519 key. */
  secret?: string | null;
  /** Algorithm of a generated secret; default: `hmac`. */
  signature?: SignatureKind | null;
  /** Description for people; at most 1024 bytes. */
  description?: string | null;
  /** Headers that are sent with every attempt. Their values are never shown again. */
  headers?: Record<string, string> | null;
  /** Timeout of a whole attempt, such as `5s`. */
  timeout?: Span | null;
  /** Retry policy of failed deliveries. */
  retry?: RetryPolicy | null;
  /** Payload mode: the part of an event that is sent. */
  payload?: PayloadMode | null;
  /** Owner; default: `tenant`. Always `consumer` if a consumer's key creates the subscription. */
  owner?: SubscriptionOwner | null;
  /** Delivery mode; default: `send`. Not allowed for a consumer's key. */
  mode?: SubscriptionMode | null;
  /** Initial status; default: `active`. A `disabled` subscription is given no events until it is activated. */
  status?: SubscriptionStatus | null;
};

/** Parameters of a new tenant. */
export type NewTenant = {
  /** Its name: 1 to 63 of `a-z 0-9 -`. */
  id: string;
  /** Profile, the tenant's public contract; default: `standard` (Standard Webhooks). */
  profile?: string | null;
  /** Signing secret for endpoints that events name themselves; generated if left out. */
  signing_secret?: string | null;
  /** Quotas that override those of the profile and of the gateway. */
  quotas?: Quotas;
  /** Stores the metadata of events, and the attributes of CloudEvents. Default: stored, unless the profile drops it. */
  keep_metadata?: boolean | null;
};

/** New bulk job of a tenant. */
export type NewTenantBulkJob = {
  /** Action on all that the filter finds. */
  action: BulkAction;
  /** Selection of deliveries or subscriptions of a tenant. */
  filter: TenantBulkFilter;
  /** Flag: nothing is changed, only counted. */
  dry_run?: boolean;
};

/** Effect of a step failure. */
export type OnFailure = "fail" | "skip";

/** Subject of a series over all tenants. */
export type OperatorSeriesBy = "tenant" | "status_class";

/** Theme of the pages. */
export type PageTheme = "auto" | "light" | "dark";

/** Reason for a pause. `asked`: 429 or 503 with `Retry-After`. */
export type PauseReason = "failing" | "asked";

/** Payload mode: the part of an event that is sent. */
export type PayloadMode = "full" | "thin";

/** Phase of an event's life in which a chain runs. */
export type Phase = "ingress" | "delivery";

/** Plugin. */
export type Plugin = {
  /** Name that the steps of chains use. */
  name: string;
  /** Owner of the plugin. */
  owner: PluginOwner;
  /** Versions of the plugin, the last uploaded first. */
  versions: Array<PluginVersion>;
};

/** Line of a plugin log. */
export type PluginLogLine = {
  /** Start of the call. */
  at: string;
  /** Event id. */
  event: string;
  /** Chain of the call: `ingress`, or a subscription's id. */
  chain: string;
  /** Version that wrote the line. */
  version: string;
  /** First digits of the version's digest. */
  digest: string;
  /** Log level. */
  level: LogLevel;
  /** Text of the line; control characters are escaped. */
  text: string;
  /** Number of lines dropped before this one, because there were too many in a second. */
  dropped: number;
};

/** Log of a plugin. */
export type PluginLogs = {
  /** Lines, oldest first. */
  data: Array<PluginLogLine>;
  /** Cursor of the next page, usable now or later. Always present. */
  next_cursor: string;
};

/** Owner of a plugin. */
export type PluginOwner = "shipped" | "operator" | "tenant";

/** Page of a list. */
export type PluginPage = {
  /** Items of the page. */
  data: Array<Plugin>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** Call statistics of a plugin. */
export type PluginStats = {
  /** Plugin name. */
  plugin: string;
  /** Scope of the counts. */
  scope: ProcessScope;
  /** Versions of the plugin, the one that entered a chain last first. */
  versions: Array<PluginVersionStats>;
};

/** Immutable build of a plugin. */
export type PluginVersion = {
  /** Semantic version that the component declares. */
  version: string;
  /** SHA-256 of the component, in hexadecimal. */
  digest: string;
  /** Summary in one sentence. */
  summary: string;
  /** JSON Schema of the settings. */
  settings_schema?: unknown;
  /** Set when the plugin removes data that must not go on. Its step cannot be skipped. */
  redacts: boolean;
  /** Interfaces that the component imports. */
  imports: Array<string>;
  /** Imported interfaces that the previous version in rank does not import. */
  imports_more: Array<string>;
  /** Size in bytes. */
  bytes: number;
  /** Upload time. */
  uploaded?: string | null;
  /** State of the circuit breaker of the version for the tenant. It opens after calls were stopped repeatedly; then the gateway makes no calls for a while. */
  breaker: Breaker;
};

/** Call statistics of a plugin version. */
export type PluginVersionStats = {
  /** Version that the component declares. */
  version: string;
  /** SHA-256 of the component, in hexadecimal. */
  digest: string;
  /** Start of counting. */
  since: string;
  /** Number of calls. */
  calls: number;
  /** Calls by verdict: `pass`, `drop`, `reject`, `delay` and `failed`. */
  verdicts: Record<string, number>;
  /** Failed calls by kind; kinds that did not occur are left out. The kinds are `trap`, `panic`, `timeout`, `memory`, `operations`, `output`, `verdict`, `refused`, `missing`, `breaker` and `internal`. */
  failures: Record<string, number>;
  /** Duration of the calls. */
  time: CallTime;
  /** Bytes of the documents passed to the version. */
  bytes_in: number;
  /** Bytes of the documents that the version passed on. */
  bytes_out: number;
  /** State of the circuit breaker. */
  breaker: Breaker;
  /** Number of times that the circuit breaker opened. */
  breaker_opened: number;
  /** Time of the last call. */
  last_call?: string | null;
  /** Last call that failed. */
  last_failure?: LastCallFailure | null;
};

/** Message of a plugin. */
export type PluginWords = {
  /** Name of the plugin. */
  plugin: string;
  /** The plugin's own code of a rejection, or the kind of its failure. */
  code: string;
  /** The plugin's message. */
  message: string;
};

/** Secret in its grace period. */
export type PreviousSecret = {
  /** Secret; `null` for an Ed25519 key. */
  secret?: string | null;
  /** Public key of an Ed25519 key. */
  public_key?: string | null;
  /** Time until which the secret signs. */
  expires?: string | null;
};

/** Problem in its sent form (RFC 9457). */
export type Problem = {
  /** Documentation page of the code, relative to the gateway. */
  type: string;
  /** Title in one line, the same for every occurrence of the code. */
  title: string;
  /** HTTP status. */
  status: number;
  /** Stable name for programs. */
  code: string;
  /** Description of this occurrence. */
  detail: string;
  /** Suggested fix. */
  fix: string;
  /** Safety of repeating the request. */
  retry: Retry;
  /** The fields that are wrong, at least one; left out where the problem is no field's. */
  errors?: Array<FieldError>;
  /** The rows of an imported document that are refused, at least one; left out of other problems. */
  rows?: Array<RefusedRow>;
  /** Message of the plugin that rejected the event or failed. */
  plugin?: PluginWords | null;
  /** Exhausted quota of the tenant. */
  quota?: string | null;
  /** Size of the quota. */
  limit?: number | null;
  /** Cursor to continue a list from, where the requested position does not exist any more. */
  next_cursor?: string | null;
};

/** Scope of counts or of a state: the gateway process that answers. */
export type ProcessScope = "process";

/** Usage of a tenant's quotas, by name. */
export type QuotaUsage = {
  /** Events per second, in each gateway. */
  events_per_second: RateUsage;
  /** Deliveries that have not ended, in all gateways. */
  pending_deliveries: AmountUsage;
  /** Bytes of stored events, in all gateways. */
  stored_bytes: AmountUsage;
  /** Calls per minute that make deliveries again (replay, retry, recovery), in each gateway. */
  replays_per_minute: RateUsage;
  /** Stored responses for repeated calls (`Idempotency-Key`), in all gateways. */
  kept_answers: AmountUsage;
};

/** Quotas of each tenant, as configured. */
export type Quotas = {
  /** Events that a tenant may publish in a second, in the long run, by each gateway: 1 or more, or `"unlimited"`. */
  events_per_second?: CountLimit | null;
  /** Events that a tenant may publish at once after a pause. Left out: as many as in a second, and no fewer than one request may bring (`ingest.max_events`). */
  burst?: number | null;
  /** Deliveries of a tenant that may be pending, all gateways together: 1 or more, or `"unlimited"`. */
  pending_deliveries?: CountLimit | null;
  /** Bytes that a tenant's events may take in the store, all gateways together: a size such as `"10GiB"`, or `"unlimited"`. */
  stored_bytes?: SizeLimit | null;
  /** Calls that make deliveries again (retry, replay, recover) that a tenant may make in a minute, by each gateway: 1 or more, or `"unlimited"`. */
  replays_per_minute?: CountLimit | null;
  /** Calls of a tenant with an `Idempotency-Key` whose answers may be kept at once (`retention.idempotency_keys`), all gateways together; events that are published do not count: 1 or more, or `"unlimited"`. Left out in every layer: 10000. */
  kept_answers?: CountLimit | null;
};

/** Period of a rate. */
export type RatePeriod = "1s" | "1m";

/** Rate used, and its limit. */
export type RateUsage = {
  /** Part of `burst` that is used in this gateway now; `null` if there is no limit. `limit` of it is refilled in every period. Without a limit, nothing is counted. */
  used?: number | null;
  /** Sustained rate: number allowed in a period; `null` if there is no limit. */
  limit?: number | null;
  /** Number allowed at once after a pause. */
  burst?: number | null;
  /** Period of the rate. */
  period: RatePeriod;
};

/** Selection of the deliveries to recover. */
export type RecoverOnly = "failed" | "dead" | "all";

/** Result of a recovery call. */
export type Recovered = {
  /** Number of deliveries created. */
  deliveries: number;
  /** Number of events examined. */
  events: number;
  /** Number of events left out because the subscription's filter exceeds the work budget. It is unknown whether they match. */
  left_out: number;
  /** Cursor to go on with; `null` if the recovery is complete. */
  next_cursor?: string | null;
};

/** Parameters of a recovery. */
export type Recovery = {
  /** Events accepted at this time (RFC 3339) or later. Optional with `only: dead`: then as far back as events are stored. */
  since?: string | null;
  /** Only events accepted before this time. */
  until?: string | null;
  /** Only events of these types: patterns such as `invoice.*`. */
  types?: Array<string> | null;
  /** Deliveries to recover; default: `failed`. */
  only?: RecoverOnly;
  /** The `next_cursor` of the previous call. */
  cursor?: string | null;
};

/** Refused row of a document. */
export type RefusedRow = {
  /** Line in the document, from 1. */
  line: number;
  /** Kind: `tenant`, `event_type`, `subscription`, `key`, or the row's own text. */
  kind: string;
  /** Tenant that the row is about. */
  tenant: string;
  /** Id that the row gives; empty where it has none. */
  id: string;
  /** Code of the problem. */
  code: string;
  /** Problems by field, at least one. */
  errors: Array<FieldError>;
};

/** Fields removed from the events of a type. */
export type RemovedFields = {
  /** Dictionary classes whose names are removed at any depth, as the tenant's profile sets them. */
  names: Array<string>;
  /** Set when everything is removed but what the schema marks as public, and its parents. */
  all_but_public: boolean;
  /** Places in the data that the schema classifies; at most 100. */
  fields: Array<ClassifiedField>;
  /** Set when all metadata is removed. */
  metadata_dropped: boolean;
  /** Places in the metadata that the schema classifies (`x-metadata-schema`); at most 100. */
  metadata_fields: Array<ClassifiedField>;
};

/** Parameters of a replay. */
export type ReplayInput = {
  /** Only to this subscription. */
  subscription?: string | null;
};

/** Result of a replay. */
export type Replayed = {
  /** Ids of the new deliveries. */
  deliveries: Array<string>;
};

/** Safety of repeating a failed request. */
export type Retry = "safe" | "same_key" | "no";

/** Retry policy of failed deliveries. Either `schedule`, or `base`, `max` and `attempts` */
export type RetryPolicy = {
  /** Delays between the attempts, each up to 7 days. */
  schedule?: Array<Span> | null;
  /** Maximum of the first delay. */
  base?: Span | null;
  /** Maximum of any delay. */
  max?: Span | null;
  /** Total number of attempts, the first included. */
  attempts?: number | null;
};

/** Change of a row. */
export type RowChange = "created" | "changed";

/** Kind of a row of an imported document. */
export type RowKind = "tenant" | "event_type" | "subscription" | "key";

/** Backup in progress. */
export type RunningBackup = {
  /** Name that the backup file will have. */
  name: string;
  /** Start time, RFC 3339. */
  began: string;
  /** Bytes of rows copied so far. */
  copied: number;
};

/** Plugin version that runs. */
export type RunningVersion = {
  /** Version that the component declares. */
  version: string;
  /** SHA-256 of the component, in hexadecimal. */
  digest: string;
};

/** Sealing key. */
export type SealingKey = {
  /** Key id: the beginning of the key's SHA-256. */
  id: string;
  /** Set when the key seals new values. */
  seals: boolean;
  /** Set when this gateway has the key. */
  at_hand: boolean;
  /** Number of secrets in the store that are sealed with the key. At 0, a key that does not seal new values can be removed. */
  sealed: number;
};

/** Result of a rotation. */
export type SealingKeyRotated = {
  /** Id of the key that seals new values. */
  key: string;
  /** Set when the rotation made the key. */
  made: boolean;
  /** Number of secrets that were resealed. */
  resealed: number;
  /** Number of tenants that these secrets belong to. */
  tenants: number;
  /** Ids of the keys that seal nothing any more and can be removed. */
  unused: Array<string>;
};

/** Parameters of a rotation. */
export type SealingKeyRotation = {
  /** Confirms that no other gateway uses the store. Only then does the rotation make a key that other gateways would not have. */
  alone?: boolean;
};

/** Sealing keys. */
export type SealingKeys = {
  /** Keys, the one that seals first. */
  data: Array<SealingKey>;
};

/** Parameters of a secret rotation. */
export type SecretRotation = {
  /** New secret; generated if left out. */
  secret?: string | null;
  /** Algorithm of a generated secret; default: the previous one. */
  signature?: SignatureKind | null;
  /** Time for which the old secret still signs, such as `24h`; `0s`: it stops at once. */
  grace?: Span | null;
};

/** One series. */
export type Series = {
  /** Subject: a subscription, a type, a class, a plugin, a tenant; `other` for all without a separate series; `all`. */
  key: string;
  /** Values by measure, one for each step; null where nothing was measured. */
  values: Record<string, Array<number | null>>;
};

/** Subject of a series. */
export type SeriesBy = "subscription" | "type" | "status_class" | "plugin";

/** Time series. */
export type SeriesPage = {
  /** The length of a step. */
  step: SeriesStep;
  /** Start time of each step. */
  times: Array<string>;
  /** The series, by key. */
  series: Array<Series>;
};

/** Length of a step. */
export type SeriesStep = "1m" | "1h";

/** Rights of a caller. */
export type Session = {
  /** Kind of the session. */
  kind: SessionKind;
  /** The tenant; `null` for the operator. */
  tenant?: string | null;
  /** Permitted actions. */
  capabilities: Array<Capability>;
  /** Event types that the caller sees; `null`: all. */
  types?: Array<string> | null;
  /** Set when only consumers' subscriptions are within reach. */
  consumer: boolean;
  /** Only subscription within reach; `null` if there are more. */
  subscription?: string | null;
  /** Path to open first. */
  next?: string | null;
  /** Theme of the pages. */
  theme: PageTheme;
  /** Time at which the session ends unless it is renewed; `null` for a key. */
  expires?: string | null;
  /** Time at which the session ends, however often it is renewed; `null` for a key. */
  renewable_until?: string | null;
  /** URL at which to get a new link; `null` if there is none. */
  refresh_url?: string | null;
};

/** Kind of a session. */
export type SessionKind = "dashboard" | "portal";

/** Code of a link. */
export type SignIn = {
  /** The code. */
  code: string;
};

/** Link that was made. */
export type SignInLink = {
  /** URL, with the code in its fragment. It works once. */
  url: string;
  /** Time at which the code expires. */
  code_expires: string;
  /** Time at which the session ends, however often it is renewed. */
  expires: string;
  /** Label of the session. */
  session?: string | null;
};

/** Signature algorithm. */
export type SignatureKind = "hmac" | "ed25519";

/** Signing secrets. */
export type SigningSecrets = {
  /** Current secret; `null` for an Ed25519 key, whose private half stays in the gateway. */
  secret?: string | null;
  /** Public key that verifies the signatures of an Ed25519 key: `whpk_…`. */
  public_key?: string | null;
  /** Older secrets that still sign. */
  previous: Array<PreviousSecret>;
};

/** A number of bytes with its unit: B, KiB, MiB, GiB. */
export type Size = string;

/** A number of bytes with its unit (B, KiB, MiB, GiB), or `unlimited`. */
export type SizeLimit = string;

/** A length of time with its unit: ms, s, m, h, d. */
export type Span = string;

/** Session that was begun. */
export type StartedSession = {
  /** Token, to be sent as `Authorization: Bearer TOKEN`. It is not shown again. */
  token: string;
  /** Kind of the session. */
  kind: SessionKind;
  /** The tenant; `null` for the operator. */
  tenant?: string | null;
  /** Permitted actions. */
  capabilities: Array<Capability>;
  /** Event types that the caller sees; `null`: all. */
  types?: Array<string> | null;
  /** Set when only consumers' subscriptions are within reach. */
  consumer: boolean;
  /** Only subscription within reach; `null` if there are more. */
  subscription?: string | null;
  /** Path to open first. */
  next?: string | null;
  /** Theme of the pages. */
  theme: PageTheme;
  /** Time at which the session ends unless it is renewed; `null` for a key. */
  expires?: string | null;
  /** Time at which the session ends, however often it is renewed; `null` for a key. */
  renewable_until?: string | null;
  /** URL at which to get a new link; `null` if there is none. */
  refresh_url?: string | null;
};

/** Class of an attempt's outcome. */
export type StatusClass = "2xx" | "3xx" | "4xx" | "5xx" | "network" | "plugin";

/** Step of a chain. */
export type Step = {
  /** Plugin name: one of the tenant's own plugins, of the operator's, or a shipped one. */
  plugin: string;
  /** Version (`1.4.0`), range (`^1.2`, `1.x`), `latest`, or digest; default: the latest version. An upload within the range moves the step to the new version. */
  version?: string | null;
  /** Settings of the plugin; their JSON Schema is at `/v1/plugins`. */
  settings?: Record<string, unknown>;
  /** Effect of a failure of the step. */
  on_failure?: OnFailure;
  /** Resource limits of a call, where lower than the gateway's. */
  limits?: StepLimits | null;
  /** Canary: another version for a share of the events. */
  canary?: Canary | null;
  /** Version that runs now. Read-only: ignored in a request. */
  running?: RunningVersion | null;
  /** Version that ran before, the target of a rollback. Read-only: ignored in a request. */
  previous?: RunningVersion | null;
};

/** Resource limits of one call of a step. */
export type StepLimits = {
  /** CPU time, at most `plugins.call_deadline`. */
  deadline?: Span | null;
  /** Linear memory, at most `plugins.memory`. */
  memory?: Size | null;
  /** Log output, at most `plugins.log`. */
  log?: Size | null;
};

/** Version change of a step, which took place or was refused. */
export type StepMove = {
  /** Tenant that the step belongs to. */
  tenant: string;
  /** Chain of the step: `ingress`, or a subscription's id. */
  chain: string;
  /** Index of the step in the chain, counted from 0. */
  step: number;
  /** Set when the change concerns the step's canary. */
  canary: boolean;
  /** Previous version. */
  from?: string | null;
  /** Version that the step is meant to run. */
  to?: string | null;
  /** Set when the step runs that version now. */
  moved: boolean;
  /** Reasons for a refusal, as the plugin version reports them. */
  refused: Array<StepRefusal>;
};

/** Objection of a plugin version to a step. */
export type StepRefusal = {
  /** JSON pointer to the place in the step. */
  pointer: string;
  /** Error message. */
  message: string;
};

/** Report of one step of the chain for an event: paths, never values. */
export type StepReport = {
  /** Plugin name. */
  plugin: string;
  /** First digits of the digest of the plugin version. */
  version: string;
  /** Version that the component declares; empty if unknown. */
  release: string;
  /** Set when the step's canary was called. */
  canary: boolean;
  /** Result. `failed`: a canary failed, and the event was given to the version that the step runs. */
  result: StepResult;
  /** Kind of the failure, if the step failed. One of `trap`, `panic`, `timeout`, `memory`, `operations`, `output`, `verdict`, `refused`, `missing`, `breaker` and `internal`. Details are in the plugin's log. */
  failure?: string | null;
  /** Duration of the call in microseconds. */
  took_us: number;
  /** Places that the step changed or removed; at most 64, and 4 KiB in all. JSON pointers with `*` for every key that the plugin did not spell itself, or may have read in the event. `…` at the end marks that there are more. */
  changed: Array<string>;
};

/** Result of a step. `skipped`: it failed, and the chain went on without it. `failed`: a canary failed. */
export type StepResult = "passed" | "dropped" | "skipped" | "failed";

/** Resources that a step used. */
export type StepUsage = {
  /** Time in microseconds. */
  time_us: CallUsage;
  /** Fuel, about one unit per instruction and the same for every run. It has no limit. `null` if it could not be counted. */
  fuel?: number | null;
  /** Document operations. */
  operations: CallUsage;
  /** Linear memory in bytes. */
  memory_bytes: CallUsage;
  /** Size of the resulting data in bytes. */
  output_bytes: CallUsage;
  /** Log output in bytes. */
  log_bytes: CallUsage;
};

/** Verdict of a step or a chain. */
export type StepVerdict = "pass" | "drop" | "reject" | "delay" | "failed";

/** Time and reason of the stop of a canary. */
export type StoppedCanary = {
  /** Time of the stop. */
  at: string;
  /** Reason for the stop. */
  reason: string;
};

/** Status of an event. `filtered`: a plugin dropped it. */
export type StoredEventStatus = "published" | "filtered" | "test";

/** Subscription. */
export type Subscription = {
  /** Subscription id. */
  id: string;
  /** Endpoint URL. */
  url: string;
  /** Event types. */
  events: Array<string>;
  /** Filter: further conditions on an event's type and data. */
  filter?: Record<string, unknown> | null;
  /** Status of the subscription. */
  status: SubscriptionStatus;
  /** Time and reason, if the subscription is disabled. */
  disabled?: Disabled | null;
  /** Pause of the endpoint, with reason and end, while the subscription is active. */
  pause?: EndpointPause | null;
  /** Free text for humans. */
  description?: string | null;
  /** Names of the headers that are sent; their values are not shown. */
  headers: Array<string>;
  /** Timeout of a whole attempt; `null`: the configuration's. */
  timeout?: Span | null;
  /** Retry policy of failed deliveries; `null`: the configuration's. */
  retry?: RetryPolicy | null;
  /** Payload mode: the part of an event that is sent. */
  payload: PayloadMode;
  /** Owner within the tenant. */
  owner: SubscriptionOwner;
  /** Delivery mode. */
  mode: SubscriptionMode;
  /** Creation time. */
  created: string;
};

/** Delivery mode of a subscription. */
export type SubscriptionMode = "send" | "shadow";

/** Owner of a subscription. */
export type SubscriptionOwner = "tenant" | "consumer";

/** Page of a list. */
export type SubscriptionPage = {
  /** Items of the page. */
  data: Array<Subscription>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** Changes of a subscription. */
export type SubscriptionPatch = {
  /** Endpoint URL. */
  url?: string | null;
  /** Event types. */
  events?: Array<string> | null;
  /** Filter: further conditions on an event's type and data. */
  filter?: Record<string, unknown> | null;
  /** Description for people. */
  description?: string | null;
  /** Headers, which replace all previous ones. */
  headers?: Record<string, string> | null;
  /** Timeout of a whole attempt. */
  timeout?: Span | null;
  /** Retry policy of failed deliveries. */
  retry?: RetryPolicy | null;
  /** Payload mode: the part of an event that is sent. */
  payload?: PayloadMode | null;
  /** Owner; not allowed for a consumer's key. */
  owner?: SubscriptionOwner | null;
  /** Delivery mode; not allowed for a consumer's key. */
  mode?: SubscriptionMode | null;
};

/** Statistics of a subscription. */
export type SubscriptionStats = {
  /** Subscription id. */
  subscription: string;
  /** Status of the subscription. */
  status: SubscriptionStatus;
  /** Length of the window over which attempts are counted. */
  window: Span;
  /** Start of the counts: that of the window, or the last activation if it was later. Attempts before it are in `buckets` only. */
  since: string;
  /** Attempts since then. */
  totals: AttemptCounts;
  /** Attempts by time, the oldest bucket first. Buckets without attempts are left out. */
  buckets: Array<AttemptBucket>;
  /** Time of the last successful delivery. */
  last_success?: string | null;
  /** Last failure. */
  last_failure?: LastFailure | null;
  /** Time of the last warning to the owner that the subscription keeps failing. */
  warned?: string | null;
  /** Policy that disables the subscription when it keeps failing; `null` if there is none. */
  auto_disable?: AutoDisable | null;
};

/** Status of a subscription. */
export type SubscriptionStatus = "active" | "disabled";

/** An event about the gateway itself, as the profile `standard` sends it. */
export type SystemEvent = {
  type: "hookgate.subscription.failing" | "hookgate.subscription.disabled" | "hookgate.delivery.dead" | "hookgate.plugin.failing" | "hookgate.plugin.circuit_opened" | "hookgate.canary.stopped";
  timestamp: string;
  data: Record<string, unknown>;
};

/** Tenant. */
export type Tenant = {
  /** Tenant name. */
  id: string;
  /** Profile, the tenant's public contract. */
  profile: string;
  /** Set when the metadata of events is stored: neither the tenant nor its profile drops it. */
  keep_metadata: boolean;
  /** Creation time. */
  created: string;
  /** Number of subscriptions. */
  subscriptions: number;
  /** Quotas of the tenant. Those left out are the profile's or the gateway's. */
  quotas: Quotas;
};

/** Filter of a bulk job, and its tenant. */
export type TenantBulkFilter = {
  /** Name of the tenant. */
  tenant: string;
  /** Only from this time on (RFC 3339). */
  since?: string | null;
  /** Only from before this time (RFC 3339). */
  until?: string | null;
  /** Only of events of these types: patterns such as `invoice.*`. */
  types?: Array<string> | null;
  /** Only to this subscription; `inline`: to endpoints that events name themselves. */
  subscription?: string | null;
  /** Only deliveries in this status. */
  status?: DeliveryStatus | null;
  /** Only deliveries whose last attempt came to this. */
  status_class?: StatusClass | null;
  /** Only deliveries with at most one attempt, or with more. */
  attempt?: Tries | null;
  /** Only deliveries in whose place another one was made, or only those without. */
  replayed?: boolean | null;
};

/** Something of a tenant. */
export type TenantOfBulkJob = {
  /** The tenant's name. */
  tenant: string;
  /** Id of the job. */
  id: string;
  /** Action on all that the filter finds. */
  action: BulkAction;
  /** Selection of deliveries or subscriptions. */
  filter: BulkFilter;
  /** State of the job. */
  state: BulkJobState;
  /** Caller that started it: the id of an API key, `operator`, or `portal`. */
  by: string;
  /** Time of the start. */
  created: string;
  /** Time of the last change of this record. */
  updated: string;
  /** Time of the end. */
  finished?: string | null;
  /** Number of events, dead letters or subscriptions looked at. */
  looked_at: number;
  /** Number of deliveries or subscriptions that the filter found. */
  matched: number;
  /** Number of them that were changed. */
  changed: number;
  /** Number of them that were left as they were: not in a state for the action, or changed meanwhile. */
  skipped: number;
  /** Reason for which it failed, or for which a running job waits. */
  error?: BulkJobError | null;
};

/** Page of a list. */
export type TenantOfBulkJobPage = {
  /** Items of the page. */
  data: Array<TenantOfBulkJob>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** Something of a tenant. */
export type TenantOfDelivery = {
  /** The tenant's name. */
  tenant: string;
  /** Delivery id. */
  id: string;
  /** Id of the event that is delivered. */
  event: string;
  /** Id of the subscription; `inline` for the endpoint that the event itself names. */
  subscription: string;
  /** The event's type. */
  type: string;
  /** Origin of the delivery. */
  trigger: DeliveryTrigger;
  /** Status of the delivery. */
  status: DeliveryStatus;
  /** Due time of a pending delivery. While an attempt is in progress: the time until which it may take. */
  next_attempt?: string | null;
  /** Time at which the delivery ended. */
  finished?: string | null;
  /** Time of the first attempt. */
  first_attempt?: string | null;
  /** Outcome of the last attempt. */
  last_outcome?: AttemptOutcome | null;
  /** The status that the last attempt was answered. */
  last_status?: number | null;
  /** The class of what the last attempt came to; null where it says nothing of the endpoint or of a plugin. */
  status_class?: StatusClass | null;
  /** The newest delivery that was made of the same event to the same endpoint since, by a retry, a replay or a recovery: a dead letter with one is not open any more. */
  replayed_as?: string | null;
  /** Number of attempts made. */
  attempts: number;
};

/** A page of a list, the newest first. */
export type TenantOfDeliveryList = {
  /** The items, the newest first whichever way they were read. */
  data: Array<TenantOfDelivery>;
  /** The page of what is older; null: there is nothing older. */
  next_cursor?: string | null;
  /** The page of what is newer, now or later; null: the list has no way back. */
  previous_cursor?: string | null;
  /** The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on to it, even where `data` is empty. */
  partial: boolean;
};

/** Something of a tenant. */
export type TenantOfEventLine = {
  /** The tenant's name. */
  tenant: string;
  /** Id of the event. */
  id: string;
  /** Type of the event. */
  type: string;
  /** Time at which the event happened. */
  created: string;
  /** Time at which the event was accepted. */
  accepted: string;
  /** Size of the stored payload in bytes. */
  bytes: number;
  /** Number of its deliveries, by status. */
  deliveries: DeliveryCounts;
};

/** A page of a list, the newest first. */
export type TenantOfEventLineList = {
  /** The items, the newest first whichever way they were read. */
  data: Array<TenantOfEventLine>;
  /** The page of what is older; null: there is nothing older. */
  next_cursor?: string | null;
  /** The page of what is newer, now or later; null: the list has no way back. */
  previous_cursor?: string | null;
  /** The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on to it, even where `data` is empty. */
  partial: boolean;
};

/** Something of a tenant. */
export type TenantOfLoggedAttempt = {
  /** The tenant's name. */
  tenant: string;
  /** Time at which the attempt ended and was recorded. */
  at: string;
  /** Id of the delivery. */
  delivery: string;
  /** Id of the event. */
  event: string;
  /** The event's type. */
  type: string;
  /** Id of the subscription; `inline`: the endpoint that the event itself names. */
  subscription: string;
  /** Origin of the delivery. */
  trigger: DeliveryTrigger;
  /** Number of the attempt, from 1. */
  number: number;
  /** Outcome of the attempt. */
  outcome: AttemptOutcome;
  /** HTTP status of the response, if there was one. */
  response_status?: number | null;
  /** Class of the outcome; null if it shows nothing about the endpoint or a plugin. */
  status_class?: StatusClass | null;
  /** Its length in milliseconds. */
  took_ms: number;
  /** State of the delivery after it: `pending` is tried again. */
  status: DeliveryStatus;
};

/** A page of a list, the newest first. */
export type TenantOfLoggedAttemptList = {
  /** The items, the newest first whichever way they were read. */
  data: Array<TenantOfLoggedAttempt>;
  /** The page of what is older; null: there is nothing older. */
  next_cursor?: string | null;
  /** The page of what is newer, now or later; null: the list has no way back. */
  previous_cursor?: string | null;
  /** The page ended because a request looks at no more: there may be more that matches, and the cursor of the way goes on to it, even where `data` is empty. */
  partial: boolean;
};

/** Page of a list. */
export type TenantPage = {
  /** Items of the page. */
  data: Array<Tenant>;
  /** Cursor of the next page; `null` on the last one. */
  next_cursor?: string | null;
};

/** Changes of a tenant. */
export type TenantPatch = {
  /** Profile, the tenant's public contract. */
  profile?: string | null;
  /** Signing secret for endpoints that events name themselves. `null` removes it: events can then name no endpoints. */
  signing_secret?: string | null;
  /** Quotas that override those of the profile and of the gateway, as a whole. `null` or `{}`: the tenant has no quotas of its own. */
  quotas?: Quotas | null;
  /** Stores and shows the metadata of events. `false` also applies to events accepted before. */
  keep_metadata?: boolean | null;
  /** Dry run: changes nothing, and shows what another profile would block. */
  dry_run?: boolean;
  /** Sets another profile although it blocks parts of the tenant. */
  force?: boolean;
};

/** Parameters of a test event. */
export type TestEvent = {
  /** Event type; default: `hookgate.test`. No other type below `hookgate.` is accepted. */
  type?: string | null;
  /** Event data; default: a greeting. */
  data?: unknown;
};

/** Test event that was created. */
export type TestedSubscription = {
  /** Id of the test event. */
  event: string;
  /** Id of its delivery, which shows the outcome. */
  delivery: string;
};

/** Result of a dry run. Nothing was stored or sent. */
export type Tried = {
  /** Verdict of the step or the chain. */
  verdict: StepVerdict;
  /** Code of a rejection, or kind of a failure. The kinds are `trap`, `panic`, `timeout`, `memory`, `operations`, `output` and `refused`. */
  code?: string | null;
  /** Reason: the plugin's text, the panic's text, or the limit and its value. */
  reason?: string | null;
  /** Requested delay, in milliseconds. */
  delay_ms?: number | null;
  /** Step that ended the chain; `null` if every step passed the event. */
  ended_by?: string | null;
  /** Data before the chain; `null` if `cut`. */
  before?: unknown;
  /** Data as it would be stored; `null` if the event does not go on, or if `cut`. */
  after?: unknown;
  /** Metadata as it would be stored; `null` if the event does not go on, or if `cut`. */
  metadata?: unknown;
  /** Changes from `before` to `after`, in an order in which they can be made. */
  diff: Array<Change>;
  /** Number of changes that are not listed: there are too many, or they are too large. */
  diff_left_out: number;
  /** Set when `before`, `after` or `metadata` is left out. With it, there would be more than 4 MiB to show. */
  cut: boolean;
  /** Time of all steps, in microseconds. */
  time_us: CallUsage;
  /** Steps that were called, in order. */
  steps: Array<TriedStep>;
};

/** Event for a dry run. */
export type TriedEvent = {
  /** Event type. */
  type: string;
  /** Payload of the event. */
  data: unknown;
  /** Event id; generated if left out. */
  id?: string | null;
  /** Time at which the event happened; default: now. */
  created?: string | null;
  /** Metadata of the producer. */
  metadata?: Record<string, unknown> | null;
};

/** Result of one step. */
export type TriedStep = {
  /** Plugin name. */
  plugin: string;
  /** Version that the component declares. */
  version: string;
  /** SHA-256 of the component. */
  digest: string;
  /** Verdict of the step or the chain. */
  verdict: StepVerdict;
  /** Code of a rejection, or kind of a failure. The kinds are `trap`, `panic`, `timeout`, `memory`, `operations`, `output` and `refused`. */
  code?: string | null;
  /** Reason: the plugin's text, the panic's text, or the limit and its value. */
  reason?: string | null;
  /** Requested delay, in milliseconds. */
  delay_ms?: number | null;
  /** Set when the step failed and the chain went on without it. */
  skipped: boolean;
  /** Functions that ran when the call was stopped, innermost first, as far as they have names. */
  backtrace: Array<string>;
  /** Changes that the step made. */
  diff: Array<Change>;
  /** Number of changes that are not listed. */
  diff_left_out: number;
  /** Log lines that the step wrote. */
  log: Array<CallLogLine>;
  /** Resources that the step used, with their limits. */
  usage: StepUsage;
};

/** Number of attempts. */
export type Tries = "first" | "retry";

/** Parameters of a chain's dry run. */
export type TryChain = {
  /** Event to run; either this or `event_id`. */
  event?: TriedEvent | null;
  /** Id of a stored event, which is used as the chain left it when it was accepted. */
  event_id?: string | null;
  /** Steps to run in place of the configured chain. */
  steps?: Array<Step> | null;
  /** Phase of the chain. */
  phase?: Phase;
};

/** Parameters of a plugin's dry run. */
export type TryPlugin = {
  /** Event to run; either this or `event_id`. */
  event?: TriedEvent | null;
  /** Id of a stored event, which is used as the chain left it when it was accepted. */
  event_id?: string | null;
  /** Version, range, `latest` or digest; default: the latest version. */
  version?: string | null;
  /** Settings of the step. */
  settings?: Record<string, unknown>;
  /** Phase of the step. */
  phase?: Phase;
};

/** Header of a request. */
export type UnsentHeader = {
  /** Header name. */
  name: string;
  /** Header value; `null` if the subscription sets the header, because it can be a secret. */
  value?: string | null;
};

/** Request as it would have been sent. */
export type UnsentRequest = {
  /** HTTP method. */
  method: DeliveryMethod;
  /** URL. `?…` at its end stands for a query, which can be a secret and is not stored. */
  url: string;
  /** Headers, including those of the signature. */
  headers: Array<UnsentHeader>;
  /** Number of further headers, which are not stored. */
  more_headers: number;
  /** SHA-256 of the body, in hexadecimal. */
  body_sha256: string;
  /** Length of the body in bytes. */
  body_bytes: number;
};

/** Result of an upload. */
export type UploadedPlugin = {
  /** Name that the steps of chains use. */
  name: string;
  /** Owner of the plugin. */
  owner: PluginOwner;
  /** Versions of the plugin, the last uploaded first. */
  versions: Array<PluginVersion>;
  /** Uploaded version. */
  uploaded: PluginVersion;
  /** Steps configured for the latest version or for a range that contains the uploaded one. */
  steps: Array<StepMove>;
};

/** Usage of a tenant's quotas and limits. */
export type Usage = {
  /** Time at which the figures were taken. */
  at: string;
  /** Usage of the tenant's quotas. */
  quotas: QuotaUsage;
  /** Size in bytes of the tenant's registry in the store. The registry has the keys, subscriptions, chains and event types. The limit is `registry.max_bytes_per_tenant`. */
  registry_bytes: AmountUsage;
  /** Number of subscriptions. The limit is the smaller of the profile's and `registry.max_subscriptions`. */
  subscriptions: AmountUsage;
  /** Memory in bytes that the tenant's requests, events and pages hold in this gateway. The limit is `memory.max_bytes_per_tenant`. */
  memory_bytes: AmountUsage;
  /** Requests that wait for new events in this gateway (long polling). The limit is `feed.max_waiting_per_tenant`. */
  waiting_polls: AmountUsage;
};
