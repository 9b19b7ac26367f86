import json
import os
import time

from node_event_service_client import AuthenticatedClient
from node_event_service_client.api.deliveries import list_deliveries, retry_delivery
from node_event_service_client.api.events import publish_event
from node_event_service_client.api.subscriptions import create_subscription
from node_event_service_client.models import DeliveryStatus, NewEvent, NewEventData, NewSubscription
from node_event_service_client.types import UNSET

event_type = os.environ["EVENT_TYPE"]
client = AuthenticatedClient(
    base_url=os.environ["SERVICE_URL"],
    token=os.environ["API_KEY"],
    prefix="",
    auth_header_name="X-API-Key",
    raise_on_unexpected_status=True,
)


def publish(n):
    body = NewEvent(type_=event_type, data=NewEventData.from_dict({"n": n}))
    return publish_event.sync(client=client, body=body, idempotency_key=f"{event_type}.{n}").event_id


def page(cursor=UNSET):
    return list_deliveries.sync(client=client, subscription_id=subscription.id, limit=2, cursor=cursor)


def delivery_that_is(status):
    while True:
        items = page().items
        if items and items[0].status == status:
            return items[0]
        time.sleep(0.05)


subscription = create_subscription.sync(
    client=client,
    body=NewSubscription(endpoint_url=os.environ["ENDPOINT_URL"], event_types=[event_type]),
)
first = publish(1)
dead = delivery_that_is(DeliveryStatus.DEAD)
assert retry_delivery.sync(client=client, id=dead.id).retried == 1
sent = delivery_that_is(DeliveryStatus.SENT)

event_ids = [first, publish(2), publish(3)]
paged, cursor = [], UNSET
while cursor is not None:
    deliveries = page(cursor)
    paged += [delivery.event_id for delivery in deliveries.items]
    cursor = deliveries.next_cursor

print(
    json.dumps(
        {
            "secret": subscription.secret,
            "eventIds": event_ids,
            "pagedEventIds": paged,
            "statuses": [dead.status, sent.status],
        },
        default=str,
    )
)
