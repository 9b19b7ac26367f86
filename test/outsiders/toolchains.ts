/** The compilers and interpreters that foreign clients need from the machine. */
import { spawnSync } from 'node:child_process'

/** A program of each, with arguments that prove that it works. */
const proofs = {
  python: ['python3', '-c', 'import venv, ensurepip'],
  // 1.22, below which `go.mod` can't be read.
  go: ['sh', '-c', 'go version | grep -qE "go1.(2[2-9]|[3-9][0-9])"'],
  // 1.78, below which `Cargo.lock` can't be read.
  rust: ['sh', '-c', 'cargo --version | grep -qE " 1.(7[89]|[89][0-9]|[1-9][0-9]{2})"'],
  java: ['java', '--version'],
  curl: ['curl', '--version'],
  promtool: ['promtool', '--version'],
}
const debianPackages: Record<Toolchain, string> = {
  python: 'python3-venv',
  go: 'golang-go',
  rust: 'cargo',
  java: 'default-jdk-headless',
  curl: 'curl',
  promtool: 'prometheus',
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
  return `Absent or too old: ${absent.join(', ')}. On Debian and Ubuntu: sudo apt-get install -y ${packages.join(' ')}`
}
