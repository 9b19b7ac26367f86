/** The order of test files: those that take longest first, so that none of them is left over at the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take more than half a minute on two cores, the longest first. */
const longest = [
  'faults/short',
  'e2e/rolling-restart',
  'integration/redis-faults',
  'e2e/wrong-starts',
  'integration/plans',
  'integration/delivery-policy',
  'integration/embedded-postgres-heals',
  'integration/migrations',
  'integration/embedded-postgres-watch',
  'e2e/crashes',
  'e2e/embedded-postgres-killed',
  'integration/migrations-killed',
  'integration/redis-forms',
  'faults/verify',
  'integration/delivery',
  'integration/fairness',
  'integration/dependencies-away',
  'integration/postgres-failover',
  'e2e/processes',
  'e2e/process',
  'integration/graphql-slow',
  'integration/name-lookup',
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
