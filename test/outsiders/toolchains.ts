/** The compilers and interpreters that foreign clients need from the machine. */
import { spawnSync } from 'node:child_process'

/** A program of each, with arguments that prove that it works. */
const proofs = {
  python: ['python3', '-c', 'import venv, ensurepip'],
  go: ['go', 'version'],
  rust: ['cargo', '--version'],
  java: ['java', '--version'],
  curl: ['curl', '--version'],
}
const debianPackages: Record<Toolchain, string> = {
  python: 'python3-venv',
  go: 'golang-go',
  rust: 'cargo',
  java: 'default-jdk-headless',
  curl: 'curl',
}

export type Toolchain = keyof typeof proofs

/** @returns a sentence that names what is absent; undefined when all is there */
export function lackOf(toolchains: Toolchain[]): string | undefined {
  const absent = toolchains.filter((toolchain) => {
    const [program, ...args] = proofs[toolchain] as [string, ...string[]]
    return spawnSync(program, args).status !== 0
  })
  if (absent.length === 0) return undefined
  const packages = absent.map((toolchain) => debianPackages[toolchain])
  return `${absent.join(', ')} absent. On Debian and Ubuntu: sudo apt-get install -y ${packages.join(' ')}`
}
