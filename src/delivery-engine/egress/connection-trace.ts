/** How a connection came about: the time of each phase, and what it leads to. It is filled while the phases go on. */
export interface ConnectionTrace {
  /** Milliseconds of a phase; null when it was not needed or has not ended. */
  dnsMs: number | null
  connectMs: number | null
  tlsMs: number | null
  /** The address of the endpoint, or of the outgoing proxy; null while there is none. */
  remoteAddress: string | null
}

export const newConnectionTrace = (): ConnectionTrace => ({
  dnsMs: null,
  connectMs: null,
  tlsMs: null,
  remoteAddress: null,
})

/** Measures a phase, also one that fails. */
export async function timed<Result>(
  trace: ConnectionTrace,
  phase: 'dnsMs' | 'connectMs' | 'tlsMs',
  work: () => Promise<Result>,
): Promise<Result> {
  const startedAt = performance.now()
  try {
    return await work()
  } finally {
    trace[phase] = Math.round(performance.now() - startedAt)
  }
}
