/** What every measurement of a run has at hand. */
import type { Infrastructure } from './infrastructure.js'
import type { LoadCommands } from './load.js'
import type { Program, Programs } from './programs.js'
import type { ReceiverCommands } from './receiver.js'
import type { Endpoint } from './relaying.js'

export interface BenchOptions {
  /** Where the service has its queue. */
  mode: 'redis' | 'postgres'
  /** The number of processes that the service has for each of its roles. */
  processes: number
  /** Another checkout, built, that is measured in the same turns. */
  base: string | undefined
  /** How long each measurement takes. */
  seconds: number
  warmUpSeconds: number
  /** The rate at which open loops publish. */
  ratePerSecond: number
  backlogEvents: number
  oldDeliveries: number
  otherSubscriptions: number
}

export interface Bench {
  options: BenchOptions
  infrastructure: Infrastructure
  programs: Programs
  load: Program<LoadCommands>
  receiver: Program<ReceiverCommands>
}

export interface Situation {
  databaseUrl: string
  endpoints: Endpoint[]
}
