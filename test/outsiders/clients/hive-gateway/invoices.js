/** A subgraph of the gateway's owner: invoices, and the delivery that each was sent with. */
import { buildSchema } from 'graphql'
import { createYoga } from 'graphql-yoga'

export const typeDefs = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
  type Query { invoices: [Invoice!]! }
  type Invoice @key(fields: "number") { number: String! sentBy: Delivery }
  type Delivery @key(fields: "id") { id: ID! invoice: Invoice }
`

/** What the subgraph serves to the gateway beside its own types. */
const forTheGateway = `
  scalar _Any
  union _Entity = Invoice | Delivery
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
`

/** @param invoices `{ number, deliveryId }` each */
export function createInvoices(invoices) {
  const toInvoice = ({ number, deliveryId }) => ({
    __typename: 'Invoice',
    number,
    sentBy: { __typename: 'Delivery', id: deliveryId },
  })
  const find = ({ __typename, id, number }) => {
    const found = invoices.find((invoice) => invoice.number === number || invoice.deliveryId === id)
    if (__typename === 'Invoice') return found ? toInvoice(found) : null
    return { __typename, id, invoice: found ? toInvoice(found) : null }
  }
  const plain = typeDefs.replace(/extend schema.*/, '').replaceAll(/@key\(fields: "\w+"\)/g, '')
  return createYoga({
    schema: buildSchema(plain + forTheGateway),
    rootValue: {},
    plugins: [
      {
        onExecute: ({ args }) => {
          args.rootValue = {
            invoices: () => invoices.map(toInvoice),
            _entities: ({ representations }) => representations.map(find),
          }
        },
      },
    ],
    logging: false,
  })
}
