/** What the images of PostgreSQL and Redis do when they start, done with Debian's programs. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

export interface ServerImage {
  user: { uid: number; gid: number }
  /** Where the image keeps its data, and works. */
  workingDirectory: string
  /** Puts in front of what the compose file says to run what the image's entry point does. */
  command(given: string[]): string[]
  environment: Record<string, string>
}

const debianPostgres = '/usr/lib/postgresql'

/** @throws Error that names the one command to run */
export function serverImage(image: string): ServerImage {
  if (image.startsWith('postgres:')) return postgres()
  if (image.startsWith('redis:')) return redis()
  throw new Error(`Not known to the run by hand: the image ${image}`)
}

function postgres(): ServerImage {
  const bin = `${debianPostgres}/${newestPostgres()}/bin`
  const data = '/var/lib/postgresql/data'
  // As the official image's docker-entrypoint.sh: the database is made on a Unix socket, then it listens.
  const start = `set -e
if [ ! -e ${data}/PG_VERSION ]; then
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  initdb --pgdata=${data} --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --no-sync
  echo "host all all all scram-sha-256" >> ${data}/pg_hba.conf
  echo "create database $POSTGRES_DB" | postgres --single -D ${data} postgres
fi
exec postgres -D ${data} -c listen_addresses='*' -c unix_socket_directories=/tmp`
  return {
    user: accountOf('postgres'),
    workingDirectory: '/var/lib/postgresql',
    command: () => ['sh', '-c', start],
    environment: { PATH: `${bin}:/usr/bin:/bin:/usr/sbin:/sbin`, LANG: 'C.UTF-8' },
  }
}

function redis(): ServerImage {
  return {
    user: accountOf('redis'),
    workingDirectory: '/data',
    // The image is built without the mode that refuses other hosts.
    command: (given) => [...given, '--protected-mode', 'no'],
    environment: {},
  }
}

function newestPostgres(): string {
  const [newest] = readdirSync(debianPostgres).toSorted((one, other) => Number(other) - Number(one))
  if (newest === undefined) throw new Error('PostgreSQL is missing: sudo apt-get install -y postgresql')
  return newest
}

function accountOf(name: string): { uid: number; gid: number } {
  const id = (kind: string) => Number(execFileSync('id', [kind, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
