/** The program that a Redis is started from: the machine's own, or one installed for the purpose. */
import { execFileSync, spawnSync } from 'node:child_process'

const programs = ['redis-server', 'valkey-server']

/** @throws Error that names the one command to run */
export function requireRedisProgram(): string {
  const found = findProgram() ?? (install() ? findProgram() : undefined)
  if (found !== undefined) return found
  throw new Error(
    'The tests need Redis 6.2 or newer. Set REDIS_URL, or install it, on Debian and Ubuntu with:\n' +
      '  sudo apt-get install -y redis-server',
  )
}

const findProgram = (): string | undefined =>
  programs.find((program) => spawnSync(program, ['--version']).status === 0)

/** Installs Redis where that needs no question to be answered: as root, on a system with apt. */
function install(): boolean {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return false
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  execFileSync('apt-get', ['update', '-qq'], options)
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], options)
  return true
}
