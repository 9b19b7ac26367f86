import { json } from 'node:stream/consumers'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

const { secret, headers, body } = await json(process.stdin)
const webhook = new Webhook(secret)

console.log(webhook.verify(body, headers).type)
try {
  webhook.verify(`${body} `, headers)
} catch (error) {
  if (error instanceof WebhookVerificationError) console.log('refused')
}
