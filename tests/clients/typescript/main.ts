// The main job with generated types: a tenant, an endpoint, an event, its delivery, and an error that is told apart by its code.
import createClient from "openapi-fetch";
import type { components, paths as OperatorPaths } from "./operator.js";
import type { components as TenantComponents, paths } from "./tenant.js";

declare const process: { argv: string[]; exit(code: number): never };

const [, , baseUrl = "", operatorKey = "", endpoint = ""] = process.argv;

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

type Problem = components["schemas"]["Problem"];

/** The data of an answer; an error is a problem with its code. */
function done<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.error !== undefined) throw new Error(`${answer.error.code}: ${answer.error.detail} ${answer.error.fix}`);
  check(answer.data !== undefined, "an answer without data");
  return answer.data;
}

const operator = createClient<OperatorPaths>({ baseUrl, headers: { authorization: `Bearer ${operatorKey}` } });
const tenant = done(await operator.POST("/v1/tenants", { body: { id: "acme", quotas: {} } }));
check(tenant.profile === "standard", "the profile");

const acme = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${tenant.key}` } });
const subscription = done(await acme.POST("/v1/subscriptions", { body: { url: endpoint, events: ["order.*"] } }));
check(subscription.status === "active", "the status");

const data: TenantComponents["schemas"]["data.order.paid"] = { total: 7 };
const accepted = done(
  await acme.POST("/v1/events", {
    params: { header: { "Idempotency-Key": "order-7" } },
    body: { type: "order.paid", data },
  }),
);
check("id" in accepted && accepted.subscriptions[0] === subscription.id, "the event's recipients");

const retried = done(
  await acme.POST("/v1/events", {
    params: { header: { "Idempotency-Key": "order-7" } },
    body: { type: "order.paid", data },
  }),
);
check("id" in retried && retried.id === accepted.id && retried.status === "duplicate", "the same event");

for (;;) {
  const event = done(await acme.GET("/v1/events/{id}", { params: { path: { id: accepted.id } } }));
  const delivery = event.deliveries[0];
  check(delivery !== undefined, "a delivery");
  if (delivery.status === "delivered") break;
  check(delivery.status === "pending", `the delivery is ${delivery.status}`);
  await new Promise((wake) => setTimeout(wake, 50));
}
const deliveries = done(
  await acme.GET("/v1/deliveries", { params: { query: { status: "delivered", types: "order.paid", limit: 10 } } }),
);
const [first] = deliveries.data;
check(first !== undefined && first.last_outcome === "delivered" && first.attempts === 2, "the delivery in the list");
const detail = done(await acme.GET("/v1/deliveries/{id}", { params: { path: { id: first.id } } }));
const outcomes = detail.attempts.map((attempt) => attempt.outcome);
check(outcomes.join() === "http_error,delivered", `the attempts: ${outcomes.join()}`);

const { error, response } = await acme.POST("/v1/subscriptions", { body: { url: "ftp://example.com", events: ["order.*"] } });
check(error !== undefined && response.status === 422, "a URL that is refused");
check(error.code === "invalid_field" && error.retry === "no", error.code);
check(error.errors?.[0]?.pointer === "/url", "the field");

const missing = await acme.GET("/v1/events/{id}", { params: { path: { id: "none" } } });
check(missing.error?.code === "not_found" && missing.error.errors === undefined, "an event that there is not");
