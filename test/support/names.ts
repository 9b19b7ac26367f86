/** Look-ups without a name server, for tests of what comes after them. */
import type { NameLookup } from '../../src/delivery-engine/dns/name-lookup.js'

/** @param find answers with the addresses of a name, in the order of the resolver */
export const namesFrom = (find: (hostname: string) => string[] | Promise<string[]>): NameLookup => ({
  async find(hostname) {
    const addresses = await find(hostname)
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  },
  async [Symbol.asyncDispose]() {},
})
