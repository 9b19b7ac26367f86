/** What deliveries wait for, for all of an operation that are asked at the same moment together. */
import { findWaitingFor, type WaitingFor } from '../deliveries/waiting-for.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { Database } from '../platform/postgres/database.js'

interface Asked {
  id: string
  status: DeliveryStatus
}

export interface WaitingForLoader {
  load(delivery: Asked): Promise<WaitingFor | null>
}

/** For one operation. */
export function createWaitingForLoader(database: Database): WaitingForLoader {
  let asked: Asked[] = []
  let loading: Promise<Map<string, WaitingFor>> | undefined

  async function loadAsked(): Promise<Map<string, WaitingFor>> {
    await new Promise((resolve) => setImmediate(resolve))
    const deliveries = asked
    asked = []
    loading = undefined
    return findWaitingFor(database, deliveries)
  }

  return {
    async load(delivery) {
      asked.push(delivery)
      loading ??= loadAsked()
      return (await loading).get(delivery.id) ?? null
    },
  }
}
