/** What is compared: the service, two references, and, where one is given, an older build of the service. */
import type { ProcessGroup } from './processes.js'
import type { Programs } from './programs.js'
import type { Endpoint, RelayCommands } from './relaying.js'

/** `base` is the build that `--base` names. */
export type RelayName = 'bare' | 'naive' | 'base' | 'service'
/** What runs the service's own code. */
export type Build = Extract<RelayName, 'base' | 'service'>

export const isBuild = (name: RelayName): name is Build => name === 'base' || name === 'service'

export interface Relay extends AsyncDisposable {
  /** The address of the API. */
  url: string
  apiKey: string
  processes: ProcessGroup[]
  /** What is still to be done for endpoints that are well, its records included. */
  open(): Promise<number>
  /** Webhooks for endpoints that are ill, which it is to keep until they are well again. */
  kept?(): Promise<number>
}

export interface RelaySituation {
  databaseUrl: string
  endpoints: Endpoint[]
}

/** Starts one of the two relays that the service is compared with. */
export async function startReference(
  programs: Programs,
  name: Exclude<RelayName, Build>,
  situation: RelaySituation,
): Promise<Relay> {
  const program = programs.start<RelayCommands>(`${name}-relay`)
  try {
    return {
      url: await program.call('start', situation),
      apiKey: 'none',
      processes: [{ name: 'relay', pid: program.pid }],
      open: () => program.call('open'),
      [Symbol.asyncDispose]: program[Symbol.asyncDispose],
    }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  }
}
