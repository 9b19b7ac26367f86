#!/usr/bin/env node
/** `npm run import-endpoints`: creates subscriptions from what Svix or Convoy export. */
import { type Candidate, WrongFile } from './endpoint-import/candidate.js'
import { createSubscription, type Outcome, ServiceUnavailable } from './endpoint-import/create.js'
import { readOptions, UsageError, usage } from './endpoint-import/options.js'

type Verdict = Outcome['verdict'] | 'would create' | 'left out'

const say = (verdict: Verdict, { endpointUrl, id }: Candidate, detail: string) =>
  process.stdout.write(`${verdict.padEnd(12)}  ${endpointUrl} (${id}): ${detail}\n`)

async function main(): Promise<void> {
  // biome-ignore lint/style/noProcessEnv: it is a client, it has none of the service's settings
  const options = readOptions(process.argv.slice(2), process.env)
  if (options.help) return void process.stdout.write(usage)

  for (const candidate of options.read()) {
    const { plan } = candidate
    if ('obstacle' in plan) {
      say('left out', candidate, plan.obstacle)
      process.exitCode = 1
      continue
    }
    const about = [plan.subscription.eventTypes.join(', '), ...plan.notes].join('; ')
    if (options.isDryRun) {
      say('would create', candidate, about)
      continue
    }
    const { verdict, detail } = await createSubscription(options, plan.subscription)
    say(verdict, candidate, verdict === 'created' ? `${about}; ${detail}` : detail)
    if (verdict === 'refused') process.exitCode = 1
  }
}

main().catch((error: unknown) => {
  process.exitCode = 1
  if (error instanceof UsageError) return process.stderr.write(`${error.message}\n\n${usage}`)
  if (error instanceof WrongFile || error instanceof ServiceUnavailable)
    return process.stderr.write(`${error.message}\n`)
  throw error
})
