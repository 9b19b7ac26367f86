/** The hosts of a URL, taken in turn: a connection that can't be made, breaks or won't do leads the next one to the next. */
import pg from 'pg'

export interface Hosts {
  /** A client of the host whose turn it is. */
  Client: new () => pg.ClientBase
  /** This client's host won't do, for whatever reason. */
  leaveHostOf(client: pg.ClientBase): void
}

/** @param timeoutMs in which all hosts are tried once, so that one that is silent leaves time for the others */
export function createHosts(urls: string[], timeoutMs: number): Hosts {
  let index = 0
  const tried = new WeakMap<pg.ClientBase, number>()

  function leaveHostOf(client: pg.ClientBase): void {
    // Others may have left it already.
    if (tried.get(client) === index) index = (index + 1) % urls.length
  }

  class HostClient extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, connectionString: urls[index], connectionTimeoutMillis: timeoutMs / urls.length })
      tried.set(this, index)
      this.once('error', () => leaveHostOf(this))
      // What fails before there is a connection is no event: only whoever connects is told.
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
