import { describe, expect, it } from 'vitest'
import { parsePostgresUrl, queueSchemaOf } from '../../src/platform/postgres/url.js'

describe('the URL of a database', () => {
  it('is handed to the driver as it is when it says nothing but what the driver reads', () => {
    const url = 'postgresql://user:p%40ss@db.example:5433/hooks?sslmode=verify-full&application_name=x'
    expect(parsePostgresUrl(url)).toEqual({ urls: [url], schema: 'public', mustBeWritable: false })
  })

  it('may name a schema and what Prisma knows, which no server is told', () => {
    const url = 'postgres://u@db/hooks?schema=web_hooks&pgbouncer=true&connection_limit=5&sslmode=disable'
    expect(parsePostgresUrl(url)).toEqual({
      urls: ['postgres://u@db/hooks?sslmode=disable'],
      schema: 'web_hooks',
      mustBeWritable: false,
    })
  })

  it('may name several hosts, and ask for one that takes writes', () => {
    const url = 'postgres://u:p@one:5432,[::1]:5433,three/hooks?target_session_attrs=read-write'
    expect(parsePostgresUrl(url)).toEqual({
      urls: [
        'postgres://u:p@one:5432/hooks',
        'postgres://u:p@[::1]:5433/hooks',
        'postgres://u:p@three/hooks',
      ],
      schema: 'public',
      mustBeWritable: true,
    })
  })

  it('asks for one that takes writes among several, whatever else it says: the service can use no other', () => {
    const url = 'postgres://one,two/hooks?target_session_attrs=any'
    expect(parsePostgresUrl(url)).toMatchObject({ mustBeWritable: true })
  })

  it('may name the folder of a socket', () => {
    const url = 'postgres://u@/hooks?host=/var/run/postgresql'
    expect(parsePostgresUrl(url).urls).toEqual(['postgres://u@/hooks?host=%2Fvar%2Frun%2Fpostgresql'])
  })

  it.each([
    ['postgres://u@/hooks?host=one,two', ['u@one/hooks', 'u@two/hooks']],
    ['postgres:///hooks?host=one,two&port=5433', ['one:5433/hooks', 'two:5433/hooks']],
    ['postgres://u@ignored/hooks?host=one,::1&port=5433,5434', ['u@one:5433/hooks', 'u@[::1]:5434/hooks']],
    ['postgres://u@one,two:5433/hooks?port=5434,', ['u@one:5434/hooks', 'u@two/hooks']],
    ['postgres://u@one:5433/hooks?host=two,three', ['u@two:5433/hooks', 'u@three:5433/hooks']],
    ['postgres://u@/hooks?host=/run,one&port=5433', ['u@/hooks?host=%2Frun&port=5433', 'u@one:5433/hooks']],
  ])('names the hosts that libpq would read in %s', (url, hosts) => {
    const urls = hosts.map((host) => `postgres://${host}`)
    expect(parsePostgresUrl(url)).toMatchObject({ urls, mustBeWritable: true })
  })

  it.each([
    ['mysql://u@db/hooks', 'must be a URL that starts with postgres:// or postgresql://'],
    ['postgres://u:secret@one,/hooks', 'must name each of its hosts, with nothing left out'],
    ['postgres://u:secret@one,:5433/hooks', 'must name each of its hosts, with nothing left out'],
    ['postgres://u:secret@one:port/hooks', 'must be a URL that names a host, a port and a database'],
    ['postgres://u:secret@/hooks?host=one,', 'must name each of its hosts, with nothing left out'],
    [
      'postgres://u:secret@one,two/hooks?port=1,2,3',
      'must have one port for all of its hosts, or one for each',
    ],
    ['postgres://u:secret@one,two:port/hooks', 'must be a URL that names a host, a port and a database'],
    ['postgres://u:secret@/hooks?host=one@two', 'must be a URL that names a host, a port and a database'],
    [
      'postgres://u:secret@/hooks?hostaddr=127.0.0.1',
      'must name its servers by host: hostaddr is not supported',
    ],
    [
      'postgres://u@db/hooks?schema=a"b',
      'has a schema whose name is not made of at most 63 letters, digits, _ and $',
    ],
    [
      'postgres://u@db/hooks?target_session_attrs=standby',
      'has a target_session_attrs that is none of any, read-write, primary',
    ],
  ])('is refused when it is %s', (url, problem) => {
    expect(() => parsePostgresUrl(url)).toThrow(problem)
    expect(() => parsePostgresUrl(url)).not.toThrow('secret')
  })
})

it('the queue lives in the schema that was chosen, and in one of its own where none was', () => {
  expect(queueSchemaOf('hooks')).toBe('hooks')
  expect(queueSchemaOf('public')).toBe('bullmq')
})
