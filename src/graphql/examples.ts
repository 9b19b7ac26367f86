/**
 * The operations people need first. GraphiQL opens with them as tabs, and tests run each one. Their lines fit the
 * editor in a window of 1280 pixels.
 */
export interface Example {
  query: string
  variables?: Record<string, unknown>
}

const subscribe: Example = {
  query: `# 1. Subscribe an endpoint. The answer is the
# only one that shows its secret.
mutation Subscribe(
  $input: CreateSubscriptionInput!
) {
  createSubscription(input: $input) {
    subscription {
      id
      endpointUrl
      eventTypes
    }
    secret
    errors {
      code
      message
    }
  }
}
`,
  variables: { input: { endpointUrl: 'http://127.0.0.1:4000/webhooks', eventTypes: ['user.created'] } },
}

const publish: Example = {
  query: `# 2. Publish an event. It is committed when
# the answer comes.
mutation Publish($input: PublishEventInput!) {
  publishEvent(input: $input) {
    event {
      id
      status
    }
    deduplicated
    errors {
      code
      message
    }
  }
}
`,
  variables: {
    input: { type: 'user.created', data: { userId: 'u_123' }, metadata: { source: 'graphiql' } },
  },
}

const watch: Example = {
  query: `# 3. Watch deliveries as they change. Another
# tab of this page ends it: publish from a
# second window, or with curl.
subscription Watch {
  deliveryUpdated {
    id
    status
    attempts
    lastError
    nextRunAt
    event {
      type
    }
    subscription {
      endpointUrl
    }
  }
}
`,
}

const page: Example = {
  query: `# 4. Page through deliveries, newest first. For
# the next page put endCursor into the variables.
# Dead letters: filter: { status: [DEAD] }.
query Deliveries($after: String) {
  deliveries(first: 10, after: $after) {
    edges {
      node {
        id
        status
        lastError
        event {
          id
          type
        }
        subscription {
          endpointUrl
        }
        logs {
          attempt
          statusCode
          error
          responseTimeMs
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  variables: { after: null },
}

const retry: Example = {
  query: `# 5. Retry a delivery that is FAILED or DEAD. Its
# id, from the tab Deliveries, is a variable.
mutation Retry($id: ID!) {
  retryDelivery(id: $id) {
    delivery {
      id
      status
      nextRunAt
    }
    errors {
      code
      message
    }
  }
}
`,
  variables: { id: 'the id of a delivery' },
}

export const deliveryExamples: Example[] = [subscribe, publish, watch, page, retry]
