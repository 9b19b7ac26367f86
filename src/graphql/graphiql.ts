/** GraphiQL, whole in one page: it asks no other host for anything. */
import { deliveryExamples } from './examples.js'

/** @param apiKey what the page starts with; only ever the key that development has by default */
export async function renderGraphiQLPage(apiKey: string | undefined): Promise<string> {
  // Nine megabytes, loaded when somebody looks at the page.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const headers = JSON.stringify({ 'X-API-Key': apiKey ?? '' }, null, 2)
  return renderGraphiQL({
    title: 'Node Event Service',
    endpoint: '/graphql',
    headers,
    defaultTabs: deliveryExamples.map(({ query, variables }) => ({
      query,
      headers,
      ...(variables && { variables: JSON.stringify(variables, null, 2) }),
    })),
  } as never)
}
