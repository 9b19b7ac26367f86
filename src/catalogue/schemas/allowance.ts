/**
 * The allowance of a check: what a schema may cost for one event. A schema can refer to itself many times for each part
 * of the data, so a small one could take years. Each step is charged by the size of what it goes through. The charge
 * depends on the schema and the data alone, not on the speed of the machine, so every process comes to the same answer.
 */

/** About 20 ms on a machine of 2026. An event of 256 KB with a usual schema costs a tenth. */
const MAX_COST = 200_000

export class TooCostlyError extends Error {
  override readonly name = 'TooCostlyError'
}

let spent = 0

export function renewAllowance(): void {
  spent = 0
}

export function charge(cost: number): void {
  spent += cost
  if (spent > MAX_COST) throw new TooCostlyError()
}

/** What a part of a schema costs for one value. */
export interface Cost {
  step: number
  /** For each member of an object and each item of an array. */
  member: number
}

export function chargeStep({ step, member }: Cost, value: unknown): void {
  charge(step + (member === 0 ? 0 : member * sizeOf(value)))
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0
}
