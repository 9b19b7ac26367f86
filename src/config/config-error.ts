import { ExpectedStartError } from '../errors.js'

/** Lists every setting that is wrong, so that an operator corrects all of them before the next start. */
export class ConfigError extends ExpectedStartError {
  override readonly name = 'ConfigError'
  readonly problems: string[]

  constructor(problems: string[]) {
    const count = problems.length === 1 ? 'one setting is' : `${problems.length} settings are`
    const lines = problems.map((problem) => `  - ${problem}`).join('\n')
    super(
      `Node Event Service can't start: ${count} wrong.\n${lines}\ndocs/configuration.md lists every setting.`,
    )
    this.problems = problems
  }
}
