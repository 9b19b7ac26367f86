/** The hosts of a URL, in turn: when a connection fails or breaks, the next one goes to the next host. */
import pg from 'pg'

export interface Hosts {
  /** A client of the current host. */
  Client: new () => pg.ClientBase
  /** The next connection goes to the host after this client's. */
  leaveHostOf(client: pg.ClientBase): void
}

/** @param timeoutMs for one try of all hosts; each gets an equal share, so a silent host leaves time for the others */
export function createHosts(urls: string[], timeoutMs: number): Hosts {
  let index = 0
  const tried = new WeakMap<pg.ClientBase, number>()

  function leaveHostOf(client: pg.ClientBase): void {
    // Another client may have left this host already.
    if (tried.get(client) === index) index = (index + 1) % urls.length
  }

  class HostClient extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, connectionString: urls[index], connectionTimeoutMillis: timeoutMs / urls.length })
      tried.set(this, index)
      this.once('error', () => leaveHostOf(this))
      // A failure to connect is no event. Only the callback gets it.
      const connect = this.connect.bind(this)
      Object.assign(this, {
        connect: (told: (error?: Error) => void) =>
          connect((error?: Error) => {
            if (error) leaveHostOf(this)
            told(error)
          }),
      })
    }
  }

  return { Client: HostClient as unknown as new () => pg.ClientBase, leaveHostOf }
}
