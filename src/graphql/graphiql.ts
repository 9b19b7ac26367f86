/** GraphiQL in one page. The page loads nothing from another host. */
import { deliveryExamples } from './examples.js'

/** @param apiKey the page's first key; only ever the default key of development */
export async function renderGraphiQLPage(apiKey: string | undefined): Promise<string> {
  // This module has nine megabytes, so only a request for the page loads it.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  const headers = JSON.stringify({ 'X-API-Key': apiKey ?? '' }, null, 2)
  const html = renderGraphiQL({
    title: 'Node Event Service',
    endpoint: '/graphql',
    headers,
    defaultTabs: deliveryExamples.map(({ query, variables }) => ({
      query,
      headers,
      ...(variables && { variables: JSON.stringify(variables, null, 2) }),
    })),
  } as never)
  return html.replace(ROOT, ROOT + steadyTabs)
}

const ROOT = '<div id="root"></div>'

/**
 * GraphiQL's tabs can be dragged. A bare click, too, moves a tab from under the pointer before the button is up, and is
 * lost. So they stay in their places.
 */
const steadyTabs = '<style>.graphiql-tab { transform: none !important }</style>'
