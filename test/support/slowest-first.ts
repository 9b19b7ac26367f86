/** The order of test files: those that take longest first, so that none of them is left over at the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take more than half a minute on two cores, the longest first. */
const longest = [
  'faults/short',
  'e2e/rolling-restart',
  'integration/migrations-killed',
  'e2e/wrong-starts',
  'integration/redis-faults',
  'faults/verify',
  'integration/embedded-postgres-watch',
  'integration/embedded-postgres-heals',
  'integration/plans',
  'e2e/embedded-postgres-killed',
  'e2e/processes',
  'e2e/crashes',
  'e2e/process',
  'integration/delivery',
  'integration/postgres-failover',
  'integration/fairness',
  'integration/dependencies-away',
  'integration/back-pressure',
].map((name) => `/test/${name}.test.ts`)

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = longest.findIndex((path) => moduleId.endsWith(path))
  return place === -1 ? longest.length : place
}

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const groupOf = (file: TestSpecification) => file.project.config.sequence.groupOrder
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || placeOf(a) - placeOf(b))
  }
}
