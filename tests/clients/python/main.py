"""The main job with generated clients: a tenant, an endpoint, an event, its delivery, and an error that is told apart by its code."""

import sys
import time

from operator_client import AuthenticatedClient as OperatorClient
from operator_client.api.tenants import create_tenant
from operator_client.models import CreatedTenant, NewTenant
from tenant_client import AuthenticatedClient
from tenant_client.api.deliveries import get_delivery, list_deliveries
from tenant_client.api.events import get_event, publish_events
from tenant_client.api.subscriptions import create_subscription
from tenant_client.models import (
    AcceptedEvent,
    AttemptOutcome,
    CreatedSubscription,
    DataOrderPaid,
    DeliveryDetail,
    DeliveryList,
    DeliveryStatus,
    Event,
    EventStatus,
    NewEvent,
    NewSubscription,
    Problem,
    Retry,
)
from tenant_client.types import UNSET

base_url, operator_key, endpoint = sys.argv[1:]


def done(answer, kind):
    """The parsed answer; an error is a problem with its code."""
    if isinstance(answer, Problem):
        raise RuntimeError(f"{answer.code}: {answer.detail} {answer.fix}")
    assert isinstance(answer, kind), answer
    return answer


operator = OperatorClient(base_url, token=operator_key)
tenant = create_tenant.sync(client=operator, body=NewTenant(id="acme"))
assert isinstance(tenant, CreatedTenant), tenant

acme = AuthenticatedClient(base_url, token=tenant.key)
new = NewSubscription(url=endpoint, events=["order.*"])
subscription = done(create_subscription.sync(client=acme, body=new), CreatedSubscription)
assert subscription.created.tzinfo is not None

data = DataOrderPaid(total=7)
event = NewEvent(type_="order.paid", data=data.to_dict())
accepted = done(publish_events.sync(client=acme, body=event, idempotency_key="order-7"), AcceptedEvent)
assert accepted.subscriptions == [subscription.id]
again = done(publish_events.sync(client=acme, body=event, idempotency_key="order-7"), AcceptedEvent)
assert (again.id, again.status) == (accepted.id, EventStatus.DUPLICATE)

while True:
    stored = done(get_event.sync(accepted.id, client=acme), Event)
    [delivery] = stored.deliveries
    if delivery.status == DeliveryStatus.DELIVERED:
        break
    assert delivery.status == DeliveryStatus.PENDING, delivery
    time.sleep(0.05)
listed = done(
    list_deliveries.sync(client=acme, status=DeliveryStatus.DELIVERED, types="order.paid", limit=10),
    DeliveryList,
)
assert [one.attempts for one in listed.data] == [2]
detail = done(get_delivery.sync(listed.data[0].id, client=acme), DeliveryDetail)
outcomes = [attempt.outcome for attempt in detail.attempts]
assert outcomes == [AttemptOutcome.HTTP_ERROR, AttemptOutcome.DELIVERED], outcomes

refused = create_subscription.sync(client=acme, body=NewSubscription(url="ftp://example.com", events=["order.*"]))
assert isinstance(refused, Problem), refused
assert (refused.code, refused.status, refused.retry) == ("invalid_field", 422, Retry.NO)
assert refused.errors[0].pointer == "/url"
missing = get_event.sync("none", client=acme)
assert isinstance(missing, Problem) and missing.code == "not_found" and missing.errors is UNSET, missing
