import { expect } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.js'

/** Everything that a start with these settings, and no others, finds wrong. */
export function problemsOf(settings: Record<string, string>): string[] {
  try {
    loadConfig(settings)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).problems
  }
}
