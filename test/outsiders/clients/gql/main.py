import asyncio
import json
import os

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

SUBSCRIBE = gql("""
    mutation Subscribe($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { id } secret errors { message } }
    }
""")
PUBLISH = gql("""
    mutation Publish($input: PublishEventInput!) {
      publishEvent(input: $input) { event { id } errors { message } }
    }
""")
RETRY = gql("""
    mutation Retry($id: ID!) {
      retryDelivery(id: $id) { delivery { id status } errors { message } }
    }
""")
DELIVERIES = gql("""
    query Deliveries($subscriptionId: ID!, $after: String) {
      deliveries(first: 2, after: $after, filter: { subscriptionId: $subscriptionId }) {
        edges { node { id status event { id } } }
        pageInfo { hasNextPage endCursor }
      }
    }
""")
WATCH = gql("""
    subscription Watch($subscriptionId: ID!) {
      deliveryUpdated(subscriptionId: $subscriptionId) { id status attempts updatedAt }
    }
""")


def with_variables(document, **variables):
    document.variable_values = variables
    return document


async def main():
    key = os.environ["API_KEY"]
    http = AIOHTTPTransport(url=os.environ["GRAPHQL_URL"], headers={"X-API-Key": key})
    socket = WebsocketsTransport(url=os.environ["GRAPHQL_WS_URL"], init_payload={"apiKey": key})
    # The schema of the service, by introspection, checks each document before it is sent.
    async with Client(transport=http, fetch_schema_from_transport=True) as session:
        async with Client(transport=socket) as live:
            print(json.dumps(await do_the_job(session, live)))


async def do_the_job(session, live):
    async def execute(document, **variables):
        return await session.execute(with_variables(document, **variables))

    async def publish(n):
        event = {"type": os.environ["EVENT_TYPE"], "data": {"n": n}}
        return (await execute(PUBLISH, input=event))["publishEvent"]["event"]["id"]

    created = (
        await execute(
            SUBSCRIBE,
            input={"endpointUrl": os.environ["ENDPOINT_URL"], "eventTypes": [os.environ["EVENT_TYPE"]]},
        )
    )["createSubscription"]
    subscription_id = created["subscription"]["id"]

    statuses = []
    updates = live.subscribe(with_variables(WATCH, subscriptionId=subscription_id))
    # Runs as soon as the loop waits for its first update.
    published = asyncio.create_task(publish(1))
    async for update in updates:
        delivery = update["deliveryUpdated"]
        statuses.append(delivery["status"])
        if delivery["status"] == "DEAD":
            retried = await execute(RETRY, id=delivery["id"])
            assert retried["retryDelivery"]["errors"] == []
        if delivery["status"] == "SENT":
            break
    await updates.aclose()

    event_ids = [await published, await publish(2), await publish(3)]
    paged, after, has_next = [], None, True
    while has_next:
        page = (await execute(DELIVERIES, subscriptionId=subscription_id, after=after))["deliveries"]
        paged += [edge["node"]["event"]["id"] for edge in page["edges"]]
        after, has_next = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return {
        "secret": created["secret"],
        "eventIds": event_ids,
        "pagedEventIds": paged,
        "statuses": statuses,
    }


asyncio.run(main())
