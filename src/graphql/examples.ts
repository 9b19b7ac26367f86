/** The operations people need first. GraphiQL opens with them as tabs, and a test runs each one. */
export interface Example {
  query: string
  variables?: Record<string, unknown>
}

export const deliveryExamples: Example[] = [
  {
    query: `# Every change of a delivery's status, live. Start it, then run the next tabs.
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
  },
  {
    query: `# Subscribe an endpoint. The secret is shown this once.
mutation Subscribe($input: CreateSubscriptionInput!) {
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
  },
  {
    query: `# Publish an event. It is committed when the answer comes.
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
  },
  {
    query: `# The dead-letter queue, with what each attempt came to.
query DeadLetters {
  deliveries(first: 20, filter: { status: [DEAD, FAILED] }) {
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
  },
]
